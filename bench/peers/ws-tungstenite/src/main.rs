//! tokio-tungstenite: `accept_async`, messages fed and flushed together.

use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use ws_server::{Peer, Transport, echo};

struct Tungstenite;

impl Peer for Tungstenite {
    const PACKAGE: &'static str = "tokio-tungstenite";
    const SETTINGS: &'static str = "accept_async, feed and one flush for what came together";

    async fn converse(transport: impl Transport) -> Option<()> {
        let socket = accept_async(transport).await.ok()?;
        echo(socket, |message: Message| {
            (message.is_text() || message.is_binary()).then_some(message)
        })
        .await
    }
}

fn main() {
    ws_server::serve::<Tungstenite>()
}
