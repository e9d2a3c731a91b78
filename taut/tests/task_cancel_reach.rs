//! A cancel walks: from a task to the tasks it awaits, and through every combinator, our own and
//! those of others that wake their children themselves. Who does not heed it is reported.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use common::allocations::{Counting, live_bytes};
use common::tasks::{Alive, FOREVER, micros, slow_to_die};
use common::waits::every_wait;
use common::{block_on, in_time, on_each_driver, turns, until};
use futures_util::future::{join_all, select};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use futures_util::{FutureExt, join, select};
use taut::task::{CancelToken, OneOf2, TaskGroup, all, all_settled, any, race};
use taut::time::{Instant, sleep};
use taut::{Cancelled, JoinHandle, counters, is_cancelled, spawn};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Cancels a task once it and its like wait, and gives its output.
async fn cancelled<T>(task: JoinHandle<T>) -> T {
    turns(3).await;
    assert!(!task.is_finished());
    assert!(task.cancel());
    in_time(task).await.unwrap()
}

#[test]
fn a_cancel_walks_from_task_to_task_and_waits_for_each() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let guards = (alive.guard(), alive.guard());
            let parent = spawn(async move {
                let child = spawn(async move {
                    let grandchild = spawn(slow_to_die(guards.0));
                    let outcome = grandchild.await.unwrap();
                    drop(guards.1);
                    outcome
                });
                child.await.unwrap()
            });
            assert!(cancelled(parent).await.is_err());
            assert_eq!(alive.count(), 0);
            assert_eq!(counters().tasks_cancelled, 3);
        });
    });
}

#[test]
fn a_cancel_does_not_reach_a_task_that_nobody_awaits() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let apart = Rc::new(RefCell::new(None));
            let keeper = Rc::clone(&apart);
            let task = spawn(async move {
                keeper.replace(Some(spawn(sleep(micros(500)))));
                sleep(FOREVER).await
            });
            assert!(cancelled(task).await.is_err());
            assert!(apart.take().unwrap().await.unwrap().is_ok());
        });
    });
}

#[test]
fn a_cancel_reaches_every_child_of_our_combinators() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let children = || (0..3).map(|_| slow_to_die(alive.guard())).collect::<Vec<_>>();
            let tasks = || children().into_iter().map(|child| spawn(child)).collect::<Vec<_>>();
            assert!(cancelled(spawn(all(children()))).await.is_err());
            let failures = cancelled(spawn(any(children()))).await.unwrap_err();
            assert_eq!(failures.errors(), [Cancelled; 3]);
            assert!(cancelled(spawn(race(children()))).await.is_err());
            let settled = cancelled(spawn(all_settled(children()))).await;
            assert_eq!(settled, [Err(Cancelled); 3]);
            let joined = cancelled(spawn(all_settled(tasks()))).await;
            assert!(joined.iter().all(|joined| matches!(joined, Ok(Err(Cancelled)))));
            let group = TaskGroup::new();
            children().into_iter().for_each(|child| group.add(child));
            cancelled(spawn(async move { group.wait().await })).await.unwrap();
            assert_eq!(alive.count(), 0);
        });
    });
}

#[test]
fn a_cancel_reaches_every_child_of_foreign_combinators() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let task = spawn(async { join!(sleep(FOREVER), sleep(FOREVER), sleep(FOREVER)) });
            assert_eq!(cancelled(task).await, (Err(Cancelled), Err(Cancelled), Err(Cancelled)));
            let task = spawn(async { select(sleep(FOREVER), sleep(FOREVER)).await.factor_first() });
            assert!(cancelled(task).await.0.is_err());
            let task = spawn(async {
                let (mut one, mut two) = (sleep(FOREVER).fuse(), sleep(FOREVER).fuse());
                select! { outcome = one => outcome, outcome = two => outcome }
            });
            assert!(cancelled(task).await.is_err());
            // From 31 children on `join_all` wakes its children one by one.
            let task = spawn(join_all((0..100).map(|_| sleep(FOREVER))));
            assert_eq!(cancelled(task).await, [Err(Cancelled); 100]);
            let sleeps: FuturesUnordered<_> = (0..50).map(|_| sleep(FOREVER)).collect();
            let outcomes = cancelled(spawn(sleeps.collect::<Vec<_>>())).await;
            assert_eq!(outcomes, [Err(Cancelled); 50]);
            let sleeps = stream::iter(0..50).map(|_| sleep(FOREVER)).buffer_unordered(7);
            let outcomes = cancelled(spawn(sleeps.collect::<Vec<_>>())).await;
            assert_eq!(outcomes, [Err(Cancelled); 50], "those that had not begun, too");
        });
    });
}

/// What the waits gave, behind a combinator that wakes its children itself.
async fn behind_foreign_wakers(begun: &Cell<bool>) -> usize {
    let waits = every_wait().await;
    begun.set(true);
    let waits: FuturesUnordered<_> = waits
        .into_iter()
        .map(async |(name, wait)| {
            let error = wait.await.unwrap_err();
            assert!(is_cancelled(&*error), "{name}: {error}");
        })
        .collect();
    waits.count().await
}

#[test]
fn a_cancel_reaches_every_wait_behind_foreign_wakers() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let count = every_wait().await.len();
            let begun = Rc::new(Cell::new(false));
            let told = Rc::clone(&begun);
            let task = spawn(async move { behind_foreign_wakers(&told).await });
            until(|| begun.get()).await;
            assert_eq!(cancelled(task).await, count);
        });
    });
}

#[test]
fn the_loser_of_a_race_is_reached_behind_foreign_wakers() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let count = every_wait().await.len();
            let (begun, ended) = (Cell::new(false), Cell::new(0));
            let loser = async { ended.set(behind_foreign_wakers(&begun).await) };
            let winner = async {
                until(|| begun.get()).await;
                turns(3).await;
            };
            assert!(matches!(in_time(race((loser, winner))).await, OneOf2::Second(())));
            assert_eq!(ended.get(), count, "the loser was waited for");
            let failed = all((
                async { join_all((0..100).map(|_| sleep(FOREVER))).await.pop().unwrap() },
                async { sleep(micros(200)).await.and(Err(Cancelled)) },
            ));
            assert_eq!(failed.await, Err::<((), ()), _>(Cancelled));
        });
    });
}

#[test]
fn a_token_reaches_what_runs_under_it_behind_foreign_wakers() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let token = CancelToken::new();
            let under = spawn(token.run(join_all((0..100).map(|_| sleep(FOREVER)))));
            turns(2).await;
            token.cancel();
            assert_eq!(in_time(under).await.unwrap(), [Err(Cancelled); 100]);
        });
    });
}

#[test]
fn foreign_waits_come_and_go_without_a_trace() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let round = async || {
                let naps = (0..40).map(async |index| {
                    for _ in 0..200 {
                        sleep(micros(index % 7)).await.unwrap();
                    }
                });
                join_all(naps).await;
            };
            round().await;
            let before = live_bytes();
            for _ in 0..10 {
                round().await;
            }
            // 80 000 waits of 8 bytes and more each, all noted for one task.
            assert!(live_bytes() < before + 10_000, "{} bytes more", live_bytes() - before);
        });
    });
}

#[test]
fn a_task_that_ignores_its_cancel_neither_hangs_the_core_nor_goes_unreported() {
    on_each_driver(|builder| {
        let builder = builder.cancel_grace(Duration::from_millis(2));
        block_on(builder, async {
            let (over, polls) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0_u64)));
            let (end, answered) = (Rc::clone(&over), Rc::clone(&polls));
            let stubborn = spawn(async move {
                while !end.get() {
                    answered.set(answered.get() + 1);
                    let _ = sleep(FOREVER).await;
                }
            })
            .named("stubborn");
            turns(2).await;
            assert!(stubborn.cancel());
            // Others run meanwhile, in bounded time: a timer's turn is between two polls.
            let start = Instant::now();
            while counters().cancels_overdue == 0 {
                sleep(micros(100)).await.unwrap();
            }
            assert!(start.elapsed() >= Duration::from_millis(2));
            assert!(polls.get() > 0);
            let dump = taut::dump();
            let task = dump.tasks().iter().find(|task| task.name() == Some("stubborn")).unwrap();
            assert!(task.is_cancelled() && task.is_cancel_overdue());
            assert!(dump.to_string().contains("\"stubborn\""));
            sleep(Duration::from_millis(6)).await.unwrap();
            assert_eq!(counters().cancels_overdue, 1, "counted once");
            over.set(true);
            stubborn.await.unwrap();
            assert!(taut::dump().tasks().iter().all(|task| !task.is_cancelled()));
        });
    });
}

#[test]
fn a_task_that_waits_for_something_foreign_is_reported_and_ends_with_it() {
    on_each_driver(|builder| {
        let builder = builder.cancel_grace(Duration::from_millis(1));
        block_on(builder, async {
            let (sender, receiver) = oneshot();
            let task = spawn(receiver).named("foreign");
            turns(2).await;
            task.cancel();
            until(|| counters().cancels_overdue == 1).await;
            assert!(taut::dump().to_string().contains("\"foreign\" waits for something unknown"));
            sender(7);
            assert_eq!(task.await.unwrap(), 7);

            // One that heeds its cancel in time is not counted, nor is one that was aborted.
            let heeds = spawn(sleep(FOREVER));
            turns(2).await;
            heeds.cancel();
            assert!(heeds.await.unwrap().is_err());
            let aborted = spawn(pending::<()>());
            turns(2).await;
            aborted.cancel();
            aborted.abort();
            assert!(aborted.await.is_err());
            sleep(Duration::from_millis(4)).await.unwrap();
            assert_eq!(counters().cancels_overdue, 1);
        });
    });
}

/// A value that another task sends, with a waker that the runtime does not know of.
fn oneshot() -> (impl FnOnce(u32), impl Future<Output = u32>) {
    let value = Rc::new(Cell::new(None));
    let waker = Rc::new(RefCell::new(None::<std::task::Waker>));
    let (sent, wakes) = (Rc::clone(&value), Rc::clone(&waker));
    let send = move |number| {
        sent.set(Some(number));
        wakes.take().unwrap().wake();
    };
    let receive = poll_fn(move |context| {
        waker.replace(Some(context.waker().clone()));
        value.get().map_or(Poll::Pending, Poll::Ready)
    });
    (send, receive)
}
