//! hyper on tokio: a current-thread runtime with a `LocalSet`, HTTP/1.1 with `pipeline_flush`, plain
//! or over TLS by tokio-rustls.

use std::convert::Infallible;
use std::io;

use encrypted::Encrypted;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use subject::{About, accepted, require, version_of};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;

const BACKLOG: u32 = 1024;
const BODY: &[u8] = b"Hello, World!";

fn main() {
    let is_encrypted = subject::start(&["http", "https"]).mode == "https";
    let tls = if is_encrypted { ", tokio-rustls, ring, TLS 1.3" } else { "" };
    let about = About {
        version: version_of("hyper"),
        settings: format!(
            "tokio current_thread, LocalSet, http1 with pipeline_flush, TCP_NODELAY{tls}"
        ),
    };
    let runtime =
        require("can't start the runtime", Builder::new_current_thread().enable_io().build());
    LocalSet::new().block_on(&runtime, serve(is_encrypted, &about));
}

async fn serve(is_encrypted: bool, about: &About) {
    let listener = require("can't listen", listener());
    let address = require("no address", listener.local_addr());
    let encrypted = is_encrypted.then(Encrypted::new);
    match &encrypted {
        None => subject::announce_server(address, about),
        Some(encrypted) => subject::announce_encrypted(address, &encrypted.certificate, about),
    }
    let acceptor = encrypted.as_ref().map(|encrypted| TlsAcceptor::from(encrypted.config.clone()));
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            spawn_local(converse(stream, acceptor.clone()));
        }
    }
}

fn listener() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(BACKLOG)
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn converse(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    match acceptor {
        None => answer_all(stream).await,
        Some(acceptor) => answer_all(acceptor.accept(stream).await.ok()?).await,
    }
}

async fn answer_all(stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(&request)) });
    http1::Builder::new()
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok()
}

fn answer(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != "/plaintext" {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let mut response = Response::new(Full::new(Bytes::from_static(BODY)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
