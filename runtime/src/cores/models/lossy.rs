//! Each item goes to every receiver, and a slow one is overtaken: it is told of its loss, and no
//! item that it gets is torn.

use loom::thread::spawn;

use super::block_on;
use crate::cores::broadcast::{self, Lossy};
use crate::threads::explore_within;

/// Receives what there is, and counts what came and what was lost.
fn received_or_lost(receiver: &mut broadcast::Receiver<[u64; 2], Lossy>, next: &mut u64) -> bool {
    match receiver.try_recv() {
        Ok([first, second]) => {
            assert_eq!((first, second), (*next, *next), "torn, or out of order");
            *next += 1;
        }
        Err(broadcast::TryRecvError::Lagged(lost)) => {
            assert!(lost > 0);
            *next += lost;
        }
        Err(_) => return false,
    }
    true
}

#[test]
fn loom_no_item_is_torn() {
    explore_within(2, || {
        let (mut sender, mut receiver) = broadcast::lossy(1);
        let thread = spawn(move || {
            for number in 0..3 {
                sender.try_send([number; 2]).unwrap();
            }
        });
        let mut next = 0;
        for _ in 0..2 {
            received_or_lost(&mut receiver, &mut next);
        }
        thread.join().unwrap();
        while received_or_lost(&mut receiver, &mut next) {}
        assert_eq!(next, 3);
    });
}

#[test]
fn loom_a_receiver_that_waits_may_be_overtaken() {
    explore_within(1, || {
        let (mut sender, mut receiver) = broadcast::lossy(1);
        let thread = spawn(move || {
            for number in 0..3 {
                sender.try_send([number; 2]).unwrap();
            }
        });
        let mut next = 0;
        loop {
            match block_on(receiver.ready()) {
                Ok(()) => drop(received_or_lost(&mut receiver, &mut next)),
                Err(broadcast::RecvError::Lagged(lost)) => next += lost,
                Err(_) => break assert_eq!(next, 3),
            }
        }
        thread.join().unwrap();
    });
}
