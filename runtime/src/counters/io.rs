//! Counting what the kernel took and gave: one place for each kind of outcome, used by both drivers
//! and by the calls that a core makes itself.

use std::io;

use super::set::CounterCells;

impl CounterCells {
    /// Bytes of a stream came in; none is its end.
    #[inline]
    pub(crate) fn received(&self, bytes: usize) {
        if bytes > 0 {
            self.receives.increment();
            self.received_bytes.add(bytes as u64);
        }
    }

    /// The kernel took so many bytes of those that it was given.
    #[inline]
    pub(crate) fn sent(&self, taken: usize, given: usize) {
        self.sends.increment();
        self.sent_bytes.add(taken as u64);
        if taken < given {
            self.sends_short.increment();
        }
    }

    /// A non-blocking send ended like this. A failure is counted where it ends the operation.
    #[inline]
    pub(crate) fn tried_to_send(&self, outcome: &io::Result<usize>, given: usize) {
        match outcome {
            Ok(taken) => self.sent(*taken, given),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.sends_would_block.increment();
            }
            Err(_) => {}
        }
    }

    /// An operation on a socket ended like this.
    #[cold]
    pub(crate) fn failed(&self, error: &io::Error) {
        let quiet = matches!(
            error.raw_os_error(),
            Some(libc::EAGAIN | libc::ECANCELED | libc::ENOBUFS | libc::EINTR | libc::ETIME)
        );
        if !quiet {
            self.errors.increment();
        }
    }
}
