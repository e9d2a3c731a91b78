//! The first fill of three venues; the orders at the others are cancelled:
//! `cargo run --release --example any_venue`.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use taut::task::{any, shield};
use taut::time::sleep;

struct Venue {
    name: &'static str,
    delay: Duration,
    open: bool,
}

const VENUES: [Venue; 3] = [
    Venue { name: "NYSE", delay: Duration::from_micros(100), open: false },
    Venue { name: "NASDAQ", delay: Duration::from_millis(2), open: true },
    Venue { name: "BATS", delay: Duration::from_secs(3600), open: true },
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let withdrawn = RefCell::new(Vec::new());
        let fill = any(VENUES.iter().map(|venue| send_order(venue, &withdrawn))).await?;
        assert_eq!(fill, "filled at NASDAQ");
        println!("{fill}");
        // `any` returned after every order had ended: the one that lost was withdrawn.
        assert_eq!(*withdrawn.borrow(), ["BATS"]);
        println!("withdrawn: {}", withdrawn.borrow().join(", "));

        // Where no venue fills, every error is there, in the order of the venues.
        let closed = [&VENUES[0], &VENUES[0]];
        let errors = any(closed.map(|venue| send_order(venue, &withdrawn))).await.unwrap_err();
        assert_eq!(errors.errors().len(), 2);
        println!("{errors}");
        Ok(())
    })?
}

async fn send_order(venue: &Venue, withdrawn: &RefCell<Vec<&'static str>>) -> io::Result<String> {
    if let Err(cancelled) = sleep(venue.delay).await {
        // The order is in the market: taking it back must not be cancelled.
        shield(sleep(Duration::from_micros(50))).await?;
        withdrawn.borrow_mut().push(venue.name);
        return Err(cancelled.into());
    }
    match venue.open {
        true => Ok(format!("filled at {}", venue.name)),
        false => Err(io::Error::other(format!("{} is closed", venue.name))),
    }
}
