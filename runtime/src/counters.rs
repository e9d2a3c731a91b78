//! Exact counts of what a runtime did: the figures that tell the same on a noisy host.
//!
//! Each counter has one writer, the core that owns it, and is a plain load and store. A snapshot
//! copies all of them.

use std::cell::Cell;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
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
        pub(crate) struct CounterCells {
            $(pub(crate) $name: Counter,)+
        }

        impl CounterCells {
            pub(crate) fn snapshot(&self) -> Counters {
                Counters { $($name: self.$name.get(),)+ }
            }
        }

        impl Counters {
            /// Name and value of every counter, in a fixed order.
            pub fn rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }

            /// What was counted between an earlier snapshot of the same runtime and this one.
            ///
            /// Gauges (`operations_in_flight`, `tasks_live`) are differences too and wrap.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $($name: self.$name.wrapping_sub(earlier.$name),)+ }
            }
        }
    };
}

counters! {
    /// Turns of the loop.
    turns,
    /// Turns that found nothing to do.
    turns_idle,
    /// Polls of tasks.
    polls,
    /// Tasks spawned, the one of `block_on` included.
    tasks_spawned,
    /// Tasks that have not ended (a gauge).
    tasks_live,
    /// Tasks that were asked to stop.
    tasks_cancelled,
    /// Tasks that had not ended `Builder::cancel_grace` after they were asked to;
    /// `Runtime::dump` names them while they live.
    cancels_overdue,
    /// Tasks that were alive when their `TaskGroup` was dropped.
    tasks_orphaned,
    /// System calls made by the runtime and its sockets, of every kind.
    syscalls,
    /// `io_uring_enter` or `epoll_wait` calls among them.
    enters,
    /// Enters that were allowed to sleep.
    enters_blocking,
    /// Enters after which the kernel still had deferred completions: its limit of 20 a call.
    task_work_limit_hit,
    /// Completions (io_uring) or readiness events (epoll) taken.
    completions,
    /// Times the kernel said that completions had to wait outside the ring.
    completion_overflows,
    /// Operations given to the driver.
    operations_started,
    /// Operations that the kernel may still touch (a gauge).
    operations_in_flight,
    /// Submissions that had to wait for room in the submission queue.
    submission_queue_full,
    /// Futures that were dropped with their operation in flight.
    operations_abandoned,
    /// Multishot operations that were armed, the first time included.
    multishot_armed,
    /// Times the kernel found the receive pool empty.
    receive_pool_dry,
    /// Receives that went through the heap because the pool was empty.
    receive_heap_fallbacks,
    /// Messages that were read before the kernel's deferred work was run for them.
    receives_predicted,
    /// Wrong guesses of that kind, each a system call for nothing.
    receives_mispredicted,
    /// Receives that were paused because their stream's window was full.
    receive_window_pauses,
    /// Wakes that came from other threads.
    remote_wakes,
    /// Pieces of work given to the blocking threads.
    blocking_submitted,
    /// Those of them that were taken back, by a cancel or a drop, before a thread began.
    blocking_cancelled,
    /// Pieces of such work that were refused because too many waited.
    blocking_queue_full,
    /// Threads started, for such work and for work on a thread of its own.
    blocking_threads_started,
    /// Options that were demanded of the host and refused, in degraded mode.
    options_refused,
    /// Timers that fired.
    timers_fired,
    /// Greatest lateness of a timer seen, in nanoseconds.
    timer_lateness_max_ns,
}

/// One counter: a plain word with one writer.
#[derive(Debug, Default)]
pub(crate) struct Counter(Cell<u64>);

impl Counter {
    #[inline]
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    #[inline]
    pub(crate) fn add(&self, amount: u64) {
        self.0.set(self.0.get().wrapping_add(amount));
    }

    #[inline]
    pub(crate) fn decrement(&self) {
        self.0.set(self.0.get().wrapping_sub(1));
    }

    #[inline]
    pub(crate) fn raise_to(&self, value: u64) {
        if value > self.0.get() {
            self.0.set(value);
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }
}
