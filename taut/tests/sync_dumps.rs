//! A dump names what a task waits for and the user's own line, for each primitive; it changes
//! nothing.

mod common;

use std::rc::Rc;

use common::waiters::{assert_nobody_waits, settle, waiters, waits_of};
use common::{block_on, in_time, on_each_driver};
use taut::sync::{Barrier, Condition, Event, Mutex, Notify, OnceCell, RwLock, Semaphore};
use taut::{Cancelled, spawn};

/// Each wait is the only call on its line, `lines` after the first.
fn at(what: &str, line: u32) -> Vec<(String, u32)> {
    vec![(what.to_owned(), line)]
}

#[test]
fn waits_for_locks_and_permits_are_named() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mutex, lock) = (Rc::new(Mutex::new(())), Rc::new(RwLock::new(())));
            let semaphore = Rc::new(Semaphore::new(0));
            let (_locked, _written) = (mutex.lock().await.unwrap(), lock.write().await.unwrap());
            let (mutex_too, lock_too) = (Rc::clone(&mutex), Rc::clone(&lock));
            let semaphore_too = Rc::clone(&semaphore);
            let line = line!();
            let one = waits_of(async move { drop(mutex_too.lock().await) }).await;
            let owned = waits_of(mutex.lock_owned()).await;
            let read = waits_of(async move { drop(lock_too.read().await) }).await;
            let read_owned = waits_of(lock.read_owned()).await;
            let write_owned = waits_of(lock.write_owned()).await;
            let permit = waits_of(async move { drop(semaphore_too.acquire(1).await) }).await;
            let permit_owned = waits_of(semaphore.acquire_owned(1)).await;
            assert_eq!(one, at("mutex", line + 1));
            assert_eq!(owned, at("mutex", line + 2));
            assert_eq!(read, at("read lock", line + 3));
            assert_eq!(read_owned, at("read lock", line + 4));
            assert_eq!(write_owned, at("write lock", line + 5));
            assert_eq!(permit, at("semaphore", line + 6));
            assert_eq!(permit_owned, at("semaphore", line + 7));
            let lock_too = Rc::clone(&lock);
            let line = line!();
            let write = waits_of(async move { drop(lock_too.write().await) }).await;
            assert_eq!(write, at("write lock", line + 1));
        });
    });
}

#[test]
fn waits_for_signals_are_named() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let line = line!();
            let event = waits_of(async { Event::new().wait().await }).await;
            let notify = waits_of(async { Notify::new().notified().await }).await;
            let barrier = waits_of(async { Barrier::new(2).wait().await }).await;
            assert_eq!(event, at("event", line + 1));
            assert_eq!(notify, at("notification", line + 2));
            assert_eq!(barrier, at("barrier", line + 3));
            let cell = Rc::new(OnceCell::new());
            let other = Rc::clone(&cell);
            spawn(async move { other.get_or_init(std::future::pending::<()>).await.map(drop) });
            settle().await;
            let (first, second) = (Rc::clone(&cell), cell);
            let line = line!();
            let infallible = waits_of(async move { first.get_or_init(async || ()).await.copied() });
            let initialise = async || Ok::<_, Cancelled>(());
            let fallible =
                waits_of(async move { second.get_or_try_init(initialise).await.copied() });
            assert_eq!(infallible.await, at("once cell", line + 1));
            assert_eq!(fallible.await, at("once cell", line + 4));
        });
    });
}

#[test]
fn both_waits_for_a_condition_are_named() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let shared = Rc::new((Mutex::new(0), Condition::new()));
            let other = Rc::clone(&shared);
            let line = line!() + 2;
            let waited = waits_of(async move {
                drop(other.1.wait(other.0.lock().await.unwrap()).await);
            });
            assert_eq!(waited.await, at("condition", line));
            let other = Rc::clone(&shared);
            let line = line!() + 3;
            let locking = waits_of(async move {
                let guard = other.0.lock().await.unwrap();
                drop(other.1.wait_while(guard, |value| *value == 0).await);
            });
            let (shared, other) = (Rc::clone(&shared), shared);
            spawn(async move {
                while waiters(&other.1) == (0, 0) {
                    taut::yield_now().await;
                }
                let _guard = other.0.lock().await.unwrap();
                other.1.notify_one();
                settle().await;
                settle().await;
            });
            assert_eq!(locking.await, at("mutex", line));
            settle().await;
            assert_nobody_waits(&shared.1);
        });
    });
}

#[test]
fn a_dump_leaves_every_waiter_where_it_stands() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutex = Rc::new(Mutex::new(Vec::new()));
            let guard = mutex.lock().await.unwrap();
            let tasks: Vec<_> = (0..5)
                .map(|number| {
                    let mutex = Rc::clone(&mutex);
                    spawn(async move { mutex.lock().await.unwrap().push(number) })
                })
                .collect();
            settle().await;
            taut::dump();
            assert_eq!(waiters(&mutex), (5, 0));
            drop(guard);
            assert_eq!(waiters(&mutex), (4, 1));
            // The lock is on its way; and a cancel is, too.
            taut::dump();
            tasks[3].cancel();
            taut::dump();
            assert_eq!(waiters(&mutex), (4, 1));
            for (number, task) in tasks.into_iter().enumerate() {
                assert_eq!(in_time(task).await.is_err(), number == 3, "its unwrap panics");
            }
            assert_eq!(*mutex.lock().await.unwrap(), [0, 1, 2, 4]);
        });
    });
}
