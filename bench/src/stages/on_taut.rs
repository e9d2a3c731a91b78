//! The stages on runtimes, one for each core, with rings between them.

use taut::cores::{Cores, spsc};
use taut::time::sleep;
use taut::{Driver, Runtime, WaitStrategy};

use super::{Carrier, Feed, Gateway, Places, Stages, Strategy};
use crate::cross::ends::Packet;
use crate::harness::counters::Counters;

/// Messages that a ring has room for.
const CAPACITY: usize = 1_024;

/// On that driver, all cores spinning.
#[derive(Debug)]
pub(crate) struct Rings(pub(crate) Driver);

impl Carrier for Rings {
    fn run(&mut self, places: Places, stages: Stages) -> Result<Counters, String> {
        let Stages { feed, strategy, gateway } = stages;
        let (updates, to_strategy) = spsc::channel(CAPACITY);
        let (orders, to_gateway) = spsc::channel(CAPACITY);
        let runtime = Runtime::builder().driver(self.0).wait(WaitStrategy::Spin);
        // A test may have one core for all.
        let cores = Cores::new().runtime(runtime).allow_shared_cores(true).stop_on([]).role(
            "strategy",
            places.strategy,
            move |_| decide(strategy, to_strategy, orders),
        );
        let cores = if places.shares_a_core() {
            cores.role("feed, gateway", places.feed, move |_| async move {
                let gateway = taut::spawn(take(gateway, to_gateway));
                send(feed, updates).await?;
                gateway.await.map_err(|error| error.to_string())??;
                Ok::<_, String>(Counters::default())
            })
        } else {
            cores
                .role("feed", places.feed, move |_| async move {
                    send(feed, updates).await.map(|()| Counters::default())
                })
                .role("gateway", places.gateway, move |_| async move {
                    take(gateway, to_gateway).await.map(|()| Counters::default())
                })
        };
        let outcome = cores.run().map_err(|error| error.to_string())?;
        let counted = outcome.into_values().into_iter().next().flatten();
        counted.ok_or_else(|| "the strategy did not end by itself".to_owned())
    }
}

async fn decide(
    mut strategy: Strategy,
    mut updates: spsc::Receiver<Packet>,
    mut orders: spsc::Sender<Packet>,
) -> Result<Counters, String> {
    while let Ok(update) = updates.recv().await {
        let order = strategy.decide(update, || taut::counters().syscalls);
        orders.send(order).await.map_err(|error| format!("the gateway: {error}"))?;
    }
    Ok(strategy.counted(taut::counters().syscalls))
}

async fn send(mut feed: Feed, mut updates: spsc::Sender<Packet>) -> Result<(), String> {
    feed.begin();
    while !feed.has_ended() {
        let early = feed.until_due();
        if early.is_zero() {
            let update = feed.next();
            updates.send(update).await.map_err(|error| format!("the strategy: {error}"))?;
        } else {
            // Not a task that gives way in a loop: it would keep its core from looking at the ring
            // of the gateway beside it.
            sleep(early).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

async fn take(mut gateway: Gateway, mut orders: spsc::Receiver<Packet>) -> Result<(), String> {
    while let Ok(order) = orders.recv().await {
        gateway.take(order)?;
    }
    match gateway.has_ended() {
        true => Ok(()),
        false => Err("orders are missing".to_owned()),
    }
}
