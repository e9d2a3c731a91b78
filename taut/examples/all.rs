//! Several things at once, of different types; the first error cancels the rest:
//! `cargo run --release --example all`.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use taut::sync::Event;
use taut::task::all;
use taut::time::{Instant, sleep};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let started = Instant::now();
        let (user, limit) = all((fetch_user(7), fetch_limit(7))).await?;
        assert_eq!((user.as_str(), limit), ("alice", 250));
        println!("{user} may trade {limit}, known after {:?}", started.elapsed());

        // The limit is refused, so the user's request, which would take an hour, is cancelled.
        let cleaned_up = Rc::new(Event::new());
        let error = all((fetch_slowly(&cleaned_up), fetch_limit(13))).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(cleaned_up.is_set());
        println!("refused: {error}; the other request was cancelled and has ended");
        Ok(())
    })?
}

async fn fetch_user(_id: u32) -> io::Result<String> {
    sleep(Duration::from_millis(2)).await?;
    Ok("alice".to_owned())
}

async fn fetch_limit(id: u32) -> io::Result<u32> {
    sleep(Duration::from_millis(1)).await?;
    match id {
        7 => Ok(250),
        _ => Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{id} may not trade"))),
    }
}

async fn fetch_slowly(cleaned_up: &Event) -> io::Result<String> {
    let slept = sleep(Duration::from_secs(3600)).await;
    // Here is room to clean up: `all` waits for it.
    cleaned_up.set();
    slept?;
    Ok("too late".to_owned())
}
