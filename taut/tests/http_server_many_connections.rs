//! Keep-alive connections by the thousand on one core, as many as the limit of descriptors allows.

mod common;

use common::http::{Client, Running, get, limits, mirror};
use common::{block_on, on_each_driver};
use rustix::process::{Resource, getrlimit};

const WANTED: usize = 10_000;
/// Descriptors for everything that is not a connection.
const OTHERS: u64 = 200;
/// Each connection has both ends in this process.
const ENDS: u64 = 2;

#[test]
fn thousands_of_connections_stay_and_are_answered() {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = (descriptors.saturating_sub(OTHERS) / ENDS).min(WANTED as u64) as usize;
    if possible < WANTED {
        eprintln!("{possible} connections instead of {WANTED}: RLIMIT_NOFILE is {descriptors}");
    }
    on_each_driver(|builder| {
        block_on(builder, async {
            let running = Running::start(limits(), mirror);
            let mut clients: Vec<Client> = Vec::new();
            for _ in 0..possible {
                clients.push(running.client().await);
            }
            for round in 0..2 {
                for (index, client) in clients.iter_mut().enumerate() {
                    client.send(get(&format!("/{round}/{index}"))).await;
                }
                for (index, client) in clients.iter_mut().enumerate() {
                    assert_eq!(client.expect(200).await, format!("GET /{round}/{index} "));
                }
            }
            let counters = running.server.counters();
            assert_eq!(counters.connections_live, possible as u64);
            assert_eq!(counters.requests, 2 * possible as u64);
            running.server.shutdown();
            for client in &mut clients {
                assert_eq!(client.rest().await, "");
            }
            drop(clients);
            running.end().await;
        });
    });
}
