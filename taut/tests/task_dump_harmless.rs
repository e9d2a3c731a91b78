//! A dump changes nothing: no wake, no timer and no byte is lost by it.

mod common;

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use common::tasks::{FOREVER, micros};
use common::{Random, block_on, echo, listen, on_each_driver, turns, until};
use futures_util::stream::{FuturesUnordered, StreamExt};
use taut::net::TcpStream;
use taut::task::{TaskGroup, race};
use taut::time::{sleep, timeout};
use taut::{off_core, spawn, yield_now};

#[test]
fn a_wait_that_began_while_a_dump_was_taken_is_woken() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for foreign in [false, true] {
                let (flag, done) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
                let (asked, told) = (Rc::clone(&flag), Rc::clone(&done));
                // Asks for something that nobody wakes it for, besides what it waits for.
                let asks = async move {
                    let mut nap = sleep(FOREVER);
                    poll_fn(|context| {
                        if asked.get() {
                            return Poll::Ready(());
                        }
                        Pin::new(&mut nap).poll(context).map(drop)
                    })
                    .await;
                    sleep(micros(10)).await.unwrap();
                    told.set(true);
                };
                if foreign {
                    let asks: FuturesUnordered<_> = std::iter::once(asks).collect();
                    drop(spawn(asks.collect::<Vec<_>>()));
                } else {
                    drop(spawn(asks));
                }
                turns(2).await;
                flag.set(true);
                drop(taut::dump());
                until(|| done.get()).await;
            }
        });
    });
}

/// Echoes, sleeps and cancels, and what they gave: the same with dumps and without.
async fn workload(seed: u64) -> Vec<u64> {
    let (listener, address) = listen();
    let server = spawn(async move { echo(listener.accept().await.unwrap()).await });
    let naps: FuturesUnordered<_> = (0..40_u64)
        .map(|index| async move {
            for round in 0..10 {
                sleep(micros((index * 7 + round * 13) % 50)).await.unwrap();
            }
            index
        })
        .collect();
    let naps = spawn(naps.collect::<Vec<_>>());
    let group = TaskGroup::new();
    for index in 0..20_u64 {
        group.add(async move {
            let outcome = timeout(micros(200), sleep(FOREVER)).await;
            outcome.map_or(index, |_| u64::MAX)
        });
    }
    let mut random = Random::new(seed);
    let mut client = TcpStream::connect(address).await.unwrap();
    let mut results = Vec::new();
    for _ in 0..100 {
        let message = random.bytes(1 + random.clone().below(3000));
        let mut echo = vec![0; message.len()];
        client.write_all(&message).await.unwrap();
        let read = race((client.read_exact(&mut echo), sleep(FOREVER)));
        read.await;
        assert!(echo == message);
        results.push(echo.iter().map(|byte| u64::from(*byte)).sum());
        let task = spawn(sleep(FOREVER));
        yield_now().await;
        task.cancel();
        results.push(u64::from(task.await.unwrap().is_err()));
        results.push(off_core(|| 7).await.unwrap());
    }
    drop(client);
    server.await.unwrap();
    let mut ended = Vec::new();
    while let Some(outcome) = group.next().await {
        ended.push(outcome.unwrap());
    }
    let mut naps = naps.await.unwrap();
    naps.sort_unstable();
    ended.sort_unstable();
    results.extend(naps.into_iter().chain(ended));
    results
}

#[test]
fn dumps_in_every_turn_change_nothing() {
    on_each_driver(|builder| {
        let seed = 3;
        let undisturbed = block_on(builder.clone(), workload(seed));
        let runtime = builder.build().unwrap();
        let dumps = Rc::new(Cell::new(0));
        let count = Rc::clone(&dumps);
        let disturbed = runtime.block_on(async {
            drop(spawn(async move {
                loop {
                    yield_now().await;
                    count.set(count.get() + u64::from(!taut::dump().tasks().is_empty()));
                }
            }));
            common::in_time(workload(seed)).await
        });
        assert!(disturbed == undisturbed && dumps.get() > 100);
        assert_eq!(runtime.counters().operations_in_flight, 0);
    });
}
