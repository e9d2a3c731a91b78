//! monoio on its io_uring driver. `echo` is an echo server, `sink` and `udp-sink` swallow what
//! comes, `micro` times tasks and the channels of local-sync, which monoio's own documentation
//! names for it.

mod works;

use io_uring::IoUring;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::udp::UdpSocket;
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};
use subject::{About, accepted, received, require, version_of};

const BUFFER_BYTES: usize = 64 * 1024;

fn main() {
    let command = subject::start(&["echo", "micro", "sink", "udp-sink"]);
    let about = |settings: &str| About {
        version: version_of("monoio"),
        settings: format!(
            "IoUringDriver with 1024 entries, single_issuer, defer_taskrun, no timer, {settings}"
        ),
    };
    let runtime = || require("can't start the runtime", builder().build());
    match command.mode {
        mode @ ("echo" | "sink") => {
            let about = about("64 KiB owned buffer a connection, TCP_NODELAY");
            runtime().block_on(serve(&about, mode == "echo"));
        }
        "udp-sink" => {
            let about = about("UdpSocket::recv_from, 64 KiB owned buffer");
            runtime().block_on(swallow(&about));
        }
        _ => works::serve(),
    }
}

fn builder() -> RuntimeBuilder<IoUringDriver> {
    let mut ring = IoUring::builder();
    ring.setup_single_issuer().setup_defer_taskrun();
    RuntimeBuilder::new().uring_builder(ring)
}

async fn serve(about: &About, replies: bool) {
    let listener = require("can't listen", TcpListener::bind("127.0.0.1:0"));
    subject::announce_server(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            monoio::spawn(converse(stream, replies));
        }
    }
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn converse(mut stream: TcpStream, replies: bool) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let (mut read, mut written);
    loop {
        (read, buffer) = stream.read(buffer).await;
        let length = read.ok()?;
        if length == 0 {
            return None;
        }
        if replies {
            (written, buffer) = stream.write_all(buffer).await;
            written.ok()?;
        }
        received(length);
        buffer.clear();
    }
}

async fn swallow(about: &About) {
    let socket = require("no socket", subject::datagrams());
    let listening = require("no address", socket.local_addr());
    let socket = require("no socket", UdpSocket::from_std(socket));
    subject::announce_datagrams(listening, about);
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut result;
    loop {
        (result, buffer) = socket.recv_from(buffer).await;
        require("can't receive", result);
        received(1);
        buffer.clear();
    }
}
