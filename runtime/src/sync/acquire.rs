//! The one future behind every wait in a fair line.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::wait_queue::{Ticket, WaitQueue};
use crate::cancelled::Cancelled;
use crate::executor::try_current;

/// Something that is waited for in a line: a lock, permits, an event, room or an item.
pub(crate) trait Line {
    /// What a waiter wants.
    type Want: Copy;

    /// What a dump calls the wait.
    const WHAT: &'static str;

    fn queue(&self) -> &WaitQueue<Self::Want>;

    /// Takes what is wanted, if it is there and nobody waits for it longer.
    fn try_take(&self, want: Self::Want) -> bool;

    /// Takes back what was granted to a waiter that is gone: gives it to the next.
    fn hand_on(&self, want: Self::Want);
}

/// Waits until what is wanted is granted.
///
/// Cancel-safe: dropping it leaves the line; a grant that it held is handed on.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Acquire<'a, L: Line> {
    line: &'a L,
    want: L::Want,
    ticket: Option<Ticket>,
    location: &'static Location<'static>,
}

impl<'a, L: Line> Acquire<'a, L> {
    #[track_caller]
    pub(crate) fn new(line: &'a L, want: L::Want) -> Self {
        Self { line, want, ticket: None, location: Location::caller() }
    }
}

impl<L: Line> Unpin for Acquire<'_, L> {}

impl<L: Line> Future for Acquire<'_, L> {
    type Output = Result<(), Cancelled>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(ticket) = self.ticket {
            if self.line.queue().poll(ticket, context).is_ready() {
                self.ticket = None;
                return Poll::Ready(Ok(()));
            }
            ready!(checkpoint::<L>(context, self.location))?;
            return Poll::Pending;
        }
        ready!(checkpoint::<L>(context, self.location))?;
        if self.line.try_take(self.want) {
            return Poll::Ready(Ok(()));
        }
        self.ticket = Some(self.line.queue().push(self.want, context));
        Poll::Pending
    }
}

/// A line can be waited in without a runtime, too: nobody can cancel that wait.
#[inline]
fn checkpoint<L: Line>(
    context: &Context<'_>,
    location: &'static Location<'static>,
) -> Poll<Result<(), Cancelled>> {
    match try_current() {
        Some(core) => core.checkpoint_at(context, L::WHAT, location),
        None => Poll::Ready(Ok(())),
    }
}

impl<L: Line> Drop for Acquire<'_, L> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && self.line.queue().remove(ticket)
        {
            self.line.hand_on(self.want);
        }
    }
}
