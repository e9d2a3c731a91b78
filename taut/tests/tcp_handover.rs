//! A connection that goes on on another core: no byte lost, none doubled, in order, both ways.

mod common;

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::LazyLock;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use common::cores::small;
use common::other_cores::on_thread;
use common::{Random, block_on, connected_pair, in_time, on_each_driver, poll_then_drop, turns};
use futures_util::poll;
use taut::cores::{Mesh, mesh};
use taut::net::{Detached, TcpStream};
use taut::time::{sleep, timeout};
use taut::{is_cancelled, spawn};

/// Bytes of each direction.
const BYTES: usize = 1 << 20;
const SEED: u64 = 5;

/// The byte at each place of a direction, so that one that is lost or doubled shows.
fn pattern(direction: usize) -> &'static [u8] {
    static PATTERNS: LazyLock<[Vec<u8>; 2]> =
        LazyLock::new(|| [SEED, SEED + 1].map(|seed| Random::new(seed).bytes(BYTES)));
    &PATTERNS[direction]
}

/// A peer that knows nothing of cores: sends one direction and checks the other, at the same time.
fn peer(stream: std::net::TcpStream) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut writing = stream.try_clone().unwrap();
        let writer = thread::spawn(move || {
            let (bytes, mut random) = (pattern(0), Random::new(77));
            let mut rest = bytes;
            while !rest.is_empty() {
                let (part, later) = rest.split_at(rest.len().min(1 + random.below(2000)));
                writing.write_all(part).unwrap();
                rest = later;
            }
            writing.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        (&stream).read_to_end(&mut received).unwrap();
        assert!(received == pattern(1), "the bytes towards the peer differ");
        writer.join().unwrap();
    })
}

/// How far each direction of a connection that wanders is.
#[derive(Default)]
struct Progress {
    received: usize,
    sent: usize,
    turns: u32,
}

/// Reads and writes for a while on this core; whether both directions have ended.
async fn stay(progress: &mut Progress, stream: &mut TcpStream, random: &mut Random) -> bool {
    let (incoming, outgoing) = (pattern(0), pattern(1));
    let mut ended = false;
    for _ in 0..1 + random.below(4) {
        if random.below(4) == 0 {
            stream.set_hot(random.below(2) == 0);
        }
        if random.below(2) == 0 && progress.sent < BYTES {
            let count = (1 + random.below(3000)).min(BYTES - progress.sent);
            let bytes = &outgoing[progress.sent..][..count];
            if random.below(3) == 0 {
                // Given up while the kernel may be at it: the detach has to wait for the end of it.
                let mut send = Box::pin(stream.send(bytes.to_vec()));
                let _ = poll!(&mut send);
            } else {
                stream.write_all(bytes).await.unwrap();
            }
            progress.sent += count;
        }
        let mut take = |bytes: &[u8]| {
            assert!(bytes == &incoming[progress.received..][..bytes.len()], "bytes differ");
            progress.received += bytes.len();
            ended |= bytes.is_empty();
        };
        match random.below(4) {
            0 => {
                let mut to = vec![0; 1 + random.below(700)];
                let count = stream.read(&mut to).await.unwrap();
                take(&to[..count]);
            }
            1 => {
                let (count, buffer) = stream.recv_into(Vec::with_capacity(500)).await;
                assert_eq!(count.unwrap(), buffer.len());
                take(&buffer);
            }
            // A receive that is given up: what it brings is still there for the next core.
            2 => {
                let mut receive = Box::pin(stream.recv());
                if let Poll::Ready(bytes) = poll!(&mut receive) {
                    take(&bytes.unwrap());
                } else {
                    turns(random.below(2) as u64).await;
                }
            }
            _ => take(&stream.recv().await.unwrap()),
        }
    }
    ended
}

/// Attaches the connection, stays with it, passes it on; on both cores, until it has ended. How
/// often it has changed its core, where it ended here.
async fn live(mut mesh: Mesh<(Progress, Detached)>) -> u32 {
    let mut random = Random::new(SEED * 31 + mesh.index() as u64);
    while let Ok((other, (mut progress, connection))) = mesh.recv().await {
        let mut stream = TcpStream::attach(connection);
        progress.turns += 1;
        if stay(&mut progress, &mut stream, &mut random).await {
            assert_eq!(progress.received, BYTES);
            stream.write_all(&pattern(1)[progress.sent..]).await.unwrap();
            return progress.turns;
        }
        let connection = stream.detach().await.unwrap();
        mesh.send_to(other, (progress, connection)).await.unwrap();
    }
    0
}

#[test]
fn a_connection_wanders_between_two_cores_in_the_middle_of_its_bytes() {
    on_each_driver(|builder| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let peer = peer(client);
        let [mut own, other] = <[_; 2]>::try_from(mesh(2, 1)).unwrap();
        let connection = Detached::from_std(server).unwrap();
        // Small pieces, so that there are many places to change in.
        let builder = small(builder).receive_buffer_bytes(512);
        let there = builder.clone();
        let there = thread::spawn(|| block_on(there, live(other)));
        let here = block_on(builder, async move {
            own.send_to(1, (Progress::default(), connection)).await.unwrap();
            live(own).await
        });
        let turns = here + there.join().unwrap();
        assert!(turns >= 200, "the connection changed its core {turns} times only");
        peer.join().unwrap();
    });
}

/// Sends a connection to a runtime on another thread and gives what a body does with it there.
async fn elsewhere<R, F>(
    builder: &taut::Builder,
    connection: Detached,
    body: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> R
where
    F: Future<Output = R>,
    R: Send + 'static,
{
    let thread = on_thread(builder, || body(TcpStream::attach(connection)));
    taut::off_core(move || thread.join().unwrap()).await.unwrap()
}

#[test]
fn bytes_that_were_received_and_not_read_come_first() {
    on_each_driver(|builder| {
        block_on(small(builder.clone()), async {
            let (mut client, mut server) = connected_pair().await;
            client.write_all(b"read here, ").await.unwrap();
            assert_eq!(server.read(&mut [0; 6]).await.unwrap(), 6);
            // Received in the background, where the driver does that.
            client.write_all(b"in the background, ").await.unwrap();
            turns(3).await;
            let detached = server.detach().await.unwrap();
            client.write_all(b"and later").await.unwrap();
            drop(client);
            let rest = elsewhere(&builder, detached, async |mut stream| {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.unwrap();
                rest
            });
            assert_eq!(rest.await, b"ere, in the background, and later");
        });
    });
}

#[test]
fn an_end_that_was_received_is_carried() {
    on_each_driver(|builder| {
        block_on(small(builder.clone()), async {
            for received_here in [false, true] {
                let (mut client, mut server) = connected_pair().await;
                if received_here {
                    // Where the driver receives in the background, this begins it.
                    poll_then_drop(server.recv(), 2).await;
                }
                client.write_all(b"last").await.unwrap();
                client.shutdown(Shutdown::Write).await.unwrap();
                turns(5).await;
                let detached = server.detach().await.unwrap();
                let sent = elsewhere(&builder, detached, async |mut stream| {
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).await.unwrap();
                    assert!(stream.recv().await.unwrap().is_empty());
                    stream.write_all(b"answer").await.unwrap();
                    all
                });
                assert_eq!(sent.await, b"last");
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await.unwrap();
                assert_eq!(answer, b"answer");
            }
        });
    });
}

#[test]
fn a_reset_is_told_once_and_where_it_is_read() {
    on_each_driver(|builder| {
        block_on(small(builder.clone()), async {
            for received_here in [false, true] {
                let (client, mut server) = connected_pair().await;
                if received_here {
                    poll_then_drop(server.recv(), 2).await;
                }
                client.close_reset().unwrap();
                turns(3).await;
                let detached = server.detach().await.unwrap();
                let told = elsewhere(&builder, detached, async |mut stream| {
                    let first = stream.recv().await.map(|bytes| bytes.len());
                    let second = stream.recv().await.unwrap().len();
                    (first.unwrap_err().kind(), second)
                });
                assert_eq!(told.await, (io::ErrorKind::ConnectionReset, 0));
            }
        });
    });
}

#[test]
fn a_send_that_was_given_up_is_finished_first() {
    on_each_driver(|builder| {
        block_on(small(builder.clone()), async {
            let (mut client, mut server) = connected_pair().await;
            let sent = Random::new(SEED).bytes(8 << 20);
            {
                let mut send = Box::pin(server.send(sent.clone()));
                assert!(poll!(&mut send).is_pending(), "more than the buffers of the kernel");
            }
            let mut detach = Box::pin(server.detach());
            assert!(poll!(&mut detach).is_pending());
            let reader = spawn(async move {
                let mut got = vec![0; 8 << 20];
                client.read_exact(&mut got).await.unwrap();
                (client, got)
            });
            let detached = in_time(detach).await.unwrap();
            let last = elsewhere(&builder, detached, async |mut stream| {
                stream.write_all(b"last").await.unwrap();
            });
            last.await;
            let (mut client, got) = reader.await.unwrap();
            assert!(got == sent);
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"last");
        });
    });
}

#[test]
fn a_failed_send_fails_the_detach_which_gives_the_stream_back() {
    on_each_driver(|builder| {
        block_on(small(builder), async {
            let (client, mut server) = connected_pair().await;
            {
                let mut send = Box::pin(server.send(vec![7; 8 << 20]));
                assert!(poll!(&mut send).is_pending());
            }
            client.close_reset().unwrap();
            let failed = in_time(server.detach()).await.unwrap_err();
            let kind = failed.error().kind();
            assert!(matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe));
            let server = failed.into_stream().unwrap();
            // Told once; what is left can be taken along.
            assert!(server.detach().await.is_ok());
        });
    });
}

#[test]
fn a_cancelled_detach_gives_the_stream_back_and_quiesce_loses_nothing() {
    on_each_driver(|builder| {
        block_on(small(builder), async {
            let (mut client, mut server) = connected_pair().await;
            {
                let mut send = Box::pin(server.send(vec![7; 8 << 20]));
                assert!(poll!(&mut send).is_pending());
            }
            // Given up again and again, the stream goes on.
            for count in 0..5 {
                poll_then_drop(server.quiesce(), count).await;
                client.write_all(b"x").await.unwrap();
                assert_eq!(&*server.recv().await.unwrap(), b"x");
            }
            let detaching = spawn(server.detach());
            turns(2).await;
            detaching.cancel();
            let error = detaching.await.unwrap().unwrap_err();
            assert!(is_cancelled(&error));
            let mut server = error.into_stream().unwrap();
            client.write_all(b"y").await.unwrap();
            assert_eq!(&*server.recv().await.unwrap(), b"y");
            let reader = spawn(async move {
                client.read_exact(&mut vec![0; 8 << 20]).await.unwrap();
                client
            });
            server.quiesce().await.unwrap();
            let mut client = reader.await.unwrap();
            // Nothing to wait for: the detach is done by its first poll.
            let detached = match poll!(Box::pin(server.detach())) {
                Poll::Ready(detached) => detached.unwrap(),
                Poll::Pending => panic!("a quiet stream makes a detach wait"),
            };
            client.write_all(b"z").await.unwrap();
            let mut server = TcpStream::attach(detached);
            assert_eq!(&*server.recv().await.unwrap(), b"z");
        });
    });
}

#[test]
fn a_detach_that_is_dropped_and_a_connection_that_nobody_attaches_are_closed() {
    on_each_driver(|builder| {
        block_on(small(builder), async {
            let (mut client, mut server) = connected_pair().await;
            poll_then_drop(server.recv(), 2).await;
            let mut detach = Box::pin(server.detach());
            let waits = poll!(&mut detach).is_pending();
            drop(detach);
            assert_eq!(in_time(client.recv()).await.unwrap().len(), 0, "waited: {waits}");

            let (mut client, server) = connected_pair().await;
            let detached = server.detach().await.unwrap();
            let silent = timeout(Duration::from_millis(2), client.recv()).await;
            assert!(silent.is_err(), "the connection stays open on its way");
            drop(detached);
            assert_eq!(in_time(client.recv()).await.unwrap().len(), 0);
        });
    });
}

#[test]
fn a_hot_stream_stays_hot_and_options_stay_as_they_are() {
    on_each_driver(|builder| {
        block_on(small(builder.clone()), async {
            let (mut client, mut server) = connected_pair().await;
            server.set_nodelay(false).unwrap();
            server.set_hot(true);
            client.write_all(b"one").await.unwrap();
            assert_eq!(&*server.recv().await.unwrap(), b"one");
            let number = server.as_raw_fd();
            let detached = server.detach().await.unwrap();
            assert!(detached.is_hot());
            assert_eq!(detached.as_raw_fd(), number, "the very same descriptor");
            assert_eq!(detached.peer_addr().unwrap(), client.local_addr().unwrap());
            let echo = spawn(async move {
                client.write_all(b"two").await.unwrap();
                client.recv().await.unwrap()
            });
            let options = elsewhere(&builder, detached, async |mut stream| {
                assert_eq!(&*stream.recv().await.unwrap(), b"two");
                stream.write_all(b"back").await.unwrap();
                stream.nodelay().unwrap()
            });
            assert!(!options.await);
            assert_eq!(&*echo.await.unwrap(), b"back");
        });
    });
}

#[test]
fn the_core_that_a_connection_has_left_is_not_woken_by_it() {
    const MESSAGES: u64 = 200;
    on_each_driver(|builder| {
        block_on(small(builder.clone()), async {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut server = TcpStream::from_std(listener.accept().unwrap().0).unwrap();
            client.write_all(b"x").unwrap();
            assert_eq!(server.recv().await.unwrap().len(), 1);
            let detached = server.detach().await.unwrap();
            turns(3).await;
            let before = taut::counters().completions;
            let exchange = thread::spawn(move || {
                for _ in 0..MESSAGES {
                    client.write_all(b"x").unwrap();
                    client.read_exact(&mut [0]).unwrap();
                }
            });
            elsewhere(&builder, detached, async |mut stream| {
                for _ in 0..MESSAGES {
                    let message = stream.recv().await.unwrap();
                    stream.write_all(&message).await.unwrap();
                }
            })
            .await;
            // A few are of the wait for the other core itself.
            let completions = taut::counters().completions - before;
            assert!(completions < MESSAGES / 10, "{completions} events came to the old core");
            exchange.join().unwrap();
        });
    });
}

#[test]
fn halves_are_reunited_and_go() {
    on_each_driver(|builder| {
        block_on(small(builder.clone()), async {
            let (mut client, server) = connected_pair().await;
            let (read, mut write) = server.into_split();
            write.write_all(b"before").await.unwrap();
            let detached = read.reunite(write).unwrap().detach().await.unwrap();
            elsewhere(&builder, detached, async |mut stream| {
                stream.write_all(b" and after").await.unwrap();
            })
            .await;
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, b"before and after");
        });
    });
}

#[test]
fn the_standard_librarys_stream_comes_out_where_nothing_is_carried() {
    on_each_driver(|builder| {
        block_on(small(builder), async {
            let (mut client, mut server) = connected_pair().await;
            client.write_all(b"12").await.unwrap();
            assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 1);
            let detached = server.detach().await.unwrap();
            let carries = !detached.unread().is_empty();
            let mut plain = match detached.into_std() {
                Ok(plain) => {
                    assert!(!carries);
                    plain
                }
                Err(detached) => {
                    assert_eq!(detached.unread(), b"2");
                    let mut server = TcpStream::attach(detached);
                    assert_eq!(&*server.recv().await.unwrap(), b"2");
                    server.detach().await.unwrap().into_std().unwrap()
                }
            };
            plain.write_all(b"blocking").unwrap();
            assert_eq!(&*client.recv().await.unwrap(), b"blocking");
            sleep(Duration::ZERO).await.unwrap();
        });
    });
}
