//! The mutex: alone, in turn, whatever happens to those who wait or hold it.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use common::waiters::{assert_nobody_waits, settle, waiters};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, join};
use taut::sync::{Mutex, MutexGuard};
use taut::time::{sleep, timeout};
use taut::{Cancelled, is_cancelled, spawn, yield_now};

#[test]
fn one_task_at_a_time_is_inside_also_across_awaits() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let balance = Rc::new(Mutex::new(0_u64));
            let tasks: Vec<_> = (0..20)
                .map(|number| {
                    let balance = Rc::clone(&balance);
                    spawn(async move {
                        for round in 0..10 {
                            let mut guard = balance.lock().await.unwrap();
                            let read = *guard;
                            match (number + round) % 3 {
                                0 => sleep(Duration::from_micros(1)).await.unwrap(),
                                1 => yield_now().await,
                                _ => {}
                            }
                            *guard = read + 1;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_nobody_waits(&balance);
            assert_eq!(Rc::into_inner(balance).unwrap().into_inner(), 200);
        });
    });
}

#[test]
fn a_hundred_tasks_get_a_thousand_turns_each_in_exact_order() {
    const TASKS: usize = 100;
    const ROUNDS: usize = 1000;
    on_each_driver(|builder| {
        block_on(builder, async {
            let log = Rc::new(Mutex::new(Vec::with_capacity(TASKS * ROUNDS)));
            let tasks: Vec<_> = (0..TASKS)
                .map(|number| {
                    let log = Rc::clone(&log);
                    spawn(async move {
                        for round in 0..ROUNDS {
                            let mut guard = log.lock().await.unwrap();
                            guard.push(number);
                            // All others stand in line behind this one.
                            if round == 0 || (number + round).is_multiple_of(7) {
                                yield_now().await;
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            let log = log.lock().await.unwrap();
            let expected = (0..ROUNDS).flat_map(|_| 0..TASKS);
            assert!(log.iter().copied().eq(expected), "somebody was overtaken");
        });
    });
}

#[test]
fn nobody_overtakes_a_waiter_that_was_chosen() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutex = Rc::new(Mutex::new(Vec::new()));
            let guard = mutex.lock().await.unwrap();
            let other = Rc::clone(&mutex);
            let chosen = spawn(async move { other.lock().await.unwrap().push("chosen") });
            settle().await;
            assert_eq!(waiters(&mutex), (1, 0));
            drop(guard);
            // It is the other's already, though that has not run.
            assert_eq!(waiters(&mutex), (0, 1));
            assert!(mutex.is_locked() && mutex.try_lock().is_none());
            let mut guard = mutex.lock().await.unwrap();
            guard.push("late");
            assert_eq!(*guard, ["chosen", "late"]);
            chosen.await.unwrap();
        });
    });
}

#[test]
fn a_cancelled_waiter_fails_and_the_next_gets_the_lock() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutex = Rc::new(Mutex::new(()));
            let guard = mutex.lock().await.unwrap();
            let lock = || {
                let mutex = Rc::clone(&mutex);
                spawn(async move { mutex.lock().await.map(drop) })
            };
            let (first, second) = (lock(), lock());
            settle().await;
            assert!(first.cancel());
            assert_eq!(in_time(first).await.unwrap(), Err(Cancelled));
            assert_eq!(waiters(&mutex), (1, 0));
            assert!(mutex.is_locked());
            drop(guard);
            assert_eq!(in_time(second).await.unwrap(), Ok(()));
            assert!(!mutex.is_locked());
        });
    });
}

/// A waiter and its follower; the log tells who got the lock, and what the next await gave.
async fn contest(strike: impl FnOnce(&dyn Fn(), MutexGuard<'_, ()>)) -> Vec<(&'static str, bool)> {
    let (mutex, log) = (Rc::new(Mutex::new(())), Rc::new(RefCell::new(Vec::new())));
    let guard = mutex.lock().await.unwrap();
    let lock = |name| {
        let (mutex, log) = (Rc::clone(&mutex), Rc::clone(&log));
        spawn(async move {
            let _guard = mutex.lock().await?;
            let next = sleep(Duration::ZERO).await;
            log.borrow_mut().push((name, next.is_ok()));
            Ok::<(), Cancelled>(())
        })
    };
    let (first, second) = (lock("first"), lock("second"));
    settle().await;
    strike(&|| assert!(first.cancel()), guard);
    let _ = in_time(first).await.unwrap();
    in_time(second).await.unwrap().unwrap();
    assert_nobody_waits(&mutex);
    log.take()
}

#[test]
fn a_cancel_after_the_unlock_comes_too_late_for_the_lock() {
    on_each_driver(|builder| {
        let log = block_on(
            builder,
            contest(|cancel, guard| {
                drop(guard);
                cancel();
            }),
        );
        assert_eq!(log, [("first", false), ("second", true)]);
    });
}

#[test]
fn an_unlock_after_the_cancel_goes_to_the_next() {
    on_each_driver(|builder| {
        let log = block_on(
            builder,
            contest(|cancel, guard| {
                cancel();
                drop(guard);
            }),
        );
        assert_eq!(log, [("second", true)]);
    });
}

#[test]
fn a_cancelled_lock_leaves_the_line_also_where_its_future_is_kept() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutex = Rc::new(Mutex::new(()));
            let guard = mutex.lock().await.unwrap();
            let other = Rc::clone(&mutex);
            let task = spawn(async move {
                let mut lock = std::pin::pin!(other.lock());
                let cancelled = lock.as_mut().await.unwrap_err();
                // Its place would come before this one.
                drop(taut::task::shield(other.lock()).await.unwrap());
                cancelled
            });
            settle().await;
            task.cancel();
            settle().await;
            assert_eq!(waiters(&mutex), (1, 0));
            drop(guard);
            assert!(is_cancelled(&in_time(task).await.unwrap()));
        });
    });
}

#[test]
fn a_panic_unlocks_and_poisons_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutex = Rc::new(Mutex::new(0));
            let other = Rc::clone(&mutex);
            let task = spawn(async move {
                let mut guard = other.lock().await.unwrap();
                *guard = 7;
                yield_now().await;
                panic!("with the lock held");
            });
            settle().await;
            let waiting = Rc::clone(&mutex);
            let next = spawn(async move { *waiting.lock().await.unwrap() });
            assert!(task.await.unwrap_err().is_panic());
            assert_eq!(in_time(next).await.unwrap(), 7);
            assert_nobody_waits(&mutex);
        });
    });
}

#[test]
fn two_lockers_in_one_task_get_through() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (left, right) = (Mutex::new(0), Mutex::new(0));
            let both = async |first: &Mutex<i32>, second: &Mutex<i32>| {
                for _ in 0..100 {
                    // One after the other: neither is held while the other is awaited.
                    *first.lock().await.unwrap() += 1;
                    yield_now().await;
                    *second.lock().await.unwrap() += 1;
                }
            };
            in_time(async { join!(both(&left, &right), both(&right, &left)) }).await;
            let (left, right) = in_time(async { join!(left.lock(), right.lock()) }).await;
            assert_eq!((*left.unwrap(), *right.unwrap()), (200, 200));
        });
    });
}

#[test]
fn lockers_behind_a_combinator_with_its_own_wakers_keep_the_order() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutex = Mutex::new(Vec::new());
            let guard = mutex.lock().await.unwrap();
            let mut lockers: FuturesUnordered<_> = (0..10)
                .map(|number| {
                    let mutex = &mutex;
                    async move { mutex.lock().await.unwrap().push(number) }
                })
                .collect();
            assert!(lockers.next().now_or_never().is_none());
            drop(guard);
            while in_time(lockers.next()).await.is_some() {}
            assert!(mutex.lock().await.unwrap().iter().copied().eq(0..10));
        });
    });
}

#[test]
fn a_timeout_gives_the_place_in_line_up() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutex = Mutex::new(());
            let guard = mutex.lock().await.unwrap();
            let late = timeout(Duration::from_micros(20), mutex.lock()).await;
            assert!(late.is_err());
            assert_nobody_waits(&mutex);
            drop(guard);
            drop(timeout(Duration::from_secs(60), mutex.lock()).await.unwrap().unwrap());
        });
    });
}

#[test]
fn guards_go_in_any_order_and_owned_ones_keep_their_mutex() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutexes: Vec<_> = (0..6).map(|number| Rc::new(Mutex::new(number))).collect();
            let mut guards = Vec::new();
            for mutex in &mutexes {
                guards.push(mutex.lock_owned().await.unwrap());
            }
            let weak: Vec<_> = mutexes.iter().map(Rc::downgrade).collect();
            drop(mutexes);
            for picked in [3, 0, 2, 2, 0, 0] {
                let guard = guards.remove(picked);
                let number = *guard as usize;
                assert!(weak[number].upgrade().unwrap().is_locked());
                drop(guard);
                assert!(weak[number].upgrade().is_none(), "the guard was the last to keep it");
            }
        });
    });
}

#[test]
fn a_guard_may_outlive_the_task_that_locked() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mutex = Rc::new(Mutex::new(1));
            let other = Rc::clone(&mutex);
            let guard = spawn(async move { other.lock_owned().await }).await.unwrap().unwrap();
            assert!(mutex.try_lock().is_none());
            drop(guard);
            assert!(mutex.try_lock().is_some());
            // And one that is never dropped leaves the mutex locked, and nothing worse.
            std::mem::forget(mutex.try_lock());
            assert!(mutex.try_lock_owned().is_none());
        });
    });
}

#[test]
fn needs_no_runtime_and_takes_values_of_any_size() {
    trait Venue {
        fn name(&mut self) -> &str;
    }
    impl Venue for Cell<u8> {
        fn name(&mut self) -> &str {
            *self.get_mut() += 1;
            "venue"
        }
    }
    let mutex: Rc<Mutex<dyn Venue>> = Rc::new(Mutex::new(Cell::new(0_u8)));
    let mut guard = mutex.lock_owned().now_or_never().unwrap().unwrap();
    assert_eq!(guard.name(), "venue");
    assert!(mutex.lock().now_or_never().is_none());
    drop(guard);
    let mut numbers = Mutex::from([1, 2, 3]);
    numbers.get_mut()[0] = 4;
    let numbers: &Mutex<[i32]> = &numbers;
    assert_eq!(numbers.try_lock().unwrap().len(), 3);
    assert_eq!(format!("{:?}", numbers.try_lock().unwrap()), "[4, 2, 3]");
    assert!(format!("{numbers:?}").contains("[4, 2, 3]"));
    let _guard = numbers.try_lock();
    assert!(format!("{numbers:?}").contains("<locked>"));
}
