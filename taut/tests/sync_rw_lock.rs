//! The read-write lock: readers together, writers alone, everybody in one line.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::waiters::{assert_nobody_waits, settle, waiters};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use taut::sync::RwLock;
use taut::{Cancelled, JoinHandle, spawn, yield_now};

type Log = Rc<RefCell<Vec<&'static str>>>;

/// A lock, and tasks that note when they get it and hold it until they are let go.
#[derive(Clone, Default)]
struct Scene {
    lock: Rc<RwLock<u64>>,
    log: Log,
    let_go: Log,
    all_go: Rc<Cell<bool>>,
}

impl Scene {
    async fn holds(self, name: &'static str) {
        self.log.borrow_mut().push(name);
        while !self.all_go.get() && !self.let_go.borrow().contains(&name) {
            yield_now().await;
        }
    }

    async fn reader(&self, name: &'static str) -> JoinHandle<Result<(), Cancelled>> {
        let this = self.clone();
        let task = spawn(async move {
            let _guard = this.lock.read_owned().await?;
            this.holds(name).await;
            Ok(())
        });
        settle().await;
        task
    }

    async fn writer(&self, name: &'static str) -> JoinHandle<Result<(), Cancelled>> {
        let this = self.clone();
        let task = spawn(async move {
            let mut guard = this.lock.write_owned().await?;
            *guard += 1;
            this.holds(name).await;
            Ok(())
        });
        settle().await;
        task
    }

    async fn log_so_far(&self) -> Vec<&'static str> {
        settle().await;
        self.log.borrow().clone()
    }

    async fn end(&self) {
        self.all_go.set(true);
        settle().await;
        assert_nobody_waits(&self.lock);
        assert!(self.lock.try_write().is_some());
    }
}

#[test]
fn a_writer_is_alone_and_readers_see_whole_values() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let pair = Rc::new(RwLock::new((0_u64, 0_u64)));
            let mut tasks = Vec::new();
            for number in 0..30 {
                let pair = Rc::clone(&pair);
                tasks.push(spawn(async move {
                    for _ in 0..20 {
                        if number % 3 == 0 {
                            let mut both = pair.write().await.unwrap();
                            both.0 += 1;
                            yield_now().await;
                            both.1 += 1;
                        } else {
                            let both = pair.read().await.unwrap();
                            let before = *both;
                            yield_now().await;
                            assert_eq!((both.0, *both), (both.1, before));
                        }
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            assert_nobody_waits(&pair);
            assert_eq!(Rc::into_inner(pair).unwrap().into_inner(), (200, 200));
        });
    });
}

#[test]
fn a_writer_that_waits_stops_later_readers_and_a_run_of_readers_goes_in_together() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let scene = Scene::default();
            let before = scene.lock.read().await.unwrap();
            scene.reader("reader 1").await;
            scene.writer("writer 1").await;
            for name in ["reader 2", "reader 3", "reader 4"] {
                scene.reader(name).await;
            }
            scene.writer("writer 2").await;
            scene.reader("reader 5").await;
            assert_eq!(scene.log_so_far().await, ["reader 1"]);
            assert_eq!(waiters(&scene.lock), (6, 0));
            assert!(scene.lock.try_read().is_none(), "nor does this one overtake the writer");
            drop(before);
            assert_eq!(scene.log_so_far().await, ["reader 1"], "one reader is still there");
            scene.let_go.borrow_mut().push("reader 1");
            assert_eq!(scene.log_so_far().await[1..], ["writer 1"]);
            scene.let_go.borrow_mut().push("writer 1");
            assert_eq!(scene.log_so_far().await[2..], ["reader 2", "reader 3", "reader 4"]);
            assert_eq!(waiters(&scene.lock), (2, 0));
            scene.let_go.borrow_mut().extend(["reader 4", "reader 2", "reader 3"]);
            assert_eq!(scene.log_so_far().await[5..], ["writer 2"]);
            scene.let_go.borrow_mut().push("writer 2");
            assert_eq!(scene.log_so_far().await[6..], ["reader 5"]);
            scene.end().await;
            assert_eq!(*scene.lock.try_read().unwrap(), 2);
        });
    });
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for abort in [false, true] {
                let scene = Scene::default();
                let held = scene.lock.read().await.unwrap();
                let writer = scene.writer("writer").await;
                scene.reader("reader 1").await;
                scene.reader("reader 2").await;
                match abort {
                    true => writer.abort(),
                    false => assert!(writer.cancel()),
                }
                // While the first reader still reads.
                assert_eq!(scene.log_so_far().await, ["reader 1", "reader 2"]);
                drop(held);
                scene.end().await;
            }
        });
    });
}

#[test]
fn a_writer_becomes_a_reader_without_anybody_writing_in_between() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let scene = Scene::default();
            let mut guard = scene.lock.write_owned().await.unwrap();
            scene.reader("reader 1").await;
            scene.reader("reader 2").await;
            scene.writer("writer").await;
            scene.reader("reader 3").await;
            *guard = 41;
            let guard = guard.downgrade();
            assert_eq!(scene.log_so_far().await, ["reader 1", "reader 2"]);
            assert_eq!(*guard, 41);
            scene.all_go.set(true);
            assert_eq!(scene.log_so_far().await.len(), 2, "the downgraded guard still reads");
            drop(guard);
            assert_eq!(scene.log_so_far().await[2..], ["writer", "reader 3"]);
            assert_eq!(*scene.lock.read().await.unwrap(), 42);
            scene.end().await;
        });
    });
}

#[test]
fn guards_go_in_any_order_and_owned_ones_keep_their_lock() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let lock = Rc::new(RwLock::new(5));
            let mut readers = Vec::new();
            for _ in 0..5 {
                readers.push(lock.read_owned().await.unwrap());
            }
            for picked in [2, 0, 2, 0] {
                drop(readers.remove(picked));
                assert!(lock.try_write().is_none());
            }
            let weak = Rc::downgrade(&lock);
            drop(lock);
            assert_eq!(*readers[0], 5);
            drop(readers);
            assert!(weak.upgrade().is_none());
        });
    });
}

#[test]
fn a_panic_gives_the_lock_back() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let lock = Rc::new(RwLock::new(0));
            for write in [false, true] {
                let lock = Rc::clone(&lock);
                let task = spawn(async move {
                    if write {
                        let _guard = lock.write().await.unwrap();
                        panic!("while it writes");
                    }
                    let _guard = lock.read().await.unwrap();
                    panic!("while it reads");
                });
                assert!(task.await.unwrap_err().is_panic());
            }
            *in_time(lock.write()).await.unwrap() = 1;
            assert_nobody_waits(&lock);
        });
    });
}

#[test]
fn needs_no_runtime_and_takes_values_of_any_size() {
    let mut lock = RwLock::from([1_u8, 2, 3]);
    lock.get_mut()[0] = 7;
    let lock: Rc<RwLock<[u8]>> = Rc::new(lock);
    {
        let (one, other) = (lock.read().now_or_never(), lock.try_read_owned());
        assert_eq!((one.unwrap().unwrap()[0], other.unwrap().len()), (7, 3));
        let _reader = lock.try_read();
        assert!(lock.try_write_owned().is_none() && lock.write().now_or_never().is_none());
        assert!(format!("{lock:?}").contains("[7, 2, 3]"));
    }
    let _writer = lock.try_write_owned().unwrap();
    assert!(lock.try_read().is_none() && format!("{lock:?}").contains("<locked>"));
}
