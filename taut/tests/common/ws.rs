//! Both ends of a WebSocket connection whose handshake is left out, and peers that speak bytes.

#![allow(unused_macros, unused_imports, reason = "every test file uses its own part")]

use std::time::Duration;

use taut::net::TcpStream;
use taut::ws::{Message, Options, Role, WebSocket};

use super::connected_pair;

pub(crate) type Ws = WebSocket<TcpStream>;

/// Client and server.
pub(crate) async fn pair(options: &Options) -> (Ws, Ws) {
    let (client, server) = connected_pair().await;
    (
        WebSocket::over(client, Role::Client, options, None),
        WebSocket::over(server, Role::Server, options, None),
    )
}

/// A client of ours, and the raw stream of its server.
pub(crate) async fn client_of_raw(options: &Options) -> (Ws, TcpStream) {
    let (client, server) = connected_pair().await;
    (WebSocket::over(client, Role::Client, options, None), server)
}

/// A server of ours, and the raw stream of its client.
pub(crate) async fn server_of_raw(options: &Options) -> (TcpStream, Ws) {
    let (client, server) = connected_pair().await;
    (client, WebSocket::over(server, Role::Server, options, None))
}

pub(crate) fn options(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}

pub(crate) const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A frame of a server, or of a client that masks with zeros.
pub(crate) fn frame(sender: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mask_bit = u8::from(sender == Role::Client) << 7;
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(mask_bit | short as u8),
        long @ 126..=0xFFFF => {
            bytes.push(mask_bit | 126);
            bytes.extend((long as u16).to_be_bytes());
        }
        long => {
            bytes.push(mask_bit | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    if sender == Role::Client {
        bytes.extend([0; 4]);
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// Reads one frame of a peer of ours from a raw stream, unmasked; nothing at the end.
pub(crate) async fn read_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut start = [0; 2];
    if stream.read(&mut start[..1]).await.ok()? == 0 {
        return None;
    }
    stream.read_exact(&mut start[1..]).await.unwrap();
    let mut long = [0; 8];
    let length_bytes = [0, 2, 8][usize::from((start[1] & 0x7F).saturating_sub(125))];
    stream.read_exact(&mut long[8 - length_bytes..]).await.unwrap();
    let payload_bytes = match length_bytes {
        0 => usize::from(start[1] & 0x7F),
        _ => u64::from_be_bytes(long) as usize,
    };
    let mut key = [0; 4];
    if start[1] & 0x80 != 0 {
        stream.read_exact(&mut key).await.unwrap();
    }
    let mut payload = vec![0; payload_bytes];
    stream.read_exact(&mut payload).await.unwrap();
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Some((start[0], payload))
}

/// The text of the next message.
pub(crate) async fn next_text(socket: &mut Ws) -> String {
    let message = socket.next().await.unwrap().expect("a message");
    message.as_str().expect("text").to_owned()
}

/// Sends every message back, up to the end.
pub(crate) async fn echo(mut socket: Ws) {
    while let Some(message) = socket.next().await.unwrap() {
        match &message {
            Message::Text(text) => socket.send_text(text).await.unwrap(),
            other => socket.send_binary(other.as_bytes()).await.unwrap(),
        }
    }
}

/// Whether an error is this one.
macro_rules! assert_kind {
    ($result:expr, $kind:pat) => {
        match $result {
            Err(error) => assert!(matches!(error.kind(), $kind), "{error:?}"),
            Ok(other) => panic!("{other:?}"),
        }
    };
}
pub(crate) use assert_kind;
