//! A request over TLS, to a server with a certificate of one's own authority, which this example
//! starts: `cargo run --release --features http,tls --example https_client`.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use taut::http::client::Client;
use taut::net::TcpListener;
use taut::tls::{Identity, Roots, TlsAcceptor, TlsConnector};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let identity =
        Identity::from_pem(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes())?;
    let acceptor = TlsAcceptor::builder(identity).alpn(&[b"http/1.1"]).build()?;
    let trusted = Roots::none().with_der(cert.der())?;

    taut::run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let port = listener.local_addr()?.port();
        let venue = taut::spawn(async move {
            let mut stream = acceptor.accept(listener.accept().await?).await?;
            for _ in 0..2 {
                assert!(stream.recv().await?.starts_with(b"GET /book HTTP/1.1\r\n"));
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n101.25/101.50";
                stream.write_all(answer).await?;
            }
            Ok::<(), Box<dyn std::error::Error>>(())
        });

        let connector = TlsConnector::builder().roots(trusted).alpn(&[b"http/1.1"]).build()?;
        let client = Client::builder().tls(connector).build();
        let url = format!("https://localhost:{port}/book");
        for _ in 0..2 {
            let answer = client.get(&url).send().await?.error_for_status()?;
            println!("the book is {}", answer.text().await?);
        }
        assert_eq!(client.connections().live, 1, "one handshake for both");
        venue.await?
    })?
}
