//! yawc: `WebSocket::from_stream`, frames fed and flushed together.

use futures_util::StreamExt;
use ws_server::{Peer, Transport, echo, open};
use yawc::{Frame, OpCode, Options, Role, WebSocket, WebSocketError};

/// Its default refuses messages from 1 MiB on; the others take more.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

struct Yawc;

impl Peer for Yawc {
    const PACKAGE: &'static str = "yawc";
    const SETTINGS: &'static str = "from_stream, text validated, no compression, feed and one \
                                    flush for what came together";

    async fn converse(mut transport: impl Transport) -> Option<()> {
        open(&mut transport).await.ok()?;
        let options = Options::default()
            .without_compression()
            .with_utf8()
            .with_max_payload_read(MESSAGE_BYTES_MAX);
        let socket = WebSocket::from_stream(transport, Role::Server, options).ok()?;
        // Its stream has no errors: it ends.
        echo(socket.map(Ok::<_, WebSocketError>), |frame: Frame| match frame.opcode() {
            OpCode::Text => Some(Frame::text(frame.into_payload())),
            OpCode::Binary => Some(Frame::binary(frame.into_payload())),
            _ => None,
        })
        .await
    }
}

fn main() {
    ws_server::serve::<Yawc>()
}
