//! Makes a loop with a socket of each kind, forks, and turns the loop in both processes: what
//! each says of it, the child first, is what `tests/forked_loop.rs` reads.

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use switchboard::{Budget, EventLoop, Wait};

    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let mut event_loop = EventLoop::new()?;
    event_loop.listen(&*format!("unix://{folder}/stream"), |_peer| Nobody)?;
    event_loop.bind(&*format!("unixgram://{folder}/datagram"), Nobody)?;
    let turn = |event_loop: &mut EventLoop<()>| match event_loop.turn(
        Wait::No,
        Budget::default(),
        &mut (),
    ) {
        Ok(turn) => format!("{} callbacks", turn.callbacks),
        Err(error) => error.to_string(),
    };
    match fork::fork()? {
        fork::Fork::Child => println!("child: {}", turn(&mut event_loop)),
        fork::Fork::Parent(child) => {
            fork::waitpid(child)?;
            println!("parent: {}", turn(&mut event_loop));
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
struct Nobody;

#[cfg(unix)]
impl<S> switchboard::Protocol<S> for Nobody {
    fn received(
        &mut self,
        _: &mut switchboard::Transport<'_, S>,
        _: &mut S,
        bytes: &[u8],
    ) -> usize {
        bytes.len()
    }
}

#[cfg(unix)]
impl<S> switchboard::DatagramProtocol<S> for Nobody {
    fn received(
        &mut self,
        _: &mut switchboard::DatagramTransport<'_, S>,
        _: &mut S,
        _: &switchboard::Address,
        _: &[u8],
    ) {
    }
}
