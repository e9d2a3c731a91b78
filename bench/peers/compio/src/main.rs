//! compio on its io_uring driver. `echo` is an echo server, `micro` times tasks and timers.

mod works;

use std::io;

use compio::BufResult;
use compio::driver::ProactorBuilder;
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpSocket, TcpStream};
use compio::runtime::{Runtime, RuntimeBuilder, spawn};
use subject::{About, accepted, require, version_of};

const BUFFER_BYTES: usize = 64 * 1024;
/// That of the other runtimes; its own default of 128 makes many clients at once wait for seconds.
const BACKLOG: i32 = 1024;

fn main() {
    let command = subject::start(&["echo", "micro"]);
    let mut proactor = ProactorBuilder::new();
    proactor.single_issuer(true).defer_taskrun(true);
    let runtime = RuntimeBuilder::new().with_proactor(proactor).build();
    let runtime: Runtime = require("can't start the runtime", runtime);
    let about = |settings: &str| About {
        version: version_of("compio"),
        settings: format!("io_uring with 1024 entries, single_issuer, defer_taskrun, {settings}"),
    };
    match command.mode {
        "echo" => {
            let about = about("backlog 1024, 64 KiB owned buffer a connection, TCP_NODELAY");
            runtime.block_on(serve(&about));
        }
        _ => works::serve(&runtime, &about("works run in block_on, yield by self-wake")),
    }
}

async fn serve(about: &About) {
    let listener = require("can't listen", listener().await);
    subject::announce_echo(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            spawn(echo(stream)).detach();
        }
    }
}

async fn listener() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4().await?;
    socket.bind(([127, 0, 0, 1], 0).into()).await?;
    socket.listen(BACKLOG).await
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn echo(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let (mut read, mut written);
    loop {
        BufResult(read, buffer) = stream.read(buffer).await;
        if read.ok()? == 0 {
            return None;
        }
        BufResult(written, buffer) = stream.write_all(buffer).await;
        written.ok()?;
        buffer.clear();
    }
}
