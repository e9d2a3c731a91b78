//! tokio: a current-thread runtime. `echo` is an echo server, `micro` times tasks and channels.

mod works;

use subject::{About, accepted, require, version_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

const BUFFER_BYTES: usize = 64 * 1024;

fn main() {
    let command = subject::start(&["echo", "micro"]);
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime: LocalRuntime = require("can't start the runtime", runtime);
    let about = |settings: &str| About {
        version: version_of("tokio"),
        settings: format!("LocalRuntime (current_thread, spawn_local), enable_all, {settings}"),
    };
    match command.mode {
        "echo" => runtime.block_on(serve(&about("64 KiB buffer a connection, TCP_NODELAY"))),
        _ => works::serve(&runtime, &about("works run in a task, default cooperative budget")),
    }
}

async fn serve(about: &About) {
    let listener = require("can't listen", TcpListener::bind("127.0.0.1:0").await);
    subject::announce_echo(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            tokio::task::spawn_local(echo(stream));
        }
    }
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn echo(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            length => stream.write_all(&buffer[..length]).await.ok()?,
        }
    }
}
