//! What the peers of the roles `ws` and `wss` have in common: tokio's current-thread runtime, the
//! listener, TLS by tokio-rustls, and the echo of whatever is a `Stream` and a `Sink`.
//!
//! Messages that came together are answered together: each is fed, and flushed is where the next
//! one has not come yet. That is what every library's documentation offers for it; one that has no
//! such form gets a [`Corked`] stream.

mod corked;
mod opening;

use std::io;

use encrypted::Encrypted;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use subject::{About, accepted, require, version_of};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local, unconstrained};
use tokio_rustls::TlsAcceptor;

pub use corked::Corked;
pub use opening::open;

const BACKLOG: u32 = 1024;

/// A connection, plain or encrypted.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

/// A library as an echo server.
pub trait Peer {
    /// Its package.
    const PACKAGE: &'static str;
    /// What is chosen for it, in words.
    const SETTINGS: &'static str;

    /// Shakes hands and echoes until the connection ends, in whatever way.
    fn converse(transport: impl Transport) -> impl Future<Output = Option<()>>;
}

/// Serves in the mode that the command line asks for.
pub fn serve<P: Peer>() -> ! {
    let command = subject::start(&["ws", "wss"]);
    let is_encrypted = command.mode == "wss";
    let tls = if is_encrypted { ", tokio-rustls, ring, TLS 1.3" } else { "" };
    let about = About {
        version: version_of(P::PACKAGE),
        settings: format!("tokio current_thread, LocalSet, TCP_NODELAY, {}{tls}", P::SETTINGS),
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = require("can't start the runtime", runtime);
    LocalSet::new().block_on(&runtime, accept::<P>(is_encrypted, &about))
}

async fn accept<P: Peer>(is_encrypted: bool, about: &About) -> ! {
    let listener = require("can't listen", listener());
    let address = require("no address", listener.local_addr());
    let encrypted = is_encrypted.then(Encrypted::new);
    match &encrypted {
        None => subject::announce_server(address, about),
        Some(encrypted) => subject::announce_encrypted(address, &encrypted.certificate, about),
    }
    loop {
        let Some((stream, _)) = accepted(listener.accept().await) else { continue };
        let acceptor =
            encrypted.as_ref().map(|encrypted| TlsAcceptor::from(encrypted.config.clone()));
        // A connection that breaks ends alone, as one that the peer closes.
        spawn_local(unconstrained(async move {
            stream.set_nodelay(true).ok()?;
            match acceptor {
                None => P::converse(stream).await,
                Some(acceptor) => P::converse(acceptor.accept(stream).await.ok()?).await,
            }
        }));
    }
}

fn listener() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(BACKLOG)
}

/// Sends back what `answer` makes of each message; all that came together leave with one flush.
pub async fn echo<W, M, E>(mut socket: W, answer: impl Fn(M) -> Option<M>) -> Option<()>
where
    W: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
{
    loop {
        let mut message = socket.next().await?.ok()?;
        loop {
            if let Some(answer) = answer(message) {
                socket.feed(answer).await.ok()?;
            }
            match socket.next().now_or_never() {
                Some(more) => message = more?.ok()?,
                None => break,
            }
        }
        socket.flush().await.ok()?;
    }
}
