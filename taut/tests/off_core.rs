//! Work that blocks runs on threads of its own, and its result, panic or absence comes back.

mod common;

use std::collections::HashSet;
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::ThreadId;
use std::time::Duration;

use common::{block_on, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use futures_util::future::join_all;
use taut::{off_core, spawn, yield_now};

fn thread() -> ThreadId {
    std::thread::current().id()
}

#[test]
fn work_runs_on_another_thread_while_the_core_goes_on() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (sender, receiver) = channel();
            let work = spawn(off_core(move || (receiver.recv().unwrap(), thread())));
            for _ in 0..10 {
                yield_now().await;
            }
            assert!(!work.is_finished());
            sender.send(7).unwrap();
            let (value, elsewhere) = work.await.unwrap().unwrap();
            assert_eq!(value, 7);
            assert_ne!(elsewhere, thread());
        });
    });
}

#[test]
fn much_work_waits_in_line_for_few_threads() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let work = (0..500).map(|index| off_core(move || (index, thread())));
            let mut threads = HashSet::new();
            for (expected, result) in join_all(work).await.into_iter().enumerate() {
                let (index, thread) = result.unwrap();
                assert_eq!(index, expected);
                threads.insert(thread);
            }
            assert!(!threads.contains(&thread()));
        });
    });
}

/// Counts how many are alive.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Waits until all are gone: the threads drop what nobody waits for in their own time.
async fn until_none(count: &AtomicUsize) {
    while count.load(Ordering::Acquire) > 0 {
        taut::time::sleep(Duration::from_micros(100)).await.unwrap();
    }
}

#[test]
fn work_whose_future_is_dropped_runs_to_its_end_and_its_result_is_dropped() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Arc::new(AtomicUsize::new(0));
            let (done, results) = channel();
            for index in 0..100 {
                let (captured, result, done) =
                    (Counted::new(&alive), Counted::new(&alive), done.clone());
                let mut work = Box::pin(off_core(move || {
                    let _captured = captured;
                    done.send(index).unwrap();
                    result
                }));
                let _ = work.as_mut().now_or_never();
                drop(work);
            }
            drop(done);
            until_none(&alive).await;
            let mut results: Vec<i32> = results.iter().collect();
            results.sort_unstable();
            assert!(results.into_iter().eq(0..100));
        });
    });
}

#[test]
fn panics_in_work_and_in_its_result_cost_no_thread() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(Self);
        }
    }

    on_each_driver(|builder| {
        block_on(builder, async {
            for _ in 0..10 {
                let panicked = off_core(|| panic_any(Bomb)).await.map(|(): ()| ());
                assert!(panicked.unwrap_err().to_string().contains("panicked"));
                // Nobody waits for this result, which panics where it is dropped.
                let _ = off_core(|| Bomb).now_or_never().map(std::mem::forget);
            }
            let work = (0..50).map(|index| off_core(move || index));
            let sum: i32 = join_all(work).await.into_iter().map(Result::unwrap).sum();
            assert_eq!(sum, 1225);
        });
    });
}

#[test]
fn work_may_outlive_its_task_and_its_runtime() {
    on_each_driver_and_wait(|builder| {
        let alive = Arc::new(AtomicUsize::new(0));
        let (sender, receiver) = channel();
        let runtime = builder.clone().build().unwrap();
        let result = Counted::new(&alive);
        runtime.block_on(async {
            drop(spawn(off_core(move || {
                receiver.recv().unwrap();
                result
            })));
            yield_now().await;
        });
        drop(runtime);
        sender.send(()).unwrap();
        block_on(builder, until_none(&alive));
    });
}
