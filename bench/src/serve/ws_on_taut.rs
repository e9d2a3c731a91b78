//! The server of the workload `ws` on the runtime: `taut::ws` as its users have it.
//!
//! Short messages are echoed where they lie, all that came together with one write. A long one is
//! in no single buffer: it is taken whole and sent from where it was gathered, which spares the
//! copy into the queue.

use std::io;
use std::rc::Rc;

use taut::http::Secured;
use taut::net::{TcpListener, Transport};
use taut::tls::TlsAcceptor;
use taut::ws::{Acceptor, DeflateOptions, Item, Message, Options, Outbox, Role};

use super::Service;
use crate::ws::frame_bytes;

/// From so many bytes on a message is long.
const LONG_BYTES: usize = 32 << 10;

/// Serves for as long as the process lives.
pub(super) async fn serve(
    listener: TcpListener,
    hot: bool,
    acceptor: Option<TlsAcceptor>,
    service: Service,
) -> io::Result<()> {
    let mut options = Options::default();
    // Agreed on with who asks for it, and nobody else.
    options.deflate = Some(DeflateOptions::default());
    let handshakes = Acceptor::new().options(options);
    let shared = Rc::new((service, acceptor, handshakes));
    loop {
        let mut stream = listener.accept().await?;
        stream.set_hot(hot);
        let shared = Rc::clone(&shared);
        // A connection that breaks ends alone, as one that the peer closes.
        taut::spawn(async move {
            let (service, acceptor, handshakes) = &*shared;
            match acceptor {
                None => echo(stream, handshakes, service).await,
                Some(acceptor) => {
                    echo(acceptor.accept(stream).await.ok()?, handshakes, service).await
                }
            }
        });
    }
}

async fn echo<T: Transport + Secured + 'static>(
    transport: T,
    handshakes: &Acceptor,
    service: &Service,
) -> Option<()> {
    let mut socket = handshakes.accept(transport).await.ok()?;
    let mut is_long = false;
    loop {
        let bytes = if is_long {
            let message = socket.next().await.ok()??;
            match &message {
                Message::Text(text) => socket.send_text(text).await.ok()?,
                other => socket.send_binary(other.as_bytes()).await.ok()?,
            }
            is_long = message.as_bytes().len() >= LONG_BYTES;
            frame_bytes(message.as_bytes().len(), Role::Client)
        } else {
            let mut bytes = 0;
            let echo = |item: Item<'_>, outbox: &mut Outbox| {
                is_long = item.as_bytes().len() >= LONG_BYTES;
                bytes += frame_bytes(item.as_bytes().len(), Role::Client);
                match item.as_str() {
                    Some(text) => outbox.queue_text(text),
                    None => outbox.queue_binary(item.as_bytes()),
                }
            };
            if socket.for_each_ready(echo).await.ok()? == 0 {
                return None;
            }
            bytes
        };
        service.attendant.served(bytes, || taut::counters().syscalls);
    }
}
