//! Counters in a mapped file: what the cores of a process and its users count, for other processes
//! to read live, `taut-stat` among them, without the counting core noticing.
//!
//! One file a process, on tmpfs. Each value has one writer, which pays a load and a store; readers
//! map the file to look at it. The file describes itself: values are found by owner and label.
//!
//! | module | idea |
//! |---|---|
//! | [`mod@format`] | the layout, byte by byte |
//! | `place` | where a file lies, and how it comes there and goes |
//! | `registry` | which part of it is whose |
//! | `options` | [`CounterFileOptions`]: its name, its folder, its limits |
//! | `file` | [`CounterFile`]: the writing end |
//! | `handles`, `recording` | [`Counter`], [`Gauge`], [`Block`], [`Recording`]: one writer each |
//! | `buckets`, `distribution` | HdrHistogram's layout of counts, and quantiles of it |
//! | `reader`, `snapshot` | [`CounterReader`]: the reading end |
//! | `words`, `mapping` | memory that is shared: the only `unsafe` |
//!
//! Users reach this crate as `taut::counter_file`.
//!
//! ```
//! use taut_counters::{Buckets, CounterFile, CounterFileOptions, CounterReader};
//!
//! let file = CounterFile::create(CounterFileOptions::default())?;
//! let orders = file.counter("orders_sent", "")?;
//! let sizes = file.recording("order_size", "shares", Buckets::new(1, 1 << 30, 2).unwrap())?;
//! for size in [100, 300, 100] {
//!     orders.increment();
//!     sizes.record(size);
//! }
//!
//! // In any process of the host:
//! let mut reader = CounterReader::open(file.path())?;
//! let snapshot = reader.snapshot()?;
//! assert_eq!(snapshot.number(0, "orders_sent"), Some(3));
//! let sizes = snapshot.distribution(0, "order_size").expect("it was recorded");
//! assert_eq!(sizes.value_at_quantile(0.5), 100);
//! # Ok::<(), taut_counters::CounterFileError>(())
//! ```

#[cfg(not(target_os = "linux"))]
compile_error!("taut runs on Linux only");

mod buckets;
mod distribution;
mod error;
mod file;
pub mod format;
mod handles;
mod mapping;
mod options;
mod place;
mod reader;
mod recording;
mod registry;
mod snapshot;
mod value;
mod words;

pub use buckets::Buckets;
pub use distribution::Distribution;
pub use error::{CounterFileError, CounterFileErrorKind};
pub use file::CounterFile;
pub use handles::{Block, Counter, Gauge};
pub use options::CounterFileOptions;
pub use place::{DIRECTORY, remove_dead};
pub use reader::CounterReader;
pub use recording::Recording;
pub use snapshot::{Reading, Snapshot, SnapshotValue};
pub use value::{Kind, Spec};
pub use words::Words;
