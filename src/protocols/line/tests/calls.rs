//! What a session is told, and when it is not.

use std::any::Any;
use std::time::SystemTime;

use super::super::{LINES_PER_CALL, Line, Session, server};
use super::{Rig, Teller, Told, on_line};
use crate::sansio::{Limits, Protocol, Stage, Transport, Wire};

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
    rig.connection.handle_deadlines(&mut rig.desk, &mut rig.state);
    rig.run();
    rig.end_of_input();
    let told = ["connected", r#"line "one""#, "writable", "notified", "idle expired"];
    assert_eq!(rig.told(), [&told[..], &["idle timeout"]].concat());
}

#[test]
fn a_drain_finishes_by_default() {
    let mut rig = Rig::teller();
    rig.stop();
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
