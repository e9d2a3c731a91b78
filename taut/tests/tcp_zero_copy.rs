//! Zero-copy sends under load: a slot that were used again before the kernel's notification would
//! show other bytes at the receiver.

mod common;

use std::net::SocketAddr;

use common::veth::on_veth;
use common::{block_on, on_each_driver};
use taut::Builder;
use taut::buffer::TxBuf;
use taut::net::{TcpListener, TcpStream};

/// Fewer slots than messages under way, so that each is wanted again at once.
const SLOTS: u16 = 4;
const SLOT_BYTES: usize = 16 << 10;
const STREAMS: usize = 8;
const MESSAGES: usize = 400;
/// In a namespace of its own nobody else has it.
const PORT: u16 = 7_231;

/// The byte at that place of that stream.
fn pattern(stream: usize, place: usize) -> u8 {
    // Neither a slot's size nor a message's is a multiple of the period.
    (place % 251) as u8 ^ (stream as u8).wrapping_mul(29)
}

fn sending(builder: Builder) -> Builder {
    let builder = builder.zero_copy_send_bytes_min(Some(1));
    builder.send_buffers(SLOTS).send_buffer_bytes(SLOT_BYTES as u32)
}

/// The length of that message.
fn length(message: usize) -> usize {
    SLOT_BYTES - message * 37 % 9_000
}

/// Sends messages of different lengths from slots that are taken as soon as one is free.
async fn pour(mut stream: TcpStream, number: usize) {
    let mut place = 0;
    for message in 0..MESSAGES {
        let mut slot = loop {
            match TxBuf::take() {
                Ok(slot) => break slot,
                Err(_) => taut::yield_now().await,
            }
        };
        slot.resize(length(message));
        for byte in slot.iter_mut() {
            *byte = pattern(number, place);
            place += 1;
        }
        stream.send(slot).await.unwrap();
    }
}

/// Reads to the end, slowly at times so that segments wait in queues, and checks each byte.
async fn check(mut stream: TcpStream, number: usize) -> usize {
    let mut place = 0;
    loop {
        let bytes = stream.recv().await.unwrap();
        if bytes.is_empty() {
            return place;
        }
        for byte in bytes.iter() {
            assert_eq!(*byte, pattern(number, place), "stream {number} at {place}");
            place += 1;
        }
        for _ in 0..place % 7 {
            taut::yield_now().await;
        }
    }
}

/// The number of a stream is its first message.
async fn serve(listener: TcpListener) {
    let mut tasks = Vec::new();
    for _ in 0..STREAMS {
        let mut stream = listener.accept().await.unwrap();
        let mut number = [0];
        stream.read_exact(&mut number).await.unwrap();
        tasks.push(taut::spawn(check(stream, number[0].into())));
    }
    let expected: usize = (0..MESSAGES).map(length).sum();
    for task in tasks {
        assert_eq!(task.await.unwrap(), expected);
    }
}

async fn connect_and_pour(address: SocketAddr) {
    let mut tasks = Vec::new();
    for number in 0..STREAMS {
        // The server may not listen yet.
        let mut stream = loop {
            match TcpStream::connect(address).await {
                Ok(stream) => break stream,
                Err(_) => taut::yield_now().await,
            }
        };
        stream.write_all(&[number as u8]).await.unwrap();
        tasks.push(taut::spawn(pour(stream, number)));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn slots_are_not_used_again_before_the_notification_on_loopback() {
    on_each_driver(|builder| {
        let runtime = sending(builder).build().unwrap();
        runtime.block_on(common::in_time(async {
            let (listener, address) = common::listen();
            let server = taut::spawn(serve(listener));
            connect_and_pour(address).await;
            server.await.unwrap();
        }));
    });
}

#[test]
fn slots_are_not_used_again_before_the_notification_across_a_device() {
    on_each_driver(|builder| {
        let theirs = builder.clone();
        on_veth(
            move |own, _| {
                let address = (own, PORT).into();
                block_on(theirs, async { serve(TcpListener::bind(address).unwrap()).await });
            },
            move |_, other| block_on(sending(builder), connect_and_pour((other, PORT).into())),
        );
    });
}
