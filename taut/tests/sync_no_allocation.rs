//! In steady state no lock and no signal allocates, whether anybody waits or not.

mod common;

use std::cell::Cell;
use std::rc::Rc;

use common::allocations::{Counting, allocations, in_steady_state};
use common::waiters::settle;
use common::{block_on, on_each_driver, until};
use futures_util::FutureExt;
use taut::sync::{Barrier, Condition, Event, Mutex, Notify, OnceCell, RwLock, Semaphore};
use taut::{spawn, yield_now};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_count_itself_counts() {
    let calls = in_steady_state(async || drop(std::hint::black_box(Box::new(1)))).now_or_never();
    assert_eq!(calls, Some(2));
}

#[test]
fn without_contention_nothing_allocates_at_all() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let calls = allocations(async {
                let (mutex, lock, semaphore) = (Mutex::new(0), RwLock::new(0), Semaphore::new(3));
                let (event, condition, notify) = (Event::new(), Condition::new(), Notify::new());
                let (barrier, cell) = (Barrier::new(1), OnceCell::new());
                event.set();
                for round in 0..1000 {
                    *mutex.lock().await.unwrap() += 1;
                    *lock.write().await.unwrap() += 1;
                    assert_eq!(*lock.read().await.unwrap(), *mutex.lock().await.unwrap());
                    drop(semaphore.acquire(2).await.unwrap());
                    event.wait().await.unwrap();
                    notify.notify_one();
                    notify.notified().await.unwrap();
                    condition.notify_all();
                    barrier.wait().await.unwrap();
                    cell.get_or_init(async || round).await.unwrap();
                }
            });
            assert_eq!(calls.await, 0, "not even the first time");
        });
    });
}

/// What the tasks of a round share.
#[derive(Debug)]
struct Shared {
    mutex: Rc<Mutex<u64>>,
    lock: RwLock<u64>,
    semaphore: Semaphore,
    event: Event,
    condition: Condition,
    notify: Notify,
    barrier: Barrier,
    /// Tasks that have come to a wait that somebody else has to end.
    came: Cell<usize>,
}

impl Shared {
    fn comes(&self) {
        self.came.set(self.came.get() + 1);
    }

    /// Until all tasks wait.
    async fn all_wait(&self) {
        until(|| self.came.get() == TASKS).await;
        self.came.set(0);
        settle().await;
    }
}

const TASKS: usize = 10;

async fn waits(shared: Rc<Shared>, number: usize) {
    for _ in 0..20 {
        *shared.mutex.lock().await.unwrap() += 1;
        let mut owned = shared.mutex.lock_owned().await.unwrap();
        yield_now().await;
        *owned += 1;
        drop(owned);
        match number % 2 {
            0 => drop(shared.lock.read().await.unwrap()),
            _ => *shared.lock.write().await.unwrap() += 1,
        }
        let permit = shared.semaphore.acquire(1 + number % 3).await.unwrap();
        yield_now().await;
        drop(permit);
        shared.barrier.wait().await.unwrap();
    }
    shared.comes();
    shared.event.wait().await.unwrap();
    shared.comes();
    let guard = shared.mutex.lock().await.unwrap();
    let (guard, waited) = shared.condition.wait(guard).await;
    waited.unwrap();
    drop(guard);
    shared.comes();
    shared.notify.notified().await.unwrap();
}

/// Cancelled and dropped waits of every kind.
async fn gives_up(shared: &Rc<Shared>) {
    let guard = shared.mutex.lock().await.unwrap();
    for way in 0..2 {
        let waiting = Rc::clone(shared);
        let task = spawn(async move { waiting.mutex.lock().await.map(drop) });
        yield_now().await;
        match way {
            0 => assert!(task.cancel()),
            _ => task.abort(),
        }
        assert!(!matches!(task.await, Ok(Ok(()))));
    }
    drop(guard);
}

#[test]
fn nor_does_a_wait_once_as_many_have_waited() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let shared = Rc::new(Shared {
                mutex: Rc::new(Mutex::new(0)),
                lock: RwLock::new(0),
                semaphore: Semaphore::new(3),
                event: Event::new(),
                condition: Condition::new(),
                notify: Notify::new(),
                barrier: Barrier::new(TASKS),
                came: Cell::new(0),
            });
            let calls = in_steady_state(async || {
                shared.event.reset();
                let tasks: [_; TASKS] =
                    std::array::from_fn(|number| spawn(waits(Rc::clone(&shared), number)));
                shared.all_wait().await;
                shared.event.set();
                shared.all_wait().await;
                shared.condition.notify_one();
                shared.condition.notify_all();
                shared.all_wait().await;
                shared.notify.notify_one();
                shared.notify.notify_all();
                for task in tasks {
                    task.await.unwrap();
                }
                gives_up(&shared).await;
            });
            assert_eq!(calls.await, 0);
        });
    });
}
