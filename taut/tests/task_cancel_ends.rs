//! Cancels and the ends of things: of handles, of tasks that are aborted, of the runtime, from
//! destructors and while a dump is taken.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use common::tasks::{Alive, FOREVER, Log, micros, spawn_with_handle};
use common::{block_on, in_time, on_each_driver, turns, until};
use taut::task::shield;
use taut::time::sleep;
use taut::{JoinHandle, Runtime, counters, spawn, yield_now};

#[test]
fn cancel_on_drop_cancels_and_a_plain_drop_does_not() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let log = Log::default();
            let logged = |name, delay| {
                let log = log.clone();
                async move {
                    if sleep(delay).await.is_err() {
                        log.note(name);
                    }
                }
            };
            drop(spawn(logged("cancelled", FOREVER)).cancel_on_drop());
            drop(spawn(logged("let go", micros(300))));
            let joined = spawn(logged("joined", micros(300))).cancel_on_drop();
            joined.await.unwrap();
            until(|| counters().tasks_live == 1).await;
            assert_eq!(log.take(), ["cancelled"]);
            // One that has ended, and one that is dropped with the task that holds it.
            let ended = spawn(async {}).cancel_on_drop();
            turns(2).await;
            drop(ended);
            let inner = logged("inner", FOREVER);
            let outer = spawn(async {
                let _inner = spawn(inner).cancel_on_drop();
                pending::<()>().await;
            });
            turns(2).await;
            outer.abort();
            assert!(outer.await.is_err());
            until(|| counters().tasks_live == 1).await;
            assert_eq!(log.take(), ["inner"]);
        });
    });
}

#[test]
fn an_abort_overtakes_a_cancel() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let stubborn = |guard| async move {
                let _guard = guard;
                shield(sleep(FOREVER)).await
            };
            let task = spawn(stubborn(alive.guard()));
            turns(2).await;
            assert!(task.cancel());
            task.abort();
            assert!(!task.cancel());
            assert!(task.await.unwrap_err().is_aborted());
            let task = spawn(stubborn(alive.guard()));
            task.abort();
            task.cancel();
            assert!(task.await.unwrap_err().is_aborted());
            assert_eq!(alive.count(), 0);
        });
    });
}

/// Cancels a task when dropped.
struct CancelsOnDrop(Rc<RefCell<Option<JoinHandle<bool>>>>);

impl Drop for CancelsOnDrop {
    fn drop(&mut self) {
        let handle = self.0.borrow_mut().take();
        assert!(handle.is_some_and(|handle| handle.cancel()));
    }
}

#[test]
fn a_destructor_can_cancel_other_tasks_and_its_own() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let cancelled = Rc::new(Cell::new(false));
            let told = Rc::clone(&cancelled);
            let victim = spawn(async move {
                told.set(sleep(FOREVER).await.is_err());
                told.get()
            });
            let slot = Rc::new(RefCell::new(Some(victim)));
            let guard = CancelsOnDrop(slot);
            let holder = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            yield_now().await;
            holder.abort();
            assert!(holder.await.is_err());
            until(|| cancelled.get()).await;

            let own = spawn_with_handle(|own| async move {
                let guard = CancelsOnDrop(own);
                sleep(micros(1)).await.unwrap();
                drop(guard);
                assert!(sleep(FOREVER).await.is_err());
                true
            });
            until(|| own.borrow().is_none()).await;
            until(|| counters().tasks_live == 1).await;
        });
    });
}

#[test]
fn a_runtime_can_be_dropped_with_cancelled_tasks() {
    on_each_driver(|builder| {
        let alive = Alive::default();
        let runtime: Runtime = builder.build().unwrap();
        let (task, never) = runtime.block_on(in_time(async {
            let guard = alive.guard();
            let task = spawn(async move {
                let _guard = guard;
                shield(sleep(FOREVER)).await
            });
            turns(2).await;
            task.cancel();
            turns(2).await;
            (task, spawn(sleep(FOREVER)))
        }));
        assert!(never.cancel(), "between two calls of block_on, too");
        drop(runtime);
        assert_eq!(alive.count(), 0);
        assert!(!task.cancel() && !never.cancel());
        assert!(task.is_finished() && never.is_finished());
    });
}

#[test]
fn a_cancel_from_outside_of_block_on_runs_the_task_in_the_next_call() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let handle = runtime.block_on(async {
            let handle = spawn(sleep(FOREVER));
            turns(2).await;
            RefCell::new(Some(handle))
        });
        let handle = handle.take().unwrap();
        assert!(handle.cancel());
        let ended = runtime.block_on(in_time(handle)).unwrap();
        assert!(ended.is_err());
    });
}

#[test]
fn a_cancel_while_a_dump_is_taken_is_heeded() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let victim = Rc::new(RefCell::new(None::<JoinHandle<bool>>));
            let (asked, during) = (Rc::new(Cell::new(false)), Rc::clone(&victim));
            let dumping = Rc::clone(&asked);
            // Polled by the dump, it cancels the other one and itself.
            let own = spawn_with_handle(|own: Rc<RefCell<Option<JoinHandle<bool>>>>| async move {
                let mut nap = sleep(FOREVER);
                poll_fn(|context| {
                    if dumping.take() {
                        assert!(during.borrow().as_ref().unwrap().cancel());
                        assert!(own.borrow().as_ref().unwrap().cancel());
                    }
                    match Pin::new(&mut nap).poll(context) {
                        Poll::Ready(outcome) => Poll::Ready(outcome.is_err()),
                        Poll::Pending => Poll::Pending,
                    }
                })
                .await
            });
            victim.replace(Some(spawn(async { sleep(FOREVER).await.is_err() })));
            turns(2).await;
            asked.set(true);
            assert_eq!(taut::dump().tasks().len(), 3);
            let (victim, own) = (victim.take().unwrap(), own.take().unwrap());
            assert!(victim.await.unwrap() && own.await.unwrap());
        });
    });
}
