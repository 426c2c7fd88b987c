//! A small language for telling conversations: a protocol that records, a wire in memory, and a
//! time that only the test moves.
//!
//! After each step a [`Table`] checks the invariants of its connections and that the desk counts
//! what they hold. When it is dropped it ends them all, and then nothing may be held and every
//! protocol must have been told of its end once. A [`Script`] fails where the order of calls is
//! not the one that [`Protocol`](super::super::Protocol) promises.

#![expect(clippy::wildcard_enum_match_arm, reason = "a script answers the calls it is about")]

mod script;
mod table;
mod toy_layer;

mod calls;
mod closing;
mod coupling;
mod deadlines;
mod input;
mod input_limit;
mod layer;
mod others;
mod output;
mod own_deadline;
mod panics;
mod random;
mod relaying;
