//! What a socket's stamps are asked for with: `SO_TIMESTAMPING`.
//!
//! The option is one word for both directions, so each changes its own bits of what the kernel has.

use std::io;
use std::os::fd::AsFd;

use crate::number_option::NumberOption;

/// Who stamps packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampedBy {
    /// The kernel: of what comes in when the network stack gets it, of what leaves when it is
    /// handed to the device. Always there, on `CLOCK_REALTIME`.
    Kernel,
    /// The device, by its own clock, where it has one and was told to stamp
    /// ([`Interface::enable_hardware_timestamps`](crate::Interface::enable_hardware_timestamps)).
    Device,
    /// Each for itself.
    Both,
}

// Of <linux/net_tstamp.h>.
const TX_HARDWARE: i32 = 1;
const TX_SOFTWARE: i32 = 1 << 1;
const RX_HARDWARE: i32 = 1 << 2;
const RX_SOFTWARE: i32 = 1 << 3;
const TELL_SOFTWARE: i32 = 1 << 4;
const TELL_HARDWARE: i32 = 1 << 6;
const COUNT: i32 = 1 << 7;
const WITHOUT_PAYLOAD: i32 = 1 << 11;
const BOTH: i32 = 1 << 14;
const COUNT_FROM_NEXT_BYTE: i32 = 1 << 16;

const RECEIVE: i32 = RX_HARDWARE | RX_SOFTWARE;
const TRANSMIT: i32 = TX_HARDWARE | TX_SOFTWARE;
const TRANSMIT_OPTIONS: i32 = COUNT | WITHOUT_PAYLOAD | BOTH | COUNT_FROM_NEXT_BYTE;

const TIMESTAMPING: NumberOption =
    NumberOption::new(libc::SOL_SOCKET, libc::SO_TIMESTAMPING, "SO_TIMESTAMPING", "2.6.30");

impl StampedBy {
    /// Of two flags those that mean this.
    fn of(self, software: i32, hardware: i32) -> i32 {
        match self {
            Self::Kernel => software,
            Self::Device => hardware,
            Self::Both => software | hardware,
        }
    }
}

pub(super) fn set_receive(socket: &impl AsFd, by: Option<StampedBy>) -> io::Result<()> {
    let kept = TIMESTAMPING.get(socket)? & !RECEIVE;
    let added = by.map_or(0, |by| by.of(RX_SOFTWARE, RX_HARDWARE));
    set(socket, kept | added)
}

pub(super) fn transmits(socket: &impl AsFd) -> io::Result<bool> {
    Ok(TIMESTAMPING.get(socket)? & TRANSMIT != 0)
}

pub(super) fn set_transmit(
    socket: &impl AsFd,
    by: Option<StampedBy>,
    of_stream: bool,
) -> io::Result<()> {
    let kept = TIMESTAMPING.get(socket)? & !TRANSMIT & !TRANSMIT_OPTIONS;
    let added = by.map_or(0, |by| {
        let both = if by == StampedBy::Both { BOTH } else { 0 };
        let count = if of_stream { COUNT | COUNT_FROM_NEXT_BYTE } else { COUNT };
        by.of(TX_SOFTWARE, TX_HARDWARE) | WITHOUT_PAYLOAD | both | count
    });
    set(socket, kept | added)
}

/// Has the kernel tell the kinds of stamps that it is to make.
fn set(socket: &impl AsFd, flags: i32) -> io::Result<()> {
    let told = |made, tell| if flags & made != 0 { tell } else { 0 };
    let tell = told(TX_SOFTWARE | RX_SOFTWARE, TELL_SOFTWARE)
        | told(TX_HARDWARE | RX_HARDWARE, TELL_HARDWARE);
    TIMESTAMPING.set(socket, flags & !(TELL_SOFTWARE | TELL_HARDWARE) | tell)
}
