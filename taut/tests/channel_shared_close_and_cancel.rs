//! The channel between threads and cores when it is closed, and its waits when they are cancelled,
//! time out or are dropped: no task and no thread hangs, and no item is lost.

mod common;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::channel_shared::{full, receive_all, waiting_recv, waiting_send, waiting_thread};
use common::channels::{abort, add, begun_cancelled, cancelled_in_wait, on_each, waiting};
use common::waiters::settle;
use common::{HUNG_AFTER, until};
use futures_util::poll;
use futures_util::stream::{FuturesUnordered, StreamExt};
use taut::channel::shared::{self, RecvError, RecvTimeoutError, SendError, SendTimeoutError};
use taut::time::timeout;
use taut::{Cancelled, is_cancelled, spawn};

#[test]
fn closing_lets_threads_go_with_their_items() {
    for by_drop in [false, true] {
        let (sender, receiver) = full(1);
        let own = sender.clone();
        let first = waiting_thread(&sender, "senders", 0, move || own.send_blocking(1));
        let own = sender.clone();
        let limit = HUNG_AFTER;
        let second = waiting_thread(&sender, "senders", 1, move || own.send_timeout(2, limit));
        match by_drop {
            true => drop(receiver),
            false => receiver.close(),
        }
        assert_eq!(first.join().unwrap(), Err(SendError::Closed(1)));
        assert_eq!(second.join().unwrap(), Err(SendTimeoutError::Closed(2)));
        assert_eq!(sender.send_blocking(3), Err(SendError::Closed(3)));
        assert_eq!(sender.len(), usize::from(!by_drop), "dropped with the last receiver");
    }
    for by_drop in [false, true] {
        let (sender, receiver) = shared::channel::<u8>(1);
        let own = receiver.clone();
        let first = waiting_thread(&receiver, "receivers", 0, move || own.recv_blocking());
        let own = receiver.clone();
        let limit = HUNG_AFTER;
        let second = waiting_thread(&receiver, "receivers", 1, move || own.recv_timeout(limit));
        match by_drop {
            true => drop(sender),
            false => sender.close(),
        }
        assert_eq!(first.join().unwrap(), Err(RecvError::Closed));
        assert_eq!(second.join().unwrap(), Err(RecvTimeoutError::Closed));
        assert_eq!(receiver.recv_blocking(), Err(RecvError::Closed));
    }
}

#[test]
fn what_was_sent_is_received_after_the_close_by_tasks_and_threads() {
    on_each(async || {
        let (sender, receiver) = full(3);
        let send = waiting_send(&sender, 3).await;
        drop(sender);
        receiver.close();
        assert_eq!(send.await.unwrap(), Err(SendError::Closed(3)));
        let own = receiver.clone();
        assert_eq!(thread::spawn(move || own.recv_blocking()).join().unwrap(), Ok(0));
        assert_eq!((receiver.recv().await, receiver.try_recv()), (Ok(1), Ok(2)));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    });
}

#[test]
fn senders_learn_that_the_last_receiver_is_gone() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let own = sender.clone();
        let closed = waiting(async move { own.closed().await }).await;
        let other = receiver.clone();
        drop(receiver);
        settle().await;
        assert!(!closed.is_finished());
        thread::spawn(move || drop(other)).join().unwrap();
        assert_eq!(closed.await.unwrap(), Ok(()));
        assert!(sender.is_closed() && sender.is_empty());
        assert_eq!(sender.send(7).await, Err(SendError::Closed(7)));
        assert_eq!(sender.closed().await, Ok(()));
    });
}

#[test]
fn a_waiter_that_is_dropped_hands_on_what_it_was_promised() {
    on_each(async || {
        let (sender, receiver) = shared::channel(1);
        let first = waiting_recv(&receiver).await;
        let own = receiver.clone();
        let second = waiting_thread(&receiver, "receivers", 1, move || own.recv_blocking());
        sender.try_send(7).unwrap();
        abort(first).await;
        assert_eq!(second.join().unwrap(), Ok(7));

        sender.try_send(0).unwrap();
        let first = waiting_send(&sender, 1).await;
        let own = sender.clone();
        let second = waiting_thread(&sender, "senders", 1, move || own.send_blocking(2));
        assert_eq!(receiver.try_recv(), Ok(0));
        abort(first).await;
        assert_eq!(second.join().unwrap(), Ok(()));
        assert_eq!(receiver.try_recv(), Ok(2));
        sender.try_send(3).unwrap();
    });
}

#[test]
fn a_cancelled_wait_gives_its_item_back_and_takes_none() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let own = sender.clone();
        let error = cancelled_in_wait(async move { own.send(7).await }).await.unwrap_err();
        assert!(is_cancelled(&error));
        assert_eq!(error.into_inner(), 7);
        let own = receiver.clone();
        let error = begun_cancelled(async move { own.recv().await }).await;
        assert_eq!(error, Err(RecvError::Cancelled));
        assert_eq!(receiver.recv().await, Ok(0));
        let own = sender.clone();
        let error = begun_cancelled(async move { own.send(8).await }).await;
        assert_eq!(error, Err(SendError::Cancelled(8)));
        let own = receiver.clone();
        let error = cancelled_in_wait(async move { own.recv().await }).await.unwrap_err();
        assert!(is_cancelled(&error));
        let own = sender.clone();
        let closed = cancelled_in_wait(async move { own.closed().await });
        assert_eq!(closed.await, Err(Cancelled));
        // What was promised before the cancel is given.
        let recv = waiting_recv(&receiver).await;
        sender.try_send(9).unwrap();
        recv.cancel();
        assert_eq!(recv.await.unwrap(), Ok(9));
    });
}

#[test]
fn a_cancel_finds_waits_behind_a_combinator() {
    on_each(async || {
        let (sender, receiver) = shared::channel::<u8>(1);
        let own = receiver.clone();
        let outcome = cancelled_in_wait(async move {
            let mut recvs: FuturesUnordered<_> = (0..3).map(|_| own.recv()).collect();
            let mut cancelled = 0;
            while let Some(received) = recvs.next().await {
                cancelled += u32::from(received == Err(RecvError::Cancelled));
            }
            cancelled
        });
        assert_eq!(outcome.await, 3);
        sender.try_send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
    });
}

#[test]
fn waits_of_tasks_end_at_a_deadline() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let moment = Duration::from_micros(50);
        assert!(timeout(moment, sender.send(7)).await.is_err());
        assert_eq!(timeout(moment, receiver.recv()).await, Ok(Ok(0)));
        assert!(timeout(moment, receiver.recv()).await.is_err());
        sender.try_send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
    });
}

#[test]
fn threads_that_wait_too_long_give_up_and_leave_the_line() {
    let moment = Duration::from_millis(2);
    let (sender, receiver) = full(1);
    let started = Instant::now();
    assert_eq!(sender.send_timeout(7, moment), Err(SendTimeoutError::Timeout(7)));
    assert_eq!(sender.send_timeout(8, Duration::ZERO), Err(SendTimeoutError::Timeout(8)));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(receiver.recv_timeout(moment), Err(RecvTimeoutError::Timeout));
    assert!(started.elapsed() >= 2 * moment, "not before");
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    let shown = format!("{sender:?}");
    assert!(shown.contains("senders_waiting: 0, receivers_waiting: 0"), "{shown}");
}

/// Waits that give up all the time, beside those that don't: nothing is lost between them.
#[test]
fn impatient_waiters_lose_nothing() {
    const ITEMS: u64 = 200;

    for capacity in [1, 3] {
        on_each(async || {
            let (sender, receiver) = shared::channel(capacity);
            let done = Arc::new(AtomicBool::new(false));
            let own = receiver.clone();
            let impatient_recv = thread::spawn(move || {
                let mut total = (0, 0);
                loop {
                    match own.recv_timeout(Duration::from_micros(5)) {
                        Ok(item) => total = add(total, (1, item)),
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(_) => return total,
                    }
                }
            });
            let (own, end) = (sender.clone(), Arc::clone(&done));
            let impatient_send = thread::spawn(move || {
                for mut item in (0..ITEMS).step_by(2) {
                    while let Err(error) = own.send_timeout(item, Duration::from_micros(5)) {
                        item = error.into_inner();
                    }
                }
                end.store(true, Ordering::Release);
            });
            let patient = spawn(receive_all(receiver));
            let patient_send = spawn(async move {
                let mut more = 0;
                for item in (1..ITEMS).step_by(2) {
                    sender.send(item).await.unwrap();
                    more += u64::from(poll!(pin!(sender.send(0))).is_ready());
                }
                more
            });
            let more = patient_send.await.unwrap();
            until(|| done.load(Ordering::Acquire)).await;
            impatient_send.join().unwrap();
            let total = add(patient.await.unwrap(), impatient_recv.join().unwrap());
            assert_eq!(total, (ITEMS + more, ITEMS * (ITEMS - 1) / 2));
        });
    }
}
