//! What becomes of the items of a ring between threads: each is dropped exactly once, whoever goes
//! last, wherever that is, and whatever was forgotten or has panicked before.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{block_on, on_each_driver};
use taut::cores::{Receiver, mpsc, spsc};

/// Counts its drops, and owns memory, so that a second one is found by the allocator, too.
#[derive(Debug)]
struct Item {
    number: Box<usize>,
    dropped: Arc<AtomicUsize>,
}

#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn item(&self, number: usize) -> Item {
        Item { number: Box::new(number), dropped: Arc::clone(&self.0) }
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// A ring with items of the numbers 0 to `count`, at least once around.
fn filled(drops: &Drops, count: usize) -> (spsc::Sender<Item>, Receiver<Item>) {
    let (mut sender, mut receiver) = spsc::channel(count + 1);
    for number in 0..=count {
        sender.try_send(drops.item(number)).unwrap();
        drop(receiver.try_recv().unwrap());
    }
    for number in 0..count {
        sender.try_send(drops.item(number)).unwrap();
    }
    drops.0.store(0, Ordering::SeqCst);
    (sender, receiver)
}

#[test]
fn what_is_left_is_dropped_once_whoever_goes_first() {
    for receiver_first in [false, true] {
        let drops = Drops::default();
        let (sender, receiver) = filled(&drops, 5);
        if receiver_first {
            drop(receiver);
            assert_eq!(drops.count(), 5, "nobody will receive them: they go at once");
            drop(sender);
        } else {
            drop(sender);
            assert_eq!(drops.count(), 0);
            drop(receiver);
        }
        assert_eq!(drops.count(), 5);
    }
}

#[test]
fn what_is_left_is_dropped_once_where_the_ends_go_on_two_threads() {
    for _ in 0..200 {
        let drops = Drops::default();
        let (sender, receiver) = mpsc::channel(4);
        let threads = [0, 1].map(|number| {
            let (mut sender, drops) = (sender.clone(), drops.clone());
            thread::spawn(move || drop(sender.try_send(drops.item(number))))
        });
        drop(sender);
        drop(receiver);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(drops.count(), 2);
    }
}

#[test]
fn what_is_left_is_dropped_once_at_the_end_of_the_runtimes() {
    on_each_driver(|builder| {
        let drops = Drops::default();
        let (sender, receiver) = filled(&drops, 3);
        let threads = [
            thread::spawn({
                let builder = builder.clone();
                move || {
                    block_on(builder, async move { drop(taut::spawn(keep(sender))) });
                }
            }),
            thread::spawn(move || {
                block_on(builder, async move { drop(taut::spawn(keep(receiver))) });
            }),
        ];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(drops.count(), 3);
    });
}

async fn keep<T>(end: T) {
    std::future::pending::<()>().await;
    drop(end);
}

#[test]
fn a_drain_that_is_forgotten_leaves_nothing_to_be_dropped_twice() {
    for taken in 0..=3 {
        let drops = Drops::default();
        let (sender, mut receiver) = filled(&drops, 3);
        let mut drain = receiver.drain(taken);
        let items: Vec<_> = drain.by_ref().collect();
        std::mem::forget(drain);
        assert_eq!(items.len(), taken);
        drop(receiver);
        drop(sender);
        assert_eq!(drops.count(), 3 - taken);
        assert!(items.iter().zip(0..).all(|(item, number)| *item.number == number));
        drop(items);
        assert_eq!(drops.count(), 3);
    }
}

#[test]
fn a_borrow_that_is_not_released_takes_nothing() {
    let drops = Drops::default();
    let (sender, mut receiver) = filled(&drops, 2);
    receiver.try_borrow().unwrap();
    *receiver.try_borrow().unwrap().number = 7;
    assert_eq!(*receiver.try_borrow().unwrap().number, 7);
    receiver.try_borrow().unwrap().release();
    assert_eq!(drops.count(), 1);
    assert_eq!(*receiver.try_recv().unwrap().number, 1);
    drop((sender, receiver));
    assert_eq!(drops.count(), 2);
}

/// Panics when it is dropped, if it is told to.
struct Touchy {
    panics: bool,
    item: Item,
}

impl Drop for Touchy {
    fn drop(&mut self) {
        assert!(!self.panics, "this one panics");
        assert!(*self.item.number < 10);
    }
}

#[test]
fn a_destructor_that_panics_keeps_nothing_else_from_being_dropped() {
    let touchy = |drops: &Drops, number| Touchy { panics: number == 1, item: drops.item(number) };
    for receiver_first in [false, true] {
        let drops = Drops::default();
        let (mut sender, mut receiver) = spsc::channel(4);
        for number in 0..4 {
            assert!(sender.try_send(touchy(&drops, number)).is_ok());
        }
        if receiver_first {
            assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
            drop(sender);
        } else {
            drop(sender);
            drop(receiver.try_recv());
            let release = || receiver.try_borrow().unwrap().release();
            assert!(catch_unwind(AssertUnwindSafe(release)).is_err());
            drop(receiver);
        }
        assert_eq!(drops.count(), 4);
    }
}

#[test]
fn items_of_any_size_and_alignment_come_whole() {
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(256))]
    struct Strict([u8; 300]);

    fn exchange<T: Clone + PartialEq + std::fmt::Debug + Send + 'static>(item: &T) {
        for capacity in [1, 2, 7] {
            let (mut sender, mut receiver) = mpsc::channel(capacity);
            for round in 0..5 {
                for _ in 0..capacity {
                    sender.try_send(item.clone()).unwrap();
                }
                assert!(sender.try_send(item.clone()).is_err());
                let borrowed = receiver.try_borrow().unwrap();
                assert_eq!(&raw const *borrowed as usize % align_of::<T>(), 0);
                assert_eq!(*borrowed, *item);
                assert!(receiver.drain(usize::MAX).all(|each| each == *item), "round {round}");
            }
        }
    }

    exchange(&());
    exchange(&7_u8);
    exchange(&[7_u64; 7]);
    exchange(&[3_u8; 57]);
    exchange(&String::from("owned"));
    exchange(&Strict([5; 300]));
    exchange(&vec![9; 3]);
    exchange(&[1_u8; 1 << 16]);
}

#[test]
fn a_million_items_of_no_size_are_counted() {
    let (mut sender, mut receiver) = spsc::channel::<()>(8);
    let thread = thread::spawn(move || {
        let mut count = 0;
        while receiver.recv_blocking().is_ok() {
            count += 1 + receiver.drain(3).count();
        }
        count
    });
    for _ in 0..1_000_000 {
        sender.send_blocking(()).unwrap();
    }
    drop(sender);
    assert_eq!(thread.join().unwrap(), 1_000_000);
}
