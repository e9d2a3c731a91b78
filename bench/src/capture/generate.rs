//! A feed that no venue sent: Poisson bursts of MoldUDP64 packets on two lines.
//!
//! Bursts begin at random, independent of each other; their sizes are geometric, and the packets in
//! them follow each other at random distances. Line B carries the same packets later, in its own
//! order of sending, and each line loses packets by itself. Memory is what line B has not sent yet.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4};

use clap::{Args, Command, FromArgMatches as _};

use super::datagram::put_frame;
use super::pcap::Writer;
use crate::compare::random::Random;
use crate::harness::duration::parse_duration;

/// Where the lines are sent to.
pub(crate) const LINES: [SocketAddrV4; 2] = [
    SocketAddrV4::new(Ipv4Addr::new(239, 1, 1, 1), 30_001),
    SocketAddrV4::new(Ipv4Addr::new(239, 1, 1, 2), 30_002),
];

const FROM: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 30_000);

/// The opening of a trading day, in ns since the epoch: 2 January 2026, 14:30 UTC.
const OPENING_NS: u64 = 1_767_364_200_000_000_000;

const SESSION: &[u8; 10] = b"TAUT000001";

/// Bytes of messages, as those of an order feed are: from a cancel to an execution.
const MESSAGE_BYTES: [usize; 5] = [19, 23, 31, 36, 44];

/// What the feed is like.
#[derive(Args, Clone, Debug)]
pub(crate) struct Feed {
    /// The same seed makes the same feed.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Packets on each line, before losses.
    #[arg(long, default_value_t = 100_000)]
    pub(crate) packets: u64,

    /// Bursts a second, on average.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) bursts: u32,

    /// Packets of a burst, on average.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) burst_packets: u32,

    /// Time between two packets of a burst, on average.
    #[arg(long, default_value = "1500ns", value_parser = parse_duration)]
    pub(crate) spacing: std::time::Duration,

    /// How long line B is behind line A, on average; half of it always.
    #[arg(long, default_value = "8us", value_parser = parse_duration)]
    pub(crate) behind: std::time::Duration,

    /// Packets of a million that each line loses by itself.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub(crate) loss: u32,

    /// Messages in a packet at most; each count is as likely.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=30))]
    pub(crate) messages: u16,
}

impl Feed {
    /// What `capture generate` makes up when only the seed is said.
    pub(crate) fn by_default(seed: u64) -> Self {
        let words = Self::augment_args(Command::new("feed")).get_matches_from(["feed"]);
        // Invariant: every option has a default.
        let feed = Self::from_arg_matches(&words).expect("the options' defaults make a feed");
        Self { seed, ..feed }
    }
}

/// Writes the capture; how many records it has. Fails where the feed lasts beyond the format's
/// times, which end in 2106.
pub(crate) fn write<W: Write>(feed: &Feed, to: W) -> io::Result<u64> {
    let mut random = Random::new(feed.seed);
    let mut capture = Lines { writer: Writer::new(to)?, frame: Vec::new(), records: 0 };
    let mut of_b: VecDeque<(u64, Vec<u8>)> = VecDeque::new();
    let burst_apart_ns = 1e9 / f64::from(feed.bursts);
    let [spacing_ns, half_behind_ns] =
        [feed.spacing, feed.behind / 2].map(|time| time.as_nanos() as f64);
    let (mut at_ns, mut b_at_ns, mut next) = (OPENING_NS, 0_u64, 1_u64);
    for _ in 0..feed.packets {
        let burst_ends = random.below(feed.burst_packets as usize) == 0;
        let apart_ns = if burst_ends { burst_apart_ns } else { spacing_ns };
        at_ns = at_ns.saturating_add(exponential(&mut random, apart_ns).max(1));
        while let Some((due_ns, payload)) = of_b.pop_front_if(|(due_ns, _)| *due_ns <= at_ns) {
            capture.write(1, due_ns, &payload)?;
        }
        let payload = packet(&mut random, feed.messages, &mut next);
        let [lost_a, lost_b] = [(); 2].map(|()| random.below(1_000_000) < feed.loss as usize);
        let behind_ns =
            (half_behind_ns as u64).saturating_add(exponential(&mut random, half_behind_ns));
        if !lost_a {
            capture.write(0, at_ns, &payload)?;
        }
        if !lost_b {
            b_at_ns = at_ns.saturating_add(behind_ns).max(b_at_ns.saturating_add(1));
            of_b.push_back((b_at_ns, payload));
        }
    }
    for (due_ns, payload) in of_b {
        capture.write(1, due_ns, &payload)?;
    }
    capture.writer.finish()?;
    Ok(capture.records)
}

/// The capture that both lines go to.
struct Lines<W> {
    writer: Writer<W>,
    frame: Vec<u8>,
    records: u64,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: usize, at_ns: u64, payload: &[u8]) -> io::Result<()> {
        put_frame(FROM, LINES[line], payload, &mut self.frame);
        self.records += 1;
        self.writer.write(at_ns, &self.frame)
    }
}

/// A MoldUDP64 packet of some messages; their bytes are their number, again and again.
fn packet(random: &mut Random, messages_max: u16, next: &mut u64) -> Vec<u8> {
    let messages = 1 + random.below(usize::from(messages_max)) as u16;
    let mut packet = SESSION.to_vec();
    packet.extend(next.to_be_bytes());
    packet.extend(messages.to_be_bytes());
    for _ in 0..messages {
        let bytes = MESSAGE_BYTES[random.below(MESSAGE_BYTES.len())];
        packet.extend((bytes as u16).to_be_bytes());
        packet.extend(next.to_be_bytes().iter().cycle().take(bytes));
        *next += 1;
    }
    packet
}

/// A time with that mean, of events that know nothing of each other.
fn exponential(random: &mut Random, mean_ns: f64) -> u64 {
    // Above 0 and up to 1, in steps of 2^-53.
    let uniform = ((random.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    (-uniform.ln() * mean_ns) as u64
}
