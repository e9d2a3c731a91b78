//! async-executor: `micro` times tasks on its local executor, and the channels of async-channel,
//! which is what smol offers under the name `smol::channel`; `cores` those between two threads that
//! poll in a loop.

use std::future::pending;

use async_channel::{Receiver, Sender, bounded};
use async_executor::{LocalExecutor, StaticLocalExecutor};
use futures_lite::future::{block_on, yield_now};
use subject::cores::{CAPACITY, Receiving, Sending, Spinning, ping_pong, serve_cores, stream};
use subject::{About, Executor, require, serve_works, task, version_of};

#[derive(Clone, Copy)]
struct Leaked(&'static StaticLocalExecutor);

impl Executor for Leaked {
    fn run<F: Future<Output = Vec<u64>> + 'static>(&self, future: F) -> Vec<u64> {
        block_on(self.0.run(self.0.spawn(future)))
    }
}

fn main() {
    let command = subject::start(&["cores", "micro"]);
    if command.mode == "cores" {
        let about = About {
            version: version_of("async-channel"),
            settings: "bounded(1024), send and recv polled in a loop".to_owned(),
        };
        let works =
            [("ping_pong", ping_pong(Spinning, channel)), ("stream", stream(Spinning, channel))];
        return serve_cores(&about, command.other_core, &works);
    }
    let leaked = Leaked(LocalExecutor::new().leak());
    let about = About {
        version: format!("{}, {}", version_of("async-executor"), version_of("async-channel")),
        settings: "StaticLocalExecutor (LocalExecutor::leak) inside of futures_lite's block_on, \
                   works run in a task, futures_lite's yield_now, channels of async-channel"
            .to_owned(),
    };
    let works = [
        ("spawn_join", task(&leaked, async move |operations| leaked.spawn_join(operations).await)),
        ("spawn_many", task(&leaked, async move |operations| leaked.spawn_many(operations).await)),
        ("yield", task(&leaked, give_way)),
        ("spawn_cancel", task(&leaked, async move |operations| leaked.cancel(operations).await)),
        ("channel", task(&leaked, one_channel)),
        ("channel_try", task(&leaked, channel_try)),
        ("channel_ping_pong", task(&leaked, async move |operations| leaked.ping(operations).await)),
    ];
    serve_works(&about, &works);
}

impl Leaked {
    async fn spawn_join(self, operations: u64) {
        for number in 0..operations {
            assert_eq!(self.0.spawn(async move { number }).await, number);
        }
    }

    async fn spawn_many(self, operations: u64) {
        let tasks: Vec<_> =
            (0..operations).map(|number| self.0.spawn(async move { number })).collect();
        for (number, task) in (0..).zip(tasks) {
            assert_eq!(task.await, number);
        }
    }

    async fn cancel(self, operations: u64) {
        for _ in 0..operations {
            let task = self.0.spawn(pending::<()>());
            yield_now().await;
            assert_eq!(task.cancel().await, None);
        }
    }

    async fn ping(self, operations: u64) {
        let (there, arrivals) = bounded(1);
        let (back, returns) = bounded(1);
        let other = self.0.spawn(async move {
            while let Ok(number) = arrivals.recv().await {
                back.send(number).await.expect("the receiver lives");
            }
        });
        for number in 0..operations {
            there.send(number).await.expect("the receiver lives");
            assert_eq!(returns.recv().await, Ok(number));
        }
        drop(there);
        other.await;
    }
}

async fn give_way(operations: u64) {
    for _ in 0..operations {
        yield_now().await;
    }
}

async fn one_channel(operations: u64) {
    let (sender, receiver) = bounded(CAPACITY);
    for number in 0..operations {
        sender.send(number).await.expect("the receiver lives");
        assert_eq!(receiver.recv().await, Ok(number));
    }
}

async fn channel_try(operations: u64) {
    let (sender, receiver) = bounded(CAPACITY);
    for number in 0..operations {
        sender.try_send(number).expect("the channel is empty");
        assert_eq!(receiver.try_recv(), Ok(number));
    }
}

struct End<E>(E);

fn channel<M>() -> (End<Sender<M>>, End<Receiver<M>>) {
    let (sender, receiver) = bounded(CAPACITY);
    (End(sender), End(receiver))
}

impl<M> Sending<M> for End<Sender<M>> {
    async fn send(&mut self, message: M) {
        require("nobody receives", self.0.send(message).await);
    }
}

impl<M> Receiving<M> for End<Receiver<M>> {
    async fn receive(&mut self) -> Option<M> {
        self.0.recv().await.ok()
    }
}
