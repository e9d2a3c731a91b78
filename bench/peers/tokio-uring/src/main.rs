//! tokio-uring: tokio's current-thread runtime with an io_uring beside it. Its tasks and timers are
//! tokio's, so it has `echo` alone.

use subject::{About, accepted, require, version_of};
use tokio_uring::net::{TcpListener, TcpStream};

const BUFFER_BYTES: usize = 64 * 1024;

fn main() {
    let _echo = subject::start(&["echo"]);
    let mut ring = tokio_uring::uring_builder();
    ring.setup_coop_taskrun().setup_single_issuer();
    let runtime = tokio_uring::Runtime::new(tokio_uring::builder().uring_builder(&ring));
    let runtime = require("can't start the runtime", runtime);
    let settings = "256 entries, coop_taskrun, single_issuer, 64 KiB owned buffer a connection, \
                    TCP_NODELAY";
    let version = format!("{}, {}", version_of("tokio-uring"), version_of("tokio"));
    runtime.block_on(serve(&About { version, settings: settings.to_owned() }));
}

async fn serve(about: &About) {
    let address = "127.0.0.1:0".parse().expect("an address");
    let listener = require("can't listen", TcpListener::bind(address));
    subject::announce_echo(require("no address", listener.local_addr()), about);
    loop {
        if let Some((stream, _)) = accepted(listener.accept().await) {
            tokio_uring::spawn(echo(stream));
        }
    }
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn echo(stream: TcpStream) -> Option<()> {
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
