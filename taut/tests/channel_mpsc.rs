//! The channel between tasks of one core: order, room, fairness, the end.

mod common;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use common::waiters::settle;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, poll};
use taut::channel::mpsc::{self, RecvError, SendError, TryRecvError, TrySendError};
use taut::time::timeout;
use taut::{is_cancelled, spawn, yield_now};

/// A channel that is full of 0, 1, 2 and so on.
fn full(capacity: u32) -> (mpsc::Sender<u32>, Rc<mpsc::Receiver<u32>>) {
    let (sender, receiver) = mpsc::channel(capacity as usize);
    (0..capacity).for_each(|item| sender.try_send(item).unwrap());
    (sender, Rc::new(receiver))
}

fn empty(capacity: usize) -> (mpsc::Sender<u32>, Rc<mpsc::Receiver<u32>>) {
    let (sender, receiver) = mpsc::channel(capacity);
    (sender, Rc::new(receiver))
}

/// Sends in a task of its own, which waits.
async fn waiting_send(
    sender: &mpsc::Sender<u32>,
    item: u32,
) -> taut::JoinHandle<Result<(), SendError<u32>>> {
    let sender = sender.clone();
    waiting(async move { sender.send(item).await }).await
}

/// Receives in a task of its own, which waits.
async fn waiting_recv(
    receiver: &Rc<mpsc::Receiver<u32>>,
) -> taut::JoinHandle<Result<u32, RecvError>> {
    let receiver = Rc::clone(receiver);
    waiting(async move { receiver.recv().await }).await
}

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
fn closing_gives_waiting_senders_their_items_back_and_keeps_what_is_buffered() {
    on_each(async || {
        for by_sender in [false, true] {
            let (sender, receiver) = full(2);
            let sends = [waiting_send(&sender, 2).await, waiting_send(&sender, 3).await];
            match by_sender {
                true => sender.close(),
                false => receiver.close(),
            }
            for (send, item) in sends.into_iter().zip(2..) {
                assert_eq!(send.await.unwrap(), Err(SendError::Closed(item)));
            }
            assert_eq!(sender.send(4).await, Err(SendError::Closed(4)));
            assert_eq!((receiver.recv().await, receiver.recv().await), (Ok(0), Ok(1)));
            assert_eq!(receiver.recv().await, Err(RecvError::Closed));
            assert_eq!(receiver.recv().await, Err(RecvError::Closed), "for ever");
        }
    });
}

#[test]
fn a_sender_that_was_promised_room_gets_its_item_back_when_the_channel_closes_first() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let send = waiting_send(&sender, 1).await;
        assert_eq!(receiver.try_recv(), Ok(0));
        receiver.close();
        assert_eq!(send.await.unwrap(), Err(SendError::Closed(1)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    });
}

#[test]
fn closing_lets_waiting_receivers_go() {
    on_each(async || {
        let (sender, receiver) = empty(1);
        let recvs = [waiting_recv(&receiver).await, waiting_recv(&receiver).await];
        sender.close();
        for recv in recvs {
            assert_eq!(recv.await.unwrap(), Err(RecvError::Closed));
        }
    });
}

#[test]
fn an_item_that_was_promised_before_the_close_is_received() {
    on_each(async || {
        let (sender, receiver) = empty(1);
        let first = waiting_recv(&receiver).await;
        let second = waiting_recv(&receiver).await;
        sender.try_send(7).unwrap();
        sender.close();
        assert_eq!(first.await.unwrap(), Ok(7));
        assert_eq!(second.await.unwrap(), Err(RecvError::Closed));

        let (sender, receiver) = empty(1);
        let first = waiting_recv(&receiver).await;
        let second = waiting_recv(&receiver).await;
        sender.try_send(8).unwrap();
        sender.close();
        abort(first).await;
        assert_eq!(receiver.try_recv().ok().or(second.await.unwrap().ok()), Some(8));
    });
}

#[test]
fn the_last_sender_to_go_closes_and_what_was_sent_still_comes() {
    on_each(async || {
        let (sender, receiver) = empty(4);
        let other = sender.clone();
        sender.try_send(1).unwrap();
        drop(sender);
        assert!(!receiver.is_closed());
        other.try_send(2).unwrap();
        let receiver_task = Rc::clone(&receiver);
        let sum = spawn(async move {
            let mut sum = 0;
            while let Ok(item) = receiver_task.recv().await {
                sum += item;
            }
            sum
        });
        settle().await;
        assert!(!sum.is_finished());
        drop(other);
        assert_eq!(sum.await.unwrap(), 3);
        assert!(receiver.is_closed());
    });
}

#[test]
fn senders_learn_that_the_receiver_is_gone() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let send = waiting_send(&sender, 1).await;
        let watcher = sender.clone();
        let closed = waiting(async move { watcher.closed().await }).await;
        drop(receiver);
        assert_eq!(send.await.unwrap(), Err(SendError::Closed(1)));
        assert_eq!(closed.await.unwrap(), Ok(()));
        assert!(sender.is_closed());
        assert_eq!(sender.len(), 0, "nobody will receive it: it is dropped at once");
        assert_eq!(sender.closed().await, Ok(()));
    });
}

#[test]
fn an_item_that_holds_a_sender_of_its_own_channel_does_not_keep_it_alive() {
    struct Looped {
        _own: mpsc::Sender<Self>,
        dropped: Rc<Cell<bool>>,
    }

    impl Drop for Looped {
        fn drop(&mut self) {
            self.dropped.set(true);
        }
    }

    on_each(async || {
        let dropped = Rc::new(Cell::new(false));
        let (sender, receiver) = mpsc::channel(1);
        let item = Looped { _own: sender.clone(), dropped: Rc::clone(&dropped) };
        assert!(sender.try_send(item).is_ok());
        drop(sender);
        drop(receiver);
        assert!(dropped.get());
    });
}

#[test]
fn a_destructor_of_an_item_may_use_the_channel() {
    struct Nosy(mpsc::Sender<Self>, Rc<Cell<usize>>);

    impl Drop for Nosy {
        fn drop(&mut self) {
            self.1.set(self.1.get() + self.0.len() + 1);
            assert!(self.0.is_closed());
            self.0.close();
        }
    }

    on_each(async || {
        let (sender, receiver) = mpsc::channel(3);
        let count = Rc::new(Cell::new(0));
        for _ in 0..3 {
            assert!(sender.try_send(Nosy(sender.clone(), Rc::clone(&count))).is_ok());
        }
        drop(receiver);
        assert_eq!(count.get(), 1 + 2 + 3);
    });
}

#[test]
fn a_cancelled_send_gives_its_item_back_and_leaves_the_line() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let in_wait = sender.clone();
        let error = cancelled_in_wait(async move { in_wait.send(7).await }).await.unwrap_err();
        assert!(is_cancelled(&error));
        assert_eq!(error.into_inner(), 7);
        assert_eq!(receiver.recv().await, Ok(0));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        // There is room now, but the task was asked to stop before it began.
        let at_once = sender.clone();
        let error = begun_cancelled(async move { at_once.send(8).await }).await.unwrap_err();
        assert_eq!(error, SendError::Cancelled(8));
        assert!(sender.is_empty());
    });
}

#[test]
fn a_cancelled_receive_takes_nothing() {
    on_each(async || {
        let (sender, receiver) = empty(1);
        let in_wait = Rc::clone(&receiver);
        let error = cancelled_in_wait(async move { in_wait.recv().await }).await.unwrap_err();
        assert!(is_cancelled(&error));
        sender.send(7).await.unwrap();
        let at_once = Rc::clone(&receiver);
        let error = begun_cancelled(async move { at_once.recv().await }).await;
        assert_eq!(error, Err(RecvError::Cancelled));
        assert_eq!(receiver.recv().await, Ok(7));
        let closed = cancelled_in_wait(async move { sender.closed().await }).await;
        assert_eq!(closed, Err(taut::Cancelled));
    });
}

#[test]
fn of_a_cancel_and_an_item_the_first_one_counts() {
    on_each(async || {
        let (sender, receiver) = empty(1);
        let recv = waiting_recv(&receiver).await;
        sender.try_send(7).unwrap();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "it is promised");
        recv.cancel();
        assert_eq!(recv.await.unwrap(), Ok(7), "the item was there first");

        let recv = waiting_recv(&receiver).await;
        recv.cancel();
        sender.try_send(8).unwrap();
        assert_eq!(recv.await.unwrap(), Err(RecvError::Cancelled));
        assert_eq!(receiver.try_recv(), Ok(8), "nothing is lost");

        sender.try_send(9).unwrap();
        let send = waiting_send(&sender, 10).await;
        assert_eq!(receiver.try_recv(), Ok(9));
        send.cancel();
        assert_eq!(send.await.unwrap(), Ok(()), "the room was there first");
        assert_eq!(receiver.try_recv(), Ok(10));
    });
}

#[test]
fn waits_end_at_a_deadline_and_leave_nothing_behind() {
    on_each(async || {
        let (sender, receiver) = full(1);
        let moment = Duration::from_micros(50);
        assert!(timeout(moment, sender.send(7)).await.is_err());
        assert_eq!(timeout(moment, receiver.recv()).await, Ok(Ok(0)));
        assert!(timeout(moment, receiver.recv()).await.is_err());
        assert!(timeout(moment, sender.closed()).await.is_err());
        sender.try_send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
    });
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
fn a_waiter_that_is_dropped_hands_on_what_it_was_promised() {
    on_each(async || {
        let (sender, receiver) = empty(1);
        let first = waiting_recv(&receiver).await;
        let second = waiting_recv(&receiver).await;
        sender.try_send(7).unwrap();
        abort(first).await;
        assert_eq!(second.await.unwrap(), Ok(7));

        sender.try_send(0).unwrap();
        let first = waiting_send(&sender, 1).await;
        let second = waiting_send(&sender, 2).await;
        assert_eq!(receiver.try_recv(), Ok(0));
        abort(first).await;
        assert_eq!(second.await.unwrap(), Ok(()));
        assert_eq!(receiver.try_recv(), Ok(2));

        // With nobody behind, it is free again.
        let alone = waiting_recv(&receiver).await;
        sender.try_send(3).unwrap();
        abort(alone).await;
        assert_eq!(receiver.try_recv(), Ok(3));
        sender.try_send(4).unwrap();
        let alone = waiting_send(&sender, 5).await;
        assert_eq!(receiver.try_recv(), Ok(4));
        abort(alone).await;
        sender.try_send(6).unwrap();
    });
}

#[test]
fn a_waiter_in_the_middle_of_the_line_can_go() {
    on_each(async || {
        let (sender, receiver) = empty(4);
        let mut recvs = Vec::new();
        for _ in 0..5 {
            recvs.push(waiting_recv(&receiver).await);
        }
        abort(recvs.remove(2)).await;
        abort(recvs.remove(0)).await;
        abort(recvs.pop().unwrap()).await;
        for (recv, item) in recvs.into_iter().zip(0..) {
            sender.try_send(item).unwrap();
            assert_eq!(recv.await.unwrap(), Ok(item));
        }
        let shown = format!("{receiver:?}");
        assert!(shown.contains("receivers_waiting: 0"), "{shown}");
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
        let dump = taut::dump();
        let waits: Vec<_> = dump.tasks().iter().flat_map(|task| task.waits()).collect();
        let wait = waits.iter().find(|wait| wait.what() == Some("channel recv"));
        assert_eq!(wait.expect("it waits").location().unwrap().line(), line, "{dump}");
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
fn waiters_at_the_end_of_a_runtime_let_go_of_their_place() {
    common::on_each_driver(|builder| {
        let (sender, receiver) = empty(1);
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            for _ in 0..3 {
                waiting_recv(&receiver).await;
            }
        });
        // Promised to the first, which is never polled again.
        sender.try_send(7).unwrap();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        drop(runtime);
        assert_eq!(receiver.try_recv(), Ok(7));
    });
}

#[test]
fn four_producers_and_four_consumers_lose_and_double_nothing() {
    const ITEMS: u64 = 100_000;
    const TASKS: u64 = 4;

    on_each(async || {
        for capacity in [1, 2, 7, 64, 1024] {
            let (sender, receiver) = mpsc::channel(capacity);
            let receiver = Rc::new(receiver);
            for producer in 0..TASKS {
                let sender = sender.clone();
                spawn(async move {
                    for item in 0..ITEMS / TASKS {
                        sender.send(item * TASKS + producer).await.unwrap();
                    }
                });
            }
            drop(sender);
            let consumers: Vec<_> = (0..TASKS)
                .map(|_| {
                    let receiver = Rc::clone(&receiver);
                    spawn(async move {
                        let (mut count, mut sum) = (0, 0);
                        while let Ok(item) = receiver.recv().await {
                            count += 1;
                            sum += item;
                        }
                        (count, sum)
                    })
                })
                .collect();
            let mut total = (0, 0);
            for consumer in consumers {
                let (count, sum) = consumer.await.unwrap();
                total = (total.0 + count, total.1 + sum);
            }
            assert_eq!(total, (ITEMS, ITEMS * (ITEMS - 1) / 2), "capacity {capacity}");
        }
    });
}
