//! In steady state no channel allocates: not where nobody waits, not where each message is waited
//! for.

mod common;

use std::rc::Rc;

use common::allocations::{Counting, in_steady_state};
use common::{block_on, on_each_driver_and_wait, poll_then_drop};
use taut::channel::{broadcast, conflate, mpsc, oneshot, shared, watch};
use taut::{spawn, yield_now};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TIMES: u64 = 2000;

fn allocates_nothing(work: impl AsyncFn()) {
    on_each_driver_and_wait(|builder| {
        assert_eq!(block_on(builder, in_steady_state(&work)), 0);
    });
}

#[test]
fn mpsc_without_a_wait() {
    let (sender, receiver) = mpsc::channel(8);
    allocates_nothing(async || {
        for number in 0..TIMES {
            sender.send(number).await.unwrap();
            sender.reserve().await.unwrap().send(number).unwrap();
            assert_eq!(receiver.recv().await, Ok(number));
            assert_eq!(receiver.try_recv(), Ok(number));
        }
    });
}

#[test]
fn mpsc_where_each_side_waits_each_time() {
    let (ping, pings) = mpsc::channel(1);
    let (pong, pongs) = mpsc::channel(1);
    let pings = Rc::new(pings);
    allocates_nothing(async || {
        let (pings, pong) = (Rc::clone(&pings), pong.clone());
        let answers = spawn(async move {
            for _ in 0..TIMES {
                pong.send(pings.recv().await.unwrap()).await.unwrap();
            }
        });
        for number in 0..TIMES {
            ping.send(number).await.unwrap();
            assert_eq!(pongs.recv().await, Ok(number));
        }
        answers.await.unwrap();
    });
}

#[test]
fn mpsc_with_lines_of_waiters_on_both_sides() {
    let (sender, receiver) = mpsc::channel(1);
    let receiver = Rc::new(receiver);
    allocates_nothing(async || {
        for _ in 0..TIMES / 100 {
            for number in 0..8 {
                let (sender, receiver) = (sender.clone(), Rc::clone(&receiver));
                spawn(async move {
                    for _ in 0..5 {
                        sender.send(number).await.unwrap();
                    }
                });
                spawn(async move {
                    for _ in 0..5 {
                        receiver.recv().await.unwrap();
                    }
                });
            }
            while Rc::strong_count(&receiver) > 1 || !receiver.is_empty() {
                yield_now().await;
            }
        }
    });
}

#[test]
fn oneshot_made_used_and_dropped() {
    allocates_nothing(async || {
        for number in 0..TIMES {
            let (sender, receiver) = oneshot::channel();
            sender.send(number).unwrap();
            assert_eq!(receiver.await, Ok(number));
            let (sender, receiver) = oneshot::channel();
            spawn(async move { sender.send(number) });
            assert_eq!(receiver.await, Ok(number));
            let (mut sender, receiver) = oneshot::channel::<[u64; 30]>();
            let closed = spawn(async move { sender.closed().await });
            yield_now().await;
            drop(receiver);
            closed.await.unwrap().unwrap();
        }
    });
}

#[test]
fn broadcast_to_receivers_that_wait_that_read_and_that_lag() {
    let (sender, lagging) = broadcast::channel(8);
    allocates_nothing(async || {
        let mut lagging = lagging.clone();
        let tasks = [(), (), ()].map(|()| {
            let mut receiver = sender.subscribe();
            spawn(async move { while receiver.recv().await != Ok(TIMES) {} })
        });
        for number in 0..=TIMES {
            sender.send(number).unwrap();
            yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert!(lagging.recv().await.is_err());
        assert_eq!(lagging.recv().await, Ok(TIMES - 7));
    });
}

#[test]
fn watch_with_receivers_that_wait_and_values_that_are_held() {
    let (sender, mut first) = watch::channel(0);
    allocates_nothing(async || {
        let mut receiver = sender.subscribe();
        let task = spawn(async move { receiver.wait_for(|value| *value == TIMES).await.map(drop) });
        let mut held = sender.borrow();
        for number in 1..=TIMES {
            match number % 2 {
                0 => sender.send(number).unwrap(),
                _ => sender.send_modify(|value| *value = number),
            }
            if number % 100 == 0 {
                held = sender.borrow();
            }
            yield_now().await;
        }
        assert_eq!(*held, TIMES);
        task.await.unwrap().unwrap();
    });
    assert!(first.has_changed());
    assert!(*first.borrow_and_update() > 0);
}

#[test]
fn conflate_with_keys_that_change_and_with_waits() {
    let (sender, receiver) = conflate::channel(16);
    let receiver = Rc::new(receiver);
    allocates_nothing(async || {
        let own = Rc::clone(&receiver);
        let task = spawn(async move { while own.recv().await.unwrap().0 != u64::MAX {} });
        for number in 0..TIMES {
            // Always new keys, and one that comes again.
            sender.send(number, number).await.unwrap();
            sender.send(7_777_777, number).await.unwrap();
        }
        sender.send(u64::MAX, 0).await.unwrap();
        task.await.unwrap();
    });
}

#[test]
fn shared_on_one_core_with_and_without_a_wait() {
    let (sender, receiver) = shared::channel(1);
    allocates_nothing(async || {
        for number in 0..TIMES {
            sender.send(number).await.unwrap();
            assert_eq!(receiver.recv().await, Ok(number));
        }
        let own = receiver.clone();
        let task = spawn(async move {
            for number in 0..TIMES {
                assert_eq!(own.recv().await, Ok(number));
            }
        });
        for number in 0..TIMES {
            sender.send(number).await.unwrap();
        }
        task.await.unwrap();
    });
}

#[test]
fn shared_with_a_thread_that_blocks() {
    let (sender, items) = shared::channel(4);
    let (back, answers) = shared::channel(4);
    let thread = std::thread::spawn(move || {
        while let Ok(item) = items.recv_blocking() {
            back.send_blocking(item).unwrap();
        }
    });
    allocates_nothing(async || {
        // The line has room for one waiter from its first wait on, which chance might put off.
        poll_then_drop(answers.recv(), 0).await;
        for number in 0..TIMES / 4 {
            sender.send(number).await.unwrap();
            assert_eq!(answers.recv().await, Ok(number));
        }
    });
    drop(sender);
    thread.join().unwrap();
}
