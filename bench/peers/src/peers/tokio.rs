//! tokio on one thread: echo as its front page and tutorial write it, with a buffer of 16 KiB, and
//! a chat on its `broadcast` channel, framed by lines as its chat example is.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError, FramedRead};

use super::Outcome;
use crate::listener;

const ECHO_BUFFER_BYTES: usize = 16 * 1024;
const LINE_MAX_BYTES: usize = 64 * 1024;
/// Lines that a client may be behind the sender; one that falls further behind is disconnected,
/// because the channel has dropped what it should have got.
const LINES_BEHIND_MAX: usize = 1024;

/// Sends back what comes.
pub(super) fn echo(address: SocketAddr) -> Outcome {
    runtime()?.block_on(async {
        let listener = listen(address)?;
        listener::say_tcp(listener.local_addr()?);
        loop {
            let socket = accept(&listener).await?;
            // How a client leaves is no matter of the server's.
            tokio::spawn(async { drop(echo_one(socket).await) });
        }
    })
}

async fn echo_one(mut socket: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; ECHO_BUFFER_BYTES];
    loop {
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        socket.write_all(&buffer[..count]).await?;
    }
}

/// Sends each line to everybody.
pub(super) fn broadcast(address: SocketAddr) -> Outcome {
    runtime()?.block_on(async {
        let listener = listen(address)?;
        let (lines, _) = broadcast::channel(LINES_BEHIND_MAX);
        listener::say_tcp(listener.local_addr()?);
        loop {
            let socket = accept(&listener).await?;
            // Who connected first hears first, so a sender that came last is heard by all.
            let (lines, heard) = (lines.clone(), lines.subscribe());
            tokio::spawn(async { drop(chat_one(socket, lines, heard).await) });
        }
    })
}

async fn chat_one(
    mut socket: TcpStream,
    lines: Sender<Bytes>,
    mut heard: Receiver<Bytes>,
) -> Result<(), AnyDelimiterCodecError> {
    let (reader, mut writer) = socket.split();
    let codec = AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), Vec::new(), LINE_MAX_BYTES);
    let mut said = FramedRead::new(reader, codec);
    loop {
        tokio::select! {
            line = said.next() => match line {
                Some(line) => drop(lines.send(with_its_end(&line?))),
                None => return Ok(()),
            },
            line = heard.recv() => {
                let line = line.map_err(io::Error::other)?;
                writer.write_all(&line).await?;
            }
        }
    }
}

fn with_its_end(line: &[u8]) -> Bytes {
    [line, b"\n"].concat().into()
}

/// The runtime that `#[tokio::main(flavor = "current_thread")]` makes.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// Listens on the runtime that it is called on.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::from_std(listener::bind(address)?)
}

/// The next client that is still there.
pub(super) async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => return Ok(socket),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}
