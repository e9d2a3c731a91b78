//! Many connections at once, in scarce buffers, each read and written in every way there is.

mod common;

use common::ways::{assert_same_bytes, read_one_way, write_one_way};
use common::{Random, connected_pair, on_each_driver_and_wait, turns};
use futures_util::FutureExt;
use taut::JoinHandle;
use taut::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

const SEED: u64 = 0x3A11;
const CONNECTIONS: u64 = 24;
const BYTES: usize = 120_000;

/// Writes, now and then giving a send up, which goes on all the same.
async fn write_all_sorts(mut to: OwnedWriteHalf, seed: u64) {
    let mut random = Random::new(seed);
    let sent = Random::new(seed).bytes(BYTES);
    let mut rest = &sent[..];
    while !rest.is_empty() {
        let given_up = random.below(6) == 0;
        let count = if given_up {
            let count = (1 + random.below(9000)).min(rest.len());
            // Begun only once the one before is with the kernel.
            to.flush().await.unwrap();
            let _ = to.send(rest[..count].to_vec()).now_or_never();
            count
        } else {
            write_one_way(&mut to, &mut random, rest).await.unwrap()
        };
        rest = &rest[count..];
        turns(random.below(2) as u64).await;
    }
}

/// Reads to the end, now and then giving a read up, or going hot or back.
async fn read_all_sorts(mut from: OwnedReadHalf, seed: u64) {
    let mut random = Random::new(seed + 1);
    let mut got = Vec::new();
    loop {
        match random.below(12) {
            0 => from.set_hot(true),
            1 | 2 => from.set_hot(false),
            3 => {
                let room = Vec::with_capacity(1 + random.below(500));
                if let Some((count, bytes)) = from.recv_into(room).now_or_never() {
                    count.unwrap();
                    got.extend_from_slice(&bytes);
                }
            }
            4 => {
                if let Some(bytes) = from.recv().now_or_never() {
                    got.extend_from_slice(&bytes.unwrap());
                }
            }
            _ => {}
        }
        let coming = (got.len() < BYTES).then(|| BYTES - got.len());
        if read_one_way(&mut from, &mut random, coming, &mut got).await.unwrap() == 0 {
            break;
        }
    }
    assert_same_bytes(&got, &Random::new(seed).bytes(BYTES));
}

fn spawn_end(stream: TcpStream, writes: u64, reads: u64) -> [JoinHandle<()>; 2] {
    let (from, to) = stream.into_split();
    [taut::spawn(write_all_sorts(to, writes)), taut::spawn(read_all_sorts(from, reads))]
}

#[test]
fn every_connection_gets_its_own_bytes_in_order() {
    eprintln!("seed {SEED:#x}");
    on_each_driver_and_wait(|builder| {
        for (buffers, zero_copy) in [(4, None), (8, Some(1)), (1024, Some(3000))] {
            let builder = builder
                .clone()
                .receive_buffers(buffers)
                .receive_buffer_bytes(1000)
                .receive_window_buffers(3)
                .hot_buffers(2)
                .send_buffers(4)
                .zero_copy_send_bytes_min(zero_copy);
            let runtime = builder.build().unwrap();
            runtime.block_on(common::in_time(async {
                let mut tasks = Vec::new();
                for number in 0..CONNECTIONS {
                    let (client, server) = connected_pair().await;
                    let (one, other) = (SEED + 4 * number, SEED + 4 * number + 2);
                    tasks.extend(spawn_end(client, one, other));
                    tasks.extend(spawn_end(server, other, one));
                }
                for task in tasks {
                    task.await.unwrap();
                }
                // All that was cancelled, or kept for a zero-copy send, comes to its end.
                common::until(|| taut::counters().operations_in_flight == 0).await;
            }));
            let slots = usize::from(buffers) + 2;
            assert_eq!(runtime.receive_buffers_idle(), slots, "every slot came back");
        }
    });
}
