//! The ends of a ring from one to many: who subscribes late, who goes while others wait, what a
//! slow one is told, and what becomes of the items.

mod common;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::channels::{abort, begun_cancelled, cancelled_in_wait, on_each, waiting};
use common::waiters::waits_of;
use common::{block_on, on_each_driver_and_wait};
use taut::cores::broadcast::{
    self, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
};
use taut::time::{sleep, timeout};

/// Long enough for the other side to fall asleep, where it does at all.
const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn a_late_receiver_gets_what_is_sent_after_it_came() {
    let (mut sender, mut first) = broadcast::blocking(2);
    sender.try_send(0).unwrap();
    sender.try_send(1).unwrap();
    // The ring is full: the late one neither sees what is there nor makes room.
    let mut late = first.subscribe();
    assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(sender.receiver_count(), 2);
    assert_eq!(first.try_recv(), Ok(0));
    sender.try_send(2).unwrap();
    assert!(first.drain(usize::MAX).eq([1, 2]));
    assert_eq!((late.len(), late.try_recv()), (1, Ok(2)));
    assert!(sender.is_empty());
}

#[test]
fn the_slowest_receiver_holds_up_the_sender_until_it_goes() {
    let (mut sender, mut fast) = broadcast::blocking(3);
    let slow = sender.subscribe();
    for number in 0..3 {
        sender.try_send(number).unwrap();
        assert_eq!(fast.try_recv(), Ok(number));
    }
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!((sender.len(), slow.len(), fast.len()), (3, 3, 0));
    drop(slow);
    assert_eq!(sender.try_send_all(&mut (3..10)), Ok(3));
    assert!(fast.drain(usize::MAX).eq(3..6));
}

#[test]
fn a_receiver_that_goes_lets_a_sender_on_another_core_go_on() {
    on_each_driver_and_wait(|builder| {
        let (mut sender, mut fast) = broadcast::blocking(1);
        let slow = sender.subscribe();
        sender.try_send(0).unwrap();
        assert_eq!(fast.try_recv(), Ok(0));
        let sends = builder.clone();
        let thread = thread::spawn(move || {
            block_on(sends, async move {
                sender.send(1).await.unwrap();
                sender.send(2).await
            })
        });
        block_on(builder, async move {
            sleep(MOMENT).await.unwrap();
            drop(slow);
            assert_eq!(fast.recv().await, Ok(1));
            sleep(MOMENT).await.unwrap();
            assert_eq!(fast.recv().await, Ok(2));
            assert_eq!(fast.recv().await, Err(RecvError::Closed));
        });
        assert_eq!(thread.join().unwrap(), Ok(()));
    });
}

#[test]
fn the_last_receiver_to_go_closes_the_ring_for_the_sender() {
    on_each_driver_and_wait(|builder| {
        let (mut sender, receiver) = broadcast::blocking(1);
        sender.try_send(0).unwrap();
        let other = receiver.subscribe();
        let sends = builder.clone();
        let thread = thread::spawn(move || {
            block_on(sends, async move {
                let sent = sender.send(7).await;
                sender.closed().await.unwrap();
                (sent, sender)
            })
        });
        block_on(builder, async move {
            sleep(MOMENT).await.unwrap();
            drop(other);
            sleep(MOMENT).await.unwrap();
            drop(receiver);
        });
        let (sent, mut sender) = thread.join().unwrap();
        assert_eq!(sent, Err(SendError::Closed(7)));
        assert!(sender.is_closed());
        assert_eq!(sender.try_send(8), Err(TrySendError::Closed(8)));
        // The next one opens it again.
        let mut receiver = sender.subscribe();
        assert!(!sender.is_closed());
        sender.try_send(9).unwrap();
        assert_eq!(receiver.try_recv(), Ok(9));
    });
}

#[test]
fn a_sender_that_goes_ends_all_waits_after_what_it_sent() {
    on_each_driver_and_wait(|builder| {
        let (mut sender, receiver) = broadcast::lossy(4);
        let threads = [receiver.subscribe(), receiver].map(|mut receiver| {
            let builder = builder.clone();
            thread::spawn(move || {
                block_on(builder, async move { (receiver.recv().await, receiver.recv().await) })
            })
        });
        block_on(builder, async move {
            sleep(MOMENT).await.unwrap();
            sender.try_send(7).unwrap();
            sleep(MOMENT).await.unwrap();
        });
        for thread in threads {
            assert_eq!(thread.join().unwrap(), (Ok(7), Err(RecvError::Closed)));
        }
    });
}

#[test]
fn an_overtaken_receiver_goes_on_with_the_oldest_that_is_left() {
    for capacity in 1..6_usize {
        for sent in 0..30 {
            for begin in 0..3 {
                let (mut sender, mut receiver) = broadcast::lossy::<u64>(capacity);
                for number in 0..begin {
                    sender.try_send(number).unwrap();
                    assert_eq!(receiver.try_recv(), Ok(number));
                }
                assert_eq!(sender.try_send_all(&mut (begin..begin + sent)), Ok(sent as usize));
                // The slot behind the newest item is still whole, but it counts for nothing.
                let kept = sent.min(capacity as u64 + 1);
                assert_eq!(receiver.len() as u64, sent.min(capacity as u64));
                if sent > kept {
                    let lost = sent - capacity as u64;
                    assert_eq!(receiver.drain(usize::MAX).count(), 0, "it does not hide a loss");
                    assert_eq!(receiver.try_recv(), Err(TryRecvError::Lagged(lost)));
                    assert!(receiver.drain(usize::MAX).eq(begin + lost..begin + sent));
                } else {
                    assert!(receiver.drain(usize::MAX).eq(begin..begin + sent));
                }
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            }
        }
    }
}

#[test]
fn a_receiver_that_lags_at_the_end_is_told_before_it() {
    for sent in [3_u32, 4, 5, 6, 7, 8, 9] {
        let (mut sender, mut receiver) = broadcast::lossy(2);
        sender.try_send_all(&mut (0..sent)).unwrap();
        sender.close();
        assert!(receiver.is_closed());
        if sent > 3 || receiver.try_recv() != Ok(0) {
            // The mark of the end takes the slot behind the newest item.
            assert_eq!(receiver.drain(usize::MAX).count(), if sent > 3 { 0 } else { 2 });
        }
        let mut received = Vec::new();
        let mut lost = 0;
        loop {
            match receiver.try_recv() {
                Ok(item) => received.push(item),
                Err(TryRecvError::Lagged(count)) => lost += count,
                Err(error) => break assert_eq!(error, TryRecvError::Closed),
            }
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed), "for ever");
        if sent > 3 {
            assert_eq!((lost, received), (u64::from(sent) - 2, vec![sent - 2, sent - 1]));
        }
        let mut late = sender.subscribe();
        assert_eq!(late.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(sender.try_send(1), Err(TrySendError::Closed(1)), "nobody opens it again");
    }
}

#[test]
fn items_are_dropped_once_whoever_goes_last() {
    for (sent, received) in [(0, 0), (1, 0), (3, 3), (4, 4), (5, 2), (9, 7), (12, 12)] {
        for receiver_first in [false, true] {
            let item = Arc::new(());
            let (mut sender, mut receiver) = broadcast::blocking(3);
            let mut left = received;
            for _ in 0..sent {
                while sender.try_send(Arc::clone(&item)).is_err() {
                    drop(receiver.try_recv().unwrap());
                    left -= 1;
                }
            }
            for _ in 0..left {
                drop(receiver.try_recv().unwrap());
            }
            if receiver_first {
                drop(receiver);
                drop(sender);
            } else {
                drop(sender);
                while receiver.try_recv().is_ok() {}
                drop(receiver);
            }
            assert_eq!(Arc::strong_count(&item), 1, "{sent} sent, {received} received");
        }
    }
}

#[test]
fn a_drain_that_is_forgotten_holds_nothing_for_ever() {
    let (mut sender, mut receiver) = broadcast::blocking(2);
    sender.try_send_all(&mut ["a", "b"].map(String::from).into_iter()).unwrap();
    let mut drain = receiver.drain(1);
    assert_eq!(drain.next().unwrap(), "a");
    std::mem::forget(drain);
    assert!(sender.try_send("c".into()).is_err(), "its room was not given back");
    assert_eq!(*receiver.try_borrow().unwrap(), "b");
    receiver.try_borrow().unwrap().release();
    assert_eq!(sender.try_send_all(&mut ["c", "d"].map(String::from).into_iter()), Ok(2));
    assert!(receiver.drain(usize::MAX).eq(["c", "d"]));
}

#[test]
fn a_clone_that_panics_takes_nothing() {
    #[derive(Debug)]
    struct Touchy(u32, Arc<std::sync::atomic::AtomicBool>);

    impl Clone for Touchy {
        fn clone(&self) -> Self {
            assert!(!self.1.load(std::sync::atomic::Ordering::SeqCst), "it panics");
            Self(self.0, Arc::clone(&self.1))
        }
    }

    let panics = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (mut sender, mut receiver) = broadcast::blocking(2);
    sender.try_send(Touchy(7, Arc::clone(&panics))).unwrap();
    let receives = std::panic::AssertUnwindSafe(|| receiver.try_recv());
    assert!(std::panic::catch_unwind(receives).is_err());
    panics.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(receiver.try_recv().unwrap().0, 7);
}

#[test]
fn cancelled_waits_take_nothing_and_give_back() {
    on_each(async || {
        let (mut sender, mut receiver) = broadcast::blocking(1);
        let recv = async move { (receiver.recv().await, receiver) };
        let (received, mut receiver) = cancelled_in_wait(recv).await;
        assert_eq!(received, Err(RecvError::Cancelled));
        sender.try_send(0).unwrap();
        let send = async move { (sender.send(7).await, sender) };
        let (sent, mut sender) = cancelled_in_wait(send).await;
        assert_eq!(sent, Err(SendError::Cancelled(7)));
        let recv = async move { (receiver.recv().await, receiver) };
        let (received, mut receiver) = begun_cancelled(recv).await;
        assert_eq!(received, Err(RecvError::Cancelled));
        assert_eq!(receiver.recv().await, Ok(0));
        sender.try_send(1).unwrap();
        abort(waiting(async move { sender.send(2).await }).await).await;
        assert_eq!(receiver.recv().await, Ok(1));
        assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    });
}

#[test]
fn waits_end_at_a_deadline() {
    on_each(async || {
        let (mut sender, mut receiver) = broadcast::blocking(1);
        let moment = Duration::from_micros(50);
        assert!(timeout(moment, receiver.recv()).await.is_err());
        assert!(timeout(moment, sender.closed()).await.is_err());
        sender.send(0).await.unwrap();
        assert!(timeout(moment, sender.send(1)).await.is_err());
        assert!(timeout(moment, sender.ready()).await.is_err());
        receiver.ready().await.unwrap();
        assert_eq!(receiver.recv().await, Ok(0));
        sender.ready().await.unwrap();
    });
    let (mut sender, mut receiver) = broadcast::blocking(1);
    assert_eq!(receiver.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
    sender.send_blocking(0).unwrap();
    assert_eq!(sender.send_timeout(1, MOMENT), Err(SendTimeoutError::Timeout(1)));
    assert_eq!(receiver.recv_timeout(MOMENT), Ok(0));
    drop(sender);
    assert_eq!(receiver.recv_timeout(MOMENT), Err(RecvTimeoutError::Closed));
    assert_eq!(receiver.recv_blocking(), Err(RecvError::Closed));
    let (mut sender, mut receiver) = broadcast::lossy(1);
    sender.try_send_all(&mut (0..5_u8)).unwrap();
    sender.try_send_all(&mut (5..9_u8)).unwrap();
    assert_eq!(receiver.recv_timeout(MOMENT), Err(RecvTimeoutError::Lagged(8)));
    assert_eq!(receiver.recv_timeout(MOMENT), Ok(8));
}

#[test]
fn a_forgotten_wait_harms_nobody() {
    on_each(async || {
        let (mut sender, mut receiver) = broadcast::blocking(1);
        let slow = receiver.subscribe();
        for end in [true, false] {
            let mut recv = Box::pin(receiver.recv());
            assert!(futures_util::poll!(recv.as_mut()).is_pending());
            std::mem::forget(recv);
            if end {
                sender.try_send(1).unwrap();
            }
            let mut send = Box::pin(sender.send(2));
            assert!(futures_util::poll!(send.as_mut()).is_pending());
            std::mem::forget(send);
            let _ = receiver.try_recv();
        }
        // The word that the sender was left waiting for outlives its reader.
        drop(slow);
        sleep(Duration::from_millis(1)).await.unwrap();
        sender.send(3).await.unwrap();
        assert_eq!(receiver.recv().await, Ok(3));
        drop((sender, receiver));
        sleep(Duration::from_millis(1)).await.unwrap();
    });
}

#[test]
fn dumps_name_the_waits() {
    on_each(async || {
        let (mut sender, mut receiver) = broadcast::blocking(1);
        let mut other = receiver.subscribe();
        let (line, recv) = (line!(), async move { other.recv().await });
        assert_eq!(waits_of(recv).await, [("ring recv".into(), line)]);
        sender.try_send(0).unwrap();
        let (line, send) = (line!(), async move { sender.send(7).await });
        assert_eq!(waits_of(send).await, [("ring send".into(), line)]);
        assert_eq!(receiver.try_recv(), Ok(0));
    });
}

#[test]
fn plain_data_of_any_size_comes_whole() {
    fn exchange<T>(make: impl Fn(u8) -> T)
    where
        T: bytemuck::NoUninit + bytemuck::AnyBitPattern + Send + PartialEq + std::fmt::Debug,
    {
        let (mut sender, mut receiver) = broadcast::lossy(3);
        for number in 0..20 {
            sender.try_send(make(number)).unwrap();
            assert_eq!(receiver.try_recv(), Ok(make(number)));
        }
    }

    exchange(|_| ());
    exchange(|n| n);
    exchange(|n| [n; 7]);
    exchange(|n| [n; 9]);
    exchange(|n| [u16::from(n); 31]);
    exchange(|n| [u128::from(n); 3]);
    exchange(|n| [u64::from(n); 1000]);
}
