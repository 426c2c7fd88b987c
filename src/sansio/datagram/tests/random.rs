//! Anything in any order, against a model of each receiver's datagrams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const STEPS: usize = 100_000;

/// Knuth's generator: a seed that fails once fails always.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

fn limits(dice: &mut Dice) -> DatagramLimits {
    let datagram = 1 + dice.roll(40);
    DatagramLimits::default()
        .datagram(datagram)
        .queue_bytes(datagram + dice.roll(200))
        .queue_datagrams(1 + dice.roll(20))
        .queue_time(Duration::from_millis(1 + dice.roll(200) as u64))
        .queue_full([DropPolicy::Newest, DropPolicy::Oldest][dice.roll(2)])
}

/// A protocol that sends some in each call, and counts in `asked` those that were not refused
/// because it is over.
fn moody(
    seed: u64,
    asked: &Arc<AtomicU64>,
) -> impl FnMut(&mut DatagramTransport<'_, Diary>, &Call) + Send + 'static {
    let asked = Arc::clone(asked);
    let mut dice = Dice(seed);
    let mut number: u32 = 0;
    move |transport, call| {
        let sends = if let Call::Closed(..) = call { 1 } else { dice.roll(4) };
        for _ in 0..sends {
            // Numbered, so that order is seen where it arrives; padded to any length.
            let mut bytes = number.to_be_bytes().to_vec();
            bytes.resize(4 + dice.roll(20), 7);
            number += 1;
            let to = peer(1 + dice.roll(3) as u16);
            let outcome = transport.send_to(&to, &bytes);
            let is_over = matches!(call, Call::Closed(..));
            assert!(!is_over || outcome == SendOutcome::Closing);
            asked.fetch_add(u64::from(outcome != SendOutcome::Closing), Ordering::Relaxed);
        }
        match dice.roll(40) {
            0 => transport.set_timeout(Duration::from_millis(dice.roll(50) as u64)),
            1 => transport.clear_deadline(),
            2 if dice.roll(20) == 0 => transport.finish(),
            3 if dice.roll(20) == 0 => transport.abort(),
            _ => {}
        }
    }
}

/// One input of any kind.
fn disturb(table: &mut Table, dice: &mut Dice) {
    let bytes = vec![7; dice.roll(50)];
    match dice.roll(9) {
        0..=2 => table.receive(&peer(1 + dice.roll(3) as u16), &bytes),
        3 => table.socket.handle_notified(&mut table.desk, &mut table.diary, Box::new("news")),
        4 => table.pass(Duration::from_micros(dice.roll(30_000) as u64)),
        5 | 6 => table.deadlines(),
        7 if dice.roll(200) == 0 => {
            table.socket.handle_overload(&mut table.desk, &mut table.diary);
        }
        8 if dice.roll(300) == 0 => {
            table.close([Closing::Finish, Closing::Abort][dice.roll(2)]);
        }
        _ => {}
    }
}

#[test]
fn whatever_happens_limits_hold_order_is_kept_and_everything_is_counted() {
    let mut dice = Dice(1);
    let asked = Arc::new(AtomicU64::new(0));
    let mut table = Table::new(limits(&mut dice), moody(0, &asked));
    let mut last = [None; 4];
    let mut sockets = 0;
    for step in 0..STEPS {
        disturb(&mut table, &mut dice);
        let fates = [
            Dispatched::Sent,
            Dispatched::Sent,
            Dispatched::Sent,
            Dispatched::NoRoom,
            Dispatched::TooLarge,
            Dispatched::Failed(std::io::ErrorKind::Other),
        ];
        let fate = fates[dice.roll(fates.len())];
        if dice.roll(2) == 0
            && let Some((to, bytes)) = table.dispatch(fate)
            && fate == Dispatched::Sent
        {
            let number = u32::from_be_bytes(bytes[..4].try_into().unwrap());
            let before = &mut last[usize::from(to.socket().unwrap().port() - 1000)];
            assert!(before.is_none_or(|before| before < number), "step {step}: {to} out of order");
            *before = Some(number);
        }
        assert_eq!(table.desk.held(), table.socket.held(), "step {step}");
        if table.socket.is_closed() {
            sockets += 1;
            assert!(table.socket.poll_output().is_none());
            let counts = table.socket.counts();
            let fates = [counts.sent, counts.dropped, counts.expired, counts.too_large];
            let told = fates.iter().sum::<u64>() + counts.failed;
            assert_eq!(told, asked.swap(0, Ordering::Relaxed), "step {step}: {counts:?}");
            table = Table::new(limits(&mut dice), moody(step as u64, &asked));
            last = [None; 4];
        }
    }
    assert!(sockets > 50, "{sockets} sockets lived and ended");
}
