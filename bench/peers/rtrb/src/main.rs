//! rtrb: `micro` times a push and a pop on its ring of one producer and one consumer.

use rtrb::RingBuffer;
use subject::{About, blocking, serve_works, version_of};

const CAPACITY: usize = 1024;

fn main() {
    let _ = subject::start(&["micro"]);
    let about = About {
        version: version_of("rtrb"),
        settings: "RingBuffer of 1024, push and pop, both ends on one thread".to_owned(),
    };
    serve_works(&about, &[("channel_try", blocking(channel_try))]);
}

fn channel_try(operations: u64) {
    let (mut producer, mut consumer) = RingBuffer::new(CAPACITY);
    for number in 0..operations {
        producer.push(number).expect("the ring is empty");
        assert_eq!(consumer.pop(), Ok(number));
    }
}
