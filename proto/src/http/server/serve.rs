//! The server itself: it accepts, has each connection served by a task, and ends in order.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use taut_net::Transport;
use taut_runtime::is_cancelled;
use taut_runtime::task::{TaskGroup, waiting};
use taut_runtime::time::{Instant, sleep, timeout, timeout_at};

use super::connection::Ended;
use super::counters::{ServerCounters, count};
use super::limits::{Limits, ServerBuilder};
use super::listener::Listener;
use super::shared::{Listening, Shared};
use super::{Peer, Secured, Service, connection};

/// How long accepting rests after it failed, such as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// An HTTP/1.1 server of one core. Clones are handles onto the same server.
///
/// ```
/// use std::time::Duration;
///
/// use taut_net::{TcpListener, TcpStream};
/// use taut_proto::http::{Request, Response, Server};
///
/// async fn hello(request: Request<'_>) -> Response {
///     match request.path() {
///         "/hello" => Response::text("hello"),
///         _ => http::StatusCode::NOT_FOUND.into(),
///     }
/// }
///
/// taut_runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
///     let address = listener.local_addr()?;
///     let server = Server::builder().idle_timeout(Duration::from_secs(5)).build();
///     let running = taut_runtime::spawn({
///         let server = server.clone();
///         async move { server.serve(listener, hello).await }
///     });
///
///     let mut client = TcpStream::connect(address).await?;
///     client.write_all(b"GET /hello HTTP/1.1\r\nhost: engine\r\n\r\n").await?;
///     assert!(client.recv().await?.starts_with(b"HTTP/1.1 200 OK\r\n"));
///
///     server.shutdown();
///     running.await??;
///     assert_eq!(server.counters().responses_2xx, 1);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    shared: Rc<Shared>,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl ServerBuilder {
    /// A server with these limits.
    #[must_use]
    pub fn build(self) -> Server {
        Server { shared: Rc::new(Shared::new(self.limits)) }
    }
}

impl Server {
    /// A server with the default limits.
    #[must_use]
    pub fn new() -> Self {
        ServerBuilder::default().build()
    }

    /// Sets limits.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// What the server did so far.
    #[must_use]
    pub fn counters(&self) -> ServerCounters {
        self.shared.counters.snapshot()
    }

    /// Ends the server in order: no more connections are accepted, idle ones are closed, requests
    /// that are being answered end with `Connection: close`. What has not ended after
    /// [`Limits::shutdown_timeout`] is cancelled. [`serve`](Self::serve) returns when all is done.
    pub fn shutdown(&self) {
        self.shared.close();
    }

    /// Whether [`shutdown`](Self::shutdown) was called: for handlers that run long.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shared.is_closing()
    }

    /// Accepts and serves connections until [`shutdown`](Self::shutdown), and returns when the last
    /// one has ended. The listener is closed at once, so that the kernel refuses who comes then.
    ///
    /// Dropping the future cancels the connections.
    ///
    /// # Errors
    ///
    /// `ECANCELED` where its task was asked to stop; its connections have then ended. Failures to
    /// accept pass: they are counted, and accepting rests for 10 ms.
    pub async fn serve<L, S>(&self, listener: L, service: S) -> io::Result<()>
    where
        L: Listener,
        S: Service + 'static,
    {
        self.serve_over(listener, async |transport| Ok(transport), service).await
    }

    /// As [`serve`](Self::serve), with a handshake between accepting and the first request, such as
    /// that of TLS, which handlers see as [`Request::tls`](super::Request::tls). The time of the
    /// first request's head includes it.
    ///
    /// # Errors
    ///
    /// As for [`serve`](Self::serve). A handshake that fails ends its connection and is counted.
    pub async fn serve_over<L, T, H, S>(
        &self,
        listener: L,
        handshake: H,
        service: S,
    ) -> io::Result<()>
    where
        L: Listener,
        T: Transport + Secured + 'static,
        H: AsyncFn(L::Transport) -> io::Result<T> + 'static,
        S: Service + 'static,
    {
        let connections = TaskGroup::discarding();
        let parts = Rc::new((handshake, service));
        let accepted =
            waiting("connections to serve", self.accept_all(&listener, &connections, &parts));
        let outcome = accepted.await;
        drop(listener);
        if outcome.is_err() {
            connections.cancel();
        }
        let all_ended = timeout(self.shared.limits.shutdown_timeout, connections.wait());
        if all_ended.await.is_err() {
            let cut = &self.shared.counters.connections_cut;
            cut.set(cut.get() + connections.len() as u64);
            connections.cancel();
            // Panics of handlers are caught and counted, so none is left to tell of.
            let _ = connections.wait().await;
        }
        outcome
    }

    /// Returns at the shutdown.
    async fn accept_all<L, T, H, S>(
        &self,
        listener: &L,
        connections: &TaskGroup,
        parts: &Rc<(H, S)>,
    ) -> io::Result<()>
    where
        L: Listener,
        T: Transport + Secured + 'static,
        H: AsyncFn(L::Transport) -> io::Result<T> + 'static,
        S: Service + 'static,
    {
        let mut listening = Listening::new(&self.shared);
        loop {
            let accepted = poll_fn(|context| match listening.is_closing(context) {
                true => Poll::Ready(None),
                false => listener.poll_accept(context).map(Some),
            });
            match accepted.await {
                None => return Ok(()),
                Some(Ok((transport, peer))) => {
                    let due = Instant::now() + self.shared.limits.header_timeout;
                    if let Some(place) = Place::take(&self.shared, &peer) {
                        let parts = Rc::clone(parts);
                        connections.add(connect(place, transport, peer, due, parts));
                    }
                }
                Some(Err(error)) if is_cancelled(&error) => return Err(error),
                Some(Err(_)) => {
                    count(&self.shared.counters.accepts_failed);
                    sleep(ACCEPT_PAUSE).await?;
                }
            }
        }
    }

    /// Serves one connection that was made elsewhere, to its end. It counts among the server's
    /// connections, but is never turned away.
    pub async fn serve_connection<T, S>(&self, transport: T, peer: Peer, service: &S)
    where
        T: Transport + Secured + 'static,
        S: Service,
    {
        self.serve_one(transport, peer, service).await;
    }

    /// As [`serve_connection`](Self::serve_connection); says how it ended.
    pub(crate) async fn serve_one<T, S>(&self, transport: T, peer: Peer, service: &S) -> Ended
    where
        T: Transport + Secured + 'static,
        S: Service,
    {
        let due = Instant::now() + self.shared.limits.header_timeout;
        let place = Place::among_served(&self.shared, counted(&self.shared, &peer));
        connection::serve(&place.shared, transport, peer, due, service).await
    }
}

/// Serves connections with the default limits. See [`Server::serve`].
///
/// # Errors
///
/// As for [`Server::serve`].
pub async fn serve<L, S>(listener: L, service: S) -> io::Result<()>
where
    L: Listener,
    S: Service + 'static,
{
    Server::new().serve(listener, service).await
}

async fn connect<R, T, H, S>(place: Place, accepted: R, peer: Peer, due: Instant, parts: Rc<(H, S)>)
where
    T: Transport + Secured + 'static,
    H: AsyncFn(R) -> io::Result<T>,
    S: Service,
{
    let (handshake, service) = &*parts;
    let Ok(Ok(transport)) = timeout_at(due, handshake(accepted)).await else {
        return count(&place.shared.counters.handshakes_failed);
    };
    match place.refused {
        Some(why) => connection::turn_away(&place.shared, transport, why).await,
        None => {
            connection::serve(&place.shared, transport, peer, due, service).await;
        }
    }
}

/// Why there is no place for a connection.
type Refusal = &'static str;

/// A connection's place among those that the server may have.
struct Place {
    shared: Rc<Shared>,
    refused: Option<Refusal>,
    /// Whose connection it is, where that is counted.
    address: Option<IpAddr>,
}

impl Place {
    /// Nothing where there is none, not even for one that is to be turned away.
    fn take(shared: &Rc<Shared>, peer: &Peer) -> Option<Self> {
        let address = counted(shared, peer);
        let Some(why) = refusal(shared, address) else {
            return Some(Self::among_served(shared, address));
        };
        if shared.turning_away.get() >= shared.limits.refusals_max {
            return None;
        }
        shared.turning_away.set(shared.turning_away.get() + 1);
        Some(Self { shared: Rc::clone(shared), refused: Some(why), address: None })
    }

    fn among_served(shared: &Rc<Shared>, address: Option<IpAddr>) -> Self {
        count(&shared.counters.connections_accepted);
        count(&shared.counters.connections_live);
        if let Some(address) = address {
            shared.add_connection_of(address);
        }
        Self { shared: Rc::clone(shared), refused: None, address }
    }
}

/// The address of a peer, where the connections of each are counted.
fn counted(shared: &Shared, peer: &Peer) -> Option<IpAddr> {
    let is_limited = shared.limits.connections_per_address_max < usize::MAX;
    if is_limited { peer.ip() } else { None }
}

/// Why there is no place for one more connection, of this address; counts it. Nothing where there
/// is one.
fn refusal(shared: &Shared, address: Option<IpAddr>) -> Option<Refusal> {
    let (limits, counters) = (&shared.limits, &shared.counters);
    let live = usize::try_from(counters.connections_live.get()).unwrap_or(usize::MAX);
    if live >= limits.connections_max {
        count(&counters.connections_refused);
        return Some("the server has as many connections as it may have; try again later");
    }
    let of_address = address.map_or(0, |address| shared.connections_of(address));
    if address.is_some() && of_address >= limits.connections_per_address_max {
        count(&counters.connections_refused_by_address);
        return Some("your address has as many connections as it may have; close one of them");
    }
    None
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.refused.is_some() {
            self.shared.turning_away.set(self.shared.turning_away.get() - 1);
        } else {
            let live = &self.shared.counters.connections_live;
            live.set(live.get() - 1);
        }
        if let Some(address) = self.address {
            self.shared.remove_connection_of(address);
        }
    }
}
