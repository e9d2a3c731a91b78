//! A feed, a strategy and a gateway, each on a core of its own:
//! `cargo run --release --example cores`. Shares cores where the host has fewer than three.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity};
use taut::channel::shared;
use taut::cores::{Cores, StopCause};
use taut::{Runtime, WaitStrategy};

const TICKS: u64 = 1000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The last of the allowed ones: the kernel's own work gathers on the first.
    let affinity = sched_getaffinity(None)?;
    let allowed: Vec<_> =
        (0..CpuSet::MAX_CPU).rev().filter(|core| affinity.is_set(*core)).collect();
    let core = |index: usize| allowed[index % allowed.len()];
    let wait = if allowed.len() > 3 { WaitStrategy::Spin } else { WaitStrategy::default() };

    let (ticks, prices) = shared::channel::<u64>(64);
    let (decide, orders) = shared::channel::<u64>(64);
    let outcome = Cores::new()
        .runtime(Runtime::builder().wait(wait).allow_degraded(true))
        .configure("gateway", |builder| builder.wait(WaitStrategy::Park))
        .allow_shared_cores(allowed.len() < 3)
        .role("feed", core(0), move |core| async move {
            for price in 0..TICKS {
                ticks.send(price).await.map_err(io::Error::other)?;
            }
            // The session goes on until somebody ends it; this is no failure then.
            core.stopping().await?;
            Ok::<_, io::Error>(TICKS)
        })
        .role("strategy", core(1), move |_core| async move {
            while let Ok(price) = prices.recv().await {
                if price % 100 == 0 {
                    decide.send(price).await.map_err(io::Error::other)?;
                }
            }
            Err::<u64, _>(io::Error::from(taut::Cancelled))
        })
        .role("gateway", core(2), move |core| async move {
            for _ in 0..TICKS / 100 {
                orders.recv().await.map_err(io::Error::other)?;
            }
            core.stop(); // all of them, as Ctrl-C would
            Ok::<_, io::Error>(TICKS / 100)
        })
        .run()?;

    for (info, feature) in outcome.refused() {
        println!("{}: {} was refused: {}", info.name(), feature.name, feature.reason);
    }
    assert_eq!(outcome.stopped_by(), Some(StopCause::Asked));
    for end in outcome.ends() {
        println!("{} on core {}: {:?}", end.info.name(), end.info.core(), end.result);
    }
    assert_eq!(outcome.into_values(), [Some(TICKS), None, Some(TICKS / 100)]);
    Ok(())
}
