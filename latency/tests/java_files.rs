//! The files are those of the Java library, byte for byte.
//!
//! What stands in `references/` was written by HdrHistogram 2.1.11 in UTC, from the samples that
//! `histogram` makes: the tables by `outputPercentileDistribution(out, 5, 1.0)`, the log by
//! `HistogramLogWriter` (one comment, version, start, base time, legend, then each interval with
//! a maximum ratio of 1 000 000).

use std::ops::Range;
use std::time::{Duration, SystemTime};

use taut_latency::hlog::{LogWriter, Row, read};
use taut_latency::{Histogram, hgrm};

const LOG: &str = include_str!("references/stages.hlog");
const HIGHEST_NS: u64 = 60_000_000_000;

fn histogram(bounds: (u64, u64), digits: u8, samples: Range<u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(bounds.0, bounds.1, digits).unwrap();
    for sample in samples {
        let outlier = if sample % 97 == 0 { 1000 } else { 1 };
        histogram.record(800 + sample * 7919 % 10_007 * outlier).unwrap();
    }
    histogram
}

#[test]
fn a_table_of_the_usual_limits_is_the_java_librarys() {
    let histogram = histogram((1, HIGHEST_NS), 3, 0..100_000);
    assert_eq!(hgrm::text(&histogram), include_str!("references/default.hgrm"));
}

#[test]
fn so_are_tables_of_more_and_of_less_precision() {
    let coarse = histogram((1000, 1_000_000_000), 2, 0..100_000);
    assert_eq!(hgrm::text(&coarse), include_str!("references/coarse.hgrm"));
    let fine = histogram((1, HIGHEST_NS), 5, 0..1000);
    assert_eq!(hgrm::text(&fine), include_str!("references/fine.hgrm"));
}

#[test]
fn so_are_tables_of_nothing_and_of_the_extremes() {
    let mut histogram = histogram((1, HIGHEST_NS), 3, 0..0);
    assert_eq!(hgrm::text(&histogram), include_str!("references/empty.hgrm"));
    histogram.record_n(0, 3).unwrap();
    histogram.record(HIGHEST_NS).unwrap();
    assert_eq!(hgrm::text(&histogram), include_str!("references/extremes.hgrm"));
}

fn started() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_441_812_279_474)
}

/// Tag, start in ms, histogram: the rows of the stored log.
fn rows() -> Vec<(Option<&'static str>, u64, Histogram<u64>)> {
    let bounds = (1, HIGHEST_NS);
    let mut rows = Vec::new();
    for interval in 0..3 {
        let decode = histogram(bounds, 3, interval * 10_000..(interval + 1) * 10_000);
        let decision = histogram(bounds, 3, interval * 50..(interval + 1) * 50);
        let mut all = decode.clone();
        all.add(&decision).unwrap();
        rows.push((Some("decode"), interval * 100, decode));
        rows.push((Some("decision"), interval * 100, decision));
        rows.push((None, interval * 100, all));
    }
    rows.push((None, 300, histogram(bounds, 3, 0..0)));
    rows
}

fn our_log() -> String {
    let mut log = LogWriter::new(Vec::new(), started(), &["[Taut reference]"]).unwrap();
    for (tag, start_ms, histogram) in rows() {
        let (start, length) = (Duration::from_millis(start_ms), Duration::from_millis(100));
        log.write(tag, start, length, &histogram).unwrap();
    }
    String::from_utf8(log.into_inner()).unwrap()
}

/// All of a log but the compressed column, whose bytes depend on the zlib.
fn plain(log: &str) -> Vec<&str> {
    log.lines().map(|line| line.split("HISTF").next().unwrap()).collect()
}

#[test]
fn the_plain_columns_of_a_log_are_the_java_librarys() {
    let ours = our_log();
    assert_eq!(plain(&ours), plain(LOG));
    assert!(ours.ends_with('\n') && LOG.ends_with('\n'));
}

#[test]
fn the_java_librarys_log_reads_as_what_was_recorded() {
    let read = read(LOG).unwrap();
    assert_eq!(read.len(), 10);
    assert_same(&read, rows());
}

#[test]
fn so_does_our_own() {
    assert_same(&read(&our_log()).unwrap(), rows());
}

fn assert_same(read: &[Row], written: Vec<(Option<&str>, u64, Histogram<u64>)>) {
    assert_eq!(read.len(), written.len());
    for (row, (tag, start_ms, histogram)) in read.iter().zip(written) {
        assert_eq!(row.tag.as_deref(), tag);
        assert_eq!(row.start, started() + Duration::from_millis(start_ms));
        assert_eq!(row.length, Duration::from_millis(100));
        assert_eq!(row.histogram, histogram);
        assert_eq!(row.histogram.max(), histogram.max());
    }
}
