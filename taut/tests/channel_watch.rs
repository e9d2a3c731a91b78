//! The latest value, for whoever wants to know it.

mod common;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use futures_util::poll;
use taut::channel::watch::{self, RecvError, SendError};
use taut::task::shield;
use taut::time::timeout;
use taut::{Cancelled, is_cancelled, spawn, yield_now};

#[test]
fn the_first_value_counts_as_seen_and_the_next_does_not() {
    on_each(async || {
        let (sender, mut receiver) = watch::channel(1);
        assert_eq!((*sender.borrow(), *receiver.borrow()), (1, 1));
        assert!(!receiver.has_changed());
        sender.send(2).unwrap();
        assert!(receiver.has_changed());
        assert_eq!(*receiver.borrow(), 2);
        assert!(receiver.has_changed(), "looking is not taking notice");
        assert_eq!(poll!(pin!(receiver.changed())), Poll::Ready(Ok(())));
        assert!(!receiver.has_changed());
        sender.send(3).unwrap();
        assert_eq!(*receiver.borrow_and_update(), 3);
        assert!(poll!(pin!(receiver.changed())).is_pending());
    });
}

#[test]
fn a_change_wakes_all_who_wait_and_values_in_between_are_skipped() {
    on_each(async || {
        let (sender, receiver) = watch::channel(0);
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..5 {
            let (mut receiver, seen) = (receiver.clone(), Rc::clone(&seen));
            let task = async move {
                receiver.changed().await.unwrap();
                seen.borrow_mut().push((number, *receiver.borrow()));
                receiver.changed().await
            };
            tasks.push(waiting(task).await);
        }
        for value in 1..=3 {
            sender.send(value).unwrap();
        }
        common::waiters::settle().await;
        assert_eq!(*seen.borrow(), (0..5).map(|number| (number, 3)).collect::<Vec<_>>());
        sender.send(4).unwrap();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(()));
        }
    });
}

#[test]
fn the_last_value_is_seen_before_the_end() {
    on_each(async || {
        let (sender, mut receiver) = watch::channel(0);
        let other = sender.clone();
        drop(sender);
        assert!(!receiver.is_closed());
        other.send(1).unwrap();
        drop(other);
        assert!(receiver.is_closed());
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(*receiver.borrow(), 1);
        assert_eq!(receiver.changed().await, Err(RecvError::Closed));
        assert_eq!(*receiver.borrow(), 1, "it stays readable");

        let (sender, mut receiver) = watch::channel(0);
        let task = waiting(async move { receiver.changed().await }).await;
        drop(sender);
        assert_eq!(task.await.unwrap(), Err(RecvError::Closed));
    });
}

#[test]
fn without_receivers_a_value_comes_back_and_with_one_again_it_is_stored() {
    on_each(async || {
        let (sender, receiver) = watch::channel(0);
        let watcher = sender.clone();
        let closed = waiting(async move { watcher.closed().await }).await;
        let other = receiver.clone();
        assert_eq!(sender.receiver_count(), 2);
        drop(receiver);
        common::waiters::settle().await;
        assert!(!closed.is_finished() && !sender.is_closed());
        drop(other);
        assert_eq!(closed.await.unwrap(), Ok(()));
        assert!(sender.is_closed());
        assert_eq!(sender.send(1), Err(SendError::Closed(1)));
        assert_eq!(*sender.borrow(), 0);
        sender.send_modify(|value| *value += 5);
        let mut late = sender.subscribe();
        assert!(!late.has_changed());
        assert_eq!(*late.borrow(), 5);
        sender.send(6).unwrap();
        assert_eq!(late.changed().await, Ok(()));
    });
}

#[test]
fn waiting_for_a_value_gives_the_first_that_will_do() {
    on_each(async || {
        let (sender, mut receiver) = watch::channel(0);
        assert_eq!(*receiver.wait_for(|value| *value == 0).await.unwrap(), 0);
        let task = waiting(async move {
            let value = *receiver.wait_for(|value| *value > 2).await.unwrap();
            (value, receiver.wait_for(|value| *value < 0).await.map(drop))
        })
        .await;
        for value in 1..=4 {
            sender.send(value).unwrap();
            yield_now().await;
        }
        drop(sender);
        assert_eq!(task.await.unwrap(), (3, Err(RecvError::Closed)));
    });
}

#[test]
fn a_value_that_is_held_stays_as_it_is_and_is_in_nobodys_way() {
    on_each(async || {
        let (sender, mut receiver) = watch::channel(vec![1]);
        let held = receiver.borrow();
        sender.send(vec![2]).unwrap();
        sender.send_modify(|value| value.push(3));
        let newer = receiver.borrow_and_update();
        let copy = newer.clone();
        drop(sender);
        drop(receiver);
        assert_eq!(
            (held.as_slice(), newer.as_slice(), copy.as_slice()),
            ([1].as_slice(), &[2, 3][..], &[2, 3][..])
        );
    });
}

#[test]
fn a_change_that_panics_leaves_the_value_and_one_that_looks_sees_the_old_one() {
    on_each(async || {
        let (sender, receiver) = watch::channel(7);
        let panics = || sender.send_modify(|_| panic!("on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!((*receiver.borrow(), receiver.has_changed()), (7, false));
        sender.send_modify(|value| *value += *receiver.borrow());
        assert_eq!(*receiver.borrow(), 14);
    });
}

#[test]
fn a_destructor_of_a_value_may_use_the_channel() {
    struct Nosy(u32, Rc<RefCell<Option<watch::Receiver<Self>>>>, Rc<RefCell<Vec<u32>>>);

    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some(receiver) = &*self.1.borrow() {
                self.2.borrow_mut().push(receiver.borrow().0);
            }
        }
    }

    on_each(async || {
        let (own, seen) = (Rc::default(), Rc::default());
        let (sender, receiver) = watch::channel(Nosy(1, Rc::clone(&own), Rc::clone(&seen)));
        *own.borrow_mut() = Some(receiver);
        assert!(sender.send(Nosy(2, Rc::clone(&own), Rc::clone(&seen))).is_ok());
        assert_eq!(*seen.borrow(), [2], "the old value saw the new one");
        let receiver = own.borrow_mut().take();
        drop(receiver);
    });
}

#[test]
fn a_cancelled_wait_sees_nothing() {
    on_each(async || {
        let (sender, receiver) = watch::channel(0);
        let mut own = receiver.clone();
        let error = cancelled_in_wait(async move { own.changed().await }).await.unwrap_err();
        assert!(is_cancelled(&error));
        let mut own = receiver.clone();
        let waited =
            cancelled_in_wait(async move { own.wait_for(|value| *value > 0).await.map(drop) });
        assert_eq!(waited.await, Err(RecvError::Cancelled));
        sender.send(1).unwrap();
        let mut own = receiver.clone();
        let (error, changed) = begun_cancelled(async move {
            (own.changed().await, shield(async { own.changed().await }).await)
        })
        .await;
        assert_eq!((error, changed), (Err(RecvError::Cancelled), Ok(())));
        let mut own = receiver.clone();
        let at_once = begun_cancelled(async move { own.wait_for(|_| true).await.map(drop) });
        assert_eq!(at_once.await, Err(RecvError::Cancelled));
        let watcher = sender.clone();
        let closed = cancelled_in_wait(async move { watcher.closed().await });
        assert_eq!(closed.await, Err(Cancelled));
    });
}

#[test]
fn a_wait_that_is_dropped_leaves_nothing_seen() {
    on_each(async || {
        let (sender, mut receiver) = watch::channel(0);
        assert!(timeout(Duration::from_micros(20), receiver.changed()).await.is_err());
        let mut own = receiver.clone();
        let first = waiting(async move { own.changed().await }).await;
        let mut own = receiver.clone();
        let second = waiting(async move { own.changed().await }).await;
        sender.send(1).unwrap();
        abort(first).await;
        assert_eq!(second.await.unwrap(), Ok(()));
        assert_eq!(receiver.changed().await, Ok(()));
    });
}

#[test]
fn receivers_that_have_not_seen_a_value_do_not_wait_behind_those_that_have() {
    on_each(async || {
        let (sender, mut behind) = watch::channel(0);
        sender.send(1).unwrap();
        let mut ahead = sender.subscribe();
        let task = waiting(async move { ahead.changed().await }).await;
        assert_eq!(poll!(pin!(behind.changed())), Poll::Ready(Ok(())));
        sender.send(2).unwrap();
        assert_eq!(task.await.unwrap(), Ok(()));
    });
}

#[test]
fn a_thousand_changes_reach_ten_tasks() {
    on_each(async || {
        let (sender, receiver) = watch::channel(0);
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let mut receiver = receiver.clone();
                spawn(async move {
                    let (mut last, mut changes) = (0, 0);
                    while receiver.changed().await.is_ok() {
                        let value = *receiver.borrow();
                        assert!(value > last);
                        (last, changes) = (value, changes + 1);
                    }
                    (last, changes)
                })
            })
            .collect();
        drop(receiver);
        for value in 1..=1000 {
            sender.send(value).unwrap();
            if value % 3 == 0 {
                yield_now().await;
            }
        }
        drop(sender);
        for task in tasks {
            let (last, changes) = task.await.unwrap();
            assert_eq!(last, 1000);
            assert!(changes >= 333);
        }
    });
}
