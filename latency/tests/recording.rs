//! What a recorder counts, and what its reading end sees of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use taut_latency::{Histogram, Limits, Recorder, Snapshots};
use taut_runtime::time::Instant;

#[test]
fn a_snapshot_holds_what_was_recorded_since_the_last_one() {
    let (recorder, mut snapshots) = Recorder::new();
    [5, 5, 7].into_iter().for_each(|latency_ns| recorder.record_ns(latency_ns));
    let first = snapshots.snapshot();
    assert_eq!((first.len(), first.count_at(5), first.count_at(7)), (3, 2, 1));
    recorder.record_ns(5);
    let second = snapshots.snapshot();
    assert_eq!((second.len(), second.count_at(5), second.count_at(7)), (1, 1, 0));
    assert!(snapshots.snapshot().is_empty());
}

#[test]
fn what_the_histogram_held_before_a_snapshot_is_replaced() {
    let (recorder, mut snapshots) = Recorder::new();
    let mut interval = snapshots.empty();
    interval.record_n(9, 9).unwrap();
    recorder.record_ns(4);
    snapshots.snapshot_into(&mut interval);
    assert_eq!((interval.len(), interval.min(), interval.max()), (1, 4, 4));
}

#[test]
fn zero_is_a_latency() {
    let (recorder, mut snapshots) = Recorder::new();
    recorder.record_ns(0);
    let (early, late) = (Instant::from_nanos(10), Instant::from_nanos(25));
    recorder.record_between(late, early);
    recorder.record_between(early, late);
    let interval = snapshots.snapshot();
    assert_eq!((interval.len(), interval.count_at(0), interval.count_at(15)), (3, 2, 1));
    assert_eq!(snapshots.saturated(), 0);
}

#[test]
fn above_the_highest_is_counted_as_the_highest_and_apart() {
    let highest_ns = 1_000_000;
    let limits = Limits { highest_ns, ..Limits::default() };
    let (recorder, mut snapshots) = Recorder::with_limits(limits).unwrap();
    recorder.record_ns(highest_ns);
    assert_eq!(snapshots.saturated(), 0);
    recorder.record_ns(highest_ns + 1);
    recorder.record_ns(u64::MAX);
    let interval = snapshots.snapshot();
    assert_eq!((interval.len(), interval.count_at(highest_ns)), (3, 3));
    assert_eq!(interval.max(), interval.highest_equivalent(highest_ns));
    assert_eq!(snapshots.saturated(), 2);
    assert_eq!(snapshots.snapshot().len(), 0);
    assert_eq!(snapshots.saturated(), 2);
}

#[test]
fn the_time_from_a_start_is_read_from_the_runtimes_clock() {
    let (recorder, mut snapshots) = Recorder::new();
    let at_most = taut_runtime::run(async move {
        let start = Instant::now();
        taut_runtime::time::sleep(Duration::from_micros(200)).await.unwrap();
        recorder.record(start);
        start.elapsed()
    });
    let interval = snapshots.snapshot();
    assert_eq!(interval.len(), 1);
    assert!(interval.max() >= 200_000);
    assert!(u128::from(interval.min()) <= at_most.unwrap().as_nanos());
}

#[test]
#[should_panic(expected = "take it from `Snapshots::empty`")]
fn a_histogram_of_other_limits_is_refused() {
    let (_recorder, mut snapshots) = Recorder::new();
    snapshots.snapshot_into(&mut Histogram::new_with_bounds(1, 1000, 3).unwrap());
}

#[test]
fn the_ends_outlive_each_other() {
    let (recorder, mut snapshots) = Recorder::new();
    recorder.record_ns(3);
    drop(recorder);
    assert_eq!(snapshots.snapshot().len(), 1);
    let (recorder, snapshots) = Recorder::new();
    drop(snapshots);
    recorder.record_ns(3);
}

/// Latencies of the writer: one hundred values over seven magnitudes, each with a count of its own.
fn latency_ns(number: u64) -> u64 {
    let spread = number.wrapping_mul(number) % 100;
    (spread + 1) << (spread % 20)
}

/// Adds the intervals of snapshots that follow each other closely, until told that all is written.
fn sum_of_intervals(snapshots: &mut Snapshots, done: &AtomicBool) -> (Histogram<u64>, u64) {
    let (mut sum, mut interval) = (snapshots.empty(), snapshots.empty());
    let mut filled = 0;
    loop {
        // Asked before the snapshot, so that the last one is taken after the last record.
        let last = done.load(Ordering::Acquire);
        snapshots.snapshot_into(&mut interval);
        filled += u64::from(!interval.is_empty());
        sum.add(&interval).unwrap();
        if last {
            return (sum, filled);
        }
    }
}

#[test]
fn of_two_threads_no_record_is_lost_or_counted_twice() {
    const RECORDS: u64 = 3_000_000;
    let limits = Limits { highest_ns: 1 << 28, significant_digits: 2, ..Limits::default() };
    let (recorder, mut snapshots) = Recorder::with_limits(limits).unwrap();
    let done = AtomicBool::new(false);
    let (sum, filled) = thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            (0..RECORDS).for_each(|number| recorder.record_ns(latency_ns(number)));
            done.store(true, Ordering::Release);
        });
        sum_of_intervals(&mut snapshots, done)
    });
    assert!(filled > 1, "the reader saw all at once, which tests nothing");

    let mut wanted = snapshots.empty();
    (0..RECORDS).for_each(|number| wanted.record(latency_ns(number)).unwrap());
    assert_eq!((sum.len(), wanted.len()), (RECORDS, RECORDS));
    assert_eq!(sum, wanted);
}

fn counts(histogram: &Histogram<u64>) -> BTreeMap<u64, u64> {
    let counted = |one: &hdrhistogram::iterators::IterationValue<u64>| one.count_at_value() > 0;
    let all = histogram.iter_all().filter(counted);
    all.map(|one| (one.value_iterated_to(), one.count_at_value())).collect()
}

proptest! {
    #[test]
    fn every_count_is_the_histograms_own(
        values in prop::collection::vec((any::<u64>(), 28_u32..64), 0..200),
        lowest_ns in 1_u64..2_000,
        significant_digits in 0_u8..=3,
    ) {
        let limits = Limits { lowest_ns, significant_digits, ..Limits::default() };
        let (recorder, mut snapshots) = Recorder::with_limits(limits).unwrap();
        let mut wanted = snapshots.empty();
        for (value, shift) in values {
            let value = (value >> shift).min(limits.highest_ns);
            recorder.record_ns(value);
            wanted.record(value).unwrap();
        }
        let interval = snapshots.snapshot();
        prop_assert_eq!(counts(&interval), counts(&wanted));
        prop_assert_eq!(interval.len(), wanted.len());
        prop_assert_eq!(interval.min(), wanted.min());
        // Emptied and never filled are told apart by the library's maximum; so are 0 and others that
        // it can't tell apart.
        prop_assert!(wanted.is_empty() || wanted.equivalent(interval.max(), wanted.max()));
    }
}
