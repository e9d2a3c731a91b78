//! Errors without ceremony: `?` on results, and panics that cross a join:
//! `cargo run --release --example errors`.

use std::io;
use std::time::Duration;

use taut::net::TcpStream;
use taut::time::{sleep, timeout};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        // A result: `?` hands the error up, with the kernel's own code.
        let refused = fetch().await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        println!("a result: {refused}");

        // A time-out is an error of its own, and becomes an `io::Error` by `?`, too.
        let late = fetch_in_time().await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        println!("a time-out: {late}");

        // A panic is a bug. It ends its task alone, and whoever joins the task learns of it.
        let price = taut::spawn(async { "1O1".parse::<u32>().expect("a price has only digits") });
        let bug = price.await.unwrap_err();
        assert!(bug.is_panic());
        println!("a panic: {bug}");

        // A cancel is no failure: whoever asked for it asks the error.
        let waits = taut::spawn(sleep(Duration::from_secs(3600)));
        waits.cancel();
        let cancelled = waits.await?.unwrap_err();
        assert!(taut::is_cancelled(&cancelled));
        println!("a cancel: {cancelled}");
        Ok(())
    })?
}

async fn fetch() -> io::Result<Vec<u8>> {
    // Nobody listens on the port of a listener that is gone.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

async fn fetch_in_time() -> io::Result<()> {
    timeout(Duration::from_millis(1), sleep(Duration::from_secs(3600))).await??;
    Ok(())
}
