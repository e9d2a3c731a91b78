//! What a bounded channel is made of, for one core and behind a lock alike: a buffer, a gate that
//! gives out its room, a gate that gives out its items, and the end.
//!
//! Invariants, until the channel is closed: the room that is free or promised, and the length of
//! the buffer, are its capacity together; the items that are free or promised are its length. So
//! whoever was let through a gate finds what was promised. Nothing of this wakes anybody: wakes are
//! handed to the caller, to be fired when nothing is borrowed or locked.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::error::{TryRecvError, TrySendError};
use super::gate::{Gate, Goods};
use crate::executor::WakeSlot;
use crate::sync::Wakeup;

/// Where items wait. Its room is counted by the channel.
pub(crate) trait Buffer {
    type Item;

    fn capacity(&self) -> usize;

    fn len(&self) -> usize;

    /// Whether this item would take the place of another one, and so no room.
    fn absorbs(&self, item: &Self::Item) -> bool;

    /// Stores an item that there is room for, or that it absorbs. Gives what it took the place of.
    fn push(&mut self, item: Self::Item) -> Option<Self::Item>;

    fn pop(&mut self) -> Option<Self::Item>;
}

/// Room for items, which senders wait for.
#[derive(Debug)]
pub(crate) struct Room;

/// Items, which receivers wait for.
#[derive(Debug)]
pub(crate) struct Items;

/// The end of the channel, which whoever wants to know waits for.
#[derive(Debug)]
pub(crate) struct End;

impl Goods for Room {
    const WAIT: &'static str = "channel send";
}

impl Goods for Items {
    const WAIT: &'static str = "channel recv";
}

impl Goods for End {
    const WAIT: &'static str = "channel closed";
}

/// See the module's documentation.
pub(crate) struct State<B, S = WakeSlot> {
    buffer: RefCell<B>,
    pub(crate) room: Gate<Room, S>,
    pub(crate) items: Gate<Items, S>,
    pub(crate) end: Gate<End, S>,
    pub(crate) senders: Cell<usize>,
    pub(crate) receivers: Cell<usize>,
}

/// An item is in the buffer.
#[must_use = "somebody may have to be woken"]
pub(crate) struct Sent<T, S> {
    pub(crate) wake: Option<S>,
    /// Dropped by the caller, since a destructor may do anything.
    pub(crate) replaced: Option<T>,
}

impl<B: Buffer, S: Wakeup> State<B, S> {
    pub(crate) fn new(buffer: B) -> Self {
        Self {
            room: Gate::new(buffer.capacity()),
            items: Gate::new(0),
            end: Gate::new(0),
            buffer: RefCell::new(buffer),
            senders: Cell::new(1),
            receivers: Cell::new(1),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.look(B::len)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.look(B::capacity)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.look(|buffer| buffer.len() == buffer.capacity())
    }

    pub(crate) fn look<R>(&self, look: impl FnOnce(&B) -> R) -> R {
        look(&self.buffer.borrow())
    }

    pub(crate) fn describe(&self, mut end: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        end.field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .field("senders_waiting", &self.room.queue().len())
            .field("receivers_waiting", &self.items.queue().len())
            .finish_non_exhaustive()
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.room.is_closed()
    }

    /// Stores an item; `promised` says that the caller was let through the gate of room.
    #[inline]
    pub(crate) fn send(
        &self,
        item: B::Item,
        promised: bool,
    ) -> Result<Sent<B::Item, S>, TrySendError<B::Item>> {
        if self.is_closed() {
            return Err(TrySendError::Closed(item));
        }
        let mut buffer = self.buffer.borrow_mut();
        if !promised && self.room.free() == 0 && !buffer.absorbs(&item) {
            return Err(TrySendError::Full(item));
        }
        let replaced = buffer.push(item);
        let wake = match replaced {
            None => {
                if !promised {
                    self.room.take();
                }
                self.items.give()
            }
            // It takes no room: what was promised goes to the next.
            Some(_) if promised => self.room.give(),
            Some(_) => None,
        };
        Ok(Sent { wake, replaced })
    }

    /// Takes an item, and tells who is woken by its room; `promised` says that the caller was let
    /// through the gate of items. When the channel is closed nobody waits, so whoever comes first
    /// takes what is left, promised or not.
    #[inline]
    pub(crate) fn recv(&self, promised: bool) -> Result<(B::Item, Option<S>), TryRecvError> {
        if !promised && !self.items.take() && !self.is_closed() {
            return Err(TryRecvError::Empty);
        }
        match self.pop() {
            Some(item) => Ok((item, self.room.give())),
            None => Err(TryRecvError::Closed),
        }
    }

    /// Takes an item past all who wait for one: for a channel that nobody receives from any more.
    #[inline]
    pub(crate) fn pop(&self) -> Option<B::Item> {
        let item = self.buffer.borrow_mut().pop();
        debug_assert!(item.is_some() || self.is_closed(), "a gate gave what was not there");
        item
    }

    /// Refuses all further items. Those who wait are to be let go by [`dismiss`](Self::dismiss).
    pub(crate) fn close(&self) {
        self.room.close();
        self.items.close();
        self.end.close();
    }

    /// Lets go of one who waits at a closed channel; its wake is for the caller to fire.
    #[must_use = "the waiter is not awake yet"]
    pub(crate) fn dismiss(&self) -> Option<S> {
        self.room.dismiss().or_else(|| self.items.dismiss()).or_else(|| self.end.dismiss())
    }
}
