//! Work that is submitted to another core: it runs there, in order, and its result comes back, to
//! tasks and to plain threads. Cores are found by number and name.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::cores::{sharing, small};
use common::other_cores::{Other, beside};
use common::tasks::FOREVER;
use common::{block_on, on_each_driver};
use taut::cores::{
    CoreHandle, Directory, SubmitError, SubmitErrorKind, Submitted, reception, submit_to,
};
use taut::time::{sleep, timeout};
use taut::{spawn, yield_now};

#[test]
fn handles_and_what_they_give_go_between_threads() {
    fn sendable<T: Send>() {}
    fn shareable<T: Sync>() {}
    sendable::<CoreHandle>();
    shareable::<CoreHandle>();
    sendable::<Directory>();
    sendable::<Submitted<u32>>();
    sendable::<taut::cores::Reception>();
    shareable::<taut::cores::SubmitError>();
}

#[test]
fn the_future_runs_on_the_other_thread_and_need_not_be_send() {
    on_each_driver(|builder| {
        beside(&builder, 8, async |other| {
            let here = thread::current().id();
            let work = other.submit(move || async move {
                let local = Rc::new(Cell::new(1));
                let shared = Rc::clone(&local);
                spawn(async move { shared.set(41) }).await.unwrap();
                sleep(Duration::from_micros(10)).await.unwrap();
                (local.get() + 1, thread::current().id())
            });
            let (answer, there) = work.await.unwrap();
            assert_eq!(answer, 42);
            assert_ne!(there, here);
        });
    });
}

#[test]
fn work_goes_there_and_back_and_there_again() {
    on_each_driver(|builder| {
        let (own, inbox) = reception("own", 4);
        beside(&builder, 4, async |other| {
            let serving = spawn(inbox.serve());
            for number in 0..500_u64 {
                let (back, there) = (own.clone(), other.clone());
                let work = other.submit(move || async move {
                    let nested = back.submit(move || async move {
                        there.submit(move || async move { number + 1 }).await.unwrap() * 2
                    });
                    nested.await.unwrap() + 1
                });
                assert_eq!(work.await.unwrap(), (number + 1) * 2 + 1);
            }
            drop(own);
            serving.await.unwrap().unwrap();
        });
    });
}

#[test]
fn much_work_at_once_through_a_small_inbox_is_all_done_once() {
    on_each_driver(|builder| {
        beside(&builder, 2, async |other| {
            let done = Arc::new(AtomicU32::new(0));
            let works: Vec<_> = (0..200_u32)
                .map(|number| {
                    let done = Arc::clone(&done);
                    other.submit(move || async move {
                        yield_now().await;
                        done.fetch_add(1, Ordering::SeqCst);
                        number
                    })
                })
                .collect();
            for (number, work) in works.into_iter().enumerate() {
                assert_eq!(work.await.unwrap(), number as u32);
            }
            assert_eq!(done.load(Ordering::SeqCst), 200);
        });
    });
}

#[test]
fn plain_threads_submit_and_wait() {
    on_each_driver(|builder| {
        let other = Other::start(&builder, 2);
        let threads: Vec<_> = (0..3_u64)
            .map(|thread| {
                let handle = other.handle.clone();
                thread::spawn(move || {
                    for number in 0..300 {
                        let sum = handle.submit_blocking(move || async move { thread + number });
                        assert_eq!(sum.unwrap(), thread + number);
                    }
                    let mut long = handle.submit(|| async { sleep(FOREVER).await.is_err() });
                    assert!(long.wait_timeout(Duration::from_millis(1)).is_none());
                    long.cancel();
                    assert!(long.wait().unwrap());
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        other.end();
    });
}

#[test]
fn a_wait_that_times_out_loses_nothing() {
    on_each_driver(|builder| {
        beside(&builder, 2, async |other| {
            let (release, released) = taut::channel::shared::channel::<u32>(1);
            let mut work = other.submit(move || async move { released.recv().await.unwrap() });
            assert!(timeout(Duration::from_millis(1), &mut work).await.is_err());
            release.send(5).await.unwrap();
            assert_eq!(work.await.unwrap(), 5);
        });
    });
}

#[test]
fn work_of_the_background_lane_comes_after_the_cores_own() {
    on_each_driver(|builder| {
        let (handle, inbox) = reception("own", 16);
        let builder = small(builder).background_budget(1);
        block_on(builder, async {
            let order = Arc::new(std::sync::Mutex::new(Vec::new()));
            let works: Vec<_> = (0..3)
                .map(|number| {
                    let order = Arc::clone(&order);
                    handle.submit(move || async move { order.lock().unwrap().push(number) })
                })
                .collect();
            let serving = spawn(inbox.serve_in_background());
            let own = Arc::clone(&order);
            spawn(async move {
                for _ in 0..2 {
                    own.lock().unwrap().push(100);
                    yield_now().await;
                }
            })
            .await
            .unwrap();
            for work in works {
                work.await.unwrap();
            }
            assert_eq!(*order.lock().unwrap(), [100, 100, 0, 1, 2]);
            serving.abort();
        });
    });
}

#[test]
fn a_dump_names_the_wait_and_the_place_of_the_work() {
    on_each_driver(|builder| {
        let (handle, inbox) = reception("own", 4);
        block_on(small(builder), async {
            let serving = spawn(inbox.serve());
            let work = handle.submit(|| sleep(FOREVER));
            let waiting = spawn(work);
            common::turns(2).await;
            let dump = taut::dump().to_string();
            assert!(dump.contains("submit to a core"), "{dump}");
            let of_this_file = dump.matches("cores_submit.rs").count();
            assert!(of_this_file >= 3, "{dump}");
            waiting.cancel();
            assert!(waiting.await.unwrap().unwrap().is_err());
            serving.abort();
        });
    });
}

#[test]
fn a_directory_finds_cores_by_number_and_name() {
    on_each_driver(|builder| {
        let other = Other::start(&builder, 4);
        let directory = Directory::new([(7, other.handle.clone())]);
        block_on(small(builder), async {
            let error = submit_to(7, || async {}).await.unwrap_err();
            assert_eq!(error.kind(), SubmitErrorKind::Unknown);
            assert!(error.to_string().contains("install a directory"), "{error}");
            directory.install();
            assert_eq!(submit_to(7, || async { 1 }).await.unwrap(), 1);
            assert_eq!(submit_to("other", || async { 2 }).await.unwrap(), 2);
            let error = submit_to("risk", || async {}).await.unwrap_err();
            let says = "\"risk\" can't be submitted to: there are other (7)";
            assert_eq!(error.to_string(), says);
        });
        drop(directory);
        other.end();
    });
}

#[test]
fn cores_of_a_run_submit_to_one_another_by_number_and_name() {
    on_each_driver(|builder| {
        let outcome = sharing(&builder, 2)
            .run(|core| async move {
                let other = core.cores()[1 - core.index()].name().to_owned();
                let mut sum = 0;
                for number in 0..100 {
                    let there = submit_to(other.as_str(), move || async move { number + 1 });
                    sum += there.await?;
                }
                // The other one may be waited for, and has to be there as long.
                core.directory().find(other.as_str()).unwrap().submit(async || ()).await?;
                let last = submit_to(core.core(), async || thread::current().id());
                assert_eq!(last.await?, thread::current().id());
                sleep(Duration::from_millis(20)).await.unwrap();
                Ok::<_, SubmitError>(sum)
            })
            .unwrap();
        assert_eq!(outcome.into_values(), [Some(5050), Some(5050)]);
    });
}
