//! How late a sleep of 50 us ends: on a spinning core, on one that parks, and by the raw calls.

use super::micro::{Definition, Work};
use crate::report::Unit;

pub(crate) const DEFINITION: Definition = Definition {
    name: "timers",
    measures: "lateness of a sleep of 50 us, one thread",
    unit: Unit::Nanoseconds,
    works: &[Work { name: "sleep_50us", operations: 1, batches: 50, expected_ns: 50_000 }],
    pairs: &[("taut-park", "nanosleep"), ("taut-epoll-park", "nanosleep")],
    notes: &[
        "a sample is what a sleep takes beyond its 50 us. The floor spins on the clock; nanosleep \
         is the kernel's call with a timer slack of 1 ns, the floor of whoever sleeps.",
    ],
};
