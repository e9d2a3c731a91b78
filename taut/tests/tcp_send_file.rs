//! Files to streams: all lengths, files that end too early, peers that go, futures that are
//! dropped.

mod common;

use std::future::Future;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use common::directory::Directory;
use common::{Random, block_on, connected_pair, on_each_driver};
use taut::fs::File;
use taut::net::TcpStream;

const MIB: u64 = 1 << 20;

/// A file of so many bytes that are not like each other, and the bytes.
fn file_of(directory: &Directory, bytes: u64) -> (PathBuf, Vec<u8>) {
    let path = directory.join(format!("{bytes}"));
    let contents = Random::new(bytes + 1).bytes(bytes as usize);
    std::fs::write(&path, &contents).unwrap();
    (path, contents)
}

async fn read_all(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

async fn sent(path: &Path, mut part: Range<u64>) -> Vec<u8> {
    let (mut client, server) = connected_pair().await;
    let path = path.to_owned();
    let sender = taut::spawn(async move {
        let file = File::open(path).await.unwrap();
        client.send_file(&file, &mut part).await.unwrap();
        assert!(part.is_empty());
        // What is written next comes behind.
        client.write_all(b"!").await.unwrap();
    });
    let mut all = read_all(server).await;
    sender.await.unwrap();
    assert_eq!(all.pop(), Some(b'!'));
    all
}

#[test]
fn every_part_of_a_file_arrives_as_it_is() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let (path, contents) = file_of(&directory, 10 * MIB);
            let parts = [
                0..0,
                5..5,
                0..1,
                4_095..4_097,
                0..10 * MIB,
                123..3 * MIB + 7,
                MIB - 1..2 * MIB + 1,
                10 * MIB - 1..10 * MIB,
                #[allow(clippy::reversed_empty_ranges, reason = "it is empty, as it says")]
                {
                    9..3
                },
            ];
            for part in parts {
                let expected = contents.get(part.start as usize..part.end as usize).unwrap_or(&[]);
                let arrived = sent(&path, part.clone()).await;
                assert!(arrived == expected, "{part:?}");
            }
        });
    });
}

#[test]
fn a_file_that_ends_before_the_part_says_where_and_the_rest_was_sent() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let (path, contents) = file_of(&directory, 2 * MIB + 5);
            let (mut client, server) = connected_pair().await;
            let reader = taut::spawn(read_all(server));
            let file = File::open(&path).await.unwrap();
            let mut part = 3..5 * MIB;
            let error = client.send_file(&file, &mut part).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            assert!(error.to_string().contains(&(2 * MIB + 5).to_string()), "{error}");
            assert_eq!(part, 2 * MIB + 5..5 * MIB);
            let error = client.send_file(&file, &mut part).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "it still ends there");
            drop(client);
            assert!(reader.await.unwrap() == contents[3..]);
        });
    });
}

#[test]
fn a_file_that_is_truncated_meanwhile_ends_the_call_and_the_count_is_right() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let (path, contents) = file_of(&directory, 32 * MIB);
            let (mut client, mut server) = connected_pair().await;
            let file = File::open(&path).await.unwrap();
            let sender = taut::spawn(async move {
                let mut part = 0..32 * MIB;
                let error = client.send_file(&file, &mut part).await.unwrap_err();
                (error.kind(), part)
            });
            // The sender waits for the peer in the middle of it.
            let mut all = vec![0; 100];
            server.read_exact(&mut all).await.unwrap();
            let writable = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            writable.set_len(MIB / 2).unwrap();
            server.read_to_end(&mut all).await.unwrap();
            let (kind, part) = sender.await.unwrap();
            assert_eq!(kind, ErrorKind::UnexpectedEof);
            assert_eq!((part.start, part.end), (all.len() as u64, 32 * MIB));
            // What had not left is read as zero, or not at all; what came first is the file's.
            assert!(all[..100] == contents[..100]);
        });
    });
}

#[test]
fn a_peer_that_is_gone_ends_the_call_and_not_the_process() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let (path, _) = file_of(&directory, 32 * MIB);
            let file = File::open(&path).await.unwrap();
            let send = async |mut client: TcpStream| {
                client.send_file(&file, &mut (0..32 * MIB)).await.unwrap_err().kind()
            };
            let gone = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];

            let (client, server) = connected_pair().await;
            server.close_reset().unwrap();
            assert!(gone.contains(&send(client).await), "gone before");

            let (client, mut server) = connected_pair().await;
            let go = async move {
                server.read_exact(&mut vec![0; 1 << 16]).await.unwrap();
                server.close_reset().unwrap();
            };
            let (kind, ()) = futures_util::join!(send(client), go);
            assert!(gone.contains(&kind), "gone meanwhile");
        });
    });
}

#[test]
fn what_has_no_pages_is_refused() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, _server) = connected_pair().await;
            let directory = File::open("/proc/self").await.unwrap();
            assert!(client.send_file(&directory, &mut (0..1)).await.is_err());
        });
    });
}

/// Polls a future so many times, with the loop turning in between, and drops it.
async fn polled(future: impl Future<Output = std::io::Result<()>>, count: u32) -> bool {
    let mut future = std::pin::pin!(future);
    for _ in 0..count {
        if let std::task::Poll::Ready(result) = futures_util::poll!(&mut future) {
            result.unwrap();
            return true;
        }
        common::turns(1).await;
    }
    false
}

#[test]
fn dropped_at_each_await_and_called_again_nothing_is_lost_or_sent_twice() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let (path, contents) = file_of(&directory, 9 * MIB + 321);
            let (mut client, server) = connected_pair().await;
            let reader = taut::spawn(read_all(server));
            let file = File::open(&path).await.unwrap();
            let mut part = 0..contents.len() as u64;
            let mut polls = 1;
            while !polled(client.send_file(&file, &mut part), polls).await {
                // From a single poll, of which nothing can come, to all that one needs.
                polls = polls % 200 + 1;
            }
            drop(client);
            assert!(reader.await.unwrap() == contents);
        });
    });
}
