//! A fair line of waiters: the base of locks, semaphores, events and channels.
//!
//! Waiters stand in the order in which they came, each with what it wants. Whoever has something to
//! give takes the first out of the line and leaves the grant with it; nobody else is woken. A
//! waiter can also be sent away without a grant, where there is nothing to hand on.
//!
//! Invariant: a waiter stands in the line, or has its answer, until its ticket is polled with
//! success or removed. Who removes a ticket that holds a grant learns it, and hands the grant on:
//! none is lost. No code of others runs while the line is borrowed. Costs no allocation but for the
//! most waiters there ever were at once.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::task::{Context, Poll};

use crate::executor::WakeSlot;
use crate::slots::{Key, Slots};

/// Names a waiter until its ticket is polled with success or removed.
pub(crate) type Ticket = Key;

/// How a wait in line ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted,
    Dismissed,
}

/// What is kept of a waiter, to wake it.
pub(crate) trait Wakeup: Default {
    /// Whether the waiter is known to have been asked to stop.
    fn is_cancelled(&self) -> bool;
}

impl Wakeup for WakeSlot {
    #[inline]
    fn is_cancelled(&self) -> bool {
        self.is_of_cancelled()
    }
}

/// See the module's documentation.
///
/// With a `S` that is `Send` the line is, too, and can stand behind a lock: its waiters are then
/// woken by the caller, when the lock is not held.
pub(crate) struct WaitQueue<W = (), S = WakeSlot> {
    waiters: RefCell<Slots<Waiter<W, S>>>,
    standing: Cell<usize>,
    first: Cell<Option<Ticket>>,
    last: Cell<Option<Ticket>>,
}

struct Waiter<W, S> {
    want: W,
    /// None while it stands in line.
    answer: Option<Answer>,
    /// Its task had been asked to stop before the grant came.
    late: bool,
    wake: S,
    previous: Option<Ticket>,
    next: Option<Ticket>,
}

impl<W: Copy, S: Wakeup> WaitQueue<W, S> {
    pub(crate) fn new() -> Self {
        Self {
            waiters: RefCell::new(Slots::new(u32::MAX)),
            standing: Cell::new(0),
            first: Cell::new(None),
            last: Cell::new(None),
        }
    }

    /// Whether nobody stands in line. Who has an answer does not.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    /// How many stand in line.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.standing.get()
    }

    /// What the first in line wants.
    #[inline]
    pub(crate) fn first(&self) -> Option<W> {
        let first = self.first.get()?;
        self.waiters.borrow_mut().get_mut(first).map(|waiter| waiter.want)
    }

    /// Goes to the end of the line.
    pub(crate) fn join(&self, want: W, wake: S) -> Ticket {
        let mut waiters = self.waiters.borrow_mut();
        let previous = self.last.get();
        let waiter = Waiter { want, answer: None, late: false, wake, previous, next: None };
        let Ok(ticket) = waiters.insert(waiter) else {
            panic!("4 billion waiters would need hundreds of gigabytes");
        };
        match previous.and_then(|previous| waiters.get_mut(previous)) {
            Some(previous) => previous.next = Some(ticket),
            None => self.first.set(Some(ticket)),
        }
        self.last.set(Some(ticket));
        self.standing.set(self.standing.get() + 1);
        ticket
    }

    /// Ends a ticket; the answer, unless it stood in line, and the wake, which is not used any
    /// more. `None` where the ticket had ended.
    #[must_use = "a grant must not get lost"]
    pub(crate) fn leave(&self, ticket: Ticket) -> Option<(Option<Answer>, S)> {
        let mut waiters = self.waiters.borrow_mut();
        let waiter = waiters.remove(ticket)?;
        if waiter.answer.is_none() {
            self.unlink(&mut waiters, &waiter);
        }
        Some((waiter.answer, waiter.wake))
    }

    /// Takes the first out of the line and leaves an answer with it; what it wanted, and its wake.
    #[must_use = "the waiter is not awake yet"]
    pub(crate) fn answer_first(&self, answer: Answer) -> Option<(W, S)> {
        let mut waiters = self.waiters.borrow_mut();
        let waiter = waiters.get_mut(self.first.get()?)?;
        let wake = std::mem::take(&mut waiter.wake);
        waiter.answer = Some(answer);
        waiter.late = answer == Answer::Granted && wake.is_cancelled();
        let (want, next) = (waiter.want, waiter.next);
        self.standing.set(self.standing.get() - 1);
        self.first.set(next);
        match next.and_then(|next| waiters.get_mut(next)) {
            Some(next) => next.previous = None,
            None => self.last.set(None),
        }
        Some((want, wake))
    }

    /// The answer of a waiter that has one; its ticket has then ended.
    #[inline]
    pub(crate) fn take_answer(&self, ticket: Ticket) -> Option<Answer> {
        let answer = self.waiter(ticket, |waiter| waiter.answer)?;
        self.waiters.borrow_mut().remove(ticket);
        Some(answer)
    }

    /// Shows the wake of a waiter. The look must not run code of others.
    #[inline]
    pub(crate) fn wake_of<R>(&self, ticket: Ticket, look: impl FnOnce(&mut S) -> R) -> R {
        self.waiter(ticket, |waiter| look(&mut waiter.wake))
    }

    #[inline]
    fn waiter<R>(&self, ticket: Ticket, look: impl FnOnce(&mut Waiter<W, S>) -> R) -> R {
        let mut waiters = self.waiters.borrow_mut();
        look(waiters.get_mut(ticket).expect("a ticket is not used after its end"))
    }

    fn unlink(&self, waiters: &mut Slots<Waiter<W, S>>, waiter: &Waiter<W, S>) {
        match waiter.previous.and_then(|previous| waiters.get_mut(previous)) {
            Some(previous) => previous.next = waiter.next,
            None => self.first.set(waiter.next),
        }
        match waiter.next.and_then(|next| waiters.get_mut(next)) {
            Some(next) => next.previous = waiter.previous,
            None => self.last.set(waiter.previous),
        }
        self.standing.set(self.standing.get() - 1);
    }
}

impl<W: Copy> WaitQueue<W> {
    /// Goes to the end of the line.
    pub(crate) fn push(&self, want: W, context: &Context<'_>) -> Ticket {
        let wake = WakeSlot::new();
        wake.register(context);
        self.join(want, wake)
    }

    /// Ready once the waiter has its answer, which ends its ticket; else remembers whom to wake.
    pub(crate) fn poll(&self, ticket: Ticket, context: &Context<'_>) -> Poll<Answer> {
        if let Some(answer) = self.take_answer(ticket) {
            return Poll::Ready(answer);
        }
        let wake = self.wake_of(ticket, std::mem::take);
        wake.register(context);
        // A foreign waker's code has run: the answer may have come meanwhile.
        if let Some(answer) = self.take_answer(ticket) {
            wake.clear();
            return Poll::Ready(answer);
        }
        self.wake_of(ticket, |known| *known = wake);
        Poll::Pending
    }

    /// Whether the waiter has an answer that came before its task was asked to stop. Behind a
    /// foreign waker every answer counts as one.
    #[inline]
    pub(crate) fn is_answered_in_time(&self, ticket: Ticket) -> bool {
        self.waiter(ticket, |waiter| waiter.answer.is_some() && !waiter.late)
    }

    /// Ends a ticket. `true` where it held a grant, which has to be handed on.
    #[must_use = "a grant must not get lost"]
    pub(crate) fn remove(&self, ticket: Ticket) -> bool {
        let Some((answer, wake)) = self.leave(ticket) else {
            return false;
        };
        wake.clear();
        answer == Some(Answer::Granted)
    }

    /// Takes the first out of the line, leaves a grant with it and wakes it; what it wanted.
    pub(crate) fn grant_first(&self) -> Option<W> {
        self.answer_and_wake_first(Answer::Granted)
    }

    /// Grants all who stand in line now.
    pub(crate) fn grant_all(&self) {
        for _ in 0..self.len() {
            self.answer_and_wake_first(Answer::Granted);
        }
    }

    /// Sends all who stand in line now away: they are woken, and hold nothing to hand on.
    pub(crate) fn dismiss_all(&self) {
        for _ in 0..self.len() {
            self.answer_and_wake_first(Answer::Dismissed);
        }
    }

    fn answer_and_wake_first(&self, answer: Answer) -> Option<W> {
        let (want, wake) = self.answer_first(answer)?;
        wake.fire();
        Some(want)
    }
}

/// How many stand in line, and how many have an answer that they have not taken.
impl<W, S> fmt::Debug for WaitQueue<W, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.standing.get();
        let answered = self.waiters.borrow().len() - waiting;
        f.debug_struct("WaitQueue").field("waiting", &waiting).field("answered", &answered).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Wake, Waker};

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A waiter of the model: what it wants, its answer, and how often it should have been woken.
    struct Modelled {
        ticket: Ticket,
        want: u32,
        answer: Option<Answer>,
        wakes: Arc<Wakes>,
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push,
        Poll { pick: usize },
        Remove { pick: usize },
        Grant,
        GrantAll,
        DismissAll,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => Just(Step::Push),
            3 => any::<usize>().prop_map(|pick| Step::Poll { pick }),
            3 => any::<usize>().prop_map(|pick| Step::Remove { pick }),
            4 => Just(Step::Grant),
            1 => Just(Step::GrantAll),
            1 => Just(Step::DismissAll),
        ]
    }

    /// The plain model: all waiters in the order in which they came.
    struct Model {
        queue: WaitQueue<u32>,
        waiters: Vec<Modelled>,
        came: u32,
    }

    impl Model {
        fn push(&mut self) {
            let wakes = Arc::new(Wakes::default());
            let waker = Waker::from(Arc::clone(&wakes));
            let ticket = self.queue.push(self.came, &Context::from_waker(&waker));
            self.waiters.push(Modelled { ticket, want: self.came, answer: None, wakes });
            self.came += 1;
        }

        fn poll(&mut self, pick: usize) {
            let index = pick % self.waiters.len();
            let waiter = &self.waiters[index];
            let waker = Waker::from(Arc::clone(&waiter.wakes));
            assert_eq!(self.queue.is_answered_in_time(waiter.ticket), waiter.answer.is_some());
            match self.queue.poll(waiter.ticket, &Context::from_waker(&waker)) {
                Poll::Pending => assert_eq!(waiter.answer, None),
                Poll::Ready(answer) => {
                    assert_eq!(waiter.answer, Some(answer));
                    self.waiters.remove(index);
                }
            }
        }

        fn remove(&mut self, pick: usize) {
            let waiter = self.waiters.remove(pick % self.waiters.len());
            let held_grant = self.queue.remove(waiter.ticket);
            assert_eq!(held_grant, waiter.answer == Some(Answer::Granted));
            assert!(!self.queue.remove(waiter.ticket), "a ticket ends once");
        }

        fn answer_first(&mut self, answer: Answer) -> Option<u32> {
            let first = self.waiters.iter_mut().find(|waiter| waiter.answer.is_none())?;
            first.answer = Some(answer);
            Some(first.want)
        }

        fn check(&self) {
            let standing: Vec<_> =
                self.waiters.iter().filter(|waiter| waiter.answer.is_none()).collect();
            assert_eq!(self.queue.len(), standing.len());
            assert_eq!(self.queue.is_empty(), standing.is_empty());
            assert_eq!(self.queue.first(), standing.first().map(|waiter| waiter.want));
            assert_eq!(self.queue.waiters.borrow().len(), self.waiters.len());
            for waiter in &self.waiters {
                let wakes = u32::from(waiter.answer.is_some());
                assert_eq!(waiter.wakes.0.load(Ordering::Relaxed), wakes, "once, with the answer");
            }
        }

        fn run(&mut self, step: &Step) {
            match *step {
                Step::Push => self.push(),
                Step::Poll { pick } if !self.waiters.is_empty() => self.poll(pick),
                Step::Remove { pick } if !self.waiters.is_empty() => self.remove(pick),
                Step::Poll { .. } | Step::Remove { .. } => {}
                Step::Grant => {
                    let expected = self.answer_first(Answer::Granted);
                    assert_eq!(self.queue.grant_first(), expected);
                }
                Step::GrantAll => {
                    while self.answer_first(Answer::Granted).is_some() {}
                    self.queue.grant_all();
                }
                Step::DismissAll => {
                    while self.answer_first(Answer::Dismissed).is_some() {}
                    self.queue.dismiss_all();
                }
            }
        }
    }

    proptest! {
        /// Against the simplest model there is: a list in the order of arrival.
        #[test]
        fn agrees_with_a_plain_list(steps in proptest::collection::vec(step(), 1..200)) {
            let mut model = Model { queue: WaitQueue::new(), waiters: Vec::new(), came: 0 };
            for step in &steps {
                model.run(step);
                model.check();
            }
            while !model.waiters.is_empty() {
                model.remove(0);
                model.check();
            }
        }
    }

    /// A waker whose every use runs code that uses the line itself.
    struct Meddling {
        queue: *const WaitQueue<u32>,
    }

    // SAFETY: never leaves the thread of its test.
    unsafe impl Send for Meddling {}
    // SAFETY: as above.
    unsafe impl Sync for Meddling {}

    impl Meddling {
        fn meddle(&self) {
            // SAFETY: the test keeps the line for longer than its wakers.
            let queue = unsafe { &*self.queue };
            let ticket = queue.push(9, &Context::from_waker(Waker::noop()));
            queue.grant_first();
            let _ = queue.remove(ticket);
        }
    }

    impl Wake for Meddling {
        fn wake(self: Arc<Self>) {
            self.meddle();
        }
    }

    impl Drop for Meddling {
        fn drop(&mut self) {
            self.meddle();
        }
    }

    #[test]
    fn code_of_a_foreign_waker_may_use_the_line() {
        let queue = WaitQueue::new();
        let meddling = || Waker::from(Arc::new(Meddling { queue: &raw const queue }));
        let tickets: Vec<_> =
            (0..6).map(|want| queue.push(want, &Context::from_waker(&meddling()))).collect();
        // The wakers that are replaced grant somebody as they are dropped.
        for ticket in &tickets[..3] {
            let _ = queue.poll(*ticket, &Context::from_waker(Waker::noop()));
        }
        for ticket in tickets {
            let _ = queue.remove(ticket);
        }
        assert!(queue.is_empty());
        assert_eq!(queue.waiters.borrow().len(), 0);
    }
}
