//! The one-way client: it sends as fast as the connection takes it.
//!
//! What it has sent is no figure: what is under way when the time is up would be counted, too. The
//! server's own count is.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::message::Pattern;
use super::{Patience, broken};
use crate::harness::clock::Clock;

/// A connection into which bytes are poured in pieces of one size.
#[derive(Debug)]
pub(crate) struct Pour {
    stream: OwnedFd,
    patterns: Pattern,
    /// All that was ever sent.
    bytes: u64,
}

impl Pour {
    /// The stream must be non-blocking; no piece may be longer than the longest.
    pub(crate) fn new(stream: OwnedFd, longest: usize) -> Self {
        Self { stream, patterns: Pattern::new(longest), bytes: 0 }
    }

    /// Sends one piece, spinning while there is no room.
    pub(crate) fn piece(&mut self, size: usize) -> Result<(), String> {
        let bytes = &self.patterns.of(self.bytes)[..size];
        self.bytes += size as u64;
        let mut sent = 0;
        let mut patience = Patience::default();
        while sent < bytes.len() {
            match send(&self.stream, &bytes[sent..], SendFlags::NOSIGNAL) {
                Ok(count) => {
                    sent += count;
                    patience = Patience::default();
                }
                Err(Errno::AGAIN | Errno::INTR) => {
                    patience.nothing_came(|| "room in the connection".to_owned())?;
                }
                Err(error) => return Err(broken("send", error)),
            }
        }
        Ok(())
    }

    /// Sends pieces for so many ticks and keeps the time of every chunk of bytes.
    pub(crate) fn run(
        &mut self,
        clock: &Clock,
        size: usize,
        (length, chunk): (u64, usize),
        samples: &mut Vec<u64>,
    ) -> Result<(), String> {
        let pieces = chunk.div_ceil(size);
        let begun = clock.now();
        let mut last = begun;
        loop {
            for _ in 0..pieces {
                self.piece(size)?;
            }
            let now = clock.now();
            samples.push(now.saturating_sub(last));
            last = now;
            if now.saturating_sub(begun) >= length {
                return Ok(());
            }
        }
    }
}
