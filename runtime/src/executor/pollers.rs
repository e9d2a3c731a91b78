//! Custom pollers: foreign things that have to be looked at from the loop.
//!
//! A library that bypasses the kernel, a queue in shared memory, a subscription that has no
//! descriptor: nothing wakes the core for them, so the loop calls them, once in every turn.
//!
//! Invariant: a poller runs with nothing of the core borrowed, and out of its place in the list, so
//! it may do what a task may, add pollers, and remove any, itself included. Cost: one load a turn
//! where there is none, else a call each.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use super::attention::checkpoint_at;
use super::contain::{PanicPayload, contain};
use super::core::{Core, current};
use super::wake::WakeSlot;
use crate::cancelled::Cancelled;

/// Something that is called in every turn of a core's loop, see [`add_poller`].
pub trait Poller {
    /// Looks once, without waiting, and does at most `budget` items; returns how many it has done.
    /// A turn in which a poller did something counts as busy.
    ///
    /// It runs on the core, as a task does: it may spawn tasks, send into channels and change what
    /// tasks await. As long as it takes, everything else on the core waits.
    fn poll(&mut self, budget: u32) -> u32;

    /// How long the core may sleep without calling it. Asked for before each sleep. Zero, the
    /// default: a core with this poller never sleeps, whatever its wait strategy.
    fn sleep_max(&self) -> Duration {
        Duration::ZERO
    }
}

/// A poller's place.
#[derive(Default)]
struct Place {
    /// `None` while it runs, and after its end.
    poller: Cell<Option<Box<dyn Poller>>>,
    removed: Cell<bool>,
    /// What it panicked with.
    panic: Cell<Option<PanicPayload>>,
    waiter: WakeSlot,
}

impl Place {
    /// Calls the poller, if it is there and does not run. A panic ends it.
    fn call<R>(&self, core: &Core, call: impl FnOnce(&mut dyn Poller) -> R) -> Option<R> {
        let mut poller = self.poller.take()?;
        match catch_unwind(AssertUnwindSafe(|| call(&mut *poller))) {
            Ok(answer) => {
                if self.removed.get() {
                    contain(|| drop(poller));
                } else {
                    self.poller.set(Some(poller));
                }
                Some(answer)
            }
            Err(panic) => {
                core.counters.poller_panics.increment();
                self.panic.set(Some(PanicPayload::new(panic)));
                core.pollers.remove(self);
                contain(|| drop(poller));
                self.waiter.fire();
                None
            }
        }
    }
}

/// The pollers of one core.
#[derive(Default)]
pub(crate) struct Pollers {
    places: RefCell<Vec<Rc<Place>>>,
    count: Cell<usize>,
}

impl Pollers {
    fn add(&self, place: &Rc<Place>) {
        let mut places = self.places.borrow_mut();
        places.push(Rc::clone(place));
        self.count.set(places.len());
    }

    /// Takes a poller out; the poller that runs is dropped when it returns.
    fn remove(&self, place: &Place) {
        place.removed.set(true);
        let mut places = self.places.borrow_mut();
        places.retain(|known| !std::ptr::eq(&**known, place));
        self.count.set(places.len());
        drop(places);
        // With nothing borrowed: a destructor is foreign code.
        contain(|| drop(place.poller.take()));
    }

    fn at(&self, index: usize) -> Option<Rc<Place>> {
        self.places.borrow().get(index).map(Rc::clone)
    }

    /// Drops all, at the end of the core.
    pub(crate) fn clear(&self) {
        while let Some(place) = self.at(0) {
            self.remove(&place);
        }
    }
}

impl Core {
    /// Calls every poller once; whether any has done something.
    #[inline]
    pub(super) fn call_pollers(&self) -> bool {
        self.pollers.count.get() > 0 && self.call_all_pollers()
    }

    fn call_all_pollers(&self) -> bool {
        let mut index = 0;
        let mut busy = false;
        // Those that are added meanwhile come with the next turn.
        let mut left = self.pollers.count.get();
        while left > 0
            && let Some(place) = self.pollers.at(index)
        {
            left -= 1;
            self.counters.poller_calls.increment();
            let done = place.call(self, |poller| poller.poll(self.config.poller_budget));
            let done = done.unwrap_or(0);
            self.counters.poller_items.add(u64::from(done));
            busy |= done > 0;
            // One that is gone has left its place in the list to the next.
            index += usize::from(!place.removed.get());
        }
        busy
    }

    /// How long the core may sleep, as its pollers have it.
    pub(super) fn pollers_sleep_max(&self) -> Option<Duration> {
        let (mut index, mut sleep_max) = (0, None);
        while let Some(place) = self.pollers.at(index) {
            if let Some(own) = place.call(self, |poller| poller.sleep_max()) {
                sleep_max = Some(sleep_max.map_or(own, |before: Duration| before.min(own)));
            }
            index += usize::from(!place.removed.get());
        }
        sleep_max
    }
}

/// Has the loop of this thread's core call a poller once in every turn, from the next turn on.
///
/// Each call is counted, and what it says it has done, in the
/// [`Counters`](crate::Counters): `poller_calls`, `poller_items`. A poller that panics is removed,
/// and the core goes on; the panic is counted, and [`PollerHandle::panicked`] tells of it.
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use taut_runtime::{Poller, add_poller, sync::Event};
///
/// /// Stands for a library that has to be asked again and again.
/// struct Countdown(u32, Rc<Event>);
///
/// impl Poller for Countdown {
///     fn poll(&mut self, budget: u32) -> u32 {
///         let done = self.0.min(budget);
///         self.0 -= done;
///         if self.0 == 0 {
///             self.1.set();
///         }
///         done
///     }
/// }
///
/// let runtime = taut_runtime::Runtime::builder().poller_budget(10).build()?;
/// runtime.block_on(async {
///     let zero = Rc::new(Event::new());
///     let _poller = add_poller(Countdown(25, Rc::clone(&zero)));
///     zero.wait().await
/// })?;
/// assert_eq!(runtime.counters().poller_items, 25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// Outside of a runtime.
#[must_use = "dropping the handle removes the poller; `detach` keeps it"]
pub fn add_poller(poller: impl Poller + 'static) -> PollerHandle {
    let core = current();
    let place = Rc::new(Place::default());
    if core.ended.get() {
        // A destructor at the end of the runtime: nobody will call it.
        place.removed.set(true);
    } else {
        place.poller.set(Some(Box::new(poller)));
        core.pollers.add(&place);
    }
    PollerHandle { place, core: core.this.clone() }
}

/// A poller of a core: dropping the handle removes it, also from within its own
/// [`poll`](Poller::poll), after which it is dropped.
pub struct PollerHandle {
    place: Rc<Place>,
    core: Weak<Core>,
}

impl PollerHandle {
    /// Leaves the poller to the core, which drops it at its end.
    pub fn detach(mut self) {
        self.core = Weak::new();
    }

    /// Waits until the poller has panicked, and gives what it panicked with, for
    /// [`std::panic::resume_unwind`]; for ever, where it does not.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop.
    #[track_caller]
    pub fn panicked(&mut self) -> impl Future<Output = Result<Box<dyn Any + Send>, Cancelled>> {
        let location = Location::caller();
        poll_fn(move |context| {
            let checked = std::task::ready!(checkpoint_at(context, "poller panicked", location));
            if let Some(panic) = self.place.panic.take() {
                return Poll::Ready(Ok(panic.into_inner()));
            }
            checked?;
            self.place.waiter.register(context);
            Poll::Pending
        })
    }
}

impl Drop for PollerHandle {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.pollers.remove(&self.place);
        }
    }
}

impl fmt::Debug for PollerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollerHandle")
            .field("removed", &self.place.removed.get())
            .finish_non_exhaustive()
    }
}
