//! An engine's live page: `cargo run --release --features ws --example websocket_server`. One HTTP
//! server has `/health` as a plain answer, `/echo` as a WebSocket that sends back what comes, and
//! `/ticker` as one that broadcasts each price to all who listen. It asks itself, as a dashboard
//! would, and ends.

use std::time::Duration;

use taut::channel::broadcast;
use taut::http::{Client, Request, Response, Router, Routes, Server};
use taut::net::{TcpListener, TcpStream};
use taut::ws::{Acceptor, CloseCode, Error, Message, WebSocket};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let address = listener.local_addr()?;
        let (prices, _) = broadcast::channel::<u32>(64);
        let server = Server::builder().shutdown_timeout(Duration::from_secs(1)).build();
        let running = taut::spawn({
            let (server, routes) = (server.clone(), routes(prices.clone()));
            async move { server.serve(listener, routes).await }
        });

        let health = Client::new().get(format!("http://{address}/health")).send().await?;
        println!("health: {}", health.text().await?);

        let mut echo = taut::ws::connect(format!("ws://{address}/echo")).await?;
        echo.send_text("are you there?").await?;
        println!("echo: {}", text(echo.next().await?));
        echo.close(CloseCode::NORMAL, "").await?;

        let mut dashboards = Vec::new();
        for _ in 0..3 {
            dashboards.push(taut::ws::connect(format!("ws://{address}/ticker")).await?);
        }
        for dashboard in &mut dashboards {
            assert_eq!(text(dashboard.next().await?), "subscribed");
        }
        for price in [101, 102, 103] {
            prices.send(price)?;
        }
        for dashboard in &mut dashboards {
            for expected in ["101", "102", "103"] {
                assert_eq!(text(dashboard.next().await?), expected);
            }
            dashboard.close(CloseCode::GOING_AWAY, "").await?;
        }
        println!("three dashboards saw three prices each");

        server.shutdown();
        running.await??;
        assert_eq!(server.counters().upgrades, 4);
        Ok(())
    })?
}

fn text(message: Option<Message>) -> String {
    message.as_ref().and_then(Message::as_str).unwrap_or("the end").to_owned()
}

fn routes(prices: broadcast::Sender<u32>) -> Router<impl Routes + 'static> {
    Router::new()
        .get("/health", async |_: Request<'_>| "up")
        .get("/echo", async |request: Request<'_>| {
            taut::ws::upgrade(&request, async |connection: WebSocket<TcpStream>| {
                report("echo", echo(connection).await);
            })
        })
        .get("/ticker", async move |request: Request<'_>| ticker(&request, &prices))
}

/// Sends back what comes: all that came together leaves together.
async fn echo(mut connection: WebSocket<TcpStream>) -> Result<(), Error> {
    while connection
        .for_each_ready(|message, outbox| match message.as_str() {
            Some(text) => outbox.queue_text(text),
            None => outbox.queue_binary(message.as_bytes()),
        })
        .await?
        > 0
    {}
    Ok(())
}

/// Sends each price, while another task reads: it answers pings and sees the client's end.
fn ticker(request: &Request<'_>, prices: &broadcast::Sender<u32>) -> Response {
    let mut prices = prices.subscribe();
    Acceptor::new().upgrade(request, async move |connection: WebSocket<TcpStream>| {
        let (mut reader, mut writer) = connection.into_split();
        let sending = taut::spawn(async move {
            writer.send_text("subscribed").await?;
            while let Ok(price) = prices.recv().await {
                writer.send_text(&price.to_string()).await?;
            }
            Ok::<(), Error>(())
        });
        let ended = async {
            while reader.next().await?.is_some() {}
            Ok(())
        };
        report("ticker", ended.await);
        sending.abort();
    })
}

fn report(route: &str, outcome: Result<(), Error>) {
    if let Err(error) = outcome {
        eprintln!("{route}: {error}");
    }
}
