//! How a connection is made: whom to ask for names, how long to wait, what to set before.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;
use std::{fmt, io};

use taut_runtime::task::waiting;
use taut_runtime::time::{Elapsed, Instant, timeout_at};

use super::attempts::Attempts;
use crate::dns::no_address;
use crate::{Resolver, TcpSocket, TcpStream, ToAddresses};

/// What RFC 8305 allows.
const ATTEMPT_DELAY: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(2);

/// What is called with each socket before it connects.
type Prepare = Rc<dyn Fn(&TcpSocket, SocketAddr) -> io::Result<()>>;

/// Makes connections, where [`TcpStream::connect`] has not all that is needed. It can be kept, and
/// used again.
///
/// Of several addresses the two families take turns, beginning with that of the first one. The next
/// attempt begins when [`attempt_delay`](Self::attempt_delay) has passed, or at once when one has
/// failed; the first that connects wins, and the others are cancelled (RFC 8305). So a list of a
/// first and a second choice is a race with a head start: where that is not wanted, connect to one
/// after the other.
///
/// ```
/// use std::time::Duration;
/// use taut_net::{Connector, TcpListener};
///
/// taut_runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let gateway = Connector::new()
///         .timeout(Duration::from_secs(3))
///         .bind("127.0.0.1:0".parse().unwrap())
///         .prepare(|socket, _address| socket.set_send_buffer_size(1 << 20).map(drop));
///     let stream = gateway.connect(listener.local_addr()?).await?;
///     assert_eq!(stream.local_addr()?.ip(), listener.local_addr()?.ip());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Connector {
    resolver: Resolver,
    attempt_delay: Option<Duration>,
    timeout: Option<Duration>,
    local: Option<SocketAddr>,
    prepare: Option<Prepare>,
}

impl Connector {
    /// How long an attempt goes on alone, unless said otherwise.
    pub const ATTEMPT_DELAY_DEFAULT: Duration = Duration::from_millis(250);

    /// As [`TcpStream::connect`] does it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who is asked for names. Default: the core's.
    #[must_use]
    pub fn resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = resolver;
        self
    }

    /// How long an attempt goes on alone before the next address is tried beside it: from 10 ms to
    /// 2 s, as RFC 8305 has it; anything else makes [`connect`](Self::connect) fail. Default: 250
    /// ms.
    #[must_use]
    pub fn attempt_delay(mut self, attempt_delay: Duration) -> Self {
        self.attempt_delay = Some(attempt_delay);
        self
    }

    /// How long all of it may take: the name, and every attempt. Default: as long as the resolver
    /// and the kernel try, which for an address that does not answer is about two minutes.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Binds this end to an address before connecting; addresses of the other family fail then.
    /// Port 0 lets the kernel choose. With a port of one's own two attempts at once fail, unless
    /// [`prepare`](Self::prepare) sets `SO_REUSEADDR`.
    #[must_use]
    pub fn bind(mut self, local: SocketAddr) -> Self {
        self.local = Some(local);
        self
    }

    /// Is called with each socket and the address that it is for, before it is bound and connected:
    /// for options that have to be set before. Its error is that of the attempt.
    #[must_use]
    pub fn prepare(
        mut self,
        prepare: impl Fn(&TcpSocket, SocketAddr) -> io::Result<()> + 'static,
    ) -> Self {
        self.prepare = Some(Rc::new(prepare));
        self
    }

    /// Connects. Dropping the future cancels every attempt and closes its socket.
    ///
    /// # Errors
    ///
    /// * of one address, its failure as the kernel told it, such as `ConnectionRefused`;
    /// * of several, all failures, by a [`ConnectError`](crate::ConnectError) inside;
    /// * the resolver's, by a [`ResolveError`](crate::ResolveError) inside;
    /// * `TimedOut` after [`timeout`](Self::timeout);
    /// * `InvalidInput` for an [`attempt_delay`](Self::attempt_delay) out of range;
    /// * `ECANCELED` where the task was cancelled.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(&self, to: impl ToAddresses) -> impl Future<Output = io::Result<TcpStream>> {
        waiting("connect of a TCP stream", self.connect_to(to))
    }

    pub(super) async fn connect_to(&self, to: impl ToAddresses) -> io::Result<TcpStream> {
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let addresses = within(deadline, to.to_addresses(&self.resolver)).await;
        let addresses = addresses.map_err(|_| self.too_late("the name was not resolved"))??;
        match addresses[..] {
            [] => Err(no_address()),
            // The usual case: no timer, no race, the kernel's own error.
            [address] => within(deadline, self.attempt(address))
                .await
                .map_err(|_| self.too_late(&format!("{address} did not answer")))?,
            _ => self.connect_to_any(addresses, deadline).await,
        }
    }

    async fn connect_to_any(
        &self,
        addresses: Vec<SocketAddr>,
        deadline: Option<Instant>,
    ) -> io::Result<TcpStream> {
        let delay = self.attempt_delay.unwrap_or(Self::ATTEMPT_DELAY_DEFAULT);
        if !ATTEMPT_DELAY.contains(&delay) {
            let message = format!("attempt_delay is {delay:?}: RFC 8305 has 10 ms to 2 s");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut attempts = Attempts::new(self, addresses, delay);
        match within(deadline, &mut attempts).await {
            Ok(outcome) => outcome,
            Err(_) => Err(attempts.out_of_time().into()),
        }
    }

    /// One attempt, at one address.
    pub(super) async fn attempt(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::for_address(address)?;
        if let Some(prepare) = &self.prepare {
            prepare(&socket, address)?;
        }
        if let Some(local) = self.local {
            if local.is_ipv4() != address.is_ipv4() {
                let message =
                    format!("{address} can't be reached from {local}: bind another family");
                return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
            }
            socket.bind(local)?;
        }
        socket.connect(address).await
    }

    fn too_late(&self, what: &str) -> io::Error {
        let limit = self.timeout.unwrap_or_default();
        let message = format!("{what} within {limit:?}; see Connector::timeout");
        io::Error::new(io::ErrorKind::TimedOut, message)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("resolver", &self.resolver)
            .field("attempt_delay", &self.attempt_delay)
            .field("timeout", &self.timeout)
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

/// The future's output, before a deadline if there is one.
async fn within<F: Future>(deadline: Option<Instant>, future: F) -> Result<F::Output, Elapsed> {
    match deadline {
        Some(deadline) => timeout_at(deadline, future).await,
        None => Ok(future.await),
    }
}
