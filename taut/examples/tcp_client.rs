//! A request and the whole answer, over a connection with `TCP_NODELAY` (which is always on):
//! `cargo run --release --example tcp_client`.

use std::io;
use std::net::Shutdown;

use taut::net::{TcpListener, TcpStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        // Somebody to talk to: answers one request and ends the stream.
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let address = listener.local_addr()?;
        let venue = taut::spawn(async move {
            let mut stream = listener.accept().await?;
            let request = stream.recv().await?;
            assert!(request.starts_with(b"GET /prices "));
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n101.25").await?;
            stream.shutdown(Shutdown::Write).await
        });

        let answer = fetch("127.0.0.1", address.port()).await?;
        assert!(answer.ends_with("101.25"));
        println!("{answer}");
        venue.await??;
        Ok(())
    })?
}

async fn fetch(host: &str, port: u16) -> io::Result<String> {
    let mut stream = TcpStream::connect((host, port)).await?;
    assert!(stream.nodelay()?);

    let request = format!("GET /prices HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;

    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    String::from_utf8(answer).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
