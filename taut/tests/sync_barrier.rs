//! The barrier: opens when all have come, one of them leads, and it can be used again.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::waiters::{assert_nobody_waits, settle, waiters};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use taut::sync::Barrier;
use taut::{Cancelled, JoinHandle, spawn, yield_now};

fn comer(barrier: &Rc<Barrier>) -> JoinHandle<Result<bool, Cancelled>> {
    let barrier = Rc::clone(barrier);
    spawn(async move { Ok(barrier.wait().await?.is_leader()) })
}

#[test]
fn nobody_is_a_round_ahead_and_each_round_has_one_leader() {
    const TASKS: usize = 10;
    const ROUNDS: usize = 100;
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let barrier = Rc::new(Barrier::new(TASKS));
            let came = Rc::new(RefCell::new(vec![0; ROUNDS]));
            let leaders = Rc::new(Cell::new(0));
            let tasks: Vec<_> = (0..TASKS)
                .map(|number| {
                    let (barrier, came) = (Rc::clone(&barrier), Rc::clone(&came));
                    let leaders = Rc::clone(&leaders);
                    spawn(async move {
                        for round in 0..ROUNDS {
                            came.borrow_mut()[round] += 1;
                            for _ in 0..(number * round) % 4 {
                                yield_now().await;
                            }
                            let passed = barrier.wait().await.unwrap();
                            leaders.set(leaders.get() + usize::from(passed.is_leader()));
                            assert_eq!(came.borrow()[round], TASKS);
                        }
                    })
                })
                .collect();
            for task in tasks {
                in_time(task).await.unwrap();
            }
            assert_eq!(leaders.get(), ROUNDS);
            assert_nobody_waits(&barrier);
        });
    });
}

#[test]
fn who_goes_before_it_opens_has_not_come() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for abort in [false, true] {
                for victim in 0..3 {
                    let barrier = Rc::new(Barrier::new(4));
                    let mut tasks: Vec<_> = (0..3).map(|_| comer(&barrier)).collect();
                    settle().await;
                    let victim = tasks.remove(victim);
                    match abort {
                        true => victim.abort(),
                        false => assert!(victim.cancel()),
                    }
                    settle().await;
                    assert_eq!(waiters(&barrier), (2, 0));
                    assert_eq!(victim.await.ok(), (!abort).then_some(Err(Cancelled)));
                    let third = comer(&barrier);
                    settle().await;
                    assert_eq!(waiters(&barrier), (3, 0), "one is missing again");
                    assert!(barrier.wait().await.unwrap().is_leader());
                    for task in tasks.into_iter().chain([third]) {
                        assert_eq!(in_time(task).await.unwrap(), Ok(false));
                    }
                    assert_nobody_waits(&barrier);
                }
            }
        });
    });
}

#[test]
fn who_goes_after_it_opened_has_come() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let barrier = Rc::new(Barrier::new(3));
            let (cancelled, aborted) = (comer(&barrier), comer(&barrier));
            settle().await;
            assert!(barrier.wait().now_or_never().expect("the last one").unwrap().is_leader());
            cancelled.cancel();
            aborted.abort();
            assert_eq!(in_time(cancelled).await.unwrap(), Ok(false));
            assert!(in_time(aborted).await.unwrap_err().is_aborted());
            assert_nobody_waits(&barrier);
            // The next round needs three again.
            assert!(barrier.wait().now_or_never().is_none());
        });
    });
}

#[test]
fn one_task_alone_leads_each_time_and_none_is_an_error() {
    let barrier = Barrier::new(1);
    for _ in 0..3 {
        assert!(barrier.wait().now_or_never().unwrap().unwrap().is_leader());
    }
    assert!(std::panic::catch_unwind(|| Barrier::new(0)).is_err());
}
