//! Custom pollers: called once a turn with nothing borrowed, within their budget, counted, removed
//! by whomever, and no danger to the core when they panic.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait, turns, until};
use taut::channel::mpsc;
use taut::{Poller, PollerHandle, Runtime, WaitStrategy, add_poller, counters, spawn};

/// A poller of a closure.
struct Calls<F>(F);

impl<F: FnMut(u32) -> u32> Poller for Calls<F> {
    fn poll(&mut self, budget: u32) -> u32 {
        (self.0)(budget)
    }
}

fn counting(calls: &Rc<Cell<u64>>) -> impl Poller + use<> {
    let calls = Rc::clone(calls);
    Calls(move |_| {
        calls.set(calls.get() + 1);
        0
    })
}

#[test]
fn a_poller_is_called_once_a_turn_and_counted() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let calls = Rc::new(Cell::new(0));
            let poller = add_poller(counting(&calls));
            turns(1).await;
            let (before, called) = (counters(), calls.get());
            turns(100).await;
            let cost = counters().since(&before);
            assert_eq!(calls.get() - called, cost.poller_calls);
            assert!(cost.poller_calls.abs_diff(cost.turns) <= 1, "{cost:?}");
            assert_eq!((cost.poller_items, cost.enters_blocking), (0, 0), "it never sleeps");
            drop(poller);
            let called = calls.get();
            turns(10).await;
            assert_eq!(calls.get(), called);
            assert_eq!(Rc::strong_count(&calls), 1, "it was dropped");
        });
    });
}

#[test]
fn what_a_poller_does_is_within_its_budget_and_wakes_tasks() {
    on_each_driver_and_wait(|builder| {
        block_on(builder.poller_budget(7), async {
            let (sender, receiver) = mpsc::channel(7);
            let mut next = 0;
            let _poller = add_poller(Calls(move |budget| {
                assert_eq!(budget, 7);
                let before = next;
                while next < 100 && next - before < budget && sender.try_send(next).is_ok() {
                    next += 1;
                }
                if next == 100 {
                    sender.close();
                }
                next - before
            }));
            let before = counters();
            for expected in 0..100 {
                assert_eq!(receiver.recv().await, Ok(expected));
            }
            assert!(receiver.recv().await.is_err());
            assert_eq!(counters().since(&before).poller_items, 100);
        });
    });
}

#[test]
fn a_poller_may_spawn_add_others_and_remove_any_while_it_runs() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let spawned = Rc::new(Cell::new(0));
            let handles = Rc::new(RefCell::new(Vec::<PollerHandle>::new()));
            let (own, others) = (Rc::clone(&handles), Rc::clone(&spawned));
            let first = add_poller(Calls(move |_| {
                let others = Rc::clone(&others);
                drop(spawn(async move { others.set(others.get() + 1) }));
                // The one that runs is among them after some calls, with all that it added.
                if own.borrow().len() > 5 {
                    let all = own.take();
                    drop(all);
                } else {
                    let added = add_poller(Calls(|_| 1));
                    own.borrow_mut().push(added);
                }
                1
            }));
            handles.borrow_mut().push(first);
            until(|| handles.borrow().is_empty()).await;
            turns(3).await;
            assert_eq!(spawned.get(), 6);
            assert_eq!((Rc::strong_count(&handles), Rc::strong_count(&spawned)), (1, 1));
            let before = counters();
            turns(3).await;
            assert_eq!(counters().since(&before).poller_calls, 0);
        });
    });
}

#[test]
fn a_poller_that_panics_is_removed_and_told_of_and_the_others_go_on() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let calls = Rc::new(Cell::new(0));
            let mut left = 3;
            let kept = Rc::clone(&calls);
            let mut failing = add_poller(Calls(move |_| {
                let _kept = &kept;
                left -= 1;
                assert!(left > 0, "no such venue");
                0
            }));
            let _other = add_poller(counting(&calls));
            let panic = in_time(failing.panicked()).await.unwrap();
            assert_eq!(panic.downcast_ref(), Some(&"no such venue"));
            assert_eq!(counters().poller_panics, 1);
            assert_eq!(Rc::strong_count(&calls), 2, "it was dropped");
            let called = calls.get();
            turns(5).await;
            assert!(calls.get() > called);
            let waiting = spawn(async move { failing.panicked().await.map(drop) });
            turns(2).await;
            waiting.cancel();
            assert_eq!(waiting.await.unwrap(), Err(taut::Cancelled));
        });
    });
}

/// A poller that lets its core sleep.
struct Sleepy {
    calls: Rc<Cell<u64>>,
    sleep_max: Duration,
}

impl Poller for Sleepy {
    fn poll(&mut self, _budget: u32) -> u32 {
        self.calls.set(self.calls.get() + 1);
        0
    }

    fn sleep_max(&self) -> Duration {
        self.sleep_max
    }
}

#[test]
fn a_core_sleeps_no_longer_than_its_pollers_allow() {
    on_each_driver(|builder| {
        block_on(builder.wait(WaitStrategy::Park), async {
            let calls = Rc::new(Cell::new(0));
            let sleepy = |millis| {
                let sleep_max = Duration::from_millis(millis);
                add_poller(Sleepy { calls: Rc::clone(&calls), sleep_max })
            };
            let _pollers = [sleepy(1), sleepy(3_600_000)];
            let before = counters();
            taut::time::sleep(Duration::from_millis(60)).await.unwrap();
            let cost = counters().since(&before);
            // A loop without sleep would make many thousands.
            assert!((4..=400).contains(&cost.enters_blocking), "{cost:?}");
            assert!(calls.get() >= 4);
        });
    });
}

#[test]
fn a_detached_poller_lives_as_long_as_its_core() {
    on_each_driver(|builder| {
        let calls = Rc::new(Cell::new(0));
        let runtime: Runtime = builder.build().unwrap();
        runtime.block_on(in_time(async {
            add_poller(counting(&calls)).detach();
            turns(3).await;
        }));
        let called = calls.get();
        assert!(called > 0);
        runtime.block_on(in_time(turns(3)));
        assert!(calls.get() > called);
        let handle = runtime.block_on(async { add_poller(counting(&calls)) });
        drop(runtime);
        assert_eq!(Rc::strong_count(&calls), 1);
        drop(handle);
    });
}
