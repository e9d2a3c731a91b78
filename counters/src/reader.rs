//! The reading end: another process, or the same one, looks at what is counted.
//!
//! Invariant: whatever stands in the file, nothing beyond it is read, nothing panics, and no more
//! is allocated than a few times the file's own size: all offsets are checked against the mapping
//! once, when a record is taken over, and records never change after that. Each value is read
//! whole; two values may be of two moments. The writer never notices a reader.
//!
//! A file that somebody cuts short between the look at its size and the reading of its values ends
//! the reader by `SIGBUS`. No writer of this crate does that.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use crate::distribution::Distribution;
use crate::error::{CounterFileError, CounterFileErrorKind};
use crate::format::{
    self, MAGIC, RECORD_BYTES, RawRecord, STATE_CLOSED, VERSION, WORD_BYTES, header, words_to_text,
};
use crate::mapping::Mapping;
use crate::place;
use crate::snapshot::{Reading, Snapshot, SnapshotValue};
use crate::value::Kind;

/// The largest file that a reader takes: far above what any limits make sense for.
const FILE_BYTES_MAX: u64 = 1 << 32;

/// Reads a [`CounterFile`](crate::CounterFile), of this process or of another one.
///
/// ```
/// use taut_counters::{CounterFile, CounterFileOptions, CounterReader};
///
/// let file = CounterFile::create(CounterFileOptions::default())?;
/// let mut reader = CounterReader::open(file.path())?;
/// assert!(reader.has_writer());
/// drop(file);
/// assert!(reader.snapshot()?.is_closed());
/// assert!(!reader.has_writer());
/// # Ok::<(), taut_counters::CounterFileError>(())
/// ```
pub struct CounterReader {
    path: PathBuf,
    file: OwnedFd,
    mapping: Mapping,
    version: (u32, u32),
    /// Where the first record is, and how far the next one, in words.
    records_first: usize,
    record_words: usize,
    records_max: u64,
    /// Those that were taken over so far; `None` where one makes no sense.
    records: Vec<Option<Arc<RawRecord>>>,
    /// Words that the values of all records take together.
    value_words: u64,
}

impl CounterReader {
    /// Opens and checks a file.
    ///
    /// # Errors
    ///
    /// There is none, it is of another kind or damaged, or it is of a major version that this
    /// program does not know.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CounterFileError> {
        let path = path.as_ref();
        let shown = path.display();
        // Not to wait for whoever would write to a pipe of that name.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = open(path, flags, Mode::empty()).map_err(|errno| {
            let kind = match errno {
                Errno::NOENT | Errno::NOTDIR => CounterFileErrorKind::NotFound,
                _ => CounterFileErrorKind::System,
            };
            CounterFileError::with_source(kind, format!("{shown} can't be opened"), errno)
        })?;
        let damaged = |what: &str| {
            CounterFileError::new(
                CounterFileErrorKind::NotACounterFile,
                format!("{shown} is no counter file: {what}"),
            )
        };
        let bytes = regular_bytes(&file).ok_or_else(|| damaged("it is no regular file"))?;
        if bytes < header::WORDS as u64 * WORD_BYTES {
            return Err(damaged(&format!("it has {bytes} bytes, fewer than a header")));
        }
        let length = usize::try_from(bytes).ok().filter(|_| bytes <= FILE_BYTES_MAX);
        let length = length.ok_or_else(|| damaged(&format!("it has {bytes} bytes, too many")))?;
        let mapping = Mapping::read_only(file.as_fd(), length)
            .map_err(|error| CounterFileError::system(format!("{shown} can't be mapped"), error))?;
        let at = |word| mapping.load(word).unwrap_or(0);
        if at(header::MAGIC) != MAGIC {
            return Err(damaged("it does not begin like one"));
        }
        let version = format::word_to_pair(at(header::VERSION));
        if version.0 != VERSION.0 {
            return Err(CounterFileError::new(
                CounterFileErrorKind::Version,
                format!(
                    "{shown} has format version {}.{}, and this program reads {}.x: use the \
                     program that came with the writer",
                    version.0, version.1, VERSION.0
                ),
            ));
        }
        let geometry = Geometry {
            file_bytes: at(header::FILE_BYTES),
            first: at(header::RECORDS_OFFSET),
            bytes: at(header::RECORD_BYTES),
            max: at(header::RECORDS_MAX),
        };
        geometry.check(bytes).map_err(damaged)?;
        Ok(Self {
            path: path.to_owned(),
            version,
            records_first: (geometry.first / WORD_BYTES) as usize,
            record_words: (geometry.bytes / WORD_BYTES) as usize,
            records_max: geometry.max,
            records: Vec::new(),
            value_words: 0,
            file,
            mapping,
        })
    }

    /// Readers of all files in a folder, by default [`DIRECTORY`](crate::DIRECTORY), whose writers
    /// live, by name. What can't be read is left out.
    ///
    /// # Errors
    ///
    /// The folder can't be read.
    pub fn open_all(directory: impl AsRef<Path>) -> Result<Vec<Self>, CounterFileError> {
        let paths = place::files(directory.as_ref())?;
        let readers = paths.into_iter().filter_map(|path| Self::open(path).ok());
        Ok(readers.filter(Self::has_writer).collect())
    }

    /// Where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The version of its format: major, minor.
    #[must_use]
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// The name that the writer gave it.
    #[must_use]
    pub fn name(&self) -> String {
        let words: Vec<u64> =
            (0..header::NAME_WORDS).map(|index| self.header(header::NAME + index)).collect();
        words_to_text(&words).unwrap_or_default()
    }

    /// The writer's process id, in its own namespace.
    #[must_use]
    pub fn pid(&self) -> u64 {
        self.header(header::PID)
    }

    /// When the file was made, in nanoseconds of `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn started_ns(&self) -> u64 {
        self.header(header::STARTED_MONOTONIC_NS)
    }

    /// When the file was made, in nanoseconds since 1970.
    #[must_use]
    pub fn started_unix_ns(&self) -> u64 {
        self.header(header::STARTED_REALTIME_NS)
    }

    /// Whether the process that writes still has the file: it does until it ends, however it ends.
    #[must_use]
    pub fn has_writer(&self) -> bool {
        place::has_writer(self.file.as_fd())
    }

    /// Reads all values.
    ///
    /// # Errors
    ///
    /// The file was cut short.
    pub fn snapshot(&mut self) -> Result<Snapshot, CounterFileError> {
        let mapped = self.mapping.len() as u64 * WORD_BYTES;
        if regular_bytes(&self.file).is_none_or(|bytes| bytes < mapped) {
            return Err(CounterFileError::new(
                CounterFileErrorKind::NotACounterFile,
                format!("{} was cut short after it was opened", self.path.display()),
            ));
        }
        let now = clock_gettime(ClockId::Monotonic);
        let at_ns = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
        let closed = self.header(header::STATE) == STATE_CLOSED;
        self.take_over_records();
        let records = self.records.iter().flatten();
        let values = records
            .map(|record| SnapshotValue { record: Arc::clone(record), reading: self.read(record) });
        Ok(Snapshot {
            at_ns,
            closed,
            damaged_records: self.records.iter().filter(|record| record.is_none()).count() as u64,
            values: values.collect(),
        })
    }

    fn header(&self, word: usize) -> u64 {
        self.mapping.load(word).unwrap_or(0)
    }

    fn take_over_records(&mut self) {
        let count = self.mapping.load_acquire(header::RECORDS).unwrap_or(0).min(self.records_max);
        for index in self.records.len()..count as usize {
            let place = self.records_first + index * self.record_words;
            let record = RawRecord::decode(&self.mapping, place);
            // Values don't overlap, so all together they fit; else a snapshot could be of any size.
            let record = record.filter(|record| {
                let together = self.value_words.saturating_add(record.value_words);
                let fits = together <= self.mapping.len() as u64;
                self.value_words += u64::from(fits) * record.value_words;
                fits
            });
            self.records.push(record.map(Arc::new));
        }
    }

    fn read(&self, record: &RawRecord) -> Reading {
        let first = record.first_word();
        let words = (first..first + record.value_words as usize)
            .map(|word| self.mapping.load(word).unwrap_or(0));
        match (record.kind, record.buckets) {
            (Kind::Text, _) => {
                let words: Vec<u64> = words.collect();
                Reading::Text(words_to_text(&words).unwrap_or_else(|| "?".to_owned()))
            }
            (_, Some(buckets)) => {
                let counts = words.clone().skip(1);
                let above = words.take(1).sum();
                Reading::Distribution(Distribution::new(buckets, above, counts))
            }
            _ => Reading::Number(words.take(1).sum()),
        }
    }
}

impl fmt::Debug for CounterReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterReader").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Where the records are, as the file says.
struct Geometry {
    file_bytes: u64,
    first: u64,
    bytes: u64,
    max: u64,
}

impl Geometry {
    fn check(&self, bytes: u64) -> Result<(), &'static str> {
        if self.file_bytes > bytes {
            return Err("it was cut short");
        }
        let aligned = [self.first, self.bytes].iter().all(|at| at.is_multiple_of(WORD_BYTES));
        let end = self.bytes.checked_mul(self.max).and_then(|all| all.checked_add(self.first));
        let fits = end.is_some_and(|end| end <= self.file_bytes);
        let after_header = self.first >= header::WORDS as u64 * WORD_BYTES;
        match aligned && fits && after_header && self.bytes >= RECORD_BYTES {
            true => Ok(()),
            false => Err("its header makes no sense"),
        }
    }
}

fn regular_bytes(file: &OwnedFd) -> Option<u64> {
    let status = fstat(file).ok()?;
    let regular = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile;
    u64::try_from(status.st_size).ok().filter(|_| regular)
}
