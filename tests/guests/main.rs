//! Every way in is the same: what a guest owes its host, and what a host's clients are owed, in
//! each loop that a program may have.
//!
//! The ways in are `hosts/`, one small file each; a new one joins by its file and a line of the
//! table below. That clients get the same bytes for the same reasons under each is shown by the
//! scenarios of every driver, in `forks/`, which play under these hosts, too.
//!
//! | invariant of a guest | shown by | where it does not apply |
//! | --- | --- | --- |
//! | the descriptor is readable, or events came: a turn makes progress or quiets it | `quiet.rs`, by the wake-ups of the host | a game's frames come by themselves: its turns that found something are counted |
//! | quiet, nothing pending, before the deadline: a turn would do nothing | `quiet.rs` | |
//! | a zero wait never blocks | `quiet.rs`, where there is nothing to do | a guest on a foreign poll has no wait |
//! | a turn ends within its budget, and one callback and one system call | `turns.rs`, for both kinds of poll | |
//! | the descriptor is the same for life | `leaving.rs` | a guest on a foreign poll has none |
//! | no threads or signal handlers (globals are for a reader to find) | `tests/guests_alone.rs` | |
//! | dropping the guest leaves the host untouched | `leaving.rs`, `spite.rs`, `tests/guests_alone.rs`; in a callback: `tests/adapters` | in a callback it is lent to the host, and cannot be dropped, but in calloop |
//! | the same clients see the same bytes | `forks/tests/every_driver` | |
//!
//! `SWITCHBOARD_LONG` in the environment makes it ten seconds of silence, 20,000 wake-ups and
//! 12,000 round trips for each.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what surprises a test ends it")]

mod hosts;
mod leaving;
#[path = "../programs/mod.rs"]
mod programs;
mod protocols;
mod quiet;
mod spite;
mod stage;
mod stranded;
mod traffic;
mod turns;
mod waking;

use hosts::*;
use protocols::Heard;

macro_rules! facts {
    ($($module:ident::$fact:ident,)*) => {
        $(
            #[test]
            fn $fact() {
                $module::$fact::<Way>();
            }
        )*
    };
}

/// The tests of each way in.
macro_rules! ways_in {
    ($($(#[$attribute:meta])* $name:ident: $host:ty;)*) => {
        $(
            $(#[$attribute])*
            mod $name {
                use super::*;

                type Way = $host;

                facts! {
                    stranded::every_client_that_wrote_while_the_host_was_away_is_answered,
                    waking::each_wake_up_from_another_thread_is_heard,
                    waking::no_round_trip_stalls,
                    waking::a_deadline_is_kept_though_nothing_else_comes,
                    waking::a_busy_guest_leaves_its_host_time,
                    quiet::a_wake_up_is_for_something,
                    quiet::a_thousand_idle_clients_wake_nobody,
                    quiet::bytes_that_are_not_to_be_read_wake_nobody,
                    quiet::where_a_host_waits_a_turn_does_nothing_and_does_not_block,
                    leaving::a_guest_that_leaves_in_the_middle_of_traffic_may_come_back,
                    leaving::a_guest_dropped_in_the_middle_of_traffic_is_gone_and_another_may_come,
                    leaving::what_it_was_asked_while_it_was_out_is_done_when_it_is_back,
                    leaving::the_descriptor_is_the_same_for_life,
                }
            }
        )*
    };
}

ways_in! {
    our_own_turns: Own<Heard>;
    game_tick: GameTick;
    guest_on_poll: OnPoll<ByWaker>;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    guest_on_poll_with_its_own_waker: OnPoll<ByDescriptor>;
    #[cfg(not(mio_unsupported_force_poll_poll))]
    poll_2: Poll;
    #[cfg(not(mio_unsupported_force_poll_poll))]
    epoll_level: Epoll<Level>;
    #[cfg(not(mio_unsupported_force_poll_poll))]
    epoll_edge: Epoll<Edge>;
    #[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
    descriptor_alone_level: Epoll<LevelAlone>;
    #[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
    descriptor_alone_edge: Epoll<EdgeAlone>;
    #[cfg(all(feature = "calloop", not(mio_unsupported_force_poll_poll)))]
    calloop_level: Calloop<Heard, ToldWhile>;
    #[cfg(all(feature = "calloop", not(mio_unsupported_force_poll_poll)))]
    calloop_edge: Calloop<Heard, ToldEach>;
    #[cfg(all(feature = "calloop", not(mio_unsupported_force_poll_poll)))]
    calloop_one_shot: Calloop<Heard, ToldOnce>;
    #[cfg(all(feature = "tokio", not(mio_unsupported_force_poll_poll)))]
    tokio_current_thread: Tokio<CurrentThread>;
    #[cfg(all(feature = "tokio", not(mio_unsupported_force_poll_poll)))]
    tokio_multi_thread: Tokio<MultiThread>;
    #[cfg(not(mio_unsupported_force_poll_poll))]
    async_io: AsyncIo;
}

/// Whether the long versions are asked for.
fn is_long() -> bool {
    ["SWITCHBOARD_LONG", "SWITCHBOARD_CI"].iter().any(|name| std::env::var_os(name).is_some())
}
