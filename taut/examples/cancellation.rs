//! A cancel reaches the leaves of a task tree, finds a shielded step, and lets everybody clean up:
//! `cargo run --release --example cancellation`.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use taut::task::{all, is_cancelled, shield};
use taut::time::sleep;
use taut::yield_now;

type Log = Rc<RefCell<Vec<&'static str>>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let log = Log::default();
        let strategy = taut::spawn(strategy(Rc::clone(&log))).named("strategy");
        sleep(Duration::from_millis(1)).await?;
        println!("{}", taut::dump());

        strategy.cancel();
        let error = strategy.await?.unwrap_err();
        assert!(taut::is_cancelled(&error));
        println!("the strategy ended: {error}");
        for line in log.borrow().iter() {
            println!("- {line}");
        }
        assert_eq!(
            *log.borrow(),
            ["the model stopped", "the feed stopped", "the position is flat"]
        );
        Ok(())
    })?
}

async fn strategy(log: Log) -> io::Result<()> {
    let feed = taut::spawn(feed(Rc::clone(&log))).named("feed");
    let outcome = all((feed.flatten(), model(&log))).await;
    // The strategy is cancelled by now, and its next await would fail: a shield holds that off.
    shield(sleep(Duration::from_micros(100))).await?;
    log.borrow_mut().push("the position is flat");
    outcome.map(drop)
}

/// Waits, and learns of a cancel from what it waits for.
async fn feed(log: Log) -> io::Result<()> {
    let error = loop {
        if let Err(cancelled) = sleep(Duration::from_secs(1)).await {
            break cancelled;
        }
    };
    log.borrow_mut().push("the feed stopped");
    Err(error.into())
}

/// Computes, and asks for itself.
async fn model(log: &Log) -> io::Result<()> {
    while !is_cancelled() {
        yield_now().await;
    }
    log.borrow_mut().push("the model stopped");
    Err(taut::Cancelled.into())
}
