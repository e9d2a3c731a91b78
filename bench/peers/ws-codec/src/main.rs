//! The codecs of five libraries of WebSocket, each driven from memory.
//!
//! sockudo-ws has its codec apart from its streams and is driven directly. The others read from a
//! stream, which here is memory that never waits, and are polled by hand, without a runtime. What
//! they read is copied once from the frames of `bench/src/codec/load.rs`, as by a socket.

#[path = "../../../src/codec/load.rs"]
mod load;
mod memory;
mod streams;

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use sockudo_ws::protocol::Protocol;
use sockudo_ws::{Config, Message, Role};
use subject::{About, Work, blocking, fail, require, serve_works, version_of};

use load::Kind;

fn main() {
    let modes = &[
        "codec sockudo",
        "codec tungstenite",
        "codec fastwebsockets",
        "codec tokio-websockets",
        "codec yawc",
    ];
    let command = subject::start(modes);
    let streamed = "its stream over memory, polled by hand, text validated";
    let (package, settings, make): (_, _, fn(&load::Work) -> Work<'static>) = match command.mode {
        "codec sockudo" => ("sockudo-ws", "Protocol::process_into and encode_message", sockudo),
        "codec tungstenite" => ("tungstenite", streamed, streams::tungstenite),
        "codec fastwebsockets" => ("fastwebsockets", streamed, streams::fastwebsockets),
        "codec tokio-websockets" => ("tokio-websockets", streamed, streams::tokio_websockets),
        _ => ("yawc", streamed, streams::yawc),
    };
    let about = About { version: version_of(package), settings: settings.to_owned() };
    let works: Vec<_> = load::WORKS.iter().map(|work| (work.name, make(work))).collect();
    serve_works(&about, &works);
}

fn sockudo(work: &load::Work) -> Work<'static> {
    let role = if work.is_of_server() { Role::Server } else { Role::Client };
    let config = Config::default();
    let mut protocol = Protocol::new(role, config.max_frame_size, config.max_message_size);
    let (chunk, bytes, mut messages) = (work.chunk(), work.bytes, Vec::new());
    let (mut buffer, per_chunk) = (BytesMut::new(), work.chunk_messages());
    if work.kind == Kind::ClientEncodes {
        let text = Message::Text(Bytes::from(work.text()));
        return batches(move |count| {
            for number in 0..count {
                require("encode", protocol.encode_message(black_box(&text), &mut buffer));
                if number % per_chunk == per_chunk - 1 {
                    black_box(&buffer);
                    buffer.clear();
                }
            }
            buffer.clear();
        });
    }
    batches(move |count| {
        for _ in 0..count {
            if messages.is_empty() {
                buffer.extend_from_slice(black_box(&chunk));
                require("decode", protocol.process_into(&mut buffer, &mut messages));
                // They are taken from the end.
                messages.reverse();
            }
            match black_box(messages.pop()) {
                Some(Message::Text(text)) if text.len() == bytes => {}
                other => fail(format_args!("a text of {bytes} B became {other:?}")),
            }
        }
    })
}

/// A work whose batch does so many messages.
fn batches(work: impl FnMut(usize) + 'static) -> Work<'static> {
    let work = std::cell::RefCell::new(work);
    blocking(move |count| {
        let count = require("so many messages", usize::try_from(count));
        (work.borrow_mut())(count);
    })
}

/// The result of what never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match future.now_or_never() {
        Some(value) => value,
        None => fail("memory never waits, and yet the codec did"),
    }
}
