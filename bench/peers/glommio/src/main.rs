//! glommio. `echo spin` and `echo park` are echo servers whose idle executor spins or sleeps,
//! `micro` times tasks, timers and local channels, `cores` its channel between executors.

mod cores;
mod works;

use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::{TcpListener, TcpStream};
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement, spawn_local};
use subject::{About, accepted, require, version_of};

const BUFFER_BYTES: usize = 64 * 1024;
/// Longer than any run: the executor never parks. Only an executor with a fixed core may spin.
const SPIN: Duration = Duration::from_hours(24 * 365);

fn main() {
    let command = subject::start(&["cores", "echo park", "echo spin", "micro"]);
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
    let (builder, idle) = match command.mode {
        "echo spin" => (builder.spin_before_park(SPIN), "spin_before_park of a year"),
        _ => (builder, "parks at once when idle"),
    };
    let executor: LocalExecutor = require("can't start the executor", builder.make());
    let about = |settings: &str| About {
        version: version_of("glommio"),
        settings: format!("LocalExecutor with Placement::Fixed, {idle}, {settings}"),
    };
    match command.mode {
        "micro" => works::serve(&executor, &about("works run in a task, local_channel")),
        _ => executor.run(serve(&about("64 KiB buffer a connection, TCP_NODELAY"))),
    }
}

async fn serve(about: &About) {
    let listener = require("can't listen", TcpListener::bind("127.0.0.1:0"));
    subject::announce_echo(require("no address", listener.local_addr()), about);
    loop {
        if let Some(stream) = accepted(listener.accept().await.map_err(Into::into)) {
            spawn_local(echo(stream)).detach();
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
