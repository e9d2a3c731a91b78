//! The venue of `ws-feed`: it sends the recording to one client at a time, and spins.
//!
//! A message is stamped just before the `send` that takes it, so what a client notes is the way
//! through the kernel and through itself; who reads too slowly makes the venue wait, which is in
//! that time as well.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use taut::ws::Role;

use super::handler::GO;
use super::now_ns;
use super::recording::Recording;
use crate::client::{Patience, broken};
use crate::ws::{answer_to, frame_bytes, head_bytes};

/// What leaves at once in a burst.
const CHUNK_BYTES: usize = 64 << 10;
const HEAD_BYTES_MAX: usize = 8 << 10;

/// How the messages leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speed {
    /// When they are due.
    Recorded,
    /// All at once.
    Burst,
}

/// Where clients connect to.
#[derive(Debug)]
pub(crate) struct Venue {
    listener: TcpListener,
    recording: Recording,
}

/// A client of it.
#[derive(Debug)]
pub(crate) struct Connection(OwnedFd);

/// The moments of a part of the feed that was sent, in ns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    pub(crate) bytes: u64,
}

impl Venue {
    pub(crate) fn new(messages: usize) -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0));
        let nonblocking = |listener: TcpListener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = listener.and_then(nonblocking);
        let listener = listener.map_err(|error| format!("the venue can't listen: {error}"))?;
        Ok(Self { listener, recording: Recording::new(messages) })
    }

    pub(crate) fn address(&self) -> Result<SocketAddr, String> {
        self.listener.local_addr().map_err(|error| format!("the venue has no address: {error}"))
    }

    pub(crate) fn messages(&self) -> usize {
        self.recording.messages()
    }

    /// How many messages from that one on are due within so many ns, to the end at most.
    pub(crate) fn due_within(&self, first: usize, length_ns: u64) -> usize {
        let end_ns = self.recording.due_ns(first) + length_ns;
        let due = (first..self.messages()).take_while(|&at| self.recording.due_ns(at) < end_ns);
        due.count()
    }

    pub(crate) fn length_ns(&self) -> u64 {
        self.recording.length_ns()
    }

    /// Takes the next client and shakes hands with it; nothing where none is there yet.
    pub(crate) fn accept(&self) -> Result<Option<Connection>, String> {
        let problem = |error: io::Error| format!("the venue lost its client: {error}");
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(problem(error)),
        };
        stream.set_nodelay(true).map_err(problem)?;
        let stream = OwnedFd::from(stream);
        ioctl_fionbio(&stream, true).map_err(|error| problem(error.into()))?;
        let connection = Connection(stream);
        let mut head = vec![0; HEAD_BYTES_MAX];
        let mut received = 0;
        while head_bytes(&head[..received]).is_none() {
            received += connection.receive(&mut head[received..], "the request of a handshake")?;
        }
        connection.send(&answer_to(&head[..received])?)?;
        Ok(Some(connection))
    }

    /// Waits until the client says that it is ready, and sends it these messages.
    pub(crate) fn send(
        &mut self,
        to: &Connection,
        messages: Range<usize>,
        speed: Speed,
    ) -> Result<Sent, String> {
        to.await_go()?;
        let bytes = self.recording.frames(messages.clone()).len() as u64;
        let begun_ns = now_ns();
        let due_ns = self.recording.due_ns(messages.start);
        let (mut at, mut last_ns) = (messages.start, begun_ns);
        while at < messages.end {
            let end = match speed {
                Speed::Burst => self.chunk_end(at, messages.end),
                Speed::Recorded => {
                    let due_ns = begun_ns + (self.recording.due_ns(at) - due_ns);
                    while now_ns() < due_ns {
                        std::hint::spin_loop();
                    }
                    at + 1
                }
            };
            last_ns = now_ns();
            for number in at..end {
                self.recording.stamp(number, last_ns);
            }
            to.send(self.recording.frames(at..end))?;
            at = end;
        }
        Ok(Sent { first_ns: begun_ns, last_ns, bytes })
    }

    /// As many messages as leave at once.
    fn chunk_end(&self, first: usize, end: usize) -> usize {
        let fits = |&at: &usize| self.recording.frames(first..at).len() <= CHUNK_BYTES;
        (first + 1..=end).take_while(fits).last().unwrap_or(first + 1)
    }
}

impl Connection {
    fn await_go(&self) -> Result<(), String> {
        let mut go = [0; 64];
        let (mut received, bytes) = (0, frame_bytes(GO.len(), Role::Client));
        while received < bytes {
            received += self.receive(&mut go[received..], "the word to begin")?;
        }
        match received == bytes {
            true => Ok(()),
            false => Err(format!("{} bytes behind the word to begin", received - bytes)),
        }
    }

    fn receive(&self, to: &mut [u8], awaited: &str) -> Result<usize, String> {
        let mut patience = Patience::default();
        loop {
            match recv(&self.0, &mut *to, RecvFlags::empty()) {
                Ok((0, _)) => return Err("the client closed its connection".to_owned()),
                Ok((count, _)) => return Ok(count),
                Err(Errno::AGAIN | Errno::INTR) => patience.nothing_came(|| awaited.to_owned())?,
                Err(error) => return Err(broken("recv", error)),
            }
        }
    }

    fn send(&self, mut bytes: &[u8]) -> Result<(), String> {
        let mut patience = Patience::default();
        while !bytes.is_empty() {
            match send(&self.0, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => {
                    bytes = &bytes[count..];
                    patience = Patience::default();
                }
                Err(Errno::AGAIN | Errno::INTR) => {
                    patience.nothing_came(|| "room in a connection".to_owned())?;
                }
                Err(error) => return Err(broken("send", error)),
            }
        }
        Ok(())
    }
}
