//! When packets came in and left, as the kernel or the device saw it.
//!
//! | file | idea |
//! |---|---|
//! | `flags` | what a socket's stamps are asked for with |
//! | `receive` | when packets came in |
//! | `transmit` | when packets left |
//! | `device` | what a device can stamp, and having it do so |
//!
//! Two clocks, and neither is the one that [`Instant`](taut_runtime::time::Instant) counts:
//!
//! * *software* stamps are nanoseconds since the epoch on the host's `CLOCK_REALTIME`, which steps
//!   when it is set. Compare them with [`SystemTime`](std::time::SystemTime), not with a monotonic
//!   clock.
//! * *hardware* stamps are nanoseconds of the device's own clock: of UTC or TAI where `phc2sys` or
//!   `ptp4l` keep it so, else of whatever it counts from.
//!
//! Cost: some 64 bytes of control messages a packet, and the kernel's reading of the clock for each
//! packet of the host as long as any socket has its receives stamped. Stamps of sends cost a system
//! call for up to 32 of them.

mod device;
mod flags;
mod receive;
mod transmit;

pub use device::TimestampCapabilities;
pub use flags::StampedBy;
pub use transmit::TransmitTimestamps;
