//! flume: `cores` times the async forms of its bounded channel between two threads that poll in a
//! loop.

use flume::{Receiver, Sender, bounded};
use subject::cores::{CAPACITY, Receiving, Sending, Spinning, ping_pong, serve_cores, stream};
use subject::{About, require, version_of};

fn main() {
    let command = subject::start(&["cores"]);
    let about = About {
        version: version_of("flume"),
        settings: "bounded(1024), send_async and recv_async polled in a loop".to_owned(),
    };
    let works =
        [("ping_pong", ping_pong(Spinning, channel)), ("stream", stream(Spinning, channel))];
    serve_cores(&about, command.other_core, &works);
}

struct End<E>(E);

fn channel<M>() -> (End<Sender<M>>, End<Receiver<M>>) {
    let (sender, receiver) = bounded(CAPACITY);
    (End(sender), End(receiver))
}

impl<M> Sending<M> for End<Sender<M>> {
    async fn send(&mut self, message: M) {
        require("nobody receives", self.0.send_async(message).await);
    }
}

impl<M> Receiving<M> for End<Receiver<M>> {
    async fn receive(&mut self) -> Option<M> {
        self.0.recv_async().await.ok()
    }
}
