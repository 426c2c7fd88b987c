//! The examples that are guests in a loop of their own.

use super::programs::{Client, Program};
use super::{example, listening};

#[test]
fn game_tick_lets_clients_steer_what_moves_between_their_lines() {
    let (_program, address) = listening("game_tick", "listening on tcp://", "");
    let mut client = Client::connect(address);
    let mut place = |line: &str| {
        client.send(line);
        let said = client.line();
        let place = said.strip_prefix("the ball is at ").and_then(|place| place.parse().ok());
        place.unwrap_or_else(|| panic!("not a place: {said}"))
    };
    let began: f64 = place("right\n");
    // Each answer is one frame later, at least.
    while place("and?\n") <= began {}
    let stopped = place("stop\n");
    assert_eq!(place("and?\n"), stopped);
}

#[test]
fn game_world_tells_what_a_frame_takes_alone_and_with_500_players_who_steer() {
    let ended = Program::start(example("game_world").arg("60")).ended();
    assert!(ended.status.success(), "{ended:?}");
    let [alone, served] = &*ended.output else { panic!("two lines: {ended:?}") };
    assert!(alone.starts_with("without a server: a frame takes "), "{alone}");
    assert!(served.starts_with("with 500 players: a frame takes "), "{served}");
    assert!(served.contains(" of 60 were late; they steered "), "{served}");
    assert!(!served.ends_with(" steered 0 times"), "{served}");
}

#[test]
fn inspector_shows_a_board_that_has_changed_whenever_one_looks() {
    let (_program, address) = listening("inspector", "listening on http://", "/");
    let mut client = Client::connect(address);
    let first = client.get("/");
    assert_eq!((first.status, first.header("refresh")), (200, Some("1")));
    let board = first.text().split("<pre>").nth(1).and_then(|rest| rest.split("</pre>").next());
    let rows: Vec<_> = board.expect("a board").lines().map(str::len).collect();
    assert_eq!(rows, [64; 24]);
    // Each look is one of the program's own turns, and a generation comes after fifty of its ms.
    while client.get("/").text() == first.text() {}
}

#[cfg(all(unix, not(mio_unsupported_force_poll_poll)))]
#[test]
fn poll_host_echoes_and_tells_its_clients_what_it_hears_on_its_own_socket() {
    let (mut program, address) = listening("poll_host", "listening on tcp://", "");
    let own = program.ready("listening on udp://", "");
    let mut clients = [(); 2].map(|()| Client::connect(address));
    for client in &mut clients {
        client.send("hello\n");
        assert_eq!(client.line(), "hello");
    }
    let teller = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    teller.send_to(b"news\n", own).unwrap();
    for client in &mut clients {
        assert_eq!(client.line(), "news");
    }
}

#[test]
fn guest_on_mio_serves_its_clients_and_itself_from_one_poll() {
    let mut program = Program::start(example("guest_on_mio").arg("127.0.0.1:0"));
    let own = program.ready("the program itself hears udp://", "");
    let address = program.ready("listening on tcp://", "");
    let mut clients = [(); 2].map(|()| Client::connect(address));
    for (number, said) in ["one", "two", "three"].into_iter().enumerate() {
        let client = &mut clients[number % 2];
        client.send(&format!("{said}\n"));
        assert_eq!(client.line(), format!("{}: {said}", number + 1));
    }
    let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.send_to(b"for the program", own).unwrap();
    let heard = format!("{}: for the program", peer.local_addr().unwrap());
    assert_eq!(program.line(), heard);
}

#[cfg(target_os = "linux")]
#[test]
fn guest_on_mio_goes_on_after_it_was_stopped_and_continued() {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

    let mut program = Program::start(example("guest_on_mio").arg("127.0.0.1:0"));
    program.ready("the program itself hears udp://", "");
    let mut client = Client::connect(program.ready("listening on tcp://", ""));
    client.send("before\n");
    assert_eq!(client.line(), "1: before");
    let pid = Pid::from_child(program.child());
    kill_process(pid, Signal::STOP).unwrap();
    waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().expect("it was stopped");
    kill_process(pid, Signal::CONT).unwrap();
    client.send("after\n");
    assert_eq!(client.line(), "2: after", "a wait that was interrupted is no error");
}

#[cfg(unix)]
#[test]
fn watch_tells_every_client_what_the_command_prints_and_counts_them_by_a_timer() {
    let command = "while echo news; do sleep 0.05; done";
    let mut program = Program::start(example("watch").args(["127.0.0.1:0", "sh", "-c", command]));
    let address = program.ready("listening on tcp://", "");
    assert_eq!(program.line(), "0 clients are here");
    for mut client in [(); 2].map(|()| Client::connect(address)) {
        assert_eq!(client.line(), "news");
    }
}

#[cfg(unix)]
#[test]
fn watch_ends_in_order_when_the_command_has() {
    let ended = Program::start(example("watch").args(["127.0.0.1:0", "true"])).ended();
    assert!(ended.status.success(), "{ended:?}");
}

#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn calloop_shows_the_title_that_a_client_sets_when_its_own_timer_says_so() {
    let (mut program, address) = listening("calloop", "listening on tcp://", "");
    assert_eq!(program.line(), "after 0 seconds: \"\"");
    let mut client = Client::connect(address);
    client.send("\x1b[2J\n");
    assert_eq!(client.line(), "it was \"\"");
    let mut shown = (0..20).map(|_| program.line()).filter(|line| !line.ends_with("\"\""));
    assert!(shown.next().is_some_and(|line| line.ends_with(r#"seconds: "\u{1b}[2J""#)));
}

#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn tokio_echoes_and_lets_another_task_tell_all_clients_the_time() {
    let (_program, address) = listening("tokio", "listening on tcp://", "");
    let mut clients = [(); 2].map(|()| Client::connect(address));
    for client in &mut clients {
        client.send("hello\n");
        let mut heard = (0..20).map(|_| client.line());
        assert!(heard.any(|line| line == "hello"));
        assert!(heard.any(|line| line.ends_with(" seconds")));
    }
}

#[cfg(not(mio_unsupported_force_poll_poll))]
#[test]
fn async_io_echoes() {
    let (_program, address) = listening("async_io", "listening on tcp://", "");
    let mut client = Client::connect(address);
    client.send("hello\n");
    assert_eq!(client.line(), "hello");
}
