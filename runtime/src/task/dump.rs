//! A picture of all tasks: who they are, and what they wait for.

use std::collections::HashSet;
use std::fmt;
use std::panic::Location;

/// The tasks of a runtime at one moment; [`Display`](fmt::Display) draws them as a tree, in which a
/// task stands below the one that awaits it.
///
/// ```
/// use std::time::Duration;
/// use taut_runtime::{Runtime, spawn, time::sleep, yield_now};
///
/// let runtime = Runtime::new()?;
/// runtime.block_on(async {
///     let feed = spawn(sleep(Duration::from_secs(3600))).named("feed");
///     spawn(feed).named("supervisor");
///     yield_now().await;
///     yield_now().await;
/// });
/// let dump = runtime.dump();
/// assert_eq!(dump.tasks().len(), 2);
/// println!("{dump}");
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dump {
    tasks: Vec<TaskDump>,
}

impl Dump {
    /// Of tasks in order of their numbers.
    pub(crate) fn new(tasks: Vec<TaskDump>) -> Self {
        Self { tasks }
    }

    /// The tasks in order of their spawns.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    fn find(&self, number: u64) -> Option<&TaskDump> {
        let index = self.tasks.binary_search_by_key(&number, |task| task.number);
        index.ok().map(|index| &self.tasks[index])
    }

    fn draw(
        &self,
        f: &mut fmt::Formatter<'_>,
        task: &TaskDump,
        depth: usize,
        drawn: &mut HashSet<u64>,
    ) -> fmt::Result {
        let indent = depth * 2;
        if !drawn.insert(task.number) {
            return writeln!(f, "{:indent$}task {} (see above)", "", task.number);
        }
        writeln!(f, "{:indent$}{task}", "")?;
        for wait in task.waits() {
            let depth = depth + 1 + wait.depth;
            match wait.on {
                On::Task(number) => match self.find(number) {
                    Some(awaited) => self.draw(f, awaited, depth, drawn)?,
                    None => writeln!(f, "{:1$}task {number}, of another runtime", "", depth * 2)?,
                },
                On::Named { .. } => writeln!(f, "{:1$}{wait}", "", depth * 2)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let awaited: HashSet<u64> = self
            .tasks
            .iter()
            .flat_map(TaskDump::waits)
            .filter_map(|wait| match wait.on {
                On::Task(number) => Some(number),
                On::Named { .. } => None,
            })
            .collect();
        let mut drawn = HashSet::new();
        for task in self.tasks.iter().filter(|task| !awaited.contains(&task.number)) {
            self.draw(f, task, 0, &mut drawn)?;
        }
        // Tasks that await each other in a circle hang below nobody.
        for task in &self.tasks {
            if !drawn.contains(&task.number) {
                self.draw(f, task, 0, &mut drawn)?;
            }
        }
        Ok(())
    }
}

/// One task of a [`Dump`]; [`Display`](fmt::Display) gives its line.
#[derive(Clone, Debug)]
pub struct TaskDump {
    pub(crate) number: u64,
    pub(crate) name: Option<String>,
    pub(crate) spawned_at: &'static Location<'static>,
    pub(crate) background: bool,
    pub(crate) cancelled: bool,
    pub(crate) cancel_overdue: bool,
    pub(crate) state: TaskState,
}

impl TaskDump {
    /// Counts the spawns of the runtime; that of `block_on` among them.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// As given by [`JoinHandle::named`](crate::JoinHandle::named).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where in the program the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// Whether it has not ended within the time allowed after its cancel.
    pub fn is_cancel_overdue(&self) -> bool {
        self.cancel_overdue
    }

    /// What it does.
    pub fn state(&self) -> &TaskState {
        &self.state
    }

    /// What it waits for: empty also where that is nothing of this crate.
    pub fn waits(&self) -> &[Wait] {
        match &self.state {
            TaskState::Waiting(waits) => waits,
            TaskState::Running | TaskState::Ready => &[],
        }
    }
}

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.number)?;
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        f.write_str(match &self.state {
            TaskState::Running => " runs",
            TaskState::Ready => " is ready",
            TaskState::Waiting(waits) if waits.is_empty() => " waits for something unknown",
            TaskState::Waiting(_) => " waits",
        })?;
        f.write_str(match (self.cancelled, self.cancel_overdue) {
            (_, true) => ", does not heed its cancel",
            (true, _) => ", cancelled",
            _ => "",
        })?;
        if self.background {
            f.write_str(", in the background")?;
        }
        write!(f, ", spawned at {}", self.spawned_at)
    }
}

/// What a task of a [`Dump`] does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled: it asked for the dump.
    Running,
    /// It stands in a run queue.
    Ready,
    /// It waits for these, or, where none is named, for something outside of this crate.
    Waiting(Vec<Wait>),
}

/// Something that a task waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    depth: usize,
    on: On,
}

#[derive(Clone, Debug)]
enum On {
    Named { what: String, location: &'static Location<'static> },
    Task(u64),
}

impl Wait {
    pub(crate) fn named(depth: usize, what: &str, location: &'static Location<'static>) -> Self {
        Self { depth, on: On::Named { what: what.to_owned(), location } }
    }

    pub(crate) fn join(depth: usize, number: u64) -> Self {
        Self { depth, on: On::Task(number) }
    }

    /// How many named waits contain this one.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The wait's name; `None` where the end of a task is awaited.
    pub fn what(&self) -> Option<&str> {
        match &self.on {
            On::Named { what, .. } => Some(what),
            On::Task(_) => None,
        }
    }

    /// Where in the program the wait began; `None` where the end of a task is awaited.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        match &self.on {
            On::Named { location, .. } => Some(location),
            On::Task(_) => None,
        }
    }

    /// The number of the task whose end is awaited.
    pub fn task(&self) -> Option<u64> {
        match &self.on {
            On::Named { .. } => None,
            On::Task(number) => Some(*number),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.on {
            On::Named { what, location } => write!(f, "{what}, at {location}"),
            On::Task(number) => write!(f, "task {number}"),
        }
    }
}
