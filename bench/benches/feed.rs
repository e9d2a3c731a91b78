//! What arbitration costs a packet, and framing a frame, beyond the sockets.

mod common;

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use taut::buffer::RxBuf;
use taut::net::feed::{Arbiter, ArbiterOptions, Deliver, mold_udp64};
use taut::net::framing::{FrameReader, Framing, LengthPrefix, Lines, Receive};

fn main() {
    common::measure(|criterion, runtime| {
        let mut bench = |name: &str, time: fn(u64) -> Duration| {
            criterion.bench_function(name, |bencher| bencher.iter_custom(time));
        };
        bench("feed/packet_and_its_copy", |count| arbitrate(Deliver::AsTheyCome, count, 0));
        bench("feed/in_order", |count| arbitrate(Deliver::in_order(), count, 0));
        bench("feed/in_order_with_holes", |count| arbitrate(Deliver::in_order(), count, 8));
        criterion.bench_function("framing/line_of_64_bytes", |bencher| {
            bencher.iter_custom(|count| runtime.block_on(frames(Lines, &line(), count)));
        });
        criterion.bench_function("framing/length_and_64_bytes", |bencher| {
            let prefix = LengthPrefix::u16_be();
            bencher.iter_custom(|count| runtime.block_on(frames(prefix, &prefixed(), count)));
        });
    });
}

/// A packet on line A and its copy on line B; of each so many, one packet is missing on A.
fn arbitrate(deliver: Deliver, count: u64, hole_each: u64) -> Duration {
    let options = ArbiterOptions { deliver, ..ArbiterOptions::default() };
    let mut arbiter = Arbiter::new(options, mold_udp64);
    let mut packet = [0; 24];
    packet[19] = 1;
    let mut told = 0_u64;
    let started = Instant::now();
    for number in 0..count {
        packet[10..18].copy_from_slice(&number.to_be_bytes());
        let at_ns = number * 100;
        if hole_each == 0 || number % hole_each != 1 {
            arbiter.offer(0, at_ns, black_box(packet), &mut |_| told += 1);
        }
        // Line B is a packet behind, so that what A leaves out is a hole for a while.
        if let Some(before) = number.checked_sub(1) {
            packet[10..18].copy_from_slice(&before.to_be_bytes());
            arbiter.offer(1, at_ns + 50, black_box(packet), &mut |_| told += 1);
        }
    }
    let elapsed = started.elapsed();
    assert!(told + 2 >= count);
    elapsed
}

fn line() -> Vec<u8> {
    [&[b'x'; 63][..], b"\n"].concat()
}

fn prefixed() -> Vec<u8> {
    [&64_u16.to_be_bytes()[..], &[b'x'; 64]].concat()
}

/// The same buffer again and again, as a slot that the kernel has filled.
struct Slots(RxBuf);

impl Receive for Slots {
    async fn recv(&mut self) -> io::Result<RxBuf> {
        Ok(self.0.clone())
    }
}

async fn frames(framing: impl Framing, frame: &[u8], count: u64) -> Duration {
    const SLOT_BYTES: usize = 32_768;

    let slots = Slots(RxBuf::from(frame.repeat(SLOT_BYTES / frame.len())));
    let mut reader = FrameReader::new(slots, framing);
    let started = Instant::now();
    for _ in 0..count {
        assert!(black_box(reader.next().await).is_ok());
    }
    started.elapsed()
}
