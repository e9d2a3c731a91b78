//! The rings between threads, run in every interleaving. A lost item or a lost wake shows as a
//! model that waits for ever; an item that is touched by two at once, dropped twice or not at all
//! fails it.
//!
//! Ends wait with wakers as outside of a runtime. A core is one thread, and stood in for by
//! [`Core`], which looks, announces itself and sleeps as the loop does.
//!
//! | file | idea |
//! |---|---|
//! | `signals` | a core or a waker sleeps, and another thread changes the word |
//! | `rings` | items from one sender or more to one receiver |
//! | `ends` | an end that goes, closes or gives up its wait |
//! | `broadcast` | each item to every receiver, the slowest of which is waited for |
//! | `lossy` | each item to every receiver, the slow ones of which lose some |

mod broadcast;
mod ends;
mod lossy;
mod rings;
mod signals;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool as Flag, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;

use super::signal::Signal;
use crate::executor::{Owner, Remote, WatchKey, Watches, Word};
use crate::threads::{Cell, Life};

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
