//! Signals of the operating system: every listener gets them, on whichever runtime, and none is
//! lost, doubled or left behind.
//!
//! A signal is for the whole process, so each test has one of its own.

mod common;

use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Barrier;
use std::sync::mpsc::{Sender, TryRecvError};

use common::whole_process::{alone, with_others};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use common::{open_descriptors, poll_then_drop, turns, until};
use futures_util::poll;
use taut::io::{Descriptor, Interest, readiness};
use taut::signal::{SignalKind, ctrl_c, signal};
use taut::{Driver, Runtime, counters, is_cancelled, spawn};

/// Sends this process a signal. When it returns, one that no thread blocks has been delivered to
/// some thread, though its handler may still run.
fn raise(kind: SignalKind) {
    // SAFETY: the call takes two numbers.
    assert_eq!(unsafe { libc::kill(libc::getpid(), kind.as_raw()) }, 0);
}

fn real_time(offset: i32) -> SignalKind {
    SignalKind::from_raw(libc::SIGRTMIN() + offset)
}

#[test]
fn each_listener_gets_the_signal() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut one, mut two) =
                (signal(SignalKind::USR1).unwrap(), signal(SignalKind::USR1).unwrap());
            let waiting = spawn(async move {
                for _ in 0..3 {
                    one.recv().await.unwrap();
                }
            });
            for _ in 0..3 {
                turns(3).await;
                rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::USR1,
                )
                .unwrap();
                two.recv().await.unwrap();
                // The first may be behind, and a second signal would then be merged with this one.
                turns(3).await;
            }
            // Where they were merged, the rest comes now.
            until(|| {
                raise(SignalKind::USR1);
                waiting.is_finished()
            })
            .await;
            waiting.await.unwrap();
        });
    });
}

#[test]
fn ctrl_c_is_awaited_and_the_wait_cancelled() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let waiting = spawn(ctrl_c());
            turns(5).await;
            assert!(!waiting.is_finished());
            raise(SignalKind::INT);
            waiting.await.unwrap().unwrap();

            let waiting = spawn(ctrl_c());
            turns(5).await;
            waiting.cancel();
            assert!(is_cancelled(&waiting.await.unwrap().unwrap_err()));
        });
    });
}

#[test]
fn a_signal_counts_from_the_call_and_not_from_the_first_poll() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut listener = signal(SignalKind::WINCH).unwrap();
            raise(SignalKind::WINCH);
            listener.recv().await.unwrap();
            assert!(poll!(pin!(listener.recv())).is_pending());
        });
    });
}

#[test]
fn a_burst_comes_as_at_least_one_and_is_then_over() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut listener = signal(SignalKind::USR2).unwrap();
            for _ in 0..20 {
                // A handler on another thread may still run when this returns: real-time signals
                // and those that this thread handles are through.
                for _ in 0..500 {
                    raise(SignalKind::USR2);
                }
                listener.recv().await.unwrap();
            }
            let mut more = 0;
            while poll!(pin!(listener.recv())).is_ready() {
                more += 1;
                turns(3).await;
            }
            assert!(more <= 500, "{more} of nothing");
        });
    });
}

#[test]
fn a_cancelled_or_dropped_wait_loses_no_signal() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let listener = signal(real_time(1)).unwrap();
            let waiting = spawn(async move {
                let mut listener = listener;
                let outcome = listener.recv().await;
                (outcome, listener)
            });
            turns(3).await;
            waiting.cancel();
            let (outcome, mut listener) = waiting.await.unwrap();
            assert!(is_cancelled(&outcome.unwrap_err()));
            raise(real_time(1));
            listener.recv().await.unwrap();

            let before = counters().operations_in_flight;
            for count in 0..100 {
                poll_then_drop(listener.recv(), count % 4).await;
            }
            until(|| counters().operations_in_flight == before).await;
            let mut wait = Box::pin(listener.recv());
            assert!(poll!(wait.as_mut()).is_pending());
            drop(wait);
            raise(real_time(1));
            listener.recv().await.unwrap();
        });
    });
}

#[test]
fn runtimes_on_several_threads_all_get_it() {
    const THREADS: usize = 4;
    let _others = with_others();
    for driver in [Driver::Uring, Driver::Epoll] {
        if Runtime::builder().driver(driver).build().is_err() {
            continue;
        }
        let (ready, done) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let builder = Runtime::builder().driver(driver);
                    block_on(builder, async {
                        let mut listener = signal(SignalKind::HUP).unwrap();
                        ready.wait();
                        for _ in 0..10 {
                            listener.recv().await.unwrap();
                            done.wait();
                        }
                    });
                });
            }
            ready.wait();
            for _ in 0..10 {
                raise(SignalKind::HUP);
                done.wait();
            }
        });
    }
}

#[test]
fn a_signal_ends_the_sleep_of_a_parked_core() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut listener = signal(SignalKind::ALRM).unwrap();
            let sleepy = std::thread::spawn(|| {
                #[expect(clippy::disallowed_methods, reason = "a thread without a runtime")]
                std::thread::sleep(std::time::Duration::from_millis(30));
                raise(SignalKind::ALRM);
            });
            listener.recv().await.unwrap();
            sleepy.join().unwrap();
        });
    });
}

#[test]
fn the_default_action_does_not_come_back_with_the_last_listener() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            drop(signal(SignalKind::VTALRM).unwrap());
            // By default this ends the process.
            raise(SignalKind::VTALRM);
            let mut again = signal(SignalKind::VTALRM).unwrap();
            turns(3).await;
            // The handler of the one before may still have run when `again` began to listen.
            let _ = poll!(pin!(again.recv()));
            raise(SignalKind::VTALRM);
            again.recv().await.unwrap();
        });
    });
}

#[test]
fn what_no_program_can_await_is_refused_by_name() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            use SignalKind as Kind;
            for kind in [Kind::KILL, Kind::STOP, Kind::SEGV, Kind::BUS, Kind::ILL, Kind::FPE] {
                let error = signal(kind).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                assert!(error.to_string().contains(&kind.to_string()), "{error}");
            }
            // 32 and 33 are the C library's own.
            for number in [i32::MIN, -1, 0, 32, 33, 65, 1000, i32::MAX] {
                let error = signal(Kind::from_raw(number)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}: {error}");
            }
        });
    });
}

#[test]
fn kinds_have_the_names_and_numbers_of_the_platform() {
    assert_eq!(SignalKind::TERM.as_raw(), libc::SIGTERM);
    assert_eq!(SignalKind::from_raw(libc::SIGCHLD), SignalKind::CHLD);
    assert_eq!(SignalKind::USR1.to_string(), "SIGUSR1");
    assert_eq!(real_time(3).to_string(), "SIGRTMIN+3");
    assert_eq!(SignalKind::from_raw(999).to_string(), "signal 999");
}

#[test]
fn no_descriptor_is_left() {
    let _alone = alone();
    on_each_driver(|builder| {
        let outside = open_descriptors();
        let runtime = builder.build().unwrap();
        let before = open_descriptors();
        runtime.block_on(in_time(async {
            for count in 0..20 {
                let mut listener = signal(real_time(2)).unwrap();
                poll_then_drop(listener.recv(), count % 3).await;
                raise(real_time(2));
            }
            signal(SignalKind::KILL).unwrap_err();
            signal(SignalKind::from_raw(1000)).unwrap_err();
            until(|| open_descriptors() == before).await;
            let mut left_behind = signal(real_time(2)).unwrap();
            spawn(async move { left_behind.recv().await });
            turns(3).await;
        }));
        drop(runtime);
        assert_eq!(open_descriptors(), outside);
    });
}

/// Sends this thread signals until the result is dropped.
fn bombard(kind: SignalKind) -> Sender<()> {
    let (ends, end) = std::sync::mpsc::channel::<()>();
    let (process, thread) = (std::process::id(), rustix::thread::gettid().as_raw_nonzero());
    std::thread::spawn(move || {
        while end.try_recv() == Err(TryRecvError::Empty) {
            // SAFETY: the call takes three numbers; where the thread has ended it does nothing.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread.get(), kind.as_raw()) };
        }
    });
    ends
}

#[test]
fn a_wait_that_begins_as_a_signal_comes_does_not_fail() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (_reader, mut full) = std::io::pipe().unwrap();
            rustix::pipe::fcntl_setpipe_size(&full, 4096).unwrap();
            full.write_all(&[1; 4096]).unwrap();
            let _handled = signal(SignalKind::PROF).unwrap();
            let _ends = bombard(SignalKind::PROF);
            for round in 1..=20_000 {
                // Another number each time, of whose readiness the driver knows nothing yet.
                let copy = Descriptor::from(OwnedFd::from(full.try_clone().unwrap()));
                let polled = poll!(pin!(readiness(&copy, Interest::Writable)));
                assert!(polled.is_pending(), "in round {round}: {polled:?}");
                if round % 64 == 0 {
                    // Those that were given up keep their copies until the kernel lets go.
                    until(|| counters().operations_in_flight == 0).await;
                }
            }
        });
    });
}
