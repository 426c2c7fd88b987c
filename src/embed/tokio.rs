//! A guest in a tokio runtime: one more of its tasks.
//!
//! It must never say that the descriptor was quieted when it was not: tokio hears of each
//! readiness once, so what was then left in the loop would be left for ever. And it must never
//! make two turns between which no other task could run.

use std::future::{Future as _, poll_fn};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use ::tokio::io::Interest;
use ::tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use ::tokio::runtime::Handle;
use ::tokio::task::yield_now;
use ::tokio::time::{Sleep, sleep};

use crate::drivers::event_loop::{Budget, Deadline, Ended, EventLoop, Wait};

/// Makes turns in a task of tokio's until the loop is [stopped](crate::Handle::stop) or
/// [drained](crate::Handle::drain), as [`run`](EventLoop::run) does on a thread of its own.
///
/// ```no_run
/// use switchboard::{EventLoop, embed, services};
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let mut server = EventLoop::new()?;
/// server.listen("127.0.0.1:7000", |_peer| services::Echo)?;
/// embed::tokio::drive(&mut server, &mut ()).await?;
/// # Ok(())
/// # }
/// ```
///
/// It is fair: between two turns the runtime's other tasks have theirs, and [`drive_with`] bounds
/// how long a turn keeps them waiting. Callbacks run within the task, so what blocks in one blocks
/// a worker. The future is `Send` where `S` is. Dropping it, at any time, leaves a loop with all
/// its connections, which can be driven again, here or by [`run`](EventLoop::run).
///
/// # Errors
///
/// Of the poll itself, as [`run`](EventLoop::run); and where there is no runtime, or its poll
/// does not take the loop's descriptor.
///
/// # Panics
///
/// When it is first polled, before any turn, where the runtime was built without `enable_io` or
/// `enable_time`: tokio has no way to ask for that.
pub async fn drive<S: 'static>(event_loop: &mut EventLoop<S>, state: &mut S) -> io::Result<Ended> {
    drive_with(event_loop, Budget::default, state).await
}

/// As [`drive`], with a budget for each turn: asked for before it, because the time in one is a
/// point in time.
///
/// ```no_run
/// # use std::time::{Duration, Instant};
/// use switchboard::{Budget, EventLoop, embed};
///
/// # async fn serve(mut server: EventLoop<()>) -> std::io::Result<()> {
/// let briefly = || Budget::until(Instant::now() + Duration::from_millis(1));
/// embed::tokio::drive_with(&mut server, briefly, &mut ()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`drive`].
///
/// # Panics
///
/// As [`drive`].
pub async fn drive_with<S: 'static>(
    event_loop: &mut EventLoop<S>,
    mut budget: impl FnMut() -> Budget,
    state: &mut S,
) -> io::Result<Ended> {
    Handle::try_current().map_err(io::Error::other)?;
    // A duplicate, which is one to the system: the loop itself is needed for its turns.
    let descriptor = watch(event_loop.as_fd().try_clone_to_owned()?)?;
    let mut alarm = pin!(sleep(Duration::ZERO));
    let mut set_for = Deadline::Never;
    loop {
        let next = event_loop.next_deadline();
        if next != set_for {
            // Whatever clock the loop has, the wait is real.
            let timeout = next.timeout(event_loop.control().now());
            timeout.into_iter().for_each(|timeout| alarm.set(sleep(timeout)));
            set_for = next;
        }
        let ready = wait(&descriptor, set_for, alarm.as_mut()).await?;
        let turn = event_loop.turn(Wait::No, budget(), state)?;
        if let Some(ended) = turn.ended {
            return Ok(ended);
        }
        match ready {
            // That the poll came back full is among what `more` says. So all that was announced
            // before the turn was fetched by it, and what came since is not what is cleared.
            Some(mut ready) if !turn.more => ready.clear_ready(),
            Some(_) => {}
            None => set_for = Deadline::Never, // It has rung.
        }
    }
}

/// Has the runtime watch a descriptor.
#[allow(deprecated, reason = "what replaces it is unsafe, for those who do not own theirs")]
fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

/// Waits until it is time for a turn. What it gives says that the descriptor was readable then.
async fn wait<'a>(
    descriptor: &'a AsyncFd<OwnedFd>,
    deadline: Deadline,
    mut alarm: Pin<&mut Sleep>,
) -> io::Result<Option<AsyncFdReadyGuard<'a, OwnedFd>>> {
    let mut has_waited = false;
    let ready = poll_fn(|context| {
        let polled = match (descriptor.poll_read_ready(context), deadline) {
            (Poll::Ready(ready), _) => Poll::Ready(ready.map(Some)),
            (Poll::Pending, Deadline::Now) => Poll::Ready(Ok(None)),
            (Poll::Pending, Deadline::At(_)) => alarm.as_mut().poll(context).map(|()| Ok(None)),
            (Poll::Pending, Deadline::Never) => Poll::Pending,
        };
        has_waited |= polled.is_pending();
        polled
    })
    .await?;
    if !has_waited {
        yield_now().await;
    }
    Ok(ready)
}
