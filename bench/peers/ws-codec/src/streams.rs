//! The libraries whose codec is behind a stream.

use std::fmt;
use std::hint::black_box;

use bytes::Bytes;
use fastwebsockets::{OpCode, Payload, WebSocket as FastWebSocket};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use subject::{Work, fail, require};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes, WebSocket};
use tokio_websockets::{ClientBuilder, Limits, Message as TokioMessage, ServerBuilder};
use yawc::{Frame, Options};

use crate::load::{self, Kind};
use crate::memory::Memory;
use crate::{at_once, batches};

pub(crate) fn tungstenite(work: &load::Work) -> Work<'static> {
    let (role, bytes) = (if work.is_of_server() { Role::Server } else { Role::Client }, work.bytes);
    let mut socket = WebSocket::from_raw_socket(Memory::new(work.chunk()), role, None);
    if work.kind == Kind::ClientEncodes {
        let text = require("the text is one", Utf8Bytes::try_from(Bytes::from(work.text())));
        let per_chunk = work.chunk_messages();
        return batches(move |count| {
            for number in 0..count {
                require("write", socket.write(Message::Text(black_box(&text).clone())));
                if number % per_chunk == per_chunk - 1 {
                    require("flush", socket.flush());
                }
            }
            require("flush", socket.flush());
        });
    }
    batches(move |count| {
        for _ in 0..count {
            match black_box(require("read", socket.read())) {
                Message::Text(text) if text.len() == bytes => {}
                other => fail(format_args!("a text of {bytes} B became {other:?}")),
            }
        }
    })
}

pub(crate) fn fastwebsockets(work: &load::Work) -> Work<'static> {
    use fastwebsockets::{Frame, Role};
    let (role, bytes) = (if work.is_of_server() { Role::Server } else { Role::Client }, work.bytes);
    let mut socket = FastWebSocket::after_handshake(Memory::new(work.chunk()), role);
    if work.kind == Kind::ClientEncodes {
        let text = work.text();
        return batches(move |count| {
            for _ in 0..count {
                let frame = Frame::text(Payload::Owned(black_box(&text).as_bytes().to_vec()));
                require("write", at_once(socket.write_frame(frame)));
            }
        });
    }
    batches(move |count| {
        for _ in 0..count {
            let frame = black_box(require("read", at_once(socket.read_frame())));
            if frame.opcode != OpCode::Text || frame.payload.len() != bytes {
                fail(format_args!("a text of {bytes} B became {:?}", frame.opcode));
            }
        }
    })
}

pub(crate) fn tokio_websockets(work: &load::Work) -> Work<'static> {
    let memory = Memory::new(work.chunk());
    let socket = match work.is_of_server() {
        true => ServerBuilder::new().limits(Limits::unlimited()).serve(memory),
        false => ClientBuilder::new().limits(Limits::unlimited()).take_over(memory),
    };
    let text = Bytes::from(work.text());
    let message = move || TokioMessage::text(black_box(&text).clone());
    sink_or_stream(work, socket, message, |message: &TokioMessage| message.as_text().map(str::len))
}

pub(crate) fn yawc(work: &load::Work) -> Work<'static> {
    use yawc::{OpCode, Role, WebSocket, WebSocketError};
    let role = if work.is_of_server() { Role::Server } else { Role::Client };
    let options = Options::default().without_compression().with_utf8();
    let socket = WebSocket::from_stream(Memory::new(work.chunk()), role, options);
    let socket = require("yawc refused it", socket);
    let text = Bytes::from(work.text());
    let message = move || Frame::text(black_box(&text).clone());
    // Its stream has no errors: it ends.
    let socket = socket.map(Ok::<_, WebSocketError>);
    sink_or_stream(work, socket, message, |frame: &Frame| {
        (frame.opcode() == OpCode::Text).then(|| frame.payload().len())
    })
}

/// The work by a `Stream` of messages, or by a `Sink` that is flushed once a chunk. `text_bytes` is
/// nothing for what is no text.
fn sink_or_stream<S, M, E>(
    work: &load::Work,
    mut socket: S,
    message: impl Fn() -> M + 'static,
    text_bytes: fn(&M) -> Option<usize>,
) -> Work<'static>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin + 'static,
    M: 'static,
    E: fmt::Display,
{
    let (bytes, per_chunk) = (work.bytes, work.chunk_messages());
    if work.kind == Kind::ClientEncodes {
        return batches(move |count| {
            for number in 0..count {
                require("feed", at_once(socket.feed(message())));
                if number % per_chunk == per_chunk - 1 {
                    require("flush", at_once(socket.flush()));
                }
            }
            require("flush", at_once(socket.flush()));
        });
    }
    batches(move |count| {
        for _ in 0..count {
            let Some(read) = at_once(socket.next()) else { fail("the stream ended") };
            let read = text_bytes(black_box(&require("read", read)));
            if read != Some(bytes) {
                fail(format_args!("a text of {bytes} B became one of {read:?}"));
            }
        }
    })
}
