//! A greeting: the first server of a socket chapter.

use super::say_once;
use crate::sansio::{Protocol, Transport};

/// Says `Thank you for connecting`, and closes.
///
/// A peer that talks all the same is heard out, within
/// [`Limits::linger`](crate::Limits::linger): to close with its words unread would reset the
/// connection, and could cost it the greeting. There is none for datagrams: nobody connects.
#[derive(Clone, Copy, Debug, Default)]
pub struct Greet;

impl Greet {
    /// What it says.
    pub const GREETING: &[u8] = b"Thank you for connecting";
}

impl<S> Protocol<S> for Greet {
    fn connected(&mut self, transport: &mut Transport<'_, S>, _: &mut S) {
        say_once(transport, Self::GREETING);
    }

    fn received(&mut self, _: &mut Transport<'_, S>, _: &mut S, bytes: &[u8]) -> usize {
        bytes.len()
    }
}
