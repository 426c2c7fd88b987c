//! A guest in a tokio runtime: the server is one task, and another tells its clients the time.
//!
//! Run `cargo run --example tokio`, and then, elsewhere, `nc 127.0.0.1 7000`: what you type comes
//! back, and every second you are told how long this has been going on. An address may be given;
//! port 0 takes a free one.

use std::error::Error;
use std::time::Duration;

use switchboard::{EventLoop, WhenFull, services};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let mut server = EventLoop::<()>::new()?;
    let listener = server.listen(&*address, |_peer| services::Echo)?;
    println!("listening on {}", server.local_address(listener).ok_or("it has just begun")?);

    // What reaches the loop from other threads does so from other tasks.
    let handle = server.handle();
    tokio::spawn(async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        for count in 0.. {
            second.tick().await;
            let text = format!("{count} seconds\n");
            if handle.broadcast(listener, text, WhenFull::Drop).is_err() {
                return;
            }
        }
    });

    #[cfg(not(mio_unsupported_force_poll_poll))] // There the server has no descriptor.
    switchboard::embed::tokio::drive(&mut server, &mut ()).await?;
    Ok(())
}
