//! What the primitives between the tasks of a core cost, with and without somebody waiting.

mod common;

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use taut::sync::{Event, Mutex, Semaphore};
use taut::{Cancelled, Runtime};

fn main() {
    common::measure(|criterion, runtime| {
        let mut bench = |name: &str, time: fn(&Runtime, u64) -> Result<Duration, Cancelled>| {
            criterion.bench_function(name, |bencher| {
                bencher.iter_custom(|count| time(runtime, count).expect("nobody cancels here"));
            });
        };
        bench("mutex/lock_unlock", |runtime, count| runtime.block_on(lock_unlock(count)));
        bench("mutex/hand_off", |runtime, count| runtime.block_on(hand_off(count)));
        bench("semaphore/acquire_release", |runtime, count| {
            runtime.block_on(acquire_release(count))
        });
        bench("event/set_and_wait_set", |runtime, count| runtime.block_on(wait_set(count)));
        bench("event/wake", |runtime, count| runtime.block_on(wake(count)));
    });
}

/// Nobody else is there.
async fn lock_unlock(count: u64) -> Result<Duration, Cancelled> {
    let mutex = Mutex::new(0_u64);
    let started = Instant::now();
    for _ in 0..count {
        *black_box(&mutex).lock().await? += 1;
    }
    let elapsed = started.elapsed();
    assert_eq!(mutex.into_inner(), count);
    Ok(elapsed)
}

/// Two tasks lock by turns: each lock waits for the other task's unlock.
async fn hand_off(count: u64) -> Result<Duration, Cancelled> {
    let mutex = Rc::new(Mutex::new(0_u64));
    let each = count.div_ceil(2);
    let first = mutex.lock_owned().await?;
    let tasks = [(); 2].map(|()| {
        let mutex = Rc::clone(&mutex);
        taut::spawn(async move {
            for _ in 0..each {
                *mutex.lock().await? += 1;
            }
            Ok::<(), Cancelled>(())
        })
    });
    // Both stand in line from here on, but for the one that has the lock.
    taut::yield_now().await;
    let started = Instant::now();
    drop(first);
    for task in tasks {
        assert!(matches!(task.await, Ok(Ok(()))), "nobody cancels or panics here");
    }
    let elapsed = started.elapsed();
    assert_eq!(*mutex.lock().await?, 2 * each);
    Ok(elapsed)
}

async fn acquire_release(count: u64) -> Result<Duration, Cancelled> {
    let semaphore = Semaphore::new(8);
    let started = Instant::now();
    for _ in 0..count {
        let permit = black_box(&semaphore).acquire(2).await;
        assert!(permit.is_ok(), "nobody closes it");
    }
    Ok(started.elapsed())
}

async fn wait_set(count: u64) -> Result<Duration, Cancelled> {
    let event = Event::new();
    let started = Instant::now();
    for _ in 0..count {
        black_box(&event).set();
        black_box(&event).wait().await?;
        black_box(&event).reset();
    }
    Ok(started.elapsed())
}

/// A task waits, and another one sets: the wait, the wake and the two polls.
async fn wake(count: u64) -> Result<Duration, Cancelled> {
    let event = Rc::new(Event::new());
    let waiter = Rc::clone(&event);
    let task = taut::spawn(async move {
        for _ in 0..count {
            waiter.wait().await?;
        }
        Ok::<(), Cancelled>(())
    });
    taut::yield_now().await;
    let started = Instant::now();
    for _ in 0..count {
        event.set();
        event.reset();
        taut::yield_now().await;
    }
    let elapsed = started.elapsed();
    assert!(matches!(task.await, Ok(Ok(()))), "it was woken each time");
    Ok(elapsed)
}
