//! Tasks that have ended leave nothing behind. One test only: it measures the whole process.

mod common;

use std::task::Poll;

use common::{block_on, on_each_driver, resident_bytes};
use taut::{spawn, yield_now};

const MIB: usize = 1 << 20;

/// A million tasks, one after the other, in waves, detached, aborted, and with wakers that other
/// threads drop.
async fn million_tasks() {
    for index in 0..500_000_u64 {
        assert_eq!(spawn(async move { index }).await.unwrap(), index);
    }
    for _ in 0..400 {
        let wave: Vec<_> = (0..1000_u64).map(|index| spawn(async move { index })).collect();
        for (index, task) in wave.into_iter().enumerate() {
            if index % 3 == 0 {
                task.abort();
            } else if index % 3 == 1 {
                assert_eq!(task.await.unwrap(), index as u64);
            }
        }
    }
    for _ in 0..100 {
        let wakers: Vec<_> = (0..1000).map(|_| spawn(own_waker())).collect();
        let mut kept = Vec::with_capacity(wakers.len());
        for task in wakers {
            kept.push(task.await.unwrap());
        }
        std::thread::spawn(move || drop(kept)).join().unwrap();
    }
    yield_now().await;
}

fn own_waker() -> impl Future<Output = std::task::Waker> {
    std::future::poll_fn(|context| Poll::Ready(context.waker().clone()))
}

#[test]
fn a_million_ended_tasks_leave_memory_and_counters_where_they_were() {
    on_each_driver(|builder| {
        block_on(builder, async {
            million_tasks().await;
            let (bytes, before) = (resident_bytes(), taut::counters());
            million_tasks().await;
            let since = taut::counters().since(&before);
            assert_eq!(since.tasks_spawned, 1_000_000);
            assert_eq!(since.tasks_live, 0);
            let grown = resident_bytes().saturating_sub(bytes);
            assert!(grown < 4 * MIB, "{grown} bytes more after a million tasks");
        });
    });
}
