//! A connection of a raw server: what it owes for what it has received.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::{Duty, RawFrames};
use crate::http;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct RawConnection {
    pub(super) stream: OwnedFd,
    /// Bytes of a request that is not all there.
    partial: usize,
    frames: RawFrames,
}

impl From<OwnedFd> for RawConnection {
    fn from(stream: OwnedFd) -> Self {
        Self { stream, partial: 0, frames: RawFrames::default() }
    }
}

impl RawConnection {
    /// Answers what was received. Requests of HTTP are not read, only counted: they are all alike,
    /// so nothing can be faster through these calls. Returns how many bytes count as served.
    #[inline(always)]
    pub(super) fn answer(
        &mut self,
        received: &[u8],
        duty: Duty,
        syscalls: &mut u64,
    ) -> io::Result<usize> {
        match duty {
            Duty::Echo => send_all(&self.stream, received, syscalls)?,
            Duty::Swallow => {}
            Duty::Ws | Duty::Wss => return self.frames.answer(&self.stream, received, syscalls),
            Duty::Http | Duty::Https => {
                let bytes = self.partial + received.len();
                self.partial = bytes % http::REQUEST.len();
                let mut owed = bytes / http::REQUEST.len();
                while owed > 0 {
                    let answers = http::responses(owed);
                    send_all(&self.stream, answers, syscalls)?;
                    owed -= answers.len() / http::responses(1).len();
                }
            }
        }
        Ok(received.len())
    }
}

/// Sends all of it, spinning where the socket is full: the client keeps reading meanwhile.
#[inline(always)]
pub(super) fn send_all(stream: &OwnedFd, bytes: &[u8], syscalls: &mut u64) -> io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        *syscalls += 1;
        match send(stream, &bytes[sent..], SendFlags::NOSIGNAL) {
            Ok(count) => sent += count,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
