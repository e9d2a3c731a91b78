//! rtrb: its ring of one producer and one consumer. `micro` times a push and a pop on one thread,
//! `cores` the same between two threads that try in a loop.

use std::hint::spin_loop;

use rtrb::{Consumer, Producer, RingBuffer};
use subject::cores::{
    BATCH, CAPACITY, Receiving, ReceivingMany, Sending, SendingMany, Spinning, ping_pong,
    serve_cores, stream, stream_32,
};
use subject::{About, blocking, serve_works, version_of};

fn main() {
    let command = subject::start(&["cores", "micro"]);
    let about = |settings: &str| About {
        version: version_of("rtrb"),
        settings: format!("RingBuffer of 1024, {settings}"),
    };
    if command.mode == "micro" {
        let about = about("push and pop, both ends on one thread");
        return serve_works(&about, &[("channel_try", blocking(channel_try))]);
    }
    let works = [
        ("ping_pong", ping_pong(Spinning, channel)),
        ("stream", stream(Spinning, channel)),
        ("stream_32", stream_32(Spinning, channel)),
    ];
    let about = about("push and pop in a loop with a pause hint, chunks of up to 32 in stream_32");
    serve_cores(&about, command.other_core, &works);
}

fn channel_try(operations: u64) {
    let (mut producer, mut consumer) = RingBuffer::new(CAPACITY);
    for number in 0..operations {
        producer.push(number).expect("the ring is empty");
        assert_eq!(consumer.pop(), Ok(number));
    }
}

struct End<E>(E);

fn channel<M>() -> (End<Producer<M>>, End<Consumer<M>>) {
    let (producer, consumer) = RingBuffer::new(CAPACITY);
    (End(producer), End(consumer))
}

impl<M> Sending<M> for End<Producer<M>> {
    async fn send(&mut self, mut message: M) {
        while let Err(rtrb::PushError::Full(back)) = self.0.push(message) {
            message = back;
            spin_loop();
        }
    }
}

impl<M> Receiving<M> for End<Consumer<M>> {
    async fn receive(&mut self) -> Option<M> {
        loop {
            match self.0.pop() {
                Ok(message) => return Some(message),
                // What was pushed before the end is seen once the end is.
                Err(_) if self.0.is_abandoned() => return self.0.pop().ok(),
                Err(_) => spin_loop(),
            }
        }
    }
}

impl<M> SendingMany<M> for End<Producer<M>> {
    async fn send_all(&mut self, count: usize, mut messages: impl Iterator<Item = M>) {
        let mut left = count;
        while left > 0 {
            let room = self.0.slots().min(left);
            match self.0.write_chunk_uninit(room) {
                Ok(chunk) if room > 0 => left -= chunk.fill_from_iter(messages.by_ref().take(room)),
                _ => spin_loop(),
            }
        }
    }
}

impl<M> ReceivingMany<M> for End<Consumer<M>> {
    async fn receive_some(&mut self, each: impl FnMut(M)) -> bool {
        loop {
            // Asked for before the look: what was pushed before the end is seen then.
            let ended = self.0.is_abandoned();
            let count = self.0.slots().min(BATCH as usize);
            match self.0.read_chunk(count) {
                Ok(chunk) if count > 0 => {
                    chunk.into_iter().for_each(each);
                    return true;
                }
                _ if ended => return false,
                _ => spin_loop(),
            }
        }
    }
}
