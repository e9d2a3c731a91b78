//! The limits and hooks of a reconnecting stream.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use super::ReconnectingStream;
use super::attempts::{Attempt, AttemptLimits};
use super::backoff::Backoff;
use crate::{Connector, TcpStream, ToAddresses};

/// What is called when something happens.
type Hook<T> = Rc<dyn Fn(&T)>;

/// Settings of a [`ReconnectingStream`]. Each limit's default stands in its line.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct ReconnectingBuilder {
    pub(super) connector: Connector,
    pub(super) backoff_first: Duration,
    pub(super) backoff_max: Duration,
    pub(super) attempts_max: Option<u32>,
    pub(super) outage_max: Option<Duration>,
    pub(super) attempt_timeout: Duration,
    pub(super) stable_after: Duration,
    pub(super) unacknowledged_messages_max: usize,
    pub(super) unacknowledged_bytes_max: usize,
    pub(super) keep_until_acknowledged: bool,
    pub(super) on_attempt: Option<Hook<Attempt>>,
    pub(super) on_connect: Option<Rc<dyn LogOn>>,
    pub(super) on_disconnect: Option<Hook<io::Error>>,
}

impl Default for ReconnectingBuilder {
    fn default() -> Self {
        Self {
            connector: Connector::new(),
            backoff_first: Duration::from_millis(100),
            backoff_max: Duration::from_secs(30),
            attempts_max: None,
            outage_max: None,
            attempt_timeout: Duration::from_secs(5),
            stable_after: Duration::from_secs(5),
            unacknowledged_messages_max: 1024,
            unacknowledged_bytes_max: 16 << 20,
            keep_until_acknowledged: true,
            on_attempt: None,
            on_connect: None,
            on_disconnect: None,
        }
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        impl ReconnectingBuilder {
            $($(#[doc = $doc])+ pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            })+
        }
    };
}

settings! {
    /// How connections are made. Default: as by [`TcpStream::connect`].
    connector: Connector,
    /// The longest pause after the first failure; it doubles with each further one. The pause is
    /// drawn by chance from zero to there. Default: 100 ms.
    backoff_first: Duration,
    /// What the longest pause does not exceed. Default: 30 s.
    backoff_max: Duration,
    /// Failures in a row after which it gives up. Default: no limit.
    attempts_max: Option<u32>,
    /// How long it goes on without a connection that holds. Default: no limit.
    outage_max: Option<Duration>,
    /// How long one attempt may take: the name, the connection, and
    /// [`on_connect`](Self::on_connect). Default: 5 s.
    attempt_timeout: Duration,
    /// A connection that breaks before this counts as a failure, so that a server which accepts
    /// and closes is not connected to without a pause. Default: 5 s.
    stable_after: Duration,
    /// Messages that are kept for acknowledgement. Default: 1024.
    unacknowledged_messages_max: usize,
    /// Bytes of these messages, and so of the largest one. Default: 16 MiB.
    unacknowledged_bytes_max: usize,
    /// Whether messages are kept until they are acknowledged. Without it only one that is cut
    /// short by a break is told of; what the kernel has taken is forgotten. Default: true.
    keep_until_acknowledged: bool,
}

impl ReconnectingBuilder {
    /// Is called before each attempt.
    pub fn on_attempt(mut self, hook: impl Fn(&Attempt) + 'static) -> Self {
        self.on_attempt = Some(Rc::new(hook));
        self
    }

    /// Is called with each new connection, before anything else uses it: for options, and to log
    /// on. Its error makes the attempt fail. What it reads is not received again.
    pub fn on_connect(
        mut self,
        hook: impl AsyncFn(&mut TcpStream) -> io::Result<()> + 'static,
    ) -> Self {
        self.on_connect = Some(Rc::new(hook));
        self
    }

    /// Is called once for each connection that is lost, with the reason.
    pub fn on_disconnect(mut self, hook: impl Fn(&io::Error) + 'static) -> Self {
        self.on_disconnect = Some(Rc::new(hook));
        self
    }

    /// A stream to this address or name, which is looked for at each attempt: a new address is
    /// noticed when the [resolver](crate::ResolverBuilder::ttl) has forgotten the old one. The
    /// stream connects when it is first used.
    pub fn build(self, to: impl ToAddresses + 'static) -> ReconnectingStream {
        ReconnectingStream::new(self, Rc::new(to))
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

impl fmt::Debug for ReconnectingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingBuilder")
            .field("connector", &self.connector)
            .field("limits", &self.limits())
            .finish_non_exhaustive()
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + 'a>>;

/// An `on_connect` of any type.
pub(super) trait LogOn {
    fn log_on<'a>(&'a self, stream: &'a mut TcpStream) -> Boxed<'a, ()>;
}

impl<F: AsyncFn(&mut TcpStream) -> io::Result<()>> LogOn for F {
    fn log_on<'a>(&'a self, stream: &'a mut TcpStream) -> Boxed<'a, ()> {
        Box::pin(self(stream))
    }
}

/// Where to, of any type.
pub(super) trait Target {
    fn connect<'a>(&'a self, connector: &'a Connector) -> Boxed<'a, TcpStream>;
}

impl<T: ToAddresses> Target for T {
    fn connect<'a>(&'a self, connector: &'a Connector) -> Boxed<'a, TcpStream> {
        Box::pin(connector.connect(self))
    }
}
