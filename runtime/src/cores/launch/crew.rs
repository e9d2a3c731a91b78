//! What the cores of one run share: who they are, and the stop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::cores::Directory;
use crate::signal::SignalKind;
use crate::task::CancelToken;

/// One core of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreInfo {
    pub(super) index: usize,
    pub(super) core: usize,
    pub(super) node: Option<usize>,
    pub(super) role: Option<Arc<str>>,
    pub(super) name: Arc<str>,
}

impl CoreInfo {
    pub(super) fn new(
        index: usize,
        core: usize,
        node: Option<usize>,
        role: Option<Arc<str>>,
    ) -> Self {
        let name = role.clone().unwrap_or_else(|| format!("core-{core}").into());
        Self { index, core, node, role, name }
    }

    /// Its place in the run, from 0, in the order in which the cores were listed.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The core, as the kernel numbers it.
    pub fn core(&self) -> usize {
        self.core
    }

    /// The NUMA node of the core, where the kernel tells.
    pub fn node(&self) -> Option<usize> {
        self.node
    }

    /// The role's name, where it has one.
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// The role's name, or `core-3`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Why all cores of a run were asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopCause {
    /// Somebody asked: [`Running::stop`](super::Running::stop) or
    /// [`CoreContext::stop`](super::CoreContext::stop).
    Asked,
    /// A signal, by [`Cores::stop_on`](super::Cores::stop_on).
    Signal(SignalKind),
    /// The core of this index failed or panicked.
    Failure(usize),
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Crew {
    pub(super) members: Vec<CoreInfo>,
    pub(super) directory: Directory,
    pub(super) stop: CancelToken,
    /// Who asked first, and when.
    asked: Mutex<Option<(StopCause, Instant)>>,
    pub(super) bell: Bell,
}

impl Crew {
    pub(super) fn new(members: Vec<CoreInfo>, directory: Directory) -> io::Result<Self> {
        let (stop, asked) = (CancelToken::new(), Mutex::new(None));
        Ok(Self { members, directory, stop, asked, bell: Bell::new()? })
    }

    /// Asks all cores to stop. The first to ask is remembered.
    pub(super) fn ask_to_stop(&self, cause: StopCause) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get_or_insert_with(|| (cause, Instant::now()));
        drop(asked);
        self.stop.cancel();
        self.bell.ring();
    }

    /// Why the cores were asked to stop, and when.
    pub(super) fn asked(&self) -> Option<(StopCause, Instant)> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the thread that sees the run to its end that something has changed.
#[derive(Debug)]
pub(super) struct Bell(OwnedFd);

impl Bell {
    fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(super) fn ring(&self) {
        // It fails only where the count is at its maximum, and then it is rung.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Sleeps until it rings, or has since the last time; no longer than `timeout`. May return
    /// for no reason.
    pub(super) fn wait(&self, timeout: Option<Duration>) {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let _ = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], timeout.as_ref());
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
