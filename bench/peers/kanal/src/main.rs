//! kanal: its bounded channel. `micro` times it on one thread, the async forms on async-executor's
//! local executor; `cores` the async forms between two threads that poll in a loop.

use async_executor::{LocalExecutor, StaticLocalExecutor};
use futures_lite::future::block_on;
use kanal::{AsyncReceiver, AsyncSender, bounded, bounded_async};
use subject::cores::{CAPACITY, Receiving, Sending, Spinning, ping_pong, serve_cores, stream};
use subject::{About, Executor, blocking, require, serve_works, task, version_of};

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
            version: version_of("kanal"),
            settings: "bounded_async(1024), send and recv polled in a loop".to_owned(),
        };
        let works =
            [("ping_pong", ping_pong(Spinning, channel)), ("stream", stream(Spinning, channel))];
        return serve_cores(&about, command.other_core, &works);
    }
    let leaked = Leaked(LocalExecutor::new().leak());
    let about = About {
        version: version_of("kanal"),
        settings: format!(
            "bounded_async on {}'s StaticLocalExecutor, try_send and try_recv on one thread",
            version_of("async-executor")
        ),
    };
    let works = [
        ("channel", task(&leaked, one_channel)),
        ("channel_try", blocking(channel_try)),
        ("channel_ping_pong", task(&leaked, async move |operations| leaked.ping(operations).await)),
    ];
    serve_works(&about, &works);
}

impl Leaked {
    async fn ping(self, operations: u64) {
        let (there, arrivals) = bounded_async(1);
        let (back, returns) = bounded_async(1);
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

async fn one_channel(operations: u64) {
    let (sender, receiver) = bounded_async(CAPACITY);
    for number in 0..operations {
        sender.send(number).await.expect("the receiver lives");
        assert_eq!(receiver.recv().await, Ok(number));
    }
}

fn channel_try(operations: u64) {
    let (sender, receiver) = bounded(CAPACITY);
    for number in 0..operations {
        assert_eq!(sender.try_send(number), Ok(true));
        assert_eq!(receiver.try_recv(), Ok(Some(number)));
    }
}

struct End<E>(E);

fn channel<M>() -> (End<AsyncSender<M>>, End<AsyncReceiver<M>>) {
    let (sender, receiver) = bounded_async(CAPACITY);
    (End(sender), End(receiver))
}

impl<M> Sending<M> for End<AsyncSender<M>> {
    async fn send(&mut self, message: M) {
        require("nobody receives", self.0.send(message).await);
    }
}

impl<M> Receiving<M> for End<AsyncReceiver<M>> {
    async fn receive(&mut self) -> Option<M> {
        self.0.recv().await.ok()
    }
}
