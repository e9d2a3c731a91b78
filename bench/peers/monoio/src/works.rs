//! Tasks and timers of monoio, channels of local-sync. A task of monoio can't be cancelled, a
//! bounded channel of local-sync has no `try_send`.

use std::cell::RefCell;
use std::time::Duration;

use local_sync::{mpsc::bounded, oneshot};
use monoio::time::{TimeDriver, sleep};
use monoio::{IoUringDriver, Runtime, spawn};
use subject::{About, Executor, require, serve_works, task, version_of, yield_by_waking};

const CAPACITY: usize = 1024;

struct Monoio(RefCell<Runtime<TimeDriver<IoUringDriver>>>);

impl Executor for Monoio {
    fn run<F: Future<Output = Vec<u64>> + 'static>(&self, future: F) -> Vec<u64> {
        self.0.borrow_mut().block_on(async { spawn(future).await })
    }
}

pub(crate) fn serve() {
    let runtime = crate::builder().enable_timer().build();
    let monoio = Monoio(RefCell::new(require("can't start the runtime", runtime)));
    let works = [
        ("spawn_join", task(&monoio, spawn_join)),
        ("spawn_many", task(&monoio, spawn_many)),
        ("yield", task(&monoio, give_way)),
        ("channel", task(&monoio, channel)),
        ("channel_ping_pong", task(&monoio, channel_ping_pong)),
        ("oneshot", task(&monoio, send_once)),
        ("sleep_50us", task(&monoio, sleep_50us)),
    ];
    let about = About {
        version: format!("{}, {}", version_of("monoio"), version_of("local-sync")),
        settings: "IoUringDriver with 1024 entries, single_issuer, defer_taskrun, enable_timer, \
                   works run in a task, yield by self-wake, channels of local-sync"
            .to_owned(),
    };
    serve_works(&about, &works);
}

async fn spawn_join(operations: u64) {
    for number in 0..operations {
        assert_eq!(spawn(async move { number }).await, number);
    }
}

async fn spawn_many(operations: u64) {
    let tasks: Vec<_> = (0..operations).map(|number| spawn(async move { number })).collect();
    for (number, task) in (0..).zip(tasks) {
        assert_eq!(task.await, number);
    }
}

async fn give_way(operations: u64) {
    for _ in 0..operations {
        yield_by_waking().await;
    }
}

async fn channel(operations: u64) {
    let (sender, mut receiver) = bounded::channel(CAPACITY);
    for number in 0..operations {
        sender.send(number).await.expect("the receiver lives");
        assert_eq!(receiver.recv().await, Some(number));
    }
}

async fn channel_ping_pong(operations: u64) {
    let (there, mut arrivals) = bounded::channel(1);
    let (back, mut returns) = bounded::channel(1);
    let other = spawn(async move {
        while let Some(number) = arrivals.recv().await {
            back.send(number).await.expect("the receiver lives");
        }
    });
    for number in 0..operations {
        there.send(number).await.expect("the receiver lives");
        assert_eq!(returns.recv().await, Some(number));
    }
    drop(there);
    other.await;
}

async fn send_once(operations: u64) {
    for number in 0..operations {
        let (sender, receiver) = oneshot::channel();
        sender.send(number).expect("the receiver lives");
        assert!(receiver.await.is_ok_and(|received| received == number));
    }
}

async fn sleep_50us(operations: u64) {
    for _ in 0..operations {
        sleep(Duration::from_micros(50)).await;
    }
}
