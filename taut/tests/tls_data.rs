//! What is written to a TLS stream is what is read, in any pieces; and how each direction ends.

mod common;

use std::cell::Cell;
use std::io::{ErrorKind, IoSlice};
use std::rc::Rc;

use common::tls::{NAME, Tls, VERSIONS, ends, tls_pair};
use common::{Random, block_on, connected_pair, on_each_driver};
use futures_util::join;
use taut::net::{OwnedReadHalf, OwnedWriteHalf, Transport};
use taut::spawn;
use taut::tls::{TlsError, TlsErrorKind};

/// A byte of a pattern without a short period.
fn pattern(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

/// Writes so many bytes of the pattern, in pieces of random length.
async fn write_pattern(mut stream: Tls, bytes: usize, seed: u64) {
    let mut random = Random::new(seed);
    let mut at = 0;
    while at < bytes {
        let longest = [10, 2000, 200_000][random.below(3)];
        let piece = (1 + random.below(longest)).min(bytes - at);
        let data: Vec<u8> = (at..at + piece).map(pattern).collect();
        match random.below(4) {
            0 => at += stream.write(&data).await.unwrap(),
            1 => {
                let (left, right) = data.split_at(piece / 2);
                let slices = [IoSlice::new(left), IoSlice::new(&[]), IoSlice::new(right)];
                at += stream.write_vectored(&slices).await.unwrap();
            }
            _ => {
                stream.write_all(&data).await.unwrap();
                at += piece;
            }
        }
        if random.below(10) == 0 && stream.protocol_version() == VERSIONS[1] {
            stream.update_keys().unwrap();
        }
    }
    stream.shutdown().await.unwrap();
    // The other direction stays open until the peer ends it.
    assert!(stream.recv().await.unwrap().is_empty());
}

/// Reads the pattern up to its end, by reads of each kind.
async fn read_pattern(stream: &mut Tls, seed: u64) -> usize {
    let mut random = Random::new(seed);
    let mut at = 0;
    loop {
        let mut copy = [0; 3000];
        let longest = random.below(copy.len()) + 1;
        let received;
        let data: &[u8] = match random.below(2) {
            0 => {
                received = stream.recv().await.unwrap();
                &received
            }
            _ => {
                let count = stream.read(&mut copy[..longest]).await.unwrap();
                &copy[..count]
            }
        };
        if data.is_empty() {
            return at;
        }
        assert!(data.iter().enumerate().all(|(index, &byte)| byte == pattern(at + index)));
        at += data.len();
    }
}

#[test]
fn sixteen_mebibytes_arrive_as_they_were_written_in_any_pieces() {
    const BYTES: usize = 16 << 20;

    on_each_driver(|builder| {
        block_on(builder, async {
            for (seed, version) in VERSIONS.into_iter().enumerate() {
                let (connector, acceptor) = ends(version);
                let (client, mut server) = tls_pair(&connector, &acceptor).await;
                let writer = spawn(write_pattern(client, BYTES, seed as u64));
                assert_eq!(read_pattern(&mut server, seed as u64 + 7).await, BYTES);
                server.shutdown().await.unwrap();
                writer.await.unwrap();
            }
        });
    });
}

#[test]
fn a_direction_that_ended_leaves_the_other_open() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                let (mut client, mut server) = tls_pair(&connector, &acceptor).await;
                client.write_all(b"all I have").await.unwrap();
                client.shutdown().await.unwrap();
                assert_eq!(&server.recv().await.unwrap()[..], b"all I have");
                for _ in 0..3 {
                    assert!(server.recv().await.unwrap().is_empty());
                }
                let refused = client.write_all(b"more").await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::BrokenPipe);
                server.write_all(b"an answer").await.unwrap();
                server.shutdown().await.unwrap();
                let mut answer = [0; 9];
                client.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"an answer");
                assert_eq!(client.read(&mut answer).await.unwrap(), 0);
                let short = client.read_exact(&mut answer).await.unwrap_err();
                assert_eq!(short.kind(), ErrorKind::UnexpectedEof);
            }
        });
    });
}

#[test]
fn an_end_without_close_notify_is_an_error_and_never_the_end() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                let (mut client, mut server) = tls_pair(&connector, &acceptor).await;
                server.write_all(b"the first part").await.unwrap();
                drop(server);
                assert_eq!(&client.recv().await.unwrap()[..], b"the first part");
                for _ in 0..3 {
                    let error = client.recv().await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
                    assert_eq!(TlsError::from(error).kind(), TlsErrorKind::Truncated);
                }
                // A half that is dropped without a shutdown is cut off, too.
                let (mut client, server) = tls_pair(&connector, &acceptor).await;
                let (_read, write) = server.into_split();
                drop(write);
                assert_eq!(client.recv().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
            }
        });
    });
}

/// Carries bytes, the last of each piece changed by a bit while that is asked for.
async fn relay(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, changes: Rc<Cell<bool>>) {
    while let Ok(bytes) = from.recv().await {
        let Some(last) = bytes.len().checked_sub(1) else { return };
        let mut bytes = bytes.to_vec();
        bytes[last] ^= u8::from(changes.get());
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

#[test]
fn a_bit_that_was_changed_on_the_way_is_an_error_on_both_ends() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                let (client, left) = connected_pair().await;
                let (right, server) = connected_pair().await;
                let ((left_read, left_write), (right_read, right_write)) =
                    (left.into_split(), right.into_split());
                let changes = Rc::new(Cell::new(false));
                let forth = spawn(relay(left_read, right_write, Rc::clone(&changes)));
                let back = spawn(relay(right_read, left_write, Rc::default()));
                let (client, server) =
                    join!(connector.connect(NAME, client), acceptor.accept(server));
                let (mut client, mut server) = (client.unwrap(), server.unwrap());
                client.write_all(b"as it was").await.unwrap();
                assert_eq!(&server.recv().await.unwrap()[..], b"as it was");
                changes.set(true);
                client.write_all(b"changed").await.unwrap();
                for _ in 0..2 {
                    let error = server.recv().await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
                    assert_eq!(TlsError::from(error).kind(), TlsErrorKind::PeerMisbehaved);
                }
                let error = client.recv().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionAborted, "{error}");
                assert!(error.to_string().contains("BadRecordMac"), "{error}");
                drop((client, server));
                join!(forth, back).0.unwrap();
            }
        });
    });
}

#[test]
fn both_halves_write_and_read_at_the_same_time() {
    const BYTES: usize = 4 << 20;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (connector, acceptor) = ends(VERSIONS[1]);
            let (client, server) = tls_pair(&connector, &acceptor).await;
            let echo = spawn(async move {
                let (mut read, mut write) = server.into_split();
                loop {
                    let data = read.recv().await.unwrap();
                    if data.is_empty() {
                        return write.shutdown().await.unwrap();
                    }
                    write.write_all(&data).await.unwrap();
                }
            });
            let (mut read, mut write) = client.into_split();
            let writer = spawn(async move {
                let data: Vec<u8> = (0..BYTES).map(pattern).collect();
                write.write_all(&data).await.unwrap();
                write.shutdown().await.unwrap();
            });
            let mut at = 0;
            loop {
                let data = read.recv().await.unwrap();
                if data.is_empty() {
                    break;
                }
                assert!(data.iter().enumerate().all(|(index, &byte)| byte == pattern(at + index)));
                at += data.len();
            }
            assert_eq!(at, BYTES);
            writer.await.unwrap();
            echo.await.unwrap();
        });
    });
}

#[test]
fn a_hot_stream_carries_the_same() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (connector, acceptor) = ends(VERSIONS[1]);
            let (mut client, mut server) = tls_pair(&connector, &acceptor).await;
            Transport::set_hot(&mut client, true);
            server.set_hot(true);
            for round in 0..100 {
                client.write_all(&[round; 300]).await.unwrap();
                assert_eq!(server.recv().await.unwrap()[..], [round; 300]);
                server.write_all(&[round; 200]).await.unwrap();
                assert_eq!(client.recv().await.unwrap()[..], [round; 200]);
            }
        });
    });
}
