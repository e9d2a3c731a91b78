//! Work that blocks runs in turn on threads of its own, and its result or its panic comes back.

mod common;

use std::collections::HashSet;
use std::io::{Error, ErrorKind, Result};
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::off_core::{Occupied, thread};
use common::{block_on, on_each_driver, on_each_driver_and_wait, until};
use futures_util::future::join_all;
use taut::{WorkPanicked, counters, is_cancelled};
use taut::{off_core, off_core_with, on_own_thread, spawn, yield_now};

fn thread_name() -> Option<String> {
    std::thread::current().name().map(str::to_owned)
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
            assert!(dump.contains(&format!("{}:{line}", file!())), "{dump}");
            occupied.let_go().await;
            assert_eq!(waiting.await.unwrap().unwrap(), 7);
            assert_eq!(own.await.unwrap().unwrap(), 8);
        });
    });
}
