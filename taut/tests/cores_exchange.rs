//! Ten million messages through each ring between threads and on each driver, with either side
//! falling asleep at random: none is lost, none comes twice, all come in order.

mod common;

use std::thread;
use std::time::Duration;

use common::{block_on, on_each_driver};
use taut::cores::{mpsc, spsc};
use taut::{Builder, WaitStrategy};

/// On each driver, half of them with either way of waiting.
const MESSAGES: u64 = 5_000_000;
/// How many messages lie between two pauses, on average.
const PAUSE_EVERY: u64 = 20_000;

/// A small generator: what it gives need not be good, only different on each side.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Long enough for the other side to fall asleep, or for a moment, or not at all.
    async fn pause(&mut self) {
        match self.below(PAUSE_EVERY) {
            0 => taut::time::sleep(Duration::from_micros(self.below(300))).await.unwrap(),
            1..10 => taut::yield_now().await,
            _ => {}
        }
    }
}

/// Pools of a size that builds quickly.
fn small(builder: Builder) -> Builder {
    builder.receive_buffers(4).hot_buffers(0).send_buffers(4)
}

fn strategies() -> [WaitStrategy; 2] {
    [WaitStrategy::Park, WaitStrategy::SpinThenPark { spin_for: Duration::from_micros(20) }]
}

#[test]
fn one_sender_keeps_the_order() {
    on_each_driver(|builder| {
        for (wait, capacity) in strategies().into_iter().zip([1000, 64]) {
            let (mut sender, mut receiver) = spsc::channel(capacity);
            let sending = small(builder.clone()).wait(wait);
            let thread = thread::spawn(move || {
                block_on(sending, async move {
                    let mut random = Random(7);
                    for number in 0..MESSAGES {
                        sender.send(number).await.unwrap();
                        random.pause().await;
                    }
                });
            });
            block_on(small(builder.clone()).wait(wait), async {
                let mut random = Random(11);
                for number in 0..MESSAGES {
                    assert_eq!(receiver.recv().await, Ok(number));
                    random.pause().await;
                }
                assert_eq!(receiver.recv().await, Err(spsc::RecvError::Closed));
            });
            thread.join().unwrap();
        }
    });
}

#[test]
fn many_senders_keep_an_order_each() {
    const SENDERS: u64 = 3;
    on_each_driver(|builder| {
        for (wait, capacity) in strategies().into_iter().zip([1000, 16]) {
            let (sender, mut receiver) = mpsc::channel(capacity);
            let threads: Vec<_> = (0..SENDERS)
                .map(|from| {
                    let mut sender = sender.clone();
                    let sending = small(builder.clone()).wait(wait);
                    thread::spawn(move || {
                        block_on(sending, async move {
                            let mut random = Random(from + 1);
                            for number in 0..MESSAGES / SENDERS {
                                sender.send((from, number)).await.unwrap();
                                random.pause().await;
                            }
                        });
                    })
                })
                .collect();
            drop(sender);
            block_on(small(builder.clone()).wait(wait), async {
                let mut random = Random(11);
                let mut next = [0; SENDERS as usize];
                while let Ok((from, number)) = receiver.recv().await {
                    assert_eq!(number, next[from as usize]);
                    next[from as usize] += 1;
                    random.pause().await;
                }
                assert_eq!(next, [MESSAGES / SENDERS; SENDERS as usize]);
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn plain_threads_exchange_with_cores() {
    on_each_driver(|builder| {
        let (mut there, mut inbox) = spsc::channel(64);
        let (mut back, mut answers) = spsc::channel(64);
        let thread = thread::spawn(move || {
            while let Ok(number) = inbox.recv_blocking() {
                back.send_blocking(number + 1).unwrap();
            }
        });
        block_on(small(builder).wait(WaitStrategy::Park), async move {
            for number in 0..20_000_u64 {
                there.send(number).await.unwrap();
                assert_eq!(answers.recv().await, Ok(number + 1));
            }
        });
        thread.join().unwrap();
    });
}
