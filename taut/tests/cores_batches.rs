//! Batches through the rings between threads: iterators that know their length, that lie about it
//! and that panic, and drains of parts.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::channels::{on_each, waiting};
use taut::cores::mpsc::{self, SendError, TryRecvError, TrySendError};
use taut::cores::spsc;

/// Gives numbers, and says how many as it likes.
struct Liar {
    numbers: std::ops::Range<u32>,
    promise: (usize, Option<usize>),
}

impl Iterator for Liar {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.numbers.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.promise
    }
}

fn liars() -> impl Iterator<Item = Liar> {
    let promises = [(0, None), (1, None), (2, Some(2)), (100, Some(100)), (usize::MAX, None)];
    promises.into_iter().map(|promise| Liar { numbers: 0..5, promise })
}

#[test]
fn a_batch_that_fits_exactly_waits_for_no_more_room() {
    on_each(async || {
        let (mut sender, mut receiver) = spsc::channel(4);
        sender.send_all(&mut (0..4)).await.unwrap();
        assert_eq!(sender.try_send_all(&mut (0..0)), Ok(0), "nothing is a batch, too");
        assert_eq!(sender.try_send_all(&mut (0..1)), Err(TrySendError::Full(())));
        receiver.close();
        assert_eq!(sender.send_all(&mut (0..0)).await, Ok(()));
        assert_eq!(sender.send_all(&mut (7..9)).await, Err(SendError::Closed(())));
        assert!(receiver.drain(usize::MAX).eq(0..4));
    });
}

#[test]
fn what_did_not_fit_is_still_in_the_iterator() {
    let (mut sender, mut receiver) = mpsc::channel(3);
    let mut numbers = 0..10;
    assert_eq!(sender.try_send_all(&mut numbers), Ok(3));
    assert_eq!(numbers, 3..10);
    assert!(receiver.drain(2).eq(0..2));
    assert_eq!(sender.try_send_all(&mut numbers), Ok(2));
    assert!(receiver.drain(usize::MAX).eq(2..5));
    receiver.close();
    assert_eq!(sender.try_send_all(&mut numbers), Err(TrySendError::Closed(())));
    assert_eq!(numbers, 5..10);
}

#[test]
fn iterators_that_lie_about_their_length_send_what_they_have() {
    for mut liar in liars() {
        let (mut sender, mut receiver) = spsc::channel(8);
        assert_eq!(sender.try_send_all(&mut liar), Ok(5));
        assert!(receiver.drain(usize::MAX).eq(0..5));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        sender.try_send(7).unwrap();
        assert_eq!(receiver.try_recv(), Ok(7));
    }
    for mut liar in liars() {
        let (mut sender, mut receiver) = mpsc::channel(8);
        assert_eq!(sender.try_send_all(&mut liar), Ok(5));
        // Places that were promised and not filled are passed.
        assert!(receiver.drain(usize::MAX).eq(0..5));
        assert_eq!(sender.clone().try_send_all(&mut (0..8)), Ok(8));
        assert!(receiver.drain(usize::MAX).eq(0..8));
        drop(sender);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }
}

#[test]
fn an_iterator_that_panics_leaves_a_whole_ring() {
    let (mut sender, mut receiver) = mpsc::channel(8);
    for round in 0..20 {
        let mut numbers = (0..6).inspect(|number| assert!(*number < 3, "it panics"));
        let sends = || sender.try_send_all(&mut numbers);
        assert!(catch_unwind(AssertUnwindSafe(sends)).is_err());
        assert!(receiver.drain(usize::MAX).eq(0..3), "round {round}");
        sender.try_send(9).unwrap();
        assert_eq!(receiver.try_recv(), Ok(9));
    }
}

#[test]
fn a_batch_larger_than_the_ring_goes_through_as_room_comes() {
    on_each(async || {
        for capacity in [1, 2, 7] {
            let (mut sender, mut receiver) = mpsc::channel(capacity);
            let sends = waiting(async move { sender.send_all(&mut (0..1000)).await }).await;
            for number in 0..1000 {
                assert_eq!(receiver.recv().await, Ok(number));
            }
            assert_eq!(receiver.recv().await, Err(mpsc::RecvError::Closed));
            assert_eq!(sends.await.unwrap(), Ok(()));
        }
    });
}

#[test]
fn a_cancelled_batch_keeps_what_it_did_not_send() {
    on_each(async || {
        let (mut sender, mut receiver) = spsc::channel(2);
        let sends = waiting(async move {
            let mut numbers = 0..5;
            let sent = sender.send_all(&mut numbers).await;
            (sent, numbers)
        })
        .await;
        sends.cancel();
        let (sent, left) = sends.await.unwrap();
        assert_eq!((sent, left), (Err(SendError::Cancelled(())), 2..5));
        assert!(receiver.drain(usize::MAX).eq(0..2));
    });
}

#[test]
fn a_drain_gives_back_room_for_what_it_took() {
    let (mut sender, mut receiver) = spsc::channel(4);
    sender.try_send_all(&mut (0..4)).unwrap();
    let mut drain = receiver.drain(usize::MAX);
    assert_eq!((drain.next(), drain.next()), (Some(0), Some(1)));
    assert_eq!(sender.try_send(7), Err(TrySendError::Full(7)), "in one piece, at its end");
    drop(drain);
    assert_eq!(sender.try_send_all(&mut (4..9)), Ok(2));
    assert_eq!(receiver.drain(0).count(), 0);
    assert!(receiver.drain(usize::MAX).eq(2..6));
    assert_eq!(receiver.drain(usize::MAX).count(), 0);
}

#[test]
fn a_full_ring_is_counted() {
    on_each(async || {
        let (mut sender, _receiver) = spsc::channel(1);
        let before = taut::counters().cross_core_full;
        sender.try_send(1).unwrap();
        assert_eq!(taut::counters().cross_core_full, before);
        assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
        assert_eq!(taut::counters().cross_core_full, before + 1);
    });
}
