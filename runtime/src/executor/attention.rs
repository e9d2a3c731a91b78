//! What the leaves that are polled now have to heed: a cancel, or a dump.
//!
//! A leaf is a future of this crate that waits: for I/O, a timer, a channel, a lock. Each begins its
//! poll with [`Core::checkpoint`], which costs one load while nothing is up. Where the task was
//! cancelled the leaf resolves with [`Cancelled`]; while a dump is taken it stays as it is.
//!
//! Invariant: scopes nest like the calls that open them, and a dump overrules every scope within.
//! A poll answers [`ANSWERS_MAX`] leaves; then the task gives way first, so a loop that ignores its
//! cancel costs its core one poll a turn, and hangs nobody.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::core::Core;
use super::header::Header;
use crate::cancelled::Cancelled;

/// Leaves of a cancelled task that one poll of it answers.
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
    /// A cancel was asked for, shielded or not.
    requested: Cell<bool>,
    task: Cell<Option<NonNull<Header>>>,
    task_cancelled: Cell<bool>,
    answers_left: Cell<u32>,
}

impl Attention {
    /// A task's poll begins.
    #[inline]
    pub(crate) fn begin(&self, task: NonNull<Header>, cancelled: bool) {
        self.task.set(Some(task));
        self.task_cancelled.set(cancelled);
        self.requested.set(cancelled);
        self.interrupted.set(cancelled);
        self.answers_left.set(ANSWERS_MAX);
    }

    #[inline]
    pub(crate) fn finish(&self) {
        self.task.set(None);
        self.requested.set(false);
        self.interrupted.set(false);
    }

    /// The task that runs.
    #[inline]
    pub(crate) fn task(&self) -> Option<NonNull<Header>> {
        self.task.get()
    }

    /// The running task was cancelled, by what it calls.
    pub(crate) fn cancel_running(&self) {
        self.task_cancelled.set(true);
        self.requested.set(true);
        self.update();
    }

    fn update(&self) {
        self.interrupted.set(match self.scope.get() {
            Scope::Open => self.task_cancelled.get(),
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
        self.requested.get()
    }

    /// Opens a scope until the result is dropped.
    pub(crate) fn enter(&self, scope: Scope) -> Entered<'_> {
        let before = (self.scope.get(), self.requested.get());
        if before.0 != Scope::Tracing {
            self.scope.set(scope);
            self.requested.set(before.1 || scope == Scope::Cancelled);
            self.update();
        }
        Entered { attention: self, before }
    }

    /// What was set aside comes back when the result is dropped: for polls of other tasks.
    pub(crate) fn set_aside(&self) -> SetAside<'_> {
        let running = self.task.get().map(|task| (task, self.task_cancelled.get()));
        SetAside { attention: self, running }
    }

    #[cold]
    fn interrupt(&self, context: &Context<'_>) -> Poll<Result<(), Cancelled>> {
        if self.scope.get() == Scope::Tracing {
            return Poll::Pending;
        }
        let left = self.answers_left.get();
        if left == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.answers_left.set(left - 1);
        Poll::Ready(Err(Cancelled))
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
        let (scope, requested) = self.before;
        attention.scope.set(scope);
        attention.requested.set(requested || attention.task_cancelled.get());
        attention.update();
    }
}

/// The running task, while others are polled.
pub(crate) struct SetAside<'a> {
    attention: &'a Attention,
    running: Option<(NonNull<Header>, bool)>,
}

impl Drop for SetAside<'_> {
    fn drop(&mut self) {
        match self.running {
            Some((task, cancelled)) => {
                self.attention.begin(task, cancelled);
                self.attention.update();
            }
            None => self.attention.finish(),
        }
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
