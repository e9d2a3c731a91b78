//! A supervisor accepts connections and passes each to a worker, over a Unix socket that only its
//! own user may connect to; the worker checks who it talks to, and serves.
//!
//! Both are tasks here, and processes in an engine: a gateway can be replaced without its
//! counterparties noticing, since their connections live on.

use std::net::TcpListener;
use std::os::fd::AsFd;

use taut::net::{TcpStream, UnixBind, UnixFdStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = format!("taut-unix-fd-passing-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    taut::run(async move {
        let bind = UnixBind::new(&path)?.mode(0o600).replace_stale(true);
        let workers = bind.listen()?;
        let worker = taut::spawn(work(path.clone()));
        let mut worker_socket = workers.accept_fd_stream().await?;
        let credentials = worker_socket.peer_credentials()?;
        println!("the worker is process {:?} of user {}", credentials.pid, credentials.uid);

        let venue = TcpListener::bind("127.0.0.1:0")?;
        let mut client = TcpStream::connect(venue.local_addr()?).await?;
        let (connection, _) = venue.accept()?;
        worker_socket.send_with_fds(b"a client", &[connection.as_fd()]).await?;
        drop(connection); // the worker has a copy

        client.write_all(b"35=A").await?;
        worker.await??;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer)?;
        assert_eq!(answer, "logged on: 35=A");
        println!("the client got {answer:?} on the connection that was passed");
        drop(workers);
        assert!(!path.exists());
        println!("and the socket's file is gone with its listener");
        Ok(())
    })?
}

async fn work(supervisor: std::path::PathBuf) -> std::io::Result<()> {
    let mut supervisor = UnixFdStream::connect(&supervisor).await?;
    let message = supervisor.recv_with_fds(1).await?;
    println!("the worker was passed {} descriptor: {:?}", message.fds.len(), message.bytes);
    let connection = message.fds.into_iter().next().expect("one came with these bytes");
    let mut client = TcpStream::from_std(connection.into())?;
    let request = client.recv().await?;
    client.write_all(b"logged on: ").await?;
    client.write_all(&request).await
}
