//! What goes wrong with HTTP in particular.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use switchboard::Timeout;
use switchboard::drivers::event_loop::Drained;
use switchboard::http::{self, Deferred};

type Handler = fn(&http::Request<'_>, http::Reply<'_, Ends>, &mut Ends);

fn hello(request: &http::Request<'_>, reply: http::Reply<'_, Ends>, ends: &mut Ends) {
    // The diary serves to count the calls.
    ends.push(CloseReason::Finished);
    match request.path() {
        "/big" => reply.bytes(&[b'x'; 300_000]),
        _ => reply.text("hello"),
    }
}

fn rig() -> (Rig, SocketAddr) {
    let mut rig = Rig::new();
    let address = rig.listen(Limits::default(), http::server(hello as Handler));
    (rig, address)
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[test]
fn p11_a_refusal_arrives_whole_although_the_body_is_still_on_its_way() {
    let mut rig = Rig::new();
    let server = http::Config::default().body(1000).server(hello as Handler);
    let address = rig.listen(Limits::default(), server);
    let mut client = Client::connect(address);
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 500000\r\n\r\n");
    let body = vec![b'x'; 500_000];
    let mut sent = 0;
    while sent < body.len() && client.end.is_none() {
        sent += client.send_some(&body[sent..]);
        rig.turn();
    }
    client.finish_writing();
    rig.receive(&mut client, usize::MAX);
    assert!(client.text().starts_with("HTTP/1.1 413 "), "{}", client.text());
    assert_eq!((sent, client.end), (body.len(), Some(Ok(()))), "no reset overtook it");
}

#[test]
fn p12_a_client_that_closed_its_side_gets_its_reply() {
    let (mut rig, address) = rig();
    let mut client = Client::connect(address);
    client.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\n");
    client.finish_writing();
    rig.receive(&mut client, usize::MAX);
    assert!(client.received.len() > 300_000);
    assert_eq!(client.end, Some(Ok(())));
}

/// Lets seconds pass until a client is told its end, and says how many.
fn seconds_until_end(rig: &mut Rig, client: &mut Client, mut each: impl FnMut(&mut Client)) -> u32 {
    for second in 0..400 {
        rig.settle();
        client.receive();
        if client.end.is_some() || !client.received.is_empty() {
            return second;
        }
        each(client);
        rig.clock.advance(SECOND);
    }
    panic!("it lives for ever");
}

#[test]
fn p13_a_silent_one_a_head_or_body_by_the_byte_and_a_slow_reader_end_by_four_clocks() {
    let (mut rig, address) = rig();
    let limits = Limits::default();
    let mut silent = rig.clients(address, 1).remove(0);
    let seconds = seconds_until_end(&mut rig, &mut silent, |_| {});
    assert_eq!((seconds, silent.received.len()), (60, 0));
    let mut head = Client::connect(address);
    head.send("GET / HTTP/1.1\r\nx: ");
    let seconds = seconds_until_end(&mut rig, &mut head, |client| client.send("y"));
    assert!(u64::from(seconds).abs_diff(limits.message.as_secs()) <= 1, "{seconds}");
    assert!(head.text().starts_with("HTTP/1.1 408 "), "{}", head.text());
    let mut body = Client::connect(address);
    body.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n");
    let seconds = seconds_until_end(&mut rig, &mut body, |client| client.send("y"));
    assert!(seconds.abs_diff(60) <= 1, "{seconds}");
    assert!(body.text().starts_with("HTTP/1.1 408 "), "{}", body.text());
    let mut reader = Client::with_small_buffer(address);
    for _ in 0..100 {
        reader.send_some(b"GET /big HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    rig.settle();
    rig.clock.advance(limits.write_stall);
    rig.until("it ended", |rig| {
        let stats = rig.event_loop.stats();
        stats.closed_for(CloseReason::TimedOut(Timeout::WriteStall)) == 1
    });
}

#[test]
fn p18_a_drain_ends_idle_half_received_and_busy_connections_each_in_its_way() {
    let (sender, deferred) = mpsc::channel::<Deferred>();
    let mut rig = Rig::new();
    let server =
        http::server(move |request, reply: http::Reply<'_, Ends>, _| match request.path() {
            "/slow" => sender.send(reply.defer()).unwrap(),
            _ => reply.text("hello"),
        });
    let address = rig.listen(Limits::default(), server);
    let mut clients = rig.clients(address, 4);
    clients[0].send(GET);
    clients[1].send("GET / HTTP/1.1\r\nho");
    clients[2].send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n");
    clients[3].send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345");
    rig.settle();
    let later = deferred.recv().unwrap();
    rig.event_loop.drain(30 * SECOND);
    rig.settle();
    clients.iter_mut().for_each(Client::receive);
    assert_eq!(clients[0].end, Some(Ok(())), "an idle one goes at once");
    assert_eq!(clients[2].end, None, "one that waits for its reply stays");
    later.text("late").unwrap();
    let [_, half, slow, _] = &mut clients[..] else { panic!("four") };
    half.send_some(b"st: a\r\n\r\n");
    rig.receive(slow, usize::MAX);
    assert!(slow.text().contains("late"), "{}", slow.text());
    clients.iter().for_each(Client::finish_writing);
    rig.clock.advance(31 * SECOND);
    let Ended::Drained(drained) = rig.ended() else { panic!("it was drained") };
    let Drained { finished, aborted, otherwise, .. } = drained;
    assert_eq!(finished + aborted + otherwise, 4);
    assert!(finished >= 2, "{drained:?}");
}

#[test]
fn item_5_one_that_pipelines_without_end_gets_its_share_of_calls_in_a_turn_and_no_more() {
    let mut rig = Rig::new();
    let share = 7;
    let server = http::Config::default().requests_per_turn(share).server(hello as Handler);
    let address = rig.listen(Limits::default(), server);
    let [mut greedy, mut polite] =
        <[Client; 2]>::try_from(rig.clients(address, 2)).unwrap_or_else(|_| panic!("two"));
    let wave = GET.repeat(200);
    for round in 1..30 {
        greedy.send_some(wave.as_bytes());
        polite.send(GET);
        let before = rig.ends.len();
        let mut turns = 0;
        let size = polite.received.len();
        while polite.received.len() == size {
            let calls = rig.ends.len();
            rig.turn();
            assert!(rig.ends.len() - calls <= share + 1, "round {round}");
            polite.receive();
            greedy.receive();
            turns += 1;
        }
        assert!(turns <= 2 && rig.ends.len() - before <= 2 * (share + 1), "{turns} turns");
    }
    assert!(greedy.received.len() > 100 * share, "it is served as well");
    rig.clock.advance(Duration::from_secs(1));
}
