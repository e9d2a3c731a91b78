//! A timeout returns at its deadline, whatever the future does, and leaves it usable.

mod common;

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use common::tasks::{Alive, FOREVER, micros, slow_to_die};
use common::{block_on, connected_pair, in_time, on_each_driver, turns, until};
use futures_util::future::join_all;
use taut::task::{CancelToken, race, shield};
use taut::time::{Instant, sleep, timeout, timeout_at};
use taut::{Cancelled, counters, spawn};

#[test]
fn it_returns_at_the_deadline_though_the_future_is_slow_to_die() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let start = Instant::now();
            // Neither a shield nor a task that does not end holds it up.
            assert!(timeout(micros(300), shield(sleep(FOREVER))).await.is_err());
            let deaf = spawn(pending::<()>()).cancel_on_drop();
            assert!(timeout(micros(300), deaf).await.is_err());
            let slow = spawn(slow_to_die(alive.guard())).cancel_on_drop();
            assert!(timeout(micros(300), slow).await.is_err());
            assert!(start.elapsed() >= micros(900));
            assert_eq!(alive.count(), 1, "it dies in the background");
            until(|| alive.count() == 0).await;
            assert_eq!(counters().tasks_cancelled, 2);
        });
    });
}

#[test]
fn a_future_given_by_reference_can_be_awaited_again() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let token = CancelToken::new();
            let told = token.clone();
            let mut task = spawn(async move { told.cancelled().await.map(|()| 7) });
            assert!(timeout(micros(100), &mut task).await.is_err());
            assert!(timeout(micros(100), &mut task).await.is_err());
            token.cancel();
            assert_eq!(task.await.unwrap(), Ok(7));
            let mut nap = sleep(FOREVER);
            assert!(timeout(micros(50), &mut nap).await.is_err());
            nap.reset(Instant::now() + micros(50));
            nap.await.unwrap();
            let (mut client, mut server) = connected_pair().await;
            let mut received = Box::pin(server.recv());
            assert!(timeout(micros(100), &mut received).await.is_err());
            client.write_all(b"late, but here").await.unwrap();
            let bytes = in_time(&mut received).await.unwrap();
            assert_eq!(&bytes[..], b"late, but here");
        });
    });
}

#[test]
fn a_task_goes_on_after_its_deadline_unless_it_is_cancelled_on_drop() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let outcomes = Rc::new(Cell::new((None, None)));
            let noted = Rc::clone(&outcomes);
            let goes_on = spawn(async move {
                let slept = sleep(Duration::from_millis(2)).await.is_ok();
                noted.set((Some(slept), noted.get().1));
            });
            let noted = Rc::clone(&outcomes);
            let stops = spawn(async move {
                let slept = sleep(FOREVER).await.is_ok();
                noted.set((noted.get().0, Some(slept)));
            });
            assert!(timeout(micros(100), goes_on).await.is_err());
            assert!(timeout(micros(100), stops.cancel_on_drop()).await.is_err());
            until(|| matches!(outcomes.get(), (Some(_), Some(_)))).await;
            assert_eq!(outcomes.get(), (Some(true), Some(false)));
        });
    });
}

#[test]
fn a_cancel_from_outside_is_the_futures_to_answer() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let task = spawn(timeout(FOREVER, slow_to_die(alive.guard())));
            turns(2).await;
            task.cancel();
            assert_eq!(task.await.unwrap(), Ok(Err(Cancelled)));
            let nested = spawn(timeout(FOREVER, timeout(FOREVER, sleep(FOREVER))));
            turns(2).await;
            nested.cancel();
            assert_eq!(nested.await.unwrap(), Ok(Ok(Err(Cancelled))));
            let loser = timeout(FOREVER, spawn(slow_to_die(alive.guard())));
            race((loser, sleep(micros(100)))).await;
            assert_eq!(alive.count(), 0);
            let recovers = spawn(timeout(FOREVER, async {
                assert!(sleep(FOREVER).await.is_err());
                "with an output of its own"
            }));
            turns(2).await;
            recovers.cancel();
            assert_eq!(recovers.await.unwrap(), Ok("with an output of its own"));
        });
    });
}

#[test]
fn the_deadline_holds_in_a_cancelled_task_that_waits_for_something_deaf() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let deaf = spawn(timeout(Duration::from_millis(2), pending::<()>()));
            turns(2).await;
            deaf.cancel();
            assert!(in_time(deaf).await.unwrap().is_err());
            let cancelled_before = spawn(timeout(Duration::from_millis(2), pending::<()>()));
            cancelled_before.cancel();
            assert!(in_time(cancelled_before).await.unwrap().is_err());
        });
    });
}

#[test]
fn a_thousand_deadlines_hold_at_once() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let deadline = Instant::now() + Duration::from_millis(1);
            let all = join_all((0..1000).map(|_| timeout_at(deadline, pending::<()>()))).await;
            assert!(Instant::now() >= deadline && all.iter().all(Result::is_err));
        });
    });
}
