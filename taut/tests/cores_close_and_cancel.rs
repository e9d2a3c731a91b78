//! Rings between threads when they are closed, and their waits when they are cancelled, time out or
//! are dropped: nobody hangs, no item is lost, and what was not sent comes back.

mod common;

use std::thread;
use std::time::Duration;

use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use common::waiters::waits_of;
use common::{block_on, on_each_driver_and_wait};
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use taut::cores::mpsc::{self, RecvTimeoutError, SendTimeoutError, TrySendError};
use taut::cores::spsc::{self, RecvError, SendError, TryRecvError};
use taut::is_cancelled;
use taut::time::{sleep, timeout};

/// Long enough for the other side to fall asleep, where it does at all.
const MOMENT: Duration = Duration::from_millis(5);

/// A ring that is full of 0, 1, 2 and so on.
fn full(capacity: u32) -> (spsc::Sender<u32>, spsc::Receiver<u32>) {
    let (mut sender, receiver) = spsc::channel(capacity as usize);
    (0..capacity).for_each(|item| sender.try_send(item).unwrap());
    (sender, receiver)
}

fn full_for_many(capacity: u32) -> (mpsc::Sender<u32>, mpsc::Receiver<u32>) {
    let (mut sender, receiver) = mpsc::channel(capacity as usize);
    (0..capacity).for_each(|item| sender.try_send(item).unwrap());
    (sender, receiver)
}

#[test]
fn a_receiver_that_closes_or_goes_gives_a_waiting_sender_on_another_core_its_item_back() {
    on_each_driver_and_wait(|builder| {
        for drops in [false, true] {
            let (mut sender, mut receiver) = full(2);
            let sends = builder.clone();
            let thread =
                thread::spawn(move || block_on(sends, async move { sender.send(7).await }));
            block_on(builder.clone(), async move {
                sleep(MOMENT).await.unwrap();
                if drops {
                    return drop(receiver);
                }
                receiver.close();
                assert_eq!((receiver.recv().await, receiver.recv().await), (Ok(0), Ok(1)));
                assert_eq!(receiver.recv().await, Err(RecvError::Closed));
                assert_eq!(receiver.recv().await, Err(RecvError::Closed), "for ever");
            });
            assert_eq!(thread.join().unwrap(), Err(SendError::Closed(7)));
        }
    });
}

#[test]
fn a_sender_that_closes_or_goes_ends_a_wait_on_another_core() {
    on_each_driver_and_wait(|builder| {
        for drops in [false, true] {
            let (mut sender, mut receiver) = mpsc::channel::<u32>(2);
            let other = sender.clone();
            let receives = builder.clone();
            let thread = thread::spawn(move || {
                block_on(receives, async move { (receiver.recv().await, receiver.recv().await) })
            });
            block_on(builder.clone(), async move {
                sleep(MOMENT).await.unwrap();
                sender.try_send(7).unwrap();
                sleep(MOMENT).await.unwrap();
                if drops {
                    drop((sender, other));
                } else {
                    sender.close();
                }
            });
            assert_eq!(thread.join().unwrap(), (Ok(7), Err(RecvError::Closed)));
        }
    });
}

#[test]
fn a_sender_that_closes_gives_those_who_wait_on_other_cores_their_items_back() {
    on_each_driver_and_wait(|builder| {
        // Nobody receives meanwhile, so nothing but the close can wake them.
        let (mut sender, receiver) = full_for_many(2);
        let waits = [7, 8].map(|item| {
            let (mut sender, builder) = (sender.clone(), builder.clone());
            thread::spawn(move || block_on(builder, async move { sender.send(item).await }))
        });
        let ready = {
            let (mut sender, builder) = (sender.clone(), builder.clone());
            thread::spawn(move || block_on(builder, async move { sender.ready().await }))
        };
        let mut on_a_thread = sender.clone();
        let blocked = thread::spawn(move || on_a_thread.send_blocking(9));
        block_on(builder, async { sleep(MOMENT).await.unwrap() });
        sender.close();
        for (wait, item) in waits.into_iter().zip([7, 8]) {
            assert_eq!(wait.join().unwrap(), Err(SendError::Closed(item)));
        }
        assert_eq!(ready.join().unwrap(), Err(SendError::Closed(())));
        assert_eq!(blocked.join().unwrap(), Err(SendError::Closed(9)));
        assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
        assert_eq!(receiver.len(), 2);
    });
}

#[test]
fn what_was_sent_before_the_end_still_comes() {
    on_each(async || {
        let (mut sender, mut receiver) = full_for_many(3);
        let mut other = sender.clone();
        drop(sender.clone());
        assert_eq!(receiver.recv().await, Ok(0));
        other.close();
        assert!(receiver.is_closed());
        assert_eq!(sender.send(7).await, Err(SendError::Closed(7)));
        assert_eq!(sender.closed().await, Ok(()));
        assert_eq!((receiver.recv().await, receiver.try_recv()), (Ok(1), Ok(2)));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert!(receiver.try_borrow().is_err());
    });
}

#[test]
fn both_ends_may_close_one_after_the_other() {
    for receiver_first in [false, true] {
        let (mut sender, mut receiver) = full(2);
        for turn in 0..2 {
            match (turn == 0) == receiver_first {
                true => receiver.close(),
                false => sender.close(),
            }
        }
        assert!(receiver.drain(usize::MAX).eq(0..2));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(sender.try_send(1), Err(TrySendError::Closed(1)));
        assert_eq!((sender.len(), sender.capacity()), (0, 2));
    }
}

#[test]
fn a_cancelled_send_gives_its_item_back() {
    on_each(async || {
        let (mut sender, mut receiver) = full(1);
        let send = async move {
            let sent = sender.send(7).await;
            (sent, sender)
        };
        let (sent, mut sender) = cancelled_in_wait(send).await;
        let error = sent.unwrap_err();
        assert!(is_cancelled(&error));
        assert_eq!(error.into_inner(), 7);
        assert_eq!(receiver.recv().await, Ok(0));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        // There is room now, but the task was asked to stop before it began.
        let sent = begun_cancelled(async move { sender.send(8).await }).await;
        assert_eq!(sent, Err(SendError::Cancelled(8)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    });
}

#[test]
fn a_cancelled_receive_takes_nothing() {
    on_each(async || {
        let (mut sender, mut receiver) = spsc::channel(1);
        let recv = async move { (receiver.recv().await, receiver) };
        let (received, mut receiver) = cancelled_in_wait(recv).await;
        assert_eq!(received, Err(RecvError::Cancelled));
        sender.send(7).await.unwrap();
        let recv = async move { (receiver.recv().await, receiver) };
        let (received, mut receiver) = begun_cancelled(recv).await;
        assert_eq!(received, Err(RecvError::Cancelled));
        assert_eq!(receiver.recv().await, Ok(7));
        let closed = cancelled_in_wait(async move { sender.closed().await }).await;
        assert_eq!(closed, Err(taut::Cancelled));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    });
}

#[test]
fn of_a_cancel_and_an_item_the_item_counts_where_it_is_there() {
    on_each(async || {
        let (mut sender, mut receiver) = spsc::channel(1);
        let recv = waiting(async move { receiver.recv().await }).await;
        sender.try_send(7).unwrap();
        recv.cancel();
        assert_eq!(recv.await.unwrap(), Ok(7));
    });
}

#[test]
fn an_aborted_wait_ends_its_side() {
    on_each(async || {
        let (mut sender, mut receiver) = full(1);
        abort(waiting(async move { sender.send(7).await }).await).await;
        assert_eq!(receiver.recv().await, Ok(0));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));
        let (mut sender, mut receiver) = spsc::channel(1);
        abort(waiting(async move { receiver.recv().await }).await).await;
        assert_eq!(sender.send(7).await, Err(SendError::Closed(7)));
    });
}

#[test]
fn waits_end_at_a_deadline_and_leave_nothing_behind() {
    on_each(async || {
        let (mut sender, mut receiver) = full(1);
        let moment = Duration::from_micros(50);
        assert!(timeout(moment, sender.send(7)).await.is_err());
        assert!(timeout(moment, sender.ready()).await.is_err());
        assert_eq!(timeout(moment, receiver.recv()).await, Ok(Ok(0)));
        assert!(timeout(moment, receiver.recv()).await.is_err());
        assert!(timeout(moment, sender.closed()).await.is_err());
        sender.try_send(1).unwrap();
        assert_eq!(receiver.try_recv(), Ok(1));
    });
}

#[test]
fn threads_give_up_at_their_limit_and_learn_of_the_end() {
    let (mut sender, mut receiver) = full(1);
    assert_eq!(sender.send_timeout(7, MOMENT), Err(SendTimeoutError::Timeout(7)));
    assert_eq!(receiver.recv_timeout(MOMENT), Ok(0));
    assert_eq!(receiver.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
    assert_eq!(sender.send_timeout(8, MOMENT), Ok(()));
    let thread = thread::spawn(move || {
        let blocked = sender.send_blocking(9);
        (blocked, sender.send_timeout(10, MOMENT))
    });
    assert_eq!(receiver.recv_blocking(), Ok(8));
    assert_eq!(receiver.recv_blocking(), Ok(9));
    receiver.close();
    assert_eq!(thread.join().unwrap(), (Ok(()), Err(SendTimeoutError::Closed(10))));
    let left = receiver.recv_timeout(MOMENT);
    assert_eq!(left, Err(RecvTimeoutError::Closed));
    assert_eq!(receiver.recv_blocking(), Err(RecvError::Closed));
}

#[test]
fn a_forgotten_wait_harms_nobody() {
    on_each(async || {
        let (mut sender, mut receiver) = spsc::channel(1);
        for item in 0..3 {
            let mut recv = Box::pin(receiver.recv());
            assert!(futures_util::poll!(recv.as_mut()).is_pending());
            std::mem::forget(recv);
            sender.send(item).await.unwrap();
            let mut send = Box::pin(sender.send(9));
            assert!(futures_util::poll!(send.as_mut()).is_pending());
            std::mem::forget(send);
            sleep(Duration::from_millis(1)).await.unwrap();
            assert_eq!(receiver.recv().await, Ok(item));
        }
        // The rings' memory outlives what the core still looks at.
        let mut recv = Box::pin(receiver.recv());
        assert!(futures_util::poll!(recv.as_mut()).is_pending());
        std::mem::forget(recv);
        drop((sender, receiver));
        sleep(Duration::from_millis(1)).await.unwrap();
    });
}

#[test]
fn several_receivers_are_awaited_at_once() {
    on_each(async || {
        let mut rings: Vec<_> = (0..5).map(|_| spsc::channel::<usize>(1)).collect();
        let (mut senders, mut receivers): (Vec<_>, Vec<_>) = rings.drain(..).unzip();
        let thread = thread::spawn(move || {
            for round in 0..200 {
                let index = round % 5;
                senders[index].send_blocking(index).unwrap();
            }
        });
        let receive = async |index: usize, mut receiver: spsc::Receiver<usize>| {
            (receiver.recv().await, index, receiver)
        };
        let numbered = receivers.drain(..).enumerate();
        let mut waits: FuturesUnordered<_> = numbered.map(|(n, end)| receive(n, end)).collect();
        let mut received = 0;
        while let Some((item, index, receiver)) = waits.next().await {
            match item {
                Ok(item) => {
                    assert_eq!(item, index);
                    received += 1;
                    waits.push(receive(index, receiver));
                }
                Err(error) => assert_eq!(error, RecvError::Closed),
            }
        }
        assert_eq!(received, 200);
        thread.join().unwrap();
    });
}

#[test]
fn of_two_receivers_the_one_that_lost_loses_nothing() {
    on_each(async || {
        let (mut left, mut lefts) = spsc::channel::<u64>(4);
        let (mut right, mut rights) = spsc::channel::<u64>(4);
        let threads = [
            thread::spawn(move || (0..2000).for_each(|n| left.send_blocking(n).unwrap())),
            thread::spawn(move || (0..2000).for_each(|n| right.send_blocking(n).unwrap())),
        ];
        let mut next = [0, 0];
        while next != [2000, 2000] {
            let (side, item) = match select(Box::pin(lefts.recv()), Box::pin(rights.recv())).await {
                Either::Left((Ok(item), _)) => (0, item),
                Either::Right((Ok(item), _)) => (1, item),
                Either::Left((Err(_), other)) => (1, other.await.unwrap()),
                Either::Right((Err(_), other)) => (0, other.await.unwrap()),
            };
            assert_eq!(item, next[side]);
            next[side] += 1;
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn an_end_that_was_waited_for_on_one_core_goes_on_on_another() {
    on_each_driver_and_wait(|builder| {
        let (mut sender, mut receiver) = full(1);
        for round in 0..3 {
            (sender, receiver) = block_on(builder.clone(), async move {
                assert!(timeout(MOMENT, sender.send(7)).await.is_err());
                assert_eq!(receiver.recv().await, Ok(round));
                assert!(timeout(MOMENT, receiver.recv()).await.is_err());
                sender.send(round + 1).await.unwrap();
                (sender, receiver)
            });
        }
        // And both at once, each waiting for the other.
        let other = builder.clone();
        let thread = thread::spawn(move || {
            block_on(other, async move {
                for item in 4..50 {
                    sender.send(item).await.unwrap();
                }
            });
        });
        block_on(builder, async move {
            for item in 3..50 {
                assert_eq!(receiver.recv().await, Ok(item));
            }
        });
        thread.join().unwrap();
    });
}

#[test]
fn a_wait_that_began_on_one_core_ends_on_another() {
    on_each_driver_and_wait(|builder| {
        let (mut sender, receiver) = spsc::channel(1);
        let mut recv = Box::pin(async move {
            let mut receiver = receiver;
            receiver.recv().await
        });
        block_on(builder.clone(), async {
            assert!(futures_util::poll!(recv.as_mut()).is_pending());
            sleep(Duration::from_millis(1)).await.unwrap();
        });
        let thread = thread::spawn({
            let builder = builder.clone();
            move || block_on(builder, recv)
        });
        block_on(builder, async { sleep(MOMENT).await.unwrap() });
        sender.try_send(7).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(7));
    });
}

#[test]
fn dumps_name_the_waits() {
    on_each(async || {
        let (mut sender, mut receiver) = full(1);
        let (line, send) = (line!(), async move { sender.send(7).await });
        assert_eq!(waits_of(send).await, [("ring send".into(), line)]);
        assert_eq!(receiver.try_recv(), Ok(0));
        let (_sender, mut receiver) = spsc::channel::<u32>(1);
        let (line, recv) = (line!(), async move { receiver.recv().await });
        assert_eq!(waits_of(recv).await, [("ring recv".into(), line)]);
    });
}
