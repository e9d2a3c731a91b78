//! Time: the core's clock, its timer wheel, and the futures that wait on it.
//!
//! Deadlines are nanoseconds on the core's clock. No timer costs a system call: the loop compares
//! the clock with the earliest deadline, and a core that sleeps gives that deadline to the kernel.

mod clock;
mod instant;
mod interval;
mod sleep;
mod timeout;
mod wheel;

pub use instant::Instant;
pub use interval::{Interval, MissedTicks, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

pub(crate) use clock::Clock;
pub(crate) use wheel::{NEVER_NS, Wheel};
