//! Items from one sender or more to one receiver: each arrives once, whoever waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loom::thread::spawn;

use super::{Core, Item, block_on};
use crate::channel::TryRecvError;
use crate::cores::{mpsc, spsc};
use crate::executor::Word;
use crate::threads::{explore, explore_within};

#[test]
fn loom_items_through_one_slot_with_either_end_waiting() {
    explore_within(1, || {
        let (mut sender, mut receiver) = spsc::channel(1);
        let thread = spawn(move || {
            for number in 1..=3 {
                block_on(sender.send(Item::new(number))).unwrap();
            }
        });
        for number in 1..=3 {
            assert_eq!(block_on(receiver.recv()).unwrap().number(), number);
        }
        thread.join().unwrap();
        assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Closed);
    });
}

#[test]
fn loom_a_core_that_falls_asleep_receives_all_items() {
    explore(|| {
        let (mut sender, mut receiver) = spsc::channel(2);
        let ring = Arc::clone(sender.ring());
        let thread = spawn(move || {
            for number in 1..=2 {
                assert!(sender.try_send(Item::new(number)).is_ok());
            }
        });
        let core = Core::new();
        let (_owner, key) = core.watch(&ring, Some(ring.room()));
        for number in 1..=2 {
            let cursor = ring.slots.cursor_at(u64::from(number) - 1);
            let stamp = ring.slots.stamp(cursor);
            let received = core.run(key, || {
                // The stamp as it was before: if it changes in between, that is a change, too.
                let seen = stamp.load(Ordering::Acquire);
                let word = Word { word: stamp, seen, signal: ring.items() };
                receiver.try_recv().map_err(|_| word)
            });
            assert_eq!(received.number(), number);
        }
        thread.join().unwrap();
    });
}

#[test]
fn loom_two_senders_and_two_slots() {
    explore_within(1, || {
        let (mut sender, mut receiver) = mpsc::channel(2);
        let mut other = sender.clone();
        let threads = [
            spawn(move || block_on(other.send(Item::new(1))).unwrap()),
            spawn(move || block_on(sender.send(Item::new(2))).unwrap()),
        ];
        let mut sum = 0;
        while let Ok(item) = block_on(receiver.recv()) {
            sum += item.number();
        }
        assert_eq!(sum, 3);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_two_senders_wait_for_one_slot() {
    explore_within(1, || {
        let (mut sender, mut receiver) = mpsc::channel(1);
        sender.try_send(Item::new(4)).unwrap();
        let mut other = sender.clone();
        let threads = [
            spawn(move || block_on(other.send(Item::new(1))).unwrap()),
            spawn(move || block_on(sender.send(Item::new(2))).unwrap()),
        ];
        let sum: u32 = (0..3).map(|_| block_on(receiver.recv()).unwrap().number()).sum();
        assert_eq!(sum, 7);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_places_that_were_given_up_are_passed() {
    explore_within(1, || {
        /// Promises two items and has one.
        struct Liar(Option<Item>);

        impl Iterator for Liar {
            type Item = Item;

            fn next(&mut self) -> Option<Item> {
                self.0.take()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (2, None)
            }
        }

        let (mut sender, mut receiver) = mpsc::channel(3);
        let mut other = sender.clone();
        let threads = [
            spawn(move || block_on(sender.send_all(&mut Liar(Some(Item::new(1))))).unwrap()),
            spawn(move || block_on(other.send(Item::new(2))).unwrap()),
        ];
        let mut sum = 0;
        while let Ok(item) = block_on(receiver.recv()) {
            sum += item.number();
        }
        assert_eq!(sum, 3);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_slots_are_written_in_place() {
    explore(|| {
        let (mut sender, mut receiver) = mpsc::channel::<[u32; 2]>(2);
        let mut other = sender.clone();
        let thread = spawn(move || {
            let mut slot = other.try_claim().unwrap();
            *slot = [1, 2];
            slot.commit();
        });
        drop(sender.try_claim().unwrap());
        drop(sender);
        assert_eq!(*block_on(receiver.recv()).as_ref().unwrap(), [1, 2]);
        assert!(block_on(receiver.recv()).is_err());
        thread.join().unwrap();
    });
}

/// In one piece on both sides: outside of a core each call passes a fence, which orders what came
/// before it.
#[test]
fn loom_slots_are_written_again_only_after_they_were_drained() {
    explore(|| {
        let (mut sender, mut receiver) = spsc::channel(2);
        (1..=2).for_each(|number| sender.try_send(Item::new(number)).unwrap());
        let thread = spawn(move || {
            assert_eq!(receiver.drain(2).map(|item| item.number()).sum::<u32>(), 3);
            receiver
        });
        let _ = sender.try_send_all(&mut [3, 4].map(Item::new).into_iter());
        drop(thread.join().unwrap());
    });
}
