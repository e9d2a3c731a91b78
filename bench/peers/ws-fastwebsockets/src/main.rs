//! fastwebsockets: `FragmentCollector` as in its `examples/echo_server.rs`, on a stream that gathers
//! what is written, since the library writes each frame at once.

use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
use ws_server::{Corked, Peer, Transport, open};

struct Fastwebsockets;

impl Peer for Fastwebsockets {
    const PACKAGE: &'static str = "fastwebsockets";
    const SETTINGS: &'static str = "FragmentCollector, writes gathered until the reader waits";

    async fn converse(mut transport: impl Transport) -> Option<()> {
        open(&mut transport).await.ok()?;
        let socket = WebSocket::after_handshake(Corked::new(transport), Role::Server);
        let mut socket = FragmentCollector::new(socket);
        loop {
            let frame = socket.read_frame().await.ok()?;
            match frame.opcode {
                OpCode::Text | OpCode::Binary => socket.write_frame(frame).await.ok()?,
                OpCode::Close => return None,
                _ => {}
            }
        }
    }
}

fn main() {
    ws_server::serve::<Fastwebsockets>()
}
