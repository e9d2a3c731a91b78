//! Signals as requests to stop: the first is told to whoever runs the program, a second one ends
//! the process as if nobody listened.
//!
//! The second is dealt with in the handler itself, so that it ends a process of which every thread
//! hangs. A signal that comes within [`SAME_REQUEST_NS`] of the first is the same request: a
//! terminal, a shell and `timeout` may each pass one on. Cost: a descriptor, and nothing while no
//! signal comes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use rustix::time::{ClockId, clock_gettime};

use super::{Registration, SignalKind};

/// How long after the first signal another one still belongs to it.
const SAME_REQUEST_NS: i64 = 100_000_000;

/// Listens to requests to stop until it is dropped.
#[derive(Debug)]
pub(crate) struct StopRequests {
    request: Arc<Request>,
    _registrations: Vec<Registration>,
}

#[derive(Debug)]
struct Request {
    /// When the first came, or 0.
    first_ns: AtomicI64,
    /// Which one it was, or 0.
    signal: AtomicI32,
    notice: OwnedFd,
}

impl StopRequests {
    /// Has the first of these signals counted by `notice`, an event counter.
    ///
    /// # Errors
    ///
    /// As for [`signal`](super::signal).
    pub(crate) fn listen(kinds: &[SignalKind], notice: BorrowedFd<'_>) -> io::Result<Self> {
        let request = Arc::new(Request::new(notice.try_clone_to_owned()?));
        let listen = |kind: &SignalKind| {
            let (request, kind) = (Arc::clone(&request), *kind);
            // SAFETY: `came` reads the clock, changes atomics, and makes one of the calls `write`
            // and `signal` with `raise`: all of that is async-signal-safe, and nothing panics.
            unsafe { Registration::new(kind, move || request.came(kind)) }
        };
        let registrations = kinds.iter().map(listen).collect::<io::Result<_>>()?;
        Ok(Self { request, _registrations: registrations })
    }

    /// The signal that came first.
    pub(crate) fn first(&self) -> Option<SignalKind> {
        match self.request.signal.load(Ordering::Acquire) {
            0 => None,
            number => Some(SignalKind::from_raw(number)),
        }
    }
}

impl Request {
    fn new(notice: OwnedFd) -> Self {
        Self { first_ns: AtomicI64::new(0), signal: AtomicI32::new(0), notice }
    }

    /// In the handler.
    fn came(&self, kind: SignalKind) {
        let now = clock_gettime(ClockId::Monotonic);
        match self.is_which(now.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec)) {
            Which::First => {
                self.signal.store(kind.as_raw(), Ordering::Release);
                // It fails only where the count is at its maximum, and then says enough.
                let _ = rustix::io::write(self.notice.as_fd(), &1_u64.to_ne_bytes());
            }
            Which::Same => {}
            Which::Second => end_by(kind),
        }
    }

    fn is_which(&self, now_ns: i64) -> Which {
        let now_ns = now_ns.max(1);
        match self.first_ns.compare_exchange(0, now_ns, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Which::First,
            Err(first_ns) if now_ns.wrapping_sub(first_ns) < SAME_REQUEST_NS => Which::Same,
            Err(_) => Which::Second,
        }
    }
}

/// Which request a signal is a part of.
#[derive(Debug, PartialEq, Eq)]
enum Which {
    First,
    /// The first, too.
    Same,
    Second,
}

/// Does what the signal does where nobody listens, once its handler returns.
fn end_by(kind: SignalKind) {
    // SAFETY: both calls take numbers and are async-signal-safe. The signal is blocked in its own
    // handler, so it comes when that returns, and then meets the default action.
    unsafe {
        libc::signal(kind.as_raw(), libc::SIG_DFL);
        libc::raise(kind.as_raw());
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{EventfdFlags, eventfd};

    use super::*;

    #[test]
    fn signals_that_come_together_are_one_request() {
        let request = Request::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
        // Also at the very start of the clock.
        assert_eq!(request.is_which(0), Which::First);
        assert_eq!(request.is_which(0), Which::Same);
        assert_eq!(request.is_which(SAME_REQUEST_NS), Which::Same);
        assert_eq!(request.is_which(SAME_REQUEST_NS + 1), Which::Second);
    }
}
