//! The server's side of the handshake: a route of the HTTP server, or all that one transport gets.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use http::header::{
    ALLOW, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use taut_net::Transport;
use taut_runtime::task::waiting;

use super::Handshake;
use super::error::HandshakeError;
use super::extensions::{self, Extension};
use super::key::accept_of;
use super::request::{Asked, is_same_host};
use super::violation::HandshakeViolation;
use crate::http::server::Ended;
use crate::http::wire::HeadLimits;
use crate::http::{Peer, Request, Response, Secured, Server, Upgraded};
use crate::ws::wire::{DeflateAgreement, DeflateOptions};
use crate::ws::{Error, Options, Role, WebSocket};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

type Choose = dyn Fn(&[&str]) -> Option<usize>;
type AllowOrigin = dyn Fn(&[u8]) -> bool;
type Check = dyn Fn(&Request<'_>) -> Result<(), Response>;

/// Accepts WebSocket connections as it was told: from requests of the HTTP server
/// ([`upgrade`](Self::upgrade)), or over a transport that nothing was read from
/// ([`accept`](Self::accept)).
///
/// Who breaks a rule is answered by its status (426 with the version that is spoken, 405, 403, 400)
/// and the rule as a text, and the connection is closed.
#[derive(Clone)]
#[must_use = "nothing is accepted before `accept` or `upgrade`"]
pub struct Acceptor {
    options: Options,
    head_limits: HeadLimits,
    timeout: Duration,
    choose: Option<Rc<Choose>>,
    allow_origin: Option<Rc<AllowOrigin>>,
    check: Option<Rc<Check>>,
}

impl Default for Acceptor {
    fn default() -> Self {
        Self::new()
    }
}

/// What a request that may be upgraded is answered.
struct Agreed {
    accept: String,
    handshake: Handshake,
}

impl Acceptor {
    /// With the defaults of [`Options`] and [`HeadLimits`], 10 s for the handshake, no subprotocol,
    /// and no page of another host.
    pub fn new() -> Self {
        Self {
            options: Options::default(),
            head_limits: HeadLimits::default(),
            timeout: Duration::from_secs(10),
            choose: None,
            allow_origin: None,
            check: None,
        }
    }

    /// How connections behave once they are there.
    ///
    /// # Panics
    ///
    /// Where [`ping_every`](crate::ws::Keepalive::ping_every) is zero.
    pub fn options(mut self, options: Options) -> Self {
        options.keepalive.assert_possible();
        self.options = options;
        self
    }

    /// Limits of the request's head for [`accept`](Self::accept); what comes behind it does not
    /// count. Default: 16 KiB, 100 header lines.
    pub fn head_limits(mut self, head_limits: HeadLimits) -> Self {
        self.head_limits = head_limits;
        self
    }

    /// How long a client may take to send its request to [`accept`](Self::accept), and as long to
    /// take the answer. Default: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Speaks these subprotocols, by preference: the first of them that a client offers is chosen,
    /// and none where it offers none of them.
    pub fn subprotocols<T: Into<String>>(self, names: impl IntoIterator<Item = T>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.choose_subprotocol(move |offered| {
            names.iter().find_map(|name| offered.iter().position(|offered| offered == name))
        })
    }

    /// Has `choose` choose: the index of one of the offered subprotocols, which are by the client's
    /// preference, or none. Not asked where none is offered.
    pub fn choose_subprotocol(
        mut self,
        choose: impl Fn(&[&str]) -> Option<usize> + 'static,
    ) -> Self {
        self.choose = Some(Rc::new(choose));
        self
    }

    /// Which pages may connect, by the `Origin` that browsers send; others are answered 403. Who
    /// sends none is no browser, and may.
    ///
    /// By default those of the request's own host and port: a browser lets every page connect to
    /// everything, also to an engine on its user's host (RFC 6455 section 10.2).
    pub fn allow_origin(mut self, allow: impl Fn(&[u8]) -> bool + 'static) -> Self {
        self.allow_origin = Some(Rc::new(allow));
        self
    }

    /// Looks at a request that keeps all rules before it is agreed to: its path, its credentials.
    /// What it answers instead is sent.
    pub fn check(mut self, check: impl Fn(&Request<'_>) -> Result<(), Response> + 'static) -> Self {
        self.check = Some(Rc::new(check));
        self
    }

    /// Makes the handshake over a transport, which nothing was read from.
    ///
    /// A dropped future closes the transport, whose client may have read that it was accepted.
    ///
    /// # Errors
    ///
    /// [`Handshake`](crate::ws::ErrorKind::Handshake) where the client was refused, or did not keep
    /// its time; what the transport tells.
    #[track_caller]
    pub fn accept<T: Transport + Secured + 'static>(
        &self,
        transport: T,
    ) -> impl Future<Output = Result<WebSocket<T>, Error>> {
        waiting("handshake of WebSocket", self.serve(transport))
    }

    async fn serve<T: Transport + Secured + 'static>(
        &self,
        transport: T,
    ) -> Result<WebSocket<T>, Error> {
        let server = Server::builder()
            .head(self.head_limits)
            .header_timeout(self.timeout)
            .write_timeout(self.timeout)
            .requests_per_connection_max(1)
            .build();
        let (accepted, refused) = (Rc::new(Cell::new(None)), Cell::new(None));
        let service = async |request: Request<'_>| match self.agree(&request) {
            Ok(agreed) => {
                let accepted = Rc::clone(&accepted);
                self.switch(agreed, async move |connection| accepted.set(Some(connection)))
            }
            Err((error, response)) => {
                refused.set(Some(error));
                response
            }
        };
        let ended = server.serve_one(transport, Peer::Unknown, &service).await;
        if let Some(connection) = accepted.take() {
            return Ok(connection);
        }
        if let Some(error) = refused.take() {
            return Err(error.into());
        }
        Err(match ended {
            Ended::Rejected(reject) => HandshakeError::Reject(reject).into(),
            Ended::Failed(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                HandshakeError::Unread(self.timeout).into()
            }
            Ended::Failed(error) => error.into(),
            Ended::InOrder => HandshakeError::Closed.into(),
        })
    }

    /// Answers a request of the HTTP server: with 101, and then `handler` has the connection, in
    /// the task that the request's connection has; or by why not.
    ///
    /// `handler` says by the type of its parameter what the connection runs over:
    /// `WebSocket<Upgraded>` is right for every server, the concrete transport of this one
    /// (`WebSocket<TcpStream>`) spares a virtual call for each receive and each send.
    ///
    /// ```
    /// use taut_net::TcpStream;
    /// use taut_proto::http::{Request, Response};
    /// use taut_proto::ws::{Acceptor, Message, WebSocket};
    ///
    /// async fn echo(request: Request<'_>) -> Response {
    ///     let acceptor = Acceptor::new().subprotocols(["echo"]);
    ///     acceptor.upgrade(&request, async |mut connection: WebSocket<TcpStream>| {
    ///         while let Ok(Some(message)) = connection.next().await {
    ///             let Message::Text(text) = message else { continue };
    ///             if connection.send_text(&text).await.is_err() {
    ///                 return;
    ///             }
    ///         }
    ///     })
    /// }
    /// # let _ = echo;
    /// ```
    ///
    /// # Panics
    ///
    /// In the connection's task, where it runs over another transport than `T`.
    pub fn upgrade<T, F>(&self, request: &Request<'_>, handler: F) -> Response
    where
        T: Transport + 'static,
        F: AsyncFnOnce(WebSocket<T>) + 'static,
    {
        match self.agree(request) {
            Ok(agreed) => self.switch(agreed, handler),
            Err((_, response)) => response,
        }
    }

    /// What a request that may be upgraded is answered; else why it may not, and the answer to it.
    fn agree(&self, request: &Request<'_>) -> Result<Agreed, (HandshakeError, Response)> {
        let (head, bytes) = request.head();
        let asked = Asked::read(head, bytes).map_err(refusal)?;
        if let Some(origin) = asked.origin {
            let is_allowed = match &self.allow_origin {
                Some(allow) => allow(origin),
                None => is_same_host(origin, request.authority()),
            };
            if !is_allowed {
                return Err(refusal(HandshakeViolation::ORIGIN));
            }
        }
        if let Some(check) = &self.check {
            check(request).map_err(|response| {
                (HandshakeError::Declined(response.status_code()), response.close())
            })?;
        }
        let choose = self.choose.as_ref().filter(|_| !asked.subprotocols.is_empty());
        let chosen = choose.and_then(|choose| choose(&asked.subprotocols));
        let (deflate, extensions) = self.deflate(&asked.extensions).unzip();
        let handshake = Handshake {
            target: request.target().to_owned(),
            headers: request.headers(),
            subprotocol: chosen.map(|index| asked.subprotocols[index].to_owned()),
            extensions: extensions.into_iter().collect(),
            deflate,
        };
        Ok(Agreed { accept: accept_of(asked.key), handshake })
    }

    /// The first offer of compression that can be taken, and what it is answered (RFC 7692 section
    /// 5.1). Nothing where none is wanted or offered.
    fn deflate(&self, offered: &[Extension]) -> Option<(DeflateAgreement, Extension)> {
        let options = self.options.deflate.as_ref()?;
        let offers = offered.iter().filter(|extension| extension.name() == DeflateOptions::NAME);
        let (agreement, answer) =
            offers.map(Extension::parameters).find_map(|parameters| options.answer(parameters))?;
        let mut answer = extensions::read([answer.as_bytes()].into_iter()).ok()?;
        Some((agreement, answer.pop()?))
    }

    /// The 101, behind which `handler` has the connection.
    fn switch<T, F>(&self, agreed: Agreed, handler: F) -> Response
    where
        T: Transport + 'static,
        F: AsyncFnOnce(WebSocket<T>) + 'static,
    {
        let Agreed { accept, handshake } = agreed;
        let is_made = "what was made of base64 and of checked tokens is a header's value";
        let accept = HeaderValue::from_str(&accept).expect(is_made);
        let subprotocol = handshake.subprotocol.as_deref();
        let subprotocol = subprotocol.map(|name| HeaderValue::from_str(name).expect(is_made));
        let extensions: Vec<HeaderValue> = handshake
            .extensions
            .iter()
            .map(|extension| HeaderValue::from_str(&extension.to_string()).expect(is_made))
            .collect();
        let options = self.options.clone();
        let mut response = Response::upgrade(WEBSOCKET, async move |upgraded: Upgraded| {
            let Ok((transport, left)) = upgraded.downcast_or_keep::<T>() else {
                panic!("the connection does not run over {}", std::any::type_name::<T>());
            };
            handler(WebSocket::shaken(transport, Role::Server, &options, left, handshake)).await;
        });
        response = response.header(SEC_WEBSOCKET_ACCEPT, accept);
        for extension in extensions {
            response = response.header(SEC_WEBSOCKET_EXTENSIONS, extension);
        }
        match subprotocol {
            Some(name) => response.header(SEC_WEBSOCKET_PROTOCOL, name),
            None => response,
        }
    }
}

/// A rule that was broken, and what the client is answered.
fn refusal(violation: HandshakeViolation) -> (HandshakeError, Response) {
    let status = violation.status().expect("it is a rule of a request");
    let mut response = Response::text(format!("{violation}\n")).status(status).close();
    if status == StatusCode::UPGRADE_REQUIRED {
        response = response.header(UPGRADE, WEBSOCKET);
        response = response.header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response = response.header(ALLOW, HeaderValue::from_static("GET"));
    }
    (HandshakeError::Violation(violation), response)
}

/// Makes the server's side of the handshake over a transport, with the defaults of [`Acceptor`] and
/// [`Options`].
///
/// # Errors
///
/// As for [`Acceptor::accept`].
#[track_caller]
pub fn accept<T: Transport + Secured + 'static>(
    transport: T,
) -> impl Future<Output = Result<WebSocket<T>, Error>> {
    waiting("handshake of WebSocket", async move { Acceptor::new().serve(transport).await })
}

/// Answers a request of the HTTP server by going on with WebSocket, with the defaults of
/// [`Acceptor`] and [`Options`]. See [`Acceptor::upgrade`].
pub fn upgrade<T, F>(request: &Request<'_>, handler: F) -> Response
where
    T: Transport + 'static,
    F: AsyncFnOnce(WebSocket<T>) + 'static,
{
    Acceptor::new().upgrade(request, handler)
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("options", &self.options)
            .field("head_limits", &self.head_limits)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
