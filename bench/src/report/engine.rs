//! A user's own interval log as a report: each tag is a series, each row one of its rounds.
//!
//! What a log does not hold (host, counters, ratios) is absent, and the page leaves those parts
//! out.

use std::path::Path;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use taut::latency::hlog::{self, Row};

use super::summary::{Round, Summary};
use super::{Report, SCHEMA, Unit};
use crate::harness::environment::Environment;
use crate::harness::series::decimals;
use crate::harness::verdict::Status;

/// What rows without a tag are shown as.
const UNTAGGED: &str = "untagged";

/// The log's text as a report; the file's name becomes the workload's.
///
/// # Errors
///
/// The line that can't be read, and a log without rows.
pub(crate) fn report(file: &Path, text: &str) -> Result<Report, String> {
    let rows = hlog::read(text).map_err(|error| error.to_string())?;
    let Some(started) = rows.iter().map(|row| row.start).min() else {
        return Err("the interval log has no rows".to_owned());
    };
    let mut tags: Vec<&str> = Vec::new();
    for row in &rows {
        if !tags.contains(&name(row)) {
            tags.push(name(row));
        }
    }
    let of_tag = |tag: &str| {
        let rows: Vec<&Row> = rows.iter().filter(|row| name(row) == tag).collect();
        series(tag, &rows, started)
    };
    let series = tags.iter().map(|tag| of_tag(tag)).collect::<Result<_, _>>()?;
    let workload = file.file_stem().map_or_else(|| "log".into(), |stem| stem.to_string_lossy());
    Ok(Report {
        schema: SCHEMA,
        workload: workload.into_owned(),
        status: Status::Ok,
        reasons: Vec::new(),
        unit: Unit::Nanoseconds,
        environment: unknown_environment(format!(
            "an engine's own stages, {} intervals of {} tags from {}",
            rows.len(),
            tags.len(),
            file.display()
        )),
        series,
        ratios: Vec::new(),
        tables: Vec::new(),
        sla: Vec::new(),
    })
}

fn name(row: &Row) -> &str {
    row.tag.as_deref().unwrap_or(UNTAGGED)
}

fn series(tag: &str, rows: &[&Row], started: SystemTime) -> Result<Summary, String> {
    let digits = rows.iter().map(|row| row.histogram.sigfig()).max().unwrap_or(3);
    let problem = |error: &dyn std::fmt::Display| format!("the rows of {tag}: {error}");
    // Grows with what is added: rows may differ in their bounds.
    let mut all = Histogram::<u64>::new(digits).map_err(|error| problem(&error))?;
    for row in rows {
        all.add(&row.histogram).map_err(|error| problem(&error))?;
    }
    let elapsed: Duration = rows.iter().map(|row| row.length).sum();
    Ok(Summary {
        name: tag.to_owned(),
        rounds: rows.iter().map(|row| round(row, started)).collect(),
        ops_per_s: per_second(all.len(), elapsed),
        ..Summary::of(&all)
    })
}

fn round(row: &Row, started: SystemTime) -> Round {
    let figures = Summary::of(&row.histogram);
    let since = row.start.duration_since(started).unwrap_or_default();
    Round {
        started_ms: decimals(since.as_secs_f64() * 1e3, 3),
        length_ms: decimals(row.length.as_secs_f64() * 1e3, 3),
        samples: figures.samples,
        p50: figures.p50,
        p90: figures.p90,
        p99: figures.p99,
        p99_9: figures.p99_9,
        max: figures.max,
        ops_per_s: per_second(figures.samples, row.length),
        ..Round::default()
    }
}

fn per_second(count: u64, elapsed: Duration) -> Option<f64> {
    (!elapsed.is_zero()).then(|| decimals(count as f64 / elapsed.as_secs_f64(), 1))
}

fn unknown_environment(measures: String) -> Environment {
    let unknown = || "unknown".to_owned();
    Environment {
        started_utc: unknown(),
        command_line: String::new(),
        measures,
        settings: Vec::new(),
        version: unknown(),
        commit: unknown(),
        compiler: unknown(),
        kernel: None,
        boot_options: Vec::new(),
        cpu_model: None,
        cpus_online: None,
        cpus_allowed: unknown(),
        server_core: 0,
        client_core: 0,
        server_core_siblings: unknown(),
        client_core_siblings: unknown(),
        cpus_isolated: unknown(),
        cpus_nohz_full: unknown(),
        governor: None,
        clocksource: None,
        time_source: unknown(),
        time_source_drift_ppm: 0.0,
        virtualised: false,
        server_core_steal_percent: 0.0,
        client_core_steal_percent: 0.0,
        io_uring_disabled: None,
        features: Vec::new(),
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taut::latency::hlog::LogWriter;

    fn log() -> String {
        let mut writer = LogWriter::new(Vec::new(), SystemTime::now(), &[]).unwrap();
        for second in 0..3 {
            let mut histogram = Histogram::<u64>::new_with_bounds(1, 1_000_000, 3).unwrap();
            histogram.record_n(1_000 + 500 * second, 30).unwrap();
            let start = Duration::from_secs(second);
            let length = Duration::from_secs(1);
            writer.write(Some("decode"), start, length, &histogram).unwrap();
        }
        let mut wide = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        wide.record(50_000_000_000).unwrap();
        for histogram in [&wide, &Histogram::new_with_bounds(1, 1_000, 2).unwrap()] {
            writer.write(None, Duration::ZERO, Duration::from_secs(2), histogram).unwrap();
        }
        String::from_utf8(writer.into_inner()).unwrap()
    }

    #[test]
    fn tags_become_series_and_rows_their_rounds() {
        let report = report(Path::new("logs/engine.hlog"), &log()).unwrap();
        assert_eq!(report.workload, "engine");
        let decode = report.series("decode").unwrap();
        assert_eq!((decode.samples, decode.ops_per_s), (90, Some(30.0)));
        assert_eq!(decode.p50, Some(1_500));
        let rounds: Vec<(f64, Option<u64>)> =
            decode.rounds.iter().map(|round| (round.started_ms, round.max)).collect();
        assert_eq!(rounds, [(0.0, Some(1_000)), (1e3, Some(1_500)), (2e3, Some(2_000))]);
        let untagged = report.series("untagged").unwrap();
        assert_eq!((untagged.samples, untagged.rounds.len()), (1, 2));
        assert!(untagged.max.unwrap() >= 50_000_000_000);
    }

    #[test]
    fn what_is_no_log_is_an_error_with_its_line() {
        let error = report(Path::new("a.hlog"), "1.0,1.0\n").unwrap_err();
        assert!(error.contains("line 1"), "{error}");
        let error = report(Path::new("a.hlog"), "#nothing\n").unwrap_err();
        assert!(error.contains("no rows"), "{error}");
    }
}
