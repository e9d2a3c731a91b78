//! The condition: notified in order, with the mutex held again in any case.

mod common;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use common::waiters::{assert_nobody_waits, settle, waiters};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use taut::sync::{Condition, Mutex};
use taut::time::{sleep, timeout};
use taut::{Cancelled, JoinHandle, spawn};

/// Who woke, and how.
type Woken = (usize, Result<(), Cancelled>);

/// A mutex with its condition, and a log of who woke how.
#[derive(Clone, Default)]
struct Scene {
    shared: Rc<(Mutex<u32>, Condition)>,
    log: Rc<RefCell<Vec<Woken>>>,
}

impl Scene {
    fn mutex(&self) -> &Mutex<u32> {
        &self.shared.0
    }

    fn condition(&self) -> &Condition {
        &self.shared.1
    }

    /// So many tasks that wait, in order; each notes how its wait ended while it holds the mutex.
    async fn waiting(&self, count: usize) -> Vec<JoinHandle<()>> {
        let mut tasks = Vec::new();
        for number in 0..count {
            let this = self.clone();
            tasks.push(spawn(async move {
                let guard = this.mutex().lock().await.unwrap();
                let (mut guard, waited) = this.condition().wait(guard).await;
                assert!(this.mutex().try_lock().is_none(), "the guard holds the mutex");
                *guard += 1;
                this.log.borrow_mut().push((number, waited));
            }));
        }
        settle().await;
        assert_eq!(waiters(self.condition()), (count, 0));
        assert!(!self.mutex().is_locked(), "waiting unlocks");
        tasks
    }

    async fn log(&self) -> Vec<Woken> {
        settle().await;
        self.log.borrow().clone()
    }

    async fn all_ended(&self, tasks: Vec<JoinHandle<()>>) {
        let count = tasks.len() as u32;
        for task in tasks {
            in_time(task).await.unwrap();
        }
        assert_nobody_waits(self.condition());
        assert_nobody_waits(self.mutex());
        assert_eq!(*self.mutex().lock().await.unwrap(), count);
    }
}

fn on_each_driver_with_scene(body: impl AsyncFn(Scene)) {
    on_each_driver(|builder| block_on(builder, body(Scene::default())));
}

#[test]
fn notifications_go_one_by_one_in_the_order_of_the_waits() {
    on_each_driver_with_scene(async |scene| {
        // A notification with nobody waiting is forgotten.
        scene.condition().notify_one();
        let tasks = scene.waiting(5).await;
        scene.condition().notify_one();
        assert_eq!(scene.log().await, [(0, Ok(()))]);
        scene.condition().notify_one();
        scene.condition().notify_one();
        assert_eq!(scene.log().await[1..], [(1, Ok(())), (2, Ok(()))]);
        // The mutex is taken again only when its holder gives it up.
        let guard = scene.mutex().lock().await.unwrap();
        scene.condition().notify_all();
        assert_eq!(scene.log().await.len(), 3);
        drop(guard);
        assert_eq!(scene.log().await[3..], [(3, Ok(())), (4, Ok(()))]);
        scene.all_ended(tasks).await;
    });
}

#[test]
fn a_notification_comes_with_the_lock_to_who_looked_before_it() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let shared = Rc::new((Mutex::new(VecDeque::new()), Condition::new()));
            let consumers: Vec<_> = (0..4)
                .map(|_| {
                    let shared = Rc::clone(&shared);
                    spawn(async move {
                        let mut sum = 0;
                        loop {
                            let guard = shared.0.lock().await.unwrap();
                            let (mut items, waited) =
                                shared.1.wait_while(guard, |items| items.is_empty()).await;
                            waited.unwrap();
                            match items.pop_front().unwrap() {
                                0_u64 => return sum,
                                item => sum += item,
                            }
                        }
                    })
                })
                .collect();
            for item in (1..=1000).chain([0; 4]) {
                shared.0.lock().await.unwrap().push_back(item);
                shared.1.notify_one();
                if item % 10 == 0 {
                    sleep(Duration::from_micros(1)).await.unwrap();
                }
            }
            let mut sum = 0;
            for consumer in consumers {
                sum += in_time(consumer).await.unwrap();
            }
            assert_eq!(sum, 500_500);
        });
    });
}

#[test]
fn the_predicate_is_looked_at_before_and_after_each_wait() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let shared = Rc::new((Mutex::new(0), Condition::new()));
            let other = Rc::clone(&shared);
            let waiting = spawn(async move {
                let (mut looked, guard) = (0, other.0.lock().await.unwrap());
                let less = |value: &mut i32| {
                    looked += 1;
                    *value < 3
                };
                let (guard, waited) = other.1.wait_while(guard, less).await;
                waited.unwrap();
                // What is true already is not waited for.
                let (guard, waited) = other.1.wait_while(guard, |value| *value < 3).await;
                waited.unwrap();
                (looked, *guard)
            });
            for value in 1..=3 {
                settle().await;
                *shared.0.lock().await.unwrap() = value;
                shared.1.notify_all();
            }
            assert_eq!(in_time(waiting).await.unwrap(), (4, 3));
        });
    });
}

#[test]
fn a_cancelled_wait_holds_the_mutex_again_also_where_it_has_to_wait_for_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for locked in [false, true] {
                let scene = Scene::default();
                let tasks = scene.waiting(3).await;
                let guard = locked.then(|| scene.mutex().try_lock().unwrap());
                assert!(tasks[1].cancel());
                assert_eq!(scene.log().await.is_empty(), locked);
                assert_eq!(waiters(scene.condition()), (2, 0));
                drop(guard);
                assert_eq!(scene.log().await, [(1, Err(Cancelled))]);
                scene.condition().notify_all();
                scene.all_ended(tasks).await;
            }
        });
    });
}

#[test]
fn a_cancel_after_the_notification_comes_too_late() {
    on_each_driver_with_scene(async |scene| {
        let tasks = scene.waiting(2).await;
        scene.condition().notify_one();
        assert!(tasks[0].cancel());
        assert_eq!(scene.log().await, [(0, Ok(()))]);
        // Nor does it reach the wait for the mutex.
        let guard = scene.mutex().try_lock().unwrap();
        scene.condition().notify_one();
        settle().await;
        assert!(tasks[1].cancel());
        assert_eq!(scene.log().await.len(), 1);
        drop(guard);
        assert_eq!(scene.log().await[1..], [(1, Ok(()))]);
        scene.all_ended(tasks).await;
    });
}

#[test]
fn a_notification_after_the_cancel_goes_to_the_next() {
    on_each_driver_with_scene(async |scene| {
        let tasks = scene.waiting(3).await;
        assert!(tasks[0].cancel());
        // It has not run since, and so still stands in line.
        assert_eq!(waiters(scene.condition()), (3, 0));
        scene.condition().notify_one();
        let mut log = scene.log().await;
        log.sort_by_key(|(number, _)| *number);
        assert_eq!(log, [(0, Err(Cancelled)), (1, Ok(()))]);
        scene.condition().notify_one();
        scene.all_ended(tasks).await;
    });
}

#[test]
fn a_wait_that_begins_in_a_cancelled_task_keeps_the_mutex_all_the_time() {
    on_each_driver_with_scene(async |scene| {
        let this = scene.clone();
        let task = spawn(async move {
            let guard = this.mutex().lock().await.unwrap();
            // Cancelled meanwhile, and without a wait in which to notice.
            taut::yield_now().await;
            let wait = this.condition().wait(guard);
            let (guard, waited) = wait.now_or_never().expect("fails at once");
            assert_eq!((waited, this.mutex().try_lock().is_none()), (Err(Cancelled), true));
            let wait = this.condition().wait_while(guard, |_| true);
            let (_guard, waited) = wait.now_or_never().expect("fails at once");
            assert!(waited.is_err());
        });
        taut::yield_now().await;
        assert!(task.cancel());
        in_time(task).await.unwrap();
        assert_nobody_waits(scene.condition());
    });
}

#[test]
fn a_dropped_wait_leaves_the_mutex_to_others_and_its_notification_to_the_next() {
    on_each_driver_with_scene(async |scene| {
        let tasks = scene.waiting(4).await;
        // Dropped while it waits for its notification, with one, and while it waits to lock.
        tasks[0].abort();
        settle().await;
        assert_eq!(waiters(scene.condition()), (3, 0));
        scene.condition().notify_one();
        tasks[1].abort();
        let guard = scene.mutex().try_lock().unwrap();
        settle().await;
        assert_eq!((waiters(scene.condition()), waiters(scene.mutex())), ((1, 0), (1, 0)));
        tasks[2].abort();
        settle().await;
        assert_eq!(waiters(scene.mutex()), (0, 0));
        drop(guard);
        scene.condition().notify_one();
        assert_eq!(scene.log().await, [(3, Ok(()))]);
        assert_nobody_waits(scene.condition());
        assert!(scene.mutex().try_lock().is_some());
    });
}

#[test]
fn a_wait_with_a_time_limit_gives_the_mutex_up_at_the_limit() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mutex, condition) = (Rc::new(Mutex::new(())), Condition::new());
            let guard = mutex.lock_owned().await.unwrap();
            let late = timeout(Duration::from_micros(20), condition.wait(guard)).await;
            assert!(late.is_err());
            assert_nobody_waits(&condition);
            assert!(mutex.try_lock().is_some());
        });
    });
}

#[test]
fn a_predicate_that_panics_unlocks() {
    on_each_driver_with_scene(async |scene| {
        let this = scene.clone();
        let task = spawn(async move {
            let guard = this.mutex().lock().await.unwrap();
            let (_guard, _) =
                this.condition().wait_while(guard, |_| panic!("in the predicate")).await;
        });
        assert!(in_time(task).await.unwrap_err().is_panic());
        assert!(scene.mutex().try_lock().is_some());
        assert_nobody_waits(scene.condition());
    });
}
