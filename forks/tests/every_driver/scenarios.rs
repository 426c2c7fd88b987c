//! What is played.

use super::{HOSTS, Scenario, everywhere, play};

/// `name: "service" [limits], play, [reasons], how it drained;`
macro_rules! scenarios {
    ($($name:ident: $service:literal $limits:expr, $play:expr, $closed:expr, $drained:literal;)*) => {
        $(
            #[test]
            fn $name() {
                everywhere(&Scenario {
                    service: $service,
                    limits: &$limits,
                    play: $play,
                    closed: &$closed,
                    drained: $drained,
                });
            }
        )*
    };
}

scenarios! {
    what_is_sent_comes_back: "echo" [], |stage| {
        let mut callers = [(); 3].map(|()| stage.caller());
        for (caller, text) in callers.iter_mut().zip(["one", "two", "three"]) {
            caller.says(text);
            caller.hears(text);
        }
        for caller in &mut callers {
            caller.says("and on");
            caller.hears("and on");
            caller.finishes();
            caller.hears_the_end();
        }
    }, [(3, "finished")], "";

    a_message_may_come_in_any_pieces: "upper" [], |stage| {
        let mut caller = stage.caller();
        for piece in ["h", "ello\nwo", "r", "ld\n"] {
            caller.says(piece);
        }
        caller.hears("HELLO\nWORLD\n");
        caller.says("and an unfinished one");
        caller.finishes();
        assert_eq!(caller.rest(), b"AND AN UNFINISHED ONE");
    }, [(1, "finished")], "";

    what_gives_way_goes_on_and_its_successor_gets_the_rest: "steps" [], |stage| {
        let mut caller = stage.caller();
        caller.says("ab!one\ntwo");
        caller.hears("a.b.!.ONE\n");
        caller.finishes();
        assert_eq!(caller.rest(), b"TWO");
        let mut hasty = stage.caller();
        hasty.says("cdefg");
        hasty.finishes();
        assert_eq!(hasty.rest(), b"c.d.e.f.g.");
    }, [(2, "finished")], "";

    a_client_that_has_finished_still_gets_its_answer: "length" [], |stage| {
        let mut caller = stage.caller();
        caller.says(&"x".repeat(300_000));
        caller.finishes();
        assert_eq!(caller.rest(), b"300000");
    }, [(1, "finished")], "";

    a_server_that_has_finished_still_listens: "farewell" [], |stage| {
        let mut caller = stage.caller();
        assert_eq!(caller.rest(), b"that is all");
        caller.says("not for me");
        stage.tells("heard: not for me");
        caller.finishes();
        stage.tells("told: finished");
    }, [(1, "finished")], "";

    a_slow_reader_gets_every_byte: "flood" [], |stage| {
        let mut caller = stage.caller();
        caller.says("9000000\n");
        // More than any buffer holds; and for longer than any call blocks, as another's clock
        // says.
        stage.tells("stuck: true");
        let mut clock = stage.caller();
        clock.says("0\n");
        stage.tells("stuck: false");
        clock.finishes();
        let mut count = 0;
        while count < 9_000_000 {
            let piece = caller.takes(250_000);
            assert!(piece.iter().all(|byte| *byte == b'~'));
            count += piece.len();
        }
        assert!(caller.is_silent());
        caller.finishes();
        caller.hears_the_end();
    }, [(2, "finished")], "";

    a_reader_that_stops_is_cut_off: "flood" ["write_stall=150"], |stage| {
        let mut caller = stage.caller();
        caller.says("90000000\n");
        stage.tells("told: write stall timeout");
        caller.is_cut_off(89_999_999);
    }, [(1, "write stall timeout")], "";

    a_file_goes_out_between_bytes: "file" [], |stage| {
        let mut caller = stage.caller();
        caller.says("please");
        caller.hears("begin ");
        let program = std::fs::read(env!("CARGO_BIN_EXE_served")).unwrap();
        assert!(caller.takes(1 << 20) == program[5..5 + (1 << 20)], "another file came");
        assert_eq!(caller.rest(), b" end");
    }, [(1, "finished")], "";

    a_silent_client_is_told_good_bye: "upper" ["idle=120"], |stage| {
        let mut caller = stage.caller();
        caller.says("hello\n");
        caller.hears("HELLO\n");
        assert_eq!(caller.rest(), b"idle\n");
    }, [(1, "idle timeout")], "";

    a_client_that_never_speaks_is_told_good_bye: "upper" ["first_byte=120"], |stage| {
        assert_eq!(stage.caller().rest(), b"first byte\n");
    }, [(1, "first byte timeout")], "";

    a_message_must_be_whole_in_time: "upper" ["message=120"], |stage| {
        let mut caller = stage.caller();
        caller.says("hello\nwor");
        caller.hears("HELLO\n");
        assert_eq!(caller.rest(), b"message\n");
    }, [(1, "message timeout")], "";

    a_message_must_not_be_too_long: "upper" ["input=1000"], |stage| {
        let mut caller = stage.caller();
        caller.says(&"x".repeat(1500));
        caller.hears_the_end();
    }, [(1, "input full")], "";

    an_abort_is_a_reset: "abort" [], |stage| {
        let mut caller = stage.caller();
        caller.says("anything");
        caller.is_cut_off(0);
    }, [(1, "aborted")], "";

    at_the_limit_a_client_waits: "echo" ["connections=2"], |stage| {
        let [mut one, mut two, mut three] = [(); 3].map(|()| stage.caller());
        for caller in [&mut one, &mut two] {
            caller.says("here");
            caller.hears("here");
        }
        three.says("I wait");
        one.says("still");
        one.hears("still");
        assert!(three.is_silent());
        one.finishes();
        one.hears_the_end();
        three.hears("I wait");
        for mut caller in [two, three] {
            caller.finishes();
            caller.hears_the_end();
        }
    }, [(3, "finished")], "";

    a_panic_costs_one_connection: "panic" [], |stage| {
        let [mut one, mut two] = [(); 2].map(|()| stage.caller());
        two.says("before");
        two.hears("before");
        one.says("x");
        one.is_cut_off(0);
        two.says("after");
        two.hears("after");
        two.finishes();
        two.hears_the_end();
    }, [(1, "protocol panicked"), (1, "finished")], "";

    a_message_from_another_thread_arrives: "later" [], |stage| {
        let mut caller = stage.caller();
        for word in ["read on", "p", "and on"] {
            caller.says(word);
            caller.hears(&word.to_ascii_uppercase());
        }
        caller.finishes();
        caller.hears_the_end();
    }, [(1, "finished")], "";

    a_drain_lets_finish_what_was_begun: "upper" [], |stage| {
        let [mut idle, mut busy] = [(); 2].map(|()| stage.caller());
        for caller in [&mut idle, &mut busy] {
            caller.says("hello\n");
            caller.hears("HELLO\n");
        }
        busy.says("one more li");
        // It has that by the time in which it answers what follows.
        busy.says("ne\nand a half");
        busy.hears("ONE MORE LINE\n");
        stage.drains();
        idle.hears_the_end();
        drop(idle);
        busy.says(" is whole\n");
        assert_eq!(busy.rest(), b"AND A HALF IS WHOLE\n");
    }, [(2, "finished")], "2 finished, 0 aborted, 0 otherwise";

    a_drain_that_is_late_cuts_off_who_is_left: "stubborn" ["grace=200"], |stage| {
        let mut caller = stage.caller();
        caller.says("I will");
        caller.hears("I will");
        stage.drains();
        caller.says("stay");
        caller.hears("stay");
        caller.is_cut_off(0);
    }, [(1, "driver stopped")], "0 finished, 1 aborted, 0 otherwise";
}

#[test]
fn what_the_event_loop_alone_can_do_is_refused_aloud_by_the_others() {
    const DONE: &[(u64, &str)] = &[(1, "finished")];
    let mut rows: Vec<(&str, &[(u64, &str)])> = vec![
        ("event-loop", DONE),
        ("threads", &[(1, "a thread per connection cannot broadcast")]),
        ("forks", &[(1, "a process per connection cannot broadcast")]),
    ];
    rows.extend(HOSTS.iter().map(|host| (*host, DONE)));
    for (driver, closed) in rows {
        let scenario = Scenario {
            service: "shout",
            limits: &[],
            play: |stage| {
                let mut caller = stage.caller();
                caller.says("hello, all");
                caller.finishes();
                caller.ends();
            },
            closed,
            drained: "",
        };
        play(&scenario, driver, "tcp://127.0.0.1:0");
    }
}
