//! The writing end: a file that the cores and the users of one process count in.
//!
//! Invariant: memory is reserved (`fallocate`) before anybody may store to it, so that a full
//! `/dev/shm` is an error here and not a `SIGBUS` on the hot core; and it is touched, so that the
//! first store faults no page in. Records are whole before the store that counts them, with
//! release.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::process::getpid;
use rustix::time::{ClockId, clock_gettime};

use crate::buckets::Buckets;
use crate::error::{CounterFileError, CounterFileErrorKind};
use crate::format::{
    self, LABEL_BYTES_MAX, MAGIC, PAGE_BYTES, RECORD_BYTES, RECORD_WORDS, RawRecord, STATE_CLOSED,
    STATE_OPEN, UNIT_BYTES_MAX, VERSION, WORD_BYTES, header, is_printable, text_to_words,
};
use crate::handles::{Block, Counter, Gauge, Lease, LeaseOf};
use crate::mapping::Mapping;
use crate::options::{BLOCK_VALUES_MAX, CounterFileOptions};
use crate::place;
use crate::recording::Recording;
use crate::registry::{BlockPart, Place, Registry, ValuePart, Wanted};
use crate::value::{Kind, Spec};
use crate::words::Words;

/// Words of a block's name, which come first: a cache line.
pub(crate) const BLOCK_NAME_WORDS: usize = 8;
/// The label of a block's name.
pub(crate) const BLOCK_NAME_LABEL: &str = "name";

/// A mapped file of counters, which other processes read live. Clones are the same file; it is
/// removed when the last of them, and of what counts in it, is gone.
///
/// ```
/// use taut_counters::{CounterFile, CounterFileOptions, CounterReader};
///
/// let file = CounterFile::create(CounterFileOptions::default())?;
/// let orders = file.counter("orders_sent", "")?;
/// orders.add(3);
///
/// let mut reader = CounterReader::open(file.path())?;
/// assert_eq!(reader.snapshot()?.number(0, "orders_sent"), Some(3));
/// # Ok::<(), taut_counters::CounterFileError>(())
/// ```
#[derive(Clone)]
pub struct CounterFile {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    /// Holds the lock on the file.
    file: OwnedFd,
    path: PathBuf,
    mapping: Mapping,
    options: CounterFileOptions,
    registry: Mutex<Registry>,
    pid: u32,
}

impl CounterFile {
    /// Makes a file of this process.
    ///
    /// # Errors
    ///
    /// A folder that is missing or not on tmpfs; a name that is not possible, or that a living
    /// process uses. A file of that name which a dead process left behind is replaced.
    pub fn create(options: CounterFileOptions) -> Result<Self, CounterFileError> {
        let path = place::path_of(&options.directory, &options.name)?;
        let records_max = options.records_max();
        let first_value = (PAGE_BYTES + records_max * RECORD_BYTES).next_multiple_of(PAGE_BYTES);
        let bytes = options.file_bytes(first_value);
        let file = place::make(&options.directory, bytes, options.any_file_system)?;
        let length = usize::try_from(bytes).map_err(|_| {
            CounterFileError::new(
                CounterFileErrorKind::Limit,
                format!("a counter file of {bytes} bytes can't be mapped: lower its limits"),
            )
        })?;
        let mapping = Mapping::writable(file.as_fd(), length)
            .map_err(|error| CounterFileError::system("the counter file can't be mapped", error))?;
        let shared = Shared {
            file,
            path,
            mapping,
            options,
            registry: Mutex::new(Registry::new(first_value)),
            pid: std::process::id(),
        };
        shared.write_header(bytes, records_max)?;
        place::publish(shared.file.as_fd(), &shared.path)?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// A counter of the user's own, with one writer. One that was dropped before goes on where it
    /// was.
    ///
    /// # Errors
    ///
    /// A label that is too long or in use; `counters_max` are there already.
    pub fn counter(&self, label: &str, unit: &str) -> Result<Counter, CounterFileError> {
        self.value(label, Kind::Counter, unit).map(|(words, lease)| Counter::new(words, lease))
    }

    /// A gauge of the user's own, with one writer; otherwise as [`counter`](Self::counter).
    ///
    /// # Errors
    ///
    /// As for [`counter`](Self::counter).
    pub fn gauge(&self, label: &str, unit: &str) -> Result<Gauge, CounterFileError> {
        self.value(label, Kind::Gauge, unit).map(|(words, lease)| Gauge::new(words, lease))
    }

    fn value(
        &self,
        label: &str,
        kind: Kind,
        unit: &str,
    ) -> Result<(Words, Lease), CounterFileError> {
        self.take_value(Wanted { owner: 0, label, kind, unit, buckets: None })
    }

    /// A distribution of the user's own, such as one of latencies, with one writer. One that was
    /// dropped before goes on where it was.
    ///
    /// # Errors
    ///
    /// As for [`counter`](Self::counter), by `recorders_max` and `recorder_bytes_max`.
    pub fn recording(
        &self,
        label: &str,
        unit: &str,
        buckets: Buckets,
    ) -> Result<Recording, CounterFileError> {
        self.owned_recording(0, label, unit, buckets)
    }

    pub(crate) fn owned_recording(
        &self,
        owner: u32,
        label: &str,
        unit: &str,
        buckets: Buckets,
    ) -> Result<Recording, CounterFileError> {
        let kind = Kind::Distribution;
        let wanted = Wanted { owner, label, kind, unit, buckets: Some(buckets) };
        let (words, lease) = self.take_value(wanted)?;
        Ok(Recording::new(buckets, &words, Some(lease)))
    }

    /// A block of values on memory pages of its own, for one core to write to. At its end the last
    /// values stay to be read, until all blocks are used up and this one is the oldest of those
    /// that have ended: it then starts from zero under a new name.
    ///
    /// # Errors
    ///
    /// `cores_max` blocks are in use, or there is no memory left on the file system.
    ///
    /// # Panics
    ///
    /// With more than 127 values, or labels or units that are too long.
    pub fn block(&self, name: &str, specs: &'static [Spec]) -> Result<Block, CounterFileError> {
        assert!(specs.len() <= BLOCK_VALUES_MAX, "a block has {BLOCK_VALUES_MAX} values at most");
        let mut registry = self.registry();
        let index = match registry.blocks.len() < self.shared.options.cores_max as usize {
            true => self.shared.add_block(&mut registry, specs)?,
            false => registry.oldest_block(specs).ok_or_else(|| {
                let limit = self.shared.options.cores_max;
                limit_reached("cores_max", u64::from(limit), "count", &self.shared.path)
            })?,
        };
        registry.blocks[index].taken = true;
        let first_word = registry.blocks[index].first_word;
        let owner = index as u32 + 1;
        // What a runtime before left.
        let left = |part: &&ValuePart| part.record.owner == owner && !part.taken;
        for part in registry.values.iter().filter(left) {
            self.shared.clear(part.record.first_word(), part.record.value_words as usize);
        }
        self.shared.clear(first_word, BLOCK_NAME_WORDS + specs.len());
        let mut words = [0; BLOCK_NAME_WORDS];
        text_to_words(&name.replace(char::is_control, "?"), &mut words);
        self.shared.store(first_word, &words);
        let first_value = first_word + BLOCK_NAME_WORDS;
        let words = self.words(first_value, specs.len());
        Ok(Block::new(words, owner, self.clone(), self.lease(LeaseOf::Block(index))))
    }

    fn take_value(&self, wanted: Wanted<'_>) -> Result<(Words, Lease), CounterFileError> {
        check_text("label", wanted.label, 1, LABEL_BYTES_MAX)?;
        check_text("unit", wanted.unit, 0, UNIT_BYTES_MAX)?;
        let mut registry = self.registry();
        let index = match registry.find(wanted.owner, wanted.label) {
            Some(index) => {
                let part = &registry.values[index];
                if part.taken || !wanted.is_what(&part.record) {
                    return Err(CounterFileError::new(
                        CounterFileErrorKind::InUse,
                        format!(
                            "{:?} is a {} that {} already: drop it first, or choose another label",
                            wanted.label,
                            part.record.kind.name(),
                            if part.taken { "has its writer" } else { "stands in the file" }
                        ),
                    ));
                }
                index
            }
            None => self.shared.add_value(&mut registry, wanted)?,
        };
        registry.values[index].taken = true;
        let first_word = registry.values[index].record.first_word();
        Ok((self.words(first_word, wanted.words()), self.lease(LeaseOf::Value(index))))
    }

    fn words(&self, first: usize, count: usize) -> Words {
        let words = NonNull::from_ref(&self.shared.mapping.words()[first..first + count]);
        let owner: Arc<Shared> = Arc::clone(&self.shared);
        // SAFETY: the words lie in the mapping, which is dropped with the last clone of its owner.
        unsafe { Words::new(words, owner) }
    }

    fn lease(&self, of: LeaseOf) -> Lease {
        Lease::new(self.clone(), of)
    }

    pub(crate) fn give_back(&self, lease: LeaseOf) {
        let mut registry = self.registry();
        match lease {
            LeaseOf::Value(index) => registry.values[index].taken = false,
            LeaseOf::Block(index) => {
                registry.endings += 1;
                let ending = registry.endings;
                let block = &mut registry.blocks[index];
                (block.taken, block.ending) = (false, ending);
            }
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.shared.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn write_header(&self, bytes: u64, records_max: u64) -> Result<(), CounterFileError> {
        self.reserve(Place { offset: 0, bytes: PAGE_BYTES })?;
        let now_ns = |clock| {
            let now = clock_gettime(clock);
            now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
        };
        let mut words = [0; header::WORDS];
        words[header::MAGIC] = MAGIC;
        words[header::VERSION] = format::pair_to_word(VERSION);
        words[header::FILE_BYTES] = bytes;
        words[header::PID] = getpid().as_raw_nonzero().get() as u64;
        words[header::STARTED_MONOTONIC_NS] = now_ns(ClockId::Monotonic);
        words[header::STARTED_REALTIME_NS] = now_ns(ClockId::Realtime);
        words[header::RECORDS_OFFSET] = PAGE_BYTES;
        words[header::RECORD_BYTES] = RECORD_BYTES;
        words[header::RECORDS_MAX] = records_max;
        words[header::STATE] = STATE_OPEN;
        let name = header::NAME..header::NAME + header::NAME_WORDS;
        text_to_words(&self.options.name, &mut words[name]);
        self.store(0, &words);
        Ok(())
    }

    fn add_block(
        &self,
        registry: &mut Registry,
        specs: &'static [Spec],
    ) -> Result<usize, CounterFileError> {
        let place = registry.place(BLOCK_NAME_WORDS + specs.len(), PAGE_BYTES);
        self.reserve(place)?;
        let index = registry.blocks.len();
        let owner = index as u32 + 1;
        let record = |label: &str, kind, unit: &str, first, words| RawRecord {
            value_offset: place.offset + first as u64 * WORD_BYTES,
            value_words: words,
            kind,
            owner,
            buckets: None,
            unit: unit.to_owned(),
            label: label.to_owned(),
        };
        let name = record(BLOCK_NAME_LABEL, Kind::Text, "", 0, BLOCK_NAME_WORDS as u64);
        let values = specs.iter().enumerate().map(|(index, spec)| {
            let checked = check_text("label", spec.label, 1, LABEL_BYTES_MAX)
                .and_then(|()| check_text("unit", spec.unit, 0, UNIT_BYTES_MAX));
            assert!(checked.is_ok(), "a value of a block has no possible label: {checked:?}");
            record(spec.label, spec.kind, spec.unit, BLOCK_NAME_WORDS + index, 1)
        });
        let records: Vec<_> = std::iter::once(name).chain(values).collect();
        self.publish(&records)?;
        registry.next_offset = place.end();
        let first_word = place.first_word();
        registry.blocks.push(BlockPart { first_word, specs, taken: false, ending: 0 });
        Ok(index)
    }

    fn add_value(
        &self,
        registry: &mut Registry,
        wanted: Wanted<'_>,
    ) -> Result<usize, CounterFileError> {
        let options = &self.options;
        let is_distribution = wanted.buckets.is_some();
        let (limit, name) = match is_distribution {
            true => (options.recorders_max, "recorders_max"),
            false => (options.counters_max, "counters_max"),
        };
        if registry.count(is_distribution) >= limit as usize {
            return Err(limit_reached(name, u64::from(limit), "are there", &self.path));
        }
        let place = registry.place(wanted.words(), wanted.alignment());
        let recorder_bytes = registry.recorder_bytes + u64::from(is_distribution) * place.bytes;
        if recorder_bytes > options.recorder_bytes_max {
            let limit = options.recorder_bytes_max;
            return Err(limit_reached("recorder_bytes_max", limit, "would not do", &self.path));
        }
        self.reserve(place)?;
        let record = RawRecord {
            value_offset: place.offset,
            value_words: wanted.words() as u64,
            kind: wanted.kind,
            owner: wanted.owner,
            buckets: wanted.buckets,
            unit: wanted.unit.to_owned(),
            label: wanted.label.to_owned(),
        };
        self.publish(std::slice::from_ref(&record))?;
        registry.next_offset = place.end();
        registry.recorder_bytes = recorder_bytes;
        registry.values.push(ValuePart { record, taken: false });
        Ok(registry.values.len() - 1)
    }

    /// Appends records, which readers see all at once. The registry is locked.
    fn publish(&self, records: &[RawRecord]) -> Result<(), CounterFileError> {
        let words = self.mapping.words();
        let count = words[header::RECORDS].load(Relaxed);
        let added = records.len() as u64;
        assert!(
            count + added <= words[header::RECORDS_MAX].load(Relaxed),
            "the limits of the parts add up to the limit of the records"
        );
        let offset = PAGE_BYTES + count * RECORD_BYTES;
        self.reserve(Place { offset, bytes: added * RECORD_BYTES })?;
        let first_word = (offset / WORD_BYTES) as usize;
        for (index, record) in records.iter().enumerate() {
            self.store(first_word + index * RECORD_WORDS, &record.encode());
        }
        words[header::RECORDS].store(count + added, Release);
        Ok(())
    }

    /// Has the file system give memory to a part, and maps it.
    fn reserve(&self, place: Place) -> Result<(), CounterFileError> {
        let first = place.offset / PAGE_BYTES;
        let end = place.end().div_ceil(PAGE_BYTES);
        let (offset, bytes) = (first * PAGE_BYTES, (end - first) * PAGE_BYTES);
        fallocate(&self.file, FallocateFlags::empty(), offset, bytes).map_err(|errno| {
            let what = format!(
                "the counter file {} gets no memory for {bytes} bytes (make room on its file \
                 system, or ask for fewer or smaller recorders)",
                self.path.display()
            );
            CounterFileError::with_source(CounterFileErrorKind::FileSystem, what, errno)
        })?;
        for page in first..end {
            // Changes nothing, also not what another core stores meanwhile; makes the page ours.
            self.mapping.words()[(page * PAGE_BYTES / WORD_BYTES) as usize].fetch_or(0, Relaxed);
        }
        Ok(())
    }

    fn store(&self, first: usize, values: &[u64]) {
        let words = &self.mapping.words()[first..first + values.len()];
        words.iter().zip(values).for_each(|(word, value)| word.store(*value, Relaxed));
    }

    fn clear(&self, first: usize, count: usize) {
        let words = &self.mapping.words()[first..first + count];
        words.iter().for_each(|word| word.store(0, Relaxed));
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A forked child has the file, too, and must not end it for its parent.
        if self.pid != std::process::id() {
            return;
        }
        self.mapping.words()[header::STATE].store(STATE_CLOSED, Release);
        if !self.options.keep {
            place::remove(self.file.as_fd(), &self.path);
        }
    }
}

impl fmt::Debug for CounterFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterFile").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("path", &self.path).finish_non_exhaustive()
    }
}

fn check_text(what: &str, text: &str, least: usize, most: usize) -> Result<(), CounterFileError> {
    if (least..=most).contains(&text.len()) && is_printable(text) && !text.contains('\0') {
        return Ok(());
    }
    Err(CounterFileError::new(
        CounterFileErrorKind::Name,
        format!(
            "{text:?} can't be a {what}: it takes {least} to {most} bytes without control \
             characters"
        ),
    ))
}

fn limit_reached(name: &str, limit: u64, verb: &str, path: &Path) -> CounterFileError {
    CounterFileError::new(
        CounterFileErrorKind::Limit,
        format!(
            "the counter file {} has a {name} of {limit}, and so many {verb} already: raise it in \
             CounterFileOptions",
            path.display()
        ),
    )
}
