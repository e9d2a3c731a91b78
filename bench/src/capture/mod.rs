//! `taut-bench capture`: packet captures of market data, read and made up.
//!
//! Replays need real bursts on two lines, and no venue's packets may lie in a repository. So
//! `generate` writes a capture by a seed: MoldUDP64 packets in Poisson bursts on line A and, later
//! and with losses of its own, on line B. `show` says what is in any capture, and what arbitration
//! makes of it.
//!
//! Read are files of the `pcap` format, with microseconds or nanoseconds, of either byte order.
//! `pcapng` is refused with the command that converts it: its blocks, options and clocks for each
//! interface are ten times the format, and no crate for it is kept up.
//!
//! Invariant: a file may hold anything; what can't be read ends with the number of its record and
//! its place, and memory stays below [`pcap::RECORD_BYTES_MAX`] whatever lengths it claims.
//!
//! | file | idea |
//! |---|---|
//! | `pcap` | the file format, read and written |
//! | `datagram` | UDP out of a captured packet, and into one |
//! | `generate` | the made-up feed |
//! | `show` | what is in a capture |
//! | `options` | the command line |

mod datagram;
mod generate;
mod options;
mod pcap;
mod show;

pub(crate) use datagram::{Captured, datagram};
pub(crate) use generate::{Feed, write as generate};
pub(crate) use options::{Options, run};
pub(crate) use pcap::Reader;
