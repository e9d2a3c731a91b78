//! An echo server, pinned and spinning:
//! `cargo run --release --example echo_server -- 127.0.0.1:7000 2` listens there with its runtime
//! on core 2. Without a core it is not pinned and parks when idle.

use std::net::SocketAddr;

use taut::net::{TcpListener, TcpStream};
use taut::{Runtime, WaitStrategy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().as_deref().unwrap_or("127.0.0.1:7000").parse()?;

    let mut builder = Runtime::builder();
    if let Some(core) = arguments.next() {
        builder = builder.core(core.parse()?).wait(WaitStrategy::Spin);
    }
    let runtime = builder.build()?;
    println!("{}", runtime.features());

    runtime.block_on(async {
        let listener = TcpListener::bind(address)?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let stream = listener.accept().await?;
            taut::spawn(async move {
                if let Err(error) = echo(stream).await {
                    eprintln!("a connection failed: {error}");
                }
            });
        }
    })
}

async fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    loop {
        let message = stream.recv().await?;
        if message.is_empty() {
            return Ok(());
        }
        stream.write_all(&message).await?;
    }
}
