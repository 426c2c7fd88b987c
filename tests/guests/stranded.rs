//! Nobody who wrote is forgotten, however little the guest fetches at once.

use switchboard::Config;

use crate::hosts::Host;
#[cfg(not(mio_unsupported_force_poll_poll))]
use crate::hosts::{Epoll, Naive};
use crate::programs::Client;
use crate::protocols::Heard;
use crate::stage::Stage;

const CLIENTS: usize = 64;

/// Room for four events, and 64 clients that have been served once; then they write again while
/// the host is away, and say nothing more.
fn written_to_while_away<H: Host<Heard> + 'static>() -> (Stage<H>, Vec<Client>) {
    let stage = Stage::<H>::set(Config::default().events(4));
    // One after the other, so that the room is not outgrown before it matters.
    let served = (0..CLIENTS).map(|_| {
        let mut client = stage.client();
        client.send("first");
        assert_eq!(client.bytes(5), b"first");
        client
    });
    let mut clients: Vec<_> = served.collect();
    let back = stage.goes_away();
    for client in &mut clients {
        client.send("again");
    }
    drop(back);
    (stage, clients)
}

pub(crate) fn every_client_that_wrote_while_the_host_was_away_is_answered<H>()
where
    H: Host<Heard> + 'static,
{
    let (stage, mut clients) = written_to_while_away::<H>();
    for client in &mut clients {
        assert_eq!(client.bytes(5), b"again");
    }
    assert_eq!(stage.stops(), 2 * 5 * CLIENTS as u64);
}

/// The proof that the test above can fail: one turn for each edge is not enough.
#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn a_naive_host_answers_as_many_as_there_was_room_for_and_forgets_the_others() {
    let (stage, mut clients) = written_to_while_away::<Epoll<Naive>>();
    stage.wakes_until_quiet(crate::quiet::A_MOMENT);
    let (_, guest) = stage.leaves();
    let answered = clients.iter_mut().map(Client::is_silent).filter(|is_silent| !is_silent);
    assert_eq!(answered.count(), 4);
    assert!(guest.server.has_pending(), "it would have been told, had it asked");
}
