//! Descriptors that are no sockets: awaited, given up, refused, and left as they were found.

mod common;

use std::cell::Cell;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use common::whole_process::{alone, with_others};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use common::{open_descriptors, poll_then_drop, turns, until};
use futures_util::poll;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::pipe::{PipeFlags, pipe_with};
use taut::io::Pollable;
use taut::{counters, is_cancelled, spawn, yield_now};

fn counter(start: u32) -> Pollable<OwnedFd> {
    Pollable::new(eventfd(start, EventfdFlags::CLOEXEC).unwrap()).unwrap()
}

fn add(counter: impl AsFd, value: u64) {
    assert_eq!(rustix::io::write(counter, &value.to_ne_bytes()).unwrap(), 8);
}

async fn take(counter: &Pollable<OwnedFd>) -> std::io::Result<u64> {
    let mut count = [0; 8];
    counter.read_with(|fd| Ok(rustix::io::read(fd, &mut count)?)).await?;
    Ok(u64::from_ne_bytes(count))
}

fn blocking(file: impl AsFd) -> bool {
    !fcntl_getfl(file).unwrap().contains(OFlags::NONBLOCK)
}

#[test]
fn a_descriptor_is_readable_once_there_is_something_to_read() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let counter = Rc::new(counter(0));
            let seen = Rc::new(Cell::new(false));
            let waiting = spawn({
                let (counter, seen) = (Rc::clone(&counter), Rc::clone(&seen));
                async move {
                    counter.readable().await.unwrap();
                    seen.set(true);
                }
            });
            turns(5).await;
            assert!(!seen.get());
            add(&*counter, 3);
            waiting.await.unwrap();
            // Still so, until somebody reads.
            counter.readable().await.unwrap();
            assert_eq!(take(&counter).await.unwrap(), 3);
            let mut again = Box::pin(counter.readable());
            assert!(poll!(again.as_mut()).is_pending());
            turns(5).await;
            assert!(poll!(again).is_pending());
        });
    });
}

#[test]
fn a_descriptor_is_writable_once_there_is_room() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (from, to) = pipe_with(PipeFlags::CLOEXEC).unwrap();
            let to = Pollable::new(to).unwrap();
            to.writable().await.unwrap();
            while rustix::io::write(&to, &[7; 4096]).is_ok() {}
            let mut write = Box::pin(to.write_with(|fd| Ok(rustix::io::write(fd, b"last")?)));
            assert!(poll!(write.as_mut()).is_pending());
            turns(5).await;
            assert!(poll!(write.as_mut()).is_pending());
            assert_eq!(rustix::io::read(&from, &mut [0; 4096]).unwrap(), 4096);
            assert_eq!(write.await.unwrap(), 4);
        });
    });
}

#[test]
fn a_cancelled_wait_says_so_and_takes_nothing() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let counter = Rc::new(counter(0));
            for write in [false, true] {
                let waiting = spawn({
                    let counter = Rc::clone(&counter);
                    async move {
                        if write {
                            let full = (u64::MAX - 1).to_ne_bytes();
                            add(&*counter, u64::MAX - 1);
                            let error =
                                counter.write_with(|fd| Ok(rustix::io::write(fd, &full)?)).await;
                            (error.map(drop), counter.writable().await)
                        } else {
                            (take(&counter).await.map(drop), counter.readable().await)
                        }
                    }
                });
                turns(5).await;
                waiting.cancel();
                let (first, second) = waiting.await.unwrap();
                assert!(is_cancelled(&first.unwrap_err()), "the wait that was under way");
                assert!(is_cancelled(&second.unwrap_err()), "the wait that begins");
                add(&*counter, u64::from(!write));
                let expected = if write { u64::MAX - 1 } else { 1 };
                assert_eq!(take(&counter).await.unwrap(), expected);
            }
        });
    });
}

#[test]
fn waits_dropped_at_any_stage_leave_nothing_in_flight_and_lose_nothing() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let counter = counter(0);
            let before = counters().operations_in_flight;
            for count in 0..500 {
                poll_then_drop(counter.readable(), count % 3).await;
                poll_then_drop(take(&counter), count % 4).await;
            }
            add(&counter, 5);
            assert_eq!(take(&counter).await.unwrap(), 5);
            until(|| counters().operations_in_flight == before).await;
        });
    });
}

#[test]
fn all_who_wait_for_one_descriptor_are_told() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let counter = Rc::new(counter(0));
            let waiting: Vec<_> = (0..10)
                .map(|_| {
                    let counter = Rc::clone(&counter);
                    spawn(async move { counter.readable().await })
                })
                .collect();
            turns(3).await;
            add(&*counter, 1);
            for waiting in waiting {
                waiting.await.unwrap().unwrap();
            }
        });
    });
}

#[test]
fn a_hang_up_is_readiness() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (from, to) = pipe_with(PipeFlags::CLOEXEC).unwrap();
            let from = Rc::new(Pollable::new(from).unwrap());
            let reading = spawn({
                let from = Rc::clone(&from);
                async move { from.read_with(|fd| Ok(rustix::io::read(fd, &mut [0; 8])?)).await }
            });
            turns(3).await;
            drop(to);
            assert_eq!(reading.await.unwrap().unwrap(), 0);
            from.readable().await.unwrap();
        });
    });
}

#[test]
fn what_the_kernel_never_waits_for_is_refused_on_both_drivers() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let program = std::env::current_exe().unwrap();
            for path in [program.as_os_str(), "/".as_ref(), "/dev/null".as_ref()] {
                let file = File::open(path).unwrap();
                let error = Pollable::new(&file).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{path:?}: {error}");
                assert!(error.to_string().contains("EPERM"), "{error}");
                assert!(blocking(&file), "left as it was");
            }
        });
    });
}

#[test]
fn a_file_is_blocking_again_when_it_was_and_only_then() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (from, to) = pipe_with(PipeFlags::CLOEXEC).unwrap();
            let pollable = Pollable::new(&from).unwrap();
            assert!(!blocking(&from));
            poll_then_drop(pollable.readable(), 0).await;
            drop(pollable);
            assert!(blocking(&from));
            let from = Pollable::new(from).unwrap().into_inner();
            assert!(blocking(&from));

            rustix::io::ioctl_fionbio(&to, true).unwrap();
            drop(Pollable::new(&to).unwrap());
            assert!(!blocking(&to));
        });
    });
}

#[test]
fn a_file_that_lives_on_no_longer_wakes_the_core() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let shared = counter(1);
            shared.readable().await.unwrap();
            let other = Pollable::new(shared.as_fd().try_clone_to_owned().unwrap()).unwrap();
            take(&other).await.unwrap();
            poll_then_drop(other.readable(), 3).await;
            let file = other.into_inner();
            drop(shared);
            turns(5).await;
            let before = counters().completions;
            for _ in 0..10 {
                add(&file, 1);
                turns(2).await;
            }
            assert_eq!(counters().completions, before);
        });
    });
}

#[test]
fn waits_look_at_the_file_that_was_given_whatever_becomes_of_the_object() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut pollable = counter(0);
            let original = pollable.as_fd().try_clone_to_owned().unwrap();
            // A descriptor of the same number, now of another file, and ready at once.
            *pollable.get_mut() = eventfd(9, EventfdFlags::CLOEXEC).unwrap();
            let mut wait = Box::pin(pollable.readable());
            assert!(poll!(wait.as_mut()).is_pending());
            turns(5).await;
            assert!(poll!(wait.as_mut()).is_pending());
            add(&original, 1);
            wait.await.unwrap();
        });
    });
}

#[test]
fn other_errors_of_the_call_are_handed_on() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let counter = counter(1);
            let error = counter
                .read_with(|fd| Ok(rustix::io::read(fd, &mut [0; 1])?))
                .await
                .expect_err("an event counter is read by eight bytes");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        });
    });
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
                let counter = counter(0);
                poll_then_drop(counter.readable(), count % 3).await;
                spawn(async move { counter.readable().await });
                yield_now().await;
                let gone = self::counter(0);
                spawn(async move { gone.readable().await }).abort();
                File::open("/dev/null").map(Pollable::new).unwrap().unwrap_err();
            }
            until(|| open_descriptors() == before + 20 * 2).await;
        }));
        drop(runtime);
        assert_eq!(open_descriptors(), outside);
    });
}
