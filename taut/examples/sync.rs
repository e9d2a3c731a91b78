//! A lock, an event and a condition between tasks of one core:
//! `cargo run --release --example sync`.

use std::collections::VecDeque;
use std::rc::Rc;

use taut::Cancelled;
use taut::sync::{Condition, Event, Mutex};

/// An order book that several tasks work on.
#[derive(Default)]
struct Book {
    orders: Mutex<VecDeque<u32>>,
    changed: Condition,
    open: Event,
}

const ORDERS: u32 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let book = Rc::new(Book::default());
        let matcher = taut::spawn(match_orders(Rc::clone(&book)));
        let gateway = taut::spawn(accept_orders(Rc::clone(&book)));

        assert!(!gateway.is_finished());
        println!("the market opens");
        book.open.set();

        gateway.await??;
        let matched = matcher.await??;
        assert_eq!(matched, [1, 2, 3, 4, 5]);
        println!("matched: {matched:?}");
        Ok(())
    })?
}

async fn accept_orders(book: Rc<Book>) -> Result<(), Cancelled> {
    book.open.wait().await?;
    for order in 1..=ORDERS {
        // The guard unlocks when it goes, on every way out.
        let mut orders = book.orders.lock().await?;
        orders.push_back(order);
        book.changed.notify_one();
    }
    Ok(())
}

async fn match_orders(book: Rc<Book>) -> Result<Vec<u32>, Cancelled> {
    let mut matched = Vec::new();
    while matched.len() < ORDERS as usize {
        let orders = book.orders.lock().await?;
        let (mut orders, waited) =
            book.changed.wait_while(orders, |orders| orders.is_empty()).await;
        waited?;
        matched.extend(orders.drain(..));
    }
    Ok(matched)
}
