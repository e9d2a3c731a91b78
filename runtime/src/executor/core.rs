//! All that one core owns, and the thread's way to the core that it runs.
//!
//! Invariant: `CURRENT` names a core exactly while the thread is inside that core's `block_on`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Waker;

use super::Lane;
use super::attention::Attention;
use super::block::BlockPool;
use super::cell::TaskCell;
use super::contain::contain;
use super::foreign::ForeignWaits;
use super::header::{self, ABORTED, BACKGROUND, CANCELLED, COMPLETE, FOREIGN_WAITS, Header};
use super::header::{JOINABLE, NOTIFIED, QUEUED, RUNNING, TAKEN};
use super::heartbeat::Heartbeat;
use super::join::JoinHandle;
use super::pollers::Pollers;
use super::queue::{RunQueue, TaskList};
use super::remote::Remote;
use super::trace::Trace;
use super::turn_length::TurnLengths;
use super::wake::TaskRef;
use super::watch::Watches;
use crate::blocking::Pool;
use crate::buffer::{ReceivePool, SendPool};
use crate::config::Config;
use crate::cores::Directory;
use crate::counters::{CounterPlace, STATE_ENDED};
use crate::driver::{ActiveDriver, Backend};
use crate::features::Features;
use crate::host::Held;
use crate::io::{CoreLocals, HotSources, InboundState};
use crate::pin::Pinned;
use crate::random::Random;
use crate::slack::TightSlack;
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
    /// Tasks that were cancelled and have not ended.
    pub(crate) dying: TaskList,
    /// When to look through them, or `NEVER_NS`.
    pub(crate) dying_check_ns: Cell<u64>,
    pub(crate) attention: Attention,
    pub(crate) foreign_waits: ForeignWaits,
    pub(crate) trace: Trace,
    pub(crate) remote: Arc<Remote>,
    /// What is to be done when nothing is borrowed.
    pub(crate) deferred: RefCell<VecDeque<Errand>>,
    pub(crate) driver: RefCell<ActiveDriver>,
    pub(crate) receive_pool: Rc<ReceivePool>,
    pub(crate) send_pool: Rc<SendPool>,
    pub(crate) hot_sources: HotSources,
    pub(crate) watches: Watches,
    pub(crate) pollers: Pollers,
    pub(crate) blocking: Pool,
    /// Other cores that work can be submitted to.
    pub(crate) directory: OnceCell<Directory>,
    pub(crate) timers: RefCell<Wheel>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// What protocol crates keep for this core.
    pub(crate) locals: CoreLocals,
    pub(crate) counters: CounterPlace,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) turn_lengths: Option<Box<TurnLengths>>,
    pub(crate) config: Config,
    pub(crate) features: Features,
    /// Since when there was nothing to do, for `SpinThenPark`; zero while there is.
    pub(crate) idle_since_ns: Cell<u64>,
    /// Itself, for the objects that keep their core.
    pub(crate) this: Weak<Self>,
    /// Inside of its `block_on`.
    pub(crate) entered: Cell<bool>,
    /// The runtime has been dropped: nothing is scheduled any more.
    pub(crate) ended: Cell<bool>,
    /// Held for its destructor: gives the thread its cores back at the end.
    pub(crate) pinned: Cell<Option<Pinned>>,
    /// Held for its destructor: gives the thread its timer slack back at the end.
    pub(crate) slack: Cell<Option<TightSlack>>,
    /// Held for its destructor: gives the host back what it granted, at the end.
    pub(crate) held: Cell<Held>,
}

impl Core {
    /// A counted reference to this core.
    pub(crate) fn handle(&self) -> Rc<Self> {
        self.this.upgrade().expect("a core is only ever used through its Rc")
    }

    #[track_caller]
    pub(crate) fn spawn<F>(&self, future: F, lane: Lane) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_at(future, lane, Location::caller())
    }

    /// As [`spawn`](Self::spawn), for a task that was begun elsewhere in the program.
    #[inline]
    pub(crate) fn spawn_at<F>(
        &self,
        future: F,
        lane: Lane,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: the future and its output own all that they use.
        unsafe { self.spawn_unchecked_at(future, lane, location) }
    }

    /// # Safety
    ///
    /// What the future and its output borrow outlives the task.
    #[inline]
    #[track_caller]
    pub(crate) unsafe fn spawn_unchecked<F: Future>(
        &self,
        future: F,
        lane: Lane,
    ) -> JoinHandle<F::Output> {
        // SAFETY: by contract.
        unsafe { self.spawn_unchecked_at(future, lane, Location::caller()) }
    }

    /// # Safety
    ///
    /// As for [`spawn_unchecked`](Self::spawn_unchecked).
    #[inline]
    unsafe fn spawn_unchecked_at<F: Future>(
        &self,
        future: F,
        lane: Lane,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output> {
        let (state, queue) = match lane {
            Lane::Hot => (QUEUED, &self.hot),
            Lane::Background => (QUEUED | BACKGROUND, &self.background),
        };
        let task = TaskCell::allocate(self, future, state, location);
        self.counters.tasks_spawned.increment();
        self.counters.tasks_live.increment();
        self.counters.tasks_live_max.raise_to(self.counters.tasks_live.get());
        if self.ended.get() {
            // A destructor spawned at the end of the runtime: the task ends at once.
            // SAFETY: the task was just made, so it is in no list.
            unsafe { self.end_task(task) };
        } else {
            // SAFETY: the task was just made, so it is in no list and in no queue. It leaves the
            // list when it is freed, and not before it was popped from the queue.
            unsafe {
                self.tasks.push(task);
                queue.push(task);
            }
        }
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
        let lane = if state & BACKGROUND == 0 { &self.hot } else { &self.background };
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
            // SAFETY: `abort` just stored the output.
            return unsafe { self.complete(task) };
        }
        self.attention.begin(task, state & CANCELLED != 0);
        // SAFETY: as above.
        let ended = unsafe { (header.vtable.poll)(task) };
        self.attention.finish();
        // SAFETY: just polled.
        unsafe { self.polled(task, ended) };
    }

    /// After a poll: completes the task, or lets it wait.
    ///
    /// # Safety
    ///
    /// The task was just polled; `ended` is what that gave.
    #[inline]
    pub(crate) unsafe fn polled(&self, task: NonNull<Header>, ended: bool) {
        if ended {
            // SAFETY: `poll` stored the output.
            return unsafe { self.complete(task) };
        }
        // SAFETY: not complete, so the executor's reference keeps the task alive.
        let header = unsafe { task.as_ref() };
        header.clear(RUNNING);
        if header.has(NOTIFIED | ABORTED) {
            header.clear(NOTIFIED);
            self.schedule(task);
        }
    }

    /// Leaves behind what only a live task needs.
    #[inline]
    fn leave(&self, header: &Header, task: NonNull<Header>) {
        header.identity.name.take();
        if header.has(FOREIGN_WAITS) {
            self.foreign_waits.forget(task);
        }
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
        self.leave(header, task);
        if header.has(CANCELLED) {
            // SAFETY: a cancelled task is among the dying until it is complete, which it now is.
            unsafe {
                self.dying.remove(task);
                self.tasks.push(task);
            }
        }
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

    /// Leaves an errand for when nothing is borrowed.
    pub(crate) fn defer(&self, errand: Errand) {
        self.deferred.borrow_mut().push_back(errand);
    }

    /// Runs the errands that came up during the turn.
    #[inline]
    pub(crate) fn call_deferred(&self) {
        while let Some(errand) = self.next_deferred() {
            match errand {
                Errand::Wake(waker) => waker.wake_by_ref(),
                Errand::Drop(waker) => drop(waker),
                Errand::Run(task) => task.schedule(),
                Errand::Tidy(untidy) => untidy.tidy(),
                Errand::Read(inbound) => inbound.reader.fire(),
            }
        }
    }

    #[inline]
    fn next_deferred(&self) -> Option<Errand> {
        self.deferred.borrow_mut().pop_front()
    }

    /// Ends the core: drops every future, waits until the kernel has let go of everything, and
    /// refuses further mail. What other threads still hold frees itself.
    pub(crate) fn end(&self) {
        if self.ended.replace(true) {
            return;
        }
        // Foreign wakers that fire meanwhile are called when nothing is borrowed.
        let _current = Current::new(self);
        while self.hot.pop().or_else(|| self.background.pop()).is_some() {}
        while let Some(task) = self.tasks.pop().or_else(|| self.dying.pop()) {
            // SAFETY: the task was in the list, so it is alive, and no longer is; no queue has it.
            unsafe { self.end_task(task) };
        }
        self.pollers.clear();
        self.locals.clear();
        self.blocking.close();
        self.hot_sources.clear();
        self.driver.borrow_mut().end(self.config.shutdown_timeout);
        for task in self.remote.close() {
            // SAFETY: taken from this core's inbox just now.
            if unsafe { header::take_mail(task) } {
                // SAFETY: the reference that came with the mail.
                unsafe { header::release_remote(task) };
            }
        }
        while !self.deferred.borrow().is_empty() {
            // One that panics must not keep the others from being called.
            contain(|| self.call_deferred());
        }
        // Only now: an errand may have received something, and owe its sender a word.
        self.watches.clear();
        self.beat(STATE_ENDED);
        self.pinned.take();
        self.slack.take();
        self.held.take();
    }

    /// Drops a task's future, if it is there, and cuts the task off from this core.
    ///
    /// # Safety
    ///
    /// The core is ending; the task is alive, and in no list and no queue.
    unsafe fn end_task(&self, task: NonNull<Header>) {
        // SAFETY: by contract.
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
        // complete task that was in the list has a reference or is in the inbox.
        unsafe { header::orphan(task) };
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
        self.leave(header, task);
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
        f.debug_struct("Core").field("core", &self.config.core).finish_non_exhaustive()
    }
}

/// Errands that a core has room for from the start: the first of a burst do not allocate.
pub(crate) const ERRANDS_ROOM: usize = 64;

/// What is to be done when nothing is borrowed: with a foreign waker, because its code may call
/// anything.
pub(crate) enum Errand {
    Wake(Arc<Waker>),
    Drop(Arc<Waker>),
    /// A task that was looked at by a dump is polled once more.
    Run(TaskRef),
    /// A group drops the outputs that nobody wants.
    Tidy(Rc<dyn Tidy>),
    /// A reader that has had its share of a turn goes on with the next.
    Read(Rc<InboundState>),
}

/// Something with an [errand](Errand) of its own.
pub(crate) trait Tidy {
    /// Does it. Must not panic.
    fn tidy(&self);
}

/// Makes a core the thread's current one until dropped.
pub(crate) struct Current {
    before: *const Core,
}

impl Current {
    pub(crate) fn new(core: &Core) -> Self {
        Self { before: CURRENT.replace(core) }
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// The thread is inside of a core's `block_on`.
pub(crate) struct Entered<'a> {
    core: &'a Core,
    _current: Current,
}

impl<'a> Entered<'a> {
    /// # Panics
    ///
    /// Where this very core runs already, also further out, or has ended.
    pub(crate) fn new(core: &'a Core) -> Self {
        assert!(
            !core.ended.get(),
            "this runtime has ended: a foreign waker panicked in an earlier block_on"
        );
        assert!(
            !core.entered.replace(true),
            "block_on inside of the same runtime's block_on; await the future instead"
        );
        Self { core, _current: Current::new(core) }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.core.entered.set(false);
    }
}
