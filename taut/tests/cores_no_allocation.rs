//! In steady state no ring between threads allocates: not where nobody waits, not where each
//! message is waited for, on either side.

mod common;

use std::thread;

use common::allocations::{Counting, allocations};
use common::{block_on, on_each_driver_and_wait};
use taut::cores::broadcast::{self, Blocking, Lossy};
use taut::cores::{mpsc, spsc};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const TIMES: u64 = 2000;

/// One of each kind.
struct Rings {
    one: (spsc::Sender<u64>, spsc::Receiver<u64>),
    many: (mpsc::Sender<u64>, mpsc::Receiver<u64>),
    all: (broadcast::Sender<u64, Blocking>, broadcast::Receiver<u64, Blocking>),
    lossy: (broadcast::Sender<[u64; 3], Lossy>, broadcast::Receiver<[u64; 3], Lossy>),
}

impl Rings {
    fn new() -> Self {
        Self {
            one: spsc::channel(4),
            many: mpsc::channel(4),
            all: broadcast::blocking(4),
            lossy: broadcast::lossy(4),
        }
    }

    async fn use_each(&mut self) {
        for number in 0..TIMES {
            self.one.0.send(number).await.unwrap();
            assert_eq!(self.one.1.recv().await, Ok(number));
            self.many.0.send_all(&mut (0..4)).await.unwrap();
            assert!(self.many.1.drain(usize::MAX).eq(0..4));
            let mut slot = self.many.0.claim().await.unwrap();
            *slot = number;
            slot.commit();
            assert_eq!(self.many.1.recv().await, Ok(number));
            self.all.0.send(number).await.unwrap();
            assert_eq!(self.all.1.recv().await, Ok(number));
            self.lossy.0.send([number; 3]).await.unwrap();
            assert_eq!(self.lossy.1.recv().await, Ok([number; 3]));
        }
    }
}

#[test]
fn where_nobody_waits() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut rings = Rings::new();
            rings.use_each().await;
            assert_eq!(allocations(rings.use_each()).await, 0);
        });
    });
}

#[test]
fn where_each_message_is_waited_for_on_both_sides() {
    async fn exchange(
        there: &mut broadcast::Sender<u64, Blocking>,
        answers: &mut spsc::Receiver<u64>,
    ) {
        for number in 0..TIMES / 4 {
            there.send(number).await.unwrap();
            assert_eq!(answers.recv().await, Ok(number));
        }
    }

    on_each_driver_and_wait(|builder| {
        let (mut there, mut inbox) = broadcast::blocking(1);
        let (mut back, mut answers) = spsc::channel(1);
        let thread = thread::spawn(move || {
            while let Ok(number) = inbox.recv_blocking() {
                back.send_blocking(number).unwrap();
            }
        });
        block_on(builder, async move {
            exchange(&mut there, &mut answers).await;
            let made = allocations(exchange(&mut there, &mut answers)).await;
            assert_eq!(made, 0);
        });
        thread.join().unwrap();
    });
}
