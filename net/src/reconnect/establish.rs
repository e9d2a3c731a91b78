//! The attempts, from a break to the next connection.
//!
//! Invariant: failures are counted from the last connection that held, so a server that accepts and
//! closes, or refuses every log-on, meets the same pauses and limits as one that is gone.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use taut_runtime::random_u64;
use taut_runtime::time::{Instant, sleep, timeout};

use super::builder::{Attempt, ReconnectingBuilder, Target};
use super::error::GaveUp;
use crate::TcpStream;

/// What the attempts and the stream share.
pub(super) struct Plan {
    pub(super) settings: ReconnectingBuilder,
    target: Rc<dyn Target>,
    failures: Cell<u32>,
    /// Since when there is no connection that held.
    since: Cell<Option<Instant>>,
    last: RefCell<Option<io::Error>>,
}

impl Plan {
    pub(super) fn new(settings: ReconnectingBuilder, target: Rc<dyn Target>) -> Self {
        let (failures, since) = (Cell::new(0), Cell::new(None));
        Self { settings, target, failures, since, last: RefCell::new(None) }
    }

    /// Makes a connection, with as many attempts as the limits allow. To be polled in a shield: a
    /// cancel is the stream's to heed.
    pub(super) async fn establish(self: Rc<Self>) -> io::Result<TcpStream> {
        let since = self.since.get().unwrap_or_else(Instant::now);
        self.since.set(Some(since));
        loop {
            let failures = self.failures.get();
            let pause = self.settings.backoff().pause(failures, random_u64());
            self.check_limits(failures, since.elapsed(), pause)?;
            if let Some(hook) = &self.settings.on_attempt {
                hook(&Attempt { failures, pause });
            }
            if !pause.is_zero() {
                sleep(pause).await?;
            }
            match self.attempt(since).await {
                Ok(stream) => return Ok(stream),
                Err(error) => self.failed(error),
            }
        }
    }

    /// Gives up where the limits are reached, or would be before the pause is over.
    fn check_limits(&self, failures: u32, elapsed: Duration, pause: Duration) -> io::Result<()> {
        let enough = self.settings.attempts_max.is_some_and(|most| failures >= most);
        let late = self.settings.outage_max.is_some_and(|longest| elapsed + pause >= longest);
        if !enough && !late {
            return Ok(());
        }
        let none = || io::Error::new(io::ErrorKind::TimedOut, "the limits allow no attempt");
        let last = self.last.take().unwrap_or_else(none);
        self.held();
        Err(GaveUp { attempts: failures, elapsed, last }.into())
    }

    async fn attempt(&self, since: Instant) -> io::Result<TcpStream> {
        let settings = &self.settings;
        let left = settings.outage_max.map(|longest| longest.saturating_sub(since.elapsed()));
        let limit = settings.attempt_timeout.min(left.unwrap_or(Duration::MAX));
        let attempt = async {
            let mut stream = self.target.connect(&settings.connector).await?;
            if let Some(hook) = &settings.on_connect {
                hook.log_on(&mut stream).await?;
            }
            Ok(stream)
        };
        timeout(limit, attempt).await.unwrap_or_else(|_| {
            let message = format!(
                "no connection that is ready to use within {limit:?}; see \
                 ReconnectingBuilder::attempt_timeout"
            );
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }

    fn failed(&self, error: io::Error) {
        self.failures.set(self.failures.get().saturating_add(1));
        self.last.replace(Some(error));
    }

    fn held(&self) {
        self.failures.set(0);
        self.since.set(None);
        self.last.take();
    }

    /// A connection was lost that had lived for so long.
    pub(super) fn lost(&self, lived: Duration, error: &io::Error) {
        if lived >= self.settings.stable_after {
            self.held();
        } else {
            // The error itself goes to the user.
            self.failed(io::Error::new(error.kind(), error.to_string()));
        }
        if let Some(hook) = &self.settings.on_disconnect {
            hook(error);
        }
    }
}
