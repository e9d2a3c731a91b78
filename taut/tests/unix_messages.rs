//! Datagrams and seqpackets: whole, in order, with their sender; what is cut is told, and nothing
//! is taken for an end that is none.

mod common;

use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::pin::pin;

use common::allocations::{Counting, in_steady_state};
use common::directory::Directory;
use common::{Random, block_on, on_each_driver, on_each_driver_and_wait, poll_then_drop, turns};
use futures_util::poll;
use taut::net::{UnixDatagram, UnixFdStream, UnixSeqpacket, UnixSeqpacketListener, UnixStream};
use taut::{is_cancelled, spawn};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SEED: u64 = 0xDA7A;

#[test]
fn datagrams_of_every_size_arrive_whole_and_in_order() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (one, other) = UnixDatagram::pair().unwrap();
            let sender = spawn(async move {
                let mut random = Random::new(SEED);
                for size in [0, 1, 64, 1500, 32_768, 0, 100_000, 150_000] {
                    one.send(&random.bytes(size)).await.unwrap();
                }
                one
            });
            let mut random = Random::new(SEED);
            let mut to = vec![0; 200_000];
            for size in [0, 1, 64, 1500, 32_768] {
                let message = other.recv().await.unwrap();
                assert_eq!((message.length, message.is_truncated()), (size, false));
                assert!(message.bytes[..] == random.bytes(size), "seed {SEED:#x}");
                assert!(message.sender.is_unnamed() && message.credentials.is_none());
            }
            for size in [0, 100_000, 150_000] {
                let message = other.recv_to(&mut to).await.unwrap();
                assert_eq!((message.length, message.is_truncated()), (size, false));
                assert!(*message.bytes == random.bytes(size), "seed {SEED:#x}");
            }
            let one = sender.await.unwrap();
            let error = one.send(&vec![0; 64 << 20]).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        });
    });
}

#[test]
fn truncation_is_told_with_the_length_that_was_sent() {
    on_each_driver(|builder| {
        block_on(builder.receive_buffer_bytes(4096), async {
            let (one, other) = UnixDatagram::pair().unwrap();
            let (mut first, mut second) = UnixSeqpacket::pair().unwrap();
            for (size, kept) in [(4096, 4096), (4097, 4096), (100_000, 4096)] {
                one.send(&vec![1; size]).await.unwrap();
                first.send(&vec![1; size]).await.unwrap();
                let messages = [other.recv().await.unwrap(), second.recv().await.unwrap().unwrap()];
                for message in messages {
                    assert_eq!((message.bytes.len(), message.length), (kept, size));
                    assert_eq!(message.is_truncated(), size > kept);
                }
            }
            one.send(b"abc").await.unwrap();
            let message = other.recv_to(&mut []).await.unwrap();
            assert_eq!((message.length, message.is_truncated()), (3, true));
        });
    });
}

#[test]
fn a_datagram_names_its_sender_and_vouches_for_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let name = format!("taut-sender-{}", std::process::id());
            let name = SocketAddr::from_abstract_name(name).unwrap();
            let server = UnixDatagram::bind(directory.join("server")).unwrap();
            server.set_pass_credentials(true).unwrap();
            let by_name = UnixDatagram::bind(&name).unwrap();
            let by_path = UnixDatagram::bind(directory.join("client")).unwrap();
            for client in [&by_name, &by_path] {
                client.send_to(b"ask", directory.join("server")).await.unwrap();
                let message = server.recv().await.unwrap();
                let sender = format!("{:?}", client.local_addr().unwrap());
                assert_eq!(format!("{:?}", message.sender), sender);
                let credentials = message.credentials.expect("they were asked for");
                assert_eq!(credentials.pid, Some(std::process::id()));
                server.send_to(b"answer", &message.sender).await.unwrap();
                assert_eq!(&client.recv().await.unwrap().bytes[..], b"answer");
            }
            by_path.connect(directory.join("server")).unwrap();
            by_path.send(b"connected").await.unwrap();
            assert_eq!(&server.recv().await.unwrap().bytes[..], b"connected");
            let nobody = UnixDatagram::unbound().unwrap();
            assert_eq!(nobody.send(b"x").await.unwrap_err().kind(), ErrorKind::NotConnected);
            let error = nobody.send_to(b"x", directory.join("nobody")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            drop(server);
            let error = by_path.send(b"x").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    });
}

#[test]
fn a_send_to_a_full_queue_waits_and_loses_nothing() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let directory = Directory::new();
            let server = UnixDatagram::bind(directory.join("s")).unwrap();
            for connected in [false, true] {
                let client = UnixDatagram::unbound().unwrap();
                if connected {
                    client.connect(directory.join("s")).unwrap();
                }
                let path = directory.join("s");
                let sender = spawn(async move {
                    for number in 0..2000_u32 {
                        let bytes = number.to_le_bytes();
                        match connected {
                            true => client.send(&bytes).await.unwrap(),
                            false => client.send_to(&bytes, &path).await.unwrap(),
                        }
                    }
                });
                turns(5).await;
                for number in 0..2000_u32 {
                    let message = server.recv().await.unwrap();
                    assert_eq!(message.bytes[..], number.to_le_bytes());
                }
                sender.await.unwrap();
            }
        });
    });
}

#[test]
fn seqpackets_keep_their_bounds_and_know_their_end() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let name = format!("taut-seqpacket-{}", std::process::id());
            let name = SocketAddr::from_abstract_name(name).unwrap();
            let listener = UnixSeqpacketListener::bind(&name).unwrap();
            let mut client = UnixSeqpacket::connect(&name).await.unwrap();
            let mut server = listener.accept().await.unwrap();
            assert_eq!(client.peer_credentials().unwrap().pid, Some(std::process::id()));
            for message in [&b"one"[..], b"", b"two", b"", b"", b"three"] {
                client.send(message).await.unwrap();
            }
            client.shutdown(Shutdown::Write).unwrap();
            let mut to = [0; 8];
            for (index, message) in [&b"one"[..], b"", b"two"].into_iter().enumerate() {
                let received = server.recv_to(&mut to).await.unwrap();
                assert_eq!(received.expect("it is not the end").bytes, message, "{index}");
            }
            for message in [&b""[..], b"", b"three"] {
                let received = server.recv().await.unwrap().expect("more comes");
                assert_eq!(&received.bytes[..], message);
            }
            for _ in 0..3 {
                assert!(server.recv().await.unwrap().is_none(), "the end stays");
            }
            server.send(b"still").await.unwrap();
            assert_eq!(&client.recv().await.unwrap().unwrap().bytes[..], b"still");
            drop(server);
            assert_eq!(client.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            let stream = std::os::unix::net::UnixStream::pair().unwrap().0;
            let error = UnixSeqpacket::from_fd(stream.into()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn an_empty_message_is_received_while_the_connection_lasts() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut one, mut other) = UnixSeqpacket::pair().unwrap();
            let mut receive = Box::pin(other.recv());
            assert!(poll!(&mut receive).is_pending());
            turns(3).await;
            one.send(b"").await.unwrap();
            assert_eq!(receive.await.unwrap().expect("it is not the end").length, 0);
        });
    });
}

#[test]
fn futures_that_are_dropped_or_cancelled_take_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (one, other) = UnixDatagram::pair().unwrap();
            let (mut first, mut second) = UnixSeqpacket::pair().unwrap();
            for turns_between in 0..4 {
                poll_then_drop(other.recv(), turns_between).await;
                poll_then_drop(second.recv(), turns_between).await;
                poll_then_drop(other.recv_to(&mut [0; 8]), turns_between).await;
                one.send(b"kept").await.unwrap();
                first.send(b"kept").await.unwrap();
                turns(turns_between).await;
                assert_eq!(&other.recv().await.unwrap().bytes[..], b"kept");
                assert_eq!(&second.recv().await.unwrap().unwrap().bytes[..], b"kept");
            }
            // Until the queue is full; then a send that is given up has sent nothing.
            let mut sent = 0_u32;
            loop {
                let number = sent.to_le_bytes();
                let mut send = pin!(one.send(&number));
                match poll!(&mut send) {
                    std::task::Poll::Ready(outcome) => outcome.unwrap(),
                    std::task::Poll::Pending => break,
                }
                sent += 1;
            }
            poll_then_drop(one.send(b"given up"), 3).await;
            for number in 0..sent {
                assert_eq!(other.recv().await.unwrap().bytes[..], number.to_le_bytes());
            }
            one.send(b"next").await.unwrap();
            assert_eq!(&other.recv().await.unwrap().bytes[..], b"next");
            let task = spawn(async move {
                let errors = (other.recv().await.unwrap_err(), second.recv().await.unwrap_err());
                is_cancelled(&errors.0) && is_cancelled(&errors.1)
            });
            turns(3).await;
            task.cancel();
            assert!(task.await.unwrap());
        });
    });
}

#[test]
fn in_steady_state_nothing_allocates() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (one, other) = UnixDatagram::pair().unwrap();
            let pairs = std::cell::RefCell::new((
                UnixStream::pair().unwrap(),
                UnixSeqpacket::pair().unwrap(),
                UnixFdStream::pair().unwrap(),
            ));
            #[allow(clippy::await_holding_refcell_ref, reason = "the rounds take turns")]
            let calls = in_steady_state(async || {
                let (stream, packets, passing) = &mut *pairs.borrow_mut();
                for _ in 0..500 {
                    one.send(&[1; 64]).await.unwrap();
                    assert_eq!(other.recv().await.unwrap().length, 64);
                    stream.0.write_all(&[2; 64]).await.unwrap();
                    assert_eq!(stream.1.recv().await.unwrap().len(), 64);
                    packets.0.send(&[3; 64]).await.unwrap();
                    assert_eq!(packets.1.recv().await.unwrap().unwrap().length, 64);
                    passing.0.write_all(&[4; 64]).await.unwrap();
                    assert_eq!(passing.1.recv_with_fds(1).await.unwrap().length, 64);
                }
            });
            assert_eq!(calls.await, 0);
        });
    });
}
