//! What is in a capture: who is sent how much how fast, and what arbitration makes of it.

use std::io::Read;
use std::net::SocketAddr;

use taut::net::feed::{Arbiter, ArbiterOptions, LINES_MAX, mold_udp64};

use super::datagram::{Captured, Other, datagram};
use super::pcap::Reader;

/// How long a burst is that the peak rate is told of.
const PEAK_NS: u64 = 1_000_000;

/// Destinations beyond these are counted together.
const DESTINATIONS_MAX: usize = LINES_MAX;

/// Datagrams to one address.
#[derive(Debug)]
struct Destination {
    address: SocketAddr,
    packets: u64,
    bytes: u64,
    first_ns: u64,
    last_ns: u64,
    /// The millisecond that runs, its packets, and the most that there were in one.
    running: (u64, u64),
    peak: u64,
}

impl Destination {
    fn new(captured: &Captured<'_>) -> Self {
        let Captured { at_ns, destination: address, .. } = *captured;
        let (packets, bytes, peak) = (0, 0, 0);
        Self { address, packets, bytes, first_ns: at_ns, last_ns: at_ns, running: (0, 0), peak }
    }

    fn count(&mut self, captured: &Captured<'_>) {
        self.packets += 1;
        self.bytes += captured.payload.len() as u64;
        self.last_ns = captured.at_ns;
        let millisecond = captured.at_ns / PEAK_NS;
        if self.running.0 != millisecond {
            self.running = (millisecond, 0);
        }
        self.running.1 += 1;
        self.peak = self.peak.max(self.running.1);
    }
}

/// Packets of a capture that are no datagrams to be used.
#[derive(Debug, Default)]
struct Others {
    not_udp: u64,
    fragments: u64,
    cut: u64,
    elsewhere: u64,
}

impl Others {
    fn count(&mut self, other: Other) {
        match other {
            Other::NotUdp => self.not_udp += 1,
            Other::Fragment => self.fragments += 1,
            Other::Cut => self.cut += 1,
        }
    }

    fn describe(&self, text: &mut String) {
        let Self { not_udp, fragments, cut, elsewhere } = self;
        if not_udp + fragments + cut + elsewhere > 0 {
            let line = format!(
                "left out: {not_udp} not UDP, {fragments} fragments, {cut} not captured whole, \
                 {elsewhere} to other addresses\n"
            );
            text.push_str(&line);
        }
    }
}

/// Reads the capture to its end, and describes it.
pub(crate) fn text<R: Read>(mut reader: Reader<R>) -> Result<String, String> {
    let link = reader.link();
    let options = ArbiterOptions { lines: LINES_MAX, ..ArbiterOptions::default() };
    let mut feed = Arbiter::new(options, mold_udp64);
    let mut destinations: Vec<Destination> = Vec::new();
    let mut others = Others::default();
    while let Some(record) = reader.next()? {
        let captured = match datagram(link, record) {
            Ok(captured) => captured,
            Err(other) => {
                others.count(other);
                continue;
            }
        };
        let known = destinations.iter().position(|one| one.address == captured.destination);
        let line = match known {
            Some(line) => line,
            None if destinations.len() < DESTINATIONS_MAX => {
                destinations.push(Destination::new(&captured));
                destinations.len() - 1
            }
            None => {
                others.elsewhere += 1;
                continue;
            }
        };
        destinations[line].count(&captured);
        feed.offer(line, captured.at_ns, captured.payload.to_vec(), &mut |_| ());
    }
    feed.finish(&mut |_| ());
    let mut text = String::new();
    destinations.iter().for_each(|one| describe(&mut text, one));
    others.describe(&mut text);
    describe_feed(&mut text, &feed, &destinations);
    Ok(text)
}

fn describe(text: &mut String, destination: &Destination) {
    let Destination { address, packets, bytes, first_ns, last_ns, peak, .. } = destination;
    let seconds = last_ns.saturating_sub(*first_ns) as f64 / 1e9;
    let line = format!(
        "{address}  {packets} packets, {bytes} bytes in {seconds:.6} s; at most {peak} in 1 ms"
    );
    text.push_str(&line);
    text.push('\n');
}

/// What the packets are as one feed, if they are of MoldUDP64.
fn describe_feed<E>(text: &mut String, feed: &Arbiter<Vec<u8>, E>, lines: &[Destination]) {
    let all = feed.statistics();
    if all.messages == 0 {
        text.push_str("no packet is of MoldUDP64: nothing to arbitrate\n");
        return;
    }
    let sum = format!(
        "as one feed: {} messages, {} lost in {} places, {} holes, {} restarts\n",
        all.messages, all.messages_lost, all.losses, all.holes, all.restarts
    );
    text.push_str(&sum);
    for (number, line) in lines.iter().enumerate() {
        let counts = feed.line_statistics(number);
        let behind = feed.line_behind_ns(number);
        let row = format!(
            "{}  first with {}, filled {}, missed {}, late {}; behind by {} ns (p50), {} ns (p99)\n",
            line.address,
            counts.won,
            counts.filled,
            counts.missed,
            counts.late,
            behind.value_at_quantile(0.5),
            behind.value_at_quantile(0.99)
        );
        text.push_str(&row);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capture::generate::{Feed, LINES, write};

    fn feed() -> Feed {
        Feed {
            seed: 3,
            packets: 5_000,
            bursts: 2_000,
            burst_packets: 8,
            spacing: Duration::from_nanos(1_500),
            behind: Duration::from_micros(8),
            loss: 10_000,
            messages: 6,
        }
    }

    fn written(feed: &Feed) -> Vec<u8> {
        let mut file = Vec::new();
        let records = write(feed, &mut file).unwrap();
        assert!(records > feed.packets);
        file
    }

    #[test]
    fn a_feed_is_the_same_by_its_seed_and_another_by_another() {
        let file = written(&feed());
        assert_eq!(file, written(&feed()));
        assert_ne!(file, written(&Feed { seed: 4, ..feed() }));
    }

    #[test]
    fn what_is_made_up_is_in_order_of_time_with_line_b_behind_and_its_losses_filled() {
        let file = written(&feed());
        let mut reader = Reader::new(&file[..]).unwrap();
        let mut last_ns = 0;
        while let Some(record) = reader.next().unwrap() {
            assert!(record.at_ns >= last_ns);
            last_ns = record.at_ns;
        }
        let text = text(Reader::new(&file[..]).unwrap()).unwrap();
        let line_of = |words: &str| {
            text.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{text}"))
        };
        let [a, b] = LINES.map(|line| line.to_string());
        assert!(line_of("packets, ").starts_with(&a), "{text}");
        let first = |address: &str| {
            let row = text.lines().find(|row| row.starts_with(address) && row.contains("first"));
            let words: Vec<&str> = row.unwrap().split([' ', ',', ';']).collect();
            let after = |word| words.iter().skip_while(|one| **one != word).nth(1).unwrap();
            let number = |word: &&str| word.parse::<u64>().unwrap();
            let with = words.iter().skip_while(|one| **one != "with").nth(1).unwrap();
            (number(with), number(after("filled")))
        };
        let (won_by_a, _) = first(&a);
        let (won_by_b, filled_by_b) = first(&b);
        assert!(won_by_a > 50 * won_by_b && filled_by_b > 0, "{text}");
        assert!(!text.contains("left out"), "{text}");
    }

    #[test]
    fn a_feed_that_loses_nothing_is_whole() {
        let text = text(Reader::new(&written(&Feed { loss: 0, ..feed() })[..]).unwrap()).unwrap();
        assert!(text.contains(" 0 lost in 0 places, 0 holes, 0 restarts"), "{text}");
    }
}
