//! What a host that is a runtime does besides: it polls a guest's future, and has a look around
//! each time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
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

/// Polls `guest` until it is done, or until `aside` says that it shall leave.
pub(super) async fn accompany<G: Future, T: Future>(
    guest: G,
    bell: &TaskBell,
    mut aside: Aside,
    mut sleep: impl FnMut(Duration) -> T,
) -> Option<G::Output> {
    let (mut guest, mut alarm) = (pin!(guest), pin!(None::<T>));
    poll_fn(|context| {
        bell.is_rung(context);
        let is_over = match alarm.as_mut().as_pin_mut() {
            Some(alarm) => alarm.poll(context).is_ready(),
            None => false,
        };
        if let Poll::Ready(output) = guest.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        match aside(if is_over { Round::TimedOut } else { Round::Woken }) {
            Next::Leave => return Poll::Ready(None),
            Next::Wait => alarm.set(None),
            Next::WaitUpTo(time) => alarm.set(Some(sleep(time))),
        }
        // It wakes the task when its time has come, once it was polled.
        if alarm.as_mut().as_pin_mut().is_some_and(|alarm| alarm.poll(context).is_ready()) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
}
