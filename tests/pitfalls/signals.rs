//! P23: signals that interrupt a wait, and the one that a peer which is gone would raise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::net::{SendFlags, send};
use rustix::process::{Signal, kill_process};
use rustix::thread::gettid;
use signal_hook::consts::{SIGPIPE, SIGUSR1};

use super::*;
use switchboard::{Bytes, FileRange};

/// Signals this thread every few milliseconds as long as `work` goes on. Says whether it ended
/// before so many signals were sent that they must have kept it from ending.
fn interrupted(work: impl FnOnce()) -> bool {
    const MOST: usize = 2000;
    let is_hit = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGUSR1, Arc::clone(&is_hit)).unwrap();
    let (ended, is_over) = mpsc::channel::<()>();
    // To the system every thread is a process of sorts, and the one that is named is preferred.
    let target = gettid();
    let sender = thread::spawn(move || {
        for _ in 0..MOST {
            kill_process(target, Signal::USR1).unwrap();
            let wait = is_over.recv_timeout(Duration::from_millis(2));
            if wait == Err(mpsc::RecvTimeoutError::Disconnected) {
                return true;
            }
        }
        false
    });
    work();
    drop(ended);
    let was_in_time = sender.join().unwrap();
    assert!(is_hit.load(Ordering::SeqCst), "it was interrupted");
    was_in_time
}

#[test]
fn p23_rule_7_a_wait_that_is_interrupted_again_and_again_ends_in_its_time() {
    for is_manual in [false, true] {
        let clock = ManualClock::new();
        let config = Config::default();
        let config = if is_manual { config.clock(clock) } else { config };
        let mut event_loop = EventLoop::<()>::with_config(config).unwrap();
        let was_in_time = interrupted(|| {
            let wait = Wait::UpTo(Duration::from_millis(300));
            let turn = event_loop.turn(wait, Budget::default(), &mut ()).unwrap();
            assert_eq!((turn.events, turn.more), (0, false), "and it is no error");
        });
        assert!(was_in_time, "manual clock: {is_manual}");
        assert_eq!(event_loop.stats().turns, 1);
    }
}

#[test]
fn p23_an_interruption_costs_no_client_a_byte() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Echo);
    let mut client = Client::connect(address);
    let was_in_time = interrupted(|| {
        for round in 1..200 {
            client.send("0123456789");
            rig.receive(&mut client, 10 * round);
        }
    });
    assert!(was_in_time);
    assert_eq!((client.received.len(), client.end), (1990, None));
}

/// Reads nothing, so that only a write finds out that the peer is gone, and writes when told
/// to: the next thing in each of the ways there are.
struct Blind;

impl Protocol<Ends> for Blind {
    fn connected(&mut self, on: &mut Transport<'_, Ends>, _: &mut Ends) {
        on.pause_reading();
    }

    fn received(&mut self, _: &mut Transport<'_, Ends>, _: &mut Ends, _: &[u8]) -> usize {
        0
    }

    fn notified(
        &mut self,
        on: &mut Transport<'_, Ends>,
        _: &mut Ends,
        way: Box<dyn std::any::Any + Send>,
    ) {
        on.write(b"bytes");
        match way.downcast_ref::<usize>() {
            Some(1) => on.write_shared(Bytes::from(vec![7; 1000])),
            Some(2) => on.write_file(file()),
            _ => {}
        }
    }

    fn closed(&mut self, _: &mut Transport<'_, Ends>, ends: &mut Ends, closed: Closed) {
        ends.push(closed.reason);
    }
}

fn file() -> FileRange {
    let file = tempfile::tempfile().unwrap();
    file.set_len(1000).unwrap();
    FileRange::new(file, 0, 1000)
}

/// Sends FIN, then a reset: after that the system answers a write with EPIPE, not ECONNRESET.
fn goes_for_good(client: Client) {
    client.finish_writing();
    client.reset();
}

/// A handler in place of the default, which would end the process, sees every SIGPIPE.
///
/// Rust programs ignore the signal from the start; inside a host in C it is at its default, and
/// this stands for that: the loop is made while the signal is not ignored.
#[test]
fn p23_rule_10_a_peer_that_is_gone_raises_an_error_and_no_sigpipe_in_whatever_way_one_writes() {
    let is_hit = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGPIPE, Arc::clone(&is_hit)).unwrap();
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Blind);
    for way in 0..3_usize {
        let client = rig.clients(address, 1).remove(0);
        rig.settle();
        goes_for_good(client);
        let id = rig.event_loop.connections().next().unwrap().id();
        rig.event_loop.control().notify(id, Box::new(way));
        rig.until("it ended", |rig| rig.event_loop.stats().open == 0);
        assert_eq!(rig.ends[way], CloseReason::Io(std::io::ErrorKind::BrokenPipe), "way {way}");
        assert!(!is_hit.load(Ordering::SeqCst), "way {way} raises SIGPIPE");
    }
    // What the test is worth: an unguarded write raises it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::connect(listener.local_addr().unwrap());
    let (ours, _) = listener.accept().unwrap();
    goes_for_good(client);
    let error = send(&ours, b"bytes", SendFlags::empty()).unwrap_err();
    assert_eq!(error, rustix::io::Errno::PIPE);
    assert!(is_hit.load(Ordering::SeqCst));
}

#[cfg(feature = "signals")]
#[test]
fn the_first_sigterm_drains_and_the_second_stops() {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), |_| Blind);
    rig.event_loop.drain_on_signals(60 * SECOND).unwrap();
    let _client = rig.clients(address, 1);
    let process = rustix::process::getpid();
    kill_process(process, Signal::TERM).unwrap();
    rig.until("it drains", |rig| {
        let is_closing = |stage| stage == switchboard::sansio::Stage::Closing;
        rig.event_loop.connections().all(|connection| is_closing(connection.stage()))
    });
    kill_process(process, Signal::TERM).unwrap();
    assert_eq!(rig.ended(), Ended::Stopped);
}
