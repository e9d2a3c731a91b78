//! Round trips to an echo server over a *hot* stream, with a timeout on each:
//! `cargo run --release --example hot_client -- 127.0.0.1:7000`. Prints the fastest and slowest.

use std::time::Duration;

use taut::net::TcpStream;
use taut::time::{Instant, timeout};
use taut::{Runtime, WaitStrategy};

const ROUND_TRIPS: u32 = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let runtime = Runtime::builder().wait(WaitStrategy::Spin).build()?;

    runtime.block_on(async {
        let mut stream = TcpStream::connect(server).await?;
        stream.set_hot(true);
        let (mut fastest, mut slowest) = (Duration::MAX, Duration::ZERO);
        for number in 0..ROUND_TRIPS {
            let order = number.to_le_bytes();
            let mut answer = [0; 4];
            let sent = Instant::now();
            stream.write_all(&order).await?;
            timeout(Duration::from_secs(1), stream.read_exact(&mut answer)).await??;
            assert_eq!(answer, order);
            fastest = fastest.min(sent.elapsed());
            slowest = slowest.max(sent.elapsed());
        }
        println!("{ROUND_TRIPS} round trips: fastest {fastest:?}, slowest {slowest:?}");
        Ok(())
    })
}
