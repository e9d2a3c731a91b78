//! What the ring's driver knows of a socket that it reads by calls of its own.
//!
//! A multishot receive is the cheapest way to a message: the kernel has it in a buffer before
//! anybody asks. It is a dear way to much at once, since each buffer costs a completion and another
//! place in the cache. So a flood of datagrams and a stream in *bulk* are read by plain calls, each
//! into the slot that was used last, and the ring only watches for readiness (a multishot poll)
//! while there is nothing. A stream is in bulk once buffers for [`BULK_BYTES`] wait for its reader,
//! the last of them full; it is no longer once it was found empty [`SMALL_WAITS_MAX`] times in a
//! row after less than a buffer.
//!
//! Invariant: `readable` is only taken back where what comes next makes the poll complete: after a
//! call that found nothing, or took less than it had room for while the peer had not finished
//! (epoll(7) says so of edges, and a multishot poll is one). Cost: five words a socket.

use std::cell::Cell;

/// What waits for the reader of a stream that is in bulk, at least.
pub(crate) const BULK_BYTES: usize = 128 << 10;
/// How often little may come to a stream that stays in bulk.
const SMALL_WAITS_MAX: u32 = 8;

/// Turns in a row that look by a call of their own, after a flood of datagrams, before the ring
/// watches again: a burst comes seldom alone, and a socket that nobody watches costs its sender no
/// wake-up. Only of a core that spins.
const LINGER_TURNS: u32 = 512;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Readiness {
    /// There may be something: to be asked before a wait for it begins.
    pub(crate) readable: Cell<bool>,
    /// What is armed only watches whether there is something.
    pub(crate) watched: Cell<bool>,
    /// The peer has finished, or the socket has failed: a short read is not the last one.
    pub(crate) hung_up: Cell<bool>,
    bulk: Cell<bool>,
    /// What came since there was last nothing.
    bytes: Cell<usize>,
    small_waits: Cell<u32>,
    /// Turns left to look by calls.
    linger: Cell<u32>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            readable: Cell::new(true),
            watched: Cell::new(false),
            hung_up: Cell::new(false),
            bulk: Cell::new(false),
            bytes: Cell::new(0),
            small_waits: Cell::new(0),
            linger: Cell::new(0),
        }
    }
}

impl Readiness {
    pub(crate) fn in_bulk(&self) -> bool {
        self.bulk.get()
    }

    /// There is a flood of datagrams: what is found empty is looked at again, for some turns.
    pub(crate) fn linger(&self) {
        self.linger.set(LINGER_TURNS);
    }

    /// Whether the reader is to look again in the next turn, since nothing is armed for it.
    pub(crate) fn lingers(&self) -> bool {
        self.linger.get() > 0
    }

    /// The stream brings much at once.
    pub(crate) fn begin_bulk(&self) {
        self.bulk.set(true);
        self.small_waits.set(0);
        self.readable.set(true);
    }

    /// A call took `bytes`; `more` where it had no room for all that there may have been.
    #[inline]
    pub(crate) fn took(&self, bytes: usize, more: bool, slot_bytes: u32) {
        self.bytes.set(self.bytes.get() + bytes);
        if !more && !self.hung_up.get() {
            self.exhausted(slot_bytes);
        }
    }

    /// There is nothing.
    pub(crate) fn exhausted(&self, slot_bytes: u32) {
        // What finds nothing says that no end was told: on a socket of datagrams an error is none.
        self.hung_up.set(false);
        let linger = self.linger.get();
        if linger > 0 {
            self.linger.set(linger - 1);
            return;
        }
        self.readable.set(false);
        let little = self.bytes.replace(0) < slot_bytes as usize;
        let small_waits = if little { self.small_waits.get() + 1 } else { 0 };
        self.small_waits.set(small_waits);
        if small_waits >= SMALL_WAITS_MAX {
            self.bulk.set(false);
        }
    }
}
