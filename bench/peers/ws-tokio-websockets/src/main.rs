//! tokio-websockets: `ServerBuilder` as in its `examples/echo_server.rs`, messages fed and flushed
//! together.

use tokio_websockets::{Config, Limits, Message, ServerBuilder};
use ws_server::{Peer, Transport, echo};

struct TokioWebsockets;

impl Peer for TokioWebsockets {
    const PACKAGE: &'static str = "tokio-websockets";
    const SETTINGS: &'static str = "ServerBuilder with no limits and whole frames, feed and one \
                                    flush for what came together";

    async fn converse(transport: impl Transport) -> Option<()> {
        let builder = ServerBuilder::new()
            .config(Config::default().frame_size(usize::MAX))
            .limits(Limits::unlimited());
        let (_, socket) = builder.accept(transport).await.ok()?;
        echo(socket, |message: Message| {
            (message.is_text() || message.is_binary()).then_some(message)
        })
        .await
    }
}

fn main() {
    ws_server::serve::<TokioWebsockets>()
}
