//! A guest whose drop ends in a panic has left its host all the same.

#![cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]

use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe};

use switchboard::Limits;
use switchboard::embed::{Guest, WakeUp};

use crate::protocols::Echo;

/// What was posted, and resents that it is not done.
struct Spite;

impl Drop for Spite {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[test]
fn a_guest_whose_drop_panics_has_no_source_left_in_its_host_s_poll() {
    let poll = mio::Poll::new().unwrap();
    for wake_up in [WakeUp::callback(|| ()), WakeUp::Descriptor] {
        let mut guest = Guest::attach(poll.registry(), 0..9, wake_up).unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        // Somebody else has it open, so that it stays in the poll until it is taken out.
        let _shared = ours.try_clone().unwrap();
        guest.adopt_unix_stream(ours, Echo, Limits::default()).unwrap();
        let spite = Spite;
        guest.handle().post(move |_, _| drop(spite)).unwrap();
        assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(guest))).is_err());
        // As proc(5) lists them.
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", poll.as_raw_fd())).unwrap();
        assert_eq!(info.lines().filter(|line| line.starts_with("tfd:")).count(), 0);
    }
}
