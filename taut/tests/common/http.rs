//! A server on loopback, and a client that says what it is told to, byte for byte.

use std::time::Duration;

use taut::JoinHandle;
use taut::http::{Listener, Request, Response, Server, ServerBuilder, Service};
use taut::net::TcpStream;

use super::{in_time, listen, on_each_driver};

/// A server that runs, and where.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) address: std::net::SocketAddr,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    pub(crate) fn start(limits: ServerBuilder, service: impl Service + 'static) -> Self {
        let (listener, address) = listen();
        Self::on(listener, address, limits, service)
    }

    pub(crate) fn on(
        listener: impl Listener + 'static,
        address: std::net::SocketAddr,
        limits: ServerBuilder,
        service: impl Service + 'static,
    ) -> Self {
        let server = limits.build();
        let serving = server.clone();
        let task = taut::spawn(async move { serving.serve(listener, service).await });
        Self { server, address, task }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// What one connection answers to these bytes, up to its end.
    pub(crate) async fn answers(&self, request: impl AsRef<[u8]>) -> String {
        let mut client = self.client().await;
        client.send(request).await;
        client.rest().await
    }

    /// Waits until the server has shut down, and nothing of it is left.
    pub(crate) async fn end(self) -> taut::http::ServerCounters {
        self.server.shutdown();
        in_time(self.task).await.unwrap().unwrap();
        let counters = self.server.counters();
        assert_eq!(counters.connections_live, 0);
        counters
    }
}

/// Runs a body against a server, on each driver.
pub(crate) fn with_server<S: Service + 'static>(
    limits: ServerBuilder,
    service: impl Fn() -> S,
    body: impl AsyncFn(&Running),
) {
    on_each_driver(|builder| {
        super::block_on(builder, async {
            let running = Running::start(limits, service());
            body(&running).await;
            running.end().await;
        });
    });
}

/// Limits for tests: connections end without much ado.
pub(crate) fn limits() -> ServerBuilder {
    Server::builder().linger_timeout(Duration::from_millis(200))
}

/// A client that says what it is told to.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: std::net::SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) fn of(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// One byte at a time, each in a segment of its own.
    pub(crate) async fn send_slowly(&mut self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
            super::turns(2).await;
        }
    }

    /// Receives more; false at the end of the connection.
    pub(crate) async fn receive(&mut self) -> bool {
        let bytes = in_time(self.stream.recv()).await.unwrap();
        self.unread.extend_from_slice(&bytes);
        !bytes.is_empty()
    }

    /// All bytes up to where this text ends.
    pub(crate) async fn up_to(&mut self, end: &str) -> String {
        let end = end.as_bytes();
        loop {
            let found = self.unread.windows(end.len()).position(|bytes| bytes == end);
            if let Some(position) = found {
                let rest = self.unread.split_off(position + end.len());
                return text(std::mem::replace(&mut self.unread, rest));
            }
            assert!(self.receive().await, "the connection ended: {:?}", self.so_far());
        }
    }

    pub(crate) fn so_far(&self) -> String {
        text(self.unread.clone())
    }

    /// All bytes up to the end of the connection, which has to be in order.
    pub(crate) async fn rest(&mut self) -> String {
        while self.receive().await {}
        text(std::mem::take(&mut self.unread))
    }

    /// So many bytes.
    pub(crate) async fn take(&mut self, bytes: usize) -> String {
        while self.unread.len() < bytes {
            assert!(self.receive().await, "the connection ended: {:?}", self.so_far());
        }
        let rest = self.unread.split_off(bytes);
        text(std::mem::replace(&mut self.unread, rest))
    }

    /// The next response, whose length is told: head and body.
    pub(crate) async fn response(&mut self) -> (String, String) {
        let head = self.up_to("\r\n\r\n").await;
        let length = header(&head, "content-length").map_or(0, |value| value.parse().unwrap());
        let body = self.take(length).await;
        (head, body)
    }

    /// The body of a response with this status, whose length is told.
    pub(crate) async fn expect(&mut self, status: u16) -> String {
        let (head, body) = self.response().await;
        assert_eq!(status_of(&head), status, "{head}");
        body
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn status_of(response: &str) -> u16 {
    assert!(response.starts_with("HTTP/1.1 "), "{response:?}");
    response[9..12].parse().unwrap()
}

/// The value of a header of a response.
pub(crate) fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let lines = response.split("\r\n").take_while(|line| !line.is_empty());
    let mut values = lines.filter_map(|line| line.split_once(": "));
    values.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// A request without a body.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: engine\r\n\r\n")
}

/// A request with a body whose length is told.
pub(crate) fn post(path: &str, body: &str) -> String {
    let bytes = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: engine\r\ncontent-length: {bytes}\r\n\r\n{body}")
}

/// Answers with method, target and body.
pub(crate) async fn mirror(mut request: Request<'_>) -> Result<Response, taut::http::BodyError> {
    let line = format!("{} {} ", request.method(), request.target());
    let body = request.bytes().await?;
    Ok(Response::text(line + std::str::from_utf8(&body).unwrap()))
}

impl Client {
    /// Reads so many bytes, of which some may be here already, and forgets them.
    pub(crate) async fn discard(&mut self, bytes: usize) {
        while self.unread.len() < bytes {
            assert!(self.receive().await, "the connection ended");
        }
        self.unread.drain(..bytes);
    }
}
