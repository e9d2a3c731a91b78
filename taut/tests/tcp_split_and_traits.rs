//! Owned halves, and the I/O traits of futures and tokio, on streams and halves alike.

mod common;

use std::io::ErrorKind;

use common::ways::assert_same_bytes;
use common::{Random, block_on, connected_pair, on_each_driver, on_each_driver_and_wait};
use futures_util::{join, poll};
use taut::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

const SEED: u64 = 0x59;
const BYTES: usize = 2_000_003;

fn is_futures_stream<T: futures_util::AsyncRead + futures_util::AsyncWrite>() {}
fn is_tokio_stream<T: tokio::io::AsyncRead + tokio::io::AsyncWrite>() {}

#[test]
fn halves_work_in_tasks_of_their_own() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (client, mut server) = connected_pair().await;
            let (mut from, mut to) = client.into_split();
            let writer = taut::spawn(async move {
                for number in 0..2000_u32 {
                    to.write_all(&number.to_le_bytes()).await.unwrap();
                }
                to
            });
            let reader = taut::spawn(async move {
                for number in 0..2000_u32 {
                    let mut bytes = [0; 4];
                    from.read_exact(&mut bytes).await.unwrap();
                    assert_eq!(u32::from_le_bytes(bytes), number);
                }
                from
            });
            for _ in 0..2000 {
                let mut bytes = [0; 4];
                server.read_exact(&mut bytes).await.unwrap();
                server.write_all(&bytes).await.unwrap();
            }
            let mut client = reader.await.unwrap().reunite(writer.await.unwrap()).unwrap();
            client.write_all(b"whole again").await.unwrap();
            assert_eq!(&server.recv().await.unwrap()[..], b"whole again");
        });
    });
}

#[test]
fn dropping_the_write_half_is_the_end_for_the_peer_and_the_read_half_goes_on() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (client, mut server) = connected_pair().await;
            let (mut from, mut to) = client.into_split();
            to.write_all(b"last").await.unwrap();
            drop(to);
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"last");
            server.write_all(b"still heard").await.unwrap();
            assert_eq!(&from.recv().await.unwrap()[..], b"still heard");
        });
    });
}

#[test]
fn dropping_the_write_half_with_a_send_under_way_sends_all_of_it_first() {
    on_each_driver_and_wait(|builder| {
        for zero_copy in [None, Some(1)] {
            block_on(builder.clone().zero_copy_send_bytes_min(zero_copy), async {
                let (client, mut server) = connected_pair().await;
                let (mut from, mut to) = client.into_split();
                let sent = Random::new(SEED).bytes(16 << 20);
                assert!(poll!(Box::pin(to.send(sent.clone()))).is_pending());
                drop(to);
                let mut got = Vec::new();
                server.read_to_end(&mut got).await.unwrap();
                assert_same_bytes(&got, &sent);
                server.write_all(b"heard").await.unwrap();
                assert_eq!(&from.recv().await.unwrap()[..], b"heard");
            });
        }
    });
}

#[test]
fn dropping_the_read_half_leaves_the_write_half() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (client, mut server) = connected_pair().await;
            let (mut from, mut to) = client.into_split();
            assert!(poll!(Box::pin(from.recv())).is_pending());
            drop(from);
            for _ in 0..10 {
                to.write_all(b"on").await.unwrap();
                let mut got = [0; 2];
                server.read_exact(&mut got).await.unwrap();
                assert_eq!(&got, b"on");
            }
            drop(to);
            assert!(server.recv().await.unwrap().is_empty());
        });
    });
}

#[test]
fn a_reunited_stream_is_whole_and_strangers_are_given_back() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            let (from, to) = client.into_split();
            let (other_from, other_to) = server.into_split();
            let error = from.reunite(other_to).unwrap_err();
            assert!(error.to_string().contains("different connections"), "{error}");
            let (from, other_to) = (error.0, error.1);
            let mut client = from.reunite(to).unwrap();
            let mut server = other_from.reunite(other_to).unwrap();
            client.write_all(b"ping").await.unwrap();
            assert_eq!(&server.recv().await.unwrap()[..], b"ping");
            server.write_all(b"pong").await.unwrap();
            assert_eq!(&client.recv().await.unwrap()[..], b"pong");
        });
    });
}

#[test]
fn futures_traits_copy_whole_streams_back_and_forth() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt, copy};

    is_futures_stream::<TcpStream>();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            let echo = taut::spawn(async move {
                let (from, mut to) = server.split();
                assert_eq!(copy(from, &mut to).await.unwrap(), BYTES as u64);
                to.close().await.unwrap();
            });
            let sent = Random::new(SEED).bytes(BYTES);
            let (mut from, mut to) = client.into_split();
            let mut got = Vec::new();
            let ((), count) = join!(
                async {
                    AsyncWriteExt::write_all(&mut to, &sent[..1000]).await.unwrap();
                    AsyncWriteExt::flush(&mut to).await.unwrap();
                    copy(&sent[1000..], &mut to).await.unwrap();
                    to.close().await.unwrap();
                },
                AsyncReadExt::read_to_end(&mut from, &mut got),
            );
            assert_eq!(count.unwrap(), BYTES);
            assert_same_bytes(&got, &sent);
            let error = AsyncReadExt::read_exact(&mut from, &mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            echo.await.unwrap();
        });
    });
}

#[test]
fn tokio_traits_copy_whole_streams_back_and_forth() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};

    is_tokio_stream::<TcpStream>();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            let echo = taut::spawn(async move {
                let (mut from, mut to): (OwnedReadHalf, OwnedWriteHalf) = server.into_split();
                assert_eq!(copy(&mut from, &mut to).await.unwrap(), BYTES as u64);
                AsyncWriteExt::shutdown(&mut to).await.unwrap();
            });
            let sent = Random::new(SEED).bytes(BYTES);
            let (mut from, mut to) = tokio::io::split(client);
            let mut got = Vec::new();
            let ((), ()) = join!(
                async {
                    to.write_all_buf(&mut &sent[..]).await.unwrap();
                    to.flush().await.unwrap();
                    to.shutdown().await.unwrap();
                },
                async { while from.read_buf(&mut got).await.unwrap() > 0 {} },
            );
            assert_same_bytes(&got, &sent);
            assert_eq!(from.read(&mut [0]).await.unwrap(), 0, "the end stays");
            echo.await.unwrap();
        });
    });
}

#[test]
fn trait_reads_into_full_or_empty_buffers_neither_wait_nor_overwrite() {
    use tokio::io::{AsyncRead, ReadBuf};

    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            let mut room = *b"........";
            let mut buffer = ReadBuf::new(&mut room);
            buffer.put_slice(b"abc");
            let mut read = async |buffer: &mut ReadBuf<'_>| {
                std::future::poll_fn(|context| {
                    std::pin::Pin::new(&mut server).poll_read(context, buffer)
                })
                .await
                .unwrap();
            };
            client.write_all(b"de").await.unwrap();
            read(&mut buffer).await;
            assert_eq!(buffer.filled(), b"abcde");
            client.write_all(b"fghij").await.unwrap();
            read(&mut buffer).await;
            assert_eq!(buffer.filled(), b"abcdefgh");
            read(&mut buffer).await;
            assert_eq!(buffer.filled(), b"abcdefgh", "no room: nothing read, no wait");
            buffer.clear();
            read(&mut buffer).await;
            assert_eq!(buffer.filled(), b"ij");
        });
    });
}

#[test]
fn a_close_through_the_traits_waits_for_a_send_that_was_given_up() {
    use futures_util::io::AsyncWriteExt;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            let sent = Random::new(SEED).bytes(16 << 20);
            assert!(poll!(Box::pin(client.send(sent.clone()))).is_pending());
            let closing = taut::spawn(async move {
                client.close().await.unwrap();
                client
            });
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            assert_same_bytes(&got, &sent);
            drop(closing.await.unwrap());
        });
    });
}
