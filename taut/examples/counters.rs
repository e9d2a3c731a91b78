//! Two cores that count in one file beside a counter and a recorder of the user's own, and a reader
//! that prints what any other process would see: `cargo run --release --example counters`.
//!
//! While it runs, `cargo run --release -p taut-bench --bin taut-stat` shows the same live.

use std::error::Error;
use std::thread;
use std::time::Duration;

use taut::counter_file::{CounterFile, CounterFileOptions, CounterReader, Snapshot};
use taut::latency::{Limits, Recorder};
use taut::time::{Instant, sleep_until};
use taut::{Runtime, spawn};

const ORDERS: u64 = 500;
const INTERVAL: Duration = Duration::from_micros(100);
const TURN_BUDGET: Duration = Duration::from_millis(5);

fn main() -> Result<(), Box<dyn Error>> {
    let file = CounterFile::create(CounterFileOptions::default())?;
    thread::scope(|scope| {
        let strategy = thread::Builder::new().name("strategy".to_owned());
        let gateway = thread::Builder::new().name("gateway".to_owned());
        let cores = [
            strategy.spawn_scoped(scope, || strategy_core(&file).map_err(|e| e.to_string()))?,
            gateway.spawn_scoped(scope, || gateway_core(&file).map_err(|e| e.to_string()))?,
        ];
        for core in cores {
            core.join().expect("a core does not panic")?;
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    let seen = CounterReader::open(file.path())?.snapshot()?;
    print(&seen);
    assert_eq!(seen.number(0, "orders_sent"), Some(ORDERS));
    assert_eq!(seen.distribution(0, "order_late").map(|late| late.len()), Some(ORDERS));
    Ok(())
}

/// Spawns small tasks.
fn strategy_core(file: &CounterFile) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::builder().counter_file(file).turn_budget(TURN_BUDGET).build()?;
    runtime.block_on(async {
        for number in 0..ORDERS {
            let decided = spawn(async move { number * 2 }).await?;
            assert_eq!(decided, number * 2);
        }
        Ok(())
    })
}

/// Sends on a schedule, and records how late it was each time.
fn gateway_core(file: &CounterFile) -> Result<(), Box<dyn Error>> {
    let orders = file.counter("orders_sent", "orders")?;
    let (late, _) = Recorder::in_file(file, "order_late", Limits::default())?;
    let runtime = Runtime::builder().counter_file(file).turn_budget(TURN_BUDGET).build()?;
    runtime.block_on(async {
        let mut scheduled = Instant::now();
        for _ in 0..ORDERS {
            scheduled += INTERVAL;
            sleep_until(scheduled).await?;
            late.record(scheduled);
            orders.increment();
        }
        Ok(())
    })
}

/// A line for each value that is not zero.
fn print(seen: &Snapshot) {
    for value in seen.values() {
        let owner = seen.name(value.owner()).unwrap_or("process");
        let (label, unit) = (value.label(), value.unit());
        if let Some(number) = value.number().filter(|number| *number > 0) {
            println!("{owner:>10} {label:<26} {number:>16} {unit}");
        }
        if let Some(counts) = value.distribution() {
            let (p50, p99) = (counts.value_at_quantile(0.5), counts.value_at_quantile(0.99));
            let (count, max) = (counts.len(), counts.max());
            println!("{owner:>10} {label:<26} {count} with p50 {p50}, p99 {p99}, max {max} {unit}");
        }
    }
}
