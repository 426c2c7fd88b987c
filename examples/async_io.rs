//! A guest on async-io, as in smol: a descriptor and a deadline are all that a host needs.
//!
//! Run `cargo run --example async_io`, and then, elsewhere, `nc 127.0.0.1 7000`: what you type
//! comes back. An address may be given; port 0 takes a free one.

use std::error::Error;

use switchboard::{EventLoop, services};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let mut server = EventLoop::<()>::new()?;
    let listener = server.listen(&*address, |_peer| services::Echo)?;
    println!("listening on {}", server.local_address(listener).ok_or("it has just begun")?);

    #[cfg(not(mio_unsupported_force_poll_poll))] // There the server has no descriptor.
    async_io::block_on(host::drive(&mut server, &mut ()))?;
    Ok(())
}

#[cfg(not(mio_unsupported_force_poll_poll))]
mod host {
    use async_io::{Async, Timer};
    use std::{future::Future, io, os::fd::AsFd, pin::pin, task::Poll, time::Duration};
    use switchboard::{Budget, Deadline, EventLoop, Wait};

    pub(super) async fn drive(server: &mut EventLoop<()>, state: &mut ()) -> io::Result<()> {
        let descriptor = Async::new_nonblocking(server.as_fd().try_clone_to_owned()?)?;
        while server.turn(Wait::No, Budget::default(), state)?.ended.is_none() {
            let mut readable = pin!(descriptor.readable());
            let mut alarm = pin!(match server.next_deadline() {
                Deadline::At(at) => Timer::at(at),
                Deadline::Never => Timer::never(),
                Deadline::Now | _ => Timer::after(Duration::ZERO),
            });
            let mut is_hasty = server.has_pending();
            std::future::poll_fn(|context| match readable.as_mut().poll(context) {
                // An alarm that is due is ready at once; other tasks have their turn before.
                Poll::Pending if std::mem::take(&mut is_hasty) => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Poll::Pending => alarm.as_mut().poll(context).map(|_| Ok(())),
                ready => ready,
            })
            .await?;
        }
        Ok(())
    }
}
