//! An echo server with a task for each connection, and three clients that it serves:
//! `cargo run --release --example tcp_server`.

use std::io;

use taut::net::{TcpListener, TcpStream};
use taut::task::{TaskGroup, all};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let address = listener.local_addr()?;
        let server = taut::spawn(serve(listener));

        let clients = (1..=3).map(|number| async move {
            let mut stream = TcpStream::connect(address).await?;
            let request = format!("hello from client {number}");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = vec![0; request.len()];
            stream.read_exact(&mut answer).await?;
            assert_eq!(answer, request.as_bytes());
            Ok::<_, io::Error>(request)
        });
        for echoed in all(clients).await? {
            println!("echoed: {echoed}");
        }

        server.cancel();
        let served = server.await??;
        assert_eq!(served, 3);
        println!("{served} connections served");
        Ok(())
    })?
}

/// Accepts until it is cancelled, then lets the connections end; how many there were.
async fn serve(listener: TcpListener) -> io::Result<u32> {
    let connections = TaskGroup::discarding();
    let mut served = 0;
    loop {
        match listener.accept().await {
            Ok(stream) => connections.add(handle(stream)),
            Err(error) if taut::is_cancelled(&error) => break,
            Err(error) => return Err(error),
        }
        served += 1;
    }
    connections.wait().await?;
    Ok(served)
}

async fn handle(mut stream: TcpStream) {
    while let Ok(message) = stream.recv().await {
        if message.is_empty() || stream.write_all(&message).await.is_err() {
            return;
        }
    }
}
