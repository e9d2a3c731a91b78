//! How far each core is, and how it ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Pid;

use super::crew::Crew;
use super::error::{CoreFailure, Fault};
use super::outcome::{CoreEnd, Outcome};
use crate::counters::Counters;
use crate::features::Features;

/// See the module's documentation. Written at the few turning points of a core's life.
#[derive(Debug)]
pub(super) struct Board<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    seats: Vec<Seat<T>>,
    /// The cores that failed, in the order in which they did.
    failed: Vec<usize>,
}

#[derive(Debug)]
struct Seat<T> {
    phase: Phase,
    thread: Option<Pid>,
    features: Features,
    end: Option<Result<Option<T>, Fault>>,
    counters: Option<Counters>,
}

/// How far a core is.
#[derive(Debug)]
enum Phase {
    /// Until it hears that it is to stop.
    Running,
    /// It has heard it, and cancelled its task.
    Told,
    /// And this is what its tasks then still waited for.
    Waits(String),
    /// Its future has ended; its runtime is being dropped.
    Ending,
    Gone,
}

impl<T> Board<T> {
    pub(super) fn new(count: usize) -> Self {
        let seat = || Seat {
            phase: Phase::Running,
            thread: None,
            features: Features::default(),
            end: None,
            counters: None,
        };
        let seats = std::iter::repeat_with(seat).take(count).collect();
        Self(Mutex::new(State { seats, failed: Vec::new() }))
    }

    /// No code of others runs under this lock: values and errors are moved, never dropped.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begins(&self, index: usize, thread: Pid, features: Features) {
        let seat = &mut self.lock().seats[index];
        (seat.thread, seat.features) = (Some(thread), features);
    }

    pub(super) fn was_told(&self, index: usize) {
        self.lock().seats[index].phase = Phase::Told;
    }

    pub(super) fn waits(&self, index: usize, tasks: String) {
        self.lock().seats[index].phase = Phase::Waits(tasks);
    }

    pub(super) fn ended(&self, index: usize, end: Result<Option<T>, Fault>) {
        let mut state = self.lock();
        if end.is_err() {
            state.failed.push(index);
        }
        let seat = &mut state.seats[index];
        (seat.phase, seat.end) = (Phase::Ending, Some(end));
    }

    pub(super) fn gone(&self, index: usize, counters: Counters) {
        let seat = &mut self.lock().seats[index];
        (seat.phase, seat.counters) = (Phase::Gone, Some(counters));
    }

    pub(super) fn are_all_gone(&self) -> bool {
        self.lock().seats.iter().all(|seat| matches!(seat.phase, Phase::Gone))
    }

    /// Takes all that there is; who is not gone is overdue.
    pub(super) fn outcome(&self, crew: &Crew) -> Outcome<T> {
        let asked = crew.asked();
        let since_stop = asked.map(|(_, at)| at.elapsed()).unwrap_or_default();
        let mut state = self.lock();
        let mut failed = std::mem::take(&mut state.failed);
        let seats = state.seats.iter_mut().zip(&crew.members);
        let ends = seats.map(|(seat, info)| {
            let result = match seat.end.take() {
                Some(end) if matches!(seat.phase, Phase::Gone) || end.is_err() => end,
                _ => {
                    failed.push(info.index);
                    Err(Fault::Overdue { since_stop, doing: seat.doing() })
                }
            };
            CoreEnd {
                info: info.clone(),
                result: result.map_err(|fault| CoreFailure::new(info.clone(), fault)),
                features: std::mem::take(&mut seat.features),
                counters: seat.counters,
            }
        });
        let ends = ends.collect();
        Outcome { ends, failed, stopped_by: asked.map(|(cause, _)| cause) }
    }
}

impl<T> Seat<T> {
    /// What it does instead of ending.
    fn doing(&self) -> String {
        let how = || match self.thread.and_then(thread_state) {
            Some('R') => "its thread computes",
            Some('S' | 'D') => "its thread sleeps in the kernel",
            _ => "its thread does something else",
        };
        match &self.phase {
            Phase::Running => format!("it has not given way to its runtime since ({})", how()),
            Phase::Told => format!("its future was cancelled and goes on ({})", how()),
            Phase::Waits(tasks) => {
                format!("its future was cancelled and goes on; its tasks:\n{tasks}")
            }
            Phase::Ending | Phase::Gone => {
                format!("its future has ended and its runtime has not ({})", how())
            }
        }
    }
}

/// The state of a thread of this process, by the kernel's letter.
fn thread_state(thread: Pid) -> Option<char> {
    let path = format!("/proc/self/task/{}/stat", thread.as_raw_nonzero());
    let line = std::fs::read_to_string(path).ok()?;
    // The name, in brackets, may hold anything.
    line.rsplit_once(") ")?.1.chars().next()
}

/// How long a core that was told to stop is left alone before it tells what its tasks wait for:
/// long enough to be sure, short enough to be heard before the deadline.
pub(super) fn patience(stop_deadline: Duration) -> Duration {
    stop_deadline / 4 * 3
}
