//! All that one core owns, and the thread's way to the core that it runs.
//!
//! Invariant: `CURRENT` names a core exactly while the thread is inside that core's `block_on`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::ptr::{self, NonNull};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Waker;

use super::Lane;
use super::block::BlockPool;
use super::cell::TaskCell;
use super::header::{self, ABORTED, BACKGROUND, COMPLETE, Header, JOINABLE, NOTIFIED, QUEUED};
use super::header::{RUNNING, TAKEN};
use super::join::JoinHandle;
use super::queue::{RunQueue, TaskList};
use super::remote::Remote;
use crate::buffer::{ReceivePool, SendPool};
use crate::config::Config;
use crate::counters::CounterCells;
use crate::driver::{Backend, Driver};
use crate::features::Features;
use crate::io::HotSources;
use crate::pin::Pinned;
use crate::time::{Clock, Wheel};

thread_local! {
    static CURRENT: Cell<*const Core> = const { Cell::new(ptr::null()) };
}

/// The core that runs on this thread, or null. Callable from any thread at any time.
#[inline]
pub(crate) fn current_or_null() -> *const Core {
    CURRENT.get()
}

/// The core that runs on this thread.
#[inline]
pub(crate) fn try_current<'a>() -> Option<&'a Core> {
    // SAFETY: the thread is inside the core's `block_on`, whose caller holds the core, and the
    // reference is used within a call made from there.
    unsafe { CURRENT.get().as_ref() }
}

/// The core that runs on this thread.
///
/// # Panics
///
/// Outside of a runtime: a programmer's error.
#[inline]
#[track_caller]
pub(crate) fn current<'a>() -> &'a Core {
    try_current().expect(
        "there is no Taut runtime on this thread: call this inside `taut::run` or \
         `Runtime::block_on`",
    )
}

/// One core: its tasks, its driver, its buffers, its time.
pub(crate) struct Core {
    pub(crate) hot: RunQueue,
    pub(crate) background: RunQueue,
    pub(crate) blocks: BlockPool,
    pub(crate) tasks: TaskList,
    pub(crate) remote: Arc<Remote>,
    /// Foreign wakers to call when nothing is borrowed.
    pub(crate) deferred: RefCell<VecDeque<Waker>>,
    pub(crate) driver: RefCell<Driver>,
    pub(crate) receive_pool: Rc<ReceivePool>,
    pub(crate) send_pool: Rc<SendPool>,
    pub(crate) hot_sources: HotSources,
    pub(crate) timers: RefCell<Wheel>,
    pub(crate) clock: Clock,
    pub(crate) counters: Rc<CounterCells>,
    pub(crate) config: Config,
    pub(crate) features: Features,
    /// Since when there was nothing to do, for `SpinThenPark`; zero while there is.
    pub(crate) idle_since_ns: Cell<u64>,
    /// Itself, for the objects that keep their core.
    pub(crate) this: Weak<Self>,
    /// The runtime has been dropped: nothing is scheduled any more.
    pub(crate) ended: Cell<bool>,
    /// Held for its destructor: gives the thread its cores back.
    pub(crate) _pinned: Option<Pinned>,
}

impl Core {
    /// A counted reference to this core.
    pub(crate) fn handle(&self) -> Rc<Self> {
        self.this
            .upgrade()
            .expect("a core is only ever used through its Rc")
    }

    #[track_caller]
    pub(crate) fn spawn<F>(&self, future: F, lane: Lane) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: the future and its output own all that they use.
        unsafe { self.spawn_unchecked(future, lane) }
    }

    /// # Safety
    ///
    /// What the future and its output borrow outlives the task.
    #[inline]
    pub(crate) unsafe fn spawn_unchecked<F: Future>(
        &self,
        future: F,
        lane: Lane,
    ) -> JoinHandle<F::Output> {
        let state = if lane == Lane::Background {
            BACKGROUND
        } else {
            0
        };
        let task = TaskCell::allocate(self, future, state);
        // SAFETY: the task was just made, so it is in no list; it leaves this one when it is freed.
        unsafe { self.tasks.push(task) };
        self.counters.tasks_spawned.increment();
        self.counters.tasks_live.increment();
        self.schedule(task);
        // SAFETY: the task has the future's output, and its header counted the handle.
        unsafe { JoinHandle::new(task) }
    }

    /// Puts a task into its run queue, unless it is there or has ended.
    #[inline]
    pub(crate) fn schedule(&self, task: NonNull<Header>) {
        // SAFETY: the caller holds a reference.
        let header = unsafe { task.as_ref() };
        let state = header.state.get();
        if state & (QUEUED | RUNNING | COMPLETE) != 0 {
            if state & RUNNING != 0 {
                header.state.set(state | NOTIFIED);
            }
            return;
        }
        if self.ended.get() {
            return;
        }
        header.state.set(state | QUEUED);
        let lane = if state & BACKGROUND == 0 {
            &self.hot
        } else {
            &self.background
        };
        // SAFETY: not complete, so the executor's reference keeps the task alive until it is
        // popped; it was not queued.
        unsafe { lane.push(task) };
    }

    /// Polls a task that was popped from its queue.
    #[inline]
    pub(crate) fn run(&self, task: NonNull<Header>) {
        // SAFETY: not complete, so the executor's reference keeps the task alive.
        let header = unsafe { task.as_ref() };
        let state = header.state.get();
        debug_assert!(state & QUEUED != 0 && state & (RUNNING | COMPLETE) == 0);
        self.counters.polls.increment();
        header.state.set((state & !QUEUED) | RUNNING);
        if state & ABORTED != 0 {
            // SAFETY: the future is there, as it is until `COMPLETE`, and not running.
            unsafe { (header.vtable.abort)(task) };
        // SAFETY: as above.
        } else if !unsafe { (header.vtable.poll)(task) } {
            header.clear(RUNNING);
            if header.has(NOTIFIED | ABORTED) {
                header.clear(NOTIFIED);
                self.schedule(task);
            }
            return;
        }
        // SAFETY: `poll` or `abort` just stored the output.
        unsafe { self.complete(task) };
    }

    /// # Safety
    ///
    /// The task's output was just stored in place of its future.
    unsafe fn complete(&self, task: NonNull<Header>) {
        // SAFETY: the executor's reference keeps the task alive.
        let header = unsafe { task.as_ref() };
        header.clear(RUNNING | NOTIFIED);
        header.set(COMPLETE);
        self.counters.tasks_live.decrement();
        if header.has(JOINABLE) {
            header.joiner.fire();
        } else {
            header.set(TAKEN);
            // SAFETY: the output is there, and nobody can take it any more.
            unsafe { (header.vtable.drop_output)(task) };
        }
        // SAFETY: complete, on the owner thread, and here only.
        unsafe { header::settle(task) };
    }

    /// Hands tasks that other threads woke to their queues.
    #[cold]
    pub(crate) fn read_mail(&self) {
        for task in self.remote.take() {
            // SAFETY: taken from this core's inbox just now.
            if unsafe { header::take_mail(task) } {
                self.counters.remote_wakes.increment();
                self.schedule(task);
                // SAFETY: the reference that came with the mail.
                unsafe { header::release_remote(task) };
            }
        }
    }

    /// Calls the foreign wakers that fired during the turn.
    #[inline]
    pub(crate) fn call_deferred(&self) {
        while let Some(waker) = self.next_deferred() {
            waker.wake();
        }
    }

    #[inline]
    fn next_deferred(&self) -> Option<Waker> {
        self.deferred.borrow_mut().pop_front()
    }

    /// Ends the core: drops every future, waits until the kernel has let go of everything, and
    /// refuses further mail. What other threads still hold frees itself.
    pub(crate) fn end(&self) {
        if self.ended.replace(true) {
            return;
        }
        // Foreign wakers that fire meanwhile are called when nothing is borrowed.
        let before = CURRENT.replace(self);
        while self.hot.pop().or_else(|| self.background.pop()).is_some() {}
        while let Some(task) = self.tasks.pop() {
            // SAFETY: the task was in the list, so it is alive.
            let header = unsafe { task.as_ref() };
            header.clear(QUEUED);
            if !header.has(COMPLETE) {
                header.set(RUNNING);
                // SAFETY: the future is there and nothing runs.
                unsafe { (header.vtable.abort)(task) };
                // SAFETY: `abort` stored the output.
                unsafe { self.complete_at_end(task) };
            }
            // SAFETY: complete and out of the list. Alive: `complete_at_end` frees nothing, and a
            // complete task in the list has a reference or is in the inbox.
            unsafe { header::orphan(task) };
        }
        self.hot_sources.clear();
        self.driver.borrow_mut().end(self.config.shutdown_timeout);
        for task in self.remote.close() {
            // SAFETY: taken from this core's inbox just now.
            if unsafe { header::take_mail(task) } {
                // SAFETY: the reference that came with the mail.
                unsafe { header::release_remote(task) };
            }
        }
        self.call_deferred();
        CURRENT.set(before);
    }

    /// Like [`complete`](Self::complete), but leaves freeing to `orphan`.
    ///
    /// # Safety
    ///
    /// As for `complete`.
    unsafe fn complete_at_end(&self, task: NonNull<Header>) {
        // SAFETY: the executor's reference keeps the task alive.
        let header = unsafe { task.as_ref() };
        header.clear(RUNNING | NOTIFIED);
        header.set(COMPLETE);
        self.counters.tasks_live.decrement();
        if !header.has(JOINABLE) {
            header.set(TAKEN);
            // SAFETY: the output is there, and nobody can take it any more.
            unsafe { (header.vtable.drop_output)(task) };
        }
        header.joiner.fire();
        header.give_up_executor();
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("core", &self.config.core)
            .finish_non_exhaustive()
    }
}

/// Makes a core the thread's current one until dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    before: *const Core,
}

impl Entered {
    /// # Panics
    ///
    /// Where the thread already runs this very core.
    pub(crate) fn new(core: &Core) -> Self {
        let before = CURRENT.replace(core);
        assert!(
            !ptr::eq(before, core),
            "block_on inside of the same runtime's block_on; await the future instead"
        );
        Self { before }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}
