//! The rings between threads, run in every interleaving. A lost item or a lost wake shows as a model
//! that waits for ever; an item that is touched by two at once, dropped twice or not at all fails it.
//!
//! Ends wait with wakers as outside of a runtime. A core is one thread, and stood in for by
//! [`Core`], which looks, announces itself and sleeps as the loop does.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;
use loom::thread::spawn;

use super::broadcast::{self, Lossy};
use super::producer::{Producer, Refused};
use super::signal::Signal;
use super::{mpsc, spsc};
use crate::channel::{SendError, TryRecvError, TrySendError};
use crate::executor::{Owner, Remote, WatchKey, Watches, Word};
use crate::threads::{AtomicU64, Cell, Life, explore, explore_within};

/// A waker that a model can wait for.
#[derive(Default)]
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(Arc::clone(&bell));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        bell.0.wait();
    }
}

/// Polls a future once and drops it: a waiter that gives up.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// An item that has to be handed over properly, and dropped once.
#[derive(Debug)]
struct Item {
    number: Cell<u32>,
    life: Life,
    _counted: loom::sync::Arc<()>,
}

// SAFETY: that this is sound is what the models check.
unsafe impl Sync for Item {}

impl Item {
    fn new(number: u32) -> Self {
        let item = Self {
            number: Cell::new(0),
            life: Life::default(),
            _counted: loom::sync::Arc::new(()),
        };
        item.number.set(number);
        item
    }

    fn number(&self) -> u32 {
        self.life.used();
        self.number.get()
    }
}

impl Clone for Item {
    fn clone(&self) -> Self {
        Self::new(self.number())
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.life.end();
    }
}

/// A core as far as other threads know it, with one task.
struct Core {
    watches: Watches,
    remote: Arc<Remote>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(Flag);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Core {
    fn new() -> Self {
        Self {
            watches: Watches::new(),
            remote: Arc::new(Remote::new().unwrap()),
            woken: Arc::default(),
        }
    }

    fn watch<M: Send + Sync + 'static>(
        &self,
        memory: &Arc<M>,
        tells: Option<&Signal>,
    ) -> (Owner, WatchKey) {
        let owner: Owner = Arc::new(Arc::clone(memory));
        // SAFETY: the owner holds the memory, and in the models the signal lies in it.
        let key = unsafe { self.watches.add(&owner, tells) };
        (owner, key)
    }

    /// Runs a task that waits as often as an attempt gives a word to wait for.
    fn run<'a, R>(&self, key: WatchKey, mut attempt: impl FnMut() -> Result<R, Word<'a>>) -> R {
        let waker = Waker::from(Arc::clone(&self.woken));
        loop {
            let word = match attempt() {
                Ok(output) => return output,
                Err(word) => word,
            };
            // SAFETY: in the models the watch's owner keeps the word and its signal.
            unsafe { self.watches.wait(key, word, &Context::from_waker(&waker)) };
            while !self.woken.0.swap(false, Ordering::Relaxed) {
                self.turn();
            }
        }
    }

    /// What the loop does where it finds nothing to run.
    fn turn(&self) {
        self.watches.settle();
        if self.watches.look() || !self.remote.park() {
            return;
        }
        if self.watches.announce(&self.remote) {
            self.remote.sleep();
        }
        self.remote.unpark();
        self.watches.retire(&self.remote);
        self.watches.look();
    }
}

/// A word that somebody changes, and who sleeps until then.
struct Changing {
    word: AtomicU64,
    signal: Signal,
}

impl Changing {
    fn new() -> Arc<Self> {
        Arc::new(Self { word: AtomicU64::new(0), signal: Signal::new() })
    }

    fn change(&self) {
        self.word.store(1, Ordering::Release);
        self.signal.notify();
    }

    fn seen(&self) -> Result<(), Word<'_>> {
        match self.word.load(Ordering::Relaxed) {
            0 => Err(Word { word: &self.word, seen: 0, signal: &self.signal }),
            _ => Ok(()),
        }
    }

    /// Waits as an end does outside of a runtime.
    fn wait(&self) {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let mut ticket = None;
        loop {
            self.signal.announce_waker(&mut ticket, &waker);
            if self.seen().is_ok() {
                break self.signal.retire_waker(ticket.unwrap());
            }
            bell.0.wait();
        }
    }
}

#[test]
fn loom_a_core_that_falls_asleep_against_a_change() {
    explore(|| {
        let memory = Changing::new();
        let changes = Arc::clone(&memory);
        let thread = spawn(move || changes.change());
        let core = Core::new();
        let (_owner, key) = core.watch(&memory, None);
        core.run(key, || memory.seen());
        assert!(!memory.signal.has_sleepers());
        thread.join().unwrap();
    });
}

#[test]
fn loom_two_cores_and_a_waker_against_a_change() {
    explore(|| {
        let memory = Changing::new();
        let sleeper = Arc::clone(&memory);
        let waits = spawn(move || sleeper.wait());
        let sleeper = Arc::clone(&memory);
        let sleeps = spawn(move || {
            let core = Core::new();
            let (_owner, key) = core.watch(&sleeper, None);
            core.run(key, || sleeper.seen());
            core.remote
        });
        memory.change();
        waits.join().unwrap();
        // Its `Arc` is not the checker's, so that the last one goes here.
        let _remote = sleeps.join().unwrap();
        assert!(!memory.signal.has_sleepers());
    });
}

#[test]
fn loom_one_of_two_waits_with_one_waker_is_given_up() {
    explore(|| {
        let memory = Changing::new();
        let changes = Arc::clone(&memory);
        let thread = spawn(move || changes.change());
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(Arc::clone(&bell));
        let (mut stays, mut goes) = (None, None);
        memory.signal.announce_waker(&mut stays, &waker);
        memory.signal.announce_waker(&mut goes, &waker);
        let changed = memory.seen().is_ok();
        memory.signal.retire_waker(goes.unwrap());
        if !changed {
            bell.0.wait();
        }
        memory.signal.retire_waker(stays.unwrap());
        thread.join().unwrap();
    });
}

/// The core changes the word, and tells whoever sleeps with its next turn only.
#[test]
fn loom_a_core_that_owes_a_wake_settles_it_with_its_next_turn() {
    explore(|| {
        let memory = Changing::new();
        let sleeper = Arc::clone(&memory);
        let thread = spawn(move || sleeper.wait());
        let core = Core::new();
        let (_owner, _key) = core.watch(&memory, Some(&memory.signal));
        memory.word.store(1, Ordering::Release);
        core.watches.owe(&memory.signal);
        core.watches.settle();
        thread.join().unwrap();
    });
}

#[test]
fn loom_an_end_that_owes_a_wake_settles_it_when_it_goes() {
    explore(|| {
        let memory = Changing::new();
        let sleeper = Arc::clone(&memory);
        let thread = spawn(move || sleeper.wait());
        let core = Core::new();
        let (owner, key) = core.watch(&memory, Some(&memory.signal));
        memory.word.store(1, Ordering::Release);
        core.watches.owe(&memory.signal);
        core.watches.forget(key);
        drop(owner);
        thread.join().unwrap();
    });
}

#[test]
fn loom_items_through_one_slot_with_either_end_waiting() {
    explore_within(1, || {
        let (mut sender, mut receiver) = spsc::channel(1);
        let thread = spawn(move || {
            for number in 1..=3 {
                block_on(sender.send(Item::new(number))).unwrap();
            }
        });
        for number in 1..=3 {
            assert_eq!(block_on(receiver.recv()).unwrap().number(), number);
        }
        thread.join().unwrap();
        assert_eq!(receiver.try_recv().unwrap_err(), TryRecvError::Closed);
    });
}

#[test]
fn loom_a_core_that_falls_asleep_receives_all_items() {
    explore(|| {
        let (mut sender, mut receiver) = spsc::channel(2);
        let ring = Arc::clone(sender.ring());
        let thread = spawn(move || {
            for number in 1..=2 {
                assert!(sender.try_send(Item::new(number)).is_ok());
            }
        });
        let core = Core::new();
        let (_owner, key) = core.watch(&ring, Some(ring.room()));
        for number in 1..=2 {
            let cursor = ring.slots.cursor_at(u64::from(number) - 1);
            let stamp = ring.slots.stamp(cursor);
            let received = core.run(key, || {
                // The stamp as it was before: if it changes in between, that is a change, too.
                let seen = stamp.load(Ordering::Acquire);
                let word = Word { word: stamp, seen, signal: ring.items() };
                receiver.try_recv().map_err(|_| word)
            });
            assert_eq!(received.number(), number);
        }
        thread.join().unwrap();
    });
}

#[test]
fn loom_two_senders_and_two_slots() {
    explore_within(1, || {
        let (mut sender, mut receiver) = mpsc::channel(2);
        let mut other = sender.clone();
        let threads = [
            spawn(move || block_on(other.send(Item::new(1))).unwrap()),
            spawn(move || block_on(sender.send(Item::new(2))).unwrap()),
        ];
        let mut sum = 0;
        while let Ok(item) = block_on(receiver.recv()) {
            sum += item.number();
        }
        assert_eq!(sum, 3);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_two_senders_wait_for_one_slot() {
    explore_within(1, || {
        let (mut sender, mut receiver) = mpsc::channel(1);
        sender.try_send(Item::new(4)).unwrap();
        let mut other = sender.clone();
        let threads = [
            spawn(move || block_on(other.send(Item::new(1))).unwrap()),
            spawn(move || block_on(sender.send(Item::new(2))).unwrap()),
        ];
        let sum: u32 = (0..3).map(|_| block_on(receiver.recv()).unwrap().number()).sum();
        assert_eq!(sum, 7);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// A sender on a core looks at the head alone; another one closes while the receiver moves it.
#[test]
fn loom_a_sender_that_closes_tells_one_that_waits_on_a_core() {
    explore(|| {
        let (mut sender, mut receiver) = mpsc::channel(1);
        sender.try_send(1_u32).unwrap();
        let mut other = sender.clone();
        let mut third = sender.clone();
        let ring = Arc::clone(sender.ring());
        let waits = spawn(move || {
            let core = Core::new();
            let (_owner, key) = core.watch(&ring, None);
            let mut producer = super::producer::Shared::default();
            core.run(key, || {
                loop {
                    match Producer::claim(&mut producer, &ring, 1) {
                        Ok(claimed) => {
                            Producer::end_claim(&mut producer, &ring, claimed);
                            return Ok(());
                        }
                        Err(Refused::Full(_)) if ring.is_closed_after_head() => {}
                        Err(Refused::Full(seen)) => {
                            return Err(Word { word: &ring.head, seen, signal: ring.room() });
                        }
                        Err(_) => return Ok(()),
                    }
                }
            });
            core.remote
        });
        let closes = spawn(move || other.close());
        // Takes the room that this makes, so that the one that waits is left to the close.
        let _ = receiver.try_recv();
        let _ = third.try_send(2);
        closes.join().unwrap();
        // Its `Arc` is not the checker's, so that the last one goes here.
        let _remote = waits.join().unwrap();
    });
}

#[test]
fn loom_a_receiver_that_goes_gives_a_waiting_sender_its_item_back() {
    explore(|| {
        let (mut sender, receiver) = spsc::channel(1);
        sender.try_send(Item::new(1)).unwrap();
        let thread = spawn(move || drop(receiver));
        match block_on(sender.send(Item::new(2))) {
            Err(SendError::Closed(item)) => assert_eq!(item.number(), 2),
            // The room came first; the item goes with the ring.
            sent => sent.unwrap(),
        }
        assert!(matches!(sender.try_send(Item::new(3)), Err(TrySendError::Closed(_)) | Ok(())));
        thread.join().unwrap();
    });
}

#[test]
fn loom_a_sender_that_goes_ends_a_waiting_receiver() {
    explore_within(2, || {
        let (mut sender, mut receiver) = mpsc::channel(2);
        let other = sender.clone();
        let threads =
            [spawn(move || drop(sender.try_send(Item::new(1)))), spawn(move || drop(other))];
        assert_eq!(block_on(receiver.recv()).unwrap().number(), 1);
        assert!(block_on(receiver.recv()).is_err());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_what_is_left_is_dropped_once() {
    explore(|| {
        let (mut sender, mut receiver) = mpsc::channel(2);
        let mut other = sender.clone();
        let threads = [
            spawn(move || drop(sender.try_send(Item::new(1)))),
            spawn(move || drop(other.try_send(Item::new(2)))),
        ];
        drop(receiver.try_recv());
        drop(receiver);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_places_that_were_given_up_are_passed() {
    explore_within(1, || {
        /// Promises two items and has one.
        struct Liar(Option<Item>);

        impl Iterator for Liar {
            type Item = Item;

            fn next(&mut self) -> Option<Item> {
                self.0.take()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (2, None)
            }
        }

        let (mut sender, mut receiver) = mpsc::channel(3);
        let mut other = sender.clone();
        let threads = [
            spawn(move || block_on(sender.send_all(&mut Liar(Some(Item::new(1))))).unwrap()),
            spawn(move || block_on(other.send(Item::new(2))).unwrap()),
        ];
        let mut sum = 0;
        while let Ok(item) = block_on(receiver.recv()) {
            sum += item.number();
        }
        assert_eq!(sum, 3);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_slots_are_written_in_place() {
    explore(|| {
        let (mut sender, mut receiver) = mpsc::channel::<[u32; 2]>(2);
        let mut other = sender.clone();
        let thread = spawn(move || {
            let mut slot = other.try_claim().unwrap();
            *slot = [1, 2];
            slot.commit();
        });
        drop(sender.try_claim().unwrap());
        drop(sender);
        assert_eq!(*block_on(receiver.recv()).as_ref().unwrap(), [1, 2]);
        assert!(block_on(receiver.recv()).is_err());
        thread.join().unwrap();
    });
}

#[test]
fn loom_a_wait_that_is_given_up_takes_nothing() {
    explore(|| {
        let (mut sender, mut receiver) = spsc::channel(1);
        let thread = spawn(move || block_on(sender.send(Item::new(7))).unwrap());
        match poll_once(receiver.recv()) {
            Poll::Ready(received) => assert_eq!(received.unwrap().number(), 7),
            Poll::Pending => assert_eq!(block_on(receiver.recv()).unwrap().number(), 7),
        }
        thread.join().unwrap();
    });
}

#[test]
fn loom_two_receivers_wait_for_one_item() {
    explore_within(2, || {
        let (mut sender, receiver) = broadcast::blocking::<Item>(1);
        let threads = [receiver.subscribe(), receiver].map(|mut receiver| {
            spawn(move || assert_eq!(block_on(receiver.recv()).unwrap().number(), 1))
        });
        sender.try_send(Item::new(1)).unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_a_sender_waits_for_each_of_two_receivers() {
    explore_within(2, || {
        let (mut sender, receiver) = broadcast::blocking::<Item>(1);
        let mut receivers = [receiver.subscribe(), receiver];
        sender.try_send(Item::new(1)).unwrap();
        assert_eq!(receivers[0].try_recv().unwrap().number(), 1);
        sender.try_send(Item::new(2)).unwrap_err();
        let threads = receivers.map(|mut receiver| {
            // The slot is written again only after both have read it.
            spawn(move || {
                let _ = receiver.try_recv().map(|item| item.number());
            })
        });
        block_on(sender.send(Item::new(2))).unwrap_or_else(|error| drop(error));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// In one piece on both sides: outside of a core each call passes a fence, which orders what came
/// before it.
#[test]
fn loom_slots_are_written_again_only_after_they_were_drained() {
    explore(|| {
        let (mut sender, mut receiver) = spsc::channel(2);
        (1..=2).for_each(|number| sender.try_send(Item::new(number)).unwrap());
        let thread = spawn(move || {
            assert_eq!(receiver.drain(2).map(|item| item.number()).sum::<u32>(), 3);
            receiver
        });
        let _ = sender.try_send_all(&mut [3, 4].map(Item::new).into_iter());
        drop(thread.join().unwrap());
    });
}

#[test]
fn loom_slots_are_written_again_only_after_each_receiver_drained_them() {
    explore(|| {
        let (mut sender, mut receiver) = broadcast::blocking::<Item>(2);
        (1..=2).for_each(|number| sender.try_send(Item::new(number)).unwrap());
        let mut other = sender.subscribe();
        let thread = spawn(move || {
            assert_eq!(receiver.drain(2).map(|item| item.number()).sum::<u32>(), 3);
            receiver
        });
        let _ = sender.try_send_all(&mut [3, 4].map(Item::new).into_iter());
        assert!(other.drain(2).all(|item| item.number() > 2));
        drop(thread.join().unwrap());
    });
}

#[test]
fn loom_a_receiver_of_many_that_goes_makes_room() {
    explore(|| {
        let (mut sender, mut receiver) = broadcast::blocking(1);
        let slow = receiver.subscribe();
        sender.try_send(Item::new(1)).unwrap();
        assert_eq!(receiver.try_recv().unwrap().number(), 1);
        let thread = spawn(move || drop(slow));
        block_on(sender.send(Item::new(2))).unwrap();
        assert_eq!(receiver.try_recv().unwrap().number(), 2);
        thread.join().unwrap();
    });
}

#[test]
fn loom_a_late_receiver_begins_where_the_sender_is() {
    explore_within(1, || {
        let (mut sender, mut receiver) = broadcast::blocking(1);
        let thread = spawn(move || {
            for number in 1..=3 {
                block_on(sender.send(Item::new(number))).unwrap();
            }
        });
        assert_eq!(block_on(receiver.recv()).unwrap().number(), 1);
        let mut late = receiver.subscribe();
        drop(receiver);
        let mut next = None;
        while let Ok(item) = block_on(late.recv()) {
            assert_eq!(item.number(), next.unwrap_or(item.number()));
            assert!(item.number() > 1);
            next = Some(item.number() + 1);
        }
        thread.join().unwrap();
    });
}

#[test]
fn loom_the_last_receiver_to_go_closes_and_the_next_opens() {
    explore(|| {
        let (mut sender, receiver) = broadcast::blocking(1);
        sender.try_send(1_u32).unwrap();
        let thread = spawn(move || drop(receiver));
        assert_eq!(block_on(sender.send(2)), Err(SendError::Closed(2)));
        let mut next = sender.subscribe();
        assert_eq!(sender.try_send(3), Ok(()));
        assert_eq!(next.try_recv(), Ok(3));
        thread.join().unwrap();
    });
}

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
