//! A connection that was accepted, on its way to the thread or process that will run it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::config::Config;
use super::orders::Orders;
use super::talk::Talk;
use crate::net::{Stream, can_send_file};
use crate::sansio::{
    Address, CloseReason, ConnectionId, Driver, Error, Limits, Origin, Protocol, Unsupported,
};

/// One connection: a stream and the protocol that converses on it, not begun yet.
///
/// Dropping it closes the stream.
pub struct Call<S> {
    pub(super) id: ConnectionId,
    pub(super) stream: Stream,
    pub(super) peer: Address,
    pub(super) local: Option<Address>,
    pub(super) origin: Arc<Origin>,
    pub(super) protocol: Box<dyn Protocol<S>>,
    pub(super) terms: Arc<Terms>,
}

/// What all calls of one driver have in common.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) driver: Driver,
    pub(super) config: Config,
    /// Whether files may be sent without being read.
    pub(super) can_send_file: bool,
    /// Whether it was said that protocols here ask for what cannot be done.
    is_told: AtomicBool,
}

/// What became of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Why it ended.
    pub reason: CloseReason,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// System calls made for reading, those that found nothing included.
    pub reads: u64,
    /// System calls made for writing.
    pub writes: u64,
}

impl Outcome {
    /// An end for `reason`, with nothing counted: for a conversation that another process ran.
    #[must_use]
    pub const fn new(reason: CloseReason) -> Self {
        Self { reason, bytes_in: 0, bytes_out: 0, reads: 0, writes: 0 }
    }
}

impl<S: 'static> Call<S> {
    /// A connection on a stream that is connected already, whoever opened it.
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for limits or a configuration that cannot work, [`Error::Io`] where
    /// the socket is not connected.
    pub fn adopt(
        stream: std::net::TcpStream,
        protocol: impl Protocol<S>,
        limits: Limits,
        config: Config,
    ) -> Result<Self, Error> {
        Self::of(Stream::take_over(stream), protocol, limits, config)
    }

    /// The same on a Unix stream, such as one of a pair.
    ///
    /// # Errors
    ///
    /// As [`adopt`](Self::adopt).
    pub fn adopt_unix(
        stream: std::os::unix::net::UnixStream,
        protocol: impl Protocol<S>,
        limits: Limits,
        config: Config,
    ) -> Result<Self, Error> {
        Self::of(Stream::take_over_unix(stream), protocol, limits, config)
    }

    fn of(
        adopted: io::Result<(Stream, Address)>,
        protocol: impl Protocol<S>,
        limits: Limits,
        config: Config,
    ) -> Result<Self, Error> {
        limits.check()?;
        config.check()?;
        let (stream, peer) = adopted.map_err(|error| Error::io("cannot adopt a stream", error))?;
        Ok(Self {
            id: ConnectionId::new(0, 0),
            local: stream.local().ok(),
            stream,
            peer,
            origin: Arc::new(Origin::new(limits)),
            protocol: Box::new(protocol),
            terms: Arc::new(Terms::new(Driver::Threads, config)),
        })
    }

    /// Runs it on this thread until its end. `orders` are followed as they come.
    ///
    /// What the protocol asks of other connections cannot be done here: it ends with
    /// [`CloseReason::Unsupported`]. Connecting out fails with the same reason, which the
    /// protocol of that connection is told.
    ///
    /// # Panics
    ///
    /// As a callback does, unless [`Config::on_panic`] says to close the connection instead.
    /// The connection is reset either way.
    pub fn converse(self, state: &mut S, orders: Option<&Orders>) -> Outcome {
        Talk::run(self, state, orders)
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// The peer's address.
    #[must_use]
    pub const fn peer(&self) -> &Address {
        &self.peer
    }
}

/// Converses on `stream` until the end, on this thread and with blocking calls: the whole of a
/// server that inetd or systemd starts for each connection.
///
/// ```no_run
/// # struct Echo;
/// # impl<S> switchboard::Protocol<S> for Echo {
/// #     fn received(&mut self, transport: &mut switchboard::Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
/// #         transport.write(bytes);
/// #         bytes.len()
/// #     }
/// # }
/// use std::net::TcpStream;
/// use std::os::fd::AsFd;
/// use switchboard::{Limits, drivers::blocking};
///
/// // inetd hands the connection over as standard input.
/// let stream = TcpStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
/// let outcome = blocking::converse(stream, Echo, Limits::default(), &mut ())?;
/// eprintln!("{}", outcome.reason);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`Call::adopt`].
///
/// # Panics
///
/// As a callback does.
pub fn converse<S: 'static>(
    stream: std::net::TcpStream,
    protocol: impl Protocol<S>,
    limits: Limits,
    state: &mut S,
) -> Result<Outcome, Error> {
    Ok(Call::adopt(stream, protocol, limits, Config::default())?.converse(state, None))
}

impl Terms {
    pub(super) fn new(driver: Driver, config: Config) -> Self {
        Self { driver, config, can_send_file: can_send_file(), is_told: AtomicBool::new(false) }
    }

    /// Tells whoever runs the program, once, that one of its protocols asks for too much.
    pub(super) fn tell(&self, id: ConnectionId, unsupported: Unsupported) {
        if self.is_told.swap(true, Ordering::Relaxed) {
            log::debug!("connection {id}: {unsupported}");
        } else {
            log::error!("connection {id}: {unsupported}; use the event loop for this protocol");
        }
    }
}

impl<S> fmt::Debug for Call<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
