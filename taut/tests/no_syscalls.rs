//! A spinning core that has nothing to do makes no system call on io_uring, and only its
//! `epoll_wait` on epoll. The runtime's own counters say so, and so does strace.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream as StdStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use common::strace::{self, mark};
use common::{connected_pair, in_time, listen, on_each_driver};
use futures_util::task::AtomicWaker;
use taut::time::sleep;
use taut::{Counters, Driver, Runtime, WaitStrategy, counters, spawn};

const SECOND: Duration = Duration::from_secs(1);
/// Names the driver to a child process that idles under strace.
const CHILD: &str = "TAUT_IDLE_CHILD";

/// What an idle time may have cost.
fn assert_no_calls(driver: Driver, idle: &Counters) {
    assert!(idle.turns_idle > 100, "the core did not spin: {idle:?}");
    match driver {
        Driver::Uring => assert_eq!(idle.syscalls, 0, "{idle:?}"),
        // Each turn looks once; nothing else is called.
        _ => assert_eq!(idle.syscalls, idle.turns, "{idle:?}"),
    }
    assert_eq!(idle.enters_blocking, 0);
}

/// Waits until the other thread has woken this one after a second.
async fn woken_by_another_thread() {
    let flag = Arc::new((AtomicBool::new(false), AtomicWaker::new()));
    let raised = Arc::clone(&flag);
    let other = std::thread::spawn(move || {
        pause(SECOND);
        raised.0.store(true, Ordering::Release);
        raised.1.wake();
    });
    let before = counters();
    std::future::poll_fn(|context| {
        flag.1.register(context.waker());
        if flag.0.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    assert_eq!(counters().since(&before).remote_wakes, 1);
    other.join().unwrap();
}

#[expect(clippy::disallowed_methods, reason = "on a thread without a runtime")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

async fn idle_cost<T>(idle: impl Future<Output = T>) -> Counters {
    let before = counters();
    idle.await;
    counters().since(&before)
}

/// Connections with a task each that waits in `recv`, half of them after some messages.
async fn idle_connections(count: usize) -> Vec<taut::net::TcpStream> {
    let mut clients = Vec::new();
    for index in 0..count {
        let (mut client, mut server) = connected_pair().await;
        let echo = async move {
            loop {
                let message = server.recv().await.unwrap();
                server.write_all(&message).await.unwrap();
            }
        };
        drop(spawn(echo));
        if index % 2 == 0 {
            client.write_all(b"ping").await.unwrap();
            client.read_exact(&mut [0; 4]).await.unwrap();
        }
        clients.push(client);
    }
    // What the last connections left behind is done.
    sleep(Duration::from_millis(20)).await.unwrap();
    clients
}

#[test]
fn an_idle_second_of_spinning_makes_no_call() {
    on_each_driver(|builder| {
        let runtime: Runtime = builder.wait(WaitStrategy::Spin).build().unwrap();
        let driver = runtime.driver();
        runtime.block_on(in_time(async {
            // The first turn arms the doorbell.
            sleep(Duration::from_millis(1)).await.unwrap();
            assert_no_calls(driver, &idle_cost(sleep(SECOND)).await);
            assert_no_calls(driver, &idle_cost(woken_by_another_thread()).await);
            let clients = idle_connections(50).await;
            assert_no_calls(driver, &idle_cost(sleep(SECOND)).await);
            assert_no_calls(driver, &idle_cost(woken_by_another_thread()).await);
            drop(clients);
        }));
    });
}

/// The child under strace: sets its runtime up, idles for a second between two markers.
fn idle_child(driver: Driver) {
    let runtime = Runtime::builder().driver(driver).wait(WaitStrategy::Spin).build().unwrap();
    runtime.block_on(async {
        let clients = idle_connections(10).await;
        mark();
        sleep(SECOND).await.unwrap();
        mark();
        drop(clients);
    });
}

#[test]
fn strace_sees_no_call_in_an_idle_second() {
    const NAME: &str = "strace_sees_no_call_in_an_idle_second";
    match std::env::var(CHILD).as_deref() {
        Ok("Uring") => return idle_child(Driver::Uring),
        Ok(_) => return idle_child(Driver::Epoll),
        Err(_) => {}
    }
    if !strace::is_here() {
        return;
    }
    on_each_driver(|builder| {
        let driver = builder.build().unwrap().driver();
        let mut calls = strace::calls_of(NAME, CHILD, &format!("{driver:?}"));
        if driver == Driver::Epoll {
            assert!(calls.len() > 100, "the core did not spin");
            calls.retain(|line| !line.contains("epoll_"));
        }
        assert!(calls.is_empty(), "{} calls, such as {}", calls.len(), calls[0]);
    });
}

/// Messages that a blocking client on a thread of its own sends one after the other.
const TRIPS: u64 = 5000;

#[test]
fn a_round_trip_costs_at_most_two_calls() {
    on_each_driver(|builder| {
        let runtime: Runtime = builder.wait(WaitStrategy::Spin).build().unwrap();
        let driver = runtime.driver();
        runtime.block_on(in_time(async {
            let (listener, address) = listen();
            let client = std::thread::spawn(move || {
                let mut stream = StdStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut answer = [0; 64];
                for index in 0..TRIPS + 100 {
                    stream.write_all(&[index as u8; 64]).unwrap();
                    stream.read_exact(&mut answer).unwrap();
                }
            });
            let mut server = listener.accept().await.unwrap();
            let mut before = counters();
            for trip in 0..TRIPS + 100 {
                if trip == 100 {
                    before = counters();
                }
                let message = server.recv().await.unwrap();
                assert_eq!(message.len(), 64);
                server.write_all(&message).await.unwrap();
            }
            let cost = counters().since(&before);
            eprintln!("{} calls for {TRIPS} round trips", cost.syscalls);
            if driver == Driver::Uring {
                // The last trip's receive may have been taken up already.
                assert!(cost.syscalls <= 2 * TRIPS + 2, "{cost:?}");
            } else {
                // One receive and one send each, and the waits, which are counted apart.
                assert!(cost.syscalls - cost.enters <= 2 * TRIPS + 2, "{cost:?}");
            }
            client.join().unwrap();
        }));
    });
}
