//! What a flow of messages runs over: a socket, or the world of a test with a clock of its own.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::broken;
use crate::harness::clock::Clock;

/// The way to the server, and the time: a socket, or a test's world.
pub(crate) trait Wire {
    fn now(&mut self) -> u64;

    /// Hands over as many bytes as there is room for, without waiting.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, String>;

    /// Takes as many bytes as are there, without waiting; 0 for none.
    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, String>;
}

/// The real way.
#[derive(Debug)]
pub(crate) struct OnSocket<'a> {
    clock: &'a Clock,
    stream: &'a OwnedFd,
}

impl<'a> OnSocket<'a> {
    /// The stream must be non-blocking.
    pub(crate) fn new(clock: &'a Clock, stream: &'a OwnedFd) -> Self {
        Self { clock, stream }
    }
}

impl Wire for OnSocket<'_> {
    #[inline(always)]
    fn now(&mut self) -> u64 {
        self.clock.now()
    }

    #[inline(always)]
    fn send(&mut self, bytes: &[u8]) -> Result<usize, String> {
        match send(self.stream, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(broken("send", error)),
        }
    }

    #[inline(always)]
    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, String> {
        match recv(self.stream, bytes, RecvFlags::empty()) {
            Ok((0, _)) => Err("the server closed the connection".to_owned()),
            Ok((count, _)) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(broken("recv", error)),
        }
    }
}
