//! What the leaves that are polled now have to heed: a cancel, or a dump.
//!
//! A leaf is a future of this crate that waits: for I/O, a timer, a channel, a lock. Each begins
//! its poll with [`Core::checkpoint`], which costs one load while nothing is up. Where the task was
//! cancelled the leaf resolves with [`Cancelled`]; while a dump is taken it stays as it is.
//!
//! Invariant: scopes nest like the calls that open them, and a dump overrules every scope within.
//! A poll answers [`ANSWERS_MAX`] leaves; then the task gives way to the others first, so a loop
//! that ignores its cancel keeps its core busy, but hangs nobody.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::core::{Core, try_current};
use super::header::{CANCELLED, Header};
use crate::cancelled::Cancelled;

/// Leaves that one poll of a task answers although they need not: all in a cancelled task, and
/// those that other threads could go on answering for ever.
const ANSWERS_MAX: u32 = 64;

/// Who decides for the leaves polled within.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The task's own cancel.
    #[default]
    Open,
    /// Nobody: a cancel is held off.
    Shielded,
    /// A combinator that asked this part of the task to stop.
    Cancelled,
    /// A dump: leaves stay as they are.
    Tracing,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    /// All that a checkpoint reads: there is something to heed.
    interrupted: Cell<bool>,
    scope: Cell<Scope>,
    /// A scope around this one, shielded or not, is of a combinator that cancelled.
    within_cancelled: Cell<bool>,
    /// The task that runs.
    task: Cell<Option<NonNull<Header>>>,
    answers_left: Cell<u32>,
}

impl Attention {
    /// A task's poll begins.
    #[inline]
    pub(crate) fn begin(&self, task: NonNull<Header>, cancelled: bool) {
        self.task.set(Some(task));
        self.interrupted.set(cancelled);
        self.answers_left.set(ANSWERS_MAX);
    }

    #[inline]
    pub(crate) fn finish(&self) {
        self.task.set(None);
        self.interrupted.set(false);
    }

    /// The task that runs.
    #[inline]
    pub(crate) fn task(&self) -> Option<NonNull<Header>> {
        self.task.get()
    }

    fn task_is_cancelled(&self) -> bool {
        // SAFETY: the running task is alive.
        self.task.get().is_some_and(|task| unsafe { task.as_ref() }.has(CANCELLED))
    }

    /// To be called when the scope, the task or its cancel has changed.
    pub(crate) fn update(&self) {
        self.interrupted.set(match self.scope.get() {
            Scope::Open => self.task_is_cancelled(),
            Scope::Shielded => false,
            Scope::Cancelled | Scope::Tracing => true,
        });
    }

    #[inline]
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.get()
    }

    #[inline]
    pub(crate) fn is_tracing(&self) -> bool {
        self.interrupted.get() && self.scope.get() == Scope::Tracing
    }

    /// Whether a cancel was asked for, also within a shield.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.within_cancelled.get() || self.task_is_cancelled()
    }

    /// Opens a scope until the result is dropped.
    pub(crate) fn enter(&self, scope: Scope) -> Entered<'_> {
        let before = (self.scope.get(), self.within_cancelled.get());
        if before.0 != Scope::Tracing {
            self.scope.set(scope);
            self.within_cancelled.set(before.1 || scope == Scope::Cancelled);
            self.update();
        }
        Entered { attention: self, before }
    }

    /// Sets the running task and its scopes aside, until the result is dropped: for polls of other
    /// tasks.
    pub(crate) fn set_aside(&self) -> SetAside<'_> {
        let before = Self::default();
        before.take_over(self);
        self.take_over(&Self::default());
        SetAside { attention: self, before }
    }

    fn take_over(&self, other: &Self) {
        self.interrupted.set(other.interrupted.get());
        self.scope.set(other.scope.get());
        self.within_cancelled.set(other.within_cancelled.get());
        self.task.set(other.task.get());
        self.answers_left.set(other.answers_left.get());
    }

    #[cold]
    fn interrupt(&self, context: &Context<'_>) -> Poll<Result<(), Cancelled>> {
        if self.scope.get() == Scope::Tracing {
            return Poll::Pending;
        }
        self.spend_answer(context).map(|()| Err(Cancelled))
    }

    /// A task that has spent its answers gives way first.
    #[inline]
    fn spend_answer(&self, context: &Context<'_>) -> Poll<()> {
        let left = self.answers_left.get();
        if left == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.answers_left.set(left - 1);
        Poll::Ready(())
    }
}

/// An open scope.
pub(crate) struct Entered<'a> {
    attention: &'a Attention,
    before: (Scope, bool),
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let attention = self.attention;
        let (scope, within_cancelled) = self.before;
        attention.scope.set(scope);
        attention.within_cancelled.set(within_cancelled);
        attention.update();
    }
}

/// What was heeded before, while other tasks are polled.
pub(crate) struct SetAside<'a> {
    attention: &'a Attention,
    before: Attention,
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        self.attention.take_over(&self.before);
        // It may have been cancelled meanwhile.
        self.attention.update();
    }
}

impl Core {
    /// The first thing that a leaf does in each poll, before it takes anything.
    ///
    /// `Pending` means that the leaf has to return `Pending` without changing anything.
    #[inline]
    pub(crate) fn checkpoint(&self, context: &Context<'_>) -> Poll<Result<(), Cancelled>> {
        if self.attention.is_interrupted() {
            return self.attention.interrupt(context);
        }
        Poll::Ready(Ok(()))
    }

    /// As [`checkpoint`](Self::checkpoint), for a leaf that is named in dumps.
    #[inline]
    pub(crate) fn checkpoint_at(
        &self,
        context: &Context<'_>,
        what: &str,
        location: &'static Location<'static>,
    ) -> Poll<Result<(), Cancelled>> {
        if self.attention.is_tracing() {
            self.trace.wait(what, location);
        }
        self.checkpoint(context)
    }
}

/// As [`Core::checkpoint_at`], also outside of a runtime, where nobody can cancel the wait.
#[inline]
pub(crate) fn checkpoint_at(
    context: &Context<'_>,
    what: &str,
    location: &'static Location<'static>,
) -> Poll<Result<(), Cancelled>> {
    match try_current() {
        Some(core) => core.checkpoint_at(context, what, location),
        None => Poll::Ready(Ok(())),
    }
}

/// As [`checkpoint_at`] and then [`give_way`].
#[inline]
pub(crate) fn checkpoint_and_give_way(
    context: &Context<'_>,
    what: &str,
    location: &'static Location<'static>,
) -> Poll<Result<(), Cancelled>> {
    let Some(core) = try_current() else { return Poll::Ready(Ok(())) };
    if core.attention.is_interrupted() {
        // An answer is spent on this, too.
        return core.checkpoint_at(context, what, location);
    }
    core.attention.spend_answer(context).map(Ok)
}

/// A checkpoint of its own, for a wait that looks at something before its first leaf.
pub(crate) async fn checkpoint(
    what: &'static str,
    location: &'static Location<'static>,
) -> Result<(), Cancelled> {
    poll_fn(|context| checkpoint_at(context, what, location)).await
}

/// For a leaf that other threads may answer at once, again and again: after so many in one poll the
/// other tasks of the core come first.
pub(crate) fn give_way(context: &Context<'_>) -> Poll<()> {
    match try_current() {
        Some(core) => core.attention.spend_answer(context),
        None => Poll::Ready(()),
    }
}
