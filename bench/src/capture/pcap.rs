//! The `pcap` file format: a header, and records of a time and the captured bytes.

use std::io::{self, Read, Write};

/// The most bytes that a record may claim: what the field's own tools take for possible.
pub(crate) const RECORD_BYTES_MAX: u32 = 262_144;

const MICROSECONDS: u32 = 0xA1B2_C3D4;
const NANOSECONDS: u32 = 0xA1B2_3C4D;
const PCAPNG: u32 = 0x0A0D_0D0A;
const FILE_HEADER_BYTES: usize = 24;
const RECORD_HEADER_BYTES: usize = 16;

/// What the captured bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Ethernet,
    /// IPv4 or IPv6 at once.
    Raw,
    /// What `-i any` captures (`LINUX_SLL`).
    Cooked,
}

impl Link {
    fn of(number: u32) -> Option<Self> {
        // The upper bits tell of a frame check sequence at the end, which is in nobody's way.
        match number & 0x0FFF_FFFF {
            1 => Some(Self::Ethernet),
            101 => Some(Self::Raw),
            113 => Some(Self::Cooked),
            _ => None,
        }
    }
}

/// A captured packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Since the epoch.
    pub(crate) at_ns: u64,
    pub(crate) bytes: &'a [u8],
}

/// Reads a capture, record by record.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    from: R,
    big_endian: bool,
    ns_per_unit: u64,
    link: Link,
    bytes: Vec<u8>,
    records: u64,
    /// Bytes of the file before the next record.
    offset: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the file's header.
    pub(crate) fn new(mut from: R) -> Result<Self, String> {
        let mut header = [0; FILE_HEADER_BYTES];
        from.read_exact(&mut header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => "it is too short for a capture".to_owned(),
            _ => error.to_string(),
        })?;
        let magic = word(&header, 0, false);
        if magic == PCAPNG {
            return Err(
                "it is of the format pcapng: convert it by editcap -F nsecpcap OLD NEW".into()
            );
        }
        let (ns_per_unit, big_endian) = match (magic, magic.swap_bytes()) {
            (MICROSECONDS, _) => (1_000, false),
            (NANOSECONDS, _) => (1, false),
            (_, MICROSECONDS) => (1_000, true),
            (_, NANOSECONDS) => (1, true),
            _ => return Err(format!("it is no capture: it begins with {magic:#010x}")),
        };
        let link = word(&header, 20, big_endian);
        let link = Link::of(link).ok_or_else(|| {
            format!("its link type is {link}; Ethernet (1), raw IP (101) and Linux cooked (113) are read")
        })?;
        let offset = FILE_HEADER_BYTES as u64;
        Ok(Self { from, big_endian, ns_per_unit, link, bytes: Vec::new(), records: 0, offset })
    }

    pub(crate) fn link(&self) -> Link {
        self.link
    }

    /// The next record; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, String> {
        let mut header = [0; RECORD_HEADER_BYTES];
        let there = read_up_to(&mut self.from, &mut header).map_err(|error| self.at(&error))?;
        if there == 0 {
            return Ok(None);
        }
        if there < RECORD_HEADER_BYTES {
            return Err(self.at(&format!("it ends after {there} bytes of the header")));
        }
        let [seconds, fraction, captured, sent] =
            [0, 4, 8, 12].map(|at| word(&header, at, self.big_endian));
        let fraction_ns = u64::from(fraction) * self.ns_per_unit;
        if fraction_ns >= 1_000_000_000 {
            return Err(self.at(&format!("a fraction of a second of {fraction} units")));
        }
        if captured > RECORD_BYTES_MAX || captured > sent {
            return Err(self.at(&format!("{captured} bytes captured of {sent}")));
        }
        self.bytes.resize(captured as usize, 0);
        let there = read_up_to(&mut self.from, &mut self.bytes).map_err(|error| self.at(&error))?;
        if there < self.bytes.len() {
            return Err(self.at(&format!("it ends after {there} of {captured} bytes")));
        }
        self.records += 1;
        self.offset += RECORD_HEADER_BYTES as u64 + u64::from(captured);
        let at_ns = u64::from(seconds) * 1_000_000_000 + fraction_ns;
        Ok(Some(Record { at_ns, bytes: &self.bytes }))
    }

    fn at(&self, problem: &impl std::fmt::Display) -> String {
        format!("record {} at byte {}: {problem}", self.records + 1, self.offset)
    }
}

fn word(bytes: &[u8], at: usize, big_endian: bool) -> u32 {
    let word = bytes[at..][..4].try_into().expect("four bytes");
    if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
}

/// Fills `to` as far as there are bytes.
fn read_up_to(from: &mut impl Read, to: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < to.len() {
        match from.read(&mut to[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes a capture of Ethernet frames, with nanoseconds.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    to: W,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(mut to: W) -> io::Result<Self> {
        const VERSION_2_4: u32 = 4 << 16 | 2;
        const ETHERNET: u32 = 1;
        for word in [NANOSECONDS, VERSION_2_4, 0, 0, RECORD_BYTES_MAX, ETHERNET] {
            to.write_all(&word.to_le_bytes())?;
        }
        Ok(Self { to })
    }

    pub(crate) fn write(&mut self, at_ns: u64, frame: &[u8]) -> io::Result<()> {
        let too_much =
            |_| io::Error::new(io::ErrorKind::InvalidInput, "beyond the format's 32 bits");
        let seconds = u32::try_from(at_ns / 1_000_000_000).map_err(too_much)?;
        let bytes = u32::try_from(frame.len()).map_err(too_much)?;
        for word in [seconds, (at_ns % 1_000_000_000) as u32, bytes, bytes] {
            self.to.write_all(&word.to_le_bytes())?;
        }
        self.to.write_all(frame)
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.to.flush()?;
        Ok(self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.write(1_700_000_000_123_456_789, b"first").unwrap();
        writer.write(1_700_000_001_000_000_000, b"").unwrap();
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<(u64, Vec<u8>)>, String> {
        let mut reader = Reader::new(bytes)?;
        let mut records = Vec::new();
        while let Some(record) = reader.next()? {
            records.push((record.at_ns, record.bytes.to_vec()));
        }
        Ok(records)
    }

    /// The same file with every word of its headers turned around.
    fn big_endian(file: &[u8], records: &[usize]) -> Vec<u8> {
        let mut file = file.to_vec();
        let words =
            (0..24).step_by(4).chain(records.iter().flat_map(|&at| (at..at + 16).step_by(4)));
        words.for_each(|at| file[at..at + 4].reverse());
        file
    }

    #[test]
    fn both_byte_orders_and_both_resolutions_are_read() {
        let file = written();
        let expected = vec![
            (1_700_000_000_123_456_789, b"first".to_vec()),
            (1_700_000_001_000_000_000, vec![]),
        ];
        assert_eq!(read(&file), Ok(expected.clone()));
        assert_eq!(read(&big_endian(&file, &[24, 45])), Ok(expected));
        let mut coarse = file;
        coarse[..4].copy_from_slice(&MICROSECONDS.to_le_bytes());
        coarse[28..32].copy_from_slice(&123_456_u32.to_le_bytes());
        assert_eq!(read(&coarse).unwrap()[0].0, 1_700_000_000_123_456_000);
        assert_eq!(read(&big_endian(&coarse, &[24, 45])).unwrap()[0].0, 1_700_000_000_123_456_000);
    }

    #[test]
    fn a_file_that_is_cut_short_anywhere_is_whole_records_or_an_error_with_its_place() {
        let file = written();
        for bytes in 0..file.len() {
            let cut = read(&file[..bytes]);
            match bytes {
                0..24 => assert_eq!(cut.unwrap_err(), "it is too short for a capture"),
                24 => assert_eq!(cut, Ok(vec![])),
                45 => assert_eq!(cut.unwrap().len(), 1),
                25..45 => {
                    assert!(cut.unwrap_err().starts_with("record 1 at byte 24: it ends after"));
                }
                _ => assert!(cut.unwrap_err().starts_with("record 2 at byte 45: it ends after")),
            }
        }
    }

    #[test]
    fn lengths_fractions_and_formats_that_can_not_be_are_refused_before_memory_is_taken() {
        let damaged = |at: usize, word: u32| {
            let mut file = written();
            file[at..at + 4].copy_from_slice(&word.to_le_bytes());
            read(&file).unwrap_err()
        };
        assert_eq!(damaged(32, u32::MAX), "record 1 at byte 24: 4294967295 bytes captured of 5");
        assert!(damaged(32, 6).contains("6 bytes captured of 5"));
        assert!(damaged(28, 1_000_000_000).contains("a fraction of a second"));
        assert!(damaged(0, 7).contains("begins with 0x00000007"));
        assert!(damaged(0, PCAPNG).contains("editcap"));
        assert!(damaged(20, 147).contains("link type is 147"));
    }
}
