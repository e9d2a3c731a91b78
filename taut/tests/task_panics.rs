//! A panic ends the task that it comes from and nothing else; its payload is found at the join.

mod common;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{block_on, on_each_driver};
use taut::time::sleep;
use taut::yield_now;

/// Panics when dropped, and counts that.
struct Bomb(Rc<Cell<u32>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        panic!("a destructor's panic");
    }
}

/// A payload that panics when dropped, with a payload of the same kind.
struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        panic_any(Self);
    }
}

#[test]
fn the_join_gives_the_payload() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let purpose = String::from("purpose");
            let error = taut::spawn(async move { panic!("on {purpose}") }).await;
            let error: taut::JoinError = error.map(|(): ()| ()).unwrap_err();
            assert!(error.is_panic() && !error.is_aborted());
            assert_eq!(error.to_string(), "the task panicked: on purpose");
            let payload = error.try_into_panic().unwrap();
            assert_eq!(payload.downcast_ref::<String>().unwrap(), "on purpose");

            let typed = taut::spawn_background(async { panic_any(42_u64) }).await;
            let payload = typed.map(|(): ()| ()).unwrap_err().try_into_panic().unwrap();
            assert_eq!(*payload.downcast::<u64>().unwrap(), 42);

            let aborted = taut::spawn(pending::<()>());
            aborted.abort();
            assert!(aborted.await.unwrap_err().try_into_panic().is_err());
        });
    });
}

#[test]
fn an_io_error_carries_the_join_error() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let lost = taut::spawn(async { panic!("on purpose") as io::Result<()> });
            let error = lost.flatten().await.unwrap_err();
            assert_eq!(error.to_string(), "the task panicked: on purpose");
            let error = error.downcast::<taut::JoinError>().unwrap();
            let payload = error.try_into_panic().unwrap();
            assert_eq!(payload.downcast_ref(), Some(&"on purpose"));

            let aborted = taut::spawn(pending::<()>());
            aborted.abort();
            let error = io::Error::from(aborted.await.unwrap_err());
            assert_eq!(error.to_string(), "the task was aborted");
            assert!(error.downcast::<taut::JoinError>().unwrap().is_aborted());

            let endless = taut::spawn(async { panic_any(Endless) });
            let error = io::Error::from(endless.await.map(|(): ()| ()).unwrap_err());
            // An error that is merely dropped does not panic, whatever its payload does.
            drop(error);
        });
    });
}

#[test]
fn other_tasks_go_on() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let others: Vec<_> = (0..10_u32)
                .map(|index| {
                    drop(taut::spawn(async { panic!("nobody joins this one") }));
                    taut::spawn(async move {
                        yield_now().await;
                        sleep(Duration::from_micros(10)).await.unwrap();
                        index
                    })
                })
                .collect();
            for (index, other) in others.into_iter().enumerate() {
                assert_eq!(other.await.unwrap() as usize, index);
            }
            assert_eq!(taut::counters().tasks_live, 1);
        });
    });
}

#[test]
fn a_destructor_that_panics_counts_as_its_tasks_panic() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let dropped = Rc::new(Cell::new(0));
            let bomb = || Bomb(Rc::clone(&dropped));
            let at_completion = bomb();
            let error = taut::spawn(async move {
                let _bomb = at_completion;
            });
            assert!(error.await.unwrap_err().is_panic());
            let in_aborted = bomb();
            let handle = taut::spawn(async move {
                let _bomb = in_aborted;
                pending::<()>().await;
            });
            yield_now().await;
            handle.abort();
            assert!(handle.await.unwrap_err().is_panic());
            // The output is lost with the panic, and may panic as well.
            let (with_output, output) = (bomb(), bomb());
            let mut output = Some(output);
            let both = taut::spawn(poll_fn(move |_| {
                let _ = &with_output;
                Poll::Ready(output.take())
            }));
            assert!(both.await.err().unwrap().is_panic());
            assert_eq!(dropped.get(), 4);
        });
    });
}

#[test]
fn an_output_that_panics_when_dropped_hurts_only_who_drops_it() {
    on_each_driver(|builder| {
        let dropped = Rc::new(Cell::new(0));
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let bomb = || Bomb(Rc::clone(&dropped));
            let detached = bomb();
            drop(taut::spawn(async move { detached }));
            let held = bomb();
            let handle = taut::spawn(async move { held });
            for _ in 0..3 {
                yield_now().await;
            }
            assert_eq!(dropped.get(), 1, "the detached one");
            assert!(catch_unwind(AssertUnwindSafe(|| drop(handle))).is_err());
            assert_eq!(dropped.get(), 2);
            assert_eq!(taut::counters().tasks_live, 1);
        });
        drop(runtime);
        assert_eq!(dropped.get(), 2);
    });
}

#[test]
fn payloads_that_panic_when_dropped_are_contained() {
    on_each_driver(|builder| {
        block_on(builder, async {
            drop(taut::spawn(async { panic_any(Endless) }));
            yield_now().await;
            yield_now().await;
            let result = taut::off_core(|| panic_any(Endless)).await;
            assert!(result.map(|(): ()| ()).is_err());
            assert_eq!(taut::off_core(|| 7).await.unwrap(), 7);
        });
    });
}

#[test]
fn block_on_passes_its_futures_panic_on_and_the_runtime_stays_usable() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let mut other = None;
        runtime.block_on(async {
            other = Some(taut::spawn(async {
                for _ in 0..100 {
                    yield_now().await;
                }
                5
            }));
        });
        for round in 0..3 {
            let payload = catch_unwind(AssertUnwindSafe(|| {
                runtime.block_on(async {
                    yield_now().await;
                    panic_any(round)
                });
            }));
            assert_eq!(payload.map(|(): ()| ()).unwrap_err().downcast_ref(), Some(&round));
        }
        assert_eq!(runtime.block_on(other.unwrap()).unwrap(), 5);
        runtime.block_on(async { sleep(Duration::from_micros(1)).await.unwrap() });
        assert_eq!(runtime.counters().tasks_live, 0);
    });
}

struct PanicsWhenWoken;

impl Wake for PanicsWhenWoken {
    fn wake(self: Arc<Self>) {
        panic!("a foreign waker's panic");
    }
}

/// What no task can be blamed for breaks the loop: the runtime ends cleanly and says so.
#[test]
fn a_foreign_waker_that_panics_ends_the_runtime() {
    on_each_driver(|builder| {
        let dropped = Rc::new(Cell::new(0));
        let count = Rc::clone(&dropped);
        let runtime = builder.build().unwrap();
        let broken = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let token = scopeguard(move || count.set(count.get() + 1));
                drop(taut::spawn(async move {
                    let _token = token;
                    pending::<()>().await;
                }));
                let waker = Waker::from(Arc::new(PanicsWhenWoken));
                let mut naps = [(); 3].map(|()| sleep(Duration::from_micros(1)));
                for nap in &mut naps {
                    assert!(Pin::new(nap).poll(&mut Context::from_waker(&waker)).is_pending());
                }
                pending::<()>().await;
            });
        }));
        assert_eq!(broken.unwrap_err().downcast_ref(), Some(&"a foreign waker's panic"));
        assert_eq!(dropped.get(), 1, "every future was dropped");
        let again = catch_unwind(AssertUnwindSafe(|| runtime.block_on(async {})));
        let message = again.unwrap_err();
        assert!(message.downcast_ref::<&str>().unwrap().contains("has ended"));
    });
}

/// Runs a closure when dropped.
fn scopeguard(run: impl FnOnce()) -> impl Drop {
    struct Guard<F: FnOnce()>(Option<F>);
    impl<F: FnOnce()> Drop for Guard<F> {
        fn drop(&mut self) {
            if let Some(run) = self.0.take() {
                run();
            }
        }
    }
    Guard(Some(run))
}
