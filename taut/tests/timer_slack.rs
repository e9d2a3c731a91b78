//! The thread of a runtime that may sleep has the least timer slack, and its own again afterwards.

mod common;

use std::num::NonZero;
use std::thread;

use common::{block_on, on_each_driver, on_each_driver_and_wait};
use rustix::thread::{current_timer_slack, set_current_timer_slack};
use taut::process::Command;
use taut::{WaitStrategy, off_core};

/// A slack that no thread begins with.
const OWN_NS: u64 = 70_001;

fn with_own_slack() {
    set_current_timer_slack(NonZero::new(OWN_NS)).unwrap();
}

fn slack_ns() -> u64 {
    current_timer_slack().unwrap()
}

#[test]
fn is_the_least_where_the_core_may_sleep_and_is_given_back() {
    with_own_slack();
    on_each_driver_and_wait(|builder| {
        let runtime = builder.build().unwrap();
        let row = runtime.features().rows().find(|row| row.name == "timer slack").cloned();
        let row = row.expect("every runtime tells");
        assert_eq!(row.asked, row.granted, "{row:?}");
        let expected = if row.asked { 1 } else { OWN_NS };
        assert_eq!(runtime.block_on(async { slack_ns() }), expected);
        drop(runtime);
        assert_eq!(slack_ns(), OWN_NS);
    });
}

#[test]
fn stays_until_the_last_runtime_of_the_thread_ends() {
    on_each_driver(|builder| {
        with_own_slack();
        let builder = builder.wait(WaitStrategy::Park);
        let (first, second) = (builder.clone().build().unwrap(), builder.build().unwrap());
        drop(first);
        assert_eq!(slack_ns(), 1);
        // Another thread has its own.
        let other = thread::spawn(|| {
            with_own_slack();
            slack_ns()
        });
        assert_eq!((other.join().unwrap(), slack_ns()), (OWN_NS, 1));
        drop(second);
        assert_eq!(slack_ns(), OWN_NS);
    });
}

#[test]
fn is_inherited_by_neither_blocking_threads_nor_children() {
    on_each_driver_and_wait(|builder| {
        with_own_slack();
        block_on(builder, async {
            assert_eq!(off_core(slack_ns).await.unwrap(), OWN_NS);
            let told = Command::new("cat").arg("/proc/self/timerslack_ns").output().await.unwrap();
            assert_eq!(String::from_utf8(told.stdout).unwrap(), format!("{OWN_NS}\n"));
        });
    });
}

#[test]
fn is_given_back_where_the_runtime_can_not_be_built() {
    with_own_slack();
    on_each_driver(|builder| {
        assert!(builder.wait(WaitStrategy::Park).core(100_000).build().is_err());
        assert_eq!(slack_ns(), OWN_NS);
    });
}
