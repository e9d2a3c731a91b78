//! sockudo-ws: `server_handshake`, then `WebSocketStream` over the stream as it is, messages fed into
//! its cork buffer and flushed together.

use sockudo_ws::handshake::server_handshake;
use sockudo_ws::{Config, Message, Role, WebSocketStream};
use ws_server::{Peer, Transport, echo};

struct Sockudo;

impl Peer for Sockudo {
    const PACKAGE: &'static str = "sockudo-ws";
    const SETTINGS: &'static str = "WebSocketStream, default configuration (write_coalescing), feed \
                                    and one flush for what came together";

    async fn converse(mut transport: impl Transport) -> Option<()> {
        let leftover = server_handshake(&mut transport).await.ok()?.leftover;
        let (role, config) = (Role::Server, Config::default());
        let socket = WebSocketStream::from_raw_with_leftover(transport, role, config, leftover);
        echo(socket, |message: Message| {
            (message.is_text() || message.is_binary()).then_some(message)
        })
        .await
    }
}

fn main() {
    ws_server::serve::<Sockudo>()
}
