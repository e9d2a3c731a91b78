//! The channel between tasks of one core when it is closed, and its waits when they are cancelled,
//! time out or are dropped: nobody hangs, and no item and no room is lost.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use common::channel_mpsc::{empty, full, waiting_recv, waiting_send};
use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use common::waiters::settle;
use taut::channel::mpsc::{self, RecvError, SendError, TryRecvError};
use taut::time::timeout;
use taut::{is_cancelled, spawn};

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
