//! The notification: one for one waiter, remembered once; or for all who wait.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::waiters::{assert_nobody_waits, settle, waiters};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait, poll_then_drop};
use futures_util::FutureExt;
use taut::sync::Notify;
use taut::{Cancelled, JoinHandle, spawn};

type Log = Rc<RefCell<Vec<usize>>>;

async fn waiting(notify: &Rc<Notify>, count: usize) -> (Log, Vec<JoinHandle<()>>) {
    let log = Log::default();
    let tasks = (0..count)
        .map(|number| {
            let (notify, log) = (Rc::clone(notify), Rc::clone(&log));
            spawn(async move {
                notify.notified().await.unwrap();
                log.borrow_mut().push(number);
            })
        })
        .collect();
    settle().await;
    (log, tasks)
}

#[test]
fn one_is_remembered_and_no_more() {
    let notify = Notify::default();
    assert!(notify.notified().now_or_never().is_none());
    notify.notify_one();
    notify.notify_one();
    assert_eq!(notify.notified().now_or_never(), Some(Ok(())));
    assert!(notify.notified().now_or_never().is_none());
    // Of those for all nothing is.
    notify.notify_all();
    assert!(notify.notified().now_or_never().is_none());
    assert_nobody_waits(&notify);
}

#[test]
fn one_at_a_time_in_order_or_all_together() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let notify = Rc::new(Notify::new());
            let (log, tasks) = waiting(&notify, 5).await;
            notify.notify_one();
            settle().await;
            assert_eq!(*log.borrow(), [0]);
            notify.notify_one();
            notify.notify_one();
            settle().await;
            assert_eq!(*log.borrow(), [0, 1, 2]);
            notify.notify_all();
            for task in tasks {
                in_time(task).await.unwrap();
            }
            assert_eq!(*log.borrow(), [0, 1, 2, 3, 4]);
            assert!(notify.notified().now_or_never().is_none(), "nothing is left");
        });
    });
}

#[test]
fn a_chosen_waiter_that_is_dropped_passes_its_notification_on() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let notify = Rc::new(Notify::new());
            let (log, tasks) = waiting(&notify, 3).await;
            notify.notify_one();
            tasks[0].abort();
            settle().await;
            assert_eq!(*log.borrow(), [1]);
            // To nobody in line: it is remembered.
            notify.notify_one();
            tasks[2].abort();
            settle().await;
            assert_eq!(notify.notified().now_or_never(), Some(Ok(())));
            // One for all is not.
            let (_, tasks) = waiting(&notify, 2).await;
            notify.notify_all();
            tasks[0].abort();
            tasks[1].abort();
            settle().await;
            assert!(notify.notified().now_or_never().is_none());
            assert_nobody_waits(&notify);
        });
    });
}

#[test]
fn a_cancelled_waiter_fails_and_takes_no_notification() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let notify = Rc::new(Notify::new());
            let other = Rc::clone(&notify);
            let task = spawn(async move { other.notified().await });
            settle().await;
            task.cancel();
            notify.notify_one();
            assert_eq!(in_time(task).await.unwrap(), Err(Cancelled));
            assert_eq!(notify.notified().now_or_never(), Some(Ok(())));
        });
    });
}

#[test]
fn polled_and_dropped_waits_leave_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let notify = Notify::new();
            for turns in 0..20 {
                poll_then_drop(notify.notified(), turns % 3).await;
                assert_eq!(waiters(&notify), (0, 0));
            }
        });
    });
}

#[test]
fn work_that_is_checked_before_each_wait_is_never_missed() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let shared = Rc::new((RefCell::new(0), Notify::new()));
            let worker = Rc::clone(&shared);
            let working = spawn(async move {
                let mut done = 0;
                while done < 1000 {
                    done += worker.0.take();
                    if done < 1000 {
                        worker.1.notified().await.unwrap();
                    }
                }
            });
            for round in 0..1000 {
                *shared.0.borrow_mut() += 1;
                shared.1.notify_one();
                if round % 3 == 0 {
                    taut::yield_now().await;
                }
            }
            in_time(working).await.unwrap();
        });
    });
}
