//! Who runs conversations. A driver moves bytes and time between a network and its
//! [`Connection`](crate::sansio::Connection)s, and decides whose turn it is.
//!
//! The same [`Protocol`](crate::Protocol)s run under each, with the same factories, under the
//! same [`Limits`](crate::Limits), and end for the same reasons. What differs is what a
//! conversation can ask of others:
//!
//! | asked for | [`EventLoop`](crate::EventLoop) | [`Threads`](crate::Threads), [`converse`](blocking::converse) | processes |
//! | --- | --- | --- | --- |
//! | `send`, `notify`, `close` for the own connection | done | done | done |
//! | `send`, `notify`, `close` for another connection | done | `Unsupported` | `Unsupported` |
//! | `broadcast` | done | `Unsupported` | `Unsupported` |
//! | `connect`, `hand_over` of another connection | done | fails as `Unsupported` | fails as `Unsupported` |
//! | [`Remote::notify`](crate::Remote::notify) | arrives | arrives | arrives, within the process |
//! | state `S` shared by connections | `&mut S`, no lock | what `Fn() -> S` shares | nothing |
//! | slow work in a callback | holds up all | holds up one | holds up one |
//! | [`Handle`](crate::Handle): drain, stop, `stats` | yes | yes | yes |
//! | `Handle`: messages, work, connections | yes | no | no |
//! | datagrams: `bind` | done | refused: `listen` says that there are no streams | the same |
//! | a bound for the memory of all together | `Config::memory` | the sum of `Limits` | the sum of `Limits` |
//! | a panic in a callback | leaves `run`, or closes that connection | the same | closes that connection |
//!
//! `Unsupported` is never silence. The connection that asked is reset and its protocol is told
//! [`CloseReason::Unsupported`](crate::CloseReason::Unsupported), which names request and
//! driver; a connection that cannot be opened or taken over tells the protocol that was to have
//! it, as it would of any other failure. The log says it once (of each process).
//!
//! The driver with a process for each connection is the crate `switchboard-forks`, because
//! fork(2) is sound only in a program of one thread.

pub mod event_loop;
pub mod resolver;

#[cfg(unix)]
pub mod threads;

#[cfg(unix)]
pub mod blocking;
#[cfg(feature = "simulation")]
pub mod simulation;
