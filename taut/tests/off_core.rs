//! Work that blocks runs on threads of its own, and its result, panic or absence comes back.

mod common;

use std::collections::HashSet;
use std::io::{Error, ErrorKind, Result};
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::ThreadId;
use std::time::Duration;

use common::{block_on, on_each_driver, on_each_driver_and_wait, poll_then_drop, until};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use taut::task::shield;
use taut::{Cancelled, JoinHandle, Runtime, WorkPanicked};
use taut::{counters, is_cancelled, off_core, off_core_with, on_own_thread, spawn, yield_now};

fn thread() -> ThreadId {
    std::thread::current().id()
}

fn thread_name() -> Option<String> {
    std::thread::current().name().map(str::to_owned)
}

/// Work that runs, and keeps its thread, until it is let go.
struct Occupied {
    let_go: Sender<()>,
    work: JoinHandle<Result<()>>,
}

impl Occupied {
    async fn new() -> Self {
        let (let_go, is_let_go) = channel();
        let (begin, has_begun) = channel();
        let work = spawn(off_core(move || {
            begin.send(()).unwrap();
            is_let_go.recv().unwrap();
        }));
        until(|| has_begun.try_recv().is_ok()).await;
        Self { let_go, work }
    }

    async fn let_go(self) {
        self.let_go.send(()).unwrap();
        self.work.await.unwrap().unwrap();
    }
}

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
fn results_errors_and_nothing_come_back_from_each_kind_of_thread() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let bad = || Err::<u32, _>(Error::from_raw_os_error(libc::EBADMSG));
            assert_eq!(off_core(|| 1024).await.unwrap(), 1024);
            assert_eq!(off_core_with(|_| 1024).await.unwrap(), 1024);
            assert_eq!(on_own_thread("own", |_| 1024).await.unwrap(), 1024);
            off_core(|| ()).await.unwrap();
            off_core_with(|_| ()).await.unwrap();
            on_own_thread("own", |_| ()).await.unwrap();
            let errors = [
                off_core(bad).await.unwrap(),
                off_core_with(move |_| bad()).await.unwrap(),
                on_own_thread("own", move |_| bad()).await.unwrap(),
            ];
            for error in errors {
                assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EBADMSG));
            }
        });
    });
}

#[test]
fn panics_come_back_with_their_message_and_their_payload() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let number = 7;
            let errors = [
                off_core(move || panic!("venue {number}")).await.map(|(): ()| ()),
                off_core_with(|_| panic!("venue 7")).await.map(|(): ()| ()),
                on_own_thread("own", |_| panic!("venue 7")).await.map(|(): ()| ()),
            ];
            for error in errors.map(Result::unwrap_err) {
                assert_eq!(error.to_string(), "the work panicked on its thread: venue 7");
                assert!(!is_cancelled(&error));
            }
            let odd = off_core(|| panic_any(7_u8)).await.map(|(): ()| ()).unwrap_err();
            assert!(odd.to_string().contains("no text"), "{odd}");
            let payload = odd.downcast::<WorkPanicked>().unwrap().into_payload();
            assert_eq!(payload.downcast_ref(), Some(&7_u8));
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
        block_on(builder.blocking_threads_max(2), async {
            for _ in 0..10 {
                let panicked = off_core(|| panic_any(Bomb)).await.map(|(): ()| ());
                assert!(panicked.unwrap_err().to_string().contains("panicked"));
                // Nobody waits for this result, which panics where it is dropped.
                let (begin, has_begun) = channel();
                let work = off_core(move || {
                    begin.send(()).unwrap();
                    Bomb
                });
                let task = spawn(work);
                until(|| has_begun.try_recv().is_ok()).await;
                task.abort();
                std::mem::forget(task.await);
            }
            let work = (0..50).map(|index| off_core(move || index));
            let sum: i32 = join_all(work).await.into_iter().map(Result::unwrap).sum();
            assert_eq!(sum, 1225);
            assert!(counters().blocking_threads_started <= 2);
        });
    });
}

#[test]
fn much_work_waits_in_line_for_few_named_threads() {
    on_each_driver_and_wait(|builder| {
        block_on(builder.blocking_threads_max(3), async {
            assert_eq!(counters().blocking_threads_started, 0, "none before it is needed");
            let work = (0..500).map(|index| off_core(move || (index, thread_name().unwrap())));
            let mut names = HashSet::new();
            for (expected, result) in join_all(work).await.into_iter().enumerate() {
                let (index, name) = result.unwrap();
                assert_eq!(index, expected);
                names.insert(name);
            }
            let known = (0..3).map(|index| format!("taut-blocking-{index}")).collect();
            assert!(names.is_subset(&known), "{names:?}");
            assert!(counters().blocking_threads_started <= 3);
            assert_eq!(counters().blocking_submitted, 500);
        });
    });
}

#[test]
fn work_waits_in_the_order_in_which_it_came() {
    on_each_driver(|builder| {
        block_on(builder.blocking_threads_max(1), async {
            let occupied = Occupied::new().await;
            let (done, order) = channel();
            let work: Vec<_> = (0..20)
                .map(|index| {
                    let done = done.clone();
                    spawn(off_core(move || done.send(index).unwrap()))
                })
                .collect();
            yield_now().await;
            occupied.let_go().await;
            join_all(work).await;
            assert!(order.try_iter().eq(0..20));
        });
    });
}

#[test]
fn a_full_line_refuses_work_until_there_is_room() {
    on_each_driver(|builder| {
        let builder = builder.blocking_threads_max(1).blocking_queue_max(2);
        block_on(builder, async {
            let occupied = Occupied::new().await;
            let waiting = [spawn(off_core(|| 1)), spawn(off_core(|| 2))];
            yield_now().await;
            let error = off_core(|| 3).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceBusy);
            assert!(error.to_string().contains("blocking_queue_max"), "{error}");
            assert_eq!(counters().blocking_queue_full, 1);

            // What is cancelled makes room at once.
            waiting[0].cancel();
            yield_now().await;
            let last = spawn(off_core(|| 4));
            yield_now().await;
            assert!(off_core(|| 5).await.is_err());
            occupied.let_go().await;
            assert_eq!(last.await.unwrap().unwrap(), 4);
            let [first, second] = waiting;
            assert!(is_cancelled(&first.await.unwrap().unwrap_err()));
            assert_eq!(second.await.unwrap().unwrap(), 2);
            assert_eq!(off_core(|| 6).await.unwrap(), 6);
        });
    });
}

#[test]
fn idle_threads_end_and_others_take_their_names() {
    on_each_driver(|builder| {
        let builder = builder.blocking_threads_max(1).blocking_idle(Duration::from_millis(1));
        block_on(builder, async {
            let (ended, threads) = channel();
            for _ in 0..3 {
                thread_local!(static ENDS: std::cell::Cell<Option<Ends>> = const {
                    std::cell::Cell::new(None)
                });
                struct Ends(Sender<()>);
                impl Drop for Ends {
                    fn drop(&mut self) {
                        self.0.send(()).unwrap();
                    }
                }
                let ends = Ends(ended.clone());
                let name = off_core(move || {
                    ENDS.set(Some(ends));
                    thread_name()
                });
                assert_eq!(name.await.unwrap().as_deref(), Some("taut-blocking-0"));
                until(|| threads.try_recv().is_ok()).await;
            }
            assert_eq!(counters().blocking_threads_started, 3);
        });
    });
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
fn a_dump_names_the_work_and_leaves_it_alone() {
    on_each_driver(|builder| {
        block_on(builder.blocking_threads_max(1), async {
            let occupied = Occupied::new().await;
            let line = line!() + 1;
            let waiting = spawn(off_core(|| 7));
            let own = spawn(on_own_thread("own", |_| 8));
            until(|| counters().blocking_threads_started == 2).await;
            let dump = taut::dump().to_string();
            assert!(dump.contains("off_core, at "), "{dump}");
            assert!(dump.contains(&format!("off_core.rs:{line}")), "{dump}");
            occupied.let_go().await;
            assert_eq!(waiting.await.unwrap().unwrap(), 7);
            assert_eq!(own.await.unwrap().unwrap(), 8);
        });
    });
}

#[test]
fn threads_of_ones_own_have_names_and_no_limit() {
    on_each_driver(|builder| {
        block_on(builder.blocking_threads_max(1), async {
            let (sender, receiver) = channel::<()>();
            let receiver = Arc::new(std::sync::Mutex::new(receiver));
            let work = (0..8).map(|index| {
                let receiver = Arc::clone(&receiver);
                spawn(on_own_thread(format!("recorder {index}"), move |_| {
                    let _ = receiver.lock().unwrap().recv();
                    thread_name()
                }))
            });
            let work: Vec<_> = work.collect();
            until(|| counters().blocking_threads_started == 8).await;
            assert_eq!(off_core(|| 1).await.unwrap(), 1, "the pool is not theirs");
            drop(sender);
            for (index, name) in join_all(work).await.into_iter().enumerate() {
                let name = name.unwrap().unwrap().unwrap();
                assert_eq!(name, format!("recorder {index}"));
            }
            let error = on_own_thread("zero \0", |_| ()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
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

#[test]
fn each_runtime_has_threads_of_its_own() {
    on_each_driver(|builder| {
        let builder = builder.blocking_threads_max(1);
        block_on(builder.clone(), async {
            let occupied = Occupied::new().await;
            let other = std::thread::spawn(|| block_on(builder, off_core(thread)));
            let elsewhere = other.join().unwrap().unwrap();
            occupied.let_go().await;
            assert_ne!(off_core(thread).await.unwrap(), elsewhere);
        });
    });
}
