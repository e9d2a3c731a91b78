//! The semaphore: no more at once than there are permits, in order, until it is closed.

mod common;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use common::waiters::{assert_nobody_waits, settle, waiters};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use taut::sync::{AcquireError, Semaphore, TryAcquireError};
use taut::time::sleep;
use taut::{Cancelled, is_cancelled, spawn, yield_now};

#[test]
fn no_more_are_inside_than_there_are_permits() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (permits, inside) = (Rc::new(Semaphore::new(3)), Rc::new(Cell::new(0)));
            let most = Rc::new(Cell::new(0));
            let tasks: Vec<_> = (0..60)
                .map(|number| {
                    let permits = Rc::clone(&permits);
                    let (inside, most) = (Rc::clone(&inside), Rc::clone(&most));
                    spawn(async move {
                        let count = 1 + number % 3;
                        let permit = permits.acquire(count).await.unwrap();
                        inside.set(inside.get() + permit.count());
                        most.set(most.get().max(inside.get()));
                        sleep(Duration::from_micros(1)).await.unwrap();
                        inside.set(inside.get() - count);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!((most.get(), permits.available()), (3, 3));
            assert_nobody_waits(&permits);
        });
    });
}

#[test]
fn a_large_request_at_the_front_is_not_starved_by_small_ones() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (permits, log) = (Rc::new(Semaphore::new(4)), Rc::new(RefCell::new(Vec::new())));
            let mut held = Vec::new();
            for _ in 0..4 {
                held.push(permits.acquire(1).await.unwrap());
            }
            for count in [4, 1, 1] {
                let (permits, log) = (Rc::clone(&permits), Rc::clone(&log));
                spawn(async move {
                    let permit = permits.acquire(count).await.unwrap();
                    log.borrow_mut().push(permit.count());
                    yield_now().await;
                });
            }
            settle().await;
            for left in (1..4).rev() {
                held.pop();
                settle().await;
                assert_eq!(permits.available(), 4 - left, "kept for the large request");
                assert!(log.borrow().is_empty());
                assert_eq!(permits.try_acquire(1).unwrap_err(), TryAcquireError::NoPermits);
            }
            held.pop();
            settle().await;
            assert_eq!(*log.borrow(), [4, 1, 1]);
        });
    });
}

#[test]
fn a_large_request_that_gives_up_lets_the_small_ones_through() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let permits = Rc::new(Semaphore::new(2));
            let one = permits.acquire(1).await.unwrap();
            let acquire = |count| {
                let permits = Rc::clone(&permits);
                spawn(async move { permits.acquire(count).await.map(drop) })
            };
            let (large, small) = (acquire(2), acquire(1));
            settle().await;
            assert_eq!(waiters(&permits), (2, 0));
            large.cancel();
            let error = in_time(large).await.unwrap().unwrap_err();
            assert_eq!(error, AcquireError::Cancelled(Cancelled));
            in_time(small).await.unwrap().unwrap();
            drop(one);
            assert_eq!(permits.available(), 2);
        });
    });
}

#[test]
fn permits_are_added_and_taken_out_for_good() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let permits = Rc::new(Semaphore::new(0));
            let other = Rc::clone(&permits);
            let waiting = spawn(async move { other.acquire_owned(3).await });
            settle().await;
            permits.add_permits(2);
            settle().await;
            assert_eq!((waiters(&permits), permits.available()), ((1, 0), 2));
            permits.add_permits(2);
            let permit = in_time(waiting).await.unwrap().unwrap();
            assert_eq!((permit.count(), permits.available()), (3, 1));
            permit.forget();
            assert_eq!(permits.available(), 1);
            drop(permits.acquire(1).await.unwrap());
            assert_eq!(permits.available(), 1);
            // What was forgotten makes room; as many as can be counted are allowed, no more.
            permits.add_permits(usize::MAX - 1);
            let all = permits.try_acquire(usize::MAX).unwrap();
            assert!(permits.try_acquire(0).is_ok());
            drop(all);
            let permits = Rc::into_inner(permits).unwrap();
            let more = std::panic::AssertUnwindSafe(|| permits.add_permits(1));
            assert!(std::panic::catch_unwind(more).is_err());
        });
    });
}

#[test]
fn closing_ends_every_wait_and_leaves_what_was_taken() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let permits = Rc::new(Semaphore::new(2));
            let held = permits.acquire(1).await.unwrap();
            let second = permits.acquire(1).await.unwrap();
            let acquire = || {
                let permits = Rc::clone(&permits);
                spawn(async move { permits.acquire_owned(1).await })
            };
            let (chosen, waiting, cancelled) = (acquire(), acquire(), acquire());
            settle().await;
            drop(second);
            permits.close();
            cancelled.cancel();
            assert!(permits.is_closed());
            let chosen = in_time(chosen).await.unwrap();
            assert_eq!(chosen.unwrap().count(), 1, "it was chosen before");
            assert_eq!(in_time(waiting).await.unwrap().unwrap_err(), AcquireError::Closed);
            assert_eq!(in_time(cancelled).await.unwrap().unwrap_err(), AcquireError::Closed);
            drop(held);
            assert_eq!(permits.available(), 2);
            assert_eq!(permits.acquire(1).await.unwrap_err(), AcquireError::Closed);
            assert_eq!(permits.try_acquire(1).unwrap_err(), TryAcquireError::Closed);
            assert_eq!(permits.try_acquire_owned(0).unwrap_err(), TryAcquireError::Closed);
            assert_nobody_waits(&permits);
        });
    });
}

#[test]
fn errors_say_whether_it_was_a_cancel() {
    let cancelled = AcquireError::from(Cancelled);
    assert!(is_cancelled(&cancelled) && !is_cancelled(&AcquireError::Closed));
    assert!(is_cancelled(&io::Error::from(cancelled)));
    let closed = io::Error::from(AcquireError::Closed);
    assert_eq!(closed.kind(), io::ErrorKind::BrokenPipe);
    assert!(AcquireError::Closed.source().is_none());
}

#[test]
fn owned_permits_keep_their_semaphore_and_a_panic_gives_them_back() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let permits = Rc::new(Semaphore::new(1));
            let task = permits.acquire_owned(1).now_or_never().unwrap().unwrap();
            let task = spawn(async move {
                let _permit = task;
                yield_now().await;
                panic!("with a permit");
            });
            assert!(task.await.unwrap_err().is_panic());
            let permit = permits.try_acquire_owned(1).unwrap();
            let weak = Rc::downgrade(&permits);
            drop(permits);
            assert_eq!(weak.upgrade().unwrap().available(), 0);
            drop(permit);
            assert!(weak.upgrade().is_none());
        });
    });
}
