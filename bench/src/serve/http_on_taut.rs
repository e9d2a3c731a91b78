//! The server of the workload `http` on the runtime: `taut::http` as its users have it.

use std::io;

use taut::http::{Request, Response, Server, StatusCode};
use taut::net::{TcpListener, TcpStream};
use taut::tls::TlsAcceptor;

use super::Service;
use crate::http::{BODY, REQUEST};

/// Serves for as long as the process lives.
pub(super) async fn serve(
    listener: TcpListener,
    hot: bool,
    acceptor: Option<TlsAcceptor>,
    service: Service,
) -> io::Result<()> {
    let answer = async move |request: Request<'_>| match request.path() {
        "/plaintext" => {
            service.attendant.served(REQUEST.len(), || taut::counters().syscalls);
            Response::text(BODY)
        }
        _ => StatusCode::NOT_FOUND.into(),
    };
    let ready = move |mut stream: TcpStream| {
        stream.set_hot(hot);
        stream
    };
    let server = Server::new();
    match acceptor {
        None => server.serve_over(listener, async move |stream| Ok(ready(stream)), answer).await,
        Some(acceptor) => {
            let encrypted = async move |stream| Ok(acceptor.accept(ready(stream)).await?);
            server.serve_over(listener, encrypted, answer).await
        }
    }
}
