//! A session that outlives its server: `cargo run --release --example reconnecting`.
//!
//! The venue restarts twice in the middle of the trading. The session connects again, logs on, and
//! learns of each order what became of it: confirmed, uncertain, or never sent.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use taut::net::reconnect::{Incoming, Ticket};
use taut::net::{ReconnectingStream, TcpListener, TcpStream};

const LOG_ON: &[u8] = b"LOGON\n";
const ORDERS: [&str; 4] = ["BUY 1", "BUY 2", "SELL 3", "SELL 4"];

/// Confirms one order in each of its lives, reads one more, and goes down without a word.
async fn venue(listener: TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(listener);
    loop {
        let life = match listener.take() {
            Some(first) => first,
            None => TcpListener::bind(address)?,
        };
        let mut stream = life.accept().await?;
        drop(life);
        stream.read_exact(&mut [0; LOG_ON.len()]).await?;
        stream.write_all(b"+").await?;
        let first = stream.recv().await?;
        if first.is_empty() {
            return Ok(()); // the client is done
        }
        stream.write_all(b"+").await?;
        stream.recv().await?;
        stream.close_reset()?;
    }
}

fn session(address: SocketAddr) -> ReconnectingStream {
    ReconnectingStream::builder()
        .backoff_first(Duration::from_millis(1))
        .backoff_max(Duration::from_millis(20))
        .outage_max(Some(Duration::from_secs(30)))
        .on_attempt(|attempt| {
            println!("connecting after {} failures, in {:?}", attempt.failures, attempt.pause);
        })
        .on_connect(async |stream: &mut TcpStream| {
            stream.write_all(LOG_ON).await?;
            let mut answer = [0; 1];
            stream.read_exact(&mut answer).await
        })
        .on_disconnect(|reason| println!("lost the venue: {reason}"))
        .build(address)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let address = listener.local_addr()?;
        let venue = taut::spawn(venue(listener));

        let mut session = session(address);
        let (mut confirmed, mut uncertain) = (Vec::new(), Vec::new());
        let mut orders = ORDERS.into_iter();
        let mut last: Option<(Ticket, &str)> = None;
        while confirmed.len() + uncertain.len() < ORDERS.len() {
            if last.is_none()
                && let Some(order) = orders.next()
            {
                last = Some((session.send(order.as_bytes()).await?, order));
                println!("sent {order}");
            }
            match session.recv().await? {
                Incoming::Connected => println!("logged on"),
                Incoming::Bytes(_) => {
                    let (ticket, order) = last.take().expect("one order at a time is confirmed");
                    assert!(session.acknowledge(ticket));
                    println!("confirmed {order}");
                    confirmed.push(order);
                }
                Incoming::Lost(_) => {
                    // The venue's own records would have to say; here they are only noted.
                    for message in session.take_uncertain() {
                        let order = String::from_utf8_lossy(&message.message).into_owned();
                        println!("uncertain: {order}");
                        uncertain.push(order);
                    }
                    last = None;
                }
            }
        }
        assert_eq!((confirmed.len(), uncertain.len()), (2, 2), "each life confirms one order");
        println!("confirmed {confirmed:?}, uncertain {uncertain:?}");
        drop(session);
        venue.abort();
        Ok(())
    })?
}
