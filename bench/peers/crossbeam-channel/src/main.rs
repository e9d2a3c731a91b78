//! crossbeam-channel: its bounded channel by the forms that don't wait. `micro` times them on one
//! thread, `cores` between two threads that try in a loop.

use std::hint::spin_loop;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use subject::cores::{CAPACITY, Receiving, Sending, Spinning, ping_pong, serve_cores, stream};
use subject::{About, blocking, fail, serve_works, version_of};

fn main() {
    let command = subject::start(&["cores", "micro"]);
    let about = |settings: &str| About {
        version: version_of("crossbeam-channel"),
        settings: format!("bounded(1024), try_send and try_recv {settings}"),
    };
    if command.mode == "micro" {
        let about = about("with both ends on one thread");
        return serve_works(&about, &[("channel_try", blocking(channel_try))]);
    }
    let works =
        [("ping_pong", ping_pong(Spinning, channel)), ("stream", stream(Spinning, channel))];
    serve_cores(&about("in a loop with a pause hint"), command.other_core, &works);
}

fn channel_try(operations: u64) {
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
    async fn send(&mut self, mut message: M) {
        loop {
            message = match self.0.try_send(message) {
                Ok(()) => return,
                Err(TrySendError::Full(message)) => message,
                Err(TrySendError::Disconnected(_)) => fail("nobody receives"),
            };
            spin_loop();
        }
    }
}

impl<M> Receiving<M> for End<Receiver<M>> {
    async fn receive(&mut self) -> Option<M> {
        loop {
            match self.0.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => spin_loop(),
            }
        }
    }
}
