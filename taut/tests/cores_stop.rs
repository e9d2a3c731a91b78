//! The end of a run: the first error or panic stops the others wherever they wait, and a core that
//! does not stop is named and left behind.

mod common;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::cores::{sharing, small, two_cores_for};
use common::{HUNG_AFTER, listen, on_each_driver};
use taut::channel::shared;
use taut::cores::{CoreContext, Cores, CoresErrorKind, StopCause};
use taut::net::TcpStream;
use taut::task::shield;
use taut::time::sleep;
use taut::{Cancelled, is_cancelled, spawn};

const LONG: Duration = Duration::from_secs(3600);

/// Waits for what never comes, in a different way on each core.
async fn wait_for_ever(core: &CoreContext) -> io::Result<()> {
    match core.index() % 6 {
        0 => sleep(LONG).await?,
        1 => drop(listen().0.accept().await?),
        2 => {
            let (_open, receiver) = shared::channel::<()>(1);
            receiver.recv().await.map_err(io::Error::other)?;
        }
        3 => {
            let (listener, address) = listen();
            let mut client = TcpStream::connect(address).await?;
            let _server = listener.accept().await?;
            drop(client.recv().await?);
        }
        4 => spawn(sleep(LONG)).await??,
        _ => core.stopping().await?,
    }
    Err(io::Error::from(Cancelled))
}

#[test]
fn the_first_error_stops_the_others_at_every_kind_of_wait() {
    on_each_driver(|builder| {
        let reached = Arc::new(std::sync::Mutex::new(Vec::new()));
        let note = Arc::clone(&reached);
        let outcome = sharing(&builder, 7)
            .start(move |core| async move {
                if core.index() == 6 {
                    sleep(Duration::from_millis(20)).await?;
                    return Err(io::Error::new(ErrorKind::NotConnected, "the venue hung up"));
                }
                let error = wait_for_ever(&core).await.unwrap_err();
                assert!(is_cancelled(&error) && core.is_stopping());
                note.lock().unwrap().push(core.index());
                Err::<(), _>(error)
            })
            .unwrap()
            .join_all();
        assert_eq!(outcome.stopped_by(), Some(StopCause::Failure(6)));
        let error = outcome.into_result().unwrap_err();
        assert_eq!(error.kind(), CoresErrorKind::Error);
        assert_eq!(error.failures().len(), 1, "{error}");
        let core = two_cores_for(7)[6];
        assert_eq!(error.to_string(), format!("core {core} failed: the venue hung up"));
        let source = std::error::Error::source(&error).unwrap();
        let source = source.downcast_ref::<io::Error>().unwrap();
        assert_eq!(source.kind(), ErrorKind::NotConnected);
        let mut reached = reached.lock().unwrap().clone();
        reached.sort_unstable();
        assert_eq!(reached, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn a_panic_stops_the_others_and_keeps_its_payload() {
    on_each_driver(|builder| {
        let cores = two_cores_for(2);
        let error = Cores::new()
            .allow_shared_cores(true)
            .stop_on([])
            .runtime(small(builder.clone()))
            .role("feed", cores[0], |_core| async {
                sleep(LONG).await?;
                Ok::<_, Cancelled>(())
            })
            .role("strategy", cores[1], |_core| async {
                if true {
                    panic!("the book is crossed");
                }
                Ok::<_, io::Error>(())
            })
            .run()
            .unwrap_err();
        let expected = format!("core {} (strategy) panicked: the book is crossed", cores[1]);
        assert_eq!(error.to_string(), expected);
        let failure = error.into_failures().remove(0);
        assert_eq!(failure.info().index(), 1);
        let payload = failure.try_into_panic().unwrap();
        assert_eq!(payload.downcast_ref(), Some(&"the book is crossed"));

        // Also where the closure itself panics, before there is a future.
        let error = sharing(&builder, 1)
            .run(|core| {
                assert!(core.index() > 0, "no future");
                async { Ok::<_, io::Error>(()) }
            })
            .unwrap_err();
        assert_eq!(error.kind(), CoresErrorKind::Panic);
        assert!(error.to_string().contains("no future"), "{error}");
    });
}

#[test]
fn what_others_fail_with_while_they_stop_is_kept_behind_the_first_cause() {
    on_each_driver(|builder| {
        let outcome = sharing(&builder, 3)
            .start(|core| async move {
                match core.index() {
                    0 => {
                        core.stopping().await?;
                        shield(sleep(Duration::from_millis(5))).await?;
                        Err(io::Error::other("no farewell was said"))
                    }
                    1 => Err(io::Error::other("first")),
                    _ => {
                        core.stopping().await?;
                        Ok("closed")
                    }
                }
            })
            .unwrap()
            .join_all();
        let text = |index: usize| outcome.ends()[index].result.as_ref().unwrap_err().to_string();
        assert!(text(0).ends_with("no farewell was said") && text(1).ends_with("first"));
        assert_eq!(outcome.ends()[2].result.as_ref().unwrap(), &Some("closed"));
        let error = outcome.into_result().unwrap_err();
        let order: Vec<_> = error.failures().iter().map(|one| one.info().index()).collect();
        assert_eq!(order, [1, 0], "{error}");
    });
}

#[test]
fn whoever_holds_the_run_or_a_core_can_stop_it_and_that_is_no_failure() {
    on_each_driver(|builder| {
        let wait = |core: CoreContext| async move { wait_for_ever(&core).await };
        let running = sharing(&builder, 6).start(wait).unwrap();
        running.stop();
        running.stop();
        let outcome = running.join().unwrap();
        assert_eq!(outcome.stopped_by(), Some(StopCause::Asked));
        assert_eq!(outcome.into_values(), [None; 6]);

        let outcome = sharing(&builder, 3)
            .run(|core| async move {
                let token = core.stop_token();
                if core.index() == 1 {
                    // A token of its own: throwing it stops nobody.
                    core.stop_token().cancel();
                    assert!(!core.is_stopping());
                    core.stop();
                }
                token.cancelled().await?;
                core.stopping().await?;
                // Stopped, and with something to tell.
                Ok::<_, Cancelled>(core.index())
            })
            .unwrap();
        assert_eq!(outcome.stopped_by(), Some(StopCause::Asked));
        assert_eq!(outcome.into_values(), [Some(0), Some(1), Some(2)]);
    });
}

#[test]
fn a_core_that_never_gives_way_is_named_at_the_deadline_and_left_behind() {
    on_each_driver(|builder| {
        let let_go = Arc::new(AtomicBool::new(false));
        let (spinning, ended) = (Arc::clone(&let_go), std::sync::mpsc::channel());
        let (tell_end, has_ended) = ended;
        let (start, started) = shared::channel::<()>(1);
        let cores = two_cores_for(2);
        let before = Instant::now();
        let error = Cores::new()
            .allow_shared_cores(true)
            .stop_on([])
            .stop_deadline(Duration::from_millis(200))
            .runtime(small(builder))
            .role("strategy", cores[0], move |_core| async move {
                start.send(()).await.map_err(io::Error::other)?;
                while !spinning.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                let _ = tell_end.send(());
                Ok::<_, io::Error>(())
            })
            .role("feed", cores[1], move |_core| async move {
                started.recv().await.map_err(io::Error::other)?;
                Err::<(), _>(io::Error::other("the feed is gone"))
            })
            .run()
            .unwrap_err();
        assert!(before.elapsed() < HUNG_AFTER);
        let kinds: Vec<_> = error.failures().iter().map(|failure| failure.kind()).collect();
        assert_eq!(kinds, [CoresErrorKind::Error, CoresErrorKind::Overdue], "{error}");
        let text = error.to_string();
        let first = format!("core {} (feed) failed: the feed is gone; ", cores[1]);
        let second = format!("core {} (strategy) had not ended ", cores[0]);
        assert!(text.starts_with(&(first + &second)), "{text}");
        assert!(text.contains("it has not given way to its runtime since"), "{text}");
        assert!(has_ended.try_recv().is_err(), "it still runs");
        let_go.store(true, Ordering::Relaxed);
        has_ended.recv_timeout(HUNG_AFTER).unwrap();
    });
}

#[test]
fn a_core_that_heeds_no_cancel_is_named_with_what_its_tasks_wait_for() {
    on_each_driver(|builder| {
        let (let_go, gone) = shared::channel::<()>(1);
        let running = sharing(&builder, 2)
            .stop_deadline(Duration::from_secs(2))
            .start(move |core| async move {
                if core.index() == 0 {
                    // The shield keeps the cancel out.
                    let _ = shield(gone.recv()).await;
                }
                Ok::<_, io::Error>(core.index())
            })
            .unwrap();
        running.stop();
        let outcome = running.join_all();
        assert!(matches!(outcome.ends()[1].result, Ok(Some(1))), "{outcome:?}");
        let failure = outcome.ends()[0].result.as_ref().unwrap_err();
        assert_eq!(failure.kind(), CoresErrorKind::Overdue);
        let text = failure.to_string();
        assert!(text.contains("was cancelled and goes on; its tasks:"), "{text}");
        assert!(text.contains("cores_stop.rs"), "{text}");
        assert!(outcome.ends()[0].counters.is_none());
        drop(let_go);
    });
}

#[test]
fn a_thread_that_sleeps_in_the_kernel_holds_nobody_up() {
    on_each_driver(|builder| {
        let (release, blocked) = std::sync::mpsc::channel::<()>();
        let (start, started) = std::sync::mpsc::channel::<()>();
        let blocked = Arc::new(std::sync::Mutex::new(blocked));
        let running = sharing(&builder, 1)
            .stop_deadline(Duration::from_millis(100))
            .start(move |_core| async move {
                start.send(()).unwrap();
                let _ = blocked.lock().unwrap().recv();
                Ok::<_, io::Error>(())
            })
            .unwrap();
        started.recv().unwrap();
        running.stop();
        let error = running.join().unwrap_err();
        assert_eq!(error.kind(), CoresErrorKind::Overdue);
        assert!(error.to_string().contains("not given way"), "{error}");
        drop(release);
    });
}

#[test]
fn an_error_that_is_a_cancel_counts_where_nobody_asked_for_a_stop() {
    on_each_driver(|builder| {
        let error =
            sharing(&builder, 1).run(|_core| async { Err::<(), _>(Cancelled) }).unwrap_err();
        assert_eq!(error.kind(), CoresErrorKind::Error, "{error}");
    });
}
