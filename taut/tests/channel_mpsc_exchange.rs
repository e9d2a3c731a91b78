//! The channel between tasks of one core passes each item on once, in order, and gives its room and
//! its items to those who wait in the order in which they came.

mod common;

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use common::channel_mpsc::{empty, full, waiting_recv, waiting_send};
use common::channels::{ALL, ITEMS, add, total_until_closed};
use common::channels::{cancelled_in_wait, on_each, on_each_with_capacities, waiting};
use common::waiters::{assert_a_task_waits, settle};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, poll};
use taut::channel::mpsc::{self, SendError, TryRecvError, TrySendError};
use taut::{is_cancelled, spawn, yield_now};

#[test]
fn items_come_out_in_order_without_a_wait() {
    on_each(async || {
        let (sender, receiver) = empty(2);
        for item in 0..100 {
            assert!(matches!(poll!(pin!(sender.send(item))), std::task::Poll::Ready(Ok(()))));
            sender.try_send(item + 1000).unwrap();
            assert_eq!(receiver.recv().await, Ok(item));
            assert_eq!(receiver.try_recv(), Ok(item + 1000));
        }
    });
}

#[test]
fn a_send_waits_for_room_and_a_receive_for_an_item() {
    on_each(async || {
        let (sender, receiver) = full(2);
        let send = waiting_send(&sender, 2).await;
        assert_eq!(receiver.recv().await, Ok(0));
        assert_eq!(send.await.unwrap(), Ok(()));
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Ok(2)));
        let recv = waiting_recv(&receiver).await;
        sender.send(3).await.unwrap();
        assert_eq!(recv.await.unwrap(), Ok(3));
    });
}

#[test]
fn the_try_forms_never_wait_and_say_why_they_refuse() {
    on_each(async || {
        let (sender, receiver) = full(1);
        assert_eq!(sender.try_send(7), Err(TrySendError::Full(7)));
        assert_eq!(receiver.try_recv(), Ok(0));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        sender.try_send(1).unwrap();
        receiver.close();
        assert_eq!(sender.try_send(8), Err(TrySendError::Closed(8)));
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    });
}

#[test]
fn both_ends_tell_how_full_the_channel_is() {
    on_each(async || {
        let (sender, receiver) = empty(2);
        let facts = || {
            let of_sender = (sender.len(), sender.is_empty(), sender.is_full(), sender.is_closed());
            let of_receiver =
                (receiver.len(), receiver.is_empty(), receiver.is_full(), receiver.is_closed());
            assert_eq!(of_sender, of_receiver);
            of_sender
        };
        assert_eq!((sender.capacity(), receiver.capacity()), (2, 2));
        assert_eq!(facts(), (0, true, false, false));
        sender.send(1).await.unwrap();
        assert_eq!(facts(), (1, false, false, false));
        sender.send(2).await.unwrap();
        assert_eq!(facts(), (2, false, true, false));
        sender.close();
        assert_eq!(facts(), (2, false, true, true));
        receiver.recv().await.unwrap();
        receiver.recv().await.unwrap();
        assert_eq!(facts(), (0, true, false, true));
        let shown = format!("{sender:?} {receiver:?}");
        assert!(shown.contains("Sender { len: 0, capacity: 2, closed: true"), "{shown}");
    });
}

#[test]
#[should_panic(expected = "room for at least one item")]
fn a_channel_without_room_is_refused() {
    let _ = mpsc::channel::<u8>(0);
}

#[test]
fn items_go_to_waiting_receivers_in_the_order_in_which_they_came_one_each() {
    on_each(async || {
        let (sender, receiver) = empty(8);
        let order = Rc::new(RefCell::new(Vec::new()));
        for number in 0..5 {
            let (receiver, order) = (Rc::clone(&receiver), Rc::clone(&order));
            waiting(async move {
                let item = receiver.recv().await.unwrap();
                order.borrow_mut().push((number, item));
            })
            .await;
        }
        for item in 10..12 {
            let before = taut::counters().polls;
            sender.try_send(item).unwrap();
            while order.borrow().len() as u32 != item - 9 {
                yield_now().await;
            }
            let polls = taut::counters().polls - before;
            assert!(polls <= 3, "one is woken, not all: {polls} polls");
        }
        for item in 12..15 {
            sender.try_send(item).unwrap();
        }
        settle().await;
        let expected: Vec<_> = (0..5).zip(10..).collect();
        assert_eq!(*order.borrow(), expected);
    });
}

#[test]
fn room_goes_to_waiting_senders_in_order_and_nobody_overtakes() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let sends = [waiting_send(&sender, 1).await, waiting_send(&sender, 2).await].map(Some);
        for (expected, send) in (0..).zip(sends.into_iter().chain([None])) {
            assert_eq!(receiver.try_recv(), Ok(expected));
            if let Some(send) = send {
                assert_eq!(sender.try_send(99), Err(TrySendError::Full(99)), "it is promised");
                assert!(sender.try_reserve().is_err());
                let mut late = pin!(sender.send(98));
                assert!(poll!(late.as_mut()).is_pending());
                assert_eq!(send.await.unwrap(), Ok(()));
            }
        }
        sender.try_send(3).unwrap();
        assert_eq!(receiver.try_recv(), Ok(3));
    });
}

#[test]
fn a_fresh_receive_does_not_overtake_one_that_was_promised_an_item() {
    on_each(async || {
        let (sender, receiver) = empty(2);
        let first = waiting_recv(&receiver).await;
        sender.try_send(1).unwrap();
        let mut second = pin!(receiver.recv());
        assert!(poll!(second.as_mut()).is_pending());
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        sender.try_send(2).unwrap();
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(second.await, Ok(2));
    });
}

#[test]
fn reserved_room_is_kept_until_it_is_used_or_given_back() {
    on_each(async || {
        let (sender, receiver) = empty(2);
        let first = sender.reserve().await.unwrap();
        let second = sender.try_reserve().unwrap();
        assert_eq!(sender.try_send(7), Err(TrySendError::Full(7)));
        assert_eq!(sender.try_reserve().err(), Some(TrySendError::Full(())));
        assert_eq!(sender.len(), 0);
        second.send(2).unwrap();
        let send = waiting_send(&sender, 3).await;
        drop(first);
        assert_eq!(send.await.unwrap(), Ok(()));
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Ok(3)));

        let late = sender.try_reserve().unwrap();
        receiver.close();
        assert_eq!(late.send(4), Err(SendError::Closed(4)));
        assert_eq!(sender.reserve().await.err(), Some(SendError::Closed(())));
        assert_eq!(sender.try_reserve().err(), Some(TrySendError::Closed(())));
    });
}

#[test]
fn a_reserve_waits_in_the_line_of_the_senders() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let first = waiting_send(&sender, 1).await;
        let reserving = sender.clone();
        let second = waiting(async move {
            let permit = reserving.reserve().await.map_err(|_| ())?;
            permit.send(2).map_err(|_| ())
        })
        .await;
        let third = waiting_send(&sender, 3).await;
        for item in 0..4 {
            assert_eq!(receiver.recv().await, Ok(item));
        }
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(second.await.unwrap(), Ok(()));
        assert_eq!(third.await.unwrap(), Ok(()));

        sender.try_send(0).unwrap();
        let reserving = sender.clone();
        let cancelled = cancelled_in_wait(async move { reserving.reserve().await.map(drop) }).await;
        assert!(is_cancelled(&cancelled.unwrap_err()));
    });
}

#[test]
fn combinators_with_wakers_of_their_own_are_served() {
    on_each(async || {
        let (sender, receiver) = empty(4);
        let mut recvs: FuturesUnordered<_> = (0..4).map(|_| receiver.recv()).collect();
        let sums = async {
            let mut sum = 0;
            while let Some(item) = recvs.next().await {
                sum += item.unwrap();
            }
            sum
        };
        let sends = async {
            for item in 1..=4 {
                yield_now().await;
                sender.send(item).await.unwrap();
            }
        };
        assert_eq!(futures_util::join!(sums, sends).0, 10);
    });
}

#[test]
fn a_dump_names_the_wait_and_its_line() {
    on_each(async || {
        let (sender, receiver) = empty(1);
        let line = line!() + 1;
        let recv = waiting(async move { receiver.recv().await }).await;
        assert_a_task_waits("channel recv", line);
        sender.try_send(1).unwrap();
        assert_eq!(recv.await.unwrap(), Ok(1), "a dump changes nothing");
    });
}

#[test]
fn a_channel_outlives_its_runtime_and_needs_none() {
    let (sender, receiver) = mpsc::channel(2);
    sender.try_send(1).unwrap();
    common::on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            assert_eq!(receiver.recv().await, Ok(1));
            sender.send(2).await.unwrap();
        });
        drop(runtime);
        assert_eq!(futures_util::FutureExt::now_or_never(receiver.recv()), Some(Ok(2)));
        sender.try_send(1).unwrap();
    });
}

#[test]
fn four_producers_and_four_consumers_lose_and_double_nothing() {
    on_each_with_capacities(async |capacity| {
        let (sender, receiver) = mpsc::channel(capacity);
        let receiver = Rc::new(receiver);
        for producer in 0..4 {
            let sender = sender.clone();
            spawn(async move {
                for item in (producer..ITEMS).step_by(4) {
                    sender.send(item).await.unwrap();
                }
            });
        }
        drop(sender);
        let consumers: Vec<_> = (0..4)
            .map(|_| {
                let receiver = Rc::clone(&receiver);
                spawn(total_until_closed(async move || receiver.recv().await))
            })
            .collect();
        let mut total = (0, 0);
        for consumer in consumers {
            total = add(total, consumer.await.unwrap());
        }
        assert_eq!(total, ALL);
    });
}
