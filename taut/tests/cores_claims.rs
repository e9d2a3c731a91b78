//! Slots of the rings between threads that are written where they lie.

mod common;

use std::thread;
use std::time::Duration;

use common::channels::{cancelled_in_wait, on_each, waiting};
use taut::cores::mpsc::{self, SendError, TryRecvError, TrySendError};
use taut::cores::spsc;
use taut::time::timeout;

/// A large message that shows where it is torn.
type Book = [u64; 512];

fn number_of(book: &Book) -> u64 {
    assert!(book.iter().all(|level| *level == book[0]), "it is torn");
    book[0]
}

#[test]
fn what_is_written_in_place_is_borrowed_in_place() {
    let (mut sender, mut receiver) = spsc::channel::<Book>(2);
    for number in 0..10 {
        let mut slot = sender.try_claim().unwrap();
        slot.fill(number);
        let written = &raw const *slot;
        slot.commit();
        let borrowed = receiver.try_borrow().unwrap();
        assert_eq!((&raw const *borrowed, number_of(&borrowed)), (written, number));
        borrowed.release();
    }
}

#[test]
fn a_fresh_slot_is_zero_and_a_used_one_holds_an_older_item() {
    let (mut sender, mut receiver) = spsc::channel::<u64>(1);
    for number in 1..=5_u64 {
        let mut slot = sender.try_claim().unwrap();
        assert_eq!(*slot, number.saturating_sub(2));
        *slot = number;
        slot.commit();
        assert_eq!(receiver.try_recv(), Ok(number));
    }
}

#[test]
fn a_slot_that_is_given_up_sends_nothing() {
    let (mut sender, mut receiver) = spsc::channel::<u64>(1);
    for _ in 0..5 {
        *sender.try_claim().unwrap() = 7;
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert!(sender.is_empty(), "it is as if it had never been claimed");
    }
    std::mem::forget(sender.try_claim().unwrap());
    sender.try_send(8).unwrap();
    assert_eq!(receiver.try_recv(), Ok(8));

    let (mut sender, mut receiver) = mpsc::channel::<u64>(2);
    let mut other = sender.clone();
    let mut given_up = sender.try_claim().unwrap();
    *given_up = 7;
    other.try_send(8).unwrap();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "it comes after the claim");
    assert!(matches!(other.try_claim(), Err(TrySendError::Full(()))));
    drop(given_up);
    assert_eq!(receiver.try_recv(), Ok(8));
    assert_eq!(other.try_send_all(&mut (0..2)), Ok(2), "its room is there again");
}

#[test]
fn claims_are_refused_as_sends_are() {
    on_each(async || {
        let (mut sender, mut receiver) = spsc::channel::<u64>(1);
        sender.claim().await.unwrap().commit();
        assert!(matches!(sender.try_claim(), Err(TrySendError::Full(()))));
        assert!(timeout(Duration::from_micros(50), sender.claim()).await.is_err());
        let claim = async move {
            let refused = sender.claim().await.err();
            (refused, sender)
        };
        let (refused, mut sender) = cancelled_in_wait(claim).await;
        assert_eq!(refused, Some(SendError::Cancelled(())));
        assert_eq!(receiver.try_recv(), Ok(0));
        *sender.claim().await.unwrap() = 9;
        receiver.close();
        assert!(matches!(sender.try_claim(), Err(TrySendError::Closed(()))));
        assert_eq!(sender.claim().await.err(), Some(SendError::Closed(())));
    });
}

#[test]
fn a_claim_waits_for_room() {
    on_each(async || {
        let (mut sender, mut receiver) = mpsc::channel::<u64>(1);
        sender.try_send(1).unwrap();
        let claims = waiting(async move {
            let mut slot = sender.claim().await.unwrap();
            *slot = 2;
            slot.commit();
        })
        .await;
        assert_eq!(receiver.recv().await, Ok(1));
        assert_eq!(receiver.recv().await, Ok(2));
        claims.await.unwrap();
    });
}

#[test]
fn large_messages_come_whole_from_many_threads() {
    const COUNT: u64 = 4_000;
    let (sender, mut receiver) = mpsc::channel::<Book>(4);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let mut sender = sender.clone();
            thread::spawn(move || {
                for number in 0..COUNT {
                    loop {
                        let Ok(mut slot) = sender.try_claim() else {
                            thread::yield_now();
                            continue;
                        };
                        slot.fill(number);
                        if number % 7 == 3 {
                            drop(slot);
                        } else {
                            slot.commit();
                        }
                        break;
                    }
                }
            })
        })
        .collect();
    drop(sender);
    let mut count = 0;
    loop {
        match receiver.try_borrow() {
            Ok(book) => {
                assert_ne!(number_of(&book) % 7, 3, "this one was given up");
                book.release();
                count += 1;
            }
            Err(TryRecvError::Empty) => thread::yield_now(),
            Err(_) => break,
        }
    }
    assert_eq!(count, 3 * (0..COUNT).filter(|number| number % 7 != 3).count());
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
