//! A venue's stream: `cargo run --release --features ws --example websocket_client [URL]`. It
//! offers a subprotocol and a key, subscribes, reads a few messages where they landed, and closes.
//! Without a URL the venue is played by this program, which refuses whoever has no key.

use std::time::Duration;

use taut::http::{Response, StatusCode};
use taut::net::TcpListener;
use taut::ws::{Acceptor, CloseCode, Connector, HandshakeError, Options, WebSocket};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let url = std::env::args().nth(1);
    taut::run(async {
        if let Some(url) = url {
            return feed(&Connector::new(), &url).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let url = format!("ws://{}/stream", listener.local_addr()?);
        let venue = taut::spawn(async move { venue(&listener).await.map_err(|it| it.to_string()) });

        let mut options = Options::default();
        options.keepalive.ping_every = Some(Duration::from_secs(20));
        let connector = Connector::new()
            .subprotocols(["v2.book", "v1.book"])
            .timeout(Duration::from_secs(3))
            .options(options);
        let refused = connector.connect(&url).await.err().ok_or("it needs a key")?;
        match refused.handshake() {
            Some(HandshakeError::Refused(refusal)) => println!("refused: {}", refusal.status),
            _ => return Err(refused.into()),
        }
        feed(&connector.header("x-api-key", "0123"), &url).await?;
        venue.await??;
        Ok(())
    })?
}

async fn feed(connector: &Connector, url: &str) -> Outcome {
    let mut stream = connector.connect(url).await?;
    let agreed = stream.handshake().and_then(|handshake| handshake.subprotocol());
    println!("connected, speaking {}", agreed.unwrap_or("no subprotocol"));
    stream.send_text(r#"{"op":"subscribe","channel":"btcusdt@trade"}"#).await?;
    let mut seen = 0;
    while seen < 3 {
        let count = stream.for_each_ready(|message, _| {
            println!("{}", message.as_str().unwrap_or("binary"));
            Ok(())
        });
        match count.await? {
            0 => break,
            count => seen += count,
        }
    }
    stream.close(CloseCode::NORMAL, "seen enough").await?;
    Ok(())
}

/// Plays the venue: refuses the first connection, for want of a key, and feeds the second.
async fn venue(listener: &TcpListener) -> Outcome {
    let acceptor = Acceptor::new().subprotocols(["v1.book"]).check(|request| {
        match request.header("x-api-key") {
            Some(b"0123") => Ok(()),
            _ => Err(Response::from(StatusCode::UNAUTHORIZED)),
        }
    });
    assert!(acceptor.accept(listener.accept().await?).await.is_err());
    let mut desk: WebSocket<_> = acceptor.accept(listener.accept().await?).await?;
    let wish = desk.next().await?.ok_or("the desk wants nothing")?;
    assert!(wish.as_str().is_some_and(|text| text.contains("subscribe")));
    for price in ["101.25", "101.50", "101.00"] {
        desk.outbox().queue_text(&format!(r#"{{"price":"{price}"}}"#))?;
    }
    while desk.next().await?.is_some() {}
    assert_eq!(desk.peer_close().map(|close| close.code), Some(CloseCode::NORMAL));
    Ok(())
}
