//! Every core connected with every other: each message once, nobody starved, and the ends.

mod common;

use std::pin::pin;
use std::thread;

use common::cores::small;
use common::other_cores::on_thread;
use common::{Random, block_on, on_each_driver, poll_then_drop, turns};
use futures_util::poll;
use taut::cores::{Mesh, mesh, spsc};
use taut::{spawn, yield_now};

/// What a core sends to each other one: who it is, to whom, and the how many-th.
type Message = (usize, usize, u64);

/// Each core sends `each` messages to each other one, in an order of its own, and counts what
/// comes.
async fn exchange(mesh: Mesh<Message>, each: u64) {
    let (own, count) = (mesh.index(), mesh.count());
    let (mut sender, mut receiver) = mesh.into_split();
    let sending = spawn(async move {
        let mut random = Random::new(own as u64 + 1);
        let mut left: Vec<_> = (0..count).filter(|to| *to != own).map(|to| (to, 0)).collect();
        while !left.is_empty() {
            let place = random.below(left.len());
            let (to, number) = &mut left[place];
            sender.send_to(*to, (own, *to, *number)).await.unwrap();
            *number += 1;
            if *number == each {
                left.swap_remove(place);
            }
            if random.below(100) == 0 {
                yield_now().await;
            }
        }
    });
    let mut next = vec![0; count];
    let mut random = Random::new(own as u64 + 100);
    loop {
        let (from, (sent_by, to, number)) = match random.below(4) {
            0 => {
                if receiver.ready().await.is_err() {
                    break;
                }
                let max_each = 1 + random.below(4);
                for (from, (sent_by, to, number)) in receiver.drain(max_each) {
                    assert_eq!((sent_by, to, number), (from, own, next[from]));
                    next[from] += 1;
                }
                continue;
            }
            1 => match receiver.try_recv() {
                Ok(message) => message,
                Err(spsc::TryRecvError::Empty) => {
                    yield_now().await;
                    continue;
                }
                Err(_) => break,
            },
            _ => match receiver.recv().await {
                Ok(message) => message,
                Err(_) => break,
            },
        };
        assert_eq!((sent_by, to, number), (from, own, next[from]));
        next[from] += 1;
    }
    sending.await.unwrap();
    for (from, count) in next.into_iter().enumerate() {
        assert_eq!(count, if from == own { 0 } else { each });
    }
}

fn all_exchange(cores: usize, each: u64) {
    on_each_driver(|builder| {
        for capacity in [1, 3, 64] {
            let threads: Vec<_> = mesh(cores, capacity)
                .into_iter()
                .map(|mesh| on_thread(&builder, move || exchange(mesh, each)))
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn two_cores_get_each_message_once_and_in_order() {
    all_exchange(2, 5_000);
}

#[test]
fn three_cores_get_each_message_once_and_in_order() {
    all_exchange(3, 2_000);
}

#[test]
fn eight_cores_get_each_message_once_and_in_order() {
    all_exchange(8, 250);
}

#[test]
fn a_flood_from_one_core_keeps_nobody_else_waiting() {
    on_each_driver(|builder| {
        block_on(small(builder), async {
            let mut cores = mesh(4, 64);
            let [mut own, mut flood, mut second, mut third] =
                <[_; 4]>::try_from(std::mem::take(&mut cores)).unwrap();
            for number in 0..64 {
                flood.try_send_to(0, number).unwrap();
            }
            second.try_send_to(0, 1000).unwrap();
            third.try_send_to(0, 2000).unwrap();
            let first: Vec<_> = (0..4).map(|_| own.try_recv().unwrap()).collect();
            assert_eq!(first, [(1, 0), (2, 1000), (3, 2000), (1, 1)]);
            // By `recv`, while the flood is kept up.
            second.try_send_to(0, 1001).unwrap();
            let next = [own.recv().await.unwrap(), own.recv().await.unwrap()];
            assert!(next.contains(&(2, 1001)), "{next:?}");
            // A drain takes its share of each, and begins with another core each time.
            third.try_send_to(0, 2001).unwrap();
            let drained: Vec<_> = own.drain(2).collect();
            assert_eq!(drained.len(), 3);
            assert!(drained.contains(&(3, 2001)));
            let firsts = [0; 3].map(|_| {
                second.try_send_to(0, 1).unwrap();
                third.try_send_to(0, 1).unwrap();
                let mut drained = own.drain(1);
                let first = drained.next().unwrap().0;
                drained.for_each(drop);
                first
            });
            let mut each_once = firsts.to_vec();
            each_once.sort_unstable();
            assert_eq!(each_once, [1, 2, 3]);
        });
    });
}

#[test]
fn a_core_that_is_gone_is_told_of_and_the_others_go_on() {
    on_each_driver(|builder| {
        block_on(small(builder), async {
            let [mut own, second, mut third] = <[_; 3]>::try_from(mesh(3, 4)).unwrap();
            let (mut to_all, from_all) = second.into_split();
            to_all.send_to(0, "last words").await.unwrap();
            drop((to_all, from_all));
            assert_eq!(own.try_send_to(1, "back"), Err(spsc::TrySendError::Closed("back")));
            assert_eq!(own.send_to(1, "back").await, Err(spsc::SendError::Closed("back")));
            assert_eq!(own.recv().await, Ok((1, "last words")));
            assert_eq!(own.try_recv(), Err(spsc::TryRecvError::Empty));
            // A wait goes on though one of the rings has ended, and ends with the last one.
            let waiting = spawn(async move {
                let message = own.recv().await;
                (message, own.recv().await, own.try_recv())
            });
            turns(3).await;
            third.send_to(0, "still here").await.unwrap();
            turns(3).await;
            drop(third);
            let ended = (Err(spsc::RecvError::Closed), Err(spsc::TryRecvError::Closed));
            assert_eq!(waiting.await.unwrap(), (Ok((2, "still here")), ended.0, ended.1));
        });
    });
}

#[test]
fn a_close_ends_both_directions_and_keeps_what_is_there() {
    on_each_driver(|builder| {
        block_on(small(builder), async {
            let [mut own, mut other] = <[_; 2]>::try_from(mesh(2, 4)).unwrap();
            own.send_to(1, 1).await.unwrap();
            other.send_to(0, 2).await.unwrap();
            own.close();
            assert_eq!(other.send_to(0, 3).await, Err(spsc::SendError::Closed(3)));
            assert_eq!(own.send_to(1, 3).await, Err(spsc::SendError::Closed(3)));
            assert_eq!(other.recv().await, Ok((0, 1)));
            assert_eq!(other.recv().await, Err(spsc::RecvError::Closed));
            assert_eq!(own.recv().await, Ok((1, 2)));
            assert_eq!(own.recv().await, Err(spsc::RecvError::Closed));
        });
    });
}

#[test]
fn a_receive_that_is_dropped_or_cancelled_loses_nothing() {
    on_each_driver(|builder| {
        block_on(small(builder), async {
            let [mut own, mut second, mut third] = <[_; 3]>::try_from(mesh(3, 4)).unwrap();
            for number in 0..50 {
                poll_then_drop(own.ready(), 1).await;
                {
                    let mut receive = pin!(own.recv());
                    assert!(poll!(&mut receive).is_pending());
                    second.try_send_to(0, number).unwrap();
                }
                third.try_send_to(0, number).unwrap();
                let mut both = [own.recv().await.unwrap(), own.recv().await.unwrap()];
                both.sort_unstable();
                assert_eq!(both, [(1, number), (2, number)]);
            }
            let waiting = spawn(async move {
                let cancelled = own.recv().await;
                (cancelled, own)
            });
            turns(2).await;
            waiting.cancel();
            let (cancelled, mut own) = waiting.await.unwrap();
            assert_eq!(cancelled, Err(spsc::RecvError::Cancelled));
            second.try_send_to(0, 99).unwrap();
            assert_eq!(own.recv().await, Ok((1, 99)));
        });
    });
}

#[test]
fn plain_threads_take_part_by_the_ends() {
    on_each_driver(|builder| {
        let [mut own, other] = <[_; 2]>::try_from(mesh(2, 2)).unwrap();
        let echo = thread::spawn(move || {
            let (sender, mut receiver) = other.into_split();
            let mut ends = sender.into_ends();
            assert_eq!(ends.len(), 1);
            while let Ok((from, number)) = receiver.recv_blocking() {
                assert_eq!(ends[0].0, from);
                ends[0].1.send_blocking(number + 1).unwrap();
            }
        });
        block_on(small(builder), async move {
            for number in 0..1000_u64 {
                own.send_to(1, number).await.unwrap();
                assert_eq!(own.recv().await, Ok((1, number + 1)));
            }
        });
        echo.join().unwrap();
    });
}

#[test]
fn a_core_sends_to_others_only() {
    let to = |index: usize| {
        let mut own = mesh::<u32>(3, 1).swap_remove(1);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| own.try_send_to(index, 1)))
    };
    // The others are gone by then.
    let closed = Err(spsc::TrySendError::Closed(1));
    assert!(to(0).unwrap() == closed && to(2).unwrap() == closed);
    assert!(to(1).is_err() && to(3).is_err());
}
