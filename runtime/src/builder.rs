//! The settings of a runtime, and how one is made of them: pinned, mapped, its driver started, each
//! option of the host asked for and the answer noted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use taut_counters::{CounterFile, CounterFileError, CounterFileErrorKind};

use crate::buffer::{ReceivePool, Region, RegionNames, SendPool};
use crate::config::{Config, Driver, WaitStrategy};
use crate::counters::CounterPlace;
use crate::driver::{ActiveDriver, Shared};
use crate::error::{BuildError, BuildErrorKind};
use crate::executor::{
    Core, ERRANDS_ROOM, Heartbeat, LongTurn, LongTurnHook, Remote, TurnLengths, Watches,
};
use crate::features::Features;
use crate::host::Held;
use crate::pin::Pinned;
use crate::random::Random;
use crate::runtime::Runtime;
use crate::slack::TightSlack;
use crate::time::{Clock, NEVER_NS, Wheel};

/// Settings of a [`Runtime`]. Each limit's default stands in its line.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    pub(crate) config: Config,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        impl Builder {
            $($(#[doc = $doc])+ pub fn $name(mut self, $name: $type) -> Self {
                self.config.$name = $name;
                self
            })+
        }
    };
}

settings! {
    /// Which kernel interface carries the I/O. Default: [`Driver::Auto`].
    driver: Driver,
    /// What to do when there is nothing to do. Default: spin for 50 us, then park.
    wait: WaitStrategy,
    /// Entries of the submission queue. Default: 256. The kernel rounds up to a power of two.
    submission_entries: u32,
    /// Entries of the completion queue, at least as many as submissions. Default: 4096.
    completion_entries: u32,
    /// Slots of the receive pool that the kernel fills: a power of two up to 32 768. Default: 256.
    receive_buffers: u16,
    /// Bytes of one receive slot. Default: 32 768: a smaller one cuts a large message into more
    /// receives and sends.
    receive_buffer_bytes: u32,
    /// Slots that one stream may have filled and unread before its receive pauses. Default: 32.
    receive_window_buffers: u32,
    /// Slots for receives that the core makes itself: those of hot streams, and of streams that it
    /// reads before the kernel does. With epoll all receives use these and `receive_buffers`.
    /// Default: 32.
    hot_buffers: u16,
    /// Slots of the registered send pool. Default: 128.
    send_buffers: u16,
    /// Bytes of one send slot. Default: 16 384.
    send_buffer_bytes: u32,
    /// Owned buffers of at least so many bytes are sent by zero copy (`SEND_ZC`). Default: never,
    /// since loopback copies them anyway and a small message loses; on a real device measure from
    /// about 3 KiB on.
    zero_copy_send_bytes_min: Option<u32>,
    /// Whether to put the pools on huge pages where the host has some free. Default: true.
    huge_pages: bool,
    /// Whether to lock the pools in memory where the limit allows it. Default: true.
    lock_memory: bool,
    /// Operations in flight at once; one more is an error. Default: 1 048 576.
    operations_max: u32,
    /// Polls of the hot lane a turn. Default: 128.
    poll_budget: u32,
    /// Polls of the background lane a turn. Default: 16.
    background_budget: u32,
    /// Completions taken a turn, in batches of 32. Default: 256.
    completion_budget: u32,
    /// Timers fired a turn, in whole slots of 1024 ns. Default: 256.
    timer_budget: u32,
    /// Items that each custom [`Poller`](crate::Poller) is asked for in a turn, at most.
    /// Default: 256.
    poller_budget: u32,
    /// How long the core sleeps at most while a task of it awaits another process, by a ring in
    /// [shared memory](crate::cores::shared_memory): nobody there can wake it. Zero: it never
    /// sleeps then. Default: 50 us.
    shared_memory_poll: Duration,
    /// Accepted sockets that wait for their acceptor before accepting pauses. Default: 1024.
    accept_queue: u32,
    /// Threads for work that blocks, see [`off_core`](crate::off_core); none is started before it
    /// is needed. Default: 4.
    blocking_threads_max: u32,
    /// Pieces of such work that wait while all threads have some; one more is an error.
    /// Default: 1024.
    blocking_queue_max: u32,
    /// How long such a thread stays without work. Default: 10 s.
    blocking_idle: Duration,
    /// How long a cancelled task may take to end before it is counted as overdue: noticed between
    /// one and two times this. Default: 1 s.
    cancel_grace: Duration,
    /// How long the end of the runtime waits for the kernel to let go of its memory, which is
    /// leaked after that. Default: 5 s.
    shutdown_timeout: Duration,
    /// Seed of [`random_u64`](crate::random_u64), for runs that are to be repeated. Default: from
    /// the system.
    random_seed: Option<u64>,
}

impl Builder {
    /// Pins the calling thread to this core (as the kernel numbers them) for the life of the
    /// runtime. Default: not pinned.
    pub fn core(mut self, core: usize) -> Self {
        self.config.core = Some(core);
        self
    }

    /// Goes on where the thread can't be pinned, or the host does not grant another of the options
    /// that were demanded of it, and says so in the features and in
    /// [`Counters::options_refused`](crate::Counters::options_refused), instead of failing.
    /// Default: false.
    pub fn allow_degraded(mut self, allowed: bool) -> Self {
        self.config.degraded_allowed = allowed;
        self
    }

    /// Counts in this file, where `taut-stat` and others see it live, instead of on the heap. The
    /// runtime takes a block of the file, named after the thread and the core, and gives it back at
    /// its end; several runtimes of a process may share one file. Default: none.
    ///
    /// ```
    /// use taut_counters::{CounterFile, CounterFileOptions, CounterReader};
    /// use taut_runtime::Runtime;
    ///
    /// let file = CounterFile::create(CounterFileOptions::default())?;
    /// let runtime = Runtime::builder().counter_file(&file).build()?;
    /// runtime.block_on(async { taut_runtime::yield_now().await });
    ///
    /// let mut reader = CounterReader::open(file.path())?;
    /// assert!(reader.snapshot()?.number(1, "polls") >= Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn counter_file(mut self, file: &CounterFile) -> Self {
        self.config.counter_file = Some(file.clone());
        self
    }

    /// Records how long tasks keep the loop from its next look at the world: counts the turns that
    /// took longer than this, keeps the longest ones for [`Runtime::long_turns`], and gives the
    /// counter file their distribution as `turn_ns`. Costs one reading of the clock for each poll
    /// and each turn with polls. Default: off, which costs one branch a turn.
    pub fn turn_budget(mut self, budget: Duration) -> Self {
        self.config.turn_budget = Some(budget);
        self
    }

    /// Is called, on the core, after each turn over the [`turn_budget`](Self::turn_budget), without
    /// which it never is. It should hand its news over and return: it holds the loop up, too. A
    /// panic of it ends there.
    ///
    /// ```
    /// use std::sync::mpsc::channel;
    /// use std::time::{Duration, Instant};
    ///
    /// let (sender, long_turns) = channel();
    /// let runtime = taut_runtime::Runtime::builder()
    ///     .turn_budget(Duration::from_micros(500))
    ///     .on_long_turn(move |turn| sender.send(turn.clone()).unwrap_or_default())
    ///     .build()?;
    /// runtime.block_on(async {
    ///     let busy = taut_runtime::spawn(async {
    ///         let start = Instant::now();
    ///         while start.elapsed() < Duration::from_millis(1) {}
    ///     });
    ///     busy.named("busy").await
    /// })?;
    /// let turn = long_turns.try_iter().max_by_key(|turn| turn.length()).expect("at least one");
    /// assert_eq!(turn.task_name(), Some("busy"));
    /// println!("{turn}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_long_turn(mut self, hook: impl Fn(&LongTurn) + Send + Sync + 'static) -> Self {
        self.config.on_long_turn = Some(LongTurnHook::new(hook));
        self
    }

    /// Builds the runtime on the calling thread.
    ///
    /// # Errors
    ///
    /// A [`BuildError`] that names the cause and the remedy: a setting out of range, a core that
    /// can't be pinned to, an option that the host does not grant, a forced driver that can't
    /// start.
    pub fn build(self) -> Result<Runtime, BuildError> {
        let config = self.config;
        config.validate()?;
        let asked = config.driver_asked()?;
        let pinned = pin(&config)?;
        let mut features = Features::default();
        let is_pinned = matches!(pinned, Some(Ok(_)));
        let mut memory = Features::default();
        let mut held = Held::before_pools(&config, is_pinned, &mut memory)?;
        let counters = CounterPlace::new(config.counter_file.as_ref(), &counter_name(&config))
            .map_err(no_counters)?;
        let turn_lengths = TurnLengths::new(&config, &counters).map_err(no_counters)?;
        let remote = Remote::new()
            .map_err(|error| BuildError::system("the doorbell could not be made", error))?;
        let shared = Shared {
            receive_pool: Rc::new(receive_pool(&config, asked, &mut memory)?),
            send_pool: Rc::new(send_pool(&config, &mut memory)?),
            counters: counters.clone(),
            remote: Arc::new(remote),
        };
        let (receive_pool, send_pool, remote) = (
            Rc::clone(&shared.receive_pool),
            Rc::clone(&shared.send_pool),
            Arc::clone(&shared.remote),
        );
        let driver = ActiveDriver::new(asked, &config, shared, &mut features)?;
        features.extend(memory);
        note_pinning(&config, pinned.as_ref(), &mut features);
        let slack = tighten_slack(&config, &mut features);
        let clock = Clock::new(&mut features);
        held.after_pools(&config, &mut features)?;
        counters.options_refused.set(features.degraded().count() as u64);
        counters.features_refused.set(features.refused().count() as u64);
        let core = Rc::new_cyclic(|this| Core {
            hot: Default::default(),
            background: Default::default(),
            blocks: Default::default(),
            tasks: Default::default(),
            dying: Default::default(),
            dying_check_ns: Cell::new(NEVER_NS),
            attention: Default::default(),
            foreign_waits: Default::default(),
            trace: Default::default(),
            remote,
            deferred: RefCell::new(VecDeque::with_capacity(ERRANDS_ROOM)),
            driver: RefCell::new(driver),
            receive_pool,
            send_pool,
            hot_sources: Default::default(),
            watches: Watches::new(),
            pollers: Default::default(),
            blocking: Default::default(),
            directory: Default::default(),
            timers: RefCell::new(Wheel::new(clock.now_ns())),
            clock,
            random: Random::new(config.random_seed),
            locals: Default::default(),
            counters,
            heartbeat: Heartbeat::default(),
            turn_lengths,
            config,
            features,
            idle_since_ns: Cell::new(0),
            this: this.clone(),
            entered: Cell::new(false),
            ended: Cell::new(false),
            pinned: Cell::new(pinned.and_then(Result::ok)),
            slack: Cell::new(slack),
            held: Cell::new(held),
        });
        Ok(Runtime { core })
    }
}

/// What the core's part of a counter file is called: after the thread, and the core it is pinned
/// to.
fn counter_name(config: &Config) -> String {
    let thread = std::thread::current();
    match (thread.name(), config.core) {
        (Some(name), Some(core)) => format!("{name}@{core}"),
        (Some(name), None) => name.to_owned(),
        (None, Some(core)) => format!("core {core}"),
        (None, None) => "runtime".to_owned(),
    }
}

fn no_counters(error: CounterFileError) -> BuildError {
    let kind = match error.kind() {
        CounterFileErrorKind::FileSystem => BuildErrorKind::MemoryLimit,
        _ => BuildErrorKind::Configuration,
    };
    let what = "the runtime gets no place in the counter file";
    BuildError::new(kind, what, "", Some(error.into()))
}

/// Pins where asked. A refusal is an error, or in degraded mode a result for the feature table.
fn pin(config: &Config) -> Result<Option<std::io::Result<Pinned>>, BuildError> {
    let Some(core) = config.core else {
        return Ok(None);
    };
    match Pinned::new(core) {
        Err(error) if !config.degraded_allowed => Err(BuildError::new(
            BuildErrorKind::Pin,
            format!("this thread can't be pinned to core {core}"),
            "see /sys/devices/system/cpu/online and the cpuset of this process; or \
             allow_degraded(true)",
            Some(error),
        )),
        outcome => Ok(Some(outcome)),
    }
}

fn note_pinning(
    config: &Config,
    pinned: Option<&std::io::Result<Pinned>>,
    features: &mut Features,
) {
    match (config.core, pinned) {
        (Some(core), Some(Ok(_))) => features.grant_demanded("pinned", format!("core {core}")),
        (_, Some(Err(error))) => features.refuse_demanded("pinned", error.to_string()),
        _ => features.not_asked("pinned", "Builder::core"),
    }
}

/// Has the kernel wake the thread at its deadlines, where it ever sleeps.
fn tighten_slack(config: &Config, features: &mut Features) -> Option<TightSlack> {
    const NAME: &str = "timer slack";
    if config.wait == WaitStrategy::Spin {
        features.not_asked(NAME, "a spinning core has no need");
        return None;
    }
    let slack = TightSlack::new();
    match &slack {
        Ok(_) => features.grant(NAME, "1 ns"),
        Err(error) => features.refuse(NAME, error.to_string()),
    }
    slack.ok()
}

fn receive_pool(
    config: &Config,
    asked: Driver,
    features: &mut Features,
) -> Result<ReceivePool, BuildError> {
    // Epoll has no ring to give slots to; there `detach` or the absence of a ring leaves them free.
    let ring_slots = if asked == Driver::Epoll { 0 } else { config.receive_buffers };
    let Some(slots) = config.receive_buffers.checked_add(config.hot_buffers) else {
        return Err(BuildError::configuration(
            format!(
                "receive_buffers ({}) and hot_buffers ({}) are more than 65535 together",
                config.receive_buffers, config.hot_buffers
            ),
            "make hot_buffers smaller",
        ));
    };
    let bytes = slots as usize * config.receive_buffer_bytes as usize;
    let names =
        RegionNames { huge_pages: "receive pool on huge pages", locked: "receive pool locked" };
    let region = Region::map(bytes, config.huge_pages, config.lock_memory, names, features)
        .map_err(|error| no_memory("receive", bytes, error))?;
    Ok(ReceivePool::new(region, config.receive_buffer_bytes, ring_slots, slots - ring_slots))
}

fn send_pool(config: &Config, features: &mut Features) -> Result<SendPool, BuildError> {
    let bytes = (config.send_buffers as usize * config.send_buffer_bytes as usize).max(1);
    let names = RegionNames { huge_pages: "send pool on huge pages", locked: "send pool locked" };
    let region = Region::map(bytes, config.huge_pages, config.lock_memory, names, features)
        .map_err(|error| no_memory("send", bytes, error))?;
    Ok(SendPool::new(region, config.send_buffer_bytes, config.send_buffers))
}

fn no_memory(pool: &str, bytes: usize, error: std::io::Error) -> BuildError {
    BuildError::new(
        BuildErrorKind::MemoryLimit,
        format!("the {pool} pool's {bytes} bytes could not be mapped"),
        format!("make {pool}_buffers or {pool}_buffer_bytes smaller"),
        Some(error),
    )
}
