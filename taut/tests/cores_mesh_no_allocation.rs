//! In steady state a mesh allocates nothing, also where each message is waited for.

mod common;

use std::cell::Cell;

use common::allocations::{Counting, in_steady_state};
use common::{block_on, on_each_driver_and_wait};
use taut::cores::mesh;
use taut::spawn;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TIMES: u64 = 2000;

#[test]
fn a_mesh_where_each_message_is_waited_for() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let [own, mut second, mut third] = <[_; 3]>::try_from(mesh(3, 1)).unwrap();
            let own = Cell::new(Some(own));
            spawn(async move {
                while let Ok((from, number)) = second.recv().await {
                    second.send_to(from, number).await.unwrap();
                }
            });
            spawn(async move {
                while third.ready().await.is_ok() {
                    let (from, number) = third.drain(1).next().unwrap();
                    third.send_to(from, number).await.unwrap();
                }
            });
            let allocated = in_steady_state(async || {
                let mut mesh = own.take().unwrap();
                for number in 0..TIMES {
                    mesh.send_to(1, number).await.unwrap();
                    mesh.send_to(2, number).await.unwrap();
                    for _ in 0..2 {
                        assert_eq!(mesh.recv().await.unwrap().1, number);
                    }
                }
                own.set(Some(mesh));
            });
            assert_eq!(allocated.await, 0);
        });
    });
}
