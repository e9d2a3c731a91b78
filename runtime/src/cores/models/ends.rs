//! An end that goes, closes or gives up its wait: the other one is told, and no item is lost.

use std::sync::Arc;
use std::task::Poll;

use loom::thread::spawn;

use super::{Core, Item, block_on, poll_once};
use crate::channel::{SendError, TrySendError};
use crate::cores::producer::{Producer, Refused, Shared};
use crate::cores::{mpsc, spsc};
use crate::executor::Word;
use crate::threads::{explore, explore_within};

/// A sender on a core looks at the head alone; another one closes while the receiver moves it.
#[test]
fn loom_a_sender_that_closes_tells_one_that_waits_on_a_core() {
    explore(|| {
        let (mut sender, mut receiver) = mpsc::channel(1);
        sender.try_send(1_u32).unwrap();
        let mut other = sender.clone();
        let mut third = sender.clone();
        let ring = Arc::clone(sender.ring());
        let waits = spawn(move || {
            let core = Core::new();
            let (_owner, key) = core.watch(&ring, None);
            let mut producer = Shared::default();
            core.run(key, || {
                loop {
                    match Producer::claim(&mut producer, &ring, 1) {
                        Ok(claimed) => {
                            Producer::end_claim(&mut producer, &ring, claimed);
                            return Ok(());
                        }
                        Err(Refused::Full(_)) if ring.is_closed_after_head() => {}
                        Err(Refused::Full(seen)) => {
                            return Err(Word { word: &ring.head, seen, signal: ring.room() });
                        }
                        Err(_) => return Ok(()),
                    }
                }
            });
            core.remote
        });
        let closes = spawn(move || other.close());
        // Takes the room that this makes, so that the one that waits is left to the close.
        let _ = receiver.try_recv();
        let _ = third.try_send(2);
        closes.join().unwrap();
        // Its `Arc` is not the checker's, so that the last one goes here.
        let _remote = waits.join().unwrap();
    });
}

#[test]
fn loom_a_receiver_that_goes_gives_a_waiting_sender_its_item_back() {
    explore(|| {
        let (mut sender, receiver) = spsc::channel(1);
        sender.try_send(Item::new(1)).unwrap();
        let thread = spawn(move || drop(receiver));
        match block_on(sender.send(Item::new(2))) {
            Err(SendError::Closed(item)) => assert_eq!(item.number(), 2),
            // The room came first; the item goes with the ring.
            sent => sent.unwrap(),
        }
        assert!(matches!(sender.try_send(Item::new(3)), Err(TrySendError::Closed(_)) | Ok(())));
        thread.join().unwrap();
    });
}

#[test]
fn loom_a_sender_that_goes_ends_a_waiting_receiver() {
    explore_within(2, || {
        let (mut sender, mut receiver) = mpsc::channel(2);
        let other = sender.clone();
        let threads =
            [spawn(move || drop(sender.try_send(Item::new(1)))), spawn(move || drop(other))];
        assert_eq!(block_on(receiver.recv()).unwrap().number(), 1);
        assert!(block_on(receiver.recv()).is_err());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_what_is_left_is_dropped_once() {
    explore(|| {
        let (mut sender, mut receiver) = mpsc::channel(2);
        let mut other = sender.clone();
        let threads = [
            spawn(move || drop(sender.try_send(Item::new(1)))),
            spawn(move || drop(other.try_send(Item::new(2)))),
        ];
        drop(receiver.try_recv());
        drop(receiver);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_a_wait_that_is_given_up_takes_nothing() {
    explore(|| {
        let (mut sender, mut receiver) = spsc::channel(1);
        let thread = spawn(move || block_on(sender.send(Item::new(7))).unwrap());
        match poll_once(receiver.recv()) {
            Poll::Ready(received) => assert_eq!(received.unwrap().number(), 7),
            Poll::Pending => assert_eq!(block_on(receiver.recv()).unwrap().number(), 7),
        }
        thread.join().unwrap();
    });
}
