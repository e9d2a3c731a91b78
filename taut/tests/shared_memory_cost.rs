//! A message through a ring in shared memory costs neither an allocation nor a system call, while
//! messages come; a spell without any costs one call for each look at whether the writer lives.

mod common;

use common::allocations::{Counting, allocations};
use common::{block_on, on_each_driver, turns};
use taut::cores::shared_memory::{Kind, Options, PEER_CHECK_EVERY, ReadError, Ring};
use taut::time::Instant;
use taut::{Driver, WaitStrategy, counters, spawn};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP: u64 = 100;
const MESSAGES: u64 = 20_000;

#[test]
fn messages_cost_neither_allocations_nor_calls() {
    on_each_driver(|builder| {
        let driver = builder.clone().build().unwrap().driver();
        for kind in [Kind::Spsc, Kind::Broadcast, Kind::BroadcastLossy] {
            block_on(builder.clone().wait(WaitStrategy::Spin), async move {
                let ring = Ring::create_unnamed(&Options::new(kind, 100, 64)).unwrap();
                let (mut writer, mut reader) = (ring.writer().unwrap(), ring.reader().unwrap());
                let reading = spawn(async move {
                    for number in 0..WARM_UP + MESSAGES {
                        assert_eq!(reader.recv().await, Ok(number));
                    }
                    reader.recv::<u64>().await
                });
                let mut send = async |numbers: std::ops::Range<u64>| {
                    for number in numbers {
                        writer.send(&number).await.unwrap();
                        // The reader takes it, and waits for the next one.
                        turns(1).await;
                    }
                };
                send(0..WARM_UP).await;
                let (start, before) = (Instant::now(), counters());
                let allocated = allocations(send(WARM_UP..WARM_UP + MESSAGES)).await;
                let cost = counters().since(&before);
                assert_eq!(allocated, 0, "{kind:?}");
                let looks = start.elapsed().as_nanos() / PEER_CHECK_EVERY.as_nanos() + 2;
                let calls = cost.syscalls - if driver == Driver::Uring { 0 } else { cost.enters };
                assert!(u128::from(calls) <= looks, "{calls} calls, {looks} looks: {cost:?}");
                drop(writer);
                assert_eq!(reading.await.unwrap(), Err(ReadError::Disconnected));
            });
        }
    });
}
