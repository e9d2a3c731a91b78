//! Unix streams do what TCP streams do: over paths and abstract names, hot, in halves, between
//! cores; and a full queue of a listener makes who connects wait.

mod common;

use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::pin::pin;

use common::directory::Directory;
use common::{Random, block_on, on_each_driver, on_each_driver_and_wait, poll_then_drop, turns};
use futures_util::{AsyncReadExt, AsyncWriteExt, poll};
use taut::net::framing::{FrameReader, Lines};
use taut::net::{Detached, OwnedReadHalf, UnixBind, UnixFdStream, UnixListener, UnixStream};
use taut::{is_cancelled, spawn};

const SEED: u64 = 0x5EED_0117;

/// An abstract name that no other test of any process has.
fn abstract_name(test: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(format!("taut-{test}-{}", std::process::id())).unwrap()
}

async fn echo(mut stream: UnixStream) -> std::io::Result<()> {
    loop {
        let message = stream.recv().await?;
        if message.is_empty() {
            return Ok(());
        }
        stream.send(message).await?;
    }
}

async fn exchange(mut client: UnixStream, messages: usize, longest: usize) {
    let mut random = Random::new(SEED);
    for _ in 0..messages {
        let length = 1 + random.below(longest);
        let message = random.bytes(length);
        let mut answer = vec![0; length];
        client.write_all(&message).await.unwrap();
        client.read_exact(&mut answer).await.unwrap();
        assert!(answer == message, "seed {SEED:#x}");
    }
    client.shutdown(Shutdown::Write).await.unwrap();
    assert!(client.recv().await.unwrap().is_empty());
}

#[test]
fn streams_echo_over_paths_and_abstract_names() {
    on_each_driver_and_wait(|builder| {
        let directory = Directory::new();
        let path = directory.join("echo");
        let named = SocketAddr::from_pathname(&path).unwrap();
        for address in [named, abstract_name("echo")] {
            block_on(builder.clone(), async {
                let listener = UnixListener::bind(&address).unwrap();
                let client = UnixStream::connect(&address).await.unwrap();
                let server = listener.accept().await.unwrap();
                assert_eq!(format!("{:?}", client.peer_addr().unwrap()), format!("{address:?}"));
                assert_eq!(format!("{:?}", server.local_addr().unwrap()), format!("{address:?}"));
                assert!(server.peer_addr().unwrap().is_unnamed());
                let server = spawn(echo(server));
                exchange(client, 200, 100_000).await;
                server.await.unwrap().unwrap();
            });
        }
    });
}

#[test]
fn a_pair_is_hot_where_it_is_asked_to_be() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut one, mut other) = UnixStream::pair().unwrap();
            one.set_hot(true);
            other.set_hot(true);
            let server = spawn(echo(other));
            exchange(one, 300, 3000).await;
            server.await.unwrap().unwrap();
        });
    });
}

#[test]
fn halves_and_the_traits_of_others_move_the_same_bytes() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (one, mut other) = UnixStream::pair().unwrap();
            let (read, mut write): (OwnedReadHalf<taut::net::Unix>, _) = one.into_split();
            AsyncWriteExt::write_all(&mut write, b"by futures").await.unwrap();
            let mut bytes = [0; 10];
            tokio::io::AsyncReadExt::read_exact(&mut other, &mut bytes).await.unwrap();
            assert_eq!(&bytes, b"by futures");
            let one = read.reunite(write).unwrap();
            let (_, others_write) = UnixStream::pair().unwrap().0.into_split();
            let (read, write) = one.into_split();
            assert!(read.reunite(others_write).is_err(), "two connections make no stream");
            drop(write);
            let mut rest = Vec::new();
            assert_eq!(AsyncReadExt::read_to_end(&mut other, &mut rest).await.unwrap(), 0);
        });
    });
}

#[test]
fn frames_are_read_off_a_unix_stream() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut one, other) = UnixStream::pair().unwrap();
            one.write_all(b"8=FIX.4.4\n35=").await.unwrap();
            one.write_all(b"A\n").await.unwrap();
            let mut lines = FrameReader::new(other, Lines);
            for line in [&b"8=FIX.4.4"[..], b"35=A"] {
                assert_eq!(&lines.next().await.unwrap().unwrap()[..], line);
            }
        });
    });
}

#[test]
fn a_connection_moves_to_another_core_with_what_was_not_read() {
    on_each_driver(|builder| {
        let there = builder.clone();
        block_on(builder, async move {
            let (mut one, mut other) = UnixStream::pair().unwrap();
            one.write_all(b"logon, order").await.unwrap();
            other.read_exact(&mut [0; 7]).await.unwrap();
            let detached: Detached<_> = other.detach().await.unwrap();
            let thread = std::thread::spawn(move || {
                block_on(there, async move {
                    let mut stream = UnixStream::attach(detached);
                    let mut rest = [0; 5];
                    stream.read_exact(&mut rest).await.unwrap();
                    stream.detach().await.unwrap().into_std().map(|stream| (stream, rest))
                })
            });
            let (mut blocking, rest) = thread.join().unwrap().unwrap();
            assert_eq!(&rest, b"order");
            std::io::Write::write_all(&mut blocking, b"done").unwrap();
            assert_eq!(&one.recv().await.unwrap()[..], b"done");
            UnixStream::from_std(blocking).unwrap().write_all(b"again").await.unwrap();
            assert_eq!(&one.recv().await.unwrap()[..], b"again");
        });
    });
}

#[test]
fn who_connects_to_a_full_queue_waits_until_somebody_accepts() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let address = abstract_name("full");
            let listener = UnixBind::new(&address).unwrap().backlog(0).listen().unwrap();
            let mut first = UnixStream::connect(&address).await.unwrap();
            // Given up at every point, and with the task, none of them has connected.
            for turns_between in 0..3 {
                poll_then_drop(UnixStream::connect(&address), turns_between).await;
            }
            let task = spawn(UnixStream::connect(abstract_name("full")));
            turns(3).await;
            task.cancel();
            assert!(is_cancelled(&task.await.unwrap().unwrap_err()));

            let mut second = pin!(UnixFdStream::connect(&address));
            assert!(poll!(&mut second).is_pending());
            turns(3).await;
            let mut accepted = listener.accept().await.unwrap();
            let mut second = second.await.unwrap();
            first.write_all(b"first").await.unwrap();
            second.write_all(b"second").await.unwrap();
            assert_eq!(&accepted.recv().await.unwrap()[..], b"first");
            let mut accepted = listener.accept().await.unwrap();
            assert_eq!(&accepted.recv().await.unwrap()[..], b"second");
        });
    });
}

#[test]
fn nobody_there_is_an_error_and_so_is_a_cancelled_task() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let error = UnixStream::connect(directory.join("nobody")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let error = UnixStream::connect(abstract_name("nobody")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let error = UnixStream::connect("x".repeat(108)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let task = spawn(async {
                let (mut one, _other) = UnixStream::pair().unwrap();
                let error = one.recv().await.unwrap_err();
                let refused = UnixStream::connect(abstract_name("nobody")).await.unwrap_err();
                is_cancelled(&error) && is_cancelled(&refused)
            });
            turns(3).await;
            task.cancel();
            assert!(task.await.unwrap());
        });
    });
}

#[test]
fn a_peer_is_this_process_in_its_credentials_and_by_its_pidfd() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let address = abstract_name("peer");
            let listener = UnixListener::bind(&address).unwrap();
            let client = UnixStream::connect(&address).await.unwrap();
            let server = listener.accept_fd_stream().await.unwrap();
            let user = rustix::process::geteuid().as_raw();
            let group = rustix::process::getegid().as_raw();
            for peer in [client.peer_credentials().unwrap(), server.peer_credentials().unwrap()] {
                assert_eq!((peer.pid, peer.uid), (Some(std::process::id()), user));
                assert_eq!(peer.gid, group);
            }
            match server.peer_pidfd() {
                Ok(pidfd) => {
                    use std::os::fd::AsRawFd;
                    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
                    let about = std::fs::read_to_string(path).unwrap();
                    assert!(about.contains(&format!("Pid:\t{}", std::process::id())), "{about}");
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
            }
        });
    });
}
