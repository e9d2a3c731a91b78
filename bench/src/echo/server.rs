//! The servers under test: how each is started and what they have in common.
//!
//! Every server has a thread of its own, pinned to the server core before anything is allocated,
//! one listener, and all its connections from before the first slice to the end of the run.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use clap::ValueEnum;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::{raw_epoll, raw_spin, taut_server};
use crate::harness::cores;
use crate::harness::environment::FeatureRow;
use crate::harness::gate::{Attendant, Gate};

/// The kinds of server, by the names of their series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServerKind {
    /// Raw non-blocking recv and send in a loop: nothing can be faster through these calls.
    Floor,
    /// Raw epoll that never sleeps, edge-triggered.
    RawEpollSpin,
    /// The runtime on io_uring, spinning.
    Taut,
    /// The same with hot streams, which the spin loop polls directly.
    TautHot,
    /// The runtime on epoll, spinning.
    TautEpoll,
    /// The runtime on io_uring, sleeping in the kernel when idle.
    TautPark,
}

impl ServerKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Floor,
        Self::RawEpollSpin,
        Self::Taut,
        Self::TautHot,
        Self::TautEpoll,
        Self::TautPark,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::RawEpollSpin => "raw-epoll-spin",
            Self::Taut => "taut",
            Self::TautHot => "taut-hot",
            Self::TautEpoll => "taut-epoll",
            Self::TautPark => "taut-park",
        }
    }

    /// Whether its idle loop asks the kernel, so that its system calls are mostly empty polls.
    pub(crate) fn polls_by_syscall(self) -> bool {
        matches!(self, Self::Floor | Self::RawEpollSpin | Self::TautHot | Self::TautEpoll)
    }
}

/// What all servers serve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) core: usize,
    pub(crate) size: usize,
    pub(crate) connections: usize,
}

/// Why a server is not there, or no longer.
#[derive(Debug)]
pub(crate) enum ServerError {
    /// This host does not offer what it needs.
    Unavailable(String),
    /// Its thread is not where it was asked to be.
    NotPinned(String),
    /// Something else.
    Failed(String),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unavailable(words) | Self::NotPinned(words) | Self::Failed(words)) = self;
        f.write_str(words)
    }
}

impl From<io::Error> for ServerError {
    fn from(error: io::Error) -> Self {
        Self::Failed(format!("its socket failed: {error}"))
    }
}

/// What a server tells once it listens.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) address: SocketAddr,
    pub(crate) features: Vec<FeatureRow>,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) gate: Arc<Gate>,
    pub(crate) ready: Ready,
    pub(crate) thread: JoinHandle<Result<(), ServerError>>,
}

/// Starts a server and waits until it listens.
pub(crate) fn start(kind: ServerKind, shape: Shape) -> Result<Running, ServerError> {
    let gate = Arc::new(Gate::default());
    let attendant_gate = Arc::clone(&gate);
    let (announce, announced) = channel();
    let thread = thread::Builder::new()
        .name(kind.name().to_owned())
        .spawn(move || {
            cores::pin(shape.core).map_err(ServerError::NotPinned)?;
            let attendant = Attendant::new(attendant_gate);
            match kind {
                ServerKind::Floor => serve_raw(shape, &attendant, announce, raw_spin::serve),
                ServerKind::RawEpollSpin => {
                    serve_raw(shape, &attendant, announce, raw_epoll::serve)
                }
                ServerKind::Taut
                | ServerKind::TautHot
                | ServerKind::TautEpoll
                | ServerKind::TautPark => taut_server::serve(kind, shape, attendant, announce),
            }
        })
        .map_err(|error| ServerError::Failed(format!("its thread did not start: {error}")))?;
    match announced.recv() {
        Ok(ready) => Ok(Running { gate, ready, thread }),
        // The sender is gone, so the thread has ended; it says why.
        Err(_) => Err(match last_word(thread) {
            Err(error) => error,
            Ok(()) => ServerError::Failed("it ended before it listened".to_owned()),
        }),
    }
}

/// How a server's thread ended; blocks until it has.
pub(crate) fn last_word(thread: JoinHandle<Result<(), ServerError>>) -> Result<(), ServerError> {
    thread.join().unwrap_or_else(|_| Err(ServerError::Failed("its thread panicked".to_owned())))
}

/// Accepts the connections of a raw server, waits for the first call and serves.
fn serve_raw(
    shape: Shape,
    attendant: &Attendant,
    announce: Sender<Ready>,
    serve: fn(&[TcpStream], &MessageEnd, &Attendant) -> io::Result<()>,
) -> Result<(), ServerError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // Whoever waits for the news has given up if it can't be sent; then nobody will connect.
    if announce.send(Ready { address: listener.local_addr()?, features: Vec::new() }).is_err() {
        return Ok(());
    }
    let mut streams = Vec::with_capacity(shape.connections);
    for _ in 0..shape.connections {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        streams.push(stream);
    }
    if attendant.first_call() {
        serve(&streams, &MessageEnd::new(shape.size), attendant)?;
    }
    Ok(())
}

/// Sends all of it, spinning where the socket is full: the client keeps reading meanwhile.
#[inline(always)]
pub(crate) fn send_all(stream: &TcpStream, bytes: &[u8], syscalls: &mut u64) -> io::Result<()> {
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

/// Where in the byte stream the messages end: one is in flight in total, so all connections of a
/// server share it.
#[derive(Debug)]
pub(crate) struct MessageEnd {
    size: usize,
    left: Cell<usize>,
}

impl MessageEnd {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, left: Cell::new(size) }
    }

    /// Counts echoed bytes; true when they complete a message.
    #[inline(always)]
    pub(crate) fn reached_by(&self, bytes: usize) -> bool {
        let left = self.left.get().saturating_sub(bytes);
        self.left.set(if left == 0 { self.size } else { left });
        left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_may_come_in_any_pieces() {
        let end = MessageEnd::new(10);
        assert!(!end.reached_by(4));
        assert!(!end.reached_by(5));
        assert!(end.reached_by(1));
        assert!(end.reached_by(10));
        assert!(!end.reached_by(9));
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for kind in ServerKind::ALL {
            let value = kind.to_possible_value().map(|value| value.get_name().to_owned());
            assert_eq!(value.as_deref(), Some(kind.name()));
        }
    }

    #[test]
    fn a_core_that_does_not_exist_is_told_apart_from_other_failures() {
        let shape = Shape { core: 1 << 20, size: 64, connections: 1 };
        let error = start(ServerKind::Floor, shape).unwrap_err();
        assert!(matches!(error, ServerError::NotPinned(_)), "{error}");
    }
}
