//! tokio's bounded channel between two cores: each with a current-thread runtime of its own, which
//! sleeps when there is nothing, or polled in a loop, which its channels allow.

use subject::cores::{
    BATCH, CAPACITY, CrossWork, Executor, Packet, Receiving, ReceivingMany, Sending, SendingMany,
    Spinning, ping_pong, serve_cores, stream, stream_32,
};
use subject::{About, fail, require, version_of};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

/// A runtime made for the future.
#[derive(Clone, Copy)]
struct CurrentThread;

impl Executor for CurrentThread {
    fn block_on<F: Future>(self, future: F) -> F::Output {
        super::built(&mut Builder::new_current_thread()).block_on(future)
    }
}

pub(crate) fn serve(mode: &str, other_core: usize) {
    let (works, polled) = match mode {
        "cores spin" => (works(Spinning), "polled in a loop without a runtime"),
        _ => (works(CurrentThread), "on a current_thread runtime on each core, which parks"),
    };
    let about = About {
        version: version_of("tokio"),
        settings: format!(
            "mpsc::channel(1024), send and recv, reserve_many and recv_many of up to 32 in \
             stream_32, {polled}"
        ),
    };
    serve_cores(&about, other_core, &works);
}

fn works(executor: impl Executor) -> [(&'static str, CrossWork<'static>); 3] {
    [
        ("ping_pong", ping_pong(executor, channel)),
        ("stream", stream(executor, channel)),
        ("stream_32", stream_32(executor, channel::<Packet>)),
    ]
}

struct From<M>(mpsc::Sender<M>);
struct To<M>(mpsc::Receiver<M>, Vec<M>);

fn channel<M>() -> (From<M>, To<M>) {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    (From(sender), To(receiver, Vec::new()))
}

impl<M> Sending<M> for From<M> {
    async fn send(&mut self, message: M) {
        if self.0.send(message).await.is_err() {
            fail("nobody receives");
        }
    }
}

impl<M> Receiving<M> for To<M> {
    async fn receive(&mut self) -> Option<M> {
        self.0.recv().await
    }
}

impl<M> SendingMany<M> for From<M> {
    async fn send_all(&mut self, count: usize, messages: impl Iterator<Item = M>) {
        let permits = require("nobody receives", self.0.reserve_many(count).await);
        permits.zip(messages).for_each(|(permit, message)| permit.send(message));
    }
}

impl<M> ReceivingMany<M> for To<M> {
    async fn receive_some(&mut self, each: impl FnMut(M)) -> bool {
        let count = self.0.recv_many(&mut self.1, BATCH as usize).await;
        self.1.drain(..).for_each(each);
        count > 0
    }
}
