//! Clients of four libraries of WebSocket that receive a venue's feed, each by its `Stream`, on
//! tokio's current-thread runtime.

#[path = "../../../src/ws_feed/handler.rs"]
mod handler;

use std::fmt::Display;
use std::net::SocketAddr;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use rustix::time::{ClockId, clock_gettime};
use sockudo_ws::handshake::client_handshake;
use sockudo_ws::{Config, Message as SockudoMessage, Role, WebSocketStream};
use subject::{About, fail, require, serve_feed, version_of};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_websockets::{ClientBuilder, Message as TokioMessage};
use yawc::{Frame, OpCode, Options, WebSocket, WebSocketError};

use handler::{GO, Handler};

/// Receives so many messages, and tells how late each was.
type Feed = Box<dyn FnMut(usize) -> Vec<u64>>;

fn main() {
    let modes = &["feed sockudo", "feed tungstenite", "feed tokio-websockets", "feed yawc"];
    let command = subject::start(modes);
    let (package, connect): (_, fn(Runtime, SocketAddr) -> Feed) = match command.mode {
        "feed sockudo" => ("sockudo-ws", sockudo),
        "feed tungstenite" => ("tokio-tungstenite", tungstenite),
        "feed tokio-websockets" => ("tokio-websockets", tokio_websockets),
        _ => ("yawc", yawc),
    };
    let about = About {
        version: version_of(package),
        settings: "tokio current_thread, TCP_NODELAY, text validated".to_owned(),
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = require("can't start the runtime", runtime);
    serve_feed(&about, |venue| connect(runtime, venue));
}

async fn stream(venue: SocketAddr) -> TcpStream {
    let stream = require("can't connect to the venue", TcpStream::connect(venue).await);
    require("can't set TCP_NODELAY", stream.set_nodelay(true));
    stream
}

fn sockudo(runtime: Runtime, venue: SocketAddr) -> Feed {
    let socket = runtime.block_on(async {
        let mut stream = stream(venue).await;
        let shaken = client_handshake(&mut stream, &venue.to_string(), "/feed", None).await;
        let leftover = require("the handshake failed", shaken).leftover;
        WebSocketStream::from_raw_with_leftover(stream, Role::Client, Config::default(), leftover)
    });
    feed(runtime, socket, SockudoMessage::text(GO), |message, handle| match message {
        SockudoMessage::Text(text) => handle(text),
        _ => true,
    })
}

fn tungstenite(runtime: Runtime, venue: SocketAddr) -> Feed {
    let socket = runtime.block_on(async {
        let shaken = client_async(format!("ws://{venue}/feed"), stream(venue).await).await;
        require("the handshake failed", shaken).0
    });
    feed(runtime, socket, Message::text(GO), |message, handle| match message {
        Message::Text(text) => handle(text.as_bytes()),
        _ => true,
    })
}

fn tokio_websockets(runtime: Runtime, venue: SocketAddr) -> Feed {
    let socket = runtime.block_on(async {
        let builder = ClientBuilder::new().uri(&format!("ws://{venue}/feed"));
        let shaken = require("no address", builder).connect_on(stream(venue).await).await;
        require("the handshake failed", shaken).0
    });
    feed(runtime, socket, TokioMessage::text(GO), |message, handle| {
        message.as_text().is_none_or(|text| handle(text.as_bytes()))
    })
}

fn yawc(runtime: Runtime, venue: SocketAddr) -> Feed {
    let socket = runtime.block_on(async {
        let options = Options::default().without_compression().with_utf8();
        let url = require("no address", format!("ws://{venue}/feed").parse());
        let shaken = WebSocket::handshake(url, stream(venue).await, options).await;
        require("the handshake failed", shaken)
    });
    // Its stream has no errors: it ends.
    let socket = socket.map(Ok::<_, WebSocketError>);
    feed(runtime, socket, Frame::text(GO), |frame, handle| {
        frame.opcode() != OpCode::Text || handle(frame.payload())
    })
}

/// Says that it is ready, and shows each message to a handler; `show` passes over what is no text.
fn feed<S, M, E>(
    runtime: Runtime,
    mut socket: S,
    go: M,
    show: impl Fn(&M, &mut dyn FnMut(&[u8]) -> bool) -> bool + 'static,
) -> Feed
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin + 'static,
    M: Clone + 'static,
    E: Display,
{
    let mut handler = Handler::default();
    Box::new(move |messages| {
        handler.expect(messages);
        runtime.block_on(async {
            require("can't send", socket.send(go.clone()).await);
            while !handler.is_done() {
                let Some(message) = socket.next().await else { fail("the venue is gone") };
                let message = require("the feed broke off", message);
                if !show(&message, &mut |text| handler.handle(text, now_ns())) {
                    fail("the venue sent what is not of its feed, or too much");
                }
            }
        });
        handler.lags_ns().to_vec()
    })
}

/// The clock that the venue reads.
fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |value| u64::try_from(value).unwrap_or_default();
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}
