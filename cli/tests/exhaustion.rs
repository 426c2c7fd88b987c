//! `switchboard http` where descriptors run out (P5 of the pitfalls).

mod support;

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use support::{Client, Program, SWITCHBOARD, is_long_run, started};

#[test]
fn clients_that_are_in_are_served_and_the_others_come_in_as_they_leave() {
    let (mut program, address) = with_64_descriptors();
    let (mut inside, mut outside) = more_clients_than_descriptors(&mut program, address);

    // It said so once; serving on, it says no more.
    for _ in 0..20 {
        everyone_is_served(&mut inside);
    }
    assert!(outside.iter_mut().all(Client::is_silent), "they wait");
    assert_eq!(complaints(program.log_within(Duration::ZERO)), 1);

    let leaving = inside.split_off(inside.len() / 2);
    let coming = outside.drain(..leaving.len());
    drop(leaving);
    for mut client in coming {
        assert_eq!(client.head().status, 200);
        inside.push(client);
    }
    everyone_is_served(&mut inside);

    drop(inside);
    for client in &mut outside {
        assert_eq!(client.head().status, 200);
    }
}

#[test]
fn the_loop_rests_meanwhile() {
    let (mut program, address) = with_64_descriptors();
    let (mut inside, _outside) = more_clients_than_descriptors(&mut program, address);
    // A loop that spins takes 100 %. A second is too short to tell little from very little, and
    // ten are too long for every day.
    let (seconds, percent) = if is_long_run() { (10, 5) } else { (1, 25) };
    let before = program.processor_ticks();
    for _ in 0..10 * seconds {
        program.log_within(Duration::from_millis(100));
        assert_eq!(inside[0].get("/").status, 200);
    }
    let used = program.processor_ticks() - before;
    println!("{seconds} s without descriptors took {} ms of processor time", used * 10);
    assert!(used <= seconds * percent, "{used} hundredths in {seconds} s");
    assert!(complaints(program.log_within(Duration::ZERO)) <= 10, "one line a second at most");
}

fn with_64_descriptors() -> (Program, SocketAddr) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 64; exec \"$0\" http --listen 127.0.0.1:0", SWITCHBOARD]);
    started(&mut shell)
}

/// Connects a hundred clients that all ask, and waits until descriptors are out. Gives those who
/// are inside, answered to, and those who wait.
fn more_clients_than_descriptors(
    program: &mut Program,
    address: SocketAddr,
) -> (Vec<Client>, Vec<Client>) {
    let mut clients: Vec<_> = (0..100).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.ask("HEAD", "/");
    }
    let line = program.logged(COMPLAINT);
    let inside: usize = line
        .split("; ")
        .find_map(|part| part.strip_suffix(" connections are served on, clients wait"))
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("it does not say how many are served: {line}"));
    assert!((40..64).contains(&inside), "{line}");
    // They are taken in the order in which they came.
    let outside = clients.split_off(inside);
    for client in &mut clients {
        assert_eq!(client.head().status, 200);
    }
    (clients, outside)
}

fn everyone_is_served(clients: &mut [Client]) {
    for client in clients {
        client.ask("HEAD", "/");
        assert_eq!(client.head().status, 200);
    }
}

fn complaints(log: &[String]) -> usize {
    log.iter().filter(|line| line.contains(COMPLAINT)).count()
}

const COMPLAINT: &str = "cannot accept: Too many open files";
