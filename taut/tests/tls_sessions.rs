//! TLS sessions that are resumed, handshakes that take too long, and the log of keys.

mod common;

use std::time::Duration;

use common::tls::{NAME, VERSIONS, builders, ends, tls_pair};
use common::{block_on, connected_pair, on_each_driver};
use taut::tls::{TlsAcceptor, TlsConnector, TlsErrorKind, TlsStream};

/// Connects, lets the client see the server's tickets, and says whether a session was resumed.
async fn visit(connector: &TlsConnector, acceptor: &TlsAcceptor) -> bool {
    let (mut client, mut server) = tls_pair(connector, acceptor).await;
    assert_eq!(client.is_resumed(), server.is_resumed());
    server.write_all(b"hello").await.unwrap();
    assert_eq!(&client.recv().await.unwrap()[..], b"hello");
    client.write_all(b"hello").await.unwrap();
    assert_eq!(&server.recv().await.unwrap()[..], b"hello");
    client.is_resumed()
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for version in VERSIONS {
                let (connector, acceptor) = ends(version);
                assert!(!visit(&connector, &acceptor).await);
                for _ in 0..4 {
                    assert!(visit(&connector.clone(), &acceptor.clone()).await, "{version:?}");
                }
                let (client, _server) = tls_pair(&connector, &acceptor).await;
                // Also where it was resumed.
                assert_eq!(client.peer_certificates().len(), 1);
            }
        });
    });
}

#[test]
fn without_room_for_sessions_none_is_resumed() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = builders();
            let (connector, acceptor) =
                (client.clone().build().unwrap(), server.clone().build().unwrap());
            let forgetful =
                (client.sessions_max(0).build().unwrap(), server.sessions_max(0).build().unwrap());
            for _ in 0..2 {
                assert!(!visit(&forgetful.0, &acceptor).await);
                assert!(!visit(&connector, &forgetful.1).await);
            }
        });
    });
}

#[test]
fn a_peer_that_says_nothing_is_given_up_in_time() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = builders();
            let limit = Duration::from_millis(20);
            let connector = client.handshake_timeout(limit).build().unwrap();
            let acceptor = server.handshake_timeout(limit).build().unwrap();
            let (one, silent) = connected_pair().await;
            let error = connector.connect(NAME, one).await.unwrap_err();
            assert_eq!(error.kind(), TlsErrorKind::TimedOut, "{error}");
            assert_eq!(acceptor.accept(silent).await.unwrap_err().kind(), TlsErrorKind::Truncated);
            let (one, _silent) = connected_pair().await;
            let error = acceptor.accept(one).await.unwrap_err();
            assert_eq!(error.kind(), TlsErrorKind::TimedOut);
            assert!(error.to_string().contains("handshake_timeout"), "{error}");
        });
    });
}

#[test]
fn a_peer_that_speaks_something_else_is_told_so() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (connector, acceptor) = ends(VERSIONS[1]);
            let (mut one, other) = connected_pair().await;
            one.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let error = acceptor.accept(other).await.unwrap_err();
            assert_eq!(error.kind(), TlsErrorKind::PeerMisbehaved, "{error}");
            // A fatal alert.
            assert_eq!(one.recv().await.unwrap()[0], 21);

            let (one, mut other) = connected_pair().await;
            other.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let error = connector.connect(NAME, one).await.unwrap_err();
            assert_eq!(error.kind(), TlsErrorKind::PeerMisbehaved, "{error}");
        });
    });
}

#[test]
fn a_connection_that_ends_within_the_handshake_is_an_error() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (connector, _) = ends(VERSIONS[1]);
            let (one, mut other) = connected_pair().await;
            drop(other.recv());
            let hello = async {
                let hello = other.recv().await.unwrap();
                drop((hello, other));
            };
            let (connected, ()) = futures_util::join!(connector.connect(NAME, one), hello);
            assert_eq!(connected.unwrap_err().kind(), TlsErrorKind::Truncated);
        });
    });
}

/// TLS within TLS: the inner stream's transport is the outer one.
#[test]
fn a_tls_stream_is_a_transport_itself() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (connector, acceptor) = ends(VERSIONS[1]);
            let (client, server) = tls_pair(&connector, &acceptor).await;
            let (client, server) =
                futures_util::join!(connector.connect(NAME, client), acceptor.accept(server));
            let (mut client, mut server): (TlsStream<TlsStream<_>>, _) =
                (client.unwrap(), server.unwrap());
            let message = vec![7; 100_000];
            let mut answer = vec![0; 100_000];
            let (sent, read) =
                futures_util::join!(client.write_all(&message), server.read_exact(&mut answer));
            sent.unwrap();
            read.unwrap();
            assert!(answer == message);
        });
    });
}
