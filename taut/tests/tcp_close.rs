//! The end of a connection, half or whole, orderly or by reset, is told as what it was.

mod common;

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;

use common::{
    Random, block_on, connected_pair, in_time, on_each_driver, on_each_driver_and_wait, turns,
};
use futures_util::poll;
use rustix::event::{PollFd, PollFlags, Timespec};
use taut::net::TcpStream;

/// One read, by the way of this number.
async fn read_by(way: usize, stream: &mut TcpStream) -> io::Result<usize> {
    match way {
        0 => stream.recv().await.map(|bytes| bytes.len()),
        1 => stream.read(&mut [0; 64]).await,
        2 => stream.recv_into(Vec::with_capacity(64)).await.0,
        3 => stream.read_to_end(&mut Vec::new()).await,
        _ => match stream.read_exact(&mut [0; 64]).await {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            outcome => outcome.map(|()| 64),
        },
    }
}
const WAYS: usize = 5;

/// Writes until it fails, which the reset of the peer makes happen; any other end is a hang.
async fn write_until_error(stream: &mut TcpStream, way: usize) -> io::Error {
    loop {
        let outcome = match way {
            0 => stream.write(b"x").await.map(drop),
            1 => stream.write_vectored(&[IoSlice::new(b"x")]).await.map(drop),
            _ => stream.send(vec![b'x'; 100_000]).await,
        };
        if let Err(error) = outcome {
            return error;
        }
        turns(1).await;
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

/// Lets a write on a broken connection kill the process, as it does unless the library forbids it.
fn let_broken_pipes_kill() {
    // SAFETY: restores the disposition that a process starts with; no handler is installed.
    let before = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_ne!(before, libc::SIG_ERR);
}

#[test]
fn after_the_client_ends_writing_the_server_still_sends() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for way in 0..WAYS {
                let (mut client, mut server) = connected_pair().await;
                client.write_all(b"question").await.unwrap();
                client.shutdown(Shutdown::Write).await.unwrap();
                let mut question = Vec::new();
                server.read_to_end(&mut question).await.unwrap();
                assert_eq!(question, b"question", "what came before the end is delivered");
                for _ in 0..5 {
                    assert_eq!(read_by(way, &mut server).await.unwrap(), 0, "the end stays");
                }
                server.write_all(b"answer").await.unwrap();
                let mut answer = [0; 6];
                client.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"answer");
                assert!(is_gone(&client.write(b"x").await.unwrap_err()));
            }
        });
    });
}

#[test]
fn after_the_server_ends_writing_the_client_still_sends() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            server.shutdown(Shutdown::Write).await.unwrap();
            assert!(client.recv().await.unwrap().is_empty());
            let sent = Random::new(2).bytes(3 << 20);
            let copy = sent.clone();
            let writer = taut::spawn(async move {
                client.write_all(&copy).await.unwrap();
                client.shutdown(Shutdown::Write).await.unwrap();
                client
            });
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            assert!(got == sent, "the bytes differ");
            assert!(writer.await.unwrap().recv().await.unwrap().is_empty());
        });
    });
}

#[test]
fn ending_the_reading_direction_ends_a_read_that_waits() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            assert!(poll!(Box::pin(server.recv())).is_pending());
            server.shutdown(Shutdown::Read).await.unwrap();
            assert!(server.recv().await.unwrap().is_empty());
            server.write_all(b"still writes").await.unwrap();
            assert_eq!(&client.recv().await.unwrap()[..], b"still writes");
        });
    });
}

#[test]
fn all_data_before_the_end_is_delivered_even_when_it_was_not_read_in_time() {
    on_each_driver(|builder| {
        let builder = builder.receive_buffer_bytes(100).receive_window_buffers(3);
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            let sent = Random::new(3).bytes(20_000);
            assert!(poll!(Box::pin(server.recv())).is_pending());
            client.write_all(&sent).await.unwrap();
            drop(client);
            turns(20).await;
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            assert!(got == sent, "{} of {} bytes", got.len(), sent.len());
        });
    });
}

#[test]
fn a_reset_is_told_once_and_then_the_end_whatever_the_way_to_read() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for way in 0..WAYS {
                // With a receive under way, and without.
                for waiting in [false, true] {
                    let (client, mut server) = connected_pair().await;
                    if waiting {
                        let read = Box::pin(read_by(way, &mut server));
                        assert!(poll!(read).is_pending());
                    }
                    client.close_reset().unwrap();
                    let error = read_by(way, &mut server).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "way {way}");
                    for after in 0..WAYS {
                        assert_eq!(read_by(after, &mut server).await.unwrap(), 0);
                    }
                }
            }
        });
    });
}

#[test]
fn a_reset_wakes_a_reader_that_waits_in_another_task() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for way in 0..WAYS {
                let (client, mut server) = connected_pair().await;
                let reader = taut::spawn(async move { read_by(way, &mut server).await });
                turns(1).await;
                client.close_reset().unwrap();
                let error = reader.await.unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        });
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_fails_and_raises_no_signal() {
    let_broken_pipes_kill();
    on_each_driver(|builder| {
        for zero_copy in [None, Some(1)] {
            block_on(builder.clone().zero_copy_send_bytes_min(zero_copy), async {
                for way in 0..3 {
                    let (client, mut server) = connected_pair().await;
                    client.close_reset().unwrap();
                    assert!(is_gone(&write_until_error(&mut server, way).await));
                    let again = write_until_error(&mut server, way).await;
                    assert_eq!(again.kind(), ErrorKind::BrokenPipe);
                }
            });
        }
    });
}

#[test]
fn a_reset_ends_a_write_and_a_send_that_wait_for_room() {
    let_broken_pipes_kill();
    on_each_driver_and_wait(|builder| {
        for zero_copy in [None, Some(1)] {
            block_on(builder.clone().zero_copy_send_bytes_min(zero_copy), async {
                for by_send in [false, true] {
                    let (client, mut server) = connected_pair().await;
                    let writer = taut::spawn(async move {
                        let much = vec![7; 64 << 20];
                        match by_send {
                            true => server.send(much).await,
                            false => server.write_all(&much).await,
                        }
                    });
                    turns(20).await;
                    assert!(!writer.is_finished());
                    client.close_reset().unwrap();
                    assert!(is_gone(&writer.await.unwrap().unwrap_err()));
                }
            });
        }
    });
}

#[test]
fn close_reset_reaches_the_peer_also_while_a_send_is_under_way() {
    on_each_driver(|builder| {
        for zero_copy in [None, Some(1)] {
            eprintln!("  zero copy from {zero_copy:?}");
            block_on(builder.clone().zero_copy_send_bytes_min(zero_copy), async {
                let (mut client, server) = connected_pair().await;
                // More than the kernels buffer: the peer does not read.
                let send = Box::pin(client.send(vec![7; 64 << 20]));
                assert!(poll!(send).is_pending());
                turns(20).await;
                client.close_reset().unwrap();
                loop {
                    let mut ends = [PollFd::new(&server, PollFlags::empty())];
                    rustix::event::poll(&mut ends, Some(&Timespec::default())).unwrap();
                    if ends[0].revents().contains(PollFlags::HUP) {
                        break;
                    }
                    turns(1).await;
                }
            });
        }
    });
}

#[test]
fn a_stream_dropped_with_a_read_under_way_ends_for_its_peer() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for way in 0..WAYS {
                let (mut client, mut server) = connected_pair().await;
                assert!(poll!(Box::pin(read_by(way, &mut server))).is_pending());
                drop(server);
                assert!(client.recv().await.unwrap().is_empty());
            }
        });
    });
}

#[test]
fn a_stream_dropped_at_the_end_of_block_on_is_closed_when_it_returns() {
    on_each_driver(|builder| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = builder.build().unwrap();
        runtime.block_on(in_time(async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"bye").await.unwrap();
            // A receive is under way.
            assert!(poll!(Box::pin(stream.recv())).is_pending());
            turns(5).await;
        }));
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        let mut got = Vec::new();
        std::io::Read::read_to_end(&mut peer, &mut got).expect("the end does not come");
        assert_eq!(got, b"bye");
        drop(runtime);
    });
}
