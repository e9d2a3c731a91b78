//! TLS futures that are dropped or cancelled at each of their polls: nothing is lost, nothing is
//! left behind.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use common::every_poll::{How, stopped_after};
use common::tls::{NAME, VERSIONS, ends, tls_pair};
use common::{block_on, connected_pair, on_each_driver, poll_then_drop, turns};
use futures_util::FutureExt;
use taut::spawn;

#[test]
fn a_handshake_that_is_stopped_anywhere_closes_its_connection() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (connector, acceptor) = ends(VERSIONS[1]);
            for how in [How::Cancel, How::Abort, How::Drop] {
                for polls in 0.. {
                    let (client, server) = connected_pair().await;
                    let server = spawn({
                        let accept = acceptor.accept(server);
                        async move {
                            // Either it came to a connection that then ends, or it did not.
                            if let Ok(mut stream) = accept.await {
                                drop(stream.recv().await);
                            }
                        }
                    });
                    let connect = connector.connect(NAME, client);
                    let script = async move {
                        drop(connect.await?);
                        Ok(())
                    };
                    let ended = stopped_after(script, polls, how).await;
                    server.await.unwrap();
                    if ended.is_some() {
                        assert!(polls > 1, "there is more than one poll to stop it at");
                        break;
                    }
                }
            }
        });
    });
}

#[test]
fn dropped_reads_lose_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                let (mut client, mut server) = tls_pair(&connector, &acceptor).await;
                let writer = spawn(async move {
                    for number in 0..200_u32 {
                        server
                            .write_all(&number.to_be_bytes().repeat(1 + 20 * number as usize))
                            .await?;
                        turns(u64::from(number % 3)).await;
                    }
                    server.shutdown().await?;
                    Ok::<_, std::io::Error>(server)
                });
                let mut read = Vec::new();
                for round in 0.. {
                    // A read is looked at once; what it had is kept, what it had not is not lost.
                    poll_then_drop(async {}, round % 2).await;
                    if let Some(data) = client.recv().now_or_never() {
                        let data = data.unwrap();
                        if data.is_empty() {
                            break;
                        }
                        read.extend_from_slice(&data);
                    }
                    taut::yield_now().await;
                }
                let expected: Vec<u8> = (0..200_u32)
                    .flat_map(|number| number.to_be_bytes().repeat(1 + 20 * number as usize))
                    .collect();
                assert!(read == expected);
                writer.await.unwrap().unwrap();
            }
        });
    });
}

/// A write that is dropped while the peer does not read has written whole records: those before
/// are read, and those after.
#[test]
fn a_dropped_write_leaves_a_stream_that_goes_on() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                let (mut client, mut server) = tls_pair(&connector, &acceptor).await;
                let megabytes = vec![1; 8 << 20];
                poll_then_drop(client.write_all(&megabytes), 3).await;
                let read = Rc::new(RefCell::new(Vec::new()));
                let reader = spawn({
                    let read = Rc::clone(&read);
                    async move {
                        loop {
                            let data = server.recv().await.unwrap();
                            if data.is_empty() {
                                return;
                            }
                            read.borrow_mut().extend_from_slice(&data);
                        }
                    }
                });
                client.write_all(b"end").await.unwrap();
                client.shutdown().await.unwrap();
                reader.await.unwrap();
                let read = read.borrow();
                let (before, end) = read.split_at(read.len() - 3);
                assert_eq!(end, b"end");
                assert!(!before.is_empty() && before.len() < megabytes.len());
                assert!(before.iter().all(|&byte| byte == 1));
            }
        });
    });
}
