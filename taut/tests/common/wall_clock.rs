//! The host's `CLOCK_REALTIME`, which the kernel stamps by, and which is set now and then.

use std::time::{SystemTime, UNIX_EPOCH};

/// The host's clock was set in the middle of a test at most so often.
pub(crate) const CLOCK_STEPS_MAX: usize = 2;

pub(crate) fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}
