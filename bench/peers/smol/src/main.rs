//! smol: an echo server on one thread, `LocalExecutor` inside of `block_on`; `sink` and `udp-sink`
//! swallow what comes.

use std::net::{TcpListener, TcpStream};

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::{Async, LocalExecutor};
use subject::{About, accepted, received, require, version_of};

const BUFFER_BYTES: usize = 64 * 1024;
/// That of the other runtimes; the default of 128 makes many clients at once wait for seconds.
const BACKLOG: i32 = 1024;

fn main() {
    let command = subject::start(&["echo", "sink", "udp-sink"]);
    let about = |settings: &str| About {
        version: format!("{}, {}", version_of("smol"), version_of("async-io")),
        settings: format!("LocalExecutor inside of block_on, {settings}"),
    };
    let executor = LocalExecutor::new();
    match command.mode {
        "udp-sink" => {
            let about = about("Async<UdpSocket>, recv_from, 64 KiB buffer");
            smol::block_on(executor.run(swallow(&about)));
        }
        mode => {
            let settings = "Async<TcpStream>, backlog 1024, 64 KiB buffer a connection, \
                            TCP_NODELAY";
            smol::block_on(executor.run(serve(&executor, &about(settings), mode == "echo")));
        }
    }
}

async fn serve(executor: &LocalExecutor<'_>, about: &About, replies: bool) {
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0));
    let listener = require("can't listen", listener);
    require("can't widen the backlog", rustix::net::listen(&listener, BACKLOG));
    subject::announce_server(require("no address", listener.get_ref().local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            executor.spawn(converse(stream, replies)).detach();
        }
    }
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn converse(mut stream: Async<TcpStream>, replies: bool) -> Option<()> {
    stream.get_ref().set_nodelay(true).ok()?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = stream.read(&mut buffer).await.ok()?;
        if length == 0 {
            return None;
        }
        if replies {
            stream.write_all(&buffer[..length]).await.ok()?;
        }
        received(length);
    }
}

async fn swallow(about: &About) {
    let socket = require("no socket", subject::datagrams().and_then(Async::new));
    subject::announce_datagrams(require("no address", socket.get_ref().local_addr()), about);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        require("can't receive", socket.recv_from(&mut buffer).await);
        received(1);
    }
}
