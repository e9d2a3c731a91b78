//! Work off the core whose future is dropped, cancelled or timed out, or whose runtime ends: what
//! has not begun never runs, what runs is told or left alone, and what it holds is dropped once.

mod common;

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::ThreadId;
use std::time::Duration;

use common::off_core::{Occupied, thread};
use common::{block_on, on_each_driver, on_each_driver_and_wait, poll_then_drop, until};
use futures_util::stream::{FuturesUnordered, StreamExt};
use taut::task::shield;
use taut::{Cancelled, Runtime, counters, is_cancelled};
use taut::{off_core, off_core_with, on_own_thread, spawn, yield_now};

/// Counts how many are alive, and tells the thread that it is dropped on.
struct Counted(Arc<AtomicUsize>, Sender<ThreadId>);

impl Drop for Counted {
    fn drop(&mut self) {
        let _ = self.1.send(thread());
        self.0.fetch_sub(1, Ordering::Release);
    }
}

fn counted(alive: &Arc<AtomicUsize>, dropped: &Sender<ThreadId>) -> Counted {
    alive.fetch_add(1, Ordering::Relaxed);
    Counted(Arc::clone(alive), dropped.clone())
}

async fn until_none(alive: &AtomicUsize) {
    until(|| alive.load(Ordering::Acquire) == 0).await;
}

#[test]
fn dropped_work_that_no_thread_has_begun_never_runs() {
    on_each_driver(|builder| {
        block_on(builder.blocking_threads_max(1), async {
            let occupied = Occupied::new().await;
            let (alive, (dropped, threads)) = (Arc::default(), channel());
            for turns in 0..100 {
                let captured = counted(&alive, &dropped);
                let work = off_core(move || {
                    let _captured = captured;
                    unreachable!("its future was dropped");
                });
                poll_then_drop(work, turns % 3).await;
            }
            assert_eq!(alive.load(Ordering::Relaxed), 0, "dropped with their futures");
            assert!(threads.try_iter().all(|dropped_on| dropped_on == thread()));
            assert_eq!(counters().blocking_cancelled, 100);
            occupied.let_go().await;
            assert_eq!(off_core(|| 1).await.unwrap(), 1);
        });
    });
}

#[test]
fn dropped_work_that_runs_goes_on_and_its_result_is_dropped_on_its_thread() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (alive, (dropped, threads)) = (Arc::default(), channel());
            for _ in 0..50 {
                let (begin, has_begun) = channel();
                let (let_go, is_let_go) = channel();
                let result = counted(&alive, &dropped);
                let task = spawn(off_core(move || {
                    begin.send(()).unwrap();
                    is_let_go.recv().unwrap();
                    result
                }));
                until(|| has_begun.try_recv().is_ok()).await;
                task.abort();
                assert!(task.await.is_err());
                let_go.send(()).unwrap();
            }
            until_none(&alive).await;
            let threads: Vec<_> = threads.try_iter().collect();
            assert_eq!(threads.len(), 50);
            assert!(threads.iter().all(|dropped_on| *dropped_on != thread()));
            assert_eq!(counters().blocking_cancelled, 0);
        });
    });
}

#[test]
fn work_that_nobody_waits_for_any_more_wakes_nobody() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (alive, (dropped, _threads)) = (Arc::default(), channel());
            let (begin, has_begun) = channel();
            let (let_go, is_let_go) = channel();
            let result = counted(&alive, &dropped);
            let mut work = Box::pin(off_core(move || {
                begin.send(()).unwrap();
                is_let_go.recv().unwrap();
                result
            }));
            assert!(futures_util::poll!(work.as_mut()).is_pending());
            until(|| has_begun.try_recv().is_ok()).await;
            drop(work);
            let before = counters().remote_wakes;
            let_go.send(()).unwrap();
            until_none(&alive).await;
            common::turns(3).await;
            assert_eq!(counters().remote_wakes, before);
        });
    });
}

#[test]
fn futures_dropped_at_every_moment_lose_nothing() {
    on_each_driver(|builder| {
        block_on(builder.blocking_threads_max(2), async {
            let (alive, (dropped, _threads)) = (Arc::default(), channel());
            for turns in 0..2_000 {
                let (captured, result) = (counted(&alive, &dropped), counted(&alive, &dropped));
                let work = off_core_with(move |_| {
                    drop(captured);
                    result
                });
                poll_then_drop(work, turns % 20).await;
            }
            until_none(&alive).await;
            assert_eq!(off_core(|| 1).await.unwrap(), 1);
        });
    });
}

#[test]
fn cancelled_work_that_no_thread_has_begun_never_runs() {
    on_each_driver_and_wait(|builder| {
        block_on(builder.blocking_threads_max(1), async {
            let occupied = Occupied::new().await;
            let (alive, (dropped, threads)) = (Arc::default(), channel());
            let (one, other) = (counted(&alive, &dropped), counted(&alive, &dropped));
            let tasks =
                [spawn(off_core(move || drop(one))), spawn(off_core_with(move |_| drop(other)))];
            yield_now().await;
            for task in tasks {
                assert!(task.cancel());
                let error = task.await.unwrap().unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
            }
            assert_eq!(alive.load(Ordering::Relaxed), 0);
            assert_eq!(threads.try_iter().collect::<Vec<_>>(), [thread(); 2]);
            assert_eq!(counters().blocking_cancelled, 2);
            occupied.let_go().await;
        });
    });
}

#[test]
fn work_that_begins_in_a_cancelled_task_is_dropped_at_once() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let task = spawn(async {
                let cancelled = taut::time::sleep(Duration::from_secs(3600)).await;
                assert_eq!(cancelled, Err(Cancelled));
                let refused = [
                    off_core(|| unreachable!("cancelled")).await,
                    off_core_with(|_| unreachable!("cancelled")).await,
                    on_own_thread("none", |_| unreachable!("cancelled")).await,
                ];
                assert!(refused.iter().all(|error| is_cancelled(error.as_ref().unwrap_err())));
                shield(off_core(|| "in a shield")).await.unwrap()
            });
            yield_now().await;
            task.cancel();
            assert_eq!(task.await.unwrap(), "in a shield");
            assert_eq!(counters().blocking_submitted, 1);
            assert_eq!(counters().blocking_threads_started, 1);
        });
    });
}

#[test]
fn a_cancel_gives_up_plain_work_that_runs_and_the_work_goes_on() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (begin, has_begun) = channel();
            let (let_go, is_let_go) = channel();
            let (done, is_done) = channel();
            let task = spawn(off_core(move || {
                begin.send(()).unwrap();
                is_let_go.recv().unwrap();
                done.send(()).unwrap();
            }));
            until(|| has_begun.try_recv().is_ok()).await;
            task.cancel();
            let error = task.await.unwrap().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
            let_go.send(()).unwrap();
            until(|| is_done.try_recv().is_ok()).await;
        });
    });
}

#[test]
fn a_cancel_tells_work_that_can_stop_and_waits_for_its_own_result() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let stopped = |stop: &taut::CancelFlag, begin: Sender<()>| {
                begin.send(()).unwrap();
                while !stop.is_cancelled() {
                    std::thread::yield_now();
                }
                Err::<u32, _>(Error::from_raw_os_error(libc::EINTR))
            };
            let (begin, has_begun) = channel();
            let begun = begin.clone();
            let tasks = [
                spawn(off_core_with(move |stop| stopped(stop, begin))),
                spawn(on_own_thread("own", move |stop| stopped(stop, begun))),
            ];
            for _ in &tasks {
                until(|| has_begun.try_recv().is_ok()).await;
            }
            for task in tasks {
                assert!(!task.is_finished());
                task.cancel();
                let result = task.await.unwrap().unwrap();
                assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EINTR));
            }
        });
    });
}

#[test]
fn a_cancelled_wait_for_work_gives_its_result_and_the_next_wait_fails() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let task = spawn(async {
                let result = off_core_with(|stop| {
                    // Heeds its cancel, but has a result all the same.
                    assert!(stop.wait_timeout(Duration::MAX));
                    1024
                })
                .await;
                (result, off_core(|| 1).await)
            });
            yield_now().await;
            common::turns(3).await;
            task.cancel();
            match task.await.unwrap() {
                (Ok(result), Err(next)) => {
                    assert_eq!(result, 1024);
                    assert!(is_cancelled(&next));
                }
                (Err(error), _) => assert!(is_cancelled(&error), "it had not begun: {error}"),
                (Ok(_), Ok(_)) => panic!("the cancel was forgotten"),
            }
        });
    });
}

#[test]
fn a_raised_flag_ends_the_sleep_of_work_and_a_lowered_one_does_not() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let ended_by_time = on_own_thread("own", |stop| {
                let start = std::time::Instant::now();
                let cancelled = stop.wait_timeout(Duration::from_millis(5));
                (cancelled, start.elapsed() >= Duration::from_millis(5))
            });
            assert_eq!(ended_by_time.await.unwrap(), (false, true));

            let (end, has_ended) = channel();
            let mut work = Box::pin(on_own_thread("own", move |stop| {
                end.send(stop.clone().wait_timeout(Duration::MAX)).unwrap();
            }));
            assert!(futures_util::poll!(work.as_mut()).is_pending());
            // Dropping raises the flag, and waits for nothing.
            drop(work);
            let mut ended = None;
            until(|| {
                ended = has_ended.try_recv().ok();
                ended.is_some()
            })
            .await;
            assert_eq!(ended, Some(true));
        });
    });
}

#[test]
fn a_cancel_reaches_work_behind_a_combinator() {
    on_each_driver(|builder| {
        block_on(builder.blocking_threads_max(1), async {
            let occupied = Occupied::new().await;
            let task = spawn(async {
                let work: FuturesUnordered<_> = (0..5).map(|_| off_core(|| ())).collect();
                work.collect::<Vec<_>>().await
            });
            yield_now().await;
            yield_now().await;
            task.cancel();
            let results = task.await.unwrap();
            assert_eq!(results.len(), 5);
            assert!(results.iter().all(|result| is_cancelled(result.as_ref().unwrap_err())));
            assert_eq!(counters().blocking_cancelled, 5);
            occupied.let_go().await;
        });
    });
}

#[test]
fn a_timeout_takes_work_back_that_waits() {
    on_each_driver(|builder| {
        block_on(builder.blocking_threads_max(1), async {
            let occupied = Occupied::new().await;
            let work = off_core(|| unreachable!("timed out"));
            assert!(taut::time::timeout(Duration::from_millis(2), work).await.is_err());
            assert_eq!(counters().blocking_cancelled, 1);
            occupied.let_go().await;
        });
    });
}

#[test]
fn work_that_runs_may_outlive_its_task_and_its_runtime() {
    on_each_driver_and_wait(|builder| {
        let (alive, (dropped, _threads)) = (Arc::default(), channel());
        let (sender, receiver) = channel();
        let runtime = builder.clone().build().unwrap();
        let result = counted(&alive, &dropped);
        runtime.block_on(async {
            let (begin, has_begun) = channel();
            drop(spawn(off_core(move || {
                begin.send(()).unwrap();
                receiver.recv().unwrap();
                result
            })));
            until(|| has_begun.try_recv().is_ok()).await;
        });
        drop(runtime);
        sender.send(()).unwrap();
        block_on(builder, until_none(&alive));
    });
}

#[test]
fn the_end_of_the_runtime_drops_work_that_waits_and_tells_who_asks() {
    on_each_driver(|builder| {
        let runtime: Runtime = builder.blocking_threads_max(1).build().unwrap();
        let (alive, (dropped, threads)) = (Arc::default(), channel());
        let captured = counted(&alive, &dropped);
        let mut kept = Box::pin(off_core(move || drop(captured)));
        let occupied = runtime.block_on(async {
            let occupied = Occupied::new().await;
            assert!(futures_util::poll!(kept.as_mut()).is_pending());
            occupied
        });
        drop(runtime);
        assert_eq!(alive.load(Ordering::Relaxed), 0);
        assert_eq!(threads.try_recv(), Ok(thread()));
        let error = futures_util::FutureExt::now_or_never(kept).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        occupied.let_go.send(()).unwrap();
    });
}
