//! Reads an interval log.
//!
//! The library's own iterator says neither which line it can't read nor why, and refuses a last
//! line without its end, so lines are taken apart here.

use std::fmt;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;

use super::{BASE_TIME, START_TIME, TAG, payload};

/// Rows that are earlier than the log's start by more than this count from that start, where the
/// log has no base time: the rule of the Java library.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One row of an interval log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// What the row is about; `None` for one without a tag.
    pub tag: Option<String>,
    /// When the interval began.
    pub start: SystemTime,
    /// How long it was.
    pub length: Duration,
    /// What was recorded in it.
    pub histogram: Histogram<u64>,
}

/// The line that is not of the format, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    line: usize,
    problem: String,
}

impl ReadError {
    /// Number of the line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {} of the interval log: {}", self.line, self.problem)
    }
}

impl std::error::Error for ReadError {}

/// All rows of a log, in its order. Logs that were put one behind the other are read as one: each
/// head counts for the rows below it.
///
/// # Errors
///
/// The first line that is neither a row nor a comment, or whose histogram is damaged.
///
/// ```
/// let error = taut_latency::hlog::read("#[BaseTime: 1441812279.474 (seconds)]\n1.0,1.0\n");
/// let error = error.unwrap_err();
/// assert_eq!(error.line(), 2);
/// assert!(error.to_string().contains("2 columns"));
/// ```
pub fn read(text: &str) -> Result<Vec<Row>, ReadError> {
    let mut times = Times::default();
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let read = times.note(line).and_then(|()| match line {
            "" => Ok(()),
            line if line.starts_with(['#', '"']) => Ok(()),
            line => row(line, &mut times).map(|row| rows.push(row)),
        });
        read.map_err(|problem| ReadError { line: number + 1, problem })?;
    }
    Ok(rows)
}

fn row(line: &str, times: &mut Times) -> Result<Row, String> {
    let (tag, columns) = match line.strip_prefix(TAG) {
        Some(rest) => {
            let (tag, columns) = rest.split_once(',').unwrap_or((rest, ""));
            (Some(tag.to_owned()), columns)
        }
        None => (None, line),
    };
    let columns: Vec<&str> = columns.split(',').collect();
    let &[start, length, _max, histogram] = columns.as_slice() else {
        let found = columns.len();
        return Err(format!(
            "{found} columns where a row has four, the start, the length, the maximum and the \
             histogram"
        ));
    };
    let start = seconds(start).ok_or_else(|| not_seconds("the start", start))?;
    let length = seconds(length).ok_or_else(|| not_seconds("the length", length))?;
    let start = times.base(start).checked_add(start).and_then(after_epoch);
    let start = start.ok_or("the start lies beyond the times that the system can say")?;
    let histogram = payload::decode(histogram).map_err(|error| error.to_string())?;
    Ok(Row { tag, start, length, histogram })
}

/// What the heads of the log say about the times of the rows.
#[derive(Default)]
struct Times {
    started: Option<Duration>,
    base: Option<Duration>,
}

impl Times {
    /// Takes the time from a line of the head; others pass.
    fn note(&mut self, line: &str) -> Result<(), String> {
        for (prefix, name, time) in [
            (START_TIME, "the start time", &mut self.started),
            (BASE_TIME, "the base time", &mut self.base),
        ] {
            if let Some(rest) = line.strip_prefix(prefix) {
                let text = rest.split([' ', ']', ',']).next().unwrap_or_default();
                *time = Some(seconds(text).ok_or_else(|| not_seconds(name, text))?);
            }
        }
        Ok(())
    }

    /// What the times of the rows are added to. Without a word of the log about it, the first row
    /// decides.
    fn base(&mut self, first: Duration) -> Duration {
        let started = *self.started.get_or_insert(first);
        let relative = first.checked_add(YEAR).is_some_and(|later| later < started);
        *self.base.get_or_insert(if relative { started } else { Duration::ZERO })
    }
}

fn after_epoch(time: Duration) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(time)
}

/// A decimal number of seconds, to the nanosecond.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}")[..9].parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanoseconds))
}

fn not_seconds(name: &str, text: &str) -> String {
    format!("{name} is {text:?} where a number of seconds is wanted, such as 12.345")
}
