//! Starting all cores, and the thread that sees the run to its end.

use std::fmt;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::board::{Board, patience};
use super::builder::Settings;
use super::crew::{CoreInfo, Crew, StopCause};
use super::error::CoresError;
use super::gate::Gate;
use super::life::{Run, Work};
use super::outcome::Outcome;
use super::plan::Planned;
use crate::cores::{Directory, Reception, reception};
use crate::pin::Guest;
use crate::signal::StopRequests;

/// Cores that run. Dropping it lets them go on by themselves; a stop by a signal or by a failure
/// then still happens, but nobody learns of it.
#[must_use = "the cores go on by themselves when this is dropped"]
pub struct Running<T> {
    crew: Arc<Crew>,
    end: JoinHandle<Outcome<T>>,
}

impl<T> Running<T> {
    /// Asks all cores to stop. Returns at once; again is no change.
    pub fn stop(&self) {
        self.crew.ask_to_stop(StopCause::Asked);
    }

    /// Whether all have ended, or the time to stop is up.
    pub fn is_finished(&self) -> bool {
        self.end.is_finished()
    }

    /// The cores, in the order in which they were listed.
    pub fn cores(&self) -> &[CoreInfo] {
        &self.crew.members
    }

    /// The cores, to submit work to from outside.
    pub fn directory(&self) -> &Directory {
        &self.crew.directory
    }

    /// Waits until all have ended, or until the time to stop is up.
    ///
    /// # Errors
    ///
    /// Where a core failed, panicked, or did not stop in time: all of it, the first cause first.
    pub fn join(self) -> Result<Outcome<T>, CoresError> {
        self.join_all().into_result()
    }

    /// The same, with what each core gave though others failed.
    pub fn join_all(self) -> Outcome<T> {
        self.end.join().expect("the thread that waits for the cores runs nobody's code")
    }
}

impl<T> fmt::Debug for Running<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("crew", &self.crew).finish_non_exhaustive()
    }
}

/// Starts all of it, or nothing.
pub(super) fn start<T: Send + 'static>(
    planned: Vec<Planned>,
    works: Vec<Work<T>>,
    settings: Settings,
) -> Result<Running<T>, CoresError> {
    let members: Vec<_> = planned.iter().map(|planned| planned.info.clone()).collect();
    let (handles, inboxes): (Vec<_>, Vec<_>) = members
        .iter()
        .map(|info| reception(Arc::clone(&info.name), settings.inbox_capacity))
        .unzip();
    let directory = Directory::new(members.iter().map(CoreInfo::core).zip(handles));
    let crew = Crew::new(members, directory)
        .map_err(|error| CoresError::system("no descriptor could be had for the run", error))?;
    let run = Arc::new(Run {
        crew: Arc::new(crew),
        board: Board::new(planned.len()),
        gate: Gate::default(),
        patience: patience(settings.stop_deadline),
    });
    let parts = works.into_iter().zip(inboxes);
    match start_behind_gate(&run, planned, parts, &settings) {
        Ok(running) => {
            run.gate.open();
            Ok(running)
        }
        Err(error) => {
            run.gate.refuse(settings.stop_deadline);
            Err(error)
        }
    }
}

/// Starts every thread, as far as the gate.
fn start_behind_gate<T: Send + 'static>(
    run: &Arc<Run<T>>,
    planned: Vec<Planned>,
    parts: impl Iterator<Item = (Work<T>, Reception)>,
    settings: &Settings,
) -> Result<Running<T>, CoresError> {
    let mut started = 0;
    let mut refused = None;
    for (planned, part) in planned.into_iter().zip(parts) {
        if let Err(error) = start_core(run, planned, part, settings.thread_stack_bytes) {
            refused = Some(error);
            break;
        }
        started += 1;
    }
    let failures = run.gate.wait_for(started);
    if let Some(error) = refused {
        return Err(error);
    }
    if !failures.is_empty() {
        return Err(CoresError::of_cores(failures));
    }
    let requests = StopRequests::listen(&settings.stop_on, run.crew.bell.as_fd())
        .map_err(|error| CoresError::system("the signals that stop the run can't be had", error))?;
    let (seen_to, stop_deadline) = (Arc::clone(run), settings.stop_deadline);
    let end = thread::Builder::new()
        .name("taut-cores".to_owned())
        .spawn(move || see_to_the_end(&seen_to, &requests, stop_deadline))
        .map_err(no_thread)?;
    Ok(Running { crew: Arc::clone(&run.crew), end })
}

fn start_core<T: Send + 'static>(
    run: &Arc<Run<T>>,
    planned: Planned,
    (work, inbox): (Work<T>, Reception),
    stack_bytes: Option<usize>,
) -> Result<(), CoresError> {
    // The system takes 15 bytes of it.
    let mut thread = thread::Builder::new().name(planned.info.name().to_owned());
    if let Some(bytes) = stack_bytes {
        thread = thread.stack_size(bytes);
    }
    let run = Arc::clone(run);
    thread.spawn(move || run.live(planned, work, inbox)).map_err(no_thread).map(drop)
}

fn no_thread(error: std::io::Error) -> CoresError {
    CoresError::system(
        "a thread could not be started (see `ulimit -u`, the cgroup's pids.max and the memory that \
         is left)",
        error,
    )
}

/// Waits for the end of all cores, passes on requests to stop, and gives up on who is overdue.
fn see_to_the_end<T>(run: &Run<T>, requests: &StopRequests, stop_deadline: Duration) -> Outcome<T> {
    // The cores may spin at a priority that this thread has not.
    let _off_the_cores = Guest::new();
    while !run.board.are_all_gone() {
        let left = match run.crew.asked() {
            None => {
                if let Some(signal) = requests.first() {
                    run.crew.ask_to_stop(StopCause::Signal(signal));
                    continue;
                }
                None
            }
            Some((_, at)) => match stop_deadline.checked_sub(at.elapsed()) {
                None => break,
                left => left,
            },
        };
        run.crew.bell.wait(left);
    }
    run.board.outcome(&run.crew)
}
