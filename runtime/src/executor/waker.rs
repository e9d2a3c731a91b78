//! `std::task::Waker` over a task: truly `Send + Sync`, without atomics on the owner's path.
//!
//! On the thread that runs the task's core, clone, wake and drop are plain loads and stores. On any
//! other thread they count atomically, and a wake goes through the inbox.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::{self, Header};

/// A `static`, not a `const`: its address tells our wakers from others.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

/// A waker that owns no reference, for the time of one poll.
#[derive(Debug)]
pub(crate) struct Borrowed(ManuallyDrop<Waker>);

impl Deref for Borrowed {
    type Target = Waker;

    #[inline]
    fn deref(&self) -> &Waker {
        &self.0
    }
}

/// # Safety
///
/// The task outlives the result.
#[inline]
pub(crate) unsafe fn borrowed(task: NonNull<Header>) -> Borrowed {
    // SAFETY: the functions of the table follow the contract of `RawWaker` for a header, and the
    // reference that this waker would give up is never given up.
    Borrowed(ManuallyDrop::new(unsafe { Waker::new(task.as_ptr().cast(), &VTABLE) }))
}

/// The task behind a waker, where it is one of the core that runs on this thread.
#[inline]
pub(crate) fn local_task(waker: &Waker) -> Option<NonNull<Header>> {
    if !std::ptr::eq(waker.vtable(), &raw const VTABLE) {
        return None;
    }
    let task = NonNull::new(waker.data().cast_mut().cast::<Header>())?;
    // SAFETY: a waker of our table holds, or borrows, a reference.
    unsafe { task.as_ref() }.running_owner().map(|_| task)
}

fn task(data: *const ()) -> NonNull<Header> {
    // SAFETY: the data of our wakers is a task's address, never null.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker that is cloned keeps the task alive.
    unsafe { task(data).as_ref() }.retain();
    RawWaker::new(data, &VTABLE)
}

fn wake(data: *const ()) {
    wake_by_ref(data);
    drop(data);
}

fn wake_by_ref(data: *const ()) {
    let task = task(data);
    // SAFETY: the waker keeps the task alive.
    match unsafe { task.as_ref() }.running_owner() {
        Some(core) => core.schedule(task),
        // SAFETY: as above.
        None => unsafe { header::wake_remote(task) },
    }
}

fn drop(data: *const ()) {
    // SAFETY: the waker's own reference, which ends here.
    unsafe { header::release(task(data)) };
}
