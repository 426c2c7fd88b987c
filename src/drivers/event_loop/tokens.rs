//! Which token is whose: connections and datagram sockets have their ids, whose slots differ;
//! listeners count down from the top.

use crate::sansio::ConnectionId;

pub(super) const WAKER: usize = usize::MAX - 1;
pub(super) const SIGNALS: usize = usize::MAX - 2;
pub(super) const TIMER: usize = usize::MAX - 3;
/// The token of listener 0.
const LISTENER: usize = usize::MAX - 8;

pub(super) const fn of_listener(number: usize) -> usize {
    LISTENER - number
}

pub(super) const fn listener(token: usize, listeners: usize) -> Option<usize> {
    if token <= LISTENER && LISTENER - token < listeners { Some(LISTENER - token) } else { None }
}

/// More than this are never watched at once.
#[cfg(unix)]
pub(super) const MOST_WATCHES: usize = 1 << 20;
/// The token of the first watched descriptor, below those of as many listeners.
#[cfg(unix)]
const WATCH: usize = LISTENER - (1 << 20);

#[cfg(unix)]
pub(super) const fn of_watch(place: usize) -> usize {
    WATCH - place
}

#[cfg(unix)]
pub(super) const fn watch(token: usize) -> Option<usize> {
    if token <= WATCH && WATCH - token < MOST_WATCHES { Some(WATCH - token) } else { None }
}

/// Where a token has no room for a generation it is the slot alone. Slots are freed only at the
/// end of a round, when no event of theirs is left, so a stale one meets no new connection.
pub(in crate::drivers) fn of_connection(id: ConnectionId) -> usize {
    if HAVE_ROOM { id.to_u64() as usize } else { id.slot() as usize }
}

/// Whose token this is. `id_at` says which connection a slot has now.
pub(super) fn connection(
    token: usize,
    id_at: impl FnOnce(usize) -> Option<ConnectionId>,
) -> Option<ConnectionId> {
    if HAVE_ROOM { Some(ConnectionId::from_u64(token as u64)) } else { id_at(token) }
}

const HAVE_ROOM: bool = usize::BITS >= u64::BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_has_a_listener_s_token_or_one_of_the_loop_s_own() {
        // There are never as many sockets; where a token has no room for more it is the slot.
        let last = ConnectionId::new(u32::MAX - (1 << 21), ConnectionId::MAX_GENERATION);
        let highest = of_connection(last);
        assert!(highest < of_listener(1 << 20) && of_listener(0) < TIMER && SIGNALS < WAKER);
        assert_eq!(listener(highest, 1 << 20), None);
        #[cfg(unix)]
        {
            assert_eq!(listener(of_watch(0), 1 << 20), None);
            assert_eq!(watch(of_watch(MOST_WATCHES - 1)), Some(MOST_WATCHES - 1));
            assert_eq!((watch(of_listener(0)), watch(highest)), (None, None));
        }
    }
}
