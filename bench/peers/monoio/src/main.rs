//! monoio on its io_uring driver. `echo` is an echo server, `micro` times tasks and the channels
//! of local-sync, which monoio's own documentation names for it.

mod works;

use io_uring::IoUring;
use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, RuntimeBuilder};
use subject::{About, accepted, require, version_of};

const BUFFER_BYTES: usize = 64 * 1024;

fn main() {
    let command = subject::start(&["echo", "micro"]);
    match command.mode {
        "echo" => {
            let runtime = builder().build();
            let about = About {
                version: version_of("monoio"),
                settings:
                    "IoUringDriver with 1024 entries, single_issuer, defer_taskrun, no timer, \
                           64 KiB owned buffer a connection, TCP_NODELAY"
                        .to_owned(),
            };
            require("can't start the runtime", runtime).block_on(serve(&about));
        }
        _ => works::serve(),
    }
}

fn builder() -> RuntimeBuilder<IoUringDriver> {
    let mut ring = IoUring::builder();
    ring.setup_single_issuer().setup_defer_taskrun();
    RuntimeBuilder::new().uring_builder(ring)
}

async fn serve(about: &About) {
    let listener = require("can't listen", TcpListener::bind("127.0.0.1:0"));
    subject::announce_echo(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            monoio::spawn(echo(stream));
        }
    }
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn echo(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    let (mut read, mut written);
    loop {
        (read, buffer) = stream.read(buffer).await;
        if read.ok()? == 0 {
            return None;
        }
        (written, buffer) = stream.write_all(buffer).await;
        written.ok()?;
        buffer.clear();
    }
}
