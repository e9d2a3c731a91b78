//! The floor: the stages on plain threads, carried by the least that a ring needs.

use std::thread;

use super::{Carrier, Feed, Gateway, Places, Stages, Strategy};
use crate::cross::raw_ring::{RawReceiver, RawSender, raw_ring};
use crate::harness::cores;
use crate::harness::counters::Counters;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct RawAtomics;

impl Carrier for RawAtomics {
    fn run(&mut self, places: Places, stages: Stages) -> Result<Counters, String> {
        let Stages { feed, strategy, gateway } = stages;
        let ((updates, to_strategy), (orders, to_gateway)) = (raw_ring(), raw_ring());
        let messages = feed.record.schedule.messages();
        thread::scope(|scope| {
            let strategy = scope.spawn(move || -> Result<Counters, String> {
                cores::pin(places.strategy)?;
                Ok(decide(strategy, to_strategy, orders, messages))
            });
            let ends = if places.shares_a_core() {
                vec![scope.spawn(move || {
                    cores::pin(places.feed)?;
                    both(feed, updates, gateway, to_gateway)
                })]
            } else {
                let feed = scope.spawn(move || {
                    cores::pin(places.feed)?;
                    send(feed, updates);
                    Ok(())
                });
                let gateway = scope.spawn(move || {
                    cores::pin(places.gateway)?;
                    take(gateway, to_gateway)
                });
                vec![feed, gateway]
            };
            let counted = strategy.join();
            for end in ends {
                end.join().map_err(|_| "a stage panicked".to_owned())??;
            }
            counted.map_err(|_| "the strategy panicked".to_owned())?
        })
    }
}

fn decide(
    mut strategy: Strategy,
    mut updates: RawReceiver,
    mut orders: RawSender,
    messages: u64,
) -> Counters {
    while updates.received < messages {
        match updates.try_receive() {
            Some(update) => orders.send(strategy.decide(update, || 0)),
            None => std::hint::spin_loop(),
        }
    }
    strategy.counted(0)
}

fn send(mut feed: Feed, mut updates: RawSender) {
    feed.begin();
    while !feed.has_ended() {
        match feed.is_due() && updates.has_room() {
            true => updates.send(feed.next()),
            false => std::hint::spin_loop(),
        }
    }
}

fn take(mut gateway: Gateway, mut orders: RawReceiver) -> Result<(), String> {
    while !gateway.has_ended() {
        match orders.try_receive() {
            Some(order) => gateway.take(order)?,
            None => std::hint::spin_loop(),
        }
    }
    Ok(())
}

/// Feed and gateway in turns, on one core.
fn both(
    mut feed: Feed,
    mut updates: RawSender,
    mut gateway: Gateway,
    mut orders: RawReceiver,
) -> Result<(), String> {
    feed.begin();
    while !gateway.has_ended() {
        if !feed.has_ended() && feed.is_due() && updates.has_room() {
            updates.send(feed.next());
        }
        match orders.try_receive() {
            Some(order) => gateway.take(order)?,
            None => std::hint::spin_loop(),
        }
    }
    Ok(())
}
