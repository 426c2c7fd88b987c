//! Lines, on a connection with no driver: each test sees what is said and what goes out.

use std::any::Any;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::{LINES_PER_CALL, Line, Session, server};
use crate::sansio::{
    CloseReason, Closed, Connection, ConnectionId, Desk, Limits, Origin, Output, Protocol, Stage,
    Timeout, Transport, Wire,
};

/// What sessions were told, a word for each call.
type Told = Vec<String>;

/// Tells everything, and answers each line with its length.
struct Teller;

impl Session<Told> for Teller {
    fn connected(&mut self, _: &mut Transport<'_, Told>, told: &mut Told) {
        told.push("connected".to_owned());
    }

    fn line(&mut self, transport: &mut Transport<'_, Told>, told: &mut Told, line: &[u8]) {
        told.push(format!("line {:?}", String::from_utf8_lossy(line)));
        transport.write(format!("{}\n", line.len()).as_bytes());
    }

    fn too_long(&mut self, transport: &mut Transport<'_, Told>, told: &mut Told) {
        told.push("too long".to_owned());
        transport.write(b"too long\n");
    }

    fn writable(&mut self, _: &mut Transport<'_, Told>, told: &mut Told) {
        told.push("writable".to_owned());
    }

    fn expired(&mut self, _: &mut Transport<'_, Told>, told: &mut Told, timeout: Timeout) {
        told.push(format!("{timeout} expired"));
    }

    fn notified(&mut self, _: &mut Transport<'_, Told>, told: &mut Told, _: Box<dyn Any + Send>) {
        told.push("notified".to_owned());
    }

    fn closed(&mut self, _: &mut Transport<'_, Told>, told: &mut Told, closed: Closed) {
        told.push(closed.reason.to_string());
    }
}

/// A session that does with each line what a closure says.
fn on_line(
    act: impl Fn(&mut Transport<'_, Told>, &[u8]) + Send + Sync + 'static,
) -> impl Protocol<Told> {
    let mut factory = server(move |transport: &mut Transport<'_, Told>, told: &mut Told, line| {
        told.push(String::from_utf8_lossy(line).into_owned());
        act(transport, line);
    });
    factory(())
}

/// One connection, its desk, what was told and what went out.
struct Rig {
    connection: Connection<Told>,
    desk: Desk<Told>,
    told: Told,
    out: Vec<u8>,
    wire: Wire,
}

#[expect(clippy::disallowed_methods, reason = "there is no other way to some instant")]
fn start() -> Instant {
    Instant::now()
}

impl Rig {
    fn new(limits: Limits, protocol: impl Protocol<Told>) -> Self {
        let mut desk = Desk::new(start(), SystemTime::UNIX_EPOCH);
        let (id, peer) = (ConnectionId::new(0, 0), "127.0.0.1:1".parse().unwrap());
        let origin = Arc::new(Origin::new(limits));
        let mut connection = Connection::new(id, Box::new(protocol), origin, peer, &desk);
        let mut told = Told::new();
        connection.handle_connected(&mut desk, &mut told);
        Self { connection, desk, told, out: Vec::new(), wire: Wire::Keep }
    }

    fn teller() -> Self {
        Self::new(Limits::default(), Line::new(Teller))
    }

    fn receive(&mut self, bytes: impl AsRef<[u8]>) {
        self.connection.handle_received(&mut self.desk, &mut self.told, bytes.as_ref());
    }

    fn end_of_input(&mut self) {
        self.connection.handle_end_of_input(&mut self.desk, &mut self.told);
    }

    fn notify(&mut self, message: impl Send + 'static) {
        self.connection.handle_notified(&mut self.desk, &mut self.told, Box::new(message));
    }

    /// Gives it its turn, if it wants one.
    fn turn(&mut self) -> bool {
        let wants = self.connection.wants_turn();
        if wants {
            self.connection.handle_turn(&mut self.desk, &mut self.told);
        }
        wants
    }

    /// Sends what is there.
    fn flush(&mut self) {
        while let Output::Bytes(bytes) = self.connection.poll_output(&mut self.desk) {
            self.out.extend_from_slice(bytes);
            let count = bytes.len() as u64;
            self.connection.handle_sent(&mut self.desk, &mut self.told, count);
        }
        let wire = self.connection.poll_wire(&self.desk);
        if wire != Wire::Keep {
            self.wire = wire;
        }
    }

    /// Sends and gives turns until there is nothing left to do.
    fn run(&mut self) {
        self.flush();
        while self.turn() {
            self.flush();
        }
    }

    fn told(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let (desk, told) = (&mut self.desk, &mut self.told);
        self.connection.handle_failure(desk, told, CloseReason::Stopped);
        if !std::thread::panicking() {
            assert_eq!(self.desk.held(), 0);
        }
    }
}

#[test]
fn a_line_is_given_without_its_end() {
    let mut rig = Rig::teller();
    rig.receive("unix\nwindows\r\n\n\r\na\rb\r\r\n");
    assert_eq!(
        rig.told(),
        [
            "connected",
            r#"line "unix""#,
            r#"line "windows""#,
            r#"line """#,
            r#"line """#,
            r#"line "a\rb\r""#,
        ]
    );
    rig.run();
    assert_eq!(rig.out, b"4\n7\n0\n0\n4\n");
}

/// What is told and answered when a peer sends `pieces` and ends.
fn conversation<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Told, Vec<u8>) {
    let mut rig = Rig::teller();
    for piece in pieces {
        rig.receive(piece);
    }
    rig.end_of_input();
    rig.run();
    (rig.told(), std::mem::take(&mut rig.out))
}

#[test]
fn every_split_of_a_conversation_gives_the_same_lines() {
    let whole = b"one\r\ntwo\n\n\r\nthree\rfour\nrest\r";
    let expected = conversation([&whole[..]]);
    assert_eq!(expected.1, b"3\n3\n0\n0\n10\n5\n");
    for cut in 0..=whole.len() {
        for other in cut..=whole.len() {
            let pieces = [&whole[..cut], &whole[cut..other], &whole[other..]];
            assert_eq!(conversation(pieces), expected, "cut at bytes {cut} and {other}");
        }
    }
    assert_eq!(conversation(whole.chunks(1)), expected, "byte by byte");
}

#[test]
fn an_unterminated_last_line_is_given_at_the_end() {
    let mut rig = Rig::teller();
    rig.receive("whole\npart");
    rig.end_of_input();
    rig.run();
    assert_eq!(rig.told()[1..], [r#"line "whole""#, r#"line "part""#, "finished"]);
    assert_eq!(rig.wire, Wire::Close);

    let mut rig = Rig::teller();
    rig.receive("whole\n");
    rig.end_of_input();
    rig.run();
    assert_eq!(rig.told()[1..], [r#"line "whole""#, "finished"], "nothing is no line");
}

#[test]
fn what_was_searched_is_not_searched_again() {
    /// Notes after each call how far its inside has looked.
    struct Probe(Line<Teller>);
    impl Protocol<Told> for Probe {
        fn received(
            &mut self,
            transport: &mut Transport<'_, Told>,
            told: &mut Told,
            bytes: &[u8],
        ) -> usize {
            let before = self.0.scanned;
            let used = self.0.received(transport, told, bytes);
            told.push(format!("{before} to {}", self.0.scanned));
            used
        }
    }
    let mut rig = Rig::new(Limits::default(), Probe(Line::new(Teller)));
    for piece in ["a", "b", "cd", "e\nf", "g"] {
        rig.receive(piece);
    }
    assert_eq!(rig.told(), ["0 to 1", "1 to 2", "2 to 4", r#"line "abcde""#, "4 to 1", "1 to 2"]);
}

#[test]
fn after_many_lines_others_are_served_first() {
    let mut rig = Rig::new(Limits::default(), on_line(|_, _| ()));
    rig.receive("x\n".repeat(LINES_PER_CALL * 2 + 10));
    assert_eq!(rig.told().len(), LINES_PER_CALL);
    assert!(rig.turn());
    assert_eq!(rig.told().len(), LINES_PER_CALL);
    assert!(rig.turn());
    assert_eq!(rig.told().len(), 10);
    assert!(!rig.turn());
}

#[test]
fn back_pressure_stops_between_two_lines() {
    let limits = Limits::default().high_water(10).low_water(0);
    let mut rig = Rig::new(limits, on_line(|transport, _| transport.write(b"123456")));
    rig.receive("one\ntwo\nthree\nfour\nfi");
    assert_eq!(rig.told(), ["one", "two"]);
    assert!(!rig.turn());
    rig.flush();
    assert!(rig.turn());
    assert_eq!(rig.told(), ["three", "four"]);
    rig.receive("ve\n");
    rig.run();
    assert_eq!(rig.told(), ["five"]);
    assert_eq!(rig.out, b"123456".repeat(5));
}

#[test]
fn a_pause_stops_between_two_lines() {
    struct Pauses;
    impl Session<Told> for Pauses {
        fn line(&mut self, transport: &mut Transport<'_, Told>, told: &mut Told, line: &[u8]) {
            Teller.line(transport, told, line);
            transport.pause_reading();
        }
        fn notified(
            &mut self,
            transport: &mut Transport<'_, Told>,
            _: &mut Told,
            _: Box<dyn Any + Send>,
        ) {
            transport.resume_reading();
        }
    }
    let mut rig = Rig::new(Limits::default(), Line::new(Pauses));
    rig.receive("one\ntwo\n");
    assert!(!rig.turn());
    assert_eq!(rig.told(), [r#"line "one""#]);
    rig.notify(());
    assert!(rig.turn());
    assert_eq!(rig.told(), [r#"line "two""#]);
}

#[test]
fn lines_after_the_one_that_closes_are_not_given() {
    let mut rig = Rig::new(Limits::default(), on_line(|transport, _| transport.finish()));
    rig.receive("quit\nmore\n");
    rig.run();
    assert_eq!(rig.told(), ["quit"]);
    assert_eq!(rig.wire, Wire::ShutdownWrite);
}

#[test]
fn a_successor_gets_what_follows_the_line_that_called_for_it() {
    let mut rig = Rig::new(
        Limits::default(),
        on_line(|transport, _| transport.become_protocol(Line::new(Teller))),
    );
    rig.receive("upgrade\nthis is\nfor the next");
    rig.run();
    assert_eq!(rig.told(), ["upgrade", "connected", r#"line "this is""#]);
}

#[test]
fn a_line_that_is_too_long_closes_after_a_last_word() {
    for piece in [1, 7, 100] {
        let mut rig = Rig::new(Limits::default().input(20), Line::new(Teller));
        for bytes in [b'x'; 100].chunks(piece) {
            rig.receive(bytes);
        }
        rig.run();
        assert_eq!(rig.told()[1..], ["too long"], "in pieces of {piece}");
        assert_eq!(rig.out, b"too long\n");
        assert_eq!(rig.connection.stage(), Stage::Closing);
        rig.end_of_input();
        assert_eq!(rig.told(), ["input full"]);
    }
}

#[test]
fn a_line_of_the_longest_length_is_taken() {
    let mut rig = Rig::new(Limits::default().input(20), Line::new(Teller));
    rig.receive([b'x'; 19]);
    rig.receive("\n");
    assert_eq!(rig.told().len(), 2);
    assert_eq!(rig.connection.stage(), Stage::Open);
}

#[test]
fn every_other_call_reaches_the_session() {
    let mut rig = Rig::new(Limits::default().high_water(1).low_water(0), Line::new(Teller));
    rig.receive("one\n");
    rig.run();
    rig.notify(());
    rig.desk.set_time(rig.connection.poll_deadline().unwrap(), SystemTime::UNIX_EPOCH);
    rig.connection.handle_deadlines(&mut rig.desk, &mut rig.told);
    rig.run();
    rig.end_of_input();
    let told = ["connected", r#"line "one""#, "writable", "notified", "idle expired"];
    assert_eq!(rig.told(), [&told[..], &["idle timeout"]].concat());
}

#[test]
fn a_drain_finishes_by_default() {
    let mut rig = Rig::teller();
    rig.connection.handle_stopping(&mut rig.desk, &mut rig.told);
    rig.run();
    assert_eq!(rig.wire, Wire::ShutdownWrite);
}

#[test]
fn a_closure_serves_under_any_state_and_any_argument_of_its_factory() {
    fn listen<S, A, P: Protocol<S>>(mut factory: impl FnMut(A) -> P, argument: A, _: &S) -> P {
        factory(argument)
    }
    listen(server(|transport, (), line| transport.write(line)), "a peer", &());
    let count = listen(server(|_, count: &mut usize, _| *count += 1), 7, &0_usize);
    assert!(format!("{count:?}").contains("Answer"));
}

/// Says numbers, and hears them back.
struct Asker {
    next: usize,
    last: usize,
}

impl Session<Told> for Asker {
    fn connected(&mut self, transport: &mut Transport<'_, Told>, _: &mut Told) {
        transport.write(b"0\r\n");
    }

    fn line(&mut self, transport: &mut Transport<'_, Told>, told: &mut Told, line: &[u8]) {
        told.push(String::from_utf8_lossy(line).into_owned());
        self.next += 1;
        if self.next < self.last {
            transport.write(format!("{}\r\n", "0".repeat(self.next + 1)).as_bytes());
        } else {
            transport.finish();
        }
    }
}

#[test]
fn two_of_them_wired_in_memory_understand_each_other_whatever_a_read_gives() {
    for step in [1, 2, 3, 5, 8, 13, 1000] {
        let mut client = Rig::new(Limits::default(), Line::new(Asker { next: 0, last: 20 }));
        let mut server = Rig::teller();
        let mut rounds = 0;
        while client.connection.stage() != Stage::Closed {
            carry(&mut client, &mut server, step);
            carry(&mut server, &mut client, step);
            rounds += 1;
            assert!(rounds < 100_000, "the conversation does not end");
        }
        let heard: Vec<String> = (1..=20).map(|length| length.to_string()).collect();
        assert_eq!(client.told(), heard, "in steps of {step}");
        assert_eq!(server.connection.close_reason(), Some(CloseReason::Finished));
    }
}

/// Carries what `from` sends to `to`, at most `step` bytes at a time, and its end.
fn carry(from: &mut Rig, to: &mut Rig, step: usize) {
    from.run();
    for piece in std::mem::take(&mut from.out).chunks(step) {
        to.receive(piece);
    }
    if from.wire != Wire::Keep {
        from.wire = Wire::Keep;
        to.end_of_input();
    }
    to.run();
}

#[test]
fn random_bytes_in_random_pieces_give_the_lines_that_are_in_them() {
    let mut dice = 0x11e5_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % sides
    };
    for _ in 0..300 {
        let alphabet = [b'\n', b'\r', b'a', 0, 255];
        let whole: Vec<u8> = (0..roll(3000)).map(|_| alphabet[roll(5) as usize]).collect();
        let mut rig = Rig::new(Limits::default().high_water(50).low_water(20), Line::new(Teller));
        let mut rest = &whole[..];
        while !rest.is_empty() {
            let room = rig.connection.wants_bytes().min(rest.len()) as u64;
            if room > 0 {
                let (piece, later) = rest.split_at(1 + roll(room) as usize);
                rig.receive(piece);
                rest = later;
            }
            if roll(3) == 0 {
                rig.flush();
            }
            rig.turn();
        }
        rig.end_of_input();
        rig.run();
        let lines = rig.told().into_iter().filter(|told| told.starts_with("line ")).count();
        let ends = whole.iter().filter(|byte| **byte == b'\n').count();
        let is_open = whole.last().is_some_and(|last| *last != b'\n');
        assert_eq!(lines, ends + usize::from(is_open));
        assert_eq!(rig.connection.close_reason(), Some(CloseReason::Finished));
        assert_eq!(rig.out, expected_answer(&whole));
    }
}

/// The length of each line in `bytes`, found the simple way.
fn expected_answer(bytes: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().filter(|last| !last.is_empty());
    let whole = lines.iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
    whole
        .chain(last.map(<[u8]>::len))
        .flat_map(|length| format!("{length}\n").into_bytes())
        .collect()
}
