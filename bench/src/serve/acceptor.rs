//! New connections for a server that has nobody to tell it of them.
//!
//! A thread sleeps in `accept`; the spinning loop looks at a flag. Cost: one load a turn for the
//! loop, and a switch of threads on its core for each new connection.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::transport::Listener;

/// The loop's end.
#[derive(Debug)]
pub(super) struct Acceptor {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicBool,
    streams: Mutex<Vec<OwnedFd>>,
}

impl Acceptor {
    pub(super) fn start(listener: Listener) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let accept = move || {
            while let Ok(stream) = listener.accept() {
                theirs.streams.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
                theirs.waiting.store(true, Ordering::Release);
            }
        };
        thread::Builder::new().name("accept".to_owned()).spawn(accept)?;
        Ok(Self { shared })
    }

    /// Whether there are new connections to take.
    #[inline(always)]
    pub(super) fn has_some(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Moves the new connections behind those that are there.
    #[cold]
    pub(super) fn take(&self, streams: &mut Vec<impl From<OwnedFd>>) {
        self.shared.waiting.store(false, Ordering::Relaxed);
        let mut new = self.shared.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.extend(new.drain(..).map(From::from));
    }
}
