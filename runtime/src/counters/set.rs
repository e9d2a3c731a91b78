//! Exact counts of what a runtime did: the figures that tell the same on a noisy host.
//!
//! Each counter has one writer, the core that owns it, and is a load and a store, both relaxed. A
//! snapshot copies all of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use taut_counters::{Kind, Spec};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ident $unit:literal,)+) => {
        /// A snapshot of a runtime's counters, all since the runtime was built.
        ///
        /// ```
        /// let runtime = taut_runtime::Runtime::new()?;
        /// runtime.block_on(async { taut_runtime::yield_now().await });
        /// assert!(runtime.counters().polls >= 2);
        /// # Ok::<(), taut_runtime::BuildError>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        /// The live counters of one core.
        #[derive(Debug, Default)]
        #[repr(C)]
        pub(crate) struct CounterCells {
            $(pub(crate) $name: Counter,)+
        }

        impl CounterCells {
            /// What the counters are, in the order of their words.
            pub(crate) const SPECS: &'static [Spec] =
                &[$(Spec { label: stringify!($name), kind: Kind::$kind, unit: $unit },)+];

            pub(crate) fn snapshot(&self) -> Counters {
                Counters { $($name: self.$name.get(),)+ }
            }
        }

        impl Counters {
            /// Name and value of every counter, in a fixed order.
            pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }

            /// Name, kind and unit of every counter, in the order of [`rows`](Self::rows).
            pub fn specs() -> &'static [Spec] {
                CounterCells::SPECS
            }

            /// What was counted between an earlier snapshot of the same runtime and this one.
            ///
            /// Gauges are differences too, and wrap. Maxima, timestamps and flags stay what they
            /// are now: they have no difference.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $($name: since(Kind::$kind, self.$name, earlier.$name),)+ }
            }
        }
    };
}

counters! {
    /// Turns of the loop.
    turns: Counter "",
    /// Turns that found nothing to do.
    turns_idle: Counter "",
    /// The longest that tasks kept the loop from its next look at the world, where
    /// `Builder::turn_budget` is set.
    turn_max_ns: Maximum "ns",
    /// Turns that took longer than `Builder::turn_budget`.
    turns_over_budget: Counter "",
    /// Polls of tasks.
    polls: Counter "",
    /// Tasks spawned, the one of `block_on` included.
    tasks_spawned: Counter "",
    /// Tasks that have not ended.
    tasks_live: Gauge "",
    /// The most tasks that were alive at once.
    tasks_live_max: Maximum "",
    /// Tasks that were asked to stop.
    tasks_cancelled: Counter "",
    /// Tasks that had not ended `Builder::cancel_grace` after they were asked to;
    /// `Runtime::dump` names them while they live.
    cancels_overdue: Counter "",
    /// Tasks that were alive when their `TaskGroup` was dropped.
    tasks_orphaned: Counter "",
    /// System calls made by the runtime and its sockets, of every kind.
    syscalls: Counter "",
    /// `io_uring_enter` or `epoll_wait` calls among them.
    enters: Counter "",
    /// Enters that were allowed to sleep.
    enters_blocking: Counter "",
    /// Idle turns between the last two sleeps.
    spins_before_block: Gauge "",
    /// Enters after which the kernel still had deferred completions: its limit of 20 a call.
    task_work_limit_hit: Counter "",
    /// Completions (io_uring) or readiness events (epoll) taken.
    completions: Counter "",
    /// The most completions or events that one turn took.
    completions_max_per_turn: Maximum "",
    /// The most completions or events that were found waiting at once.
    completions_ready_max: Maximum "",
    /// Times the kernel said that completions had to wait outside the ring.
    completion_overflows: Counter "",
    /// Operations given to the driver.
    operations_started: Counter "",
    /// Operations that the kernel may still touch.
    operations_in_flight: Gauge "",
    /// Entries that the kernel took from the submission queue; none with epoll.
    submissions: Counter "",
    /// Submissions that had to wait for room in the submission queue.
    submission_queue_full: Counter "",
    /// Futures that were dropped with their operation in flight.
    operations_abandoned: Counter "",
    /// Multishot operations that were armed, the first time included.
    multishot_armed: Counter "",
    /// Times the kernel found the receive pool empty.
    receive_pool_dry: Counter "",
    /// Receives that went through the heap because the pool was empty.
    receive_heap_fallbacks: Counter "",
    /// Messages that were read before the kernel's deferred work was run for them.
    receives_predicted: Counter "",
    /// Wrong guesses of that kind, each a system call for nothing.
    receives_mispredicted: Counter "",
    /// Times a stream brought so much at once that it was read by plain calls from then on.
    receive_bulks: Counter "",
    /// Receives that were paused because their stream's window was full.
    receive_window_pauses: Counter "",
    /// Datagrams that the kernel dropped for want of room, as those that came in behind them told.
    rx_kernel_drops: Counter "datagrams",
    /// Datagrams that were larger than their socket's buffers, and cut off.
    datagrams_truncated: Counter "datagrams",
    /// Receives from streams that brought bytes.
    receives: Counter "",
    /// Bytes of them.
    received_bytes: Counter "bytes",
    /// Sends to streams of which the kernel took bytes.
    sends: Counter "",
    /// Bytes of them.
    sent_bytes: Counter "bytes",
    /// Sends of which the kernel took only a part at first.
    sends_short: Counter "",
    /// Sends that the kernel did not take at first, because the peer or the link is slow.
    sends_would_block: Counter "",
    /// Zero-copy sends that the kernel copied all the same; counted from Linux 6.10 on.
    zero_copy_copied: Counter "",
    /// Zero-copy sends whose memory the kernel has not given back.
    zero_copy_pending: Gauge "",
    /// Operations on sockets and the like that ended with an error; files and cancels not counted.
    errors: Counter "",
    /// Calls of custom pollers.
    poller_calls: Counter "",
    /// Items that custom pollers said they had done.
    poller_items: Counter "",
    /// Custom pollers that were removed because they panicked.
    poller_panics: Counter "",
    /// Wakes that came from other threads.
    remote_wakes: Counter "",
    /// Wakes that this core sent to others that slept, each a system call.
    wakes_sent: Counter "",
    /// Wakes of other cores that took none: they were awake, or had been woken.
    wakes_coalesced: Counter "",
    /// Times that a sender found its ring to another core full.
    cross_core_full: Counter "",
    /// Pieces of work given to the blocking threads.
    blocking_submitted: Counter "",
    /// Those of them that were taken back, by a cancel or a drop, before a thread began.
    blocking_cancelled: Counter "",
    /// Pieces of such work that were refused because too many waited.
    blocking_queue_full: Counter "",
    /// Threads started, for such work and for work on a thread of its own.
    blocking_threads_started: Counter "",
    /// Timers that fired.
    timers_fired: Counter "",
    /// Greatest lateness of a timer seen, in nanoseconds.
    timer_lateness_max_ns: Maximum "ns",
    /// Options that were demanded of the host and refused, in degraded mode.
    options_refused: Gauge "",
    /// Features that were asked for and refused, those among them; see
    /// [`Features`](crate::Features).
    features_refused: Gauge "",
    /// When the loop last said that it turns: each 1024 turns, of which one that sleeps counts for
    /// 64; where a sleep begins, when the clock was last read.
    heartbeat_ns: Timestamp "ns",
    /// What the loop does: 0 is outside of `block_on`, 1 turns, 2 sleeps, 3 has ended.
    state: Flag "",
}

const _: () = assert!(
    size_of::<CounterCells>() == size_of::<AtomicU64>() * CounterCells::SPECS.len(),
    "the cells are one word each, in the order of their specs"
);

fn since(kind: Kind, now: u64, earlier: u64) -> u64 {
    match kind {
        Kind::Counter | Kind::Gauge => now.wrapping_sub(earlier),
        _ => now,
    }
}

/// One counter: a word with one writer.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    #[inline]
    pub(crate) fn add(&self, amount: u64) {
        self.set(self.get().wrapping_add(amount));
    }

    #[inline]
    pub(crate) fn decrement(&self) {
        self.set(self.get().wrapping_sub(1));
    }

    #[inline]
    pub(crate) fn raise_to(&self, value: u64) {
        if value > self.get() {
            self.set(value);
        }
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_difference_stays_what_it_is() {
        let earlier = Counters {
            polls: 5,
            tasks_live: 3,
            turn_max_ns: 70,
            heartbeat_ns: 100,
            state: 1,
            ..Default::default()
        };
        let now = Counters {
            polls: 9,
            tasks_live: 2,
            turn_max_ns: 70,
            heartbeat_ns: 150,
            state: 2,
            ..Default::default()
        };
        let since = now.since(&earlier);
        assert_eq!((since.polls, since.tasks_live), (4, u64::MAX));
        assert_eq!((since.turn_max_ns, since.heartbeat_ns, since.state), (70, 150, 2));
    }

    #[test]
    fn rows_and_specs_name_the_same() {
        let names: Vec<_> = Counters::default().rows().map(|(name, _)| name).collect();
        let labels: Vec<_> = Counters::specs().iter().map(|spec| spec.label).collect();
        assert_eq!(names, labels);
    }
}
