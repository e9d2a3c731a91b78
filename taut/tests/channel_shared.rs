//! The channel between threads and cores.

mod common;

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use common::waiters::settle;
use common::{HUNG_AFTER, block_on, on_each_driver_and_wait, until};
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::{FutureExt, poll};
use taut::channel::shared::{
    self, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use taut::time::timeout;
use taut::{Cancelled, is_cancelled, spawn, yield_now};

/// A channel that is full of 0, 1, 2 and so on.
fn full(capacity: u32) -> (shared::Sender<u32>, shared::Receiver<u32>) {
    let (sender, receiver) = shared::channel(capacity as usize);
    (0..capacity).for_each(|item| sender.try_send(item).unwrap());
    (sender, receiver)
}

/// Waits until so many stand in one of the lines of the channel.
fn until_wait(end: &impl Debug, line: &str, count: usize) {
    let wanted = format!("{line}_waiting: {count}");
    let started = Instant::now();
    while !format!("{end:?}").contains(&wanted) {
        assert!(started.elapsed() < HUNG_AFTER, "{end:?}");
        thread::yield_now();
    }
}

/// A thread that stands in the line of receivers, behind those that do already.
fn waiting_thread<T: Send + 'static>(
    end: &impl Debug,
    line: &str,
    before: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let thread = thread::spawn(work);
    until_wait(end, line, before + 1);
    thread
}

#[test]
fn ends_and_waits_may_go_anywhere() {
    fn anywhere<T: Send>(_: &T) {}
    fn shared_anywhere<T: Send + Sync + Clone>(_: &T) {}

    let (sender, receiver) = shared::channel(1);
    shared_anywhere(&sender);
    shared_anywhere(&receiver);
    anywhere(&sender.send(1));
    anywhere(&receiver.recv());
    anywhere(&sender.closed());
}

#[test]
fn tasks_send_and_receive_at_once_or_after_a_wait() {
    on_each(async || {
        let (sender, receiver) = shared::channel(2);
        for item in 0..20 {
            assert_eq!(poll!(pin!(sender.send(item))), Poll::Ready(Ok(())));
            assert_eq!(poll!(pin!(receiver.recv())), Poll::Ready(Ok(item)));
        }
        let own = receiver.clone();
        let recv = waiting(async move { own.recv().await }).await;
        sender.send(7).await.unwrap();
        assert_eq!(recv.await.unwrap(), Ok(7));
        sender.try_send(0).unwrap();
        sender.try_send(1).unwrap();
        let own = sender.clone();
        let send = waiting(async move { own.send(2).await }).await;
        assert_eq!(receiver.recv().await, Ok(0));
        assert_eq!(send.await.unwrap(), Ok(()));
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
    });
}

#[test]
fn the_try_forms_never_wait_and_say_why_they_refuse() {
    let (sender, receiver) = full(1);
    assert_eq!(sender.try_send(7), Err(TrySendError::Full(7)));
    assert_eq!((sender.len(), receiver.capacity(), sender.is_full()), (1, 1, true));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert!(receiver.is_empty() && !receiver.is_closed());
    sender.try_send(1).unwrap();
    sender.close();
    assert_eq!(sender.try_send(8), Err(TrySendError::Closed(8)));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
#[should_panic(expected = "room for at least one item")]
fn a_channel_without_room_is_refused() {
    let _ = shared::channel::<u8>(0);
}

#[test]
fn threads_send_and_receive_at_once_or_after_a_wait() {
    let (sender, receiver) = shared::channel(1);
    sender.send_blocking(1).unwrap();
    assert_eq!(receiver.recv_blocking(), Ok(1));
    sender.send_timeout(2, Duration::ZERO).unwrap();
    assert_eq!(receiver.recv_timeout(Duration::ZERO), Ok(2));

    let own = receiver.clone();
    let thread = waiting_thread(&receiver, "receivers", 0, move || own.recv_blocking());
    sender.send_blocking(3).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(3));
    let own = receiver.clone();
    let thread = waiting_thread(&receiver, "receivers", 0, move || own.recv_timeout(HUNG_AFTER));
    sender.send_blocking(4).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(4));

    sender.send_blocking(0).unwrap();
    let own = sender.clone();
    let thread = waiting_thread(&sender, "senders", 0, move || own.send_blocking(5));
    assert_eq!(receiver.recv_blocking(), Ok(0));
    assert_eq!(thread.join().unwrap(), Ok(()));
    let own = sender.clone();
    let thread = waiting_thread(&sender, "senders", 0, move || own.send_timeout(6, Duration::MAX));
    assert_eq!(receiver.recv_blocking(), Ok(5));
    assert_eq!(thread.join().unwrap(), Ok(()));
    assert_eq!(receiver.recv_blocking(), Ok(6));
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
        let own = sender.clone();
        let send = waiting(async move { own.send(3).await }).await;
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
fn a_thread_wakes_a_core_however_it_waits() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (sender, receiver) = shared::channel(1);
            let (back, answers) = shared::channel(1);
            let thread = thread::spawn(move || {
                for item in 0..500 {
                    sender.send_blocking(item).unwrap();
                    assert_eq!(answers.recv_blocking(), Ok(item));
                }
            });
            for item in 0..500 {
                assert_eq!(receiver.recv().await, Ok(item));
                back.send(item).await.unwrap();
            }
            assert_eq!(receiver.recv().await, Err(RecvError::Closed));
            thread.join().unwrap();
        });
    });
}

#[test]
fn tasks_and_threads_stand_in_one_line() {
    on_each(async || {
        let (sender, receiver) = shared::channel(4);
        let own = receiver.clone();
        let first = waiting(async move { own.recv().await }).await;
        let own = receiver.clone();
        let second = waiting_thread(&receiver, "receivers", 1, move || own.recv_blocking());
        let own = receiver.clone();
        let third = waiting(async move { own.recv().await }).await;
        for item in 1..=3 {
            sender.try_send(item).unwrap();
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "all are promised");
        // Items go by the order in which those who were woken come by: one each.
        let got = [first.await.unwrap(), second.join().unwrap(), third.await.unwrap()];
        let mut got = got.map(Result::unwrap);
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3]);
    });
}

#[test]
fn one_item_wakes_one_waiter_in_order() {
    on_each(async || {
        let (sender, receiver) = shared::channel(1);
        let mut recvs = Vec::new();
        for _ in 0..4 {
            let own = receiver.clone();
            recvs.push(waiting(async move { own.recv().await }).await);
        }
        for (number, recv) in recvs.into_iter().enumerate() {
            let before = taut::counters().polls;
            sender.try_send(number).unwrap();
            assert_eq!(recv.await.unwrap(), Ok(number));
            assert!(taut::counters().polls - before <= 3, "the others sleep on");
        }
        sender.try_send(0).unwrap();
        let mut sends = Vec::new();
        for number in 1..4 {
            let own = sender.clone();
            sends.push(waiting(async move { own.send(number).await }).await);
        }
        for (number, send) in sends.into_iter().enumerate() {
            assert_eq!(receiver.try_recv(), Ok(number));
            assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)), "it is promised");
            assert_eq!(send.await.unwrap(), Ok(()));
        }
    });
}

#[test]
fn a_waiter_that_is_dropped_hands_on_what_it_was_promised() {
    on_each(async || {
        let (sender, receiver) = shared::channel(1);
        let own = receiver.clone();
        let first = waiting(async move { own.recv().await }).await;
        let own = receiver.clone();
        let second = waiting_thread(&receiver, "receivers", 1, move || own.recv_blocking());
        sender.try_send(7).unwrap();
        abort(first).await;
        assert_eq!(second.join().unwrap(), Ok(7));

        sender.try_send(0).unwrap();
        let own = sender.clone();
        let first = waiting(async move { own.send(1).await }).await;
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
        let own = receiver.clone();
        let recv = waiting(async move { own.recv().await }).await;
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
fn blocking_on_a_core_is_refused() {
    on_each(async || {
        let (sender, receiver) = shared::channel(1);
        let panics = spawn(async move { receiver.recv_blocking() }).await.unwrap_err();
        assert!(format!("{panics:?}").contains("would block the core"), "{panics:?}");
        let panics = spawn(async move { sender.send_timeout(1, HUNG_AFTER) }).await.unwrap_err();
        assert!(panics.is_panic());
    });
}

#[test]
fn a_task_that_never_has_to_wait_gives_way_all_the_same() {
    on_each(async || {
        let (sender, receiver) = full(1000);
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        let eager = spawn(async move {
            while receiver.recv().await.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut between = 0;
        yield_now().await;
        while received.load(Ordering::Relaxed) < 1000 {
            between += 1;
            yield_now().await;
        }
        assert!(between >= 5, "the others ran {between} times");
        drop(sender);
        eager.await.unwrap();
    });
}

#[test]
fn no_runtime_is_needed() {
    let (sender, receiver) = shared::channel(1);
    assert_eq!(sender.send(1).now_or_never(), Some(Ok(())));
    assert_eq!(sender.send(2).now_or_never(), None);
    assert_eq!(receiver.recv().now_or_never(), Some(Ok(1)));
    assert_eq!(receiver.recv().now_or_never(), None);
}

#[test]
fn a_dump_names_the_wait_and_its_line() {
    on_each(async || {
        let (sender, receiver) = shared::channel::<u8>(1);
        let line = line!() + 1;
        let recv = waiting(async move { receiver.recv().await }).await;
        let dump = taut::dump();
        let waits: Vec<_> = dump.tasks().iter().flat_map(|task| task.waits()).collect();
        let wait = waits.iter().find(|wait| wait.what() == Some("channel recv"));
        assert_eq!(wait.expect("it waits").location().unwrap().line(), line, "{dump}");
        sender.try_send(1).unwrap();
        assert_eq!(recv.await.unwrap(), Ok(1));
    });
}

/// How many items there were, and their sum.
type Total = (u64, u64);

fn add(one: Total, other: Total) -> Total {
    (one.0 + other.0, one.1 + other.1)
}

async fn receive_all(receiver: shared::Receiver<u64>) -> Total {
    let mut total = (0, 0);
    while let Ok(item) = receiver.recv().await {
        total = add(total, (1, item));
    }
    total
}

fn receive_all_blocking(receiver: shared::Receiver<u64>) -> Total {
    let mut total = (0, 0);
    while let Ok(item) = receiver.recv_blocking() {
        total = add(total, (1, item));
    }
    total
}

const ITEMS: u64 = 100_000;
const ALL: Total = (ITEMS, ITEMS * (ITEMS - 1) / 2);

/// Each time on a runtime of its own, with a time limit of its own.
fn on_each_with_capacities(body: impl AsyncFn(usize)) {
    for capacity in [1, 2, 7, 64, 1024] {
        eprintln!("capacity {capacity}");
        on_each(async || body(capacity).await);
    }
}

#[test]
fn four_threads_and_four_tasks_exchange_100_000_items() {
    on_each_with_capacities(async |capacity| {
        let (sender, receiver) = shared::channel(capacity);
        let producers: Vec<_> = (0..4)
            .map(|producer| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for item in (producer..ITEMS).step_by(4) {
                        sender.send_blocking(item).unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let consumers: Vec<_> = (0..4).map(|_| spawn(receive_all(receiver.clone()))).collect();
        let mut total = (0, 0);
        for consumer in consumers {
            total = add(total, consumer.await.unwrap());
        }
        assert_eq!(total, ALL);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
    });
}

#[test]
fn tasks_and_threads_on_both_sides_lose_and_double_nothing() {
    on_each_with_capacities(async |capacity| {
        let (sender, receiver) = shared::channel(capacity);
        let mut threads = Vec::new();
        for producer in 0..4 {
            let sender = sender.clone();
            let mut items = (producer..ITEMS).step_by(4);
            if producer < 2 {
                threads.push(thread::spawn(move || {
                    items.for_each(|item| sender.send_blocking(item).unwrap());
                    (0, 0)
                }));
            } else {
                spawn(async move {
                    for item in items.by_ref() {
                        sender.send(item).await.unwrap();
                    }
                });
            }
        }
        drop(sender);
        let consumers = [(), ()].map(|()| spawn(receive_all(receiver.clone())));
        for _ in 0..2 {
            let receiver = receiver.clone();
            threads.push(thread::spawn(move || receive_all_blocking(receiver)));
        }
        let mut total = (0, 0);
        for consumer in consumers {
            total = add(total, consumer.await.unwrap());
        }
        for thread in threads {
            total = add(total, thread.join().unwrap());
        }
        assert_eq!(total, ALL);
    });
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
