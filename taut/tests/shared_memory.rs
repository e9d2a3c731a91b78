//! Rings in shared memory, with both ends in one process, that nobody waits for: every length and
//! kind, who is there and who is not, and the files that they lie in.

mod common;

use std::os::fd::AsFd;
use std::thread;

use common::directory::Directory;
use common::shared_memory::{KINDS, ends, ring};
use taut::cores::shared_memory::{
    CAPACITY_MAX, Kind, Options, READERS_MAX, ReadError, Ring, RingError, SLOT_BYTES_MAX,
    WriteError, Writer,
};

fn write(writer: &mut Writer, bytes: &[u8]) {
    let mut claim = writer.try_claim(bytes.len()).unwrap();
    claim.copy_from_slice(bytes);
    claim.commit();
}

#[test]
fn messages_of_every_length_arrive_whole_and_aligned() {
    for kind in KINDS {
        for slot_bytes in [1, 7, 8, 16, 47, 48, 49, 112, 1000] {
            let (mut writer, mut reader) = ends(kind, slot_bytes, 3);
            for length in (0..=slot_bytes).chain([0, slot_bytes]) {
                let message: Vec<u8> = (0..length).map(|byte| (byte + length) as u8).collect();
                write(&mut writer, &message);
                let read = reader.try_borrow().unwrap();
                assert_eq!(*read, message, "{kind:?} {slot_bytes} {length}");
                assert_eq!(read.as_ptr().addr() % 16, 0);
                read.release();
                assert_eq!(reader.try_borrow().unwrap_err(), ReadError::Empty);
            }
            let refused = writer.try_claim(slot_bytes + 1).unwrap_err();
            assert_eq!(refused, WriteError::TooLong { bytes: slot_bytes + 1, slot_bytes });
            assert_eq!(writer.try_claim(0).unwrap().as_ptr().addr() % 16, 0);
        }
    }
}

#[test]
fn values_go_in_and_out_and_one_of_another_length_stays() {
    for kind in KINDS {
        let (mut writer, mut reader) = ends(kind, 24, 4);
        writer.try_send(&[7_u64, 8, 9]).unwrap();
        let wrong = ReadError::WrongLength { bytes: 24, expected: 8 };
        assert_eq!(reader.try_recv::<u64>(), Err(wrong));
        assert_eq!(reader.try_recv(), Ok([7_u64, 8, 9]));
        let refused = writer.try_send(&[0_u8; 25]).unwrap_err();
        assert_eq!(refused, WriteError::TooLong { bytes: 25, slot_bytes: 24 });
        assert_eq!(reader.try_recv::<u8>(), Err(ReadError::Empty));
    }
}

#[test]
fn a_claim_that_is_dropped_sends_nothing_and_a_borrow_that_is_dropped_takes_nothing() {
    for kind in KINDS {
        let (mut writer, mut reader) = ends(kind, 8, 2);
        for number in 0..10_u64 {
            writer.try_claim(8).unwrap().fill(0xEE);
            assert_eq!(reader.try_borrow().unwrap_err(), ReadError::Empty);
            writer.try_send(&number).unwrap();
            assert_eq!(*reader.try_borrow().unwrap(), number.to_ne_bytes());
            assert_eq!(reader.try_recv(), Ok(number));
        }
        assert_eq!((writer.position(), reader.position()), (10, 10));
    }
}

#[test]
fn a_full_ring_refuses_until_a_message_is_released() {
    for kind in [Kind::Spsc, Kind::Broadcast] {
        for capacity in [1, 2, 5] {
            let (mut writer, mut reader) = ends(kind, 8, capacity);
            for number in 0..3 * capacity as u64 {
                for ahead in 0..capacity as u64 {
                    writer.try_send(&(number + ahead)).unwrap();
                }
                assert_eq!(writer.try_send(&0_u64), Err(WriteError::Full));
                for ahead in 0..capacity as u64 {
                    assert_eq!(reader.try_recv(), Ok(number + ahead));
                }
            }
        }
    }
}

#[test]
fn a_lossy_reader_is_told_how_many_messages_it_lost() {
    let (mut writer, mut reader) = ends(Kind::BroadcastLossy, 8, 4);
    for number in 0..11_u64 {
        writer.try_send(&number).unwrap();
    }
    assert_eq!(reader.try_recv::<u64>(), Err(ReadError::Lagged(7)));
    for number in 7..11_u64 {
        assert_eq!(reader.try_recv(), Ok(number));
    }
    assert_eq!(reader.try_recv::<u64>(), Err(ReadError::Empty));
}

#[test]
fn a_lossy_reader_goes_on_where_an_earlier_one_was() {
    let ring = ring(Kind::BroadcastLossy, 8, 4);
    let mut writer = ring.writer().unwrap();
    (0..6_u64).for_each(|number| writer.try_send(&number).unwrap());
    let mut late = ring.reader().unwrap();
    assert_eq!(late.try_recv::<u64>(), Err(ReadError::Empty));
    let mut reader = ring.reader_from(4).unwrap();
    assert_eq!(reader.try_recv(), Ok(4_u64));
    let position = reader.position();
    drop(reader);
    assert_eq!(ring.reader_from(position).unwrap().try_recv(), Ok(5_u64));
    assert_eq!(ring.reader_from(0).unwrap().try_recv::<u64>(), Err(ReadError::Lagged(2)));
    // One that knew an earlier file does not wait for that one's messages.
    assert_eq!(ring.reader_from(u64::MAX).unwrap().position(), 6);
    let other = self::ring(Kind::Spsc, 8, 4);
    assert!(matches!(other.reader_from(0), Err(RingError::Options(_))));
}

#[test]
fn every_broadcast_reader_gets_every_message_and_the_slowest_holds_up_the_writer() {
    let options = Options::new(Kind::Broadcast, 8, 2).readers_max(2);
    let ring = Ring::create_unnamed(&options).unwrap();
    let mut writer = ring.writer().unwrap();
    // Nobody is there to be waited for.
    (0..100_u64).for_each(|number| writer.try_send(&number).unwrap());
    let (mut fast, mut slow) = (ring.reader().unwrap(), ring.reader().unwrap());
    let third = ring.reader().unwrap_err();
    assert!(matches!(third, RingError::Busy { process, .. } if process == std::process::id()));
    for number in 0..50_u64 {
        writer.try_send(&number).unwrap();
        assert_eq!(fast.try_recv(), Ok(number));
        assert_eq!(slow.try_recv(), Ok(number));
    }
    writer.try_send(&50_u64).unwrap();
    writer.try_send(&51_u64).unwrap();
    assert_eq!(fast.try_recv(), Ok(50_u64));
    assert_eq!(writer.try_send(&52_u64), Err(WriteError::Full));
    drop(slow);
    writer.try_send(&52_u64).unwrap();
    assert_eq!([fast.try_recv(), fast.try_recv()], [Ok(51_u64), Ok(52)]);
    assert_eq!(ring.reader().unwrap().try_recv::<u64>(), Err(ReadError::Empty));
}

#[test]
fn two_writers_or_two_readers_of_one_ring_are_refused() {
    for kind in KINDS {
        let ring = ring(kind, 8, 4);
        let writer = ring.writer().unwrap();
        let error = Ring::from_fd(ring.as_fd().try_clone_to_owned().unwrap())
            .unwrap()
            .writer()
            .unwrap_err();
        let own = std::process::id();
        assert!(matches!(error, RingError::Busy { process, .. } if process == own), "{error}");
        assert_eq!(
            std::io::Error::from(error).to_string(),
            format!("the writer of the ring: process {own} has it already")
        );
        drop(writer);
        drop(ring.writer().unwrap());
    }
    let ring = ring(Kind::Spsc, 8, 4);
    let reader = ring.reader().unwrap();
    assert!(matches!(ring.reader(), Err(RingError::Busy { .. })));
    drop(reader);
    ring.reader().unwrap();
}

#[test]
fn what_was_written_is_read_before_the_writer_is_missed_and_the_next_one_goes_on() {
    for kind in KINDS {
        let ring = ring(kind, 8, 4);
        let mut reader = ring.reader().unwrap();
        assert_eq!(reader.try_recv::<u64>(), Err(ReadError::Disconnected));
        for number in 0..5_u64 {
            let mut writer = ring.writer().unwrap();
            assert_eq!(reader.try_recv::<u64>(), Err(ReadError::Empty));
            writer.try_send(&number).unwrap();
            writer.try_send(&(number + 1)).unwrap();
            writer.try_claim(8).unwrap().fill(0xEE);
            drop(writer);
            assert_eq!(reader.try_recv(), Ok(number));
            assert_eq!(reader.try_recv(), Ok(number + 1));
            assert_eq!(reader.try_recv::<u64>(), Err(ReadError::Disconnected));
            assert_eq!(reader.try_recv::<u64>(), Err(ReadError::Disconnected));
        }
    }
}

#[test]
fn messages_wait_for_the_next_reader_of_an_spsc() {
    let ring = ring(Kind::Spsc, 8, 4);
    let mut writer = ring.writer().unwrap();
    (0..4_u64).for_each(|number| writer.try_send(&number).unwrap());
    assert_eq!(writer.try_send(&4_u64), Err(WriteError::Disconnected));
    let mut reader = ring.reader().unwrap();
    assert_eq!(writer.try_send(&4_u64), Err(WriteError::Full));
    assert_eq!(reader.try_recv(), Ok(0_u64));
    // Borrowed only, so it comes again.
    assert_eq!(*reader.try_borrow().unwrap(), 1_u64.to_ne_bytes());
    drop(reader);
    writer.try_send(&4_u64).unwrap();
    assert_eq!(writer.try_send(&5_u64), Err(WriteError::Disconnected));
    let mut reader = ring.reader().unwrap();
    for number in 1..5_u64 {
        assert_eq!(reader.try_recv(), Ok(number));
    }
}

#[test]
fn options_out_of_range_are_refused() {
    for (slot_bytes, capacity, readers) in [
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 0),
        (SLOT_BYTES_MAX + 1, 1, 1),
        (1, CAPACITY_MAX + 1, 1),
        (1, 1, READERS_MAX + 1),
    ] {
        let options = Options::new(Kind::Broadcast, slot_bytes, capacity).readers_max(readers);
        let made = Ring::create_unnamed(&options);
        assert!(matches!(made, Err(RingError::Options(_))), "{options:?}");
        assert_eq!(options.file_bytes(), None);
    }
    let vast = Options::new(Kind::Spsc, SLOT_BYTES_MAX, CAPACITY_MAX);
    let error = Ring::create_unnamed(&vast).unwrap_err();
    assert!(matches!(error, RingError::System { .. }), "{error}");
}

#[test]
fn a_ring_with_a_path_is_made_once_and_opened_by_who_comes_later() {
    let folder = Directory::new();
    let path = folder.join("ring");
    let options = Options::new(Kind::Spsc, 8, 4);
    assert!(matches!(Ring::open(&path), Err(RingError::System { .. })));
    let first = Ring::open_or_create(&path, &options).unwrap();
    let second = Ring::open_or_create(&path, &options).unwrap();
    assert!(matches!(Ring::create(&path, &options), Err(RingError::System { .. })));
    let other = Ring::open_or_create(&path, &Options::new(Kind::Spsc, 8, 5)).unwrap_err();
    assert!(other.to_string().contains("capacity: 5"), "{other}");
    first.writer().unwrap().try_send(&7_u64).unwrap();
    drop(first);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(second.reader().unwrap().try_recv(), Ok(7_u64));
    let nowhere = Ring::create(folder.join("no/such/ring"), &options).unwrap_err();
    assert!(nowhere.to_string().contains("no/such/ring"), "{nowhere}");
}

#[test]
fn many_who_come_at_once_share_one_ring() {
    let folder = Directory::new();
    let path = folder.join("ring");
    let options = Options::new(Kind::Spsc, 8, 64);
    let written: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let ring = Ring::open_or_create(&path, &options).unwrap();
                    // A part that another one plays is tried again.
                    loop {
                        match ring.writer() {
                            Ok(mut writer) => return writer.try_send(&1_u64).is_ok().into(),
                            Err(RingError::Busy { .. }) => thread::yield_now(),
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().map(|thread| -> usize { thread.join().unwrap() }).sum()
    });
    assert_eq!(written, 8);
    assert_eq!(Ring::open(&path).unwrap().writer().unwrap().position(), 8);
}
