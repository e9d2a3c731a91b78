//! A feed, a strategy and a gateway, each on a core of its own, and housekeeping beside the feed:
//! `cargo run --release --example cores`. Makes do with the cores that the host has.

use std::io;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity};
use taut::channel::shared;
use taut::cores::{Cores, StopCause};
use taut::time::sleep;
use taut::{Cancelled, Runtime, WaitStrategy};

const TICKS: u64 = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The last of the allowed ones first: the kernel's own work gathers on the lowest.
    let affinity = sched_getaffinity(None)?;
    let allowed: Vec<_> =
        (0..CpuSet::MAX_CPU).rev().filter(|core| affinity.is_set(*core)).collect();
    let core = |index: usize| allowed[index % allowed.len()];
    let wait = if allowed.len() > 4 { WaitStrategy::Spin } else { WaitStrategy::default() };

    let (ticks, prices) = shared::channel::<u64>(64);
    let (decide, orders) = shared::channel::<u64>(64);
    let outcome = Cores::new()
        .runtime(Runtime::builder().wait(wait).allow_degraded(true))
        .configure("housekeeping", |builder| builder.wait(WaitStrategy::Park))
        .allow_shared_cores(allowed.len() < 4)
        .role("feed", core(0), move |_core| async move {
            for price in 0..TICKS {
                ticks.send(price).await.map_err(io::Error::other)?;
            }
            Ok::<_, io::Error>(TICKS)
        })
        .role("strategy", core(1), move |_core| async move {
            let mut decisions = 0;
            while let Ok(price) = prices.recv().await {
                if price % 100 == 0 {
                    decide.send(price).await.map_err(io::Error::other)?;
                    decisions += 1;
                }
            }
            Ok::<_, io::Error>(decisions)
        })
        .role("gateway", core(2), move |core| async move {
            let mut sent = 0;
            while orders.recv().await.is_ok() {
                sent += 1;
            }
            core.stop(); // all that still run, as Ctrl-C would
            Ok::<_, io::Error>(sent)
        })
        .role("housekeeping", core(3), |_core| keep_house())
        .run()?;

    for (info, feature) in outcome.refused() {
        println!("{}: {} was refused: {}", info.name(), feature.name, feature.reason);
    }
    assert_eq!(outcome.stopped_by(), Some(StopCause::Asked));
    for end in outcome.ends() {
        println!("{} on core {}: {:?}", end.info.name(), end.info.core(), end.result);
    }
    assert_eq!(outcome.into_values(), [Some(TICKS), Some(TICKS / 100), Some(TICKS / 100), None]);
    Ok(())
}

async fn keep_house() -> Result<u64, Cancelled> {
    loop {
        sleep(Duration::from_secs(60)).await?; // fails when it is time to stop
    }
}
