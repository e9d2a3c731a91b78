//! The least exchange of WebSocket's handshake, for the tests of what comes after it: the other end
//! is trusted to keep to the rules.

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};
use taut::buffer::RxBuf;
use taut::net::{Transport, transport};
use taut::ws::{Options, Role, WebSocket};

/// What the hash of each key is made with (RFC 6455 section 1.3).
const KEY_ENDING: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The server's part.
pub(crate) async fn accept<T: Transport + 'static>(
    mut transport: T,
    options: &Options,
) -> io::Result<WebSocket<T>> {
    let (request, left) = head(&mut transport).await?;
    let fields = request.lines().filter_map(|line| line.split_once(':'));
    let key = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let (_, key) = key.ok_or_else(|| io::Error::other("a request without a key"))?;
    let hash = Sha1::digest(format!("{}{KEY_ENDING}", key.trim()));
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-accept: {}\r\n\r\n",
        BASE64_STANDARD.encode(hash),
    );
    transport::write_all(&mut transport, response.as_bytes()).await?;
    Ok(WebSocket::over(transport, Role::Server, options, left))
}

/// The client's part.
pub(crate) async fn connect<T: Transport + 'static>(
    mut transport: T,
    host: &str,
    path: &str,
    options: &Options,
) -> io::Result<WebSocket<T>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {}\r\n\r\n",
        BASE64_STANDARD.encode([7; 16]),
    );
    transport::write_all(&mut transport, request.as_bytes()).await?;
    let (response, left) = head(&mut transport).await?;
    if !response.starts_with("HTTP/1.1 101 ") {
        return Err(io::Error::other(format!("no WebSocket: {response}")));
    }
    Ok(WebSocket::over(transport, Role::Client, options, left))
}

/// A head, and what came behind it.
async fn head(transport: &mut impl Transport) -> io::Result<(String, Option<RxBuf>)> {
    let mut head = Vec::new();
    loop {
        let mut bytes = transport::recv(transport).await?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let had = head.len();
        head.extend_from_slice(&bytes);
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            head.truncate(end + 4);
            bytes.advance(end + 4 - had);
            let head = String::from_utf8(head).map_err(io::Error::other)?;
            return Ok((head, Some(bytes).filter(|left| !left.is_empty())));
        }
    }
}
