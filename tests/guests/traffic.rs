//! Clients that keep a server busy from threads of their own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use crate::programs::PATIENCE;

/// Clients that have something to say as long as they are answered, and at most so often.
pub(crate) struct Traffic {
    clients: Vec<JoinHandle<usize>>,
    answers: Receiver<()>,
}

impl Traffic {
    pub(crate) fn to(address: SocketAddr, most: usize) -> Self {
        let (answered, answers) = mpsc::channel();
        let clients = (0..8).map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let answered = answered.clone();
            thread::spawn(move || {
                let is_answered = |_: &usize| {
                    let mut answer = [0; 5];
                    let back =
                        stream.write_all(b"hello").and_then(|()| stream.read_exact(&mut answer));
                    // Nobody may be counting any more.
                    let _ = answered.send(());
                    back.is_ok() && answer == *b"hello"
                };
                (0..most).take_while(is_answered).count()
            })
        });
        Self { clients: clients.collect(), answers }
    }

    /// Waits until so many more answers have come.
    pub(crate) fn flows(&self, count: usize) {
        (0..count).for_each(|_| self.answers.recv_timeout(PATIENCE).unwrap());
    }

    /// How many answers each got, when all are done.
    pub(crate) fn ends(self) -> Vec<usize> {
        self.clients.into_iter().map(|client| client.join().unwrap()).collect()
    }
}
