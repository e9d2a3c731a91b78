//! Interval logs, `.hlog`, of the HdrHistogram tools: one row for each interval and tag, with the
//! whole histogram in it.
//!
//! HistogramLogAnalyzer and HistogramLogProcessor read them; so does `taut-bench`. Invariant: the
//! files are in version 1.3 of the format as the Java library writes it, values in ns, the maximum
//! of each row in ms. Start and base time are always both written, since without the second one
//! the tools guess whether the times of the rows are absolute.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use taut_latency::hlog::{LogWriter, read};
//! use taut_latency::Recorder;
//!
//! let (recorder, mut snapshots) = Recorder::new();
//! let mut log = LogWriter::new(Vec::new(), SystemTime::now(), &["an engine's decode stage"])?;
//! for second in 0..3 {
//!     recorder.record_ns(1_500 + second);
//!     let (start, length) = (Duration::from_secs(second), Duration::from_secs(1));
//!     log.write(Some("decode"), start, length, &snapshots.snapshot())?;
//! }
//!
//! let text = String::from_utf8(log.into_inner())?;
//! let rows = read(&text)?;
//! assert_eq!(rows.len(), 3);
//! assert_eq!(rows[2].tag.as_deref(), Some("decode"));
//! assert_eq!(rows[2].histogram.max(), 1_502);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod date;
mod payload;
mod reader;
mod writer;

pub use payload::{DecodeError, decode, encode};
pub use reader::{ReadError, Row, read};
pub use writer::LogWriter;

/// How the line with the log's start begins.
const START_TIME: &str = "#[StartTime: ";
/// How the line begins with the time that the rows' times are added to.
const BASE_TIME: &str = "#[BaseTime: ";
/// What precedes a row's tag.
const TAG: &str = "Tag=";
/// The line above the rows.
const LEGEND: &str = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
                      \"Interval_Compressed_Histogram\"";
