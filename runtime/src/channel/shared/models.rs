//! A channel between threads, run in every interleaving. A lost item or a lost wake shows as a
//! model that waits for ever.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;
use loom::thread::spawn;

use super::{Receiver, RecvError, SendError, Sender, TrySendError, channel};
use crate::threads::explore;

/// A waker that a model can wait for.
#[derive(Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        bell.0.wait();
    }
}

/// Polls a future once and drops it: a waiter that gives up.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn received_until_closed(receiver: &Receiver<u32>) -> u32 {
    let mut sum = 0;
    while let Ok(item) = block_on(receiver.recv()) {
        sum += item;
    }
    sum
}

#[test]
fn loom_two_senders_and_one_slot() {
    explore(|| {
        let (sender, receiver) = channel(1);
        let other = sender.clone();
        let thread = spawn(move || block_on(other.send(1)).unwrap());
        let main = spawn(move || block_on(sender.send(2)).unwrap());
        assert_eq!(received_until_closed(&receiver), 3);
        thread.join().unwrap();
        main.join().unwrap();
    });
}

#[test]
fn loom_two_receivers_share_what_comes() {
    explore(|| {
        let (sender, receiver) = channel(1);
        let other = receiver.clone();
        let thread = spawn(move || received_until_closed(&other));
        for item in [1, 2] {
            block_on(sender.send(item)).unwrap();
        }
        drop(sender);
        assert_eq!(received_until_closed(&receiver) + thread.join().unwrap(), 3);
    });
}

#[test]
fn loom_a_receiver_that_gives_up_hands_its_item_on() {
    explore(|| {
        let (sender, receiver) = channel(1);
        let other = receiver.clone();
        // Kept, since at a closed channel whoever comes takes what is left.
        let (again, _kept) = (sender.clone(), sender.clone());
        let gives_up = spawn(move || {
            if let Poll::Ready(received) = poll_once(other.recv()) {
                again.try_send(received.unwrap()).unwrap();
            }
        });
        let sends = spawn(move || block_on(sender.send(7)).unwrap());
        assert_eq!(block_on(receiver.recv()), Ok(7));
        gives_up.join().unwrap();
        sends.join().unwrap();
    });
}

#[test]
fn loom_a_sender_that_gives_up_hands_its_room_on() {
    explore(|| {
        let (sender, receiver) = channel(1);
        sender.try_send(1).unwrap();
        let other = sender.clone();
        let gives_up = spawn(move || u32::from(poll_once(other.send(10)).is_ready()));
        let waits = spawn(move || block_on(sender.send(100)).unwrap());
        let sum = received_until_closed(&receiver);
        assert_eq!(sum, 101 + 10 * gives_up.join().unwrap());
        waits.join().unwrap();
    });
}

/// Sends, and says what became of the item.
fn send_or_get_back(sender: &Sender<u32>) -> u32 {
    match block_on(sender.send(7)) {
        Ok(()) => 0,
        Err(SendError::Closed(item)) => item,
        Err(SendError::Cancelled(_)) => panic!("nobody cancelled it"),
    }
}

#[test]
fn loom_an_item_is_either_received_or_comes_back_when_the_channel_closes() {
    explore(|| {
        let (sender, receiver) = channel(1);
        sender.try_send(1).unwrap();
        let thread = spawn(move || send_or_get_back(&sender));
        let closer = receiver.clone();
        let closes = spawn(move || closer.close());
        let received = received_until_closed(&receiver);
        assert_eq!(received + thread.join().unwrap(), 8);
        closes.join().unwrap();
        assert_eq!(receiver.try_recv(), Err(super::TryRecvError::Closed));
    });
}

#[test]
fn loom_the_last_receiver_to_go_lets_all_senders_go() {
    explore(|| {
        let (sender, receiver) = channel(1);
        sender.try_send(1).unwrap();
        let other = sender.clone();
        let threads =
            [spawn(move || drop(receiver)), spawn(move || assert_eq!(send_or_get_back(&other), 7))];
        block_on(sender.closed()).unwrap();
        assert_eq!(sender.try_send(2), Err(TrySendError::Closed(2)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(sender.len(), 0);
    });
}

#[test]
fn loom_a_waiter_may_change_its_waker() {
    explore(|| {
        let (sender, receiver) = channel(1);
        let thread = spawn(move || block_on(sender.send(7)).unwrap());
        let received = {
            let mut recv = pin!(receiver.recv());
            match recv.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(received) => received,
                Poll::Pending => block_on(recv),
            }
        };
        assert_eq!(received, Ok(7));
        thread.join().unwrap();
        assert_eq!(block_on(receiver.recv()), Err(RecvError::Closed));
    });
}
