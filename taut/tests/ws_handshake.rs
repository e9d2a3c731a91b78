//! Connections that are made by a handshake of our client with our server, on each driver.

mod common;

use common::http::{Running, limits};
use common::tls::{NAME, builders, to_loopback};
use common::{block_on, in_time, listen, on_each_driver};
use futures_util::future::join;
use taut::http::{Client, Request, Response, StatusCode, Upgraded};
use taut::net::{TcpStream, Transport};
use taut::ws::{Acceptor, CloseCode, Connector, ErrorKind, HandshakeError, Message, WebSocket};

/// Sends back what comes.
async fn echo<T: Transport + 'static>(connection: &mut WebSocket<T>) {
    while let Ok(Some(message)) = connection.next().await {
        let Message::Text(text) = message else { panic!("{message:?}") };
        connection.send_text(&text).await.unwrap();
    }
}

/// Has a text come back, and closes.
async fn try_out<T: Transport + 'static>(connection: &mut WebSocket<T>) {
    connection.send_text("hello").await.unwrap();
    let answer = in_time(connection.next()).await.unwrap().unwrap();
    assert_eq!(answer.as_str(), Some("hello"));
    in_time(connection.close(CloseCode::NORMAL, "")).await.unwrap();
}

#[test]
fn both_sides_know_what_was_agreed() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let server = async {
                let acceptor = Acceptor::new().subprotocols(["v1", "v2"]);
                let mut connection =
                    acceptor.accept(listener.accept().await.unwrap()).await.unwrap();
                let agreed = connection.handshake().unwrap();
                assert_eq!((agreed.target(), agreed.subprotocol()), ("/feed?x=1", Some("v1")));
                assert_eq!(agreed.headers()["x-api-key"], "0123");
                assert_eq!(agreed.headers()["host"], address.to_string());
                assert_eq!(agreed.headers()["user-agent"], "desk/7");
                assert!(!agreed.headers().contains_key("origin"));
                echo(&mut connection).await;
            };
            let client = async {
                let connector = Connector::new()
                    .header("x-api-key", "0123")
                    .user_agent("desk/7")
                    .subprotocols(["v3", "v2", "v1"]);
                let url = format!("ws://{address}/feed?x=1");
                let mut connection = connector.connect(url).await.unwrap();
                let agreed = connection.handshake().unwrap();
                assert_eq!((agreed.target(), agreed.subprotocol()), ("/feed?x=1", Some("v1")));
                assert_eq!(agreed.headers()["upgrade"], "websocket");
                assert!(agreed.extensions().is_empty());
                try_out(&mut connection).await;
            };
            join(server, client).await;
        });
    });
}

#[test]
fn a_route_of_the_http_server_is_upgraded_to_either_transport() {
    let service = async |request: Request<'_>| match request.path() {
        "/any" => taut::ws::upgrade(&request, async |mut connection: WebSocket<Upgraded>| {
            echo(&mut connection).await;
        }),
        "/tcp" => taut::ws::upgrade(&request, async |mut connection: WebSocket<TcpStream>| {
            connection.set_hot(true);
            echo(&mut connection).await;
        }),
        _ => Response::from(StatusCode::NOT_FOUND),
    };
    on_each_driver(|builder| {
        block_on(builder, async {
            let running = Running::start(limits(), service);
            for path in ["any", "tcp"] {
                let url = format!("ws://{}/{path}", running.address);
                try_out(&mut taut::ws::connect(url).await.unwrap()).await;
            }
            let error = taut::ws::connect(format!("ws://{}/", running.address)).await.unwrap_err();
            let ErrorKind::Handshake(HandshakeError::Refused(refusal)) = error.kind() else {
                panic!("{error}");
            };
            assert_eq!(refusal.status, 404);
            running.end().await;
        });
    });
}

#[test]
fn wss_is_the_same_over_tls() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (client, server) = builders();
            let (tls, acceptor) = (client.build().unwrap(), server.build().unwrap());
            let (listener, address) = listen();
            let server = async {
                let stream = acceptor.accept(listener.accept().await.unwrap()).await.unwrap();
                let mut connection = taut::ws::accept(stream).await.unwrap();
                let host = format!("{NAME}:{}", address.port());
                assert_eq!(connection.handshake().unwrap().headers()["host"], host);
                echo(&mut connection).await;
            };
            let client = async {
                let http = Client::builder().tls(tls).connector(to_loopback()).build();
                let url = format!("wss://{NAME}:{}", address.port());
                let connector = Connector::new().client(http);
                try_out(&mut connector.connect(url).await.unwrap()).await;
            };
            join(server, client).await;
        });
    });
}
