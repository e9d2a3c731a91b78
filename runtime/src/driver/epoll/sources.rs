//! Registered descriptors: what is known of their readiness, and who waits for it.
//!
//! Indexed by descriptor number. A number that is reused is registered under a new generation, and
//! the events of an older generation are ignored, so closing a file needs no `epoll_ctl`.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;

use crate::counters::CounterCells;
use crate::driver::Key;
use crate::io::{Descriptor, InboundState, IncomingState, Interest, TransmitState};

/// Who is to be told of readiness.
#[derive(Debug)]
pub(crate) enum Waiter {
    Inbound(Rc<InboundState>),
    Incoming(Rc<IncomingState>),
    Operation(Key),
    Transmits(Rc<TransmitState>),
}

impl Waiter {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inbound(one), Self::Inbound(two)) => Rc::ptr_eq(one, two),
            (Self::Incoming(one), Self::Incoming(two)) => Rc::ptr_eq(one, two),
            (Self::Operation(one), Self::Operation(two)) => one == two,
            (Self::Transmits(one), Self::Transmits(two)) => Rc::ptr_eq(one, two),
            _ => false,
        }
    }
}

#[derive(Debug, Default)]
struct Source {
    generation: u32,
    readable: bool,
    writable: bool,
    /// The peer has finished: a short read does not mean that there is nothing more to learn.
    hung_up: bool,
    readers: Vec<Waiter>,
    writers: Vec<Waiter>,
    /// Takes what stands in the socket's error queue, at each error that is told.
    transmits: Option<Rc<TransmitState>>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    by_number: Vec<Source>,
}

impl Sources {
    /// Registers a descriptor on its first use.
    pub(crate) fn register(
        &mut self,
        epoll: &OwnedFd,
        descriptor: &Descriptor,
        counters: &CounterCells,
    ) -> io::Result<()> {
        if descriptor.registration().get() != 0 {
            return Ok(());
        }
        let number = descriptor.as_raw_fd() as usize;
        if number >= self.by_number.len() {
            self.by_number.resize_with(number + 1, Source::default);
        }
        let source = &mut self.by_number[number];
        let generation = source.generation.wrapping_add(1).max(1);
        // Writable until a call says otherwise: it nearly always is, and the call tells.
        *source = Source { generation, writable: true, ..Source::default() };
        let data = epoll::EventData::new_u64(u64::from(generation) << 32 | number as u64);
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        counters.syscalls.increment();
        match epoll::add(epoll, descriptor, data, flags) {
            // The number was closed here while a copy of the file lives elsewhere.
            Err(Errno::EXIST) => epoll::modify(epoll, descriptor, data, flags)?,
            outcome => outcome?,
        }
        descriptor.registration().set(generation);
        Ok(())
    }

    /// Ends a registration. Closing does that by itself, unless the file lives on: then its events
    /// would go on to wake this core.
    pub(crate) fn unregister(
        &mut self,
        epoll: &OwnedFd,
        descriptor: &Descriptor,
        counters: &CounterCells,
    ) {
        if self.source(descriptor).is_some() {
            counters.syscalls.increment();
            // It can only say that there is no such registration.
            let _ = epoll::delete(epoll, descriptor);
            descriptor.registration().set(0);
        }
    }

    fn source(&mut self, descriptor: &Descriptor) -> Option<&mut Source> {
        let generation = descriptor.registration().get();
        self.by_number
            .get_mut(descriptor.as_raw_fd() as usize)
            .filter(|source| generation != 0 && source.generation == generation)
    }

    pub(crate) fn is_ready(&mut self, descriptor: &Descriptor, interest: Interest) -> bool {
        self.source(descriptor).is_some_and(|source| match interest {
            Interest::Readable => source.readable,
            Interest::Writable => source.writable,
        })
    }

    /// A call found nothing.
    pub(crate) fn exhausted(&mut self, descriptor: &Descriptor, interest: Interest) {
        if let Some(source) = self.source(descriptor) {
            match interest {
                Interest::Readable => {
                    source.readable = false;
                    // A call that finds nothing says that what was told was no end: on a socket of
                    // datagrams an error is none.
                    source.hung_up = false;
                }
                Interest::Writable => source.writable = false,
            }
        }
    }

    /// A receive took less than it had room for: what comes next makes a new edge (epoll(7)),
    /// except where the end is already there.
    pub(crate) fn took_all(&mut self, descriptor: &Descriptor) {
        if let Some(source) = self.source(descriptor)
            && !source.hung_up
        {
            source.readable = false;
        }
    }

    /// Remembers a waiter, once.
    pub(crate) fn wait(&mut self, descriptor: &Descriptor, interest: Interest, waiter: Waiter) {
        let Some(source) = self.source(descriptor) else {
            return;
        };
        let waiters = match interest {
            Interest::Readable => &mut source.readers,
            Interest::Writable => &mut source.writers,
        };
        if !waiters.iter().any(|known| known.is(&waiter)) {
            waiters.push(waiter);
        }
    }

    pub(crate) fn forget(&mut self, descriptor: &Descriptor, waiter: &Waiter) {
        if let Some(source) = self.source(descriptor) {
            source.readers.retain(|known| !known.is(waiter));
            source.writers.retain(|known| !known.is(waiter));
        }
    }

    /// Sets who takes what stands in the socket's error queue.
    pub(crate) fn watch_transmits(
        &mut self,
        descriptor: &Descriptor,
        transmits: Option<Rc<TransmitState>>,
    ) {
        if let Some(source) = self.source(descriptor) {
            source.transmits = transmits;
        }
    }

    /// Notes an event, and moves those who wait for it to `waiters`.
    pub(crate) fn event(&mut self, data: u64, flags: EventFlags, waiters: &mut Vec<Waiter>) {
        let generation = (data >> 32) as u32;
        let number = data as u32 as usize;
        let source = self.by_number.get_mut(number);
        let Some(source) = source.filter(|source| source.generation == generation) else {
            return;
        };
        let ended = flags.intersects(EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP);
        source.hung_up |= ended;
        if flags.contains(EventFlags::ERR) {
            // First, so that the readers find only errors that are some.
            waiters.extend(source.transmits.clone().map(Waiter::Transmits));
        }
        if ended || flags.contains(EventFlags::IN) {
            source.readable = true;
            waiters.append(&mut source.readers);
        }
        if flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR) {
            source.writable = true;
            waiters.append(&mut source.writers);
        }
    }
}
