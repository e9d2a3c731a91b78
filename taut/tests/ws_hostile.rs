//! Peers that flood, that never read, and that leave too much in our hands.

mod common;

use common::allocations::{Counting, live_bytes};
use common::ws::{
    assert_kind, client_of_raw, frame, millis, next_text, options, pair, read_frame, server_of_raw,
};
use common::{block_on, on_each_driver, turns};
use futures_util::future::join;
use taut::buffer::RxBuf;
use taut::net::TcpStream;
use taut::time::timeout;
use taut::ws::{CloseCode, ErrorKind, Message, Opcode, Options, Role, WebSocket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A peer that pings and pings and reads no answer: we hold a few answers, and the newest.
#[test]
fn a_peer_that_never_reads_pongs_takes_no_memory() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut raw, mut server) = server_of_raw(&Options::default()).await;
            let pings = frame(Role::Client, 0x89, &[b'p'; 125]).repeat(1000);
            let newest = frame(Role::Client, 0x89, b"the newest");
            let stop = frame(Role::Client, 0x81, b"stop");
            let flood = async {
                let before = live_bytes();
                for _ in 0..200 {
                    raw.write_all(&pings).await.unwrap();
                }
                raw.write_all(&[newest, stop].concat()).await.unwrap();
                (raw, before)
            };
            let serve = async {
                assert_eq!(next_text(&mut server).await, "stop");
                server
            };
            let ((mut raw, before), mut server) = join(flood, serve).await;
            assert!(live_bytes() - before < 1 << 20, "{} bytes", live_bytes() - before);
            // So many pongs may be queued, of 125 bytes and a header.
            assert!(server.outbox().queued_bytes() <= 16 * 127);
            let closing = async { server.close(CloseCode::NORMAL, "").await };
            let reading = async {
                let (mut pongs, mut last) = (0, Vec::new());
                loop {
                    match read_frame(&mut raw).await.unwrap() {
                        (0x8A, payload) => (pongs, last) = (pongs + 1, payload),
                        (first, _) => break assert_eq!(first, 0x88),
                    }
                }
                raw.write_all(&frame(Role::Client, 0x88, b"")).await.unwrap();
                (pongs, last)
            };
            let (closed, (pongs, last)) = join(closing, reading).await;
            closed.unwrap();
            assert!(pongs < 200_000 && !last.is_empty());
        });
    });
}

#[test]
fn the_newest_ping_is_answered() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut raw, mut server) = server_of_raw(&Options::default()).await;
            let pings: Vec<u8> =
                (0..50_u8).flat_map(|number| frame(Role::Client, 0x89, &[number])).collect();
            raw.write_all(&pings).await.unwrap();
            turns(5).await;
            let reading = async {
                while read_frame(&mut raw).await != Some((0x8A, vec![49])) {}
                raw.write_all(&frame(Role::Client, 0x81, b"stop")).await.unwrap();
            };
            join(reading, next_text(&mut server)).await;
        });
    });
}

#[test]
fn floods_of_tiny_and_empty_fragments_end_at_the_limit() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for payload in [&b""[..], b"x"] {
                let limits = options(|options| {
                    options.limits = options.limits.fragments_max(1000);
                });
                let (mut raw, mut server) = server_of_raw(&limits).await;
                let mut bytes = frame(Role::Client, 0x01, payload);
                bytes.extend(frame(Role::Client, 0x00, payload).repeat(100_000));
                let before = live_bytes();
                let flood = async {
                    raw.write_all(&bytes).await.ok();
                };
                let serve = async {
                    let error = server.next().await.unwrap_err();
                    assert_eq!(error.violation().unwrap().code(), CloseCode::POLICY);
                    assert!(live_bytes() - before < 1 << 20);
                    drop(server);
                };
                join(flood, serve).await;
                assert_eq!(read_frame(&mut raw).await.unwrap().0, 0x88);
            }
        });
    });
}

/// A message that is declared longer than it is allowed fails before a byte of it came.
#[test]
fn a_declared_length_is_refused_at_once() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut raw) = client_of_raw(&Options::default()).await;
            raw.write_all(&[0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
            let error = client.next().await.unwrap_err();
            assert_eq!(error.violation().unwrap().code(), CloseCode::TOO_LONG);
            let (first, payload) = read_frame(&mut raw).await.unwrap();
            assert_eq!((first, &*payload), (0x88, &1009_u16.to_be_bytes()[..]));
        });
    });
}

/// What came in the same segment as the end of the handshake is read first.
#[test]
fn bytes_behind_the_handshake_are_the_first_at_every_cut() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let bytes = [frame(Role::Server, 0x81, b"first"), frame(Role::Server, 0x82, b"2")];
            let bytes = bytes.concat();
            for cut in 0..=bytes.len() {
                let (client, mut raw) = common::connected_pair().await;
                let left = RxBuf::from(bytes[..cut].to_vec());
                // Somebody else may still hold the head, which lies in the same buffer.
                let head = left.clone();
                let mut client: WebSocket<TcpStream> =
                    WebSocket::over(client, Role::Client, &Options::default(), Some(left));
                raw.write_all(&bytes[cut..]).await.unwrap();
                assert_eq!(next_text(&mut client).await, "first");
                assert_eq!(client.next().await.unwrap().unwrap().as_bytes(), b"2");
                drop(head);
            }
        });
    });
}

#[test]
fn a_full_queue_refuses_and_a_send_waits() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let tight = options(|options| options.queue_bytes_max = 10_000);
            let (mut client, mut server) = pair(&tight).await;
            let data = [7; 6000];
            let outbox = client.outbox();
            outbox.queue_binary(&[7; 50_000]).unwrap();
            assert_kind!(outbox.queue_binary(b""), ErrorKind::QueueFull { .. });
            assert_kind!(outbox.reserve(Opcode::Text, 1), ErrorKind::QueueFull { .. });
            assert_kind!(
                outbox.queue_fragmented(Opcode::Text, &[b"a"]),
                ErrorKind::QueueFull { .. }
            );
            assert_kind!(outbox.queue_ping(b""), ErrorKind::QueueFull { .. });
            client.flush().await.unwrap();
            assert_eq!(client.outbox().queued_bytes(), 0);
            let mut sent = 0;
            while timeout(millis(30), client.send_binary(&data))
                .await
                .is_ok_and(|sent| sent.is_ok())
            {
                sent += 1;
            }
            let queued_bytes = client.outbox().queued_bytes();
            assert!(0 < queued_bytes && queued_bytes < 17_000, "{queued_bytes} bytes");
            let reading = async {
                assert_eq!(server.next().await.unwrap().unwrap().as_bytes().len(), 50_000);
                for _ in 0..=sent {
                    assert_eq!(server.next().await.unwrap().unwrap().as_bytes(), data);
                }
            };
            let (flushed, ()) = join(client.flush(), reading).await;
            flushed.unwrap();
        });
    });
}

/// Messages that are held hold their buffers: beyond those that there are the feed still comes.
#[test]
fn messages_may_be_held_beyond_the_receive_buffers() {
    on_each_driver(|builder| {
        let builder = builder.receive_buffers(4).hot_buffers(0).receive_buffer_bytes(256);
        block_on(builder, async {
            let (mut client, mut server) = pair(&Options::default()).await;
            let feed = async {
                for number in 0..500_usize {
                    let text = number.to_string().repeat(1 + number % 90);
                    server.send_text(&text).await.unwrap();
                }
            };
            let hold = async {
                let mut held: Vec<Message> = Vec::new();
                while held.len() < 500 {
                    held.push(client.next().await.unwrap().unwrap());
                }
                held
            };
            let ((), held) = join(feed, hold).await;
            for (number, message) in held.iter().enumerate() {
                let text = number.to_string().repeat(1 + number % 90);
                assert_eq!(message.as_str(), Some(&*text));
            }
        });
    });
}
