//! The part of a task that knows its future: one block that holds the header and then, one after
//! the other, the future and its output.
//!
//! Invariant: the stage is `future` until the header says `COMPLETE`, then `output` until it says
//! `TAKEN`. The future never moves, so it counts as pinned.

use std::alloc::Layout;
use std::any::Any;
use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::block::BlockLayout;
use super::contain::contain;
use super::core::Core;
use super::header::{Header, Vtable};
use super::join::JoinError;
use super::waker;

type Outcome<T> = Result<T, JoinError>;

/// A task's block.
#[repr(C)]
pub(crate) struct TaskCell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Outcome<F::Output>>,
}

impl<F: Future> TaskCell<F> {
    const VTABLE: &'static Vtable = &Vtable {
        poll: poll::<F>,
        abort: abort::<F>,
        take_output: take_output::<F>,
        drop_output: drop_output::<F>,
        layout: BlockLayout::new(Layout::new::<Self>()),
    };

    /// Makes a task of `core` in a block of its pool.
    #[inline]
    pub(crate) fn allocate(
        core: &Core,
        future: F,
        state: u32,
        spawned_at: &'static Location<'static>,
    ) -> NonNull<Header> {
        let block = core.blocks.take(Self::VTABLE.layout).cast::<Self>();
        let stage = UnsafeCell::new(Stage { future: ManuallyDrop::new(future) });
        // SAFETY: the block is unused and has this type's layout.
        unsafe {
            let header = Header::new(Self::VTABLE, core, state, spawned_at);
            block.write(Self { header, stage });
        };
        block.cast()
    }

    /// # Safety
    ///
    /// `task` is alive and was allocated for this `F`; nobody else uses its stage meanwhile.
    #[inline]
    unsafe fn stage<'a>(task: NonNull<Header>) -> &'a mut Stage<F> {
        // SAFETY: by contract; the header is the first field of a `repr(C)` struct.
        unsafe { &mut *task.cast::<Self>().as_ref().stage.get() }
    }
}

/// # Safety
///
/// As for [`Vtable::poll`]: the future is there and on its own thread.
unsafe fn poll<F: Future>(task: NonNull<Header>) -> bool {
    // SAFETY: only the executor polls, and a task that runs is not polled again.
    let stage = unsafe { TaskCell::<F>::stage(task) };
    let polled = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the executor's reference outlives this borrowed waker.
        let waker = unsafe { waker::borrowed(task) };
        // SAFETY: not complete, so the stage is the future, which never moves.
        let future = unsafe { Pin::new_unchecked(&mut *stage.future) };
        future.poll(&mut Context::from_waker(&waker))
    }));
    let outcome = match polled {
        Ok(Poll::Pending) => return false,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(JoinError::panicked(panic)),
    };
    // SAFETY: the future is still there, and is not used again.
    let dropped = unsafe { drop_future(stage) };
    stage.output = ManuallyDrop::new(match dropped {
        Ok(()) => outcome,
        Err(panic) => {
            // Here, since a panic that left this function would leave the stage undefined.
            contain(|| drop(outcome));
            Err(JoinError::panicked(panic))
        }
    });
    true
}

/// # Safety
///
/// As for [`Vtable::abort`]: the future is there, on its own thread and not running.
unsafe fn abort<F: Future>(task: NonNull<Header>) {
    // SAFETY: by contract nobody else uses the stage.
    let stage = unsafe { TaskCell::<F>::stage(task) };
    // SAFETY: the future is still there, and is not used again.
    let dropped = unsafe { drop_future(stage) };
    stage.output = ManuallyDrop::new(Err(match dropped {
        Ok(()) => JoinError::aborted(),
        Err(panic) => JoinError::panicked(panic),
    }));
}

/// Drops the future where it stands; a panic of its destructor is caught.
///
/// # Safety
///
/// The stage is the future, and it is not used again.
unsafe fn drop_future<F: Future>(stage: &mut Stage<F>) -> Result<(), Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: by contract.
        unsafe { ManuallyDrop::drop(&mut stage.future) }
    }))
}

/// # Safety
///
/// As for [`Vtable::take_output`]: the output is there, `to` points to room for an `Outcome`.
unsafe fn take_output<F: Future>(task: NonNull<Header>, to: *mut ()) {
    // SAFETY: by contract the stage is the output, which the caller marks as taken.
    let outcome = unsafe { ManuallyDrop::take(&mut TaskCell::<F>::stage(task).output) };
    // SAFETY: by contract.
    unsafe { to.cast::<Outcome<F::Output>>().write(outcome) };
}

/// # Safety
///
/// As for [`Vtable::drop_output`]: the output is there and on its own thread.
unsafe fn drop_output<F: Future>(task: NonNull<Header>) {
    // SAFETY: by contract the stage is the output, which the caller marks as taken.
    let stage = unsafe { TaskCell::<F>::stage(task) };
    // A detached task's output that panics when dropped has nobody to tell.
    contain(|| {
        // SAFETY: as above.
        unsafe { ManuallyDrop::drop(&mut stage.output) }
    });
}
