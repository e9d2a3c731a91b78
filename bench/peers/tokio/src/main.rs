//! tokio: a current-thread runtime with a `LocalSet`. `echo` is an echo server, `sink` and
//! `udp-sink` swallow what comes, `micro` times tasks, timers and channels, `cores` channels
//! between two cores.

mod cores;
mod works;

use std::io;

use subject::{About, accepted, received, require, version_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local};

const BUFFER_BYTES: usize = 64 * 1024;
/// That of the other runtimes; with less, many clients at once wait for seconds.
const BACKLOG: u32 = 1024;

fn main() {
    let command =
        subject::start(&["cores park", "cores spin", "echo", "micro", "sink", "udp-sink"]);
    let about = |settings: &str| About {
        version: version_of("tokio"),
        settings: format!("current_thread, LocalSet, {settings}"),
    };
    match command.mode {
        mode @ ("cores park" | "cores spin") => cores::serve(mode, command.other_core),
        mode @ ("echo" | "sink") => {
            let about = about("enable_io, backlog 1024, 64 KiB buffer a connection, TCP_NODELAY");
            let runtime = built(Builder::new_current_thread().enable_io());
            LocalSet::new().block_on(&runtime, serve(&about, mode == "echo"));
        }
        "udp-sink" => {
            let about = about("enable_io, UdpSocket::recv_from, 64 KiB buffer");
            let runtime = built(Builder::new_current_thread().enable_io());
            LocalSet::new().block_on(&runtime, swallow(&about));
        }
        _ => {
            let about = about("enable_all, works run in a task, default cooperative budget");
            works::serve(&built(Builder::new_current_thread().enable_all()), &about);
        }
    }
}

fn built(builder: &mut Builder) -> Runtime {
    require("can't start the runtime", builder.build())
}

async fn serve(about: &About, replies: bool) {
    let listener = require("can't listen", listener());
    subject::announce_server(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            spawn_local(converse(stream, replies));
        }
    }
}

fn listener() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(BACKLOG)
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn converse(mut stream: TcpStream, replies: bool) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    while stream.read_buf(&mut buffer).await.ok()? > 0 {
        if replies {
            stream.write_all(&buffer).await.ok()?;
        }
        received(buffer.len());
        buffer.clear();
    }
    None
}

async fn swallow(about: &About) {
    let socket = require("no socket", datagrams());
    subject::announce_datagrams(require("no address", socket.local_addr()), about);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        require("can't receive", socket.recv_from(&mut buffer).await);
        received(1);
    }
}

fn datagrams() -> io::Result<UdpSocket> {
    let socket = subject::datagrams()?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}
