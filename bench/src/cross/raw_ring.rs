//! The least that a bounded ring between two threads needs: a cache line for a message, whose first
//! word says that it is there, and how far the receiver is.
//!
//! The floor of all rings: it has no way to wait, to wake, to close or to send anything else.
//!
//! Invariant: the first word of a message is its position, counted from 1, with or without flags
//! in the two highest bits, so a slot that holds the message of the round before is told apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ends::Packet;
use super::tally::{LAST, Line, MARK};

/// Messages that it has room for.
const ROOM: usize = 1_024;

#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot([AtomicU64; 8]);

#[derive(Debug)]
struct Shared {
    slots: Box<[Slot]>,
    head: Line,
}

/// The sending end.
#[derive(Debug)]
pub(crate) struct RawSender {
    ring: Arc<Shared>,
    pub(crate) sent: u64,
    head_seen: u64,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct RawReceiver {
    ring: Arc<Shared>,
    pub(crate) received: u64,
}

/// Makes the two ends.
pub(crate) fn raw_ring() -> (RawSender, RawReceiver) {
    let slots = (0..ROOM).map(|_| Slot::default()).collect();
    let ring = Arc::new(Shared { slots, head: Line::default() });
    let sender = RawSender { ring: Arc::clone(&ring), sent: 0, head_seen: 0 };
    (sender, RawReceiver { ring, received: 0 })
}

impl RawSender {
    /// Whether there is room for a message.
    #[inline(always)]
    pub(crate) fn has_room(&mut self) -> bool {
        if self.sent - self.head_seen == ROOM as u64 {
            self.head_seen = self.ring.head.0.load(Ordering::Acquire);
        }
        self.sent - self.head_seen < ROOM as u64
    }

    /// Sends the message that is next, once there is room.
    #[inline(always)]
    pub(crate) fn send(&mut self, message: Packet) {
        while !self.has_room() {
            std::hint::spin_loop();
        }
        debug_assert_eq!(message[0] & !(LAST | MARK), self.sent + 1);
        let words = &self.ring.slots[self.sent as usize % ROOM].0;
        for (word, value) in words.iter().zip(message).skip(1) {
            word.store(value, Ordering::Relaxed);
        }
        words[0].store(message[0], Ordering::Release);
        self.sent += 1;
    }
}

impl RawReceiver {
    #[inline(always)]
    pub(crate) fn try_receive(&mut self) -> Option<Packet> {
        let words = &self.ring.slots[self.received as usize % ROOM].0;
        let first = words[0].load(Ordering::Acquire);
        if first & !(LAST | MARK) != self.received + 1 {
            return None;
        }
        let mut message = [first; 8];
        for (value, word) in message.iter_mut().zip(words).skip(1) {
            *value = word.load(Ordering::Relaxed);
        }
        self.received += 1;
        self.ring.head.0.store(self.received, Ordering::Release);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_and_in_order_and_never_more_than_there_is_room_for() {
        let (mut sender, mut receiver) = raw_ring();
        let far = std::thread::spawn(move || {
            for number in 1..=10_000_u64 {
                let message = loop {
                    match receiver.try_receive() {
                        Some(message) => break message,
                        None => std::thread::yield_now(),
                    }
                };
                assert_eq!(message, [number, number * 2, 0, 0, 0, 0, 0, number]);
            }
            assert!(receiver.try_receive().is_none());
        });
        for number in 1..=10_000 {
            while !sender.has_room() {
                std::thread::yield_now();
            }
            sender.send([number, number * 2, 0, 0, 0, 0, 0, number]);
        }
        far.join().unwrap();
        let (mut sender, receiver) = raw_ring();
        let held = (1..).take_while(|&number| {
            let room = sender.has_room();
            if room {
                sender.send([number; 8]);
            }
            room
        });
        assert_eq!(held.count(), ROOM);
        drop(receiver);
    }
}
