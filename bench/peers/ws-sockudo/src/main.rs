//! sockudo-ws: `WebSocketServer::accept_raw`, which leaves the stream's type as it is, messages fed
//! into its cork buffer and flushed together.

use sockudo_ws::{Config, Http1, Message, WebSocketServer};
use ws_server::{Peer, Transport, echo};

struct Sockudo;

impl Peer for Sockudo {
    const PACKAGE: &'static str = "sockudo-ws";
    const SETTINGS: &'static str = "accept_raw, default configuration (write_coalescing), feed and \
                                    one flush for what came together";

    async fn converse(transport: impl Transport) -> Option<()> {
        let server = WebSocketServer::<Http1>::new(Config::default());
        let (socket, _) = server.accept_raw(transport).await.ok()?;
        echo(socket, |message: Message| {
            (message.is_text() || message.is_binary()).then_some(message)
        })
        .await
    }
}

fn main() {
    ws_server::serve::<Sockudo>()
}
