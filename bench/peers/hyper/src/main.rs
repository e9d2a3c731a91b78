//! hyper on tokio: a current-thread runtime with a `LocalSet`, HTTP/1.1 with `pipeline_flush`.

use std::convert::Infallible;
use std::io;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use subject::{About, accepted, require, version_of};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};

const BACKLOG: u32 = 1024;
const BODY: &[u8] = b"Hello, World!";

fn main() {
    // There is one mode.
    let _ = subject::start(&["http"]);
    let about = About {
        version: version_of("hyper"),
        settings: "tokio current_thread, LocalSet, http1 with pipeline_flush, TCP_NODELAY"
            .to_owned(),
    };
    let runtime =
        require("can't start the runtime", Builder::new_current_thread().enable_io().build());
    LocalSet::new().block_on(&runtime, serve(&about));
}

async fn serve(about: &About) {
    let listener = require("can't listen", listener());
    subject::announce_server(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            spawn_local(converse(stream));
        }
    }
}

fn listener() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(BACKLOG)
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn converse(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
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
