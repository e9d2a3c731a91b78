//! smol: an echo server on one thread, `LocalExecutor` inside of `block_on`.

use std::net::{TcpListener, TcpStream};

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::{Async, LocalExecutor};
use subject::{About, accepted, require, version_of};

const BUFFER_BYTES: usize = 64 * 1024;
/// That of the other runtimes; the default of 128 makes many clients at once wait for seconds.
const BACKLOG: i32 = 1024;

fn main() {
    let _ = subject::start(&["echo"]);
    let about = About {
        version: format!("{}, {}", version_of("smol"), version_of("async-io")),
        settings: "LocalExecutor inside of block_on, Async<TcpStream>, backlog 1024, \
                   64 KiB buffer a connection, TCP_NODELAY"
            .to_owned(),
    };
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(serve(&executor, &about)));
}

async fn serve(executor: &LocalExecutor<'_>, about: &About) {
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0));
    let listener = require("can't listen", listener);
    require("can't widen the backlog", rustix::net::listen(&listener, BACKLOG));
    subject::announce_echo(require("no address", listener.get_ref().local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            executor.spawn(echo(stream)).detach();
        }
    }
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn echo(mut stream: Async<TcpStream>) -> Option<()> {
    stream.get_ref().set_nodelay(true).ok()?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            length => stream.write_all(&buffer[..length]).await.ok()?,
        }
    }
}
