//! The one future behind every wait in a fair line.
//!
//! Of a cancel and a grant the first one counts: a waiter that holds its grant when its task is
//! asked to stop gets it; one that was asked before is out of the line, and the grant goes to the
//! next. (Behind a combinator with wakers of its own the grant counts.)

use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::grant::{Grant, LineRef};
use super::wait_queue::{Answer, Ticket, WaitQueue};
use crate::cancelled::Cancelled;
use crate::executor::checkpoint_at;

/// Something that is waited for in a line: a lock, permits, an event.
///
/// What is there goes to the first in line whom it suffices; nobody passes another.
pub(crate) trait Line {
    /// What a waiter wants.
    type Want: Copy;

    fn queue(&self) -> &WaitQueue<Self::Want>;

    /// What a dump calls the wait.
    fn name(&self, want: Self::Want) -> &'static str;

    /// Takes what is wanted, if it is there.
    fn take(&self, want: Self::Want) -> bool;

    /// Puts back what was taken.
    fn put_back(&self, want: Self::Want);

    /// Whether nobody has to wait, or may, any more: who comes is sent away.
    fn is_closed(&self) -> bool {
        false
    }

    /// Takes what is wanted, if it is there and nobody waits longer.
    #[inline]
    fn try_take(&self, want: Self::Want) -> bool {
        self.queue().is_empty() && self.take(want)
    }

    /// Gives back what was granted: to the next in line.
    #[inline]
    fn hand_on(&self, want: Self::Want) {
        self.put_back(want);
        self.advance();
    }

    /// Grants what is there to those at the front of the line.
    #[inline]
    fn advance(&self) {
        while let Some(want) = self.queue().first()
            && self.take(want)
        {
            self.queue().grant_first();
        }
    }
}

/// Waits until what is wanted is granted, or until the waiter is sent away: then gives `None`.
///
/// Cancel-safe: dropping it leaves the line; a grant that it held is handed on.
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Acquire<'a, L: Line + ?Sized> {
    line: LineRef<'a, L>,
    want: L::Want,
    ticket: Option<Ticket>,
    location: &'static Location<'static>,
}

impl<'a, L: Line + ?Sized> Acquire<'a, L> {
    #[track_caller]
    pub(crate) fn new(line: impl Into<LineRef<'a, L>>, want: L::Want) -> Self {
        Self::at(line, want, Location::caller())
    }

    pub(crate) fn at(
        line: impl Into<LineRef<'a, L>>,
        want: L::Want,
        location: &'static Location<'static>,
    ) -> Self {
        Self { line: line.into(), want, ticket: None, location }
    }

    /// Makes something of the answer; what an `async` block would, without moving the wait into
    /// one.
    #[inline]
    pub(crate) fn map<T>(
        self,
        make: impl Fn(<Self as Future>::Output) -> T + Unpin,
    ) -> impl Future<Output = T> {
        Map { acquire: self, make }
    }

    /// Goes into the line, without waiting there; into one in which nothing is there to take.
    pub(crate) async fn enter(&mut self) -> Result<(), Cancelled> {
        poll_fn(|context| match Pin::new(&mut *self).poll(context) {
            Poll::Ready(Err(cancelled)) => Poll::Ready(Err(cancelled)),
            _ if self.ticket.is_some() => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        })
        .await
    }

    #[inline]
    fn grant(&self) -> Grant<'a, L> {
        Grant::new(self.line.clone(), self.want)
    }

    /// Whether it stands in line, or was given an answer there that it has not taken.
    #[inline]
    pub(crate) fn is_in_line(&self) -> bool {
        self.ticket.is_some()
    }

    #[inline]
    pub(crate) fn checkpoint(&self, context: &Context<'_>) -> Poll<Result<(), Cancelled>> {
        checkpoint_at(context, self.line.name(self.want), self.location)
    }

    /// Leaves the line, and lets those behind advance.
    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            match self.line.queue().remove(ticket) {
                true => self.line.hand_on(self.want),
                false => self.line.advance(),
            }
        }
    }

    #[inline(never)]
    fn poll_in_line(
        &mut self,
        ticket: Ticket,
        context: &Context<'_>,
    ) -> Poll<Result<Option<Grant<'a, L>>, Cancelled>> {
        if !self.line.queue().is_answered_in_time(ticket)
            && let Err(cancelled) = ready!(self.checkpoint(context))
        {
            self.leave();
            return Poll::Ready(Err(cancelled));
        }
        let answer = ready!(self.line.queue().poll(ticket, context));
        self.ticket = None;
        Poll::Ready(Ok((answer == Answer::Granted).then(|| self.grant())))
    }
}

impl<L: Line + ?Sized> Unpin for Acquire<'_, L> {}

impl<'a, L: Line + ?Sized> Future for Acquire<'a, L> {
    type Output = Result<Option<Grant<'a, L>>, Cancelled>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(ticket) = self.ticket {
            return self.poll_in_line(ticket, context);
        }
        ready!(self.checkpoint(context))?;
        if self.line.is_closed() {
            return Poll::Ready(Ok(None));
        }
        if self.line.try_take(self.want) {
            return Poll::Ready(Ok(Some(self.grant())));
        }
        self.ticket = Some(self.line.queue().push(self.want, context));
        Poll::Pending
    }
}

/// The future of [`Acquire::map`].
#[must_use = "futures do nothing unless awaited"]
struct Map<'a, L: Line + ?Sized, F> {
    acquire: Acquire<'a, L>,
    make: F,
}

impl<'a, L: Line + ?Sized, F, T> Future for Map<'a, L, F>
where
    F: Fn(<Acquire<'a, L> as Future>::Output) -> T + Unpin,
{
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.acquire).poll(context).map(&self.make)
    }
}

impl<L: Line + ?Sized> Drop for Acquire<'_, L> {
    #[inline]
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.leave();
        }
    }
}
