//! The limits and hooks of a session.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use taut_net::Transport;
use taut_net::reconnect::{AttemptLimits, Backoff};

use super::event::{Failure, Position, Retry};
use super::fresh::{Fresh, Subscribe};
use super::rate::RateLimit;
use super::session::Session;
use crate::ws::{Error, Message, WebSocket};

type RetryHook = Rc<dyn Fn(&Failure) -> Retry>;

pub(super) type Positions = Rc<dyn Fn(&Message) -> Option<Position>>;

/// Settings of a [`Session`]. Each limit's default stands in its line.
#[must_use = "a builder does nothing until `build`"]
pub struct SessionBuilder<T: Transport + 'static> {
    pub(super) backoff_first: Duration,
    pub(super) backoff_max: Duration,
    pub(super) attempts_max: Option<u32>,
    pub(super) outage_max: Option<Duration>,
    pub(super) attempt_timeout: Duration,
    pub(super) stable_after: Duration,
    pub(super) replace_after: Option<Duration>,
    pub(super) first_message_timeout: Duration,
    pub(super) overlap_max: Duration,
    pub(super) overlap_keys_max: usize,
    pub(super) connection_limit: Option<RateLimit>,
    pub(super) message_limit: Option<RateLimit>,
    pub(super) count_control_frames: bool,
    pub(super) on_connect: Option<Rc<dyn Subscribe<T>>>,
    pub(super) retry: Option<RetryHook>,
    pub(super) positions: Option<Positions>,
}

impl<T: Transport + 'static> Default for SessionBuilder<T> {
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_millis(100),
            backoff_max: Duration::from_secs(30),
            attempts_max: None,
            outage_max: None,
            attempt_timeout: Duration::from_secs(10),
            stable_after: Duration::from_secs(5),
            replace_after: None,
            first_message_timeout: Duration::from_secs(1),
            overlap_max: Duration::from_millis(200),
            overlap_keys_max: 65_536,
            connection_limit: None,
            message_limit: None,
            count_control_frames: false,
            on_connect: None,
            retry: None,
            positions: None,
        }
    }
}

/// A clone shares the hooks and the rate limits.
impl<T: Transport + 'static> Clone for SessionBuilder<T> {
    fn clone(&self) -> Self {
        Self {
            connection_limit: self.connection_limit.clone(),
            message_limit: self.message_limit.clone(),
            on_connect: self.on_connect.clone(),
            retry: self.retry.clone(),
            positions: self.positions.clone(),
            ..*self
        }
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        impl<T: Transport + 'static> SessionBuilder<T> {
            $($(#[doc = $doc])+ pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            })+
        }
    };
}

settings! {
    /// The longest pause after the first failure; it doubles with each further one. The pause is
    /// drawn by chance from zero to there. Default: 100 ms.
    backoff_first: Duration,
    /// What the longest pause does not exceed. Default: 30 s.
    backoff_max: Duration,
    /// Failures in a row after which it gives up. Default: no limit.
    attempts_max: Option<u32>,
    /// How long it goes on without a connection that holds. Default: no limit.
    outage_max: Option<Duration>,
    /// How long one attempt may take: the connection, its handshake and
    /// [`on_connect`](Self::on_connect). Default: 10 s.
    attempt_timeout: Duration,
    /// A connection that is lost before this counts as a failure, so that a venue which accepts and
    /// closes is not connected to without a pause. Default: 5 s.
    stable_after: Duration,
    /// How old a connection becomes before it is [replaced](Session::replace): a little less than a
    /// venue allows, such as 23 h 55 min where it cuts connections off after a day. Default: never.
    replace_after: Option<Duration>,
    /// How long a replacement may take, once it is subscribed, to bring its first message. Then it
    /// takes over without: a quiet stream. Default: 1 s.
    first_message_timeout: Duration,
    /// How long the older connection goes on once its replacement has brought a message: until it has
    /// brought that message, too, where [`positions`](Self::positions) tell, and no longer than
    /// this; without positions so long. More than one connection may be behind another. Default:
    /// 200 ms.
    overlap_max: Duration,
    /// The most keys of [`positions`](Self::positions) that are remembered while a connection is
    /// replaced; messages of others may come twice. 16 bytes each. Default: 65 536.
    overlap_keys_max: usize,
    /// How often connections may be made; each attempt waits for its turn. Give the clones of one
    /// limit to all sessions that the venue counts together. Default: no limit.
    connection_limit: Option<RateLimit>,
    /// How often messages may be sent, those of [`on_connect`](Self::on_connect) included.
    /// Default: no limit.
    message_limit: Option<RateLimit>,
    /// Whether pings and pongs that the connection sends by itself count towards
    /// [`message_limit`](Self::message_limit), as some venues do. They do not wait for it. Default:
    /// false.
    count_control_frames: bool,
}

impl<T: Transport + 'static> SessionBuilder<T> {
    /// Is called with each new connection, before anything of it is handed out: to log on, to
    /// subscribe, and to wait for the venue's confirmation. Its error makes the attempt fail.
    pub fn on_connect(
        mut self,
        hook: impl AsyncFn(&mut Fresh<T>) -> Result<(), Error> + 'static,
    ) -> Self {
        self.on_connect = Some(Rc::new(hook));
        self
    }

    /// Is asked what is to follow each failed attempt, and each lost connection that leaves no newer
    /// one. Default: [`Retry::Backoff`].
    pub fn retry(mut self, hook: impl Fn(&Failure) -> Retry + 'static) -> Self {
        self.retry = Some(Rc::new(hook));
        self
    }

    /// Says where a message stands, so that those which two connections bring while one replaces
    /// the other are handed out once. Only asked meanwhile. Messages without a position are all
    /// handed out.
    pub fn positions(mut self, hook: impl Fn(&Message) -> Option<Position> + 'static) -> Self {
        self.positions = Some(Rc::new(hook));
        self
    }

    /// A session whose connections `connect` makes. The first is made once the session is read.
    pub fn build<E: Into<Box<dyn std::error::Error>>>(
        self,
        connect: impl AsyncFn() -> Result<WebSocket<T>, E> + 'static,
    ) -> Session<T> {
        Session::new(self, Rc::new(connect))
    }

    pub(super) fn limits(&self) -> AttemptLimits {
        AttemptLimits {
            backoff: Backoff { first: self.backoff_first, max: self.backoff_max },
            attempts_max: self.attempts_max,
            outage_max: self.outage_max,
            stable_after: self.stable_after,
        }
    }
}

impl<T: Transport + 'static> fmt::Debug for SessionBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("limits", &self.limits())
            .field("replace_after", &self.replace_after)
            .field("connection_limit", &self.connection_limit)
            .field("message_limit", &self.message_limit)
            .finish_non_exhaustive()
    }
}
