//! The latest value by key. `channel_model` has the rest.

mod common;

use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use futures_util::poll;
use taut::channel::conflate::{self, RecvError, SendError, TryRecvError, TrySendError};
use taut::time::timeout;
use taut::{Cancelled, is_cancelled, spawn, yield_now};

#[test]
fn a_later_value_takes_the_place_of_an_unread_one_and_keeps_its_turn() {
    on_each(async || {
        let (sender, receiver) = conflate::channel(8);
        for (key, value) in [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5), ("a", 6)] {
            sender.send(key, value).await.unwrap();
        }
        assert_eq!((sender.len(), sender.conflated(), receiver.conflated()), (3, 3, 3));
        assert_eq!(receiver.recv().await, Ok(("a", 6)));
        sender.try_send("a", 7).unwrap();
        assert_eq!(receiver.recv().await, Ok(("b", 5)));
        assert_eq!(receiver.try_recv(), Ok(("c", 4)));
        assert_eq!(receiver.try_recv(), Ok(("a", 7)), "read before, so at the end again");
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn a_known_key_never_waits_and_a_new_one_does_where_there_is_no_room() {
    on_each(async || {
        let (sender, receiver) = conflate::channel(2);
        let sender = Rc::new(sender);
        sender.try_send(1, 'a').unwrap();
        sender.try_send(2, 'a').unwrap();
        assert!(sender.is_full());
        assert_eq!(sender.try_send(3, 'a'), Err(TrySendError::Full((3, 'a'))));
        assert_eq!(poll!(pin!(sender.send(2, 'b'))), Poll::Ready(Ok(())));
        sender.try_send(1, 'b').unwrap();
        let own = Rc::clone(&sender);
        let send = waiting(async move { own.send(3, 'c').await }).await;
        sender.try_send(2, 'c').unwrap();
        assert_eq!(receiver.recv().await, Ok((1, 'b')));
        assert_eq!(sender.try_send(4, 'd'), Err(TrySendError::Full((4, 'd'))), "promised");
        assert_eq!(send.await.unwrap(), Ok(()));
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok((2, 'c')), Ok((3, 'c'))));
    });
}

#[test]
fn a_sender_whose_key_has_become_known_hands_its_room_on() {
    on_each(async || {
        let (sender, receiver) = conflate::channel(1);
        let sender = Rc::new(sender);
        sender.try_send(1, 0).unwrap();
        let mut sends = Vec::new();
        for (key, value) in [(2, 0), (2, 1), (3, 0)] {
            let own = Rc::clone(&sender);
            sends.push(waiting(async move { own.send(key, value).await }).await);
        }
        assert_eq!(receiver.try_recv(), Ok((1, 0)));
        common::waiters::settle().await;
        assert_eq!(receiver.try_recv(), Ok((2, 0)));
        common::waiters::settle().await;
        assert_eq!(receiver.try_recv(), Ok((2, 1)));
        for send in sends {
            assert_eq!(send.await.unwrap(), Ok(()));
        }
        assert_eq!(receiver.try_recv(), Ok((3, 0)));
    });
}

#[test]
fn receivers_wait_in_order_and_replaced_values_wake_nobody() {
    on_each(async || {
        let (sender, receiver) = conflate::channel(4);
        let receiver = Rc::new(receiver);
        let mut recvs = Vec::new();
        for _ in 0..2 {
            let own = Rc::clone(&receiver);
            recvs.push(waiting(async move { own.recv().await }).await);
        }
        sender.try_send("a", 1).unwrap();
        sender.try_send("a", 2).unwrap();
        common::waiters::settle().await;
        let second = recvs.pop().unwrap();
        assert!(!second.is_finished());
        assert_eq!(recvs.pop().unwrap().await.unwrap(), Ok(("a", 2)));
        sender.try_send("b", 3).unwrap();
        assert_eq!(second.await.unwrap(), Ok(("b", 3)));
    });
}

#[test]
fn closing_keeps_what_is_there_and_gives_the_rest_back() {
    on_each(async || {
        let (sender, receiver) = conflate::channel(1);
        sender.try_send(1, 'a').unwrap();
        let own = sender.clone();
        let send = waiting(async move { own.send(2, 'a').await }).await;
        receiver.close();
        assert_eq!(send.await.unwrap(), Err(SendError::Closed((2, 'a'))));
        assert_eq!(sender.send(1, 'b').await, Err(SendError::Closed((1, 'b'))));
        assert_eq!(sender.try_send(1, 'c'), Err(TrySendError::Closed((1, 'c'))));
        assert_eq!(receiver.recv().await, Ok((1, 'a')));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));

        let (sender, receiver) = conflate::channel::<u8, u8>(1);
        let own = sender.clone();
        let closed = waiting(async move { own.closed().await }).await;
        drop(receiver);
        assert_eq!(closed.await.unwrap(), Ok(()));
        assert!(sender.is_closed());

        let (sender, receiver) = conflate::channel(1);
        sender.try_send(1, 'a').unwrap();
        drop(sender.clone());
        sender.close();
        drop(sender);
        assert_eq!(receiver.try_recv(), Ok((1, 'a')));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    });
}

#[test]
fn cancelled_and_dropped_waits_lose_nothing() {
    on_each(async || {
        let (sender, receiver) = conflate::channel(1);
        let receiver = Rc::new(receiver);
        let own = Rc::clone(&receiver);
        let error = cancelled_in_wait(async move { own.recv().await }).await.unwrap_err();
        assert!(is_cancelled(&error));
        let own = Rc::clone(&receiver);
        let promised = waiting(async move { own.recv().await }).await;
        sender.try_send(1, 'a').unwrap();
        abort(promised).await;
        let own = sender.clone();
        let error = cancelled_in_wait(async move { own.send(2, 'a').await }).await.unwrap_err();
        assert_eq!(error, SendError::Cancelled((2, 'a')));
        let own = sender.clone();
        let error = begun_cancelled(async move { own.send(1, 'b').await }).await;
        assert_eq!(error, Err(SendError::Cancelled((1, 'b'))));
        assert!(timeout(Duration::from_micros(20), sender.send(2, 'a')).await.is_err());
        assert_eq!(receiver.try_recv(), Ok((1, 'a')));
        sender.try_send(2, 'b').unwrap();
        assert_eq!(receiver.recv().await, Ok((2, 'b')));
        let closed = cancelled_in_wait(async move { sender.closed().await });
        assert_eq!(closed.await, Err(Cancelled));
    });
}

#[test]
#[should_panic(expected = "room for at least one key")]
fn a_channel_without_room_is_refused() {
    let _ = conflate::channel::<u8, u8>(0);
}

/// Four tasks send rising values of many keys: the receiver sees each key rise, and its last.
#[test]
fn no_stale_value_is_read_and_no_last_one_missed() {
    const KEYS: u32 = 100;
    const VALUES: u32 = 200;

    on_each(async || {
        for keys_max in [1, 7, KEYS as usize] {
            let (sender, receiver) = conflate::channel(keys_max);
            for part in 0..4 {
                let sender = sender.clone();
                spawn(async move {
                    for value in 1..=VALUES {
                        for key in (part..KEYS).step_by(4) {
                            sender.send(key, value).await.unwrap();
                        }
                        yield_now().await;
                    }
                });
            }
            drop(sender);
            let (mut last, mut received) = (vec![0; KEYS as usize], 0);
            while let Ok((key, value)) = receiver.recv().await {
                assert!(value > last[key as usize], "{value} of {key} again");
                last[key as usize] = value;
                received += 1;
            }
            assert!(last.iter().all(|last| *last == VALUES));
            assert_eq!(received + receiver.conflated(), u64::from(KEYS * VALUES));
        }
    });
}
