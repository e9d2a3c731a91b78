//! One runtime per core: results in order, each core's own settings, and all of them or none.

mod common;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::cores::{allowed, sharing, small, two_cores_for};
use common::whole_process::{alone, with_others};
use common::{in_time, on_each_driver, open_descriptors, until_open};
use taut::channel::shared;
use taut::cores::{Cores, CoresErrorKind};
use taut::signal::SignalKind;
use taut::{WaitStrategy, counters, spawn, yield_now};

#[test]
fn results_come_in_the_order_in_which_the_cores_were_listed() {
    let _others = with_others();
    on_each_driver(|builder| {
        let outcome = sharing(&builder, 5)
            .run(|core| async move {
                // The first to start is the last to end.
                for _ in 0..(core.count() - core.index()) * 50 {
                    yield_now().await;
                }
                Ok::<_, io::Error>((core.index(), core.core()))
            })
            .unwrap();
        assert_eq!(outcome.stopped_by(), None);
        assert!(outcome.ends().iter().all(|end| end.counters.unwrap().polls > 50));
        let expected: Vec<_> = two_cores_for(5).into_iter().enumerate().map(Some).collect();
        assert_eq!(outcome.into_values(), expected);
    });
}

#[test]
fn each_core_is_pinned_and_its_thread_named() {
    let _others = with_others();
    on_each_driver(|builder| {
        let outcome = sharing(&builder, 2)
            .run(|core| async move {
                let thread = std::thread::current().name().unwrap().to_owned();
                Ok::<_, io::Error>((allowed() == [core.core()], thread == core.name()))
            })
            .unwrap();
        assert_eq!(outcome.into_values(), [Some((true, true)); 2]);
    });
}

#[test]
fn futures_need_not_be_send_and_errors_may_differ() {
    let _others = with_others();
    on_each_driver(|builder| {
        let [one, two] = two_cores_for(2)[..] else { unreachable!() };
        let outcome = Cores::new()
            .allow_shared_cores(true)
            .stop_on([])
            .runtime(small(builder))
            .role("one", one, |_core| async {
                let count = Rc::new(Cell::new(1));
                let inner = Rc::clone(&count);
                spawn(async move { inner.set(7) }).await?;
                Ok::<_, taut::JoinError>(count.get())
            })
            .role("two", two, |_core| async { Ok::<_, std::convert::Infallible>(2) })
            .run()
            .unwrap();
        assert_eq!(outcome.into_values(), [Some(7), Some(2)]);
    });
}

#[test]
fn a_core_knows_itself_and_the_others() {
    let _others = with_others();
    on_each_driver(|builder| {
        let cores = two_cores_for(2);
        let (feed, strategy) = (cores[0], cores[1]);
        let look = move |core: taut::cores::CoreContext| async move {
            let names: Vec<_> = core.cores().iter().map(|other| other.name()).collect();
            assert_eq!(names, ["feed", "a strategy with a long name"]);
            assert_eq!((core.count(), core.is_stopping()), (2, false));
            let strategy_info = core.find("a strategy with a long name").unwrap();
            assert_eq!((strategy_info.index(), strategy_info.core()), (1, strategy));
            assert_eq!(core.find("gateway"), None);
            assert_eq!(core.role(), Some(core.name()));
            // The system shows 15 bytes of a thread's name.
            let shown = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
            assert_eq!(shown.trim_end(), &core.name()[..core.name().len().min(15)]);
            assert_eq!(core.refused().count(), 0);
            Ok::<_, io::Error>(core.index())
        };
        let outcome = Cores::new()
            .allow_shared_cores(true)
            .stop_on([])
            .runtime(small(builder))
            .role("feed", feed, look)
            .role("a strategy with a long name", strategy, look)
            .run()
            .unwrap();
        assert_eq!(outcome.into_values(), [Some(0), Some(1)]);
    });
}

#[test]
fn settings_of_one_core_are_its_own() {
    let _others = with_others();
    on_each_driver(|builder| {
        let slack = |core: taut::cores::CoreContext| async move {
            // Only a core that may sleep asks for it.
            Ok::<_, io::Error>(core.features().granted("timer slack"))
        };
        let cores = two_cores_for(2);
        let outcome = Cores::new()
            .configure("spins", |builder| builder.wait(WaitStrategy::Spin))
            .allow_shared_cores(true)
            .stop_on([])
            .runtime(small(builder))
            .role("spins", cores[0], slack)
            .role("parks", cores[1], slack)
            .run()
            .unwrap();
        assert_eq!(outcome.into_values(), [Some(false), Some(true)]);
    });
}

#[test]
fn sixty_four_parked_runtimes_on_two_cores_all_get_on() {
    let _others = with_others();
    const RUNTIMES: usize = 64;
    const ROUNDS: usize = 20;

    on_each_driver(|builder| {
        // A ring of cores: each waits for its left and wakes its right.
        let channels: Vec<_> = (0..RUNTIMES).map(|_| shared::channel::<usize>(1)).collect();
        channels[0].0.try_send(0).unwrap();
        let channels = Arc::new(channels);
        let outcome = sharing(&builder, RUNTIMES)
            .run(move |core| async move {
                let (left, right) = (core.index(), (core.index() + 1) % RUNTIMES);
                let mut seen = 0;
                for round in 0..ROUNDS {
                    seen = in_time(channels[left].1.recv()).await.map_err(io::Error::other)?;
                    if (left, round) != (RUNTIMES - 1, ROUNDS - 1) {
                        let _ = channels[right].0.send(seen + 1).await;
                    }
                }
                assert!(counters().enters_blocking > 0, "it never slept");
                Ok::<_, io::Error>(seen)
            })
            .unwrap();
        let expected = |index| Some((ROUNDS - 1) * RUNTIMES + index);
        assert_eq!(outcome.into_values(), (0..RUNTIMES).map(expected).collect::<Vec<_>>());
    });
}

#[test]
fn where_one_runtime_cannot_be_built_no_future_starts() {
    let _others = with_others();
    on_each_driver(|builder| {
        let started = Arc::new(AtomicUsize::new(0));
        let count = |started: &Arc<AtomicUsize>| {
            let started = Arc::clone(started);
            move |_core| async move {
                started.fetch_add(1, Ordering::SeqCst);
                Ok::<_, io::Error>(())
            }
        };
        let cores = two_cores_for(3);
        let error = Cores::new()
            .allow_shared_cores(true)
            .stop_on([])
            .runtime(small(builder))
            .configure("gateway", |builder| builder.receive_buffers(3))
            .role("feed", cores[0], count(&started))
            .role("gateway", cores[1], count(&started))
            .role("books", cores[2], count(&started))
            .run()
            .unwrap_err();
        assert_eq!(error.kind(), CoresErrorKind::Build);
        let text = error.to_string();
        let at_fault = format!("core {} (gateway) got no runtime", cores[1]);
        assert!(text.contains(&at_fault) && text.contains("receive_buffers"), "{text}");
        assert_eq!(error.failures().len(), 1);
        let cause = error.into_failures().remove(0).try_into_error().unwrap();
        assert_eq!(
            cause.downcast::<taut::BuildError>().unwrap().kind(),
            taut::BuildErrorKind::Configuration
        );
        assert_eq!(started.load(Ordering::SeqCst), 0);
        assert_eq!(Arc::strong_count(&started), 1, "what the closures held is given back");
    });
}

#[test]
fn a_run_that_was_started_is_joined_later() {
    let _others = with_others();
    on_each_driver(|builder| {
        let (go, gone) = shared::channel::<()>(2);
        let running = sharing(&builder, 2)
            .start(move |core| async move {
                in_time(gone.recv()).await.map_err(io::Error::other)?;
                Ok::<_, io::Error>(core.index())
            })
            .unwrap();
        assert!(!running.is_finished());
        assert_eq!(running.cores().len(), 2);
        for _ in 0..2 {
            go.send_blocking(()).unwrap();
        }
        assert_eq!(running.join().unwrap().into_values(), [Some(0), Some(1)]);
    });
}

#[test]
fn no_descriptor_is_left_of_a_run_that_ended_or_never_began() {
    let _alone = alone();
    on_each_driver(|builder| {
        let before = open_descriptors();
        let idle = |_core| async { Ok::<_, io::Error>(()) };
        for _ in 0..3 {
            sharing(&builder, 3).stop_on([SignalKind::WINCH]).run(idle).unwrap();
            until_open(before);
            let bad = two_cores_for(1)[0];
            let refused = sharing(&builder, 4).configure(bad, |builder| builder.receive_buffers(3));
            assert_eq!(refused.run(idle).unwrap_err().kind(), CoresErrorKind::Build);
            until_open(before);
            let no_signal = sharing(&builder, 2).stop_on([SignalKind::KILL]).run(idle);
            let no_signal = no_signal.unwrap_err();
            assert_eq!(no_signal.kind(), CoresErrorKind::System);
            assert!(no_signal.to_string().contains("SIGKILL"), "{no_signal}");
            until_open(before);
        }
    });
}
