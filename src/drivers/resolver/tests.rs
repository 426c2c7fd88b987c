//! The resolver's threads, with a lookup that does what the test says.

use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

type Found = io::Result<Vec<SocketAddr>>;

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Begins a lookup. What it finds is received.
fn ask(resolver: &Resolver, host: &str) -> Result<Receiver<Found>, Unresolved> {
    let (sender, found) = mpsc::channel();
    let answer = Box::new(move |result| drop(sender.send(result)));
    resolver.look_up(host, 80, answer).map(|()| found)
}

/// A resolver whose lookups tell that they have begun, and each wait for a word.
fn slow(config: Config) -> (Resolver, Receiver<String>, Sender<()>) {
    let (began, begun) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let lookup = move |host: &str, port| {
        began.send(host.to_owned()).unwrap();
        released.lock().unwrap().recv().map_err(io::Error::other)?;
        Ok(vec![loopback(port)])
    };
    (Resolver::with_lookup(config, lookup).unwrap(), begun, release)
}

#[test]
fn an_answer_comes_from_a_thread_with_a_name() {
    let lookup = |host: &str, port| match thread::current().name() {
        Some(name) if name.starts_with("resolver-") && host == "here" => Ok(vec![loopback(port)]),
        name => Err(io::Error::other(format!("{name:?} was asked for {host}"))),
    };
    let resolver = Resolver::with_lookup(Config::default(), lookup).unwrap();
    let found = ask(&resolver, "here").unwrap().recv().unwrap();
    assert_eq!(found.unwrap(), [loopback(80)]);
}

#[test]
fn the_system_knows_itself() {
    let resolver = Resolver::new().unwrap();
    let found = ask(&resolver, "localhost").unwrap().recv().unwrap().unwrap();
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
    assert!(!found.is_empty());
}

#[test]
fn so_many_lookups_are_made_at_once_so_many_wait_and_one_more_is_refused() {
    let (resolver, begun, release) = slow(Config::default().threads(2).waiting(3));
    let mut asked = Vec::new();
    for _ in 0..2 {
        asked.push(ask(&resolver, "under way").unwrap());
        begun.recv().unwrap();
    }
    asked.extend((0..3).map(|_| ask(&resolver, "waiting").unwrap()));
    assert_eq!(ask(&resolver, "too many").unwrap_err(), Unresolved::Busy);
    (0..5).for_each(|_| release.send(()).unwrap());
    for found in asked {
        assert_eq!(found.recv().unwrap().unwrap(), [loopback(80)]);
    }
    assert!(ask(&resolver, "room again").is_ok());
    release.send(()).unwrap();
}

#[test]
fn dropping_it_waits_for_what_is_under_way_and_forgets_the_rest() {
    let (resolver, begun, release) = slow(Config::default().threads(1));
    let under_way = ask(&resolver, "under way").unwrap();
    let unasked = ask(&resolver, "never asked").unwrap();
    assert_eq!(begun.recv().unwrap(), "under way");
    let shared = Arc::downgrade(&resolver.shared);
    let dropping = thread::spawn(move || drop(resolver));
    // The other is forgotten before the one under way is done.
    assert!(unasked.recv().is_err());
    release.send(()).unwrap();
    dropping.join().unwrap();
    assert!(under_way.recv().unwrap().is_ok());
    assert!(begun.recv().is_err() && shared.upgrade().is_none(), "no thread is left");
}

#[test]
fn a_lookup_that_panics_has_failed_and_costs_no_thread() {
    let lookup = |host: &str, port| match host {
        "bad" => panic!("this lookup panics"),
        _ => Ok(vec![loopback(port)]),
    };
    let resolver = Resolver::with_lookup(Config::default().threads(1), lookup).unwrap();
    for _ in 0..3 {
        assert!(ask(&resolver, "bad").unwrap().recv().unwrap().is_err());
        assert!(ask(&resolver, "good").unwrap().recv().unwrap().is_ok());
    }
}

#[test]
fn a_resolver_without_a_thread_is_refused() {
    let error = Resolver::with_config(Config::default().threads(0)).unwrap_err();
    assert!(error.to_string().contains("threads is 0"), "{error}");
}
