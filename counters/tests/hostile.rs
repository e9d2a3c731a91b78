//! Files that somebody cut, scribbled over or wrote with another version, and a writer that is
//! killed: the reader says what it can and never goes beyond the file.

mod common;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use common::{Bytes, SPECS, file, name};
use proptest::prelude::*;
use taut_counters::{
    Buckets, CounterFile, CounterFileErrorKind as ErrorKind, CounterFileOptions, CounterReader,
    Kind, Reading,
};

const RECORDS: usize = 4096;
const RECORD_BYTES: usize = 128;

/// The bytes of a small file with a bit of everything, and its records' number.
fn whole() -> Vec<u8> {
    let options = CounterFileOptions {
        name: name("whole"),
        cores_max: 1,
        counters_max: 2,
        recorders_max: 1,
        recorder_bytes_max: 8192,
        ..Default::default()
    };
    let file = CounterFile::create(options).unwrap();
    let block = file.block("core", SPECS).unwrap();
    block.words()[0].store(11, Relaxed);
    let recording = file.recording("sizes", "", Buckets::new(1, 1000, 1).unwrap()).unwrap();
    recording.record(7);
    file.counter("sent", "").unwrap().add(3);
    fs::read(file.path()).unwrap()
}

fn word(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
}

/// Reads a file of these bytes to the end; whatever it says, it must not go beyond them.
fn read(bytes: &[u8]) {
    let file = Bytes::new(bytes);
    let Ok(mut reader) = CounterReader::open(&file.0) else { return };
    let snapshot = reader.snapshot().unwrap();
    let _ = (reader.name(), reader.pid(), reader.has_writer());
    for value in snapshot.values() {
        match value.reading() {
            Reading::Distribution(counts) => {
                let _ = (counts.len(), counts.max(), counts.value_at_quantile(0.99));
                let _ = counts.since(counts);
            }
            Reading::Text(text) => assert!(!text.chars().any(char::is_control)),
            _ => {}
        }
        assert!(!value.label().chars().any(char::is_control));
    }
}

#[test]
fn a_copy_reads_like_the_file() {
    let copy = Bytes::new(&whole());
    let mut reader = CounterReader::open(&copy.0).unwrap();
    assert!(!reader.has_writer());
    let snapshot = reader.snapshot().unwrap();
    assert_eq!((snapshot.name(1), snapshot.number(1, "turns")), (Some("core"), Some(11)));
    assert_eq!(snapshot.distribution(0, "sizes").unwrap().len(), 1);
    assert_eq!((snapshot.number(0, "sent"), snapshot.damaged_records()), (Some(3), 0));
}

#[test]
fn another_major_version_is_refused_and_another_minor_one_is_read() {
    let mut bytes = whole();
    bytes[8..12].copy_from_slice(&2_u32.to_ne_bytes());
    let file = Bytes::new(&bytes);
    let refused = CounterReader::open(&file.0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Version);
    assert!(refused.to_string().contains("version 2.0, and this program reads 1.x"), "{refused}");

    bytes[8..16].copy_from_slice(&[1_u32.to_ne_bytes(), 9_u32.to_ne_bytes()].concat());
    // A record of a kind that is not known yet, over the value of the first counter.
    let count = u64::from_ne_bytes(bytes[72..80].try_into().unwrap()) as usize;
    let (last, new) = (RECORDS + (count - 1) * RECORD_BYTES, RECORDS + count * RECORD_BYTES);
    bytes.copy_within(last..last + RECORD_BYTES, new);
    bytes[new + 16..new + 20].copy_from_slice(&77_u32.to_ne_bytes());
    bytes[new + 64..new + 72].copy_from_slice(b"novelty\0");
    word(&mut bytes, 72, count as u64 + 1);
    let file = Bytes::new(&bytes);
    let mut reader = CounterReader::open(&file.0).unwrap();
    assert_eq!(reader.version(), (1, 9));
    let snapshot = reader.snapshot().unwrap();
    let novelty = snapshot.value(0, "novelty").unwrap();
    assert_eq!((novelty.kind(), novelty.number()), (Kind::Unknown(77), Some(3)));
    assert_eq!(snapshot.number(0, "sent"), Some(3), "the rest is read as ever");
}

#[test]
fn larger_records_of_a_later_version_are_read_by_their_known_part() {
    let mut bytes = whole();
    let count = u64::from_ne_bytes(bytes[72..80].try_into().unwrap()) as usize;
    for index in (0..count).rev() {
        let from = RECORDS + index * RECORD_BYTES;
        bytes.copy_within(from..from + RECORD_BYTES, RECORDS + index * 2 * RECORD_BYTES);
    }
    word(&mut bytes, 56, 2 * RECORD_BYTES as u64);
    word(&mut bytes, 64, count as u64);
    let file = Bytes::new(&bytes);
    let snapshot = CounterReader::open(&file.0).unwrap().snapshot().unwrap();
    assert_eq!((snapshot.number(1, "turns"), snapshot.number(0, "sent")), (Some(11), Some(3)));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = whole();
    let lengths = (0..200).chain((200..bytes.len()).step_by(997)).chain([bytes.len() - 1]);
    for length in lengths {
        let file = Bytes::new(&bytes[..length]);
        let refused = CounterReader::open(&file.0).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotACounterFile, "{length} bytes");
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_open_is_an_error() {
    let file = Bytes::new(&whole());
    let mut reader = CounterReader::open(&file.0).unwrap();
    reader.snapshot().unwrap();
    fs::OpenOptions::new().write(true).open(&file.0).unwrap().set_len(4096).unwrap();
    let refused = reader.snapshot().unwrap_err();
    assert!(refused.to_string().contains("cut short"), "{refused}");
}

#[test]
fn what_is_no_file_is_refused() {
    for path in ["/dev/null", "/dev/shm", "/proc/self/maps"] {
        let refused = CounterReader::open(path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotACounterFile, "{path}: {refused}");
    }
    assert_eq!(CounterReader::open("/none").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn offsets_and_sizes_beyond_the_file_leave_their_record_out() {
    let bytes = whole();
    let first = RECORDS + RECORD_BYTES;
    let length = bytes.len() as u64;
    for (at, value) in [
        (first, length),
        (first, u64::MAX - 7),
        (first, length - 4),
        (first + 8, length),
        (first + 8, u64::MAX),
        (first + 8, 0),
    ] {
        let mut bytes = bytes.clone();
        word(&mut bytes, at, value);
        let file = Bytes::new(&bytes);
        let snapshot = CounterReader::open(&file.0).unwrap().snapshot().unwrap();
        assert_eq!(snapshot.damaged_records(), 1, "{value} at {at}");
        assert_eq!(snapshot.number(1, "turns"), None);
        assert_eq!(snapshot.number(0, "sent"), Some(3), "the others are whole");
    }
}

#[test]
fn geometry_that_leaves_the_file_is_refused() {
    for (at, value) in [
        (16, u64::MAX),
        (48, 0),
        (48, 4097),
        (48, u64::MAX - 7),
        (56, 0),
        (56, 64),
        (56, u64::MAX - 7),
        (64, u64::MAX / 64),
    ] {
        let mut bytes = whole();
        word(&mut bytes, at, value);
        let file = Bytes::new(&bytes);
        let refused = CounterReader::open(&file.0).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotACounterFile, "{value} at {at}");
    }
}

#[test]
fn records_that_all_claim_the_same_memory_are_no_bomb() {
    let mut bytes = whole();
    let count = u64::from_ne_bytes(bytes[64..72].try_into().unwrap()) as usize;
    let text = RECORDS;
    word(&mut bytes, text, 0);
    word(&mut bytes, text + 8, 4096);
    for index in 1..count {
        bytes.copy_within(text..text + RECORD_BYTES, RECORDS + index * RECORD_BYTES);
    }
    word(&mut bytes, 72, u64::MAX);
    let file = Bytes::new(&bytes);
    let snapshot = CounterReader::open(&file.0).unwrap().snapshot().unwrap();
    let words = bytes.len() / 8;
    assert!(snapshot.values().len() <= words / 4096);
    assert!(snapshot.damaged_records() > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
        read(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_possible_header_are_read(
        seed in prop::collection::vec(any::<u8>(), 128..4096),
    ) {
        let mut bytes = whole();
        let records = RECORDS..RECORDS + 16 * RECORD_BYTES;
        bytes[records].iter_mut().zip(seed.iter().cycle()).for_each(|(to, from)| *to = *from);
        word(&mut bytes, 72, 16);
        read(&bytes);
    }

    #[test]
    fn scribbles_over_a_whole_file_are_read_or_refused(
        scribbles in prop::collection::vec((0_usize..8192, any::<u64>(), 0_u32..64), 1..20),
    ) {
        let mut bytes = whole();
        for (at, value, shift) in scribbles {
            let at = (at & !7).min(bytes.len() - 8);
            word(&mut bytes, at, value >> shift);
        }
        read(&bytes);
    }
}

#[test]
fn a_reader_sees_each_counter_whole_and_growing_while_it_is_written() {
    const STEP: u64 = 0x1_0000_0001;
    let file = file("writing");
    let counter = file.counter("both_halves", "").unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let counter = counter;
            while !stop.load(Relaxed) {
                counter.add(STEP);
            }
        });
        let mut reader = CounterReader::open(file.path()).unwrap();
        let mut last = 0;
        for _ in 0..20_000 {
            let now = reader.snapshot().unwrap().number(0, "both_halves").unwrap();
            assert_eq!(now % STEP, 0, "half of the value is of another moment");
            assert!(now >= last);
            last = now;
        }
        stop.store(true, Relaxed);
        writer.join().unwrap();
    });
}

#[test]
fn a_reader_sees_whole_records_while_they_are_added() {
    let file = file("adding");
    thread::scope(|scope| {
        let adder = scope.spawn(|| {
            (0..200)
                .map(|i| file.counter(&format!("counter_{i}"), "x").unwrap())
                .collect::<Vec<_>>()
        });
        let mut reader = CounterReader::open(file.path()).unwrap();
        loop {
            let ended = adder.is_finished();
            let snapshot = reader.snapshot().unwrap();
            assert_eq!(snapshot.damaged_records(), 0);
            for (index, value) in snapshot.values().iter().enumerate() {
                assert_eq!(value.label(), format!("counter_{index}"));
                assert_eq!((value.unit(), value.kind()), ("x", Kind::Counter));
            }
            if ended {
                assert_eq!(snapshot.values().len(), 200);
                break;
            }
        }
    });
}

/// The writer that the next test kills: this very test, in a process of its own.
const WRITER: &str = "TAUT_COUNTERS_TEST_WRITER";

#[test]
fn a_writer_that_is_killed_is_noticed_and_its_file_is_read_and_replaced() {
    if let Ok(name) = std::env::var(WRITER) {
        let options = CounterFileOptions { name, ..Default::default() };
        let counter = CounterFile::create(options).unwrap().counter("count", "").unwrap();
        println!("writing");
        std::io::stdout().flush().unwrap();
        loop {
            counter.increment();
        }
    }
    let name = name("killed");
    let test = "a_writer_that_is_killed_is_noticed_and_its_file_is_read_and_replaced";
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(WRITER, &name)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let path = format!("/dev/shm/taut-{name}.counters");
    let mut reader = loop {
        assert_eq!(writer.try_wait().unwrap(), None, "the writer ended by itself");
        let Ok(mut reader) = CounterReader::open(&path) else { continue };
        if reader.snapshot().unwrap().number(0, "count") > Some(0) {
            break reader;
        }
    };
    assert!(reader.has_writer());
    assert_eq!(reader.pid(), u64::from(writer.id()));
    let options = CounterFileOptions { name, ..Default::default() };
    assert_eq!(CounterFile::create(options.clone()).unwrap_err().kind(), ErrorKind::InUse);

    writer.kill().unwrap();
    for _ in 0..100 {
        reader.snapshot().unwrap();
    }
    writer.wait().unwrap();
    assert!(!reader.has_writer());
    let left = reader.snapshot().unwrap();
    assert!(!left.is_closed(), "it had no time to say so");
    assert!(left.number(0, "count") > Some(0));
    CounterFile::create(options).unwrap();
}
