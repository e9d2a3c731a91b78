//! tokio-uring: tokio's current-thread runtime with an io_uring beside it. `echo` is an echo
//! server, `sink` and `udp-sink` swallow what comes; its tasks and timers are tokio's.

use subject::{About, accepted, received, require, version_of};
use tokio_uring::net::{TcpListener, TcpStream, UdpSocket};

const BUFFER_BYTES: usize = 64 * 1024;

fn main() {
    let command = subject::start(&["echo", "sink", "udp-sink"]);
    let mut ring = tokio_uring::uring_builder();
    ring.setup_coop_taskrun().setup_single_issuer();
    let runtime = tokio_uring::Runtime::new(tokio_uring::builder().uring_builder(&ring));
    let runtime = require("can't start the runtime", runtime);
    let about = |settings: &str| About {
        version: format!("{}, {}", version_of("tokio-uring"), version_of("tokio")),
        settings: format!("256 entries, coop_taskrun, single_issuer, {settings}"),
    };
    match command.mode {
        "udp-sink" => {
            let about = about("UdpSocket::recv_from, 64 KiB owned buffer");
            runtime.block_on(swallow(&about));
        }
        mode => {
            let about = about("64 KiB owned buffer a connection, TCP_NODELAY");
            runtime.block_on(serve(&about, mode == "echo"));
        }
    }
}

async fn serve(about: &About, replies: bool) {
    let address = "127.0.0.1:0".parse().expect("an address");
    let listener = require("can't listen", TcpListener::bind(address));
    subject::announce_server(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            tokio_uring::spawn(converse(stream, replies));
        }
    }
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn converse(stream: TcpStream, replies: bool) -> Option<()> {
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
    let socket = UdpSocket::from_std(require("no socket", subject::datagrams()));
    subject::announce_datagrams(require("no address", socket.local_addr()), about);
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut result;
    loop {
        (result, buffer) = socket.recv_from(buffer).await;
        require("can't receive", result);
        received(1);
        buffer.clear();
    }
}
