//! The interval log of a run: a row for each round of each series, tagged with the series' name.
//!
//! Invariant: values are in ns, as the format wants it, so a report in a finer unit has no log.
//! Rows count from when the run was begun; servers are started between that and the first round.

use std::time::{Duration, SystemTime};

use taut::latency::hlog::{LogWriter, decode};

use super::summary::{Round, Summary};
use super::{Report, Unit};

/// The whole file's text; `None` where the report holds no histogram of a round, as one that was
/// read back doesn't.
pub(crate) fn text(report: &Report) -> Result<Option<String>, String> {
    let rounds = |one| -> Vec<(&Summary, &Round, &String)> { of_series(one) };
    let mut rows: Vec<_> = report.series.iter().flat_map(rounds).collect();
    if rows.is_empty() || report.unit != Unit::Nanoseconds {
        return Ok(None);
    }
    rows.sort_by(|one, other| one.1.started_ms.total_cmp(&other.1.started_ms));
    let environment = &report.environment;
    let started = parse_utc(&environment.started_utc).ok_or_else(|| {
        format!("{:?}, the start of the run, is no time in UTC", environment.started_utc)
    })?;
    let comments = [
        format!("taut-bench {}: {}", report.workload, environment.measures),
        environment.command_line.clone(),
    ];
    let problem = |error: &dyn std::fmt::Display| format!("the interval log: {error}");
    let mut writer = LogWriter::new(Vec::new(), started, &[&comments[0], &comments[1]])
        .map_err(|error| problem(&error))?;
    for (series, round, histogram) in rows {
        let histogram = decode(histogram).map_err(|error| problem(&error))?;
        let (start, length) = (of_ms(round.started_ms), of_ms(round.length_ms));
        writer
            .write(Some(&tag(&series.name)), start, length, &histogram)
            .map_err(|error| problem(&error))?;
    }
    String::from_utf8(writer.into_inner()).map(Some).map_err(|error| problem(&error))
}

fn of_series(series: &Summary) -> Vec<(&Summary, &Round, &String)> {
    let row = |round| {
        let round: &Round = round;
        Some((series, round, round.histogram.as_ref()?))
    };
    series.rounds.iter().filter_map(row).collect()
}

/// The name without what would end a tag.
fn tag(name: &str) -> String {
    name.replace(|letter: char| letter == ',' || letter.is_whitespace(), "-")
}

fn of_ms(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1e3).unwrap_or_default()
}

/// Reads `2026-10-03T08:15:00Z`.
fn parse_utc(text: &str) -> Option<SystemTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, between: char| -> Option<[u64; 3]> {
        let parts: Result<Vec<u64>, _> = text.split(between).map(str::parse).collect();
        parts.ok()?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    let is_date = (1970..10_000).contains(&year) && (1..=12).contains(&month);
    if !is_date || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years begin in March, so that a leap day ends its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1;
    // From 1 March of the year 0 to 1 January 1970.
    let days = days.checked_sub(719_468)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::series::{Interval, Series, Slice};
    use crate::report::tests::report;
    use taut::latency::hlog::read;

    fn series(name: &str, starts_ms: &[f64]) -> Summary {
        let mut one = Series::new(name);
        for (number, started_ms) in starts_ms.iter().enumerate() {
            let slice = Slice { elapsed_ns: 5_000_000, ..Slice::default() };
            let interval = Interval { started_ms: *started_ms, ..Interval::default() };
            one.add(&slice, &interval, &mut [1_000 * (number as u64 + 1); 30]);
        }
        one.summary()
    }

    #[test]
    fn each_round_of_each_series_is_a_row_in_the_order_of_time() {
        let mut report = report(&[], 0);
        report.environment.started_utc = "2026-10-03T08:15:00Z".to_owned();
        report.series = vec![series("floor", &[10.0, 30.0]), series("taut, hot", &[20.0])];
        let text = text(&report).unwrap().unwrap();
        let rows = read(&text).unwrap();
        let tags: Vec<&str> = rows.iter().map(|row| row.tag.as_deref().unwrap()).collect();
        assert_eq!(tags, ["floor", "taut--hot", "floor"]);
        assert_eq!(rows[2].histogram.len(), 30);
        assert_eq!(rows[2].length, Duration::from_millis(5));
        let began = SystemTime::UNIX_EPOCH + Duration::from_millis(1_791_015_300_030);
        assert_eq!(rows[2].start, began);
        assert!(text.starts_with("#taut-bench echo: RTT\n"), "{text}");
    }

    #[test]
    fn a_report_without_histograms_of_its_rounds_or_in_picoseconds_has_no_log() {
        let mut one = report(&["floor"], 100);
        assert!(text(&one).unwrap().is_some());
        one.unit = Unit::Picoseconds;
        assert_eq!(text(&one), Ok(None));
        let read_back = Report::parse(&report(&["floor"], 100).json().unwrap()).unwrap();
        assert_eq!(text(&read_back), Ok(None));
    }

    #[test]
    fn times_in_utc_are_read_back() {
        let seconds = |text: &str| {
            let time = parse_utc(text)?;
            Some(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
        };
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2000-02-29T00:00:00Z"), Some(951_782_400));
        assert_eq!(seconds("2024-02-29T23:59:59Z"), Some(1_709_251_199));
        assert_eq!(seconds("2100-01-01T00:00:00Z"), Some(4_102_444_800));
        for wrong in ["", "now", "2024-13-01T00:00:00Z", "2024-01-01", "1969-01-01T00:00:00Z"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
