//! Guesses which stream the kernel's deferred work is about, to read it without the detour.
//!
//! When a message comes in, the kernel raises `TASKRUN` and does the receive inside our next
//! `enter`. For a stream that has brought the last messages and whose reader waits, a plain
//! non-blocking receive gives the same bytes about half a microsecond earlier. The `enter` is then
//! owed: the answer's send shares it, or else it comes with the next turn. Measured on loopback,
//! see `docs/architecture.md`.
//!
//! Why the order of bytes holds: with `DEFER_TASKRUN` an armed receive runs only inside our own
//! `enter`, so while the completion queue is empty nothing has been received that we don't know of.
//!
//! Invariants: after a guess, right or wrong, the kernel's deferred work is run before the next
//! one, so no stream is starved. Cost: a wrong guess is one system call; after two of them in a row
//! guessing stops until a stream has brought two messages in a row again.

use std::rc::{Rc, Weak};

use crate::io::InboundState;

/// Confidence that a right guess gives.
const CERTAIN: u8 = 4;
/// Least confidence to guess with.
const CONFIDENT: u8 = 2;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Predictor {
    candidate: Weak<InboundState>,
    confidence: u8,
    enter_due: bool,
}

impl Predictor {
    /// A stream received a message by completion.
    #[inline]
    pub(crate) fn observe(&mut self, stream: &Rc<InboundState>) {
        if std::ptr::eq(self.candidate.as_ptr(), Rc::as_ptr(stream)) {
            self.confidence = CERTAIN.min(self.confidence + 1);
        } else {
            self.candidate = Rc::downgrade(stream);
            self.confidence = 1;
        }
    }

    /// The stream to try, if there is one to be confident of and a reader waits for it.
    #[inline]
    pub(crate) fn guess(&self) -> Option<Rc<InboundState>> {
        if self.enter_due || self.confidence < CONFIDENT {
            return None;
        }
        let stream = self.candidate.upgrade()?;
        let ready = stream.reader.is_waiting()
            && stream.armed.get().is_some()
            && !stream.stopping.get()
            && stream.queued() == 0;
        ready.then_some(stream)
    }

    #[inline]
    pub(crate) fn was_right(&mut self) {
        self.confidence = CERTAIN;
        self.enter_due = true;
    }

    pub(crate) fn was_wrong(&mut self) {
        self.confidence -= CONFIDENT;
    }

    /// Whether an `enter` is owed, which a write may share.
    #[inline]
    pub(crate) fn enter_is_due(&self) -> bool {
        self.enter_due
    }

    #[inline]
    pub(crate) fn entered(&mut self) {
        self.enter_due = false;
    }
}
