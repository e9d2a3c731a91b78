//! Recording the latencies of one's own engine, and the files that the trade's tools read them
//! from.
//!
//! A [`Recorder`] counts on the hot path of one core; its [`Snapshots`] are taken by another thread
//! and hold what was counted in between. What comes out is an HdrHistogram, for which there are
//! two files: [`hgrm`], the percentile table of a whole run, and [`hlog`], a log of intervals, one
//! row each. `taut-bench` writes its own files with this crate, so that the stages of an engine and
//! a benchmark of the runtime beneath it can stand in one report.
//!
//! | module | idea |
//! |---|---|
//! | [`Recorder`] | counts of one thread, without an allocation, lock or atomic read-modify-write |
//! | [`Snapshots`] | the same counts seen from another thread, an interval at a time |
//! | [`distribution`] | a histogram as a curve over the percentiles |
//! | [`hgrm`] | that curve as the text of the HdrHistogram tools |
//! | [`hlog`] | interval logs: a writer and a reader |
//!
//! Users reach this crate as `taut::latency`.
//!
//! ```
//! use std::time::Duration;
//!
//! use taut_latency::{Recorder, hgrm};
//! use taut_runtime::time::{Instant, sleep};
//!
//! let (recorder, mut snapshots) = Recorder::new();
//! taut_runtime::run(async move {
//!     let start = Instant::now();
//!     sleep(Duration::from_micros(50)).await?;
//!     recorder.record(start);
//!     Ok::<(), taut_runtime::Cancelled>(())
//! })??;
//!
//! // On any thread, at any time:
//! let interval = snapshots.snapshot();
//! assert_eq!(interval.len(), 1);
//! assert!(interval.max() >= 50_000);
//! println!("{}", hgrm::text(&interval));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod decimal;
pub mod distribution;
pub mod hgrm;
pub mod hlog;
mod layout;
mod limits;
mod recorder;
mod snapshots;

pub use hdrhistogram::Histogram;
pub use limits::{Limits, LimitsError, RecorderError};
pub use recorder::Recorder;
pub use snapshots::Snapshots;
