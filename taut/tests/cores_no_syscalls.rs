//! Between cores that spin a message costs no system call, and one to a core that sleeps costs one
//! for the whole burst: strace counts those of the sender's thread.

mod common;

use std::thread;

use common::strace::{self, mark};
use common::{block_on, on_each_driver};
use taut::cores::broadcast::{self, Blocking};
use taut::cores::{mpsc, spsc};
use taut::{Driver, Runtime, WaitStrategy};

/// Tells a child process under strace what to do.
const CHILD: &str = "TAUT_CORES_CHILD";
const NAME: &str = "strace_counts_the_calls_of_a_sender";
const BURSTS: usize = 200;
const BURST: u64 = 50;

/// Sends bursts to a core that waits in its own way, each answered once, through each kind of ring.
fn child(driver: Driver, wait: WaitStrategy) {
    let builder = Runtime::builder().driver(driver);
    let (mut one, mut ones) = spsc::channel(64);
    let (mut all, mut alls) = broadcast::blocking::<u64>(64);
    let (mut back, mut answers) = mpsc::channel(4);
    let receiving = builder.clone().wait(wait);
    let thread = thread::spawn(move || {
        block_on(receiving, async move {
            while let Ok(mut sum) = ones.recv().await {
                for _ in 1..BURST {
                    sum += ones.recv().await.unwrap();
                }
                for _ in 0..BURST {
                    sum += alls.recv().await.unwrap();
                }
                back.send(sum).await.unwrap();
            }
        });
    });
    let send = async move {
        burst(&mut one, &mut all, &mut answers).await;
        // The first turn arms the doorbell.
        common::turns(10).await;
        mark();
        for _ in 0..BURSTS {
            burst(&mut one, &mut all, &mut answers).await;
        }
        mark();
    };
    block_on(builder.wait(WaitStrategy::Spin), send);
    thread.join().unwrap();
}

async fn burst(
    one: &mut spsc::Sender<u64>,
    all: &mut broadcast::Sender<u64, Blocking>,
    answers: &mut mpsc::Receiver<u64>,
) {
    // First the one that it does not wait for, so that all is there when it wakes.
    assert_eq!(all.try_send_all(&mut (0..BURST)), Ok(BURST as usize));
    assert_eq!(one.try_send_all(&mut (0..BURST)), Ok(BURST as usize));
    assert_eq!(answers.recv().await, Ok(BURST * (BURST - 1)));
}

#[test]
fn strace_counts_the_calls_of_a_sender() {
    if let Ok(what) = std::env::var(CHILD) {
        let driver = if what.contains("Uring") { Driver::Uring } else { Driver::Epoll };
        let parks = what.contains("Park");
        return child(driver, if parks { WaitStrategy::Park } else { WaitStrategy::Spin });
    }
    if !strace::is_here() {
        return;
    }
    on_each_driver(|builder| {
        let driver = builder.build().unwrap().driver();
        for (wait, calls_most) in [(WaitStrategy::Spin, 0), (WaitStrategy::Park, BURSTS)] {
            let mut calls = strace::calls_of(NAME, CHILD, &format!("{driver:?} {wait:?}"));
            // A call during which others ran has two lines. And the look of a core that spins on
            // epoll is no message's.
            calls.retain(|line| !line.contains(" resumed>") && !line.contains("epoll_"));
            let others: Vec<_> = calls.iter().filter(|line| !line.contains("write(")).collect();
            assert!(others.is_empty(), "beside the doorbell's: {others:?}");
            assert!(calls.len() <= calls_most, "{} calls, such as {}", calls.len(), calls[0]);
            eprintln!("{} calls in {BURSTS} bursts to a core that waits by {wait:?}", calls.len());
        }
    });
}
