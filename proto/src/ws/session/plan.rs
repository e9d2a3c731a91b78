//! The attempts, from a loss to the next connection.
//!
//! Invariant: an attempt is a future that the session keeps, so it goes on whoever drops a wait,
//! and is gone with the session. It is polled in a shield: a cancel is the session's to heed.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use taut_net::Transport;
use taut_net::reconnect::{Attempts, Outage};
use taut_runtime::task::shield;
use taut_runtime::time::{Instant, sleep, timeout};

use super::builder::SessionBuilder;
use super::event::{Event, Failure, GaveUp, GaveUpReason, Retry};
use super::fresh::{Boxed, Connect, Fresh};
use crate::ws::WebSocket;

/// Makes connections, as often as the limits allow.
pub(super) struct Plan<T: Transport + 'static> {
    settings: Rc<SessionBuilder<T>>,
    connect: Rc<dyn Connect<T>>,
    attempts: Attempts,
    /// What a hook asked for.
    pause_min: Duration,
    stage: Stage<T>,
}

enum Stage<T: Transport + 'static> {
    Idle,
    /// For the pause, and the turn at the rate limit.
    Waiting(Boxed<'static, io::Result<()>>),
    Connecting(Boxed<'static, Result<WebSocket<T>, Failure>>),
}

/// What becomes of a plan, one at a time.
pub(super) enum Step<T: Transport + 'static> {
    Told(Event),
    Failed(Failure),
    Connected(WebSocket<T>),
    GaveUp(GaveUp),
}

impl<T: Transport + 'static> Plan<T> {
    pub(super) fn new(settings: Rc<SessionBuilder<T>>, connect: Rc<dyn Connect<T>>) -> Self {
        let attempts = Attempts::new(settings.limits());
        Self { settings, connect, attempts, pause_min: Duration::ZERO, stage: Stage::Idle }
    }

    /// Goes on to connection number `number`, which replaces another, or none.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        number: u64,
        replaces: Option<u64>,
    ) -> Poll<Step<T>> {
        loop {
            match &mut self.stage {
                Stage::Idle => {
                    if let Some(step) = self.begin() {
                        return Poll::Ready(step);
                    }
                }
                Stage::Waiting(waiting) => {
                    let waited = ready!(poll_shielded(waiting, context));
                    if let Err(error) = waited {
                        self.stage = Stage::Idle;
                        return Poll::Ready(Step::Failed(Failure::Connect(error.into())));
                    }
                    self.stage = Stage::Connecting(self.attempt(number, replaces));
                    let failures = self.attempts.so_far().attempts;
                    return Poll::Ready(Step::Told(Event::Connecting { failures, replaces }));
                }
                Stage::Connecting(connecting) => {
                    let outcome = ready!(poll_shielded(connecting, context));
                    self.stage = Stage::Idle;
                    return Poll::Ready(match outcome {
                        Ok(socket) => Step::Connected(socket),
                        Err(failure) => {
                            self.attempts.failed();
                            Step::Failed(failure)
                        }
                    });
                }
            }
        }
    }

    /// Begins to wait for the next attempt, and tells of it where that takes time.
    fn begin(&mut self) -> Option<Step<T>> {
        let attempt = match self.attempts.next(std::mem::take(&mut self.pause_min)) {
            Ok(attempt) => attempt,
            Err(Outage { attempts, elapsed }) => {
                let reason = GaveUpReason::Exhausted;
                return Some(Step::GaveUp(GaveUp { reason, attempts, elapsed }));
            }
        };
        let limit = self.settings.connection_limit.clone();
        let turn_in = limit.as_ref().map_or(Duration::ZERO, |limit| {
            limit.allowed_at().saturating_duration_since(Instant::now())
        });
        self.stage = Stage::Waiting(Box::pin(async move {
            if !attempt.pause.is_zero() {
                sleep(attempt.pause).await?;
            }
            if let Some(limit) = limit {
                limit.take().await?;
            }
            Ok(())
        }));
        let pause = attempt.pause.max(turn_in);
        let failures = attempt.failures;
        (!pause.is_zero()).then_some(Step::Told(Event::Waiting { pause, failures }))
    }

    fn attempt(
        &self,
        number: u64,
        replaces: Option<u64>,
    ) -> Boxed<'static, Result<WebSocket<T>, Failure>> {
        let settings = Rc::clone(&self.settings);
        let connect = Rc::clone(&self.connect);
        let left = self.attempts.time_left().unwrap_or(Duration::MAX);
        let limit = settings.attempt_timeout.min(left);
        let attempt = async move {
            let socket = connect.connect().await.map_err(Failure::Connect)?;
            let message_limit = settings.message_limit.clone();
            let mut fresh = Fresh { socket, message_limit, connection: number, replaces };
            if let Some(hook) = &settings.on_connect {
                hook.subscribe(&mut fresh).await.map_err(Failure::Subscribe)?;
            }
            Ok(fresh.socket)
        };
        Box::pin(async move {
            timeout(limit, attempt).await.unwrap_or(Err(Failure::AttemptTimedOut(limit)))
        })
    }

    /// What is to follow a failure: nothing more, where it is permanent.
    pub(super) fn heed(&mut self, failure: &Failure) -> Result<(), GaveUp> {
        let retry = self.settings.retry.as_ref().map_or(Retry::Backoff, |hook| hook(failure));
        match retry {
            Retry::Backoff => Ok(()),
            Retry::After(pause) => {
                self.pause_min = pause;
                Ok(())
            }
            Retry::Never => {
                let Outage { attempts, elapsed } = self.attempts.so_far();
                self.begin_anew();
                Err(GaveUp { reason: GaveUpReason::Permanent, attempts, elapsed })
            }
        }
    }

    /// A connection that has lived for so long is to be replaced.
    pub(super) fn replace(&mut self, lived: Duration) {
        if lived >= self.settings.stable_after {
            self.begin_anew();
        }
    }

    /// A connection was lost that had lived for so long.
    pub(super) fn lost(&mut self, lived: Duration) {
        self.attempts.lost(lived);
    }

    /// Gives up the attempt that is under way, and forgets the failures.
    pub(super) fn begin_anew(&mut self) {
        self.attempts.begin_anew();
        (self.pause_min, self.stage) = (Duration::ZERO, Stage::Idle);
    }
}

fn poll_shielded<R>(future: &mut Boxed<'static, R>, context: &mut Context<'_>) -> Poll<R> {
    std::pin::pin!(shield(future.as_mut())).poll(context)
}
