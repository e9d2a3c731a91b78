//! The core's clock: the time-stamp counter where it can be trusted, else `clock_gettime`.
//!
//! The counter is calibrated against `CLOCK_MONOTONIC` once a process, over two milliseconds, and
//! each clock anchors itself anew every 100 ms of use, so that it follows the kernel's clock (which
//! NTP slews) to within a microsecond or so. Readings never go back. A counter whose rate is seen
//! to change by more than 0.1 % (a live migration) is given up for `clock_gettime`.
//!
//! Cost: one `rdtsc`, a multiplication and two compares.

use std::cell::Cell;
use std::sync::OnceLock;

use rustix::time::{ClockId, clock_gettime};

use crate::features::Features;

/// How long the first calibration takes.
const CALIBRATION_NS: u64 = 2_000_000;
/// Counter ticks between two anchors, in nanoseconds of the calibrated rate.
const ANCHOR_EVERY_NS: u64 = 100_000_000;
/// A rate that differs by more than this part from the calibrated one is not trusted.
const RATE_TOLERANCE_PART: u64 = 1000;
/// Fixed-point shift of the rate: nanoseconds per tick times 2^32.
const RATE_SHIFT: u32 = 32;

/// A monotonic clock for one core.
#[derive(Debug)]
pub(crate) struct Clock {
    tsc_trusted: Cell<bool>,
    rate: Cell<u64>,
    anchor_ticks: Cell<u64>,
    anchor_ns: Cell<u64>,
    anchor_every_ticks: u64,
    last_ns: Cell<u64>,
}

impl Clock {
    pub(crate) fn new(features: &mut Features) -> Self {
        let rate = match calibrated() {
            Ok(rate) => {
                let hz = (1_u128 << RATE_SHIFT) * 1_000_000_000 / u128::from(*rate);
                features.grant("tsc clock", format!("{:.3} GHz", hz as f64 / 1e9));
                Some(*rate)
            }
            Err(reason) => {
                features.refuse("tsc clock", format!("{reason}; using clock_gettime"));
                None
            }
        };
        let (ticks, now_ns) = (ticks(), kernel_now_ns());
        Self {
            tsc_trusted: Cell::new(rate.is_some()),
            rate: Cell::new(rate.unwrap_or(0)),
            anchor_ticks: Cell::new(ticks),
            anchor_ns: Cell::new(now_ns),
            anchor_every_ticks: rate.map_or(u64::MAX, |rate| to_ticks(ANCHOR_EVERY_NS, rate)),
            last_ns: Cell::new(now_ns),
        }
    }

    /// Nanoseconds of `CLOCK_MONOTONIC`, never less than before.
    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        if !self.tsc_trusted.get() {
            return self.not_before(kernel_now_ns());
        }
        let passed = ticks().wrapping_sub(self.anchor_ticks.get());
        // A counter that lags on another core reads as a huge difference: anchor anew there too.
        if passed > self.anchor_every_ticks {
            return self.anchor();
        }
        self.not_before(self.anchor_ns.get() + to_ns(passed, self.rate.get()))
    }

    /// What was read last.
    #[inline]
    pub(crate) fn last_ns(&self) -> u64 {
        self.last_ns.get()
    }

    #[inline]
    fn not_before(&self, now_ns: u64) -> u64 {
        let now_ns = now_ns.max(self.last_ns.get());
        self.last_ns.set(now_ns);
        now_ns
    }

    /// Reads the kernel's clock and measures the rate since the last anchor.
    #[cold]
    fn anchor(&self) -> u64 {
        let (ticks, now_ns) = sample();
        let passed_ticks = ticks.wrapping_sub(self.anchor_ticks.get());
        let passed_ns = now_ns.saturating_sub(self.anchor_ns.get());
        self.anchor_ticks.set(ticks);
        self.anchor_ns.set(now_ns);
        let expected_ns = to_ns(passed_ticks, self.rate.get());
        let tolerance_ns = passed_ns / RATE_TOLERANCE_PART + 10_000;
        if passed_ns.abs_diff(expected_ns) > tolerance_ns {
            self.tsc_trusted.set(false);
        } else if let Some(rate) = rate(passed_ticks, passed_ns) {
            self.rate.set(rate);
        }
        self.not_before(now_ns)
    }
}

/// Nanoseconds per tick times 2^32, or why the counter can't be trusted.
fn calibrated() -> &'static Result<u64, String> {
    static RATE: OnceLock<Result<u64, String>> = OnceLock::new();
    RATE.get_or_init(|| {
        trusted_by_kernel()?;
        let (start_ticks, start_ns) = sample();
        loop {
            let (ticks, now_ns) = sample();
            if now_ns - start_ns >= CALIBRATION_NS {
                return rate(ticks.wrapping_sub(start_ticks), now_ns - start_ns)
                    .ok_or_else(|| "the counter did not move while it was calibrated".to_owned());
            }
        }
    })
}

/// The kernel's own verdict: the counter runs at one rate, through sleep states, and the kernel
/// itself keeps time by it (under a hypervisor through a paravirtual clock over it).
fn trusted_by_kernel() -> Result<(), String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("no time-stamp counter on this architecture".to_owned());
    }
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    for wanted in ["constant_tsc", "nonstop_tsc"] {
        if !flags.split_whitespace().any(|flag| flag == wanted) {
            return Err(format!("the CPU does not say {wanted}"));
        }
    }
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = std::fs::read_to_string(path).unwrap_or_default();
    match source.trim() {
        "tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page" => Ok(()),
        other => Err(format!("the kernel's clocksource is {other:?}, not the counter")),
    }
}

/// Counter and kernel clock at the same moment: of five tries the one that took least.
fn sample() -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..5 {
        let before = ticks();
        let now_ns = kernel_now_ns();
        let took = ticks().wrapping_sub(before);
        if took < best.0 {
            best = (took, before.wrapping_add(took / 2), now_ns);
        }
    }
    (best.1, best.2)
}

fn rate(ticks: u64, nanoseconds: u64) -> Option<u64> {
    let rate = (u128::from(nanoseconds) << RATE_SHIFT).checked_div(u128::from(ticks))?;
    u64::try_from(rate).ok().filter(|rate| *rate > 0)
}

#[inline]
fn to_ns(ticks: u64, rate: u64) -> u64 {
    ((u128::from(ticks) * u128::from(rate)) >> RATE_SHIFT) as u64
}

fn to_ticks(nanoseconds: u64, rate: u64) -> u64 {
    ((u128::from(nanoseconds) << RATE_SHIFT) / u128::from(rate)) as u64
}

#[inline]
fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 CPU has the instruction, and Linux lets user space execute it.
    return unsafe { std::arch::x86_64::_rdtsc() };
    #[cfg(not(target_arch = "x86_64"))]
    return 0;
}

fn kernel_now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_kernel_clock_and_never_goes_back() {
        let clock = Clock::new(&mut Features::default());
        let end_ns = kernel_now_ns() + 250_000_000;
        let mut last_ns = 0;
        loop {
            let before_ns = kernel_now_ns();
            let now_ns = clock.now_ns();
            let after_ns = kernel_now_ns();
            assert!(now_ns >= last_ns);
            last_ns = now_ns;
            // A millisecond is far beyond what calibration gets wrong, and far below a unit mix-up.
            assert!(now_ns + 1_000_000 >= before_ns && now_ns <= after_ns + 1_000_000);
            if after_ns > end_ns {
                break;
            }
        }
    }

    #[test]
    fn a_counter_that_changes_its_rate_is_given_up() {
        let clock = Clock::new(&mut Features::default());
        if !clock.tsc_trusted.get() {
            return;
        }
        clock.rate.set(clock.rate.get() / 2);
        clock.anchor_ticks.set(ticks().wrapping_sub(clock.anchor_every_ticks * 2));
        clock.anchor_ns.set(kernel_now_ns() - 2 * ANCHOR_EVERY_NS);
        clock.now_ns();
        assert!(!clock.tsc_trusted.get());
        assert!(clock.now_ns().abs_diff(kernel_now_ns()) < 1_000_000_000);
    }

    #[test]
    fn the_counter_may_wrap() {
        let clock = Clock::new(&mut Features::default());
        clock.anchor_ticks.set(ticks().wrapping_add(1 << 40));
        let now_ns = clock.now_ns();
        assert!(now_ns.abs_diff(kernel_now_ns()) < 1_000_000_000);
    }

    #[test]
    fn rate_conversions_invert_each_other() {
        let rate = rate(2_600_000_000, 1_000_000_000).unwrap();
        assert!(to_ns(2_600_000_000, rate).abs_diff(1_000_000_000) < 2);
        assert!(to_ticks(1_000_000_000, rate).abs_diff(2_600_000_000) < 4);
        assert_eq!(super::rate(0, 5), None);
    }
}
