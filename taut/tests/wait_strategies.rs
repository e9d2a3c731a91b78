//! A core that waits is woken by another thread, by a timer and by data, and sleeps in between.

#![expect(clippy::async_yields_async, reason = "handles leave their `block_on` on purpose")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use common::{block_on, in_time, listen, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use futures_util::task::AtomicWaker;
use taut::time::{Instant, sleep, sleep_until};
use taut::{Builder, Runtime, WaitStrategy, counters, spawn};

/// Strategies that let the core sleep.
fn on_each_driver_and_sleep(body: impl Fn(Builder)) {
    on_each_driver(|builder| {
        let spin_for = Duration::from_micros(20);
        for wait in [WaitStrategy::Park, WaitStrategy::SpinThenPark { spin_for }] {
            eprintln!("  waiting by {wait:?}");
            body(builder.clone().wait(wait));
        }
    });
}

/// A flag that another thread raises.
#[derive(Default)]
struct Flag {
    raised: AtomicBool,
    waker: AtomicWaker,
}

impl Flag {
    fn raise(&self) {
        self.raised.store(true, Ordering::Release);
        self.waker.wake();
    }

    async fn wait(&self) {
        std::future::poll_fn(|context| {
            self.waker.register(context.waker());
            if self.raised.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// What the kernel calls this thread.
fn this_thread() -> String {
    std::fs::read_link("/proc/thread-self").unwrap().to_str().unwrap().to_owned()
}

/// Returns once the thread sleeps: it stays in the kernel's state `S` for several looks.
fn until_asleep(thread: &str) {
    let mut looks = 0;
    while looks < 5 {
        let stat = std::fs::read_to_string(format!("/proc/{thread}/stat")).unwrap();
        let state = stat[stat.rfind(')').unwrap()..].split_whitespace().nth(1).unwrap();
        looks = if state == "S" { looks + 1 } else { 0 };
        pause(Duration::from_micros(200));
    }
}

#[expect(clippy::disallowed_methods, reason = "on a thread without a runtime")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[test]
fn a_sleeping_core_is_woken_by_another_thread() {
    on_each_driver_and_sleep(|builder| {
        block_on(builder, async {
            for _ in 0..20 {
                let (flag, thread) = (Arc::new(Flag::default()), this_thread());
                let raised = Arc::clone(&flag);
                let before = counters();
                let other = std::thread::spawn(move || {
                    until_asleep(&thread);
                    raised.raise();
                });
                flag.wait().await;
                let since = counters().since(&before);
                assert!(since.enters_blocking >= 1);
                assert_eq!(since.remote_wakes, 1);
                other.join().unwrap();
            }
        });
    });
}

#[test]
fn a_sleeping_core_is_woken_by_a_timer() {
    on_each_driver_and_sleep(|builder| {
        block_on(builder, async {
            let before = counters();
            for _ in 0..5 {
                let deadline = Instant::now() + Duration::from_millis(3);
                sleep_until(deadline).await.unwrap();
                assert!(Instant::now() >= deadline);
            }
            let since = counters().since(&before);
            assert!(since.enters_blocking >= 5);
            // Far fewer than a spin would make, even with the wheel's own steps.
            assert!(since.turns < 50 || since.turns_idle < 1_000_000);
        });
    });
}

#[test]
fn a_sleeping_core_is_woken_by_data_a_connection_and_the_end_of_a_stream() {
    on_each_driver_and_sleep(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let thread = this_thread();
            let other = std::thread::spawn(move || {
                until_asleep(&thread);
                let mut stream = StdStream::connect(address).unwrap();
                for _ in 0..5 {
                    until_asleep(&thread);
                    stream.write_all(b"wake up").unwrap();
                    stream.read_exact(&mut [0; 7]).unwrap();
                }
                until_asleep(&thread);
                stream.shutdown(Shutdown::Write).unwrap();
                assert_eq!(stream.read(&mut [0]).unwrap(), 0);
            });
            let before = counters();
            let mut stream = listener.accept().await.unwrap();
            loop {
                let message = stream.recv().await.unwrap();
                if message.is_empty() {
                    break;
                }
                stream.write_all(&message).await.unwrap();
            }
            drop(stream);
            assert!(counters().since(&before).enters_blocking >= 7);
            other.join().unwrap();
        });
    });
}

/// The kernel counts time in 63 bits: a deadline beyond them must not become one that has passed.
#[test]
fn a_deadline_at_the_end_of_time_lets_the_core_sleep() {
    on_each_driver_and_sleep(|builder| {
        let runtime: Runtime = builder.build().unwrap();
        // Without the limit of the other tests, which would be an earlier deadline.
        runtime.block_on(async {
            let mut ends: Vec<_> = [u64::MAX, u64::MAX - 1, 1 << 63]
                .map(|end| sleep_until(Instant::from_nanos(end)))
                .into();
            for end in &mut ends {
                assert!(end.now_or_never().is_none());
            }
            let (flag, thread) = (Arc::new(Flag::default()), this_thread());
            let raised = Arc::clone(&flag);
            let other = std::thread::spawn(move || {
                until_asleep(&thread);
                pause(Duration::from_millis(30));
                raised.raise();
            });
            let before = counters();
            flag.wait().await;
            let enters = counters().since(&before).enters_blocking;
            assert!(enters < 20, "{enters} sleeps instead of a few");
            other.join().unwrap();
        });
    });
}

#[test]
fn a_spinning_core_never_sleeps() {
    on_each_driver(|builder| {
        block_on(builder.wait(WaitStrategy::Spin), async {
            let flag = Arc::new(Flag::default());
            let raised = Arc::clone(&flag);
            let before = counters();
            let other = std::thread::spawn(move || {
                pause(Duration::from_millis(10));
                raised.raise();
            });
            flag.wait().await;
            sleep(Duration::from_millis(5)).await.unwrap();
            let since = counters().since(&before);
            assert_eq!(since.enters_blocking, 0);
            assert!(since.turns_idle > 100);
            other.join().unwrap();
        });
    });
}

#[test]
fn a_hot_stream_keeps_its_core_awake_only_while_it_is_awaited() {
    on_each_driver_and_sleep(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let client = std::thread::spawn(move || {
                let mut stream = StdStream::connect(address).unwrap();
                pause(Duration::from_millis(10));
                stream.write_all(b"x").unwrap();
                stream
            });
            let mut stream = listener.accept().await.unwrap();
            stream.set_hot(true);
            // What accepting left behind may end one more sleep.
            sleep(Duration::from_micros(100)).await.unwrap();
            let before = counters();
            assert_eq!(&stream.recv().await.unwrap()[..], b"x");
            assert_eq!(counters().since(&before).enters_blocking, 0);
            sleep(Duration::from_millis(5)).await.unwrap();
            assert!(counters().since(&before).enters_blocking >= 1);
            drop(client.join().unwrap());
        });
    });
}

#[test]
fn a_runtime_that_was_woken_while_nobody_ran_it_finds_the_wake_later() {
    on_each_driver_and_wait(|builder| {
        let runtime = builder.build().unwrap();
        let flag = Arc::new(Flag::default());
        let waited = Arc::clone(&flag);
        let handle = runtime.block_on(async {
            let handle = spawn(async move { waited.wait().await });
            taut::yield_now().await;
            handle
        });
        std::thread::spawn(move || flag.raise()).join().unwrap();
        runtime.block_on(in_time(handle)).unwrap();
    });
}
