//! Groups: members come and go while the group is awaited, cancelled or dropped.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::rc::Rc;

use common::allocations::{Counting, live_bytes};
use common::tasks::{Alive, Guard, micros, slow_to_die};
use common::{block_on, on_each_driver, turns, until};
use futures_util::FutureExt;
use taut::task::{TaskGroup, race, shield};
use taut::time::sleep;
use taut::{Runtime, counters, spawn, yield_now};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn next_gives_the_outcomes_in_the_order_of_the_ends() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let group = TaskGroup::new();
            assert!(group.next().await.is_none(), "nobody is in it");
            for delay_us in [900, 300, 600] {
                group.add(async move { sleep(micros(delay_us)).await.map(|()| delay_us) });
            }
            group.add_named("panics", async { panic!("on purpose") });
            assert_eq!(group.len(), 4);
            let first = group.next().await.unwrap();
            assert!(first.unwrap_err().is_panic());
            for expected in [300, 600, 900] {
                assert_eq!(group.next().await.unwrap().unwrap(), Ok(expected));
            }
            assert!(group.next().await.is_none() && group.is_empty());
        });
    });
}

#[test]
fn members_that_ended_unreported_are_given_and_awaited() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let group = TaskGroup::new();
            group.add(ready(1));
            group.add(async { 2 });
            assert_eq!(group.len(), 2);
            turns(2).await;
            // They have ended, but nobody was told: neither a wait nor an addition loses them.
            assert_eq!(group.len(), 0);
            group.add(ready(3));
            assert_eq!(group.next().await.unwrap().unwrap(), 1);
            assert_eq!(group.next().await.unwrap().unwrap(), 2);
            group.wait().await.unwrap();
            assert!(group.next().await.is_none());
            group.add(ready(4));
            turns(2).await;
            assert!(group.wait().now_or_never().unwrap().is_ok(), "it need not wait");
            assert!(group.wait().now_or_never().unwrap().is_ok(), "nor for nobody");
        });
    });
}

#[test]
fn members_add_members_and_the_wait_is_for_all() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (group, ended) = (Rc::new(TaskGroup::new()), Rc::new(Cell::new(0)));
            add_generations(&group, &ended, 5);
            group.wait().await.unwrap();
            assert_eq!(ended.get(), 1 + 2 + 4 + 8 + 16 + 32);
            assert!(group.is_empty());
        });
    });
}

/// Adds a member that adds two of the next generation before it ends.
fn add_generations(group: &Rc<TaskGroup>, ended: &Rc<Cell<u32>>, generations: u32) {
    let (inner, ended) = (Rc::clone(group), Rc::clone(ended));
    group.add(async move {
        sleep(micros(30)).await.unwrap();
        for _ in 0..if generations == 0 { 0 } else { 2 } {
            add_generations(&inner, &ended, generations - 1);
        }
        ended.set(ended.get() + 1);
    });
}

#[test]
fn a_cancel_reaches_members_of_now_and_later() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let group = TaskGroup::new();
            (0..3).for_each(|_| group.add(slow_to_die(alive.guard())));
            turns(2).await;
            assert!(!group.is_cancelled());
            group.cancel();
            assert!(group.is_cancelled() && group.len() == 3);
            group.add(slow_to_die(alive.guard()));
            group.cancel();
            let mut cancelled = 0;
            while let Some(outcome) = group.next().await {
                cancelled += u32::from(outcome.unwrap().is_err());
            }
            assert_eq!((cancelled, alive.count()), (4, 0));
            assert_eq!(counters().tasks_cancelled, 4);
        });
    });
}

#[test]
fn a_cancelled_waiter_cancels_the_group_and_waits_for_its_end() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            for by_next in [true, false] {
                let group = Rc::new(TaskGroup::new());
                (0..3).for_each(|_| group.add(slow_to_die(alive.guard())));
                let (waited, inner) = (Rc::new(Cell::new(0)), Rc::clone(&group));
                let count = Rc::clone(&waited);
                let waiter = spawn(async move {
                    while by_next && let Some(outcome) = inner.next().await {
                        count.set(count.get() + u32::from(outcome.unwrap().is_err()));
                    }
                    inner.wait().await
                });
                turns(2).await;
                waiter.cancel();
                waiter.await.unwrap().unwrap();
                assert_eq!(waited.get(), if by_next { 3 } else { 0 });
                assert!(group.is_cancelled() && alive.count() == 0);
            }
            // A shielded wait does not pass it on.
            let group = Rc::new(TaskGroup::new());
            group.add(async { sleep(micros(500)).await.is_ok() });
            let inner = Rc::clone(&group);
            let waiter = spawn(async move { shield(inner.next()).await.unwrap().unwrap() });
            turns(2).await;
            waiter.cancel();
            assert!(waiter.await.unwrap());
        });
    });
}

#[test]
fn a_dropped_wait_loses_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let group = TaskGroup::new();
            for number in 0..20 {
                group.add(async move { sleep(micros(number * 20)).await.map(|()| number) });
            }
            let mut seen = Vec::new();
            while seen.len() < 20 {
                // Polled once, and dropped where it has nothing.
                if let Some(outcome) = group.next().now_or_never() {
                    seen.push(outcome.unwrap().unwrap().unwrap());
                }
                turns(1).await;
            }
            assert!(seen.is_sorted());
        });
    });
}

#[test]
fn a_dropped_group_cancels_its_tasks_and_counts_them() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let group = TaskGroup::new();
            group.add(async { Ok(()) });
            (0..4).for_each(|_| group.add(slow_to_die(alive.guard())));
            turns(2).await;
            drop(group);
            assert_eq!((counters().tasks_orphaned, alive.count()), (4, 4));
            until(|| alive.count() == 0).await;
            until(|| counters().tasks_live == 1).await;
            let empty = TaskGroup::new();
            empty.add(ready(()));
            empty.wait().await.unwrap();
            drop(empty);
            assert_eq!(counters().tasks_orphaned, 4);
        });
    });
}

#[test]
fn a_panic_of_a_member_ends_nobody_else_and_is_told_at_the_end() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for group in [TaskGroup::new(), TaskGroup::discarding()] {
                let ended = Rc::new(Cell::new(false));
                let told = Rc::clone(&ended);
                group.add(async { panic!("the first") });
                group.add(async { panic!("the second") });
                group.add(async move {
                    sleep(micros(300)).await.unwrap();
                    told.set(true);
                });
                let error = group.wait().await.unwrap_err();
                assert!(ended.get());
                assert_eq!(error.to_string(), "the task panicked: the first");
                group.wait().await.unwrap();
            }
        });
    });
}

/// An output whose destructor panics.
struct Bomb(#[expect(dead_code, reason = "held for its destructor")] Guard);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor's panic");
    }
}

#[test]
fn a_discarding_group_drops_outputs_as_they_come() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let group = TaskGroup::discarding();
            for guard in (0..100).map(|_| alive.guard()) {
                group.add(async move {
                    yield_now().await;
                    guard
                });
            }
            // Nobody adds or waits meanwhile.
            turns(3).await;
            assert_eq!((group.len(), alive.count()), (0, 0));
            group.wait().await.unwrap();

            let bombs = TaskGroup::discarding();
            (0..3).map(|_| Bomb(alive.guard())).for_each(|bomb| bombs.add(ready(bomb)));
            bombs.wait().await.unwrap();
            assert_eq!(alive.count(), 0, "an output's panic has nobody to tell");
        });
    });
}

#[test]
fn a_discarding_group_holds_no_memory() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let group = TaskGroup::discarding();
            let add = async |count| {
                for index in 0..count {
                    group.add(async move { [index; 32] });
                    if index % 100 == 0 {
                        yield_now().await;
                    }
                }
                turns(2).await;
            };
            add(10_000).await;
            let before = live_bytes();
            add(1_000_000_u64).await;
            assert_eq!(group.len(), 0);
            assert_eq!(live_bytes(), before);
        });
    });
}

#[test]
fn several_waiters_share_the_outcomes_and_all_learn_of_the_end() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let group = Rc::new(TaskGroup::new());
            let seen = Rc::new(RefCell::new(Vec::new()));
            for number in 0..30 {
                group.add(async move { sleep(micros(number % 4 * 50)).await.map(|()| number) });
            }
            let waiters: Vec<_> = (0..3)
                .map(|_| {
                    let (group, seen) = (Rc::clone(&group), Rc::clone(&seen));
                    spawn(async move {
                        while let Some(outcome) = group.next().await {
                            seen.borrow_mut().push(outcome.unwrap().unwrap());
                        }
                    })
                })
                .collect();
            for waiter in waiters {
                waiter.await.unwrap();
            }
            let mut seen = seen.take();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..30));
        });
    });
}

#[test]
fn the_loser_of_a_race_that_awaits_a_group_cancels_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let group = TaskGroup::new();
            (0..3).for_each(|_| group.add(slow_to_die(alive.guard())));
            race((group.wait(), sleep(micros(100)))).await;
            assert_eq!((alive.count(), group.len()), (0, 0));
            assert!(group.is_cancelled());
        });
    });
}

#[test]
fn a_group_outlives_its_runtime() {
    on_each_driver(|builder| {
        let runtime: Runtime = builder.build().unwrap();
        let alive = Alive::default();
        let group = runtime.block_on(async {
            let group = TaskGroup::new();
            for guard in (0..3).map(|_| alive.guard()) {
                group.add(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            turns(2).await;
            group
        });
        drop(runtime);
        assert_eq!((alive.count(), group.len()), (0, 0));
        group.cancel();
        let outcome = group.next().now_or_never().unwrap();
        assert!(outcome.unwrap().unwrap_err().is_aborted());
        drop(group);
    });
}
