//! What the tests of feeds share: packets of nothing but their numbers.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::ops::Range;

use taut_net::feed::{Arbiter, ArbiterOptions, Arrival, Delivery, Event, Numbers};

/// Session, first number and count, little-endian.
pub(crate) type Packet = [u8; 13];

pub(crate) type Extractor = fn(&[u8]) -> Option<Numbers>;

/// A packet of a feed without sessions.
pub(crate) fn packet(first: u64, count: u32) -> Packet {
    packet_of(0, first, count)
}

pub(crate) fn packet_of(session: u8, first: u64, count: u32) -> Packet {
    let mut bytes = [session; 13];
    bytes[1..9].copy_from_slice(&first.to_le_bytes());
    bytes[9..].copy_from_slice(&count.to_le_bytes());
    bytes
}

pub(crate) fn extract(packet: &[u8]) -> Option<Numbers> {
    let bytes: &Packet = packet.try_into().ok()?;
    Some(Numbers {
        session: u128::from(bytes[0]),
        first: u64::from_le_bytes(bytes[1..9].try_into().unwrap()),
        count: u32::from_le_bytes(bytes[9..].try_into().unwrap()),
    })
}

/// An arbiter that notes what it tells.
pub(crate) struct Told {
    pub(crate) arbiter: Arbiter<Packet, Extractor>,
    pub(crate) events: Vec<Event<Packet>>,
}

impl Told {
    pub(crate) fn new(options: ArbiterOptions) -> Self {
        Self { arbiter: Arbiter::new(options, extract as Extractor), events: Vec::new() }
    }

    pub(crate) fn offer(&mut self, line: usize, at_ns: u64, packet: Packet) -> &mut Self {
        self.arbiter.offer(line, at_ns, packet, &mut |event| self.events.push(event));
        self
    }

    pub(crate) fn expire(&mut self, now_ns: u64) -> &mut Self {
        self.arbiter.expire(now_ns, &mut |event| self.events.push(event));
        self
    }

    pub(crate) fn finish(&mut self) -> &mut Self {
        self.arbiter.finish(&mut |event| self.events.push(event));
        self
    }

    pub(crate) fn restart(&mut self, session: u128, next: u64) -> &mut Self {
        self.arbiter.restart(session, next, &mut |event| self.events.push(event));
        self
    }

    /// What was told since the last call, in words.
    pub(crate) fn words(&mut self) -> Vec<String> {
        self.events.drain(..).map(|event| words(&event)).collect()
    }
}

fn words(event: &Event<Packet>) -> String {
    match event {
        Event::Messages(Delivery { new, line, arrival, .. }) => {
            let how = match arrival {
                Arrival::Newest => "",
                Arrival::Filled => " filled",
                Arrival::Reordered => " reordered",
            };
            format!("{} by {line}{how}", range(new))
        }
        Event::Hole { missing, line } => format!("hole {} by {line}", range(missing)),
        Event::Lost(missing) => format!("lost {}", range(missing)),
        Event::Restarted { session, next } => format!("restart {session} at {next}"),
    }
}

fn range(range: &Range<u64>) -> String {
    match range.end - range.start {
        1 => format!("{}", range.start),
        _ => format!("{}-{}", range.start, range.end - 1),
    }
}
