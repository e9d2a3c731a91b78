//! Every item to every receiver.

mod common;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use futures_util::poll;
use taut::channel::broadcast::{self, RecvError, SendError, TryRecvError};
use taut::time::timeout;
use taut::{Cancelled, is_cancelled, spawn, yield_now};

#[test]
fn each_receiver_gets_each_item_in_order() {
    on_each(async || {
        let (sender, mut first) = broadcast::channel(4);
        let mut second = first.clone();
        for item in 0..3 {
            assert_eq!(sender.send(item), Ok(2));
        }
        assert_eq!((first.len(), second.len(), sender.len()), (3, 3, 3));
        for item in 0..3 {
            assert_eq!(poll!(pin!(first.recv())), Poll::Ready(Ok(item)));
        }
        assert!(first.is_empty() && !second.is_empty());
        for item in 0..3 {
            assert_eq!(second.try_recv(), Ok(item));
        }
        assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
        assert!(sender.is_empty(), "what all have received is gone");
        assert_eq!(sender.capacity(), 4);
    });
}

#[test]
#[should_panic(expected = "room for at least one item")]
fn a_channel_without_room_is_refused() {
    let _ = broadcast::channel::<u8>(0);
}

#[test]
fn an_item_wakes_all_who_wait() {
    on_each(async || {
        let (sender, receiver) = broadcast::channel(4);
        let mut tasks = Vec::new();
        for _ in 0..5 {
            let mut receiver = receiver.clone();
            tasks
                .push(waiting(async move { (receiver.recv().await, receiver.recv().await) }).await);
        }
        sender.send(1).unwrap();
        yield_now().await;
        sender.send(2).unwrap();
        for task in tasks {
            assert_eq!(task.await.unwrap(), (Ok(1), Ok(2)));
        }
    });
}

#[test]
fn a_slow_receiver_loses_the_oldest_and_is_told_how_many() {
    on_each(async || {
        let (sender, mut slow) = broadcast::channel(3);
        let mut quick = sender.subscribe();
        for item in 0..10 {
            sender.send(item).unwrap();
            assert_eq!(quick.recv().await, Ok(item));
        }
        assert_eq!(slow.len(), 3);
        assert_eq!(slow.recv().await, Err(RecvError::Lagged(7)));
        assert_eq!((slow.recv().await, slow.try_recv()), (Ok(7), Ok(8)));
        for item in 10..13 {
            sender.send(item).unwrap();
        }
        assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(1)));
        assert_eq!(slow.try_recv(), Ok(10));
        drop(sender);
        assert_eq!((slow.recv().await, slow.recv().await), (Ok(11), Ok(12)));
        assert_eq!(slow.recv().await, Err(RecvError::Closed));
    });
}

#[test]
fn a_receiver_that_waits_and_then_sleeps_is_told_what_it_lost() {
    on_each(async || {
        let (sender, mut receiver) = broadcast::channel(2);
        let task = waiting(async move {
            let first = receiver.recv().await;
            (first, receiver.recv().await)
        })
        .await;
        for item in 0..5 {
            sender.send(item).unwrap();
        }
        assert_eq!(task.await.unwrap(), (Err(RecvError::Lagged(3)), Ok(3)));
    });
}

#[test]
fn subscribers_get_what_is_sent_from_then_on_and_clones_what_is_unread() {
    on_each(async || {
        let (sender, mut early) = broadcast::channel(8);
        sender.send(1).unwrap();
        let mut late = sender.subscribe();
        let mut clone = early.clone();
        assert_eq!(sender.receiver_count(), 3);
        sender.send(2).unwrap();
        assert_eq!((early.try_recv(), early.try_recv()), (Ok(1), Ok(2)));
        assert_eq!(late.try_recv(), Ok(2));
        drop(early);
        drop(late);
        assert_eq!((clone.try_recv(), clone.try_recv()), (Ok(1), Ok(2)));
        assert!(sender.is_empty());
    });
}

#[test]
fn receivers_that_are_not_behind_do_not_wait_behind_those_that_wait() {
    on_each(async || {
        let (sender, mut behind) = broadcast::channel(8);
        sender.send(1).unwrap();
        let mut ahead = sender.subscribe();
        let task = waiting(async move { ahead.recv().await }).await;
        assert_eq!(poll!(pin!(behind.recv())), Poll::Ready(Ok(1)));
        sender.send(2).unwrap();
        assert_eq!(task.await.unwrap(), Ok(2));
    });
}

#[test]
fn what_was_sent_is_received_before_the_end() {
    on_each(async || {
        let (sender, mut receiver) = broadcast::channel(4);
        let other = sender.clone();
        sender.send(1).unwrap();
        drop(sender);
        assert!(!receiver.is_closed());
        other.send(2).unwrap();
        drop(other);
        assert!(receiver.is_closed());
        assert_eq!((receiver.recv().await, receiver.try_recv()), (Ok(1), Ok(2)));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));

        let (sender, mut receiver) = broadcast::channel::<u8>(4);
        let task = waiting(async move { receiver.recv().await }).await;
        drop(sender);
        assert_eq!(task.await.unwrap(), Err(RecvError::Closed));
    });
}

#[test]
fn without_receivers_an_item_comes_back() {
    on_each(async || {
        let (sender, receiver) = broadcast::channel(4);
        let watcher = sender.clone();
        let closed = waiting(async move { watcher.closed().await }).await;
        drop(receiver);
        assert_eq!(closed.await.unwrap(), Ok(()));
        assert!(sender.is_closed());
        assert_eq!(sender.send(7), Err(SendError::Closed(7)));
        let mut again = sender.subscribe();
        assert_eq!(sender.send(8), Ok(1));
        assert_eq!(again.recv().await, Ok(8));
        let watcher = sender.clone();
        let closed = cancelled_in_wait(async move { watcher.closed().await });
        assert_eq!(closed.await, Err(Cancelled));
    });
}

#[test]
fn a_cancelled_or_dropped_receive_takes_nothing() {
    on_each(async || {
        let (sender, receiver) = broadcast::channel(4);
        let mut own = receiver.clone();
        let error = cancelled_in_wait(async move { own.recv().await }).await.unwrap_err();
        assert!(is_cancelled(&error));
        let mut own = receiver.clone();
        let aborted = waiting(async move { own.recv().await }).await;
        let mut own = receiver.clone();
        assert!(timeout(Duration::from_micros(20), own.recv()).await.is_err());
        sender.send(7).unwrap();
        abort(aborted).await;
        assert_eq!(own.recv().await, Ok(7));
        let mut own = receiver.clone();
        let (error, own) = begun_cancelled(async move { (own.recv().await, own) }).await;
        assert_eq!(error, Err(RecvError::Cancelled));
        assert_eq!({ own }.try_recv(), Ok(7));
    });
}

/// Counts how often it was cloned and dropped.
#[derive(Default)]
struct Counts {
    clones: Cell<u32>,
    drops: Cell<u32>,
}

struct Item(Rc<Counts>);

impl Clone for Item {
    fn clone(&self) -> Self {
        self.0.clones.set(self.0.clones.get() + 1);
        Self(Rc::clone(&self.0))
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.0.drops.set(self.0.drops.get() + 1);
    }
}

#[test]
fn items_are_dropped_when_all_have_received_or_lost_them() {
    on_each(async || {
        let counts = Rc::new(Counts::default());
        let (sender, mut first) = broadcast::channel(2);
        let mut second = sender.subscribe();
        let third = sender.subscribe();
        sender.send(Item(Rc::clone(&counts))).ok().unwrap();
        drop(first.recv().await);
        drop(second.recv().await);
        assert_eq!((counts.clones.get(), counts.drops.get()), (2, 2), "the third may want it");
        drop(third);
        assert_eq!((counts.clones.get(), counts.drops.get()), (2, 3));
        for _ in 0..3 {
            sender.send(Item(Rc::clone(&counts))).ok().unwrap();
        }
        assert_eq!(counts.drops.get(), 4, "one was lost");
        drop(first);
        assert_eq!(counts.drops.get(), 4);
        drop(second);
        assert_eq!(counts.drops.get(), 6);
    });
}

#[test]
fn code_of_an_item_may_use_the_channel() {
    struct Nosy(broadcast::Sender<Self>, Rc<RefCell<Vec<usize>>>);

    impl Clone for Nosy {
        fn clone(&self) -> Self {
            self.1.borrow_mut().push(self.0.len());
            let more = Self(self.0.clone(), Rc::clone(&self.1));
            assert!(self.0.send(more).is_ok());
            Self(self.0.clone(), Rc::clone(&self.1))
        }
    }

    impl Drop for Nosy {
        fn drop(&mut self) {
            self.1.borrow_mut().push(100 + self.0.len());
        }
    }

    on_each(async || {
        let log = Rc::new(RefCell::new(Vec::new()));
        let (sender, mut receiver) = broadcast::channel(1);
        let _other = sender.subscribe();
        assert!(sender.send(Nosy(sender.clone(), Rc::clone(&log))).is_ok());
        drop(receiver.recv().await);
        // Cloned while there was one; its clone took its place; then both were dropped.
        assert_eq!(*log.borrow(), [1, 101, 101]);
        drop(receiver);
    });
}

#[test]
fn many_senders_and_receivers_agree_on_the_order() {
    on_each(async || {
        let (sender, receiver) = broadcast::channel(64);
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let mut receiver = receiver.clone();
                spawn(async move {
                    let mut got = Vec::new();
                    while let Ok(item) = receiver.recv().await {
                        got.push(item);
                    }
                    got
                })
            })
            .collect();
        drop(receiver);
        let senders: Vec<_> = (0..4)
            .map(|number| {
                let sender = sender.clone();
                spawn(async move {
                    for item in 0..2500 {
                        sender.send(item * 4 + number).unwrap();
                        yield_now().await;
                    }
                })
            })
            .collect();
        drop(sender);
        for sender in senders {
            sender.await.unwrap();
        }
        let mut all = Vec::new();
        for receiver in receivers {
            all.push(receiver.await.unwrap());
        }
        assert_eq!(all[0].len(), 10_000);
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    });
}
