//! The event: wakes all, and who was woken is done.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use common::waiters::{assert_nobody_waits, settle, waiters};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use taut::sync::Event;
use taut::time::sleep;
use taut::{Cancelled, JoinHandle, spawn};

type Log = Rc<RefCell<Vec<(usize, Result<(), Cancelled>)>>>;

/// So many tasks that wait for the event and note how that ended.
async fn waiting(event: &Rc<Event>, count: usize) -> (Log, Vec<JoinHandle<()>>) {
    let log = Log::default();
    let tasks = (0..count)
        .map(|number| {
            let (event, log) = (Rc::clone(event), Rc::clone(&log));
            spawn(async move {
                let outcome = event.wait().await;
                log.borrow_mut().push((number, outcome));
            })
        })
        .collect();
    settle().await;
    (log, tasks)
}

#[test]
fn wakes_all_in_the_order_in_which_they_came() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let event = Rc::new(Event::new());
            let (log, tasks) = waiting(&event, 50).await;
            assert_eq!((waiters(&event), event.is_set()), ((50, 0), false));
            let other = Rc::clone(&event);
            spawn(async move {
                sleep(Duration::from_micros(50)).await.unwrap();
                other.set();
            });
            for task in tasks {
                in_time(task).await.unwrap();
            }
            assert!(log.take().into_iter().eq((0..50).map(|number| (number, Ok(())))));
            assert_nobody_waits(&event);
            assert!(event.is_set());
            event.wait().now_or_never().expect("no wait while it is set").unwrap();
        });
    });
}

#[test]
fn a_waiter_that_was_woken_is_done_whatever_follows() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let event = Rc::new(Event::new());
            let (log, tasks) = waiting(&event, 3).await;
            event.set();
            event.reset();
            assert!(event.wait().now_or_never().is_none(), "who comes later waits");
            // A cancel that comes after the event is too late for it.
            tasks[1].cancel();
            settle().await;
            assert_eq!(log.take(), [(0, Ok(())), (1, Ok(())), (2, Ok(()))]);
            assert_nobody_waits(&event);
        });
    });
}

#[test]
fn a_cancelled_waiter_fails_and_the_others_wait_on() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for victim in 0..3 {
                for set_in_the_same_breath in [false, true] {
                    let event = Rc::new(Event::new());
                    let (log, tasks) = waiting(&event, 3).await;
                    assert!(tasks[victim].cancel());
                    if !set_in_the_same_breath {
                        settle().await;
                        assert_eq!(log.borrow()[..], [(victim, Err(Cancelled))]);
                        assert_eq!(waiters(&event), (2, 0));
                    }
                    event.set();
                    settle().await;
                    let mut log = log.take();
                    log.sort_by_key(|(number, _)| *number);
                    for (number, outcome) in log {
                        assert_eq!(outcome.is_err(), number == victim);
                    }
                    assert!(tasks.iter().all(JoinHandle::is_finished));
                    assert_nobody_waits(&event);
                }
            }
        });
    });
}

#[test]
fn a_dropped_wait_leaves_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let event = Rc::new(Event::new());
            let (_, tasks) = waiting(&event, 5).await;
            tasks[2].abort();
            settle().await;
            assert_eq!(waiters(&event), (4, 0));
            event.set();
            tasks[0].abort();
            settle().await;
            assert_nobody_waits(&event);
        });
    });
}
