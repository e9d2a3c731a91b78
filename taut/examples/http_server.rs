//! An engine's control and metrics endpoint: `cargo run --release --features http --example
//! http_server`. The core's counters go out as Prometheus reads them, limits are changed by PUT. It
//! asks itself a few times, as an operator and a scraper would, and ends.

use std::cell::Cell;
use std::fmt::Write;
use std::rc::Rc;

use taut::http::{BodyError, Request, Response, Router, Server, StatusCode};
use taut::net::{TcpListener, TcpStream};

/// What the engine lets itself be told.
#[derive(Default)]
struct Engine {
    halted: Cell<bool>,
    position_max: Cell<u32>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let address = listener.local_addr()?;
        let engine = Rc::new(Engine::default());
        let server = Server::builder().body_bytes_max(64).connections_max(16).build();
        let running = taut::spawn({
            let (server, routes) = (server.clone(), routes(&engine, &server));
            async move { server.serve(listener, routes).await }
        });

        let mut operator = TcpStream::connect(address).await?;
        let metrics = ask(&mut operator, "GET /metrics", "").await?;
        assert!(metrics.contains("# TYPE taut_polls counter\ntaut_polls "), "{metrics}");
        assert!(metrics.contains("http_requests 1\n"), "{metrics}");
        println!("{} lines of metrics", metrics.lines().count());

        for (request, body, status) in [
            ("PUT /limits/position", "250", 204),
            ("PUT /limits/position", "many", 400),
            ("PUT /limits/position", &"9".repeat(65), 413),
        ] {
            // A refused body may close the connection, so each has one of its own.
            let mut operator = TcpStream::connect(address).await?;
            let answer = ask(&mut operator, request, body).await?;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
            println!("{request} of {} bytes: {status}", body.len());
        }
        ask(&mut operator, "POST /halt", "").await?;
        assert_eq!((engine.halted.get(), engine.position_max.get()), (true, 250));

        server.shutdown();
        running.await??;
        let counters = server.counters();
        println!("halted after {} requests, none left behind", counters.requests);
        assert_eq!((counters.requests, counters.connections_live), (5, 0));
        Ok(())
    })?
}

fn routes(engine: &Rc<Engine>, server: &Server) -> Router<impl taut::http::Routes + 'static> {
    let (halting, limiting, server) = (Rc::clone(engine), Rc::clone(engine), server.clone());
    Router::new()
        .get("/health", async |_: Request<'_>| "up")
        .get("/metrics", async move |_: Request<'_>| metrics(&server))
        .post("/halt", async move |_: Request<'_>| {
            halting.halted.set(true);
            StatusCode::NO_CONTENT
        })
        .put("/limits/position", async move |request: Request<'_>| {
            set_position_max(&limiting, request).await
        })
}

async fn set_position_max(
    engine: &Engine,
    mut request: Request<'_>,
) -> Result<Response, BodyError> {
    let body = request.bytes().await?;
    let position = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
    Ok(match position {
        Some(position) => {
            engine.position_max.set(position);
            StatusCode::NO_CONTENT.into()
        }
        None => Response::text("a number is wanted").status(StatusCode::BAD_REQUEST),
    })
}

/// Every counter of the core and of this server, in Prometheus' text format.
fn metrics(server: &Server) -> Response {
    let mut text = String::new();
    let core = taut::counters();
    for ((name, value), spec) in core.rows().zip(taut::Counters::specs()) {
        let kind = match spec.kind {
            taut::counter_file::Kind::Counter => "counter",
            _ => "gauge",
        };
        let _ = write!(text, "# TYPE taut_{name} {kind}\ntaut_{name} {value}\n");
    }
    for (name, value) in server.counters().rows() {
        let kind = if name == "connections_live" { "gauge" } else { "counter" };
        let _ = write!(text, "# TYPE http_{name} {kind}\nhttp_{name} {value}\n");
    }
    Response::text(text)
}

/// Sends a request and reads the whole response, of which the server tells the length.
async fn ask(stream: &mut TcpStream, line: &str, body: &str) -> std::io::Result<String> {
    let bytes = body.len();
    let request = format!("{line} HTTP/1.1\r\nhost: engine\r\ncontent-length: {bytes}\r\n\r\n");
    stream.write_all((request + body).as_bytes()).await?;
    let mut response = Vec::new();
    loop {
        let received = stream.recv().await?;
        response.extend_from_slice(&received);
        let text = String::from_utf8_lossy(&response);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let is_whole = length.is_none_or(|length| Ok(body.len()) == length.parse());
        if is_whole || received.is_empty() {
            return Ok(text.into_owned());
        }
    }
}
