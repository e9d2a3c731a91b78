//! A core or a waker sleeps, and another thread changes the word that it waits for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use loom::thread::spawn;

use super::{Bell, Core};
use crate::cores::signal::Signal;
use crate::executor::Word;
use crate::threads::{AtomicU64, explore};

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
