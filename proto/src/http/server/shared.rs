//! What the connections of a server have in common.
//!
//! A connection holds memory only while it needs it: the bytes of responses and the index of a head
//! are borrowed here and given back, so ten thousand idle connections hold none, and those that
//! take turns write into the same warm cache lines.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::counters::CounterCells;
use super::kept_head::KeptHead;
use super::limits::Limits;
use crate::http::date::CachedDate;

/// Pieces of memory that are kept for the next one who needs one; more are freed.
const SPARE_MAX: usize = 64;
/// Capacity beyond which memory is freed rather than kept.
const SPARE_BYTES_MAX: usize = 128 << 10;

/// What the connections of a server have in common.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) counters: CounterCells,
    pub(super) date: CachedDate,
    /// Connections that are being turned away.
    pub(super) turning_away: Cell<usize>,
    /// How many connections each address has, where there is a limit.
    addresses: RefCell<BTreeMap<IpAddr, usize>>,
    closing: Cell<bool>,
    /// Who waits for something that a shutdown ends.
    idle: RefCell<BTreeMap<u64, Waker>>,
    next_place: Cell<u64>,
    outputs: RefCell<Vec<Vec<u8>>>,
    #[expect(
        clippy::vec_box,
        reason = "a head is lent by its pointer: it is too large to be moved"
    )]
    heads: RefCell<Vec<Box<KeptHead>>>,
}

impl Shared {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Tells all who wait.
    pub(super) fn close(&self) {
        self.closing.set(true);
        // Woken outside of the borrow: a foreign waker may run any code.
        let waiting = std::mem::take(&mut *self.idle.borrow_mut());
        waiting.into_values().for_each(Waker::wake);
    }

    /// How many connections an address has.
    pub(super) fn connections_of(&self, address: IpAddr) -> usize {
        self.addresses.borrow().get(&address).copied().unwrap_or(0)
    }

    pub(super) fn add_connection_of(&self, address: IpAddr) {
        *self.addresses.borrow_mut().entry(address).or_default() += 1;
    }

    /// An address without connections is forgotten.
    pub(super) fn remove_connection_of(&self, address: IpAddr) {
        if let Entry::Occupied(mut entry) = self.addresses.borrow_mut().entry(address) {
            match entry.get_mut() {
                1 => drop(entry.remove()),
                connections => *connections -= 1,
            }
        }
    }

    /// Empty memory for the bytes of responses.
    #[inline]
    pub(super) fn take_output(&self) -> Vec<u8> {
        self.outputs.borrow_mut().pop().unwrap_or_default()
    }

    #[inline]
    pub(super) fn give_output(&self, mut output: Vec<u8>) {
        let mut spare = self.outputs.borrow_mut();
        if output.capacity() <= SPARE_BYTES_MAX && spare.len() < SPARE_MAX {
            output.clear();
            spare.push(output);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("limits", &self.limits)
            .field("counters", &self.counters)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}

/// The head of a connection's request, while it has one; of a connection that is idle it is back
/// with the others.
#[derive(Debug)]
pub(super) struct BorrowedHead {
    shared: Rc<Shared>,
    head: Option<Box<KeptHead>>,
}

impl BorrowedHead {
    pub(super) fn none(shared: &Rc<Shared>) -> Self {
        Self { shared: Rc::clone(shared), head: None }
    }

    #[inline]
    pub(super) fn get(&mut self) -> &mut KeptHead {
        self.head.get_or_insert_with(|| self.shared.heads.borrow_mut().pop().unwrap_or_default())
    }

    pub(super) fn give_back(&mut self) {
        let mut spare = self.shared.heads.borrow_mut();
        if let Some(head) = self.head.take()
            && !head.head().is_partial()
            && spare.len() < SPARE_MAX
        {
            spare.push(head);
        }
    }
}

impl Drop for BorrowedHead {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// A place among those who are told of the shutdown. Costs a comparison of wakers for each wait: a
/// task's waker is noted once.
#[derive(Debug)]
pub(super) struct Listening {
    shared: Rc<Shared>,
    place: u64,
    noted: Option<Waker>,
}

impl Listening {
    pub(super) fn new(shared: &Rc<Shared>) -> Self {
        let place = shared.next_place.get();
        shared.next_place.set(place + 1);
        Self { shared: Rc::clone(shared), place, noted: None }
    }

    /// Whether the server shuts down; the task is woken when it does.
    #[inline]
    pub(super) fn is_closing(&mut self, context: &Context<'_>) -> bool {
        if self.shared.closing.get() {
            return true;
        }
        if !self.noted.as_ref().is_some_and(|noted| noted.will_wake(context.waker())) {
            let waker = context.waker();
            let old = self.shared.idle.borrow_mut().insert(self.place, waker.clone());
            self.noted = Some(waker.clone());
            drop(old);
        }
        false
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if self.noted.is_some() {
            let waker = self.shared.idle.borrow_mut().remove(&self.place);
            drop(waker);
        }
    }
}
