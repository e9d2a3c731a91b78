//! One sender, many receivers on other threads: each gets every item in order, or is told how many
//! it lost, whoever falls asleep when.

mod common;

use std::thread;
use std::time::Duration;

use common::{Random, block_on, on_each_driver};
use taut::cores::broadcast::{self, Mode, Receiver, RecvError, Sender};
use taut::{Builder, WaitStrategy};

const MESSAGES: u64 = 10_000_000;
/// How many messages lie between two pauses, on average.
const PAUSE_EVERY: usize = 20_000;
const RECEIVERS: u64 = 2;

fn builders(builder: &Builder) -> [Builder; 2] {
    // Pools of a size that builds quickly.
    let small = builder.clone().receive_buffers(4).hot_buffers(0).send_buffers(4);
    let spin_for = Duration::from_micros(20);
    [WaitStrategy::Park, WaitStrategy::SpinThenPark { spin_for }]
        .map(|wait| small.clone().wait(wait))
}

/// An item that shows where it is torn: several words, each made of the number.
type Item = [u64; 5];

fn item(number: u64) -> Item {
    [number, !number, number.rotate_left(17), number ^ 0x5555, number.wrapping_mul(3)]
}

fn number_of(item: Item) -> u64 {
    assert_eq!(item, self::item(item[0]), "it is torn");
    item[0]
}

/// Sends all numbers; returns when the sender is gone.
fn send_all<M: Mode<Item>>(builder: Builder, mut sender: Sender<Item, M>) {
    block_on(builder, async move {
        let mut random = Random::new(7);
        for number in 0..MESSAGES {
            sender.send(item(number)).await.unwrap();
            random.pause_at_one_of(PAUSE_EVERY).await;
        }
    });
}

/// Receives until the end: how many came and how many were lost.
fn receive_all<M: Mode<Item>>(
    builder: Builder,
    seed: u64,
    mut receiver: Receiver<Item, M>,
) -> (u64, u64) {
    block_on(builder, async move {
        let mut random = Random::new(seed);
        let (mut received, mut lost, mut next) = (0, 0, 0);
        loop {
            match receiver.recv().await {
                Ok(item) => {
                    assert_eq!(number_of(item), next);
                    received += 1;
                    next += 1;
                }
                Err(RecvError::Lagged(count)) => {
                    assert!(count > 0);
                    lost += count;
                    next += count;
                }
                Err(error) => {
                    assert_eq!(error, RecvError::Closed);
                    return (received, lost);
                }
            }
            random.pause_at_one_of(PAUSE_EVERY).await;
        }
    })
}

fn exchange<M: Mode<Item>>(
    builder: &Builder,
    (sender, first): (Sender<Item, M>, Receiver<Item, M>),
) -> Vec<(u64, u64)> {
    let mut receivers = vec![first];
    receivers.extend((1..RECEIVERS).map(|_| sender.subscribe()));
    let threads: Vec<_> = receivers
        .into_iter()
        .zip(11..)
        .map(|(receiver, seed)| {
            let builder = builder.clone();
            thread::spawn(move || receive_all(builder, seed, receiver))
        })
        .collect();
    send_all(builder.clone(), sender);
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

#[test]
fn a_ring_that_blocks_gives_each_receiver_everything() {
    on_each_driver(|builder| {
        for (builder, capacity) in builders(&builder).iter().zip([1000, 512]) {
            for (received, lost) in exchange(builder, broadcast::blocking(capacity)) {
                assert_eq!((received, lost), (MESSAGES, 0));
            }
        }
    });
}

#[test]
fn a_lossy_ring_tells_each_receiver_of_everything_that_it_lost() {
    on_each_driver(|builder| {
        for (builder, capacity) in builders(&builder).iter().zip([1000, 4]) {
            for (received, lost) in exchange(builder, broadcast::lossy(capacity)) {
                assert_eq!(received + lost, MESSAGES);
                assert!(received > 0);
            }
        }
    });
}

/// The smallest ring, where almost every read is overtaken, with receivers that never sleep.
#[test]
fn no_item_is_ever_torn() {
    for capacity in [1, 2, 3] {
        let (mut sender, receiver) = broadcast::lossy(capacity);
        let threads: Vec<_> = [receiver.subscribe(), receiver]
            .into_iter()
            .map(|mut receiver| {
                thread::spawn(move || {
                    let (mut count, mut next) = (0_u64, 0);
                    loop {
                        match receiver.try_recv() {
                            Ok(item) => {
                                assert_eq!(number_of(item), next);
                                next += 1;
                                count += 1;
                            }
                            Err(broadcast::TryRecvError::Lagged(lost)) => next += lost,
                            Err(broadcast::TryRecvError::Empty) => std::hint::spin_loop(),
                            Err(_) => return (count, next),
                        }
                    }
                })
            })
            .collect();
        for number in 0..2_000_000 {
            sender.try_send(item(number)).unwrap();
        }
        drop(sender);
        for thread in threads {
            let (count, next) = thread.join().unwrap();
            assert_eq!(next, 2_000_000);
            assert!(count > 0, "the last ones are there at the end");
        }
    }
}

#[test]
fn plain_threads_exchange_with_cores() {
    on_each_driver(|builder| {
        let (mut there, first) = broadcast::blocking(64);
        let (back, mut answers) = taut::cores::mpsc::channel(64);
        let threads: Vec<_> = [first.subscribe(), first]
            .into_iter()
            .map(|mut inbox| {
                let mut back = back.clone();
                thread::spawn(move || {
                    while let Ok(number) = inbox.recv_blocking() {
                        back.send_blocking(number + 1).unwrap();
                    }
                })
            })
            .collect();
        drop(back);
        block_on(builder.wait(WaitStrategy::Park), async move {
            for number in 0..10_000_u64 {
                there.send(number).await.unwrap();
                assert_eq!(answers.recv().await, Ok(number + 1));
                assert_eq!(answers.recv().await, Ok(number + 1));
            }
            drop(there);
            assert!(answers.recv().await.is_err());
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn receivers_that_come_and_go_miss_nothing_in_between() {
    const COUNT: u64 = 200_000;
    let (mut sender, first) = broadcast::blocking(8);
    let threads: Vec<_> = (0..3)
        .map(|seed| {
            let mut receiver = first.subscribe();
            thread::spawn(move || {
                let mut random = Random::new(seed);
                let mut total = 0_u64;
                loop {
                    let mut next = None;
                    for _ in 0..random.below(100) {
                        let Ok(number) = receiver.recv_blocking() else { return total };
                        assert_eq!(next.unwrap_or(number), number, "in order, none missing");
                        next = Some(number + 1);
                        total += 1;
                    }
                    // The new one begins with what is sent next.
                    let later = receiver.subscribe();
                    receiver = later;
                }
            })
        })
        .collect();
    drop(first);
    for number in 0..COUNT {
        sender.send_blocking(number).unwrap();
    }
    drop(sender);
    for thread in threads {
        assert!(thread.join().unwrap() <= COUNT);
    }
}
