//! Both ends of a TCP connection as tasks of one runtime.
//!
//! The loopback device hands over what is sent before the call returns, or while the core sleeps;
//! either way the program executes the same instructions.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use taut::net::{TcpListener, TcpStream};

/// Bytes of a message.
const SIZE: usize = 64;

/// So many round trips, one message in flight.
pub(crate) async fn round_trips(operations: u64) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let server = taut::spawn(async move { serve(listener.accept().await?).await });
    let mut client = TcpStream::connect(address).await?;
    let request = [0x54; SIZE];
    for _ in 0..operations {
        client.write_all(&request).await?;
        let mut missing = SIZE;
        while missing > 0 {
            let reply = client.recv().await?;
            if reply.is_empty() || reply.len() > missing {
                return Err(io::Error::other("the reply is not what was sent"));
            }
            missing -= reply.len();
        }
    }
    drop(client);
    server.await?
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    loop {
        let message = stream.recv().await?;
        if message.is_empty() {
            return Ok(());
        }
        stream.write_all(&message).await?;
    }
}
