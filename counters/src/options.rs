//! What a counter file is called, where it lies, and its limits.

use std::path::PathBuf;

use crate::format::PAGE_BYTES;
use crate::place;
use crate::registry::LINE_BYTES;

/// The most values that one block may have besides its name.
pub(crate) const BLOCK_VALUES_MAX: usize = 127;

/// What a counter file is called, where it lies and how much it takes.
///
/// The limits cost address space only; memory is taken by what is used.
///
/// ```
/// use taut_counters::{CounterFile, CounterFileOptions};
///
/// let file = CounterFile::create(CounterFileOptions { cores_max: 4, ..Default::default() })?;
/// assert!(file.path().starts_with("/dev/shm"));
/// # Ok::<(), taut_counters::CounterFileError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterFileOptions {
    /// 1 to 64 letters, digits, dots, dashes and underscores; the file is `taut-NAME.counters`.
    /// By default the program's name and the process id.
    pub name: String,
    /// A folder on tmpfs. By default `/dev/shm`.
    pub directory: PathBuf,
    /// Cores (runtimes) that count at once. By default 64.
    pub cores_max: u32,
    /// Counters and gauges of the user. By default 256.
    pub counters_max: u32,
    /// Distributions: latency recorders of the user, turn lengths of the cores. By default 128.
    pub recorders_max: u32,
    /// Bytes that all distributions take together: with three digits and 60 s as the highest, one
    /// takes 216 KiB. By default 32 MiB.
    pub recorder_bytes_max: u64,
    /// Whether the file stays when nobody counts in it any more. By default it is removed.
    pub keep: bool,
    /// Takes a folder on any file system. The kernel then writes pages back now and then, and the
    /// next store to each is a page fault on the hot core. By default false.
    pub any_file_system: bool,
}

impl Default for CounterFileOptions {
    fn default() -> Self {
        Self {
            name: default_name(),
            directory: PathBuf::from(place::DIRECTORY),
            cores_max: 64,
            counters_max: 256,
            recorders_max: 128,
            recorder_bytes_max: 32 << 20,
            keep: false,
            any_file_system: false,
        }
    }
}

fn default_name() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let program = program.file_stem().unwrap_or_default().to_string_lossy();
    let allowed = |letter: &char| letter.is_ascii_alphanumeric() || "._-".contains(*letter);
    let program: String = program.chars().filter(allowed).take(48).collect();
    format!("{program}-{}", std::process::id())
}

impl CounterFileOptions {
    /// Room for the records of all that the limits allow.
    pub(crate) fn records_max(&self) -> u64 {
        let blocks = u64::from(self.cores_max) * (BLOCK_VALUES_MAX as u64 + 1);
        blocks + u64::from(self.counters_max) + u64::from(self.recorders_max)
    }

    /// Bytes that all parts take together, at most.
    pub(crate) fn file_bytes(&self, first_value: u64) -> u64 {
        // Each change from lines to pages may leave out most of a page.
        let pages = u64::from(self.cores_max) + 2 * u64::from(self.recorders_max);
        let lines = u64::from(self.counters_max) * LINE_BYTES;
        let bytes = first_value + 2 * pages * PAGE_BYTES + lines;
        bytes.saturating_add(self.recorder_bytes_max).next_multiple_of(PAGE_BYTES)
    }
}
