//! The attempts, from a break to the next connection.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use taut_runtime::time::{sleep, timeout};

use super::attempts::{Attempts, Outage};
use super::builder::{ReconnectingBuilder, Target};
use super::error::GaveUp;
use crate::TcpStream;

/// What the attempts and the stream share.
pub(super) struct Plan {
    pub(super) settings: ReconnectingBuilder,
    target: Rc<dyn Target>,
    attempts: RefCell<Attempts>,
    last: RefCell<Option<io::Error>>,
}

impl Plan {
    pub(super) fn new(settings: ReconnectingBuilder, target: Rc<dyn Target>) -> Self {
        let attempts = RefCell::new(Attempts::new(settings.limits()));
        Self { settings, target, attempts, last: RefCell::new(None) }
    }

    /// Makes a connection, with as many attempts as the limits allow. To be polled in a shield: a
    /// cancel is the stream's to heed.
    pub(super) async fn establish(self: Rc<Self>) -> io::Result<TcpStream> {
        loop {
            let next = self.attempts.borrow_mut().next(Duration::ZERO);
            let attempt = next.map_err(|outage| self.gave_up(outage))?;
            if let Some(hook) = &self.settings.on_attempt {
                hook(&attempt);
            }
            if !attempt.pause.is_zero() {
                sleep(attempt.pause).await?;
            }
            match self.attempt().await {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    self.attempts.borrow_mut().failed();
                    self.last.replace(Some(error));
                }
            }
        }
    }

    fn gave_up(&self, Outage { attempts, elapsed }: Outage) -> GaveUp {
        let none = || io::Error::new(io::ErrorKind::TimedOut, "the limits allow no attempt");
        let last = self.last.take().unwrap_or_else(none);
        GaveUp { attempts, elapsed, last }
    }

    async fn attempt(&self) -> io::Result<TcpStream> {
        let settings = &self.settings;
        let left = self.attempts.borrow().time_left();
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

    /// A connection was lost that had lived for so long.
    pub(super) fn lost(&self, lived: Duration, error: &io::Error) {
        let held = self.attempts.borrow_mut().lost(lived);
        // The error itself goes to the user.
        let told = || io::Error::new(error.kind(), error.to_string());
        self.last.replace((!held).then(told));
        if let Some(hook) = &self.settings.on_disconnect {
            hook(error);
        }
    }
}
