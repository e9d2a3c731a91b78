//! How deep the processor may sleep, as a bound on how long its waking takes.
//!
//! The kernel keeps the bound while the descriptor is open, for all cores, and takes the least of
//! all that are asked for.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

pub(super) const DEVICE: &str = "/dev/cpu_dma_latency";

/// The bound holds until this is dropped.
#[derive(Debug)]
pub(super) struct CpuLatency {
    _held: File,
}

impl CpuLatency {
    pub(super) fn new(latency_us: i32) -> io::Result<Self> {
        let mut device = OpenOptions::new().write(true).open(DEVICE)?;
        device.write_all(&latency_us.to_ne_bytes())?;
        Ok(Self { _held: device })
    }
}
