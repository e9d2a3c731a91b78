//! What the users of a counter file hold: a value or a block of them, each with one writer.
//!
//! Invariant: a handle may move to another thread, and can't be used by two. So adding is a load
//! and a store, both relaxed: there is no other store in between that could be lost, and no
//! read-modify-write and no fence is paid.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::buckets::Buckets;
use crate::error::CounterFileError;
use crate::file::CounterFile;
use crate::recording::Recording;
use crate::words::Words;

/// The right to write to a part of the file, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    file: CounterFile,
    of: LeaseOf,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum LeaseOf {
    Value(usize),
    Block(usize),
}

impl Lease {
    pub(crate) fn new(file: CounterFile, of: LeaseOf) -> Self {
        Self { file, of }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.file.give_back(self.of);
    }
}

/// A word with one writer.
struct Value {
    words: Words,
    lease: Lease,
    /// One thread at a time: may be sent, not shared.
    single_writer: PhantomData<Cell<()>>,
}

impl Value {
    #[inline]
    fn word(&self) -> &AtomicU64 {
        &self.words[0]
    }

    #[inline]
    fn add(&self, amount: u64) {
        self.word().store(self.word().load(Relaxed).wrapping_add(amount), Relaxed);
    }
}

/// A user's own counter in a [`CounterFile`]: one writer, no read-modify-write.
///
/// ```
/// # use taut_counters::{CounterFile, CounterFileOptions};
/// let file = CounterFile::create(CounterFileOptions::default())?;
/// let orders = file.counter("orders_sent", "")?;
/// orders.increment();
/// assert_eq!(orders.get(), 1);
/// # Ok::<(), taut_counters::CounterFileError>(())
/// ```
///
/// Two threads can't count with one:
///
/// ```compile_fail,E0277
/// # use taut_counters::{CounterFile, CounterFileOptions};
/// # let file = CounterFile::create(CounterFileOptions::default()).unwrap();
/// let orders = file.counter("orders_sent", "").unwrap();
/// std::thread::scope(|scope| {
///     scope.spawn(|| orders.increment());
///     orders.increment();
/// });
/// ```
pub struct Counter(Value);

impl Counter {
    pub(crate) fn new(words: Words, lease: Lease) -> Self {
        Self(Value { words, lease, single_writer: PhantomData })
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.0.add(1);
    }

    /// Adds an amount; wraps beyond 64 bits.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.add(amount);
    }

    /// What it stands at.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.word().load(Relaxed)
    }
}

/// A user's own gauge in a [`CounterFile`]: an amount that goes up and down, with one writer.
///
/// ```
/// # use taut_counters::{CounterFile, CounterFileOptions};
/// let file = CounterFile::create(CounterFileOptions::default())?;
/// let position = file.gauge("orders_open", "")?;
/// position.set(5);
/// position.subtract(1);
/// assert_eq!(position.get(), 4);
/// # Ok::<(), taut_counters::CounterFileError>(())
/// ```
pub struct Gauge(Value);

impl Gauge {
    pub(crate) fn new(words: Words, lease: Lease) -> Self {
        Self(Value { words, lease, single_writer: PhantomData })
    }

    /// Sets the amount.
    #[inline]
    pub fn set(&self, amount: u64) {
        self.0.word().store(amount, Relaxed);
    }

    /// Adds to the amount; wraps beyond 64 bits.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.add(amount);
    }

    /// Takes from the amount; wraps below zero.
    #[inline]
    pub fn subtract(&self, amount: u64) {
        self.0.add(amount.wrapping_neg());
    }

    /// What it stands at.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.word().load(Relaxed)
    }
}

/// The values that one core writes to, see [`CounterFile::block`]. Given back when it is dropped.
#[derive(Debug)]
pub struct Block {
    words: Words,
    owner: u32,
    file: CounterFile,
    _lease: Lease,
}

impl Block {
    pub(crate) fn new(words: Words, owner: u32, file: CounterFile, lease: Lease) -> Self {
        Self { words, owner, file, _lease: lease }
    }

    /// One word for each value, in their order. Whoever holds the block is their only writer.
    #[must_use]
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// The number by which readers know the block: the first one of a file is 1.
    #[must_use]
    pub fn owner(&self) -> u32 {
        self.owner
    }

    /// A distribution that belongs to the block, and starts from zero with it.
    ///
    /// # Errors
    ///
    /// As for [`CounterFile::recording`].
    pub fn recording(
        &self,
        label: &str,
        unit: &str,
        buckets: Buckets,
    ) -> Result<Recording, CounterFileError> {
        self.file.owned_recording(self.owner, label, unit, buckets)
    }
}

macro_rules! debug {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("value", &self.get())
                    .field("lease", &self.0.lease.of)
                    .finish()
            }
        })+
    };
}

debug!(Counter, Gauge);
