//! The server of the workload `http` on the runtime: `taut::http` as its users have it.

use std::io;

use taut::http::{Request, Response, Server, StatusCode};
use taut::net::TcpListener;

use super::Service;
use crate::http::{BODY, REQUEST};

/// Serves for as long as the process lives.
pub(super) async fn serve(listener: TcpListener, hot: bool, service: Service) -> io::Result<()> {
    let answer = async move |request: Request<'_>| match request.path() {
        "/plaintext" => {
            service.attendant.served(REQUEST.len(), || taut::counters().syscalls);
            Response::text(BODY)
        }
        _ => StatusCode::NOT_FOUND.into(),
    };
    let ready = async move |mut stream: taut::net::TcpStream| {
        stream.set_hot(hot);
        Ok(stream)
    };
    Server::new().serve_over(listener, ready, answer).await
}
