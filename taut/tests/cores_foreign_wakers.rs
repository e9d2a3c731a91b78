//! Rings between threads on executors that are not ours: wakers that are shared, that change, and
//! that are left behind.

mod common;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use taut::cores::{mpsc, spsc};

/// Counts its wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

#[test]
fn a_wait_that_is_given_up_leaves_another_with_the_same_waker_its_wake() {
    let (mut first, mut receiver) = mpsc::channel(1);
    first.try_send(0).unwrap();
    let mut second = first.clone();
    let (count, waker) = Count::new();
    let mut stays = pin!(first.send(1));
    assert!(poll(stays.as_mut(), &waker).is_pending());
    {
        let given_up = pin!(second.send(2));
        assert!(poll(given_up, &waker).is_pending());
    }
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(count.wakes(), 1);
    assert_eq!(poll(stays, &waker), Poll::Ready(Ok(())));
}

#[test]
fn a_wait_may_change_its_waker() {
    let (mut sender, mut receiver) = spsc::channel(1);
    let ((before, old), (count, new)) = (Count::new(), Count::new());
    let mut recv = pin!(receiver.recv());
    assert!(poll(recv.as_mut(), &old).is_pending());
    assert!(poll(recv.as_mut(), &new).is_pending());
    assert!(poll(recv.as_mut(), &new).is_pending());
    sender.try_send(7).unwrap();
    assert_eq!((before.wakes(), count.wakes()), (0, 1));
    drop(old);
    assert_eq!(Arc::strong_count(&before), 1, "it was let go of");
    assert_eq!(poll(recv, &new), Poll::Ready(Ok(7)));
}

#[test]
fn a_wait_that_found_its_item_by_itself_leaves_no_waker_behind() {
    let (mut sender, mut receiver) = spsc::channel(4);
    let (count, waker) = Count::new();
    for item in 0..10 {
        let mut recv = pin!(receiver.recv());
        assert!(poll(recv.as_mut(), &waker).is_pending());
        sender.try_send(item).unwrap();
        assert_eq!(poll(recv, &waker), Poll::Ready(Ok(item)));
    }
    assert_eq!(count.wakes(), 10);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn the_waker_of_a_forgotten_wait_goes_with_its_end() {
    let (mut sender, mut receiver) = mpsc::channel(1);
    sender.try_send(0).unwrap();
    let (count, waker) = Count::new();
    let mut full = sender.clone();
    let mut send = Box::pin(full.send(1));
    assert!(poll(send.as_mut(), &waker).is_pending());
    std::mem::forget(send);
    drop(full);
    assert_eq!(receiver.try_recv(), Ok(0));
    let mut recv = Box::pin(receiver.recv());
    assert!(poll(recv.as_mut(), &waker).is_pending());
    std::mem::forget(recv);
    // Whoever waits next takes its place.
    let mut recv = Box::pin(receiver.recv());
    assert!(poll(recv.as_mut(), &waker).is_pending());
    sender.try_send(2).unwrap();
    assert_eq!(count.wakes(), 1);
    assert_eq!(poll(recv.as_mut(), &waker), Poll::Ready(Ok(2)));
    drop(recv);
    drop(receiver);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_asleep() {
    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("this waker always panics");
        }
    }

    let (sender, mut receiver) = mpsc::channel(1);
    let mut senders = [sender.clone(), sender.clone(), sender];
    senders[0].try_send(0).unwrap();
    let (count, waker) = Count::new();
    let panics = Waker::from(Arc::new(Panics));
    let [first, second, third] = &mut senders;
    let mut waits = [first, second, third].map(|sender| Box::pin(sender.send(1)));
    for (wait, waker) in waits.iter_mut().zip([&waker, &panics, &waker]) {
        assert!(poll(wait.as_mut(), waker).is_pending());
    }
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!(count.wakes(), 2);
    assert!(poll(waits[2].as_mut(), &waker).is_ready());
}
