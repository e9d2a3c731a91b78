//! Each item goes to every receiver, and the sender waits for the slowest.

use loom::thread::spawn;

use super::{Item, block_on};
use crate::channel::SendError;
use crate::cores::broadcast;
use crate::threads::{explore, explore_within};

#[test]
fn loom_two_receivers_wait_for_one_item() {
    explore_within(2, || {
        let (mut sender, receiver) = broadcast::blocking::<Item>(1);
        let threads = [receiver.subscribe(), receiver].map(|mut receiver| {
            spawn(move || assert_eq!(block_on(receiver.recv()).unwrap().number(), 1))
        });
        sender.try_send(Item::new(1)).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_a_sender_waits_for_each_of_two_receivers() {
    explore_within(2, || {
        let (mut sender, receiver) = broadcast::blocking::<Item>(1);
        let mut receivers = [receiver.subscribe(), receiver];
        sender.try_send(Item::new(1)).unwrap();
        assert_eq!(receivers[0].try_recv().unwrap().number(), 1);
        sender.try_send(Item::new(2)).unwrap_err();
        let threads = receivers.map(|mut receiver| {
            // The slot is written again only after both have read it.
            spawn(move || {
                let _ = receiver.try_recv().map(|item| item.number());
            })
        });
        block_on(sender.send(Item::new(2))).unwrap_or_else(|error| drop(error));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_slots_are_written_again_only_after_each_receiver_drained_them() {
    explore(|| {
        let (mut sender, mut receiver) = broadcast::blocking::<Item>(2);
        (1..=2).for_each(|number| sender.try_send(Item::new(number)).unwrap());
        let mut other = sender.subscribe();
        let thread = spawn(move || {
            assert_eq!(receiver.drain(2).map(|item| item.number()).sum::<u32>(), 3);
            receiver
        });
        let _ = sender.try_send_all(&mut [3, 4].map(Item::new).into_iter());
        assert!(other.drain(2).all(|item| item.number() > 2));
        drop(thread.join().unwrap());
    });
}

#[test]
fn loom_a_receiver_of_many_that_goes_makes_room() {
    explore(|| {
        let (mut sender, mut receiver) = broadcast::blocking(1);
        let slow = receiver.subscribe();
        sender.try_send(Item::new(1)).unwrap();
        assert_eq!(receiver.try_recv().unwrap().number(), 1);
        let thread = spawn(move || drop(slow));
        block_on(sender.send(Item::new(2))).unwrap();
        assert_eq!(receiver.try_recv().unwrap().number(), 2);
        thread.join().unwrap();
    });
}

#[test]
fn loom_a_late_receiver_begins_where_the_sender_is() {
    explore_within(1, || {
        let (mut sender, mut receiver) = broadcast::blocking(1);
        let thread = spawn(move || {
            for number in 1..=3 {
                block_on(sender.send(Item::new(number))).unwrap();
            }
        });
        assert_eq!(block_on(receiver.recv()).unwrap().number(), 1);
        let mut late = receiver.subscribe();
        drop(receiver);
        let mut next = None;
        while let Ok(item) = block_on(late.recv()) {
            assert_eq!(item.number(), next.unwrap_or(item.number()));
            assert!(item.number() > 1);
            next = Some(item.number() + 1);
        }
        thread.join().unwrap();
    });
}

#[test]
fn loom_the_last_receiver_to_go_closes_and_the_next_opens() {
    explore(|| {
        let (mut sender, receiver) = broadcast::blocking(1);
        sender.try_send(1_u32).unwrap();
        let thread = spawn(move || drop(receiver));
        assert_eq!(block_on(sender.send(2)), Err(SendError::Closed(2)));
        let mut next = sender.subscribe();
        assert_eq!(sender.try_send(3), Ok(()));
        assert_eq!(next.try_recv(), Ok(3));
        thread.join().unwrap();
    });
}
