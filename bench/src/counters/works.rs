//! What is counted: small pieces of work whose path through the runtime is the same every time.
//!
//! Invariant: nothing here waits for time to pass, and whatever is awaited is there already or
//! comes from a task of the same runtime, so that the same number of operations takes the same
//! instructions in every run. The works of `tasks` and `channels` are the ones that those time.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use clap::ValueEnum;
use taut::time::{Instant, sleep, sleep_until};
use taut::{Driver, Runtime, WaitStrategy};

use super::echo::round_trips;
use crate::work::on_taut;

/// The function that callgrind counts, by its symbol: nothing else is in the totals.
pub(crate) const COUNTED: &str = concat!(module_path!(), "::counted_work");

/// A deadline that no run reaches.
const FOREVER: Duration = Duration::from_secs(3600);

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Work {
    /// A TCP round trip of 64 bytes over loopback, both ends as tasks of one runtime.
    EchoEpoll,
    /// An empty task spawned and joined.
    SpawnJoin,
    /// A task goes to the end of the queue and is polled again.
    Yield,
    /// A sleep made, registered, fired in the next turn, and awaited.
    TimerFire,
    /// A sleep made, registered and dropped before its time.
    TimerCancel,
    /// A message sent and received where neither end has to wait.
    Channel,
    /// A message to a task that waits for it, and its answer: four waits, two wakes.
    ChannelPingPong,
}

impl Work {
    /// In the order of the table.
    pub(crate) const ALL: [Self; 7] = [
        Self::EchoEpoll,
        Self::SpawnJoin,
        Self::Yield,
        Self::TimerFire,
        Self::TimerCancel,
        Self::Channel,
        Self::ChannelPingPong,
    ];

    /// As the command line and the baseline name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EchoEpoll => "echo_epoll",
            Self::SpawnJoin => "spawn_join",
            Self::Yield => "yield",
            Self::TimerFire => "timer_fire",
            Self::TimerCancel => "timer_cancel",
            Self::Channel => "channel",
            Self::ChannelPingPong => "channel_ping_pong",
        }
    }

    /// Operations of the shorter run: a multiple of what a turn of the loop may run, so that turns
    /// are spread evenly, and so few that the runtime's clock need not look at the kernel's, which
    /// it does by the time that has passed.
    pub(crate) fn operations(self) -> u64 {
        match self {
            Self::EchoEpoll => 2_048,
            _ => 4_096,
        }
    }

    /// Does it so often, on a runtime of its own. To make the runtime is not part of the count: it
    /// calibrates its clock, which takes as many instructions as fit into a time.
    pub(crate) fn run(self, operations: u64) -> Result<(), String> {
        let runtime = Runtime::builder()
            .driver(Driver::Epoll)
            .wait(WaitStrategy::Park)
            .build()
            .map_err(|error| format!("no runtime to count {} on: {error}", self.name()))?;
        counted_work(&runtime, self, operations)
            .map_err(|reason| format!("{} ended early: {reason}", self.name()))
    }
}

/// What is counted, from its first instruction to its last; callgrind finds it by [`COUNTED`].
#[inline(never)]
fn counted_work(runtime: &Runtime, work: Work, operations: u64) -> Result<(), String> {
    runtime.block_on(async {
        match work {
            Work::EchoEpoll => round_trips(operations).await.map_err(|error| error.to_string()),
            Work::SpawnJoin => on_taut::spawn_join(operations).await.map(drop),
            Work::Yield => on_taut::yields(operations).await.map(drop),
            Work::TimerFire => fire_timers(operations).await,
            Work::TimerCancel => cancel_timers(operations).await,
            Work::Channel => on_taut::channel(operations).await.map(drop),
            Work::ChannelPingPong => on_taut::ping_pong(operations).await.map(drop),
        }
    })
}

/// Deadlines that have passed: each goes through the wheel, and fires in the next turn, however
/// late that is. A deadline ahead would make the count depend on how fast the host is.
async fn fire_timers(operations: u64) -> Result<(), String> {
    let passed = Instant::now();
    for _ in 0..operations {
        sleep_until(black_box(passed)).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn cancel_timers(operations: u64) -> Result<(), String> {
    for _ in 0..operations {
        let mut sleep = pin!(sleep(black_box(FOREVER)));
        let is_over = poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context).is_ready())).await;
        if is_over {
            return Err("an hour was over at once".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_work_runs_to_its_end_and_is_named_as_the_command_line_names_it() {
        for work in Work::ALL {
            assert_eq!(work.run(3), Ok(()), "{}", work.name());
            assert_eq!(Work::from_str(work.name(), false), Ok(work));
        }
        assert_eq!(Work::value_variants(), Work::ALL);
    }
}
