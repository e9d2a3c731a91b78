//! Files that are no ring, no more a ring, or written to by somebody else: errors and wrong
//! messages, but no panic and no access beyond the ring.

mod common;

use std::fs::{File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::Random;
use common::directory::Directory;
use common::shared_memory::KINDS;
use proptest::prelude::*;
use taut::cores::shared_memory::{Kind, Options, ReadError, Ring, RingError, WriteError};

const SLOT_BYTES: usize = 40;
const CAPACITY: usize = 8;

fn file_bytes(kind: Kind) -> usize {
    Options::new(kind, SLOT_BYTES, CAPACITY).file_bytes().unwrap()
}

/// A ring that was used, in a file.
fn used(path: &Path, kind: Kind) -> File {
    let ring = Ring::create(path, &Options::new(kind, SLOT_BYTES, CAPACITY)).unwrap();
    let (mut writer, mut reader) = (ring.writer().unwrap(), ring.reader().unwrap());
    for number in 0..CAPACITY as u64 + 3 {
        writer.try_send(&number).unwrap();
        if number < 5 {
            assert_eq!(reader.try_recv(), Ok(number));
        }
    }
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

/// Does with a ring whatever can be done without waiting, a bounded number of times.
fn use_all(ring: &Ring) {
    let slot_bytes = ring.options().slot_bytes();
    for _ in 0..3 {
        let (mut writer, mut reader) = (ring.writer().ok(), ring.reader().ok());
        for length in 0..40 {
            if let Some(writer) = &mut writer {
                match writer.try_claim(length.min(slot_bytes)) {
                    Ok(mut claim) => {
                        claim.fill(length as u8);
                        claim.commit();
                    }
                    Err(error) => assert!(!matches!(error, WriteError::TooLong { .. }), "{error}"),
                }
            }
            if let Some(reader) = &mut reader {
                match reader.try_borrow() {
                    Ok(message) => {
                        assert!(message.len() <= slot_bytes);
                        std::hint::black_box(
                            message.iter().map(|byte| u64::from(*byte)).sum::<u64>(),
                        );
                        if length % 3 > 0 {
                            message.release();
                        }
                    }
                    Err(error) => {
                        assert!(!matches!(error, ReadError::WrongLength { .. }), "{error}");
                    }
                }
            }
        }
    }
}

fn open_and_use(path: &Path) {
    if let Ok(ring) = Ring::open(path) {
        use_all(&ring);
    }
}

/// Numbers that are likely to hurt, and any other.
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX - 1),
        Just(1 << 62),
        Just((1 << 62) - 1),
        Just(1 << 63),
        0..300_u64,
        any::<u64>(),
    ]
}

fn write_word(file: &File, word: usize, value: u64) {
    file.write_all_at(&value.to_ne_bytes(), word as u64 * 8).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_header_with_other_words_is_refused_or_serves(
        kind in prop::sample::select(&KINDS[..]),
        words in prop::collection::vec((0..8_usize, numbers()), 1..4),
    ) {
        let folder = Directory::new();
        let path = folder.join("ring");
        let file = used(&path, kind);
        for (word, value) in words {
            write_word(&file, word, value);
        }
        open_and_use(&path);
    }

    #[test]
    fn positions_stamps_and_lengths_that_nobody_wrote_do_no_harm(
        kind in prop::sample::select(&KINDS[..]),
        words in prop::collection::vec((any::<prop::sample::Index>(), numbers()), 1..40),
    ) {
        let folder = Directory::new();
        let path = folder.join("ring");
        let file = used(&path, kind);
        // The page of the header is as it was: everything behind it is not.
        let first = 512;
        // The words that mean something come first in each 64 bytes.
        let lines = (file_bytes(kind) / 8 - first) / 8;
        for (index, value) in words {
            let index = index.index(lines * 4);
            write_word(&file, first + index / 4 * 8 + index % 4, value);
        }
        open_and_use(&path);
    }

    #[test]
    fn bytes_of_any_kind_and_number_are_no_ring(
        bytes in prop::collection::vec(any::<u8>(), 0..10_000),
    ) {
        let folder = Directory::new();
        let path = folder.join("ring");
        std::fs::write(&path, bytes).unwrap();
        let error = Ring::open(&path).unwrap_err();
        prop_assert!(matches!(error, RingError::NotARing(_)), "{}", error);
    }

    #[test]
    fn a_file_that_was_cut_short_is_refused(
        kind in prop::sample::select(&KINDS[..]),
        length in any::<prop::sample::Index>(),
    ) {
        let folder = Directory::new();
        let path = folder.join("ring");
        let file = used(&path, kind);
        file.set_len(length.index(file_bytes(kind)) as u64).unwrap();
        let error = Ring::open(&path).unwrap_err();
        prop_assert!(matches!(error, RingError::NotARing(_)), "{}", error);
    }
}

#[test]
fn a_ring_that_is_scribbled_on_while_it_is_used_does_no_harm() {
    for kind in KINDS {
        let folder = Directory::new();
        let path = folder.join("ring");
        let file = used(&path, kind);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random::new(5);
                let interesting = [0, 1, 2, 9, 17, u64::MAX, 1 << 62, 1 << 63];
                while !done.load(Ordering::Relaxed) {
                    let word = 512 + random.below(file_bytes(kind) / 8 - 512);
                    let value = match random.below(3) {
                        0 => random.next(),
                        1 => random.below(64) as u64,
                        _ => interesting[random.below(interesting.len())],
                    };
                    write_word(&file, word, value);
                }
            });
            let ring = Ring::open(&path).unwrap();
            (0..2000).for_each(|_| use_all(&ring));
            done.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn another_version_is_refused_by_name_and_a_later_minor_one_is_not() {
    let folder = Directory::new();
    let path = folder.join("ring");
    let file = used(&path, Kind::Spsc);
    write_word(&file, 1, 7 << 32 | 3);
    let error = Ring::open(&path).unwrap_err();
    let RingError::Version { found, supported } = error else { panic!("{error}") };
    assert_eq!((found, supported), ((7, 3), (1, 0)));
    let error = RingError::Version { found, supported }.to_string();
    assert!(error.contains("7.3") && error.contains("1.0"), "{error}");
    write_word(&file, 1, 1 << 32 | 9);
    assert_eq!(Ring::open(&path).unwrap().reader().unwrap().try_recv(), Ok(5_u64));
}

#[test]
fn what_is_no_regular_or_no_sealed_file_is_refused() {
    let folder = Directory::new();
    let path = folder.join("ring");
    let open = OwnedFd::from(used(&path, Kind::Spsc));
    let error = Ring::from_fd(open).unwrap_err();
    assert!(error.to_string().contains("not sealed"), "{error}");
    for special in ["/dev/null", "/proc/self/mem"] {
        assert!(Ring::open(special).is_err(), "{special}");
    }
    assert!(Ring::open(&*folder).is_err());
    let (pipe, _other) = std::io::pipe().unwrap();
    assert!(Ring::from_fd(OwnedFd::from(pipe)).is_err());
}
