//! Tokens: thrown from any thread, with their children, once, and without a trace of who waited.

mod common;

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use common::allocations::{Counting, live_bytes};
use common::tasks::{Alive, FOREVER, micros, slow_to_die};
use common::{block_on, on_each_driver, on_each_driver_and_wait, poll_then_drop, turns};
use futures_util::FutureExt;
use taut::task::{self, CancelToken, UntilCancelled, all, race, shield};
use taut::time::{sleep, timeout};
use taut::{Cancelled, spawn};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_token_thrown_on_another_thread_wakes_all_who_wait() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let token = CancelToken::new();
            let waiters: Vec<_> = (0..1000)
                .map(|index| {
                    let token = if index % 2 == 0 { token.clone() } else { token.child() };
                    spawn(async move { token.cancelled().await })
                })
                .collect();
            turns(3).await;
            assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
            let from_outside = token.clone();
            let thread = std::thread::spawn(move || from_outside.cancel());
            for waiter in waiters {
                waiter.await.unwrap().unwrap();
            }
            thread.join().unwrap();
            token.cancelled().await.unwrap();
            assert_eq!(token.check(), Err(Cancelled));
        });
    });
}

#[test]
fn a_child_is_thrown_with_its_parent_or_alone() {
    let parent = CancelToken::new();
    let (first, second) = (parent.child(), parent.child());
    let grandchild = first.child();
    first.cancel();
    assert!(first.is_cancelled() && grandchild.is_cancelled());
    assert!(!parent.is_cancelled() && !second.is_cancelled());
    assert_eq!(second.check(), Ok(()));
    parent.cancel();
    parent.cancel();
    assert!(second.is_cancelled() && parent.child().child().is_cancelled());
    // A child goes on without the handle of its parent.
    let orphan = CancelToken::new().child();
    assert!(!orphan.is_cancelled() && orphan.cancelled().now_or_never().is_none());
    orphan.cancel();
    assert_eq!(orphan.cancelled().now_or_never(), Some(Ok(())));
}

#[test]
fn a_long_line_of_children_is_thrown_to_its_end() {
    let root = CancelToken::new();
    let mut line = vec![root.clone()];
    for _ in 0..200_000 {
        line.push(line.last().unwrap().child());
    }
    root.cancel();
    assert!(line.iter().all(CancelToken::is_cancelled));
}

#[test]
fn what_runs_under_a_token_is_cancelled_as_a_task_is() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (alive, token) = (Alive::default(), CancelToken::new());
            let guards = [alive.guard(), alive.guard()];
            let under = token.child();
            let task = spawn(async move {
                let [first, second] = guards;
                let parts = async {
                    assert!(!task::is_cancelled());
                    let both =
                        all((slow_to_die(first), spawn(slow_to_die(second)).map(Result::unwrap)));
                    let outcome = both.await;
                    assert!(task::is_cancelled());
                    shield(sleep(micros(50))).await.unwrap();
                    (outcome, sleep(FOREVER).await)
                };
                let outcome = under.run(parts).await;
                // The rest of the task is not concerned.
                assert!(!task::is_cancelled());
                (outcome, sleep(micros(50)).await)
            });
            turns(3).await;
            token.cancel();
            let ((both, after), rest) = task.await.unwrap();
            assert!(both.is_err() && after.is_err() && rest.is_ok());
            assert_eq!(alive.count(), 0);
            assert_eq!(token.run(sleep(FOREVER)).await, Err(Cancelled), "thrown before");
            assert_eq!(token.run(async { 7 }).await, 7);
            let shielded = shield(token.run(sleep(FOREVER)));
            assert_eq!(shielded.await, Err(Cancelled), "a shield is against the task's cancel");
            assert_eq!(token.run(shield(async { 8 })).await, 8);
        });
    });
}

#[test]
fn the_tasks_own_cancel_reaches_what_runs_under_a_token() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let token = CancelToken::new();
            let under = spawn(token.run(sleep(FOREVER)));
            let waits = spawn(async move { token.cancelled().await });
            turns(2).await;
            under.cancel();
            waits.cancel();
            assert_eq!(under.await.unwrap(), Err(Cancelled));
            assert_eq!(waits.await.unwrap(), Err(Cancelled));
        });
    });
}

#[test]
fn waits_that_are_given_up_leave_no_waker() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let token = CancelToken::new();
            let round = async || {
                for _ in 0..1000 {
                    poll_then_drop(token.cancelled(), 0).await;
                    poll_then_drop(token.run(sleep(FOREVER)), 0).await;
                    assert!(timeout(Duration::ZERO, token.cancelled()).await.is_err());
                    race((token.cancelled(), async {})).await;
                    drop(token.child());
                }
            };
            round().await;
            let before = live_bytes();
            for _ in 0..10 {
                round().await;
            }
            assert_eq!(live_bytes(), before);
        });
    });
}

/// Counts its wakes, and calls a function in each.
struct Calling<F>(AtomicUsize, F);

impl<F: Fn() + Send + Sync> Wake for Calling<F> {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.1();
    }
}

#[test]
fn a_wait_needs_no_runtime_and_holds_one_waker() {
    let token = CancelToken::new();
    let inside = token.clone();
    // The waker's code may use the token that calls it.
    let first = Arc::new(Calling(AtomicUsize::new(0), || ()));
    let second = Arc::new(Calling(AtomicUsize::new(0), move || {
        assert!(inside.is_cancelled() && inside.child().is_cancelled());
        inside.cancel();
    }));
    let mut wait = pin!(token.cancelled());
    let mut poll = |waker: Waker| wait.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll(Arc::clone(&first).into()).is_pending());
    assert!(poll(Arc::clone(&first).into()).is_pending());
    assert_eq!(Arc::strong_count(&first), 2);
    assert!(poll(Arc::clone(&second).into()).is_pending());
    assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (1, 2));
    token.cancel();
    assert!(poll(Waker::noop().clone()).is_ready());
    assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (0, 1));
    assert_eq!(Arc::strong_count(&second), 1);
}

/// A waker that owns a wait for the token it waits for, as a task of another executor does.
struct Owning(#[expect(dead_code, reason = "held for its destructor")] Mutex<UntilCancelled>);

impl Wake for Owning {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_waker_may_own_another_wait_for_the_same_token() {
    let token = CancelToken::new();
    let waker = || {
        let mut owned = token.cancelled();
        assert!(Pin::new(&mut owned).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        Waker::from(Arc::new(Owning(Mutex::new(owned))))
    };
    let mut wait = token.cancelled();
    assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(&waker())).is_pending());
    // The waker before goes here, and with it the wait that it owns.
    assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(&waker())).is_pending());
    drop(wait);
    token.cancel();
}

#[test]
fn waits_and_throws_on_many_threads_lose_no_wake() {
    for round in 0..30 {
        let token = CancelToken::new();
        let threads: Vec<_> = (0..4)
            .map(|index| {
                let token = if index == 0 { token.child() } else { token.clone() };
                std::thread::spawn(move || taut::run(async move { token.cancelled().await }))
            })
            .collect();
        if round % 2 == 0 {
            std::thread::yield_now();
        }
        token.cancel();
        for thread in threads {
            thread.join().unwrap().unwrap().unwrap();
        }
    }
}
