//! The part of a task that is the same for every future.
//!
//! A task's memory is shared by the executor (until it is complete), its `JoinHandle`, wakers, and
//! the operations that will run it; `references` counts them, and says who gives it back.
//!
//! Invariants: only the owner thread touches the cells. `core` is null once the runtime has ended;
//! until then it is the owner's core.

use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::block::BlockLayout;
use super::core::{Core, current_or_null};
use super::references::{References, Released, Settled};
use super::remote::Remote;
use super::wake::WakeSlot;
use crate::threads::{AtomicBool, AtomicPtr, Cell};

/// In a run queue.
pub(crate) const QUEUED: u32 = 1 << 0;
/// Being polled at this moment.
pub(crate) const RUNNING: u32 = 1 << 1;
/// Woken while it was being polled: goes to the back of its queue after the poll.
pub(crate) const NOTIFIED: u32 = 1 << 2;
/// Its future is gone; its output is there unless `TAKEN`.
pub(crate) const COMPLETE: u32 = 1 << 3;
/// A `JoinHandle` exists.
pub(crate) const JOINABLE: u32 = 1 << 4;
/// The output was taken or dropped.
pub(crate) const TAKEN: u32 = 1 << 5;
/// To be dropped instead of polled.
pub(crate) const ABORTED: u32 = 1 << 6;
/// Runs in the background lane.
pub(crate) const BACKGROUND: u32 = 1 << 7;
/// Asked to stop; the task is in the list of those that were, until it is complete.
pub(crate) const CANCELLED: u32 = 1 << 8;
/// Was there already when that list was looked through.
pub(crate) const AGED: u32 = 1 << 9;
/// Has not ended within the time allowed after a cancel, and was counted.
pub(crate) const OVERDUE: u32 = 1 << 10;
/// To be cancelled when its `JoinHandle` is dropped.
pub(crate) const CANCEL_ON_DROP: u32 = 1 << 11;
/// Some of its leaves wait with wakers that are not the task's own.
pub(crate) const FOREIGN_WAITS: u32 = 1 << 12;

/// What a task can do, by the type of its future.
pub(crate) struct Vtable {
    /// Polls; `true` when the task is now complete.
    pub(crate) poll: unsafe fn(NonNull<Header>) -> bool,
    /// Drops the future and stores the outcome "aborted".
    pub(crate) abort: unsafe fn(NonNull<Header>),
    /// Moves the outcome, a `Result<T, JoinError>`, to the address.
    pub(crate) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops the output.
    pub(crate) drop_output: unsafe fn(NonNull<Header>),
    pub(crate) layout: BlockLayout,
}

/// Who a task is.
pub(crate) struct Identity {
    /// In order of the spawns of a core.
    pub(crate) number: u64,
    /// Dropped with the future: the memory of a task may be freed by another thread.
    pub(crate) name: std::cell::Cell<Option<Rc<str>>>,
    pub(crate) spawned_at: &'static Location<'static>,
}

impl Identity {
    pub(crate) fn name(&self) -> Option<Rc<str>> {
        let name = self.name.take();
        self.name.set(name.clone());
        name
    }
}

/// See the module's documentation.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) vtable: &'static Vtable,
    /// The owner, or null after its end.
    core: AtomicPtr<Core>,
    /// Next in the run queue.
    pub(crate) queue_next: Cell<Option<NonNull<Self>>>,
    /// Neighbours in the core's list of all tasks.
    pub(crate) list_previous: Cell<Option<NonNull<Self>>>,
    pub(crate) list_next: Cell<Option<NonNull<Self>>>,
    /// Who awaits the `JoinHandle`.
    pub(crate) joiner: WakeSlot,
    /// Who this is, for the eyes of people.
    pub(crate) identity: Identity,
    references: References,
    /// Inbox and doorbell of the owner; kept alive by the owner, and by a merged task itself.
    inbox: *const Remote,
    pub(crate) state: Cell<u32>,
    /// In the inbox because of a wake.
    remote_queued: AtomicBool,
    pub(crate) remote_next: Cell<Option<NonNull<Self>>>,
}

impl Header {
    /// A task that is not queued, referenced by the executor and by its `JoinHandle`.
    pub(crate) fn new(
        vtable: &'static Vtable,
        core: &Core,
        state: u32,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        // The counter of tasks is the number of the next one.
        let number = core.counters.tasks_spawned.get();
        let identity = Identity { number, name: std::cell::Cell::new(None), spawned_at };
        Self::of(vtable, core, &core.remote, identity, state)
    }

    /// A task of a core, which may be none where nobody runs it.
    pub(super) fn of(
        vtable: &'static Vtable,
        core: *const Core,
        inbox: &Arc<Remote>,
        identity: Identity,
        state: u32,
    ) -> Self {
        Self {
            vtable,
            core: AtomicPtr::new(core.cast_mut()),
            queue_next: Cell::new(None),
            list_previous: Cell::new(None),
            list_next: Cell::new(None),
            joiner: WakeSlot::new(),
            identity,
            references: References::new(2),
            inbox: Arc::as_ptr(inbox),
            state: Cell::new(state | JOINABLE),
            remote_queued: AtomicBool::new(false),
            remote_next: Cell::new(None),
        }
    }

    /// The owner's core, where it has not ended. For the owner thread only.
    #[inline]
    pub(crate) fn owner(&self) -> Option<&Core> {
        // SAFETY: a core clears this pointer in all its tasks before it goes, on this very thread.
        unsafe { self.core.load(Ordering::Relaxed).as_ref() }
    }

    /// The owner's core, if the calling thread is running it; callable from any thread.
    #[inline]
    pub(crate) fn running_owner(&self) -> Option<&Core> {
        let running = current_or_null();
        // A dead core's address can't be taken for a new one's: `core` was cleared before the
        // memory was freed, and freeing and allocating synchronise.
        if running.is_null() || running.cast_mut() != self.core.load(Ordering::Relaxed) {
            return None;
        }
        // SAFETY: the thread's running core is alive.
        unsafe { running.as_ref() }
    }

    #[inline]
    pub(crate) fn has(&self, flags: u32) -> bool {
        self.state.get() & flags != 0
    }

    #[inline]
    pub(crate) fn set(&self, flags: u32) {
        self.state.set(self.state.get() | flags);
    }

    #[inline]
    pub(crate) fn clear(&self, flags: u32) {
        self.state.set(self.state.get() & !flags);
    }

    /// Gives up the executor's reference of a complete task at the end of its core; `orphan` must
    /// follow at once, which frees the task if this was the last one.
    pub(crate) fn give_up_executor(&self) {
        debug_assert!(self.has(COMPLETE) && !self.references.is_merged());
        let _ = self.references.release_local();
    }

    /// Counts a reference of the owner thread.
    #[inline]
    pub(crate) fn retain_local(&self) {
        self.references.retain_local();
    }

    /// Counts a reference from any thread.
    #[inline]
    pub(crate) fn retain(&self) {
        match self.running_owner() {
            Some(_) => self.references.retain_local(),
            None => self.references.retain_remote(),
        }
    }
}

/// Drops a reference of the owner thread.
///
/// # Safety
///
/// The caller owns the reference and is on the owner thread.
#[inline]
pub(crate) unsafe fn release_local(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the task alive until it is given up below.
    let header = unsafe { task.as_ref() };
    match header.references.release_local() {
        // Not merged and complete: nobody but the `JoinHandle` was left, see `settle`.
        // SAFETY: no reference is left.
        Released::NoneOfOwner if header.has(COMPLETE) => unsafe { free(task) },
        // SAFETY: no reference is left, and nobody else saw the last one go.
        Released::NoneOfAll => unsafe { free_from_anywhere(task) },
        Released::NoneOfOwner | Released::Some => {}
    }
}

/// Drops a reference from any thread.
///
/// # Safety
///
/// The caller owns the reference.
#[inline]
pub(crate) unsafe fn release(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the task alive until it is given up below.
    match unsafe { task.as_ref() }.running_owner() {
        // SAFETY: running the owner means being on its thread.
        Some(_) => unsafe { release_local(task) },
        // SAFETY: as the caller.
        None => unsafe { release_remote(task) },
    }
}

/// Drops a reference that is counted in the atomic.
///
/// # Safety
///
/// The caller owns the reference.
pub(crate) unsafe fn release_remote(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the task alive until the subtraction.
    if unsafe { task.as_ref() }.references.release_remote() {
        // SAFETY: no reference is left, and nobody else saw the last one go.
        unsafe { free_from_anywhere(task) };
    }
}

/// After completion: gives up the executor's reference, and frees or merges what is left.
///
/// # Safety
///
/// On the owner thread, once, by the executor, with `COMPLETE` set.
pub(crate) unsafe fn settle(task: NonNull<Header>) {
    // SAFETY: the executor's reference keeps the task alive.
    let header = unsafe { task.as_ref() };
    debug_assert!(header.has(COMPLETE) && !header.references.is_merged());
    match header.references.settle(header.has(JOINABLE)) {
        // SAFETY: no reference is left.
        Settled::Free => unsafe { free(task) },
        Settled::Joinable => {}
        // SAFETY: as the caller.
        Settled::Shared => unsafe { merge(task) },
    }
}

/// Adds the plain count to the atomic one, for good.
///
/// # Safety
///
/// On the owner thread, with `COMPLETE` set and not merged yet.
unsafe fn merge(task: NonNull<Header>) {
    // SAFETY: the owner's list keeps the task alive until the addition.
    let header = unsafe { task.as_ref() };
    // SAFETY: the core still holds its inbox. From here on the task does too, since its last
    // reference may go after the core.
    unsafe { Arc::increment_strong_count(header.inbox) };
    if header.references.merge() {
        // SAFETY: no reference is left.
        unsafe { free_from_anywhere(task) };
    }
}

/// Frees a merged task that nobody references, on whatever thread this is.
///
/// # Safety
///
/// No reference is left, and the caller is the one who saw the last go.
unsafe fn free_from_anywhere(task: NonNull<Header>) {
    // SAFETY: nobody else can reach the task, so it stays alive until freed here or by the owner.
    let header = unsafe { task.as_ref() };
    // SAFETY: a merged task holds a strong count of its inbox; this takes it over.
    let inbox = unsafe { Arc::from_raw(header.inbox) };
    match header.running_owner() {
        // SAFETY: as the caller, and on the owner thread.
        Some(_) => unsafe { free(task) },
        // SAFETY: as the caller; the owner, or else this thread, becomes the only one to reach it.
        None if unsafe { inbox.push(task) } => {}
        // The owner has ended and all that was its own is dropped: only raw memory is left.
        None => {
            header.references.end();
            // SAFETY: no reference is left.
            unsafe { header.vtable.layout.deallocate(task.cast()) };
        }
    }
}

/// Frees a task on the owner thread: its output, its place in the list, its block.
///
/// # Safety
///
/// No reference is left; on the owner thread.
unsafe fn free(task: NonNull<Header>) {
    // SAFETY: nobody else can reach the task, so it stays alive until freed here.
    let header = unsafe { task.as_ref() };
    debug_assert!(header.has(COMPLETE) && !header.has(QUEUED | RUNNING));
    // Without a `JoinHandle` nobody can want the output: it went with the handle, or at completion.
    debug_assert!(header.has(TAKEN));
    let layout = header.vtable.layout;
    header.references.end();
    match header.owner() {
        Some(core) => {
            // SAFETY: a task with an owner is in the owner's list until it is freed.
            unsafe { core.tasks.remove(task) };
            // The joiner may hold a reference to another task.
            header.joiner.clear();
            // SAFETY: the block came from this core's pool and nobody uses it any more.
            unsafe { core.blocks.give(task.cast(), layout) };
        }
        // SAFETY: as above; without its core the block goes to the allocator, where pools get
        // theirs from.
        None => unsafe { layout.deallocate(task.cast()) },
    }
}

/// A message of the inbox, on the owner thread: frees a dead task, or tells that a task was woken.
///
/// # Safety
///
/// `task` was popped from the owner's inbox; the reference it carried passes to the caller where
/// `true` is returned.
pub(crate) unsafe fn take_mail(task: NonNull<Header>) -> bool {
    // SAFETY: a task in the inbox is alive: referenced by its wake, or dead and not yet freed.
    let header = unsafe { task.as_ref() };
    if header.references.is_none_of_all() {
        // SAFETY: no reference is left.
        unsafe { free(task) };
        return false;
    }
    // An exchange, not a store: a wake that still found the flag up puts nothing into the inbox, so
    // what its thread wrote before must be seen by the poll that follows.
    header.remote_queued.swap(false, Ordering::AcqRel);
    true
}

/// Wakes a task from a thread that does not run its core.
///
/// # Safety
///
/// The caller holds a reference.
pub(crate) unsafe fn wake_remote(task: NonNull<Header>) {
    // SAFETY: by contract.
    let header = unsafe { task.as_ref() };
    if header.remote_queued.swap(true, Ordering::AcqRel) {
        return;
    }
    // The inbox's own reference.
    header.references.retain_remote();
    // SAFETY: the inbox outlives the caller's reference: either the core is alive, or the task was
    // merged at its end and holds the inbox.
    let inbox = unsafe { &*header.inbox };
    // SAFETY: the task is alive by the reference just counted, which passes to the inbox.
    if unsafe { inbox.push(task) } {
        inbox.ring();
    } else {
        // SAFETY: the reference just counted.
        unsafe { release(task) };
    }
}

/// Cuts a complete task off from its core, which is about to end.
///
/// # Safety
///
/// On the owner thread, with `COMPLETE` set; the task is out of the core's list.
pub(crate) unsafe fn orphan(task: NonNull<Header>) {
    // SAFETY: the list's caller found the task alive.
    let header = unsafe { task.as_ref() };
    header.joiner.clear();
    header.core.store(std::ptr::null_mut(), Ordering::Relaxed);
    if header.references.is_merged() {
        return;
    }
    // A `JoinHandle` may outlive the runtime; it is on this thread, wakers may be anywhere.
    // SAFETY: as the caller.
    unsafe { merge(task) };
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("state", &self.state.get()).finish_non_exhaustive()
    }
}
