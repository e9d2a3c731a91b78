//! Hot streams: the sockets that the spin loop receives from by itself.
//!
//! Cost: one system call a turn for each hot stream that a reader waits on; nothing for the others.
//! A turn that has used up the core's own slots leaves the rest of the streams to the next one, by
//! which time the tasks have had their bytes: only slots that users keep make it turn to the heap.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use super::{InboundState, receive_now};
use crate::executor::Core;

/// The hot streams of one core.
#[derive(Debug, Default)]
pub(crate) struct HotSources {
    streams: RefCell<Vec<Rc<InboundState>>>,
    /// Where the next turn begins: at the stream that the last one had no slot for.
    next: Cell<usize>,
}

impl HotSources {
    pub(crate) fn add(&self, stream: &Rc<InboundState>) {
        self.streams.borrow_mut().push(Rc::clone(stream));
    }

    pub(crate) fn remove(&self, stream: &Rc<InboundState>) {
        self.streams.borrow_mut().retain(|known| !Rc::ptr_eq(known, stream));
    }

    pub(crate) fn clear(&self) {
        self.streams.take();
    }

    /// Whether a reader waits on one of them, so that the core must not sleep.
    pub(crate) fn any_awaited(&self) -> bool {
        self.streams.borrow().iter().any(|stream| stream.reader.is_waiting())
    }

    /// Receives once from each stream that is awaited.
    #[inline]
    pub(crate) fn poll(&self, core: &Core) {
        let streams = self.streams.borrow();
        if !streams.is_empty() {
            self.poll_all(&streams, core);
        }
    }

    fn poll_all(&self, streams: &[Rc<InboundState>], core: &Core) {
        let (later, first) = streams.split_at(self.next.get().min(streams.len()));
        let mut delivered = false;
        for (step, stream) in first.iter().chain(later).enumerate() {
            // A receive that is still being cancelled may bring earlier bytes.
            if !stream.reader.is_waiting() || stream.armed.get().is_some() {
                continue;
            }
            if delivered && !core.receive_pool.has_free_slots() {
                self.next.set((later.len() + step) % streams.len());
                return;
            }
            match receive_now(stream, &core.receive_pool, &core.counters) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => {
                    if let Err(error) = &received {
                        core.counters.failed(error);
                    }
                    stream.deliver_first(received.map(|(bytes, _)| bytes));
                    delivered = true;
                }
            }
        }
    }
}
