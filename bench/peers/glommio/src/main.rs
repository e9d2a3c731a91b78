//! glommio. `echo spin` and `echo park` are echo servers whose idle executor spins or sleeps, the
//! sinks swallow what comes likewise, `micro` times tasks, timers and local channels, `cores` its
//! channel between executors.

mod cores;
mod works;

use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream, UdpSocket};
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement, spawn_local};
use socket2::Socket;
use subject::{About, accepted, received, require, version_of};

const BUFFER_BYTES: usize = 64 * 1024;
/// Longer than any run: the executor never parks. Only an executor with a fixed core may spin.
const SPIN: Duration = Duration::from_hours(24 * 365);

/// Those of two words say what an idle executor does.
const MODES: [&str; 8] = [
    "cores",
    "echo park",
    "echo spin",
    "micro",
    "sink park",
    "sink spin",
    "udp-sink park",
    "udp-sink spin",
];

fn main() {
    let command = subject::start(&MODES);
    if command.mode == "cores" {
        let about = About {
            version: version_of("glommio"),
            settings: "shared_channel of 1024, LocalExecutor with Placement::Fixed on each core, \
                       spin_before_park of a year"
                .to_owned(),
        };
        return cores::serve(&about, command.core, command.other_core, SPIN);
    }
    let builder = LocalExecutorBuilder::new(Placement::Fixed(command.core));
    let (role, idle) = command.mode.split_once(' ').unwrap_or((command.mode, "park"));
    let (builder, idle) = match idle {
        "spin" => (builder.spin_before_park(SPIN), "spin_before_park of a year"),
        _ => (builder, "parks at once when idle"),
    };
    let executor: LocalExecutor = require("can't start the executor", builder.make());
    let about = |settings: &str| About {
        version: version_of("glommio"),
        settings: format!("LocalExecutor with Placement::Fixed, {idle}, {settings}"),
    };
    match role {
        "micro" => works::serve(&executor, &about("works run in a task, local_channel")),
        "udp-sink" => executor.run(swallow(&about("UdpSocket::recv_from, 64 KiB buffer"))),
        _ => {
            let about = about("64 KiB buffer a connection, TCP_NODELAY");
            executor.run(serve(&about, role == "echo"));
        }
    }
}

async fn serve(about: &About, replies: bool) {
    let listener = require("can't listen", TcpListener::bind("127.0.0.1:0"));
    subject::announce_server(require("no address", listener.local_addr()), about);
    loop {
        if let Some(stream) = accepted(listener.accept().await.map_err(Into::into)) {
            spawn_local(converse(stream, replies)).detach();
        }
    }
}

/// A connection that breaks ends alone, as one that the peer closes.
async fn converse(mut stream: TcpStream, replies: bool) -> Option<()> {
    stream.set_nodelay(true).ok()?;
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
    let socket = require("no socket", subject::datagrams());
    let listening = require("no address", socket.local_addr());
    let socket = UdpSocket::from(Socket::from(socket));
    subject::announce_datagrams(listening, about);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        require("can't receive", socket.recv_from(&mut buffer).await);
        received(1);
    }
}
