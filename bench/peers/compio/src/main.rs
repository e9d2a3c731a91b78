//! compio on its io_uring driver. `echo` is an echo server, `sink` and `udp-sink` swallow what
//! comes, `micro` times tasks and timers.

mod works;

use std::io;

use compio::BufResult;
use compio::driver::ProactorBuilder;
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use compio::runtime::{Runtime, RuntimeBuilder, spawn};
use subject::{About, accepted, received, require, version_of};

const BUFFER_BYTES: usize = 64 * 1024;
/// That of the other runtimes; its own default of 128 makes many clients at once wait for seconds.
const BACKLOG: i32 = 1024;

fn main() {
    let command = subject::start(&["echo", "micro", "sink", "udp-sink"]);
    let mut proactor = ProactorBuilder::new();
    proactor.single_issuer(true).defer_taskrun(true);
    let runtime = RuntimeBuilder::new().with_proactor(proactor).build();
    let runtime: Runtime = require("can't start the runtime", runtime);
    let about = |settings: &str| About {
        version: version_of("compio"),
        settings: format!("io_uring with 1024 entries, single_issuer, defer_taskrun, {settings}"),
    };
    match command.mode {
        mode @ ("echo" | "sink") => {
            let about = about("backlog 1024, 64 KiB owned buffer a connection, TCP_NODELAY");
            runtime.block_on(serve(&about, mode == "echo"));
        }
        "udp-sink" => {
            let about = about("UdpSocket::recv_from, 64 KiB owned buffer");
            runtime.block_on(swallow(&about));
        }
        _ => works::serve(&runtime, &about("works run in block_on, yield by self-wake")),
    }
}

async fn serve(about: &About, replies: bool) {
    let listener = require("can't listen", listener().await);
    subject::announce_server(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            spawn(converse(stream, replies)).detach();
        }
    }
}

async fn listener() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4().await?;
    socket.bind(([127, 0, 0, 1], 0).into()).await?;
    socket.listen(BACKLOG).await
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn converse(mut stream: TcpStream, replies: bool) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let (mut read, mut written);
    loop {
        BufResult(read, buffer) = stream.read(buffer).await;
        let length = read.ok()?;
        if length == 0 {
            return None;
        }
        if replies {
            BufResult(written, buffer) = stream.write_all(buffer).await;
            written.ok()?;
        }
        received(length);
        buffer.clear();
    }
}

async fn swallow(about: &About) {
    let socket = require("no socket", subject::datagrams().and_then(UdpSocket::from_std));
    subject::announce_datagrams(require("no address", socket.local_addr()), about);
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let mut result;
    loop {
        BufResult(result, buffer) = socket.recv_from(buffer).await;
        require("can't receive", result);
        received(1);
        buffer.clear();
    }
}
