//! Time limits in both forms: a race with a timer, and a timeout:
//! `cargo run --release --example race_timeout`.

use std::time::Duration;

use taut::task::{OneOf2, race, shield};
use taut::time::{Instant, sleep, timeout};

const LIMIT: Duration = Duration::from_millis(2);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        // The race says by its variant who won; the loser is cancelled, and has ended by then.
        match race((quote(Duration::from_micros(200)), sleep(LIMIT))).await {
            OneOf2::First(price) => println!("in time: {price:?}"),
            OneOf2::Second(_) => unreachable!("200 us are less than 2 ms"),
        }
        let slow = race((quote(Duration::from_secs(3600)), sleep(LIMIT))).await;
        assert!(matches!(slow, OneOf2::Second(Ok(()))));
        println!("the timer won");

        // A race waits for a loser that cleans up. A timeout does not: it is there at its deadline.
        let started = Instant::now();
        let outcome = timeout(LIMIT, slow_to_die()).await;
        assert!(outcome.is_err());
        assert!(started.elapsed() < Duration::from_secs(1));
        println!("timed out after {:?}", started.elapsed());
        Ok(())
    })?
}

async fn quote(delay: Duration) -> Option<u32> {
    sleep(delay).await.ok().map(|()| 10_125)
}

async fn slow_to_die() {
    shield(sleep(Duration::from_secs(3600))).await.expect("shielded from cancels");
}
