//! What a host that is a runtime does besides: it polls a guest's future, and has a look around
//! each time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{Aside, Bell, Next, Round};

/// Rung from any thread, heard by one task.
#[derive(Clone, Default)]
pub(super) struct TaskBell {
    listener: Arc<Mutex<(bool, Option<Waker>)>>,
}

impl TaskBell {
    pub(super) fn rope(&self) -> Bell {
        let listener = Arc::clone(&self.listener);
        Box::new(move || {
            let mut listener = listener.lock().expect("nobody panics with it");
            listener.0 = true;
            listener.1.iter().for_each(Waker::wake_by_ref);
        })
    }

    /// Whether it was rung since this was last asked. It wakes the task from now on.
    fn is_rung(&self, context: &Context<'_>) -> bool {
        let mut listener = self.listener.lock().expect("nobody panics with it");
        listener.1 = Some(context.waker().clone());
        std::mem::take(&mut listener.0)
    }

    /// Until it has rung.
    pub(super) async fn rings(&self) {
        poll_fn(|context| match self.is_rung(context) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}

/// Polls `guest` whenever that has asked for it, until it is done, or until `aside` says that it
/// shall leave.
pub(super) async fn accompany<G: Future, T: Future>(
    guest: G,
    bell: &TaskBell,
    mut aside: Aside,
    mut sleep: impl FnMut(Duration) -> T,
) -> Option<G::Output> {
    let (mut guest, mut alarm) = (pin!(guest), pin!(None::<T>));
    let knock = Arc::new(Knock::default());
    poll_fn(|context| {
        let is_rung = bell.is_rung(context);
        let is_knocked = knock.is_heard(context);
        if is_knocked {
            let waker = Waker::from(Arc::clone(&knock));
            if let Poll::Ready(output) = guest.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(Some(output));
            }
        }
        let is_awake = is_knocked || is_rung;
        if !is_awake {
            match alarm.as_mut().as_pin_mut().map(|alarm| alarm.poll(context)) {
                Some(Poll::Ready(_)) => {}
                Some(Poll::Pending) | None => return Poll::Pending,
            }
        }
        match aside(if is_awake { Round::Woken } else { Round::TimedOut }) {
            Next::Leave => return Poll::Ready(None),
            Next::Wait => alarm.set(None),
            Next::WaitUpTo(time) => {
                alarm.set(Some(sleep(time)));
                context.waker().wake_by_ref(); // It rings for those who have asked it once.
            }
        }
        Poll::Pending
    })
    .await
}

/// A guest's waker: wakes the task, and tells that it was the guest who did.
struct Knock {
    has_knocked: AtomicBool,
    task: Mutex<Waker>,
}

impl Default for Knock {
    /// It is polled once before it can have asked for it.
    fn default() -> Self {
        Self { has_knocked: AtomicBool::new(true), task: Mutex::new(Waker::noop().clone()) }
    }
}

impl Knock {
    /// Whether the guest knocked since this was last asked. It wakes the task from now on.
    fn is_heard(&self, context: &Context<'_>) -> bool {
        self.task.lock().expect("nobody panics with it").clone_from(context.waker());
        self.has_knocked.swap(false, Ordering::SeqCst)
    }
}

impl Wake for Knock {
    fn wake(self: Arc<Self>) {
        self.has_knocked.store(true, Ordering::SeqCst);
        self.task.lock().expect("nobody panics with it").wake_by_ref();
    }
}
