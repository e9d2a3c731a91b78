//! A fair line of waiters: the base of locks, semaphores, events and channels.
//!
//! Waiters stand in the order in which they came, each with what it wants. Whoever has something to
//! give takes the first out of the line and leaves the grant with it; nobody else is woken.
//!
//! Invariant: a waiter stands in the line, or holds a grant, until its ticket is polled with success
//! or removed. Who removes a ticket that holds a grant learns it, and hands the grant on: none is
//! lost. Costs no allocation but for the most waiters there ever were at once.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll};

use crate::executor::WakeSlot;
use crate::slots::{Key, Slots};

/// Names a waiter until its ticket is polled with success or removed.
pub(crate) type Ticket = Key;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct WaitQueue<W = ()> {
    waiters: RefCell<Slots<Waiter<W>>>,
    first: Cell<Option<Ticket>>,
    last: Cell<Option<Ticket>>,
}

#[derive(Debug)]
struct Waiter<W> {
    want: W,
    granted: bool,
    wake: WakeSlot,
    previous: Option<Ticket>,
    next: Option<Ticket>,
}

impl<W: Copy> WaitQueue<W> {
    pub(crate) fn new() -> Self {
        Self {
            waiters: RefCell::new(Slots::new(u32::MAX)),
            first: Cell::new(None),
            last: Cell::new(None),
        }
    }

    /// Whether nobody stands in line. Who holds a grant does not.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    /// What the first in line wants.
    #[inline]
    pub(crate) fn first(&self) -> Option<W> {
        let first = self.first.get()?;
        self.waiters.borrow_mut().get_mut(first).map(|waiter| waiter.want)
    }

    /// Goes to the end of the line.
    pub(crate) fn push(&self, want: W, context: &Context<'_>) -> Ticket {
        let wake = WakeSlot::new();
        wake.register(context);
        let previous = self.last.get();
        let waiter = Waiter { want, granted: false, wake, previous, next: None };
        let mut waiters = self.waiters.borrow_mut();
        let Ok(ticket) = waiters.insert(waiter) else {
            panic!("4 billion waiters would need hundreds of gigabytes");
        };
        match previous.and_then(|previous| waiters.get_mut(previous)) {
            Some(previous) => previous.next = Some(ticket),
            None => self.first.set(Some(ticket)),
        }
        self.last.set(Some(ticket));
        ticket
    }

    /// Ready once the waiter was granted what it wants, which ends its ticket; else remembers whom
    /// to wake.
    pub(crate) fn poll(&self, ticket: Ticket, context: &Context<'_>) -> Poll<()> {
        let mut waiters = self.waiters.borrow_mut();
        let waiter = waiters.get_mut(ticket).expect("a ticket is not polled after its end");
        if !waiter.granted {
            waiter.wake.register(context);
            return Poll::Pending;
        }
        waiters.remove(ticket);
        Poll::Ready(())
    }

    /// Ends a ticket. `true` where it held a grant, which has to be handed on.
    #[must_use = "a grant must not get lost"]
    pub(crate) fn remove(&self, ticket: Ticket) -> bool {
        let mut waiters = self.waiters.borrow_mut();
        let Some(waiter) = waiters.remove(ticket) else {
            return false;
        };
        if waiter.granted {
            return true;
        }
        self.unlink(&mut waiters, &waiter);
        drop(waiters);
        waiter.wake.clear();
        false
    }

    /// Takes the first out of the line, leaves a grant with it and wakes it; what it wanted.
    pub(crate) fn grant_first(&self) -> Option<W> {
        let first = self.first.get()?;
        let mut waiters = self.waiters.borrow_mut();
        let waiter = waiters.get_mut(first)?;
        waiter.granted = true;
        let (want, next, wake) = (waiter.want, waiter.next, waiter.wake.take());
        self.first.set(next);
        match next.and_then(|next| waiters.get_mut(next)) {
            Some(next) => next.previous = None,
            None => self.last.set(None),
        }
        drop(waiters);
        wake.fire();
        Some(want)
    }

    /// Grants all who stand in line now.
    pub(crate) fn grant_all(&self) {
        let last = self.last.get();
        while let Some(first) = self.first.get() {
            self.grant_first();
            if Some(first) == last {
                break;
            }
        }
    }

    fn unlink(&self, waiters: &mut Slots<Waiter<W>>, waiter: &Waiter<W>) {
        match waiter.previous.and_then(|previous| waiters.get_mut(previous)) {
            Some(previous) => previous.next = waiter.next,
            None => self.first.set(waiter.next),
        }
        match waiter.next.and_then(|next| waiters.get_mut(next)) {
            Some(next) => next.previous = waiter.previous,
            None => self.last.set(waiter.previous),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn push(queue: &WaitQueue<u32>, want: u32) -> Ticket {
        queue.push(want, &Context::from_waker(Waker::noop()))
    }

    fn granted(queue: &WaitQueue<u32>, ticket: Ticket) -> bool {
        queue.poll(ticket, &Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn grants_go_to_waiters_in_the_order_in_which_they_came() {
        let queue = WaitQueue::new();
        let tickets: Vec<_> = (0..4).map(|want| push(&queue, want)).collect();
        assert!(!queue.remove(tickets[1]), "it had no grant");
        assert_eq!(queue.grant_first(), Some(0));
        assert_eq!(queue.first(), Some(2));
        assert!(!queue.remove(tickets[3]), "it had no grant");
        assert_eq!((queue.grant_first(), queue.grant_first()), (Some(2), None));
        assert!(queue.is_empty());
        assert!(granted(&queue, tickets[0]));
        assert!(queue.remove(tickets[2]), "its grant has to be handed on");
        let again = push(&queue, 9);
        assert!(!granted(&queue, again));
        assert_eq!(queue.grant_first(), Some(9));
        assert!(granted(&queue, again));
    }

    #[test]
    fn all_means_those_who_stand_there_now() {
        let queue = WaitQueue::new();
        let tickets: Vec<_> = (0..3).map(|want| push(&queue, want)).collect();
        queue.grant_all();
        assert!(queue.is_empty());
        let late = push(&queue, 3);
        assert!(tickets.into_iter().all(|ticket| granted(&queue, ticket)));
        assert!(!granted(&queue, late));
    }
}
