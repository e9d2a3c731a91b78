//! The ends of work that is submitted to another core: panics, cancels, handles that are dropped,
//! inboxes that are full, and cores that end or stop taking work.

mod common;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use common::cores::{sharing, small};
use common::other_cores::{Other, beside, on_thread};
use common::tasks::FOREVER;
use common::{block_on, on_each_driver, until};
use taut::channel::oneshot;
use taut::cores::{SubmitErrorKind, reception};
use taut::time::sleep;
use taut::{is_cancelled, spawn, yield_now};

/// Set when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn flag() -> (Flag, Arc<AtomicBool>) {
    let dropped = Arc::new(AtomicBool::new(false));
    (Flag(Arc::clone(&dropped)), dropped)
}

/// Something to call there, and to ask here whether it was.
fn oneshot_between() -> (impl FnOnce() + Send, impl Fn() -> bool) {
    let called = Arc::new(AtomicBool::new(false));
    let ask = Arc::clone(&called);
    (move || called.store(true, Ordering::SeqCst), move || ask.load(Ordering::SeqCst))
}

#[test]
fn a_panic_comes_back_with_its_payload_and_the_core_goes_on() {
    on_each_driver(|builder| {
        beside(&builder, 8, async |other| {
            let error = other.submit(|| async { panic!("no such venue") }).await.unwrap_err();
            assert_eq!(error.kind(), SubmitErrorKind::Panicked);
            assert_eq!(error.to_string(), "the work on other panicked: no such venue");
            let payload = error.try_into_panic().unwrap();
            assert_eq!(payload.downcast_ref(), Some(&"no such venue"));
            // A closure that panics before there is a future is no different.
            fn no_future() -> std::future::Ready<()> {
                panic!("none")
            }
            let error = other.submit(no_future).await.unwrap_err();
            assert_eq!(error.kind(), SubmitErrorKind::Panicked);
            assert_eq!(other.submit(|| async { 7 }).await.unwrap(), 7);
        });
    });
}

#[test]
fn a_cancel_reaches_the_leaf_and_the_outcome_is_awaited() {
    on_each_driver(|builder| {
        beside(&builder, 8, async |other| {
            let (begun, has_begun) = oneshot_between();
            let work = other.submit(move || async move {
                begun();
                let ended = sleep(FOREVER).await;
                assert!(taut::task::is_cancelled(), "the whole task is cancelled");
                taut::task::shield(sleep(Duration::from_micros(50))).await.unwrap();
                is_cancelled(&ended.unwrap_err())
            });
            let waiting = spawn(work);
            until(&has_begun).await;
            waiting.cancel();
            assert!(waiting.await.unwrap().unwrap(), "the sleep told of its cancel");
            let cancelled = other.submit(async || taut::counters().tasks_cancelled).await.unwrap();
            assert_eq!(cancelled, 1);
        });
    });
}

#[test]
fn a_cancel_reaches_a_receive_behind_a_nested_submit() {
    on_each_driver(|builder| {
        let third = Other::start(&builder, 4);
        beside(&builder, 4, async |other| {
            let (begun, has_begun) = oneshot_between();
            let third = third.handle.clone();
            let work = other.submit(move || async move {
                let inner = third.submit(move || async move {
                    let (_sender, receiver) = oneshot::channel::<u32>();
                    begun();
                    is_cancelled(&receiver.await.unwrap_err())
                });
                inner.await.unwrap()
            });
            until(&has_begun).await;
            work.cancel();
            assert!(work.await.unwrap(), "the receive on the third core was cancelled");
        });
        third.end();
    });
}

#[test]
fn work_that_is_cancelled_before_it_begins_begins_cancelled() {
    on_each_driver(|builder| {
        let (handle, inbox) = reception("late", 4);
        let work = handle.submit(|| async { sleep(FOREVER).await.is_err() });
        work.cancel();
        let late = on_thread(&builder, || inbox.serve());
        drop(handle);
        assert!(block_on(small(builder), work).unwrap());
        late.join().unwrap().unwrap();
    });
}

#[test]
fn a_cancel_through_a_combinator_with_wakers_of_its_own_is_passed_on() {
    use futures_util::stream::{FuturesUnordered, StreamExt};

    on_each_driver(|builder| {
        beside(&builder, 4, async |other| {
            let (begun, has_begun) = oneshot_between();
            let waiting = spawn(async move {
                let mut works = FuturesUnordered::new();
                works.push(other.submit(move || async move {
                    begun();
                    sleep(FOREVER).await.is_err()
                }));
                works.next().await.unwrap().unwrap()
            });
            until(&has_begun).await;
            waiting.cancel();
            assert!(waiting.await.unwrap());
        });
    });
}

#[test]
fn a_dropped_handle_detaches_and_one_that_cancels_cancels() {
    on_each_driver(|builder| {
        beside(&builder, 8, async |other| {
            let (done, is_done) = oneshot_between();
            let (release, released) = std_mpsc::channel::<()>();
            drop(other.submit(move || async move {
                // Until the handle is certainly gone.
                released.recv().unwrap();
                done();
            }));
            release.send(()).unwrap();
            until(&is_done).await;

            let (done, is_done) = oneshot_between();
            let (begun, has_begun) = oneshot_between();
            let work = other.submit(move || async move {
                begun();
                assert!(sleep(FOREVER).await.is_err());
                done();
            });
            let work = work.cancel_on_drop();
            until(&has_begun).await;
            assert!(!work.is_finished());
            drop(work);
            until(&is_done).await;
        });
    });
}

#[test]
fn a_result_that_nobody_waits_for_is_dropped() {
    on_each_driver(|builder| {
        beside(&builder, 8, async |other| {
            let (flag, dropped) = flag();
            drop(other.submit(move || async move { flag }));
            until(|| dropped.load(Ordering::SeqCst)).await;
        });
    });
}

#[test]
fn a_full_inbox_refuses_what_does_not_wait_and_keeps_the_rest_in_order() {
    on_each_driver(|builder| {
        let (handle, inbox) = reception("busy", 2);
        let first = handle.try_submit(|| async { 1 }).unwrap();
        let second = handle.submit(|| async { 2 });
        let error = handle.try_submit(|| async { 3 }).unwrap_err();
        assert_eq!(error.kind(), SubmitErrorKind::Full);
        assert_eq!(error.to_string(), "the inbox of busy is full: 2 pieces of work wait in it");
        let (kept, dropped) = flag();
        let third = handle.submit(move || async move {
            drop(kept);
            3
        });
        block_on(small(builder.clone()), async {
            // A task that is cancelled while its work waits for room takes it back.
            let waits = spawn(third);
            yield_now().await;
            waits.cancel();
            let error = waits.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), SubmitErrorKind::Cancelled);
            assert!(is_cancelled(&error) && is_cancelled(&std::io::Error::from(error)));
            assert!(dropped.load(Ordering::SeqCst));
            // And one that is given up.
            let (kept, dropped) = flag();
            drop(handle.submit(move || async move { drop(kept) }));
            assert!(dropped.load(Ordering::SeqCst));
        });
        let busy = on_thread(&builder, || inbox.serve());
        block_on(small(builder), async {
            assert_eq!(first.await.unwrap(), 1);
            assert_eq!(second.await.unwrap(), 2);
        });
        drop(handle);
        busy.join().unwrap().unwrap();
    });
}

#[test]
fn a_core_that_ends_leaves_nobody_waiting() {
    on_each_driver(|builder| {
        let (handle, inbox) = reception("short", 4);
        let begun = Arc::new(Barrier::new(2));
        let at_begin = Arc::clone(&begun);
        let runs = handle.submit(move || async move {
            at_begin.wait();
            sleep(FOREVER).await
        });
        let (stop, stopped) = std_mpsc::channel::<()>();
        let core = on_thread(&builder, || async move {
            let _serving = spawn(inbox.serve());
            until(|| stopped.try_recv().is_ok()).await;
        });
        begun.wait();
        block_on(small(builder), async {
            let waits = spawn(runs);
            yield_now().await;
            stop.send(()).unwrap();
            let error = waits.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), SubmitErrorKind::Ended);
            assert_eq!(error.to_string(), "short has ended before the work had");
        });
        core.join().unwrap();
        assert!(handle.is_closed());
        let error = handle.submit(|| async {}).wait().unwrap_err();
        assert_eq!(error.kind(), SubmitErrorKind::Closed);
        assert_eq!(handle.try_submit(|| async {}).unwrap_err().kind(), SubmitErrorKind::Closed);
    });
}

#[test]
fn a_reception_that_is_dropped_tells_those_in_its_inbox_and_those_before_it() {
    on_each_driver(|builder| {
        let (handle, inbox) = reception("gone", 1);
        let (kept, dropped) = flag();
        let in_inbox = handle.submit(move || async move { drop(kept) });
        let before_it = handle.submit(|| async {});
        block_on(small(builder), async {
            let waiting = [spawn(in_inbox), spawn(before_it)];
            yield_now().await;
            drop(inbox);
            let [in_inbox, before_it] = waiting;
            assert_eq!(in_inbox.await.unwrap().unwrap_err().kind(), SubmitErrorKind::Ended);
            assert_eq!(before_it.await.unwrap().unwrap_err().kind(), SubmitErrorKind::Closed);
        });
        assert!(dropped.load(Ordering::SeqCst));
    });
}

#[test]
fn a_reception_that_is_cancelled_ends_and_its_tasks_go_on() {
    on_each_driver(|builder| {
        let (handle, inbox) = reception("own", 4);
        block_on(small(builder), async {
            let serving = spawn(inbox.serve());
            let (sender, receiver) = taut::channel::shared::channel::<u32>(1);
            let work = handle.submit(move || async move { receiver.recv().await.unwrap() });
            common::turns(2).await;
            serving.cancel();
            assert!(serving.await.unwrap().is_err());
            assert!(handle.is_closed());
            sender.send(7).await.unwrap();
            assert_eq!(work.await.unwrap(), 7);
        });
    });
}

#[test]
fn a_run_is_submitted_to_from_outside_and_told_to_stop_it_leaves_nobody_waiting() {
    on_each_driver(|builder| {
        let running = sharing(&builder, 2)
            .inbox_capacity(4)
            .start(|core| async move {
                if core.index() == 0 {
                    // Its cancel reaches the work on the other core, or finds that core ended.
                    let other = core.directory().iter().nth(1).unwrap().1;
                    other.submit(|| sleep(FOREVER)).await?.map_err(io::Error::from)
                } else {
                    sleep(FOREVER).await.map_err(io::Error::from)
                }
            })
            .unwrap();
        let second = running.directory().iter().nth(1).unwrap().1.clone();
        assert_eq!(second.submit(async || 7).wait().unwrap(), 7);
        let forever = second.submit(|| sleep(FOREVER));
        running.stop();
        let outcome = running.join().unwrap();
        assert_eq!(outcome.into_values(), [None, None]);
        assert_eq!(forever.wait().unwrap_err().kind(), SubmitErrorKind::Ended);
        assert_eq!(second.submit(async || 7).wait().unwrap_err().kind(), SubmitErrorKind::Closed);
    });
}
