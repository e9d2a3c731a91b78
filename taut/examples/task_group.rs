//! A set of tasks that grows while it runs, and whose results are streamed:
//! `cargo run --release --example task_group`.

use std::time::Duration;

use taut::task::TaskGroup;
use taut::time::sleep;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        let group = TaskGroup::new();
        for delay_us in [3_000, 1_000, 2_000] {
            group.add(work(delay_us));
        }

        let mut ended = Vec::new();
        while let Some(outcome) = group.next().await {
            let delay_us = outcome??;
            println!("{delay_us} us have passed, {} tasks left", group.len());
            ended.push(delay_us);
            if ended.len() == 1 {
                group.add(work(4_000));
            }
        }
        assert_eq!(ended, [1_000, 2_000, 3_000, 4_000]);

        // A cancel reaches every task of the group, and `wait` returns when they have ended.
        for _ in 0..100 {
            group.add(work(3_600_000_000));
        }
        group.cancel();
        group.wait().await?;
        assert!(group.is_empty());
        println!("100 tasks cancelled");
        Ok(())
    })?
}

async fn work(delay_us: u64) -> Result<u64, taut::Cancelled> {
    sleep(Duration::from_micros(delay_us)).await?;
    Ok(delay_us)
}
