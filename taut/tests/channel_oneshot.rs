//! One value from one task to another.

mod common;

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use common::waiters::settle;
use futures_util::poll;
use futures_util::stream::{FuturesUnordered, StreamExt};
use taut::channel::oneshot::{self, RecvError, TryRecvError};
use taut::task::shield;
use taut::time::timeout;
use taut::{Cancelled, is_cancelled, spawn};

#[test]
fn a_value_sent_before_is_there_at_once() {
    on_each(async || {
        let (sender, receiver) = oneshot::channel();
        assert_eq!(sender.send(7), Ok(()));
        assert_eq!(poll!(pin!(receiver)), Poll::Ready(Ok(7)));
    });
}

#[test]
fn a_value_wakes_who_waits_for_it() {
    on_each(async || {
        let (sender, receiver) = oneshot::channel();
        let task = waiting(receiver).await;
        sender.send("value").unwrap();
        assert_eq!(task.await.unwrap(), Ok("value"));
    });
}

#[test]
fn a_receiver_can_look_without_waiting() {
    on_each(async || {
        let (sender, mut receiver) = oneshot::channel();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        sender.send(7).unwrap();
        assert!(receiver.is_closed(), "nothing more can be sent");
        assert_eq!(receiver.try_recv(), Ok(7));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(receiver.await, Err(RecvError::Closed));
    });
}

#[test]
fn a_sender_that_goes_without_a_value_closes() {
    on_each(async || {
        let (sender, receiver) = oneshot::channel::<u8>();
        let task = waiting(receiver).await;
        drop(sender);
        assert_eq!(task.await.unwrap(), Err(RecvError::Closed));
        let (sender, mut receiver) = oneshot::channel::<u8>();
        drop(sender);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    });
}

#[test]
fn a_receiver_that_goes_or_closes_gives_the_value_back() {
    on_each(async || {
        let (sender, receiver) = oneshot::channel();
        assert!(!sender.is_closed());
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(7), Err(7));

        let (sender, mut receiver) = oneshot::channel();
        receiver.close();
        assert!(sender.is_closed());
        assert_eq!(sender.send(8), Err(8));
        assert_eq!(receiver.await, Err(RecvError::Closed));
    });
}

#[test]
fn a_value_sent_before_the_close_survives_it() {
    on_each(async || {
        let (sender, mut receiver) = oneshot::channel();
        sender.send(7).unwrap();
        receiver.close();
        assert_eq!(receiver.await, Ok(7));
    });
}

#[test]
fn a_sender_can_wait_until_nobody_wants_the_value() {
    on_each(async || {
        for drops in [false, true] {
            let (mut sender, mut receiver) = oneshot::channel::<u8>();
            let task = waiting(async move {
                sender.closed().await.unwrap();
                sender.send(7)
            })
            .await;
            match drops {
                true => drop(receiver),
                false => receiver.close(),
            }
            assert_eq!(task.await.unwrap(), Err(7));
        }
    });
}

#[test]
fn a_cancelled_wait_takes_nothing_and_can_be_taken_up_again() {
    on_each(async || {
        let (sender, mut receiver) = oneshot::channel();
        let task = waiting(async move {
            let cancelled = (&mut receiver).await;
            let again = (&mut receiver).await;
            (cancelled, again, shield(receiver).await)
        })
        .await;
        task.cancel();
        settle().await;
        sender.send(7).unwrap();
        let (cancelled, again, shielded) = task.await.unwrap();
        assert!(is_cancelled(&cancelled.unwrap_err()));
        assert_eq!(again, Err(RecvError::Cancelled));
        assert_eq!(shielded, Ok(7));

        let (sender, receiver) = oneshot::channel();
        sender.send(8).unwrap();
        assert_eq!(begun_cancelled(receiver).await, Err(RecvError::Cancelled));

        let (mut sender, receiver) = oneshot::channel::<u8>();
        let closed = cancelled_in_wait(async move { sender.closed().await }).await;
        assert_eq!(closed, Err(Cancelled));
        drop(receiver);
    });
}

#[test]
fn a_value_that_came_before_the_cancel_is_received() {
    on_each(async || {
        let (sender, receiver) = oneshot::channel();
        let task = waiting(receiver).await;
        sender.send(7).unwrap();
        task.cancel();
        assert_eq!(task.await.unwrap(), Ok(7));
    });
}

#[test]
fn a_wait_that_is_dropped_can_be_taken_up_again() {
    on_each(async || {
        let (sender, mut receiver) = oneshot::channel();
        assert!(timeout(Duration::from_micros(20), &mut receiver).await.is_err());
        sender.send(7).unwrap();
        assert_eq!(receiver.await, Ok(7));

        let (mut sender, receiver) = oneshot::channel::<u8>();
        assert!(timeout(Duration::from_micros(20), sender.closed()).await.is_err());
        assert!(!sender.is_closed());
        abort(waiting(receiver).await).await;
        assert_eq!(sender.closed().await, Ok(()));
    });
}

#[test]
fn a_value_that_nobody_receives_is_dropped_once() {
    struct Counted(Rc<Cell<u32>>);

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    on_each(async || {
        let drops = Rc::new(Cell::new(0));
        let (sender, receiver) = oneshot::channel();
        assert!(sender.send(Counted(Rc::clone(&drops))).is_ok());
        assert_eq!(drops.get(), 0);
        drop(receiver);
        assert_eq!(drops.get(), 1);
        let (sender, receiver) = oneshot::channel();
        assert!(sender.send(Counted(Rc::clone(&drops))).is_ok());
        drop(receiver.await);
        assert_eq!(drops.get(), 2);
    });
}

#[test]
fn many_answers_are_awaited_behind_a_combinator() {
    on_each(async || {
        let mut answers = FuturesUnordered::new();
        for number in 0..50 {
            let (sender, receiver) = oneshot::channel();
            answers.push(receiver);
            spawn(async move { sender.send(number) });
        }
        let mut sum = 0;
        while let Some(answer) = answers.next().await {
            sum += answer.unwrap();
        }
        assert_eq!(sum, 1225);
    });
}

#[test]
fn ends_outlive_their_runtime_and_part_in_another() {
    common::on_each_driver(|builder| {
        let (outside, waits) = oneshot::channel();
        let first = builder.clone().build().unwrap();
        let (sender, receiver) = first.block_on(async { oneshot::channel() });
        drop(first);
        let second = builder.build().unwrap();
        second.block_on(async {
            sender.send(String::from("over")).unwrap();
            assert_eq!(receiver.await, Ok(String::from("over")));
        });
        outside.send(1).unwrap();
        drop(second);
        assert_eq!(futures_util::FutureExt::now_or_never(waits), Some(Ok(1)));
    });
}
