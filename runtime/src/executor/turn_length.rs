//! How long tasks keep the loop from its next look at the world, and which ones did.
//!
//! A turn's length is the time from its first poll to its last one's end; what the loop itself does
//! and its sleep do not count. On only where a budget is set; then each poll ends with a reading of
//! the clock, which begins the next one.
//!
//! Invariant: a task's name and place are taken before its poll, since the task may be gone after
//! it. The hook is called when nothing is borrowed. Nothing is allocated in a turn that is within
//! the budget and not among the longest so far.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use taut_counters::{Buckets, CounterFileError, Recording};

use super::contain::contain;
use super::core::Core;
use super::header::Header;
use crate::config::Config;
use crate::counters::CounterPlace;
use crate::time::Instant;

/// How many of the longest turns a runtime keeps.
pub const LONG_TURNS_MAX: usize = 16;
/// The longest turn that the distribution tells apart: a minute.
const HIGHEST_NS: u64 = 60_000_000_000;
/// Digits to which it does: three would take eight times the memory.
const SIGNIFICANT_DIGITS: u8 = 2;

/// One of the longest turns of a runtime, or one over the budget; see
/// [`Builder::turn_budget`](crate::Builder::turn_budget). [`Display`](fmt::Display) gives a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongTurn {
    start: Instant,
    length_ns: u64,
    polls: u32,
    longest_poll_ns: u64,
    task_number: u64,
    task_name: Option<Box<str>>,
    spawned_at: &'static Location<'static>,
}

impl LongTurn {
    /// When its first poll began.
    #[must_use]
    pub fn start(&self) -> Instant {
        self.start
    }

    /// From then to the end of its last poll.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_nanos(self.length_ns)
    }

    /// How many polls it had.
    #[must_use]
    pub fn polls(&self) -> u32 {
        self.polls
    }

    /// How long the longest of them took; the task is the one of that poll.
    #[must_use]
    pub fn longest_poll(&self) -> Duration {
        Duration::from_nanos(self.longest_poll_ns)
    }

    /// Counts the spawns of the runtime, as in a [`Dump`](crate::task::Dump).
    #[must_use]
    pub fn task_number(&self) -> u64 {
        self.task_number
    }

    /// As given by [`JoinHandle::named`](crate::JoinHandle::named).
    #[must_use]
    pub fn task_name(&self) -> Option<&str> {
        self.task_name.as_deref()
    }

    /// Where in the program the task was spawned.
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }
}

impl fmt::Display for LongTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {} polls, ", self.length(), self.polls)?;
        write!(f, "{:?} of it in task {}", self.longest_poll(), self.task_number)?;
        if let Some(name) = self.task_name() {
            write!(f, " \"{name}\"")?;
        }
        write!(f, ", spawned at {}", self.spawned_at)
    }
}

/// What is called after a turn over the budget.
#[derive(Clone)]
pub(crate) struct LongTurnHook(Arc<dyn Fn(&LongTurn) + Send + Sync>);

impl LongTurnHook {
    pub(crate) fn new(hook: impl Fn(&LongTurn) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }
}

// A panic of the hook is contained and seen by nobody, so a builder with one stays unwind-safe.
impl UnwindSafe for LongTurnHook {}
impl RefUnwindSafe for LongTurnHook {}

impl fmt::Debug for LongTurnHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LongTurnHook(..)")
    }
}

/// The recorder of one core.
#[derive(Debug)]
pub(crate) struct TurnLengths {
    budget_ns: u64,
    hook: Option<LongTurnHook>,
    recording: Option<Recording>,
    /// The longest first.
    longest: RefCell<Vec<LongTurn>>,
    /// What a turn has to exceed to come among them.
    least_ns: Cell<u64>,
}

impl TurnLengths {
    /// The recorder, where a budget is set.
    pub(crate) fn new(
        config: &Config,
        counters: &CounterPlace,
    ) -> Result<Option<Box<Self>>, CounterFileError> {
        let Some(budget) = config.turn_budget else {
            return Ok(None);
        };
        let buckets = Buckets::new(1, HIGHEST_NS, SIGNIFICANT_DIGITS).expect("possible limits");
        Ok(Some(Box::new(Self {
            budget_ns: u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX),
            hook: config.on_long_turn.clone(),
            recording: counters.recording("turn_ns", "ns", buckets)?,
            longest: RefCell::new(Vec::with_capacity(LONG_TURNS_MAX)),
            least_ns: Cell::new(0),
        })))
    }

    /// Keeps the turn where it is among the longest.
    fn keep(&self, turn: &LongTurn) {
        let mut longest = self.longest.borrow_mut();
        let place = longest.partition_point(|kept| kept.length_ns >= turn.length_ns);
        longest.truncate(LONG_TURNS_MAX - 1);
        let place = place.min(longest.len());
        longest.insert(place, turn.clone());
        if longest.len() == LONG_TURNS_MAX {
            self.least_ns.set(longest.last().map_or(0, |kept| kept.length_ns));
        }
    }
}

/// The turn that is going on.
struct Polls {
    start_ns: u64,
    last_ns: u64,
    count: u32,
    longest: Option<Poll>,
}

/// A poll of a turn, and whose it was.
struct Poll {
    length_ns: u64,
    number: u64,
    name: Option<Rc<str>>,
    spawned_at: &'static Location<'static>,
}

impl Core {
    /// Runs what is ready, with an eye on the clock.
    #[cold]
    pub(super) fn run_ready_timed(&self, lengths: &TurnLengths) {
        if self.hot.is_empty() && self.background.is_empty() {
            return;
        }
        let start_ns = self.clock.now_ns();
        let mut polls = Polls { start_ns, last_ns: start_ns, count: 0, longest: None };
        self.run_lanes(|task| self.run_timed(task, &mut polls));
        let length_ns = polls.last_ns - start_ns;
        self.counters.turn_max_ns.raise_to(length_ns);
        if let Some(recording) = &lengths.recording {
            recording.record(length_ns);
        }
        let over = length_ns > lengths.budget_ns;
        self.counters.turns_over_budget.add(u64::from(over));
        if over || length_ns > lengths.least_ns.get() {
            self.long_turn(lengths, polls, over);
        }
    }

    fn run_timed(&self, task: NonNull<Header>, polls: &mut Polls) {
        // SAFETY: popped from a queue, so not complete, and the executor's reference keeps it.
        let identity = &unsafe { task.as_ref() }.identity;
        let (number, spawned_at) = (identity.number, identity.spawned_at);
        let name = identity.name();
        self.run(task);
        let now_ns = self.clock.now_ns();
        let length_ns = now_ns - polls.last_ns;
        polls.last_ns = now_ns;
        polls.count += 1;
        if polls.longest.as_ref().is_none_or(|longest| length_ns > longest.length_ns) {
            polls.longest = Some(Poll { length_ns, number, name, spawned_at });
        }
    }

    fn long_turn(&self, lengths: &TurnLengths, polls: Polls, over: bool) {
        let Some(poll) = polls.longest else {
            return;
        };
        let turn = LongTurn {
            start: Instant::from_nanos(polls.start_ns),
            length_ns: polls.last_ns - polls.start_ns,
            polls: polls.count,
            longest_poll_ns: poll.length_ns,
            task_number: poll.number,
            task_name: poll.name.as_deref().map(Box::from),
            spawned_at: poll.spawned_at,
        };
        if turn.length_ns > lengths.least_ns.get() {
            lengths.keep(&turn);
        }
        if let Some(LongTurnHook(hook)) = lengths.hook.as_ref().filter(|_| over) {
            contain(|| hook(&turn));
        }
    }

    pub(crate) fn long_turns(&self) -> Vec<LongTurn> {
        let lengths = self.turn_lengths.as_ref();
        lengths.map_or_else(Vec::new, |lengths| lengths.longest.borrow().clone())
    }
}
