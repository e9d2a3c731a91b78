//! hyper as a client that sends orders: its connection API on a tokio `current_thread` runtime,
//! plain and over tokio-rustls.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::rt::{Read, Write};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use subject::order::{ANSWER, BODY, HEADERS, SIGNATURE, SIGNATURE_VALUE, TARGET, Text};
use subject::orders::{Venue, WARM_UP, serve_orders};
use subject::{About, fail, require, version_of};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

fn main() {
    let command = subject::start(&["order", "order tls"]);
    let is_tls = command.mode == "order tls";
    let plain = "tokio current_thread, client::conn::http1, TCP_NODELAY".to_owned();
    let about = About {
        version: version_of("hyper"),
        settings: match is_tls {
            false => plain,
            true => format!("{plain}, {}, ring, TLS 1.3", version_of("tokio-rustls")),
        },
    };
    let runtime =
        require("can't start the runtime", Builder::new_current_thread().enable_io().build());
    serve_orders(&about, |venue| {
        let mut client = Some(runtime.block_on(Client::connect(venue, is_tls)));
        let runtime = &runtime;
        move |batches, operations| send(runtime, &mut client, batches, operations)
    });
}

/// Has a task send the orders, as a program on tokio would.
fn send(runtime: &Runtime, client: &mut Option<Client>, batches: u64, operations: u64) -> Vec<u64> {
    let Some(mut taken) = client.take() else { fail("an earlier request for orders failed") };
    let (back, times_ns) = require(
        "the task that sends orders failed",
        runtime.block_on(async {
            tokio::spawn(async move {
                let times_ns = taken.batches(batches, operations).await;
                (taken, times_ns)
            })
            .await
        }),
    );
    *client = Some(back);
    times_ns
}

/// A connection that is kept, and what is the same for every order.
struct Client {
    sender: SendRequest<Full<Bytes>>,
    target: Uri,
    headers: HeaderMap,
    signature_name: HeaderName,
    signature: Text,
    body: Text,
    sent: u64,
}

impl Client {
    async fn connect(venue: &Venue, is_tls: bool) -> Self {
        let stream = require("can't connect to the venue", TcpStream::connect(venue.address).await);
        require("can't set TCP_NODELAY", stream.set_nodelay(true));
        let sender = match is_tls {
            false => speak(stream).await,
            true => speak(require("the TLS handshake failed", encrypt(venue, stream).await)).await,
        };
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&venue.address.to_string());
        headers.insert(HOST, require("the venue's address is no host", host));
        for (name, value) in HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Self {
            sender,
            target: Uri::from_static(TARGET),
            headers,
            signature_name: HeaderName::from_static(SIGNATURE),
            signature: Text::new().pieces(SIGNATURE_VALUE),
            body: Text::new().pieces(BODY),
            sent: 0,
        }
    }

    async fn batches(&mut self, batches: u64, operations: u64) -> Vec<u64> {
        for _ in 0..WARM_UP {
            self.order().await;
        }
        let mut times_ns = Vec::new();
        for _ in 0..batches {
            let start = Instant::now();
            for _ in 0..operations {
                self.order().await;
            }
            let time_ns = u64::try_from(start.elapsed().as_nanos());
            times_ns.push(require("a batch took 500 years", time_ns));
        }
        times_ns
    }

    async fn order(&mut self) {
        self.sent += 1;
        self.signature.set(self.sent);
        self.body.set(self.sent);
        let signature = HeaderValue::from_bytes(self.signature.bytes());
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(self.body.bytes())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        let signature = require("a signature of digits is a value", signature);
        request.headers_mut().insert(self.signature_name.clone(), signature);
        require("the venue is gone", self.sender.ready().await);
        let response = require("no answer came", self.sender.send_request(request).await);
        let status = response.status();
        let body = require("no body came", response.into_body().collect().await).to_bytes();
        if status != StatusCode::OK || body != ANSWER {
            fail(format_args!("the venue answered {status} and {body:?}"));
        }
    }
}

async fn encrypt(
    venue: &Venue,
    stream: TcpStream,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from(venue.certificate.clone());
    require("the venue's certificate is none", roots.add(certificate));
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = require("ring has TLS 1.3", builder.with_protocol_versions(&[&TLS13]));
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::from(venue.address.ip());
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// HTTP/1.1 over that stream: a task drives the connection, as hyper's documentation has it.
async fn speak<S>(stream: S) -> SendRequest<Full<Bytes>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    TokioIo<S>: Read + Write,
{
    let (sender, connection) = require("hyper refused it", handshake(TokioIo::new(stream)).await);
    // Its end shows in what is sent next.
    tokio::spawn(connection);
    sender
}
