//! Options of sockets, streams and listeners: set, read back, and seen to work.

mod common;

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use common::{block_on, connected_pair, listen, on_each_driver};
use futures_util::poll;
use taut::net::{Keepalive, TcpListener, TcpSocket, TcpStream};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[test]
fn nodelay_is_on_at_both_ends_wherever_they_come_from() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = connected_pair().await;
            assert!(client.nodelay().unwrap() && server.nodelay().unwrap());
            client.set_nodelay(false).unwrap();
            assert!(!client.nodelay().unwrap() && server.nodelay().unwrap());

            for nonblocking in [false, true] {
                let listener = std::net::TcpListener::bind(ANY).unwrap();
                listener.set_nonblocking(nonblocking).unwrap();
                let address = listener.local_addr().unwrap();
                let listener = TcpListener::from_std(listener);
                // Not accepted until asked twice: once waiting, once with the connection there.
                assert!(poll!(Box::pin(listener.accept())).is_pending());
                let client = std::net::TcpStream::connect(address).unwrap();
                client.set_nonblocking(nonblocking).unwrap();
                let mut client = TcpStream::from_std(client).unwrap();
                let mut server = listener.accept().await.unwrap();
                assert!(client.nodelay().unwrap() && server.nodelay().unwrap());
                assert!(poll!(Box::pin(server.recv())).is_pending());
                client.write_all(b"hello").await.unwrap();
                assert_eq!(&server.recv().await.unwrap()[..], b"hello");
            }
        });
    });
}

#[test]
fn keepalive_is_read_back_as_it_was_set_and_can_be_switched_off() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let keepalive = Keepalive {
                idle: Duration::from_secs(11),
                interval: Duration::from_secs(3),
                probes: 4,
            };
            let (listener, address) = listen();
            let socket = TcpSocket::new_v4().unwrap();
            assert_eq!(socket.keepalive().unwrap(), None);
            socket.set_keepalive(Some(keepalive)).unwrap();
            assert_eq!(socket.keepalive().unwrap(), Some(keepalive));
            let stream = socket.connect(address).await.unwrap();
            assert_eq!(stream.keepalive().unwrap(), Some(keepalive), "it stays");
            stream.set_keepalive(None).unwrap();
            assert_eq!(stream.keepalive().unwrap(), None);
            let server = listener.accept().await.unwrap();
            assert_eq!(server.keepalive().unwrap(), None);
            server.set_keepalive(Some(Keepalive::default())).unwrap();
            assert_eq!(server.keepalive().unwrap(), Some(Keepalive::default()));
        });
    });
}

#[test]
fn buffer_sizes_set_before_the_connect_hold_after_it() {
    const BYTES: usize = 50_000;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (_listener, address) = listen();
            let socket = TcpSocket::for_address(address).unwrap();
            socket.set_recv_buffer_size(BYTES).unwrap();
            socket.set_send_buffer_size(BYTES).unwrap();
            // The kernel doubles what it is told.
            assert_eq!(socket.recv_buffer_size().unwrap(), 2 * BYTES);
            assert_eq!(socket.send_buffer_size().unwrap(), 2 * BYTES);
            let stream = socket.connect(address).await.unwrap();
            assert_eq!(stream.recv_buffer_size().unwrap(), 2 * BYTES);
            assert_eq!(stream.send_buffer_size().unwrap(), 2 * BYTES);
            stream.set_send_buffer_size(2 * BYTES).unwrap();
            assert_eq!(stream.send_buffer_size().unwrap(), 4 * BYTES);
        });
    });
}

#[test]
fn two_listeners_share_a_port_by_reuse_port_and_both_get_connections() {
    fn bound(address: SocketAddr, reuse_port: bool) -> std::io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuse_port(reuse_port)?;
        socket.bind(address)?;
        Ok(socket)
    }

    on_each_driver(|builder| {
        block_on(builder, async {
            let first = bound(ANY, true).unwrap().listen(64).unwrap();
            let address = first.local_addr().unwrap();
            let error = bound(address, false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            let second = bound(address, true).unwrap().listen(64).unwrap();

            // The kernel spreads by a hash, so each gets its part of enough of them.
            let (mut firsts, mut seconds, mut clients) = (0, 0, Vec::new());
            while firsts == 0 || seconds == 0 {
                assert!(clients.len() < 1000, "one of the listeners gets nothing");
                clients.push(TcpStream::connect(address).await.unwrap());
                while firsts + seconds < clients.len() {
                    firsts += usize::from(poll!(Box::pin(first.accept())).is_ready());
                    seconds += usize::from(poll!(Box::pin(second.accept())).is_ready());
                    taut::yield_now().await;
                }
            }
        });
    });
}

#[test]
fn a_bound_address_is_in_use_and_free_again_after_the_listener() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let error = TcpListener::bind(address).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            let client = TcpStream::connect(address).await.unwrap();
            let server = listener.accept().await.unwrap();
            drop(listener);
            // The first connection still lives on the address.
            let listener = TcpListener::bind(address).unwrap();
            let _second = TcpStream::connect(address).await.unwrap();
            listener.accept().await.unwrap();
            drop((client, server));
        });
    });
}

#[test]
fn connections_wait_in_the_backlog_until_they_are_accepted() {
    const WAITING: usize = 20;

    on_each_driver(|builder| {
        block_on(builder, async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuse_address(true).unwrap();
            socket.bind(ANY).unwrap();
            let listener = socket.listen(WAITING as u32).unwrap();
            let address = listener.local_addr().unwrap();
            let mut clients = Vec::new();
            for _ in 0..WAITING {
                let mut client = TcpStream::connect(address).await.unwrap();
                client.write_all(b"early").await.unwrap();
                clients.push(client);
            }
            for client in &clients {
                let mut server = listener.accept().await.unwrap();
                assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
                assert_eq!(&server.recv().await.unwrap()[..], b"early");
            }
        });
    });
}

#[test]
fn linger_of_zero_makes_a_close_a_reset() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for linger in [None, Some(Duration::ZERO)] {
                let (client, mut server) = connected_pair().await;
                client.set_linger(linger).unwrap();
                drop(client);
                let end = server.recv().await;
                match linger {
                    None => assert!(end.unwrap().is_empty()),
                    Some(_) => assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset),
                }
            }
        });
    });
}

#[test]
fn a_stream_from_std_reads_what_had_come_before() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let mut client = TcpStream::connect(address).await.unwrap();
            let mut server = listener.accept().await.unwrap();
            server.write_all(b"to the socket").await.unwrap();
            // Out of the runtime by a copy of its descriptor, and back in.
            let copy = std::os::fd::AsFd::as_fd(&client).try_clone_to_owned().unwrap();
            let mut std = std::net::TcpStream::from(copy);
            std.set_nonblocking(false).unwrap();
            let mut first = [0; 6];
            std.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"to the");
            let mut rest = [0; 7];
            client.read_exact(&mut rest).await.unwrap();
            assert_eq!(&rest, b" socket");
            drop(client);
            let mut again = TcpStream::from_std(std).unwrap();
            server.write_all(b"again").await.unwrap();
            assert_eq!(&again.recv().await.unwrap()[..], b"again");
            drop(again);
            assert!(server.recv().await.unwrap().is_empty());
        });
    });
}
