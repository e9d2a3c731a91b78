//! Serves until SIGINT (Ctrl-C), then lets the connections end:
//! `cargo run --release --example graceful_shutdown`. It sends the signal to itself after a while.

use std::io;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use taut::net::{TcpListener, TcpStream};
use taut::signal::ctrl_c;
use taut::task::{OneOf2, TaskGroup, race};
use taut::time::{sleep, timeout};

/// How long connections may take to end.
const GRACE: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let address = listener.local_addr()?;
        let client = taut::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(b"order").await?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await?;
            sleep(Duration::from_millis(5)).await?;
            kill_process(getpid(), Signal::INT)?;
            // The server lets an open connection end in its own time.
            stream.write_all(b"after").await?;
            stream.read_exact(&mut answer).await?;
            Ok::<_, io::Error>(answer)
        });

        let connections = TaskGroup::discarding();
        match race((serve(&listener, &connections), ctrl_c())).await {
            OneOf2::First(outcome) => outcome?,
            OneOf2::Second(signal) => signal?,
        }
        drop(listener);
        println!("interrupted: no new connections, {} to end", connections.len());

        assert_eq!(&client.await??, b"after");
        if timeout(GRACE, connections.wait()).await.is_err() {
            connections.cancel();
            connections.wait().await?;
        }
        assert!(connections.is_empty());
        println!("all connections have ended");
        Ok(())
    })?
}

async fn serve(listener: &TcpListener, connections: &TaskGroup) -> io::Result<()> {
    loop {
        let mut stream = listener.accept().await?;
        connections.add(async move {
            while let Ok(message) = stream.recv().await {
                if message.is_empty() || stream.write_all(&message).await.is_err() {
                    return;
                }
            }
        });
    }
}
