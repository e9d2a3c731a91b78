//! The channel between threads and cores passes each item on once, in order, to tasks and threads
//! that stand in one line, and never blocks a core.

mod common;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::channel_shared::{full, receive_all, waiting_recv, waiting_send, waiting_thread};
use common::channels::{ALL, ITEMS, Total, add, on_each, on_each_with_capacities, waiting};
use common::waiters::assert_a_task_waits;
use common::{HUNG_AFTER, block_on, on_each_driver_and_wait};
use futures_util::{FutureExt, poll};
use taut::channel::shared::{self, RecvError, TryRecvError, TrySendError};
use taut::{spawn, yield_now};

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
        let recv = waiting_recv(&receiver).await;
        sender.send(7).await.unwrap();
        assert_eq!(recv.await.unwrap(), Ok(7));
        sender.try_send(0).unwrap();
        sender.try_send(1).unwrap();
        let send = waiting_send(&sender, 2).await;
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
        let first = waiting_recv(&receiver).await;
        let own = receiver.clone();
        let second = waiting_thread(&receiver, "receivers", 1, move || own.recv_blocking());
        let third = waiting_recv(&receiver).await;
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
            recvs.push(waiting_recv(&receiver).await);
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
            sends.push(waiting_send(&sender, number).await);
        }
        for (number, send) in sends.into_iter().enumerate() {
            assert_eq!(receiver.try_recv(), Ok(number));
            assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)), "it is promised");
            assert_eq!(send.await.unwrap(), Ok(()));
        }
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
        assert_a_task_waits("channel recv", line);
        sender.try_send(1).unwrap();
        assert_eq!(recv.await.unwrap(), Ok(1));
    });
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

fn receive_all_blocking(receiver: shared::Receiver<u64>) -> Total {
    let mut total = (0, 0);
    while let Ok(item) = receiver.recv_blocking() {
        total = add(total, (1, item));
    }
    total
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
