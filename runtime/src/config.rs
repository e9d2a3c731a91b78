//! Every limit and choice of a runtime: its name, default and unit.

use std::time::Duration;

use taut_counters::CounterFile;

use crate::error::BuildError;
use crate::executor::LongTurnHook;
use crate::host::HostOptions;

/// Which kernel interface carries the runtime's I/O.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Driver {
    /// io_uring where the host allows it, else epoll; the choice shows in
    /// [`Features`](crate::Features). `TAUT_DRIVER=uring|epoll` decides, where it is set.
    #[default]
    Auto,
    /// io_uring, or an error that names why it can't start.
    Uring,
    /// epoll and non-blocking calls.
    Epoll,
}

/// What a core does when it finds nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitStrategy {
    /// Never sleep. With io_uring an idle spin makes no system call: it reads the completion
    /// queue's tail, the ring's flags and the inbox. With epoll each idle turn is one
    /// `epoll_wait` that does not sleep. Takes the whole core.
    Spin,
    /// Spin for a while after the last work, then sleep in the kernel.
    SpinThenPark {
        /// How long to spin before sleeping.
        spin_for: Duration,
    },
    /// Sleep in the kernel at once: kind to the host, at two to four times the latency.
    Park,
    /// Let the kernel busy-poll the network device's queue on this core (NAPI, Linux 6.9). The loop
    /// always enters the kernel to wait, since a poll without waiting never runs NAPI. It polls the
    /// queues of the sockets that it knows, or better one that it is told of
    /// ([`poll_napi`](crate::io::poll_napi)). With epoll, and where the interface has no such queue
    /// (loopback), the core sleeps for at most that time instead.
    NapiPoll {
        /// How long the kernel polls the device before each wait sleeps; at most 10 ms.
        timeout: Duration,
    },
}

impl Default for WaitStrategy {
    /// Spins for 50 us, then sleeps.
    fn default() -> Self {
        Self::SpinThenPark { spin_for: Duration::from_micros(50) }
    }
}

/// The settings of a runtime as the builder collected them.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) core: Option<usize>,
    pub(crate) degraded_allowed: bool,
    pub(crate) host: HostOptions,
    pub(crate) driver: Driver,
    pub(crate) wait: WaitStrategy,
    pub(crate) submission_entries: u32,
    pub(crate) completion_entries: u32,
    pub(crate) receive_buffers: u16,
    pub(crate) receive_buffer_bytes: u32,
    pub(crate) receive_window_buffers: u32,
    pub(crate) hot_buffers: u16,
    pub(crate) send_buffers: u16,
    pub(crate) send_buffer_bytes: u32,
    pub(crate) zero_copy_send_bytes_min: Option<u32>,
    pub(crate) huge_pages: bool,
    pub(crate) lock_memory: bool,
    pub(crate) operations_max: u32,
    pub(crate) poll_budget: u32,
    pub(crate) background_budget: u32,
    pub(crate) completion_budget: u32,
    pub(crate) timer_budget: u32,
    pub(crate) poller_budget: u32,
    pub(crate) shared_memory_poll: Duration,
    pub(crate) accept_queue: u32,
    pub(crate) blocking_threads_max: u32,
    pub(crate) blocking_queue_max: u32,
    pub(crate) blocking_idle: Duration,
    pub(crate) cancel_grace: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) random_seed: Option<u64>,
    pub(crate) counter_file: Option<CounterFile>,
    pub(crate) turn_budget: Option<Duration>,
    pub(crate) on_long_turn: Option<LongTurnHook>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            core: None,
            degraded_allowed: false,
            host: HostOptions::default(),
            driver: Driver::Auto,
            wait: WaitStrategy::default(),
            submission_entries: 256,
            completion_entries: 4096,
            receive_buffers: 256,
            receive_buffer_bytes: 32_768,
            receive_window_buffers: 32,
            hot_buffers: 32,
            send_buffers: 128,
            send_buffer_bytes: 16_384,
            zero_copy_send_bytes_min: None,
            huge_pages: true,
            lock_memory: true,
            operations_max: 1 << 20,
            poll_budget: 128,
            background_budget: 16,
            completion_budget: 256,
            timer_budget: 256,
            poller_budget: 256,
            shared_memory_poll: Duration::from_micros(50),
            accept_queue: 1024,
            blocking_threads_max: 4,
            blocking_queue_max: 1024,
            blocking_idle: Duration::from_secs(10),
            cancel_grace: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(5),
            random_seed: None,
            counter_file: None,
            turn_budget: None,
            on_long_turn: None,
        }
    }
}

impl Config {
    /// Refuses settings that the drivers can't serve, before anything is allocated.
    pub(crate) fn validate(&self) -> Result<(), BuildError> {
        let positive = [
            ("submission_entries", self.submission_entries),
            ("completion_entries", self.completion_entries),
            ("receive_buffers", u32::from(self.receive_buffers)),
            ("receive_buffer_bytes", self.receive_buffer_bytes),
            ("receive_window_buffers", self.receive_window_buffers),
            ("send_buffer_bytes", self.send_buffer_bytes),
            ("operations_max", self.operations_max),
            ("poll_budget", self.poll_budget),
            ("background_budget", self.background_budget),
            ("completion_budget", self.completion_budget),
            ("timer_budget", self.timer_budget),
            ("poller_budget", self.poller_budget),
            ("accept_queue", self.accept_queue),
            ("blocking_threads_max", self.blocking_threads_max),
        ];
        for (name, value) in positive {
            if value == 0 {
                return Err(BuildError::configuration(
                    format!("{name} is 0"),
                    "set it to at least 1, or leave its default",
                ));
            }
        }
        if !self.receive_buffers.is_power_of_two() || self.receive_buffers > 1 << 15 {
            return Err(BuildError::configuration(
                format!("receive_buffers is {}", self.receive_buffers),
                "io_uring takes a power of two of at most 32768",
            ));
        }
        if self.completion_entries < self.submission_entries {
            return Err(BuildError::configuration(
                format!(
                    "completion_entries ({}) is less than submission_entries ({})",
                    self.completion_entries, self.submission_entries
                ),
                "completions come in bursts: give them 4 to 16 times the submissions",
            ));
        }
        self.host.validate()?;
        if let WaitStrategy::NapiPoll { timeout } = self.wait
            && (timeout < Duration::from_micros(1) || timeout > Duration::from_millis(10))
        {
            return Err(BuildError::configuration(
                format!("NapiPoll's timeout is {timeout:?}"),
                "the kernel takes 1 us to 10 ms",
            ));
        }
        Ok(())
    }

    /// The driver to try: the builder's word first, then `TAUT_DRIVER`.
    pub(crate) fn driver_asked(&self) -> Result<Driver, BuildError> {
        if self.driver != Driver::Auto {
            return Ok(self.driver);
        }
        match std::env::var("TAUT_DRIVER") {
            Err(_) => Ok(Driver::Auto),
            Ok(value) => match value.as_str() {
                "uring" => Ok(Driver::Uring),
                "epoll" => Ok(Driver::Epoll),
                "" | "auto" => Ok(Driver::Auto),
                other => Err(BuildError::configuration(
                    format!("TAUT_DRIVER is {other:?}"),
                    "it takes uring, epoll or auto",
                )),
            },
        }
    }
}
