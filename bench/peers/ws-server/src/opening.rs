//! The opening handshake for libraries whose own goes by way of hyper, which would leave a stream
//! behind a pointer: they take over a stream that was upgraded elsewhere.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::Transport;

const HEAD_BYTES_MAX: usize = 8 << 10;

/// Reads the request and accepts it. The client sends nothing more before it has the answer.
///
/// # Errors
///
/// What the connection fails with; `InvalidData` for a request without a key.
pub async fn open(transport: &mut impl Transport) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_BYTES_MAX || transport.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut keys = fields.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let (_, key) = keys.next().ok_or(io::ErrorKind::InvalidData)?;
    let accept = derive_accept_key(key.trim().as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    transport.write_all(answer.as_bytes()).await?;
    transport.flush().await
}
