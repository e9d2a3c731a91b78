//! Who plays which part, and whether the one on the other side still does.
//!
//! Whoever plays a part holds the lock of its byte, and has made its generation odd; who leaves
//! makes it even again, so that is seen by a load. Only an odd one asks for more: whether the lock
//! is held. That is asked after a spell without progress, at most every [`PEER_CHECK_EVERY`].
//!
//! Invariant: a generation changes whenever the part changes hands, under the lock; so a process
//! that was found dead stays so until the next one comes.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::count_system_call;
use super::error::RingError;
use super::layout::{POSITION_GONE, Part};
use super::lock::Lock;
use super::memory::Memory;
use super::options::Kind;
use crate::executor::{PEER_CHECK_EVERY_NS, try_current};

/// How often an end that makes no progress looks whether the other process still lives: 10 ms. A
/// death is noticed within twice that.
pub const PEER_CHECK_EVERY: Duration = Duration::from_nanos(PEER_CHECK_EVERY_NS);

/// A part that this value plays until it is dropped.
#[derive(Debug)]
pub(super) struct Presence {
    memory: Arc<Memory>,
    part: Part,
    /// Held for its destructor, which comes after that of `self`.
    _lock: Lock,
}

impl Presence {
    /// Takes a part that nobody plays; `prepare` is called before others may see that. `None` where
    /// somebody plays it.
    pub(super) fn take(
        memory: &Arc<Memory>,
        part: Part,
        prepare: impl FnOnce(),
    ) -> Result<Option<Self>, RingError> {
        let lock = Lock::take(memory.file.as_fd(), part.lock_byte())
            .map_err(RingError::system("locking a part of the ring through /proc/self/fd"))?;
        let Some(lock) = lock else { return Ok(None) };
        prepare();
        memory.word(part.process_at()).store(u64::from(std::process::id()), Ordering::Relaxed);
        let generation = memory.generation(part);
        // Odd already, where the one before died.
        let next = generation.load(Ordering::Relaxed).wrapping_add(1) | 1;
        generation.store(next, Ordering::Release);
        memory.ring_all();
        Ok(Some(Self { memory: Arc::clone(memory), part, _lock: lock }))
    }

    pub(super) fn part(&self) -> Part {
        self.part
    }

    /// The reader has found where it begins: what is written from now on it will get.
    pub(super) fn settle(&self) {
        let generation = self.memory.generation(self.part).load(Ordering::Relaxed);
        self.memory.word(self.part.settled_at()).store(generation, Ordering::Release);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let generation = self.memory.generation(self.part);
        // `Release`: all that this end did has happened before it is seen to be gone.
        let gone = (generation.load(Ordering::Relaxed) | 1).wrapping_add(1);
        generation.store(gone, Ordering::Release);
        // A writer may wait for this word to change. The next reader sets it, under the lock.
        if self.memory.layout.options.kind == Kind::Broadcast && self.part != Part::Writer {
            self.memory.position(self.part).store(POSITION_GONE, Ordering::Release);
        }
        self.memory.ring_all();
    }
}

/// What an end knows of the other one.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// The generation that was found dead.
    dead: u64,
    next_check_ns: u64,
}

impl Peer {
    /// Whether a check is due, and notes that it is made.
    pub(super) fn is_due(&mut self) -> bool {
        let now_ns = now_ns();
        if now_ns < self.next_check_ns {
            return false;
        }
        self.next_check_ns = now_ns + PEER_CHECK_EVERY_NS;
        true
    }

    /// Whether nobody plays the part, as far as that is known.
    pub(super) fn is_gone(&mut self, memory: &Memory, part: Part) -> bool {
        let generation = memory.generation(part).load(Ordering::Acquire);
        if generation.is_multiple_of(2) || generation == self.dead {
            return true;
        }
        if !self.is_due() || is_locked(memory, part) {
            return false;
        }
        self.dead = generation;
        // Another one may have come, and be gone again.
        memory.generation(part).load(Ordering::Acquire) == generation
    }
}

/// Whether somebody holds the part's lock. A system call.
fn is_locked(memory: &Memory, part: Part) -> bool {
    count_system_call();
    Lock::is_held(&memory.file, part.lock_byte())
}

/// Whether somebody alive plays the part. A system call, mostly.
pub(super) fn is_played(memory: &Memory, part: Part) -> bool {
    !memory.generation(part).load(Ordering::Acquire).is_multiple_of(2) && is_locked(memory, part)
}

/// Whether a reader that lives gets what is written from now on. A system call, mostly.
pub(super) fn is_read(memory: &Memory, place: Part) -> bool {
    let settled = memory.word(place.settled_at()).load(Ordering::Acquire);
    settled == memory.generation(place).load(Ordering::Relaxed) && is_played(memory, place)
}

/// Gives the place of a reader free, if that has died; whether it had.
pub(super) fn reclaim(memory: &Memory, place: Part) -> bool {
    let generation = memory.generation(place);
    let seen = generation.load(Ordering::Acquire);
    // A next reader takes the lock first and changes the generation then.
    !seen.is_multiple_of(2)
        && !is_locked(memory, place)
        && generation
            .compare_exchange(seen, seen.wrapping_add(1), Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
}

/// The core's time, or on a plain thread the system's, which is the same.
fn now_ns() -> u64 {
    if let Some(core) = try_current() {
        return core.clock.now_ns();
    }
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
