//! The line of work between a runtime and its blocking threads, and the life of such a thread.
//!
//! One lock decides who has a piece of work: the runtime until it is submitted, the line while it
//! waits, then the thread that takes it or the runtime that takes it back. So no work is lost, none
//! runs twice, and what was taken back never runs.
//!
//! Invariant: a thread is started only for work that no free thread is left for, so each free
//! thread has at most one piece of work in line for it, and the rest is the backlog that the limit
//! counts. A thread looks at the line once more after it has waited long enough, so work that came
//! at that moment is served.

use std::collections::VecDeque;
use std::time::Duration;

use crate::threads::{Condvar, Mutex, MutexGuard, lock, wait_timeout};

/// Names a piece of work while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// The name of a thread among those of its queue: the lowest number that was free at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat(pub(crate) usize);

/// How much a queue takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) threads_max: usize,
    pub(crate) backlog_max: usize,
}

/// Work was accepted.
#[derive(Debug)]
pub(crate) struct Submitted {
    pub(crate) ticket: Ticket,
    /// A thread has to be started, to [`serve`](Queue::serve) in this seat.
    pub(crate) start: Option<Seat>,
}

/// Work was refused, and is given back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused<W> {
    Full(W),
    Closed(W),
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Queue<W> {
    state: Mutex<State<W>>,
    work_came: Condvar,
}

#[derive(Debug)]
struct State<W> {
    /// In order of their tickets.
    waiting: VecDeque<(Ticket, W)>,
    tickets: u64,
    /// Which seats are taken by threads.
    seats: Vec<bool>,
    /// Threads that have no work, those that are about to start among them.
    free: usize,
    closed: bool,
}

impl<W> State<W> {
    fn threads(&self) -> usize {
        self.seats.iter().filter(|taken| **taken).count()
    }

    fn take_seat(&mut self) -> Seat {
        let seat = self.seats.iter().position(|taken| !taken).unwrap_or(self.seats.len());
        if seat == self.seats.len() {
            self.seats.push(true);
        }
        self.seats[seat] = true;
        self.free += 1;
        Seat(seat)
    }

    fn leave_seat(&mut self, seat: Seat) {
        self.seats[seat.0] = false;
        self.free -= 1;
    }

    fn remove(&mut self, ticket: Ticket) -> Option<W> {
        let index = self.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        self.waiting.remove(index).map(|(_, work)| work)
    }
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        let (waiting, seats) = (VecDeque::new(), Vec::new());
        let state = State { waiting, tickets: 0, seats, free: 0, closed: false };
        Self { state: Mutex::new(state), work_came: Condvar::new() }
    }
}

impl<W> Queue<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        lock(&self.state)
    }

    /// Puts work at the end of the line.
    pub(crate) fn submit(&self, work: W, limits: Limits) -> Result<Submitted, Refused<W>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed(work));
        }
        let short = state.waiting.len() >= state.free;
        let start = short && state.threads() < limits.threads_max;
        if short && !start && state.waiting.len() - state.free >= limits.backlog_max {
            return Err(Refused::Full(work));
        }
        state.tickets += 1;
        let ticket = Ticket(state.tickets);
        state.waiting.push_back((ticket, work));
        let start = start.then(|| state.take_seat());
        drop(state);
        if start.is_none() {
            self.work_came.notify_one();
        }
        Ok(Submitted { ticket, start })
    }

    /// The thread for a seat could not be started: gives the work back, unless other threads will
    /// come to it.
    pub(crate) fn not_started(&self, seat: Seat, ticket: Ticket) -> Option<W> {
        let mut state = self.lock();
        state.leave_seat(seat);
        if state.threads() > 0 {
            return None;
        }
        state.remove(ticket)
    }

    /// Takes work out of the line; `None` where a thread has begun with it.
    pub(crate) fn take_back(&self, ticket: Ticket) -> Option<W> {
        self.lock().remove(ticket)
    }

    /// Refuses further work, sends the threads away, and gives back all that waits.
    pub(crate) fn close(&self) -> impl Iterator<Item = W> + use<W> {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.work_came.notify_all();
        waiting.into_iter().map(|(_, work)| work)
    }

    /// Every thread that waits has waited long enough.
    #[cfg(all(test, loom))]
    pub(crate) fn let_time_pass(&self) {
        self.work_came.notify_all();
    }

    /// The life of a thread: runs work as it comes, and ends after it had none for `idle_max`.
    ///
    /// `run` must not unwind.
    pub(crate) fn serve(&self, seat: Seat, idle_max: Duration, mut run: impl FnMut(W)) {
        let mut state = self.lock();
        let mut waited = false;
        loop {
            if let Some((_, work)) = state.waiting.pop_front() {
                state.free -= 1;
                drop(state);
                run(work);
                state = self.lock();
                state.free += 1;
                waited = false;
            } else if state.closed || waited {
                return state.leave_seat(seat);
            } else {
                (state, waited) = wait_timeout(&self.work_came, state, idle_max);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { threads_max: 2, backlog_max: 1 };
    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn a_thread_is_started_only_for_work_that_no_free_thread_is_left_for() {
        let queue = Queue::default();
        let starts: Vec<_> = (0..3).map(|work| queue.submit(work, LIMITS).unwrap().start).collect();
        assert_eq!(starts, [Some(Seat(0)), Some(Seat(1)), None]);
        assert_eq!(queue.submit(3, LIMITS).unwrap_err(), Refused::Full(3));
        let mut served = Vec::new();
        queue.serve(Seat(1), AT_ONCE, |work| served.push(work));
        assert_eq!(served, [0, 1, 2]);
        // The other one is still about to start, so it is left for this.
        assert_eq!(queue.submit(4, LIMITS).unwrap().start, None);
        assert_eq!(queue.submit(5, LIMITS).unwrap().start, Some(Seat(1)));
    }

    #[test]
    fn without_a_backlog_each_piece_needs_a_free_thread() {
        let queue = Queue::default();
        let limits = Limits { threads_max: 1, backlog_max: 0 };
        let seat = queue.submit(1, limits).unwrap().start.unwrap();
        assert_eq!(queue.submit(2, limits).unwrap_err(), Refused::Full(2));
        queue.serve(seat, AT_ONCE, |work| assert_eq!(work, 1));
        assert_eq!(queue.submit(3, limits).unwrap().start, Some(seat));
    }

    #[test]
    fn what_is_taken_back_makes_room_and_never_runs() {
        let queue = Queue::default();
        let tickets = [1, 2, 3].map(|work| queue.submit(work, LIMITS).unwrap().ticket);
        assert_eq!(queue.take_back(tickets[1]), Some(2));
        assert_eq!(queue.take_back(tickets[1]), None);
        queue.submit(4, LIMITS).unwrap();
        let mut served = Vec::new();
        queue.serve(Seat(0), AT_ONCE, |work| served.push(work));
        assert_eq!(served, [1, 3, 4]);
        assert_eq!(queue.take_back(tickets[0]), None);
    }

    #[test]
    fn work_whose_thread_did_not_start_is_left_to_another_or_comes_back() {
        let queue = Queue::default();
        let alone = queue.submit(1, LIMITS).unwrap();
        assert_eq!(queue.not_started(alone.start.unwrap(), alone.ticket), Some(1));
        let first = queue.submit(2, LIMITS).unwrap();
        let second = queue.submit(3, LIMITS).unwrap();
        assert_eq!(queue.not_started(second.start.unwrap(), second.ticket), None);
        let mut served = Vec::new();
        queue.serve(first.start.unwrap(), AT_ONCE, |work| served.push(work));
        assert_eq!(served, [2, 3]);
    }

    #[test]
    fn a_closed_queue_gives_back_what_waits_and_takes_nothing() {
        let queue = Queue::default();
        let seat = queue.submit(1, LIMITS).unwrap().start.unwrap();
        queue.submit(2, LIMITS).unwrap();
        assert_eq!(queue.close().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(queue.submit(3, LIMITS).unwrap_err(), Refused::Closed(3));
        queue.serve(seat, Duration::MAX, |_| unreachable!("nothing waits"));
    }
}
