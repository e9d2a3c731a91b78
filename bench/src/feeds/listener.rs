//! The kinds of receiver, and the thread of one.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

use rustix::net::sockopt::socket_recv_buffer_size;
use taut::{Driver, Runtime, WaitStrategy};

use super::route::Route;
use super::shared::{Farewell, Shared};
use crate::harness::cores;
use crate::harness::counters::{Counters, Inside};
use crate::sys;

/// The kinds, by the names of their series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenerKind {
    /// Raw `recvmmsg`, spinning.
    Floor,
    /// The runtime on io_uring, spinning.
    Taut,
    /// The same with hot sockets.
    TautHot,
    /// The runtime on epoll, spinning.
    TautEpoll,
    /// The runtime on io_uring, asleep when idle.
    TautPark,
}

impl ListenerKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::Floor, Self::Taut, Self::TautHot, Self::TautEpoll, Self::TautPark];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Taut => "taut",
            Self::TautHot => "taut-hot",
            Self::TautEpoll => "taut-epoll",
            Self::TautPark => "taut-park",
        }
    }

    /// Whether its idle loop asks the kernel, so that its system calls are mostly empty polls.
    pub(crate) fn polls_by_syscall(self) -> bool {
        matches!(self, Self::Floor | Self::TautHot | Self::TautEpoll)
    }

    /// The settings of its runtime, where it has one.
    pub(crate) fn runtime(self) -> Option<taut::Builder> {
        let (driver, wait) = match self {
            Self::Floor => return None,
            Self::Taut | Self::TautHot => (Driver::Uring, WaitStrategy::Spin),
            Self::TautEpoll => (Driver::Epoll, WaitStrategy::Spin),
            Self::TautPark => (Driver::Uring, WaitStrategy::Park),
        };
        Some(Runtime::builder().driver(driver).wait(wait))
    }

    /// What it is, in a phrase.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Floor => "raw recvmmsg, spinning",
            Self::TautHot => "Uring driver, Spin, hot sockets",
            Self::Taut => "Uring driver, Spin",
            Self::TautEpoll => "Epoll driver, Spin",
            Self::TautPark => "Uring driver, Park",
        }
    }
}

/// What the kernel says of one socket of a receiver when all is over.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketEnd {
    pub(crate) drops: u64,
    pub(crate) buffer_bytes: u64,
}

impl SocketEnd {
    pub(super) fn of(socket: &impl AsFd) -> Result<Self, String> {
        let failed =
            |error: std::io::Error| format!("the receiver's socket tells nothing: {error}");
        let drops = sys::socket_drops(socket).map_err(failed)?.into();
        let buffer_bytes =
            socket_recv_buffer_size(socket).map_err(|error| failed(error.into()))? as u64;
        Ok(Self { drops, buffer_bytes })
    }
}

/// Tells the sender at which port the receiver's sockets are.
pub(super) type Ready = Box<dyn FnOnce(Vec<u16>) + Send>;

/// A receiver that runs, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Listener<T> {
    pub(crate) shared: Arc<Shared>,
    thread: JoinHandle<Result<T, String>>,
    ports: Receiver<Vec<u16>>,
}

impl<T: Send + 'static> Listener<T> {
    /// Starts `receive` on that core, in the receiver's namespace.
    pub(super) fn start(
        route: &Route,
        core: usize,
        shared: Arc<Shared>,
        receive: impl FnOnce(Ready) -> Result<T, String> + Send + 'static,
    ) -> Result<Self, String> {
        let (tell, ports) = channel();
        let (route, seen) = (route.clone(), Arc::clone(&shared));
        let run = move || {
            let _farewell = Farewell(&seen);
            cores::pin(core)?;
            route.enter()?;
            receive(Box::new(move |ports| {
                // A sender that is gone waits for no ports.
                let _ = tell.send(ports);
            }))
        };
        let thread = thread::Builder::new()
            .name("receiver".to_owned())
            .spawn(run)
            .map_err(|error| format!("the receiver's thread did not start: {error}"))?;
        Ok(Self { shared, thread, ports })
    }

    /// The ports of its sockets, once they are there.
    pub(crate) fn ports(&self) -> Option<Vec<u16>> {
        self.ports.recv().ok()
    }

    /// Waits for its end, and gives what it has; `sent` is how the sending ended.
    pub(crate) fn end<S>(self, sent: Result<S, String>) -> Result<(S, T), String> {
        if sent.is_err() {
            self.shared.abandon();
        }
        let received = self.thread.join().map_err(|_| "the receiver panicked".to_owned())?;
        // Where the receiver failed the sender only knows that nobody listened.
        let received = received?;
        Ok((sent?, received))
    }
}

/// The addresses of these groups at these ports.
pub(super) fn addresses(
    groups: impl IntoIterator<Item = Ipv4Addr>,
    ports: impl IntoIterator<Item = u16>,
) -> Vec<SocketAddrV4> {
    groups.into_iter().zip(ports).map(|(group, port)| SocketAddrV4::new(group, port)).collect()
}

/// What a receiver has counted since its warm-up.
#[derive(Debug, Default)]
pub(super) struct Begun(Option<(Counters, u64, u64)>);

impl Begun {
    /// To be called with the first datagram that counts; later calls change nothing.
    #[inline(always)]
    pub(super) fn begin(&mut self, syscalls: impl FnOnce() -> u64) {
        if self.0.is_none() {
            self.begin_now(syscalls());
        }
    }

    #[cold]
    fn begin_now(&mut self, syscalls: u64) {
        self.0 = Some((Counters::of_this_thread(), syscalls, sys::process_allocations()));
    }

    /// What was counted since then, for so many operations.
    pub(super) fn end(&self, operations: u64, syscalls: u64) -> Counters {
        let Some((before, calls, allocations)) = &self.0 else { return Counters::default() };
        Counters {
            operations,
            inside: Some(Inside {
                operations,
                syscalls: Some(syscalls - calls),
                allocations: sys::process_allocations() - allocations,
            }),
            ..Counters::of_this_thread().since(before)
        }
    }
}
