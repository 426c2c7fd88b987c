//! Who runs conversations. A driver moves bytes and time between a network and its
//! [`Connection`](crate::sansio::Connection)s, and decides whose turn it is.

pub mod event_loop;
mod sending;
