//! A capture as two lines of a feed, in memory.

use std::fs::File;
use std::io::{BufReader, Read};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;

use taut::net::feed::{Numbers, mold_udp64};

use super::replay::LINES;
use crate::capture::{Captured, Feed, Reader, datagram, generate};

/// Payload that is kept in memory at most.
const CAPTURE_BYTES_MAX: usize = 1 << 30;

/// A packet of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Since the first one of the capture.
    pub(super) due_ns: u64,
    pub(super) line: usize,
    /// Where its bytes are.
    pub(super) bytes: Range<usize>,
    /// The numbers of its messages.
    pub(super) messages: Range<u64>,
}

/// The packets, in the order of their times.
#[derive(Debug, Default)]
pub(crate) struct CaptureLines {
    pub(super) packets: Vec<Packet>,
    pub(super) bytes: Vec<u8>,
    pub(super) session: u128,
    addresses: Vec<SocketAddr>,
    others: u64,
    other_sessions: u64,
}

impl CaptureLines {
    /// What `capture generate` makes up by that seed.
    pub(crate) fn made_up(seed: u64) -> Result<Self, String> {
        let mut file = Vec::new();
        generate(&Feed::by_default(seed), &mut file).map_err(|error| error.to_string())?;
        Self::read(&file[..], &[])
    }

    /// Reads a file; `lines` are the addresses of its lines, by default the only two that there
    /// are.
    pub(crate) fn open(file: &Path, lines: &[SocketAddr]) -> Result<Self, String> {
        let read = File::open(file)
            .map_err(|error| error.to_string())
            .and_then(|from| Self::read(BufReader::new(from), lines));
        read.map_err(|error| format!("--capture {}: {error}", file.display()))
    }

    fn read(from: impl Read, lines: &[SocketAddr]) -> Result<Self, String> {
        let mut reader = Reader::new(from)?;
        let link = reader.link();
        let mut all = Self { addresses: lines.to_vec(), ..Self::default() };
        while let Some(record) = reader.next()? {
            match datagram(link, record) {
                Ok(captured) => all.keep(&captured, lines.is_empty())?,
                Err(_) => all.others += 1,
            }
        }
        if all.packets.is_empty() {
            return Err(format!(
                "there is no MoldUDP64 packet to {}; taut-bench capture show tells what there is",
                if lines.is_empty() { "any address".to_owned() } else { list(lines) }
            ));
        }
        all.packets.sort_by_key(|packet| packet.due_ns);
        let first_ns = all.packets[0].due_ns;
        all.packets.iter_mut().for_each(|packet| packet.due_ns -= first_ns);
        if all.addresses.len() == 1 {
            all.double();
        }
        Ok(all)
    }

    fn keep(&mut self, captured: &Captured<'_>, discovers: bool) -> Result<(), String> {
        let Some(Numbers { session, first, count }) = mold_udp64(captured.payload) else {
            self.others += 1;
            return Ok(());
        };
        let known = self.addresses.iter().position(|one| *one == captured.destination);
        let line = match known {
            Some(line) => line,
            None if !discovers => {
                self.others += 1;
                return Ok(());
            }
            None => {
                self.addresses.push(captured.destination);
                self.addresses.len() - 1
            }
        };
        if line >= LINES {
            return Err(format!(
                "it has packets to {}, and more: say which are the lines, by --lines A,B",
                list(&self.addresses)
            ));
        }
        if self.packets.is_empty() {
            self.session = session;
        } else if self.session != session {
            self.other_sessions += 1;
            return Ok(());
        }
        let Some(end) = first.checked_add(count.into()) else {
            self.others += 1;
            return Ok(());
        };
        let start = self.bytes.len();
        if start + captured.payload.len() > CAPTURE_BYTES_MAX {
            return Err(format!(
                "it has more than {} MiB of payload: cut it, by editcap -r",
                CAPTURE_BYTES_MAX >> 20
            ));
        }
        self.bytes.extend_from_slice(captured.payload);
        let bytes = start..self.bytes.len();
        let messages = first..end;
        self.packets.push(Packet { due_ns: captured.at_ns, line, bytes, messages });
        Ok(())
    }

    /// A capture of one line is sent on both.
    fn double(&mut self) {
        let twice = |packet: &Packet| [packet.clone(), Packet { line: 1, ..packet.clone() }];
        self.packets = self.packets.iter().flat_map(twice).collect();
    }

    /// From the first packet to the last.
    pub(crate) fn span_ns(&self) -> u64 {
        self.packets.last().map_or(0, |packet| packet.due_ns)
    }

    /// In a phrase.
    pub(crate) fn describe(&self) -> String {
        let lines = match self.addresses.len() {
            1 => format!("{} on both lines", list(&self.addresses)),
            _ => format!("{} as lines A, B", list(&self.addresses)),
        };
        let seconds = self.span_ns() as f64 / 1e9;
        let mut text = format!("{} packets in {seconds:.3} s: {lines}", self.packets.len());
        for (count, what) in
            [(self.others, "that are none of these"), (self.other_sessions, "of other sessions")]
        {
            if count > 0 {
                text.push_str(&format!("; left out: {count} {what}"));
            }
        }
        text
    }
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_capture_is_two_lines_in_the_order_of_time() {
        let lines = CaptureLines::made_up(1).unwrap();
        assert!(lines.packets.is_sorted_by_key(|packet| packet.due_ns));
        assert_eq!(lines.packets[0].due_ns, 0);
        for line in 0..LINES {
            let count = lines.packets.iter().filter(|packet| packet.line == line).count();
            assert!((99_000..=100_000).contains(&count), "{count}");
        }
        for packet in &lines.packets[..1_000] {
            let numbers = mold_udp64(&lines.bytes[packet.bytes.clone()]).unwrap();
            assert_eq!((numbers.first, numbers.session), (packet.messages.start, lines.session));
        }
        assert!(lines.describe().contains("as lines A, B"), "{}", lines.describe());
    }

    #[test]
    fn lines_are_chosen_and_one_alone_is_sent_on_both() {
        let mut file = Vec::new();
        let feed = Feed { packets: 100, ..Feed::by_default(1) };
        generate(&feed, &mut file).unwrap();
        let second: SocketAddr = "239.1.1.2:30002".parse().unwrap();
        let doubled = CaptureLines::read(&file[..], &[second]).unwrap();
        assert!(doubled.describe().contains("on both lines; left out: "), "{}", doubled.describe());
        let (a, b): (Vec<_>, Vec<_>) = doubled.packets.iter().partition(|one| one.line == 0);
        assert!(!a.is_empty());
        let what = |all: Vec<&Packet>| all.iter().map(|one| one.bytes.clone()).collect::<Vec<_>>();
        assert_eq!(what(a), what(b));
        let nobody: SocketAddr = "239.1.1.3:1".parse().unwrap();
        let error = CaptureLines::read(&file[..], &[nobody]).unwrap_err();
        assert!(error.contains("239.1.1.3:1") && error.contains("capture show"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_capture_is_named() {
        let error = CaptureLines::open(Path::new("/nowhere.pcap"), &[]).unwrap_err();
        assert!(error.contains("--capture /nowhere.pcap"), "{error}");
    }
}
