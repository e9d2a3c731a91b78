//! The other end of a WebSocket client's handshake, and what the client makes of it.

use futures_util::future::join;
use taut::http::client::{ClientTransport, Fault, Phase};
use taut::net::TcpListener;
use taut::ws::{Connector, Error, ErrorKind, HandshakeError, Refusal, WebSocket};

use super::http_peer::header;
use super::{block_on, in_time, listen, on_each_driver};

/// The frames of two texts.
pub(crate) const FRAMES: &[u8] = b"\x81\x05first\x81\x06second";

pub(crate) type Connected = Result<WebSocket<ClientTransport>, Error>;

/// Runs a connector against a script, on each driver; both have to come to their end.
pub(crate) fn against(
    script: impl AsyncFn(&TcpListener),
    connector: impl Fn() -> Connector,
    check: impl AsyncFn(Connected),
) {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let client = async {
                let connected = connector().connect(format!("ws://{address}/feed")).await;
                check(connected).await;
            };
            join(script(&listener), in_time(client)).await;
        });
    });
}

/// What the server has to say to a request.
pub(crate) fn good(request: &str) -> String {
    let key = header(request, "sec-websocket-key").expect("a key");
    let accept = accept_of(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// As the shell's `printf … | openssl sha1 -binary | base64`, by crates of others.
fn accept_of(key: &str) -> String {
    use base64::Engine;
    use sha1::Digest;

    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(text))
}

pub(crate) async fn expect_frames(connected: Connected) {
    let mut connection = connected.unwrap();
    for text in ["first", "second"] {
        let message = in_time(connection.next()).await.unwrap().unwrap();
        assert_eq!(message.as_str(), Some(text));
    }
}

pub(crate) fn handshake_error(connected: Connected) -> HandshakeError {
    match connected.unwrap_err().into_kind() {
        ErrorKind::Handshake(error) => error,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refusal(connected: Connected) -> Refusal {
    match handshake_error(connected) {
        HandshakeError::Refused(refusal) => *refusal,
        other => panic!("{other}"),
    }
}

/// The phase that took too long.
pub(crate) fn timed_out(connected: Connected) -> Phase {
    let HandshakeError::Http(error) = handshake_error(connected) else { panic!() };
    assert_eq!(error.fault(), Fault::Network);
    error.timed_out().unwrap_or_else(|| panic!("{error}"))
}
