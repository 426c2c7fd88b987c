//! Two senders and a loop that sleeps whenever it finds no reason to be awake.
//!
//! The loop's sleep is a channel of wake-ups: were one lost, it would sleep for ever, which the
//! checker reports as a deadlock.

use std::collections::VecDeque;

use loom::model::Builder;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::letterbox::{Letterbox, Refusal};

/// How often a schedule may take the processor from a thread that could go on. Three show every
/// fault of this kind that is known; more take minutes.
const PREEMPTIONS: usize = 3;

/// A letterbox and the loop's wait.
struct Office {
    letters: Letterbox<u32, u32>,
    /// Wake-ups that the loop has not seen.
    wakes: Mutex<usize>,
    is_woken: Condvar,
    /// Wake-ups in all.
    woken: AtomicUsize,
}

impl Office {
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            letters: Letterbox::new(capacity),
            wakes: Mutex::new(0),
            is_woken: Condvar::new(),
            woken: AtomicUsize::new(0),
        })
    }

    /// What a waker does: the next wait, or the one under way, ends.
    fn wake(&self) {
        self.woken.fetch_add(1, Ordering::Relaxed);
        *self.wakes.lock().unwrap() += 1;
        self.is_woken.notify_one();
    }

    fn put(&self, letter: u32) -> Result<(), Refusal> {
        self.letters.put(letter, || self.wake()).map_err(|(refusal, _)| refusal)
    }

    /// What a poll does: it waits, unless the loop has a reason not to.
    fn poll(&self) {
        let mut wakes = self.wakes.lock().unwrap();
        if !self.letters.is_pending() {
            while *wakes == 0 {
                wakes = self.is_woken.wait(wakes).unwrap();
            }
        }
        *wakes = 0;
    }

    /// Makes turns, each taking `most` letters, until `count` have come.
    fn turn_until(&self, count: usize, most: usize) -> VecDeque<u32> {
        let mut taken = VecDeque::new();
        while taken.len() < count {
            self.poll();
            self.letters.take(&mut taken, most);
        }
        taken
    }
}

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(model);
}

fn join(threads: [thread::JoinHandle<()>; 2]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Each sender's letters, in the order in which they were taken.
fn of(sender: u32, taken: &VecDeque<u32>) -> Vec<u32> {
    taken.iter().copied().filter(|letter| letter / 10 == sender).collect()
}

#[test]
fn every_letter_of_two_senders_arrives_in_its_order() {
    check(|| {
        let office = Office::new(8);
        let senders = [10, 20].map(|sender| {
            let office = Arc::clone(&office);
            thread::spawn(move || {
                assert_eq!(office.put(sender + 1), Ok(()));
                assert_eq!(office.put(sender + 2), Ok(()));
            })
        });
        let taken = office.turn_until(4, usize::MAX);
        join(senders);
        assert_eq!((of(1, &taken), of(2, &taken)), (vec![11, 12], vec![21, 22]));
        assert!(!office.letters.is_pending() || *office.wakes.lock().unwrap() > 0);
        assert!(office.woken.load(Ordering::Relaxed) <= 4);
    });
}

#[test]
fn what_a_turn_leaves_inside_needs_no_wake_up() {
    check(|| {
        let office = Office::new(8);
        let sender = thread::spawn({
            let office = Arc::clone(&office);
            move || {
                assert_eq!(office.put(11), Ok(()));
                assert_eq!(office.put(12), Ok(()));
                assert_eq!(office.put(13), Ok(()));
            }
        });
        assert_eq!(office.turn_until(3, 1), [11, 12, 13]);
        sender.join().unwrap();
    });
}

#[test]
fn many_letters_before_one_look_cost_one_wake_up() {
    check(|| {
        let office = Office::new(8);
        let senders = [10, 20].map(|sender| {
            let office = Arc::clone(&office);
            thread::spawn(move || {
                assert_eq!(office.put(sender + 1), Ok(()));
                assert_eq!(office.put(sender + 2), Ok(()));
            })
        });
        join(senders);
        assert_eq!(office.woken.load(Ordering::Relaxed), 1);
        assert_eq!(office.turn_until(4, usize::MAX).len(), 4);
        assert!(!office.letters.is_pending());
    });
}

#[test]
fn a_full_box_refuses_and_loses_nothing_that_it_took() {
    check(|| {
        let office = Office::new(1);
        let senders = [10, 20].map(|sender| {
            let office = Arc::clone(&office);
            thread::spawn(move || match office.put(sender + 1) {
                Ok(()) => 1,
                Err(refusal) => {
                    assert_eq!(refusal, Refusal::Full);
                    0
                }
            })
        });
        let first = office.turn_until(1, usize::MAX);
        let accepted: usize = senders.map(|sender| sender.join().unwrap()).into_iter().sum();
        let rest = office.turn_until(accepted - first.len(), usize::MAX);
        assert_eq!(first.len() + rest.len(), accepted);
    });
}

#[test]
fn an_order_gets_through_a_full_box_and_none_is_lost() {
    check(|| {
        // A box without room is full from the beginning.
        let office = Office::new(0);
        let giver = thread::spawn({
            let office = Arc::clone(&office);
            move || {
                assert_eq!(office.put(11), Err(Refusal::Full));
                for _ in 0..2 {
                    let given = office.letters.order(|orders| *orders += 1, || office.wake());
                    assert_eq!(given, Ok(()));
                }
            }
        });
        let (mut orders, mut taken) = (0, VecDeque::new());
        while orders < 2 {
            office.poll();
            orders += office.letters.take(&mut taken, usize::MAX);
        }
        giver.join().unwrap();
        assert_eq!((orders, taken.len()), (2, 0));
    });
}

#[test]
fn a_letter_sent_while_the_box_closes_is_refused_or_dropped_with_it() {
    check(|| {
        let letters = Arc::new(Letterbox::<Arc<()>, u32>::new(8));
        let letter = Arc::new(());
        let senders = [(), ()].map(|()| {
            let (letters, letter) = (Arc::clone(&letters), Arc::clone(&letter));
            thread::spawn(move || match letters.put(letter, || ()) {
                Ok(()) => {}
                Err((refusal, _)) => assert_eq!(refusal, Refusal::LoopGone),
            })
        });
        letters.close();
        join(senders);
        assert_eq!(Arc::strong_count(&letter), 1, "nobody keeps a letter");
        assert!(matches!(letters.put(letter, || ()), Err((Refusal::LoopGone, _))));
        assert_eq!(letters.order(|_| (), || ()), Err(Refusal::LoopGone));
    });
}
