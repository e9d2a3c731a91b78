//! Connecting to addresses and names, refusals, and attempts that are given up.

mod common;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use common::{attempts_under_way, nobody, silent_listener};
use common::{block_on, connected_pair, listen, on_each_driver, on_each_driver_and_wait, turns};
use futures_util::{join, poll};
use taut::net::{TcpListener, TcpStream, ToAddresses};

async fn reaches(listener: &TcpListener, to: impl ToAddresses) {
    let (client, server) = join!(TcpStream::connect(to), listener.accept());
    let (client, server) = (client.unwrap(), server.unwrap());
    assert_eq!(client.peer_addr().unwrap(), listener.local_addr().unwrap());
    assert_eq!(client.peer_addr().unwrap(), server.local_addr().unwrap());
    assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
}

/// Waits until the kernel has closed every socket that tried to reach this address.
async fn all_given_up(address: SocketAddr) {
    while attempts_under_way(address.port()) > 0 {
        turns(1).await;
    }
}

#[test]
fn every_form_of_an_address_is_reached() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let (ip, port) = (address.ip(), address.port());
            let v4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
            reaches(&listener, address).await;
            reaches(&listener, &address).await;
            reaches(&listener, v4).await;
            reaches(&listener, (ip, port)).await;
            reaches(&listener, (Ipv4Addr::LOCALHOST, port)).await;
            reaches(&listener, format!("127.0.0.1:{port}")).await;
            reaches(&listener, format!("127.0.0.1:{port}").as_str()).await;
            reaches(&listener, ("127.0.0.1", port)).await;
            reaches(&listener, format!("localhost:{port}")).await;
            reaches(&listener, ("localhost", port)).await;
            reaches(&listener, [address]).await;
            reaches(&listener, &[address, address][..]).await;
        });
    });
}

#[test]
fn ipv6_is_reached_where_the_host_has_it() {
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return eprintln!("SKIPPED: no IPv6 loopback on this host");
    }
    on_each_driver(|builder| {
        block_on(builder, async {
            let listener = TcpListener::bind("[::1]:0".parse().unwrap()).unwrap();
            let address = listener.local_addr().unwrap();
            let port = address.port();
            assert!(address.is_ipv6());
            reaches(&listener, address).await;
            reaches(&listener, SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0)).await;
            reaches(&listener, (Ipv6Addr::LOCALHOST, port)).await;
            reaches(&listener, format!("[::1]:{port}")).await;
            reaches(&listener, ("::1", port)).await;
        });
    });
}

#[test]
fn a_refusal_is_told_and_another_attempt_may_succeed() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (socket, address) = nobody();
            for _ in 0..20 {
                let error = TcpStream::connect(address).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            }
            let listener = socket.listen(8).unwrap();
            reaches(&listener, address).await;
        });
    });
}

#[test]
fn the_next_address_is_tried_when_one_refuses_and_the_last_failure_is_told() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let (_held, refused) = nobody();
            reaches(&listener, [refused, refused, address]).await;
            reaches(&listener, [address, refused]).await;
            let error = TcpStream::connect([refused, refused]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            let error = TcpStream::connect([]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().contains("no address"), "{error}");
        });
    });
}

#[test]
fn a_name_that_does_not_resolve_is_named_in_the_error() {
    // Longer than a label may be, so that no resolver has to be asked.
    let name = format!("{}.invalid", "x".repeat(64));
    on_each_driver(|builder| {
        block_on(builder, async {
            let with_port = format!("{name}:80");
            for error in [
                TcpStream::connect((name.as_str(), 80)).await.unwrap_err(),
                TcpStream::connect(with_port.as_str()).await.unwrap_err(),
                TcpStream::connect(&with_port).await.unwrap_err(),
            ] {
                assert!(error.to_string().contains(&name), "{error}");
            }
            let error = TcpStream::connect("localhost").await.unwrap_err();
            assert!(error.to_string().contains("localhost"), "{error}");
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn attempts_given_up_at_any_stage_leave_the_listener_and_no_socket() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            for count in (0..6).cycle().take(120) {
                let mut attempt = Box::pin(TcpStream::connect(address));
                let _ = poll!(&mut attempt);
                turns(count).await;
                drop(attempt);
            }
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"the last one").await.unwrap();
            // Those that had reached the listener all the same have ended.
            loop {
                let mut server = listener.accept().await.unwrap();
                match server.recv().await {
                    Ok(bytes) if bytes.is_empty() => {}
                    Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
                    Ok(bytes) => {
                        assert_eq!(&bytes[..], b"the last one");
                        break;
                    }
                }
            }
            all_given_up(address).await;
        });
    });
}

#[test]
fn an_attempt_that_hangs_can_be_given_up_and_closes_its_socket() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address, mut queued) = silent_listener().await;
            let mut hanging = Box::pin(TcpStream::connect(address));
            assert!(poll!(&mut hanging).is_pending());
            drop(hanging);
            all_given_up(address).await;

            for count in 0..10 {
                let mut attempt = Box::pin(TcpStream::connect(address));
                assert!(poll!(&mut attempt).is_pending());
                turns(count).await;
                drop(attempt);
            }
            all_given_up(address).await;
            let mut server = listener.accept().await.unwrap();
            queued[0].write_all(b"first in line").await.unwrap();
            assert_eq!(&server.recv().await.unwrap()[..], b"first in line");
        });
    });
}

#[test]
fn an_accept_given_up_leaves_the_connection_to_the_next() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            for count in 0..20 {
                assert!(poll!(Box::pin(listener.accept())).is_pending());
                let client = TcpStream::connect(address).await.unwrap();
                turns(count % 4).await;
                let server = listener.accept().await.unwrap();
                assert_eq!(server.peer_addr().unwrap(), client.local_addr().unwrap());
            }
        });
    });
}

#[test]
fn addresses_of_both_ends_agree_and_a_broken_end_has_no_peer() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, mut server) = connected_pair().await;
            assert_eq!(client.local_addr().unwrap(), server.peer_addr().unwrap());
            client.close_reset().unwrap();
            assert!(server.recv().await.is_err());
            let error = server.peer_addr().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotConnected);
        });
    });
}

#[test]
fn tasks_that_share_a_listener_each_get_their_connections() {
    const TASKS: usize = 5;
    const EACH: usize = 4;

    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let listener = std::rc::Rc::new(listener);
            let acceptors: Vec<_> = (0..TASKS)
                .map(|_| {
                    let listener = std::rc::Rc::clone(&listener);
                    taut::spawn(async move {
                        for _ in 0..EACH {
                            listener.accept().await.unwrap();
                            taut::yield_now().await;
                        }
                    })
                })
                .collect();
            taut::yield_now().await;
            // One that waited and was given up takes nothing with it.
            assert!(poll!(std::pin::pin!(listener.accept())).is_pending());
            let mut clients = Vec::new();
            for _ in 0..TASKS * EACH {
                clients.push(TcpStream::connect(address).await.unwrap());
            }
            for acceptor in acceptors {
                acceptor.await.unwrap();
            }
        });
    });
}
