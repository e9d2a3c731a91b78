//! What a core's future knows of itself and of the others.

use std::ops::Deref;
use std::sync::Arc;

use super::crew::{CoreInfo, Crew, StopCause};
use crate::cores::Directory;
use crate::features::{Feature, Features};
use crate::task::{CancelToken, UntilCancelled};

/// A core's view of its run: who it is, who the others are, and the stop.
///
/// Reads as the [`CoreInfo`] of its own core. Clones are the same view; they may go to other tasks
/// and threads.
#[derive(Clone, Debug)]
pub struct CoreContext {
    crew: Arc<Crew>,
    features: Arc<Features>,
    index: usize,
}

impl CoreContext {
    pub(super) fn new(crew: Arc<Crew>, features: Features, index: usize) -> Self {
        Self { crew, features: Arc::new(features), index }
    }

    /// How many cores the run has.
    pub fn count(&self) -> usize {
        self.crew.members.len()
    }

    /// All cores of the run, this one included, in the order in which they were listed.
    pub fn cores(&self) -> &[CoreInfo] {
        &self.crew.members
    }

    /// The core of that role or name.
    pub fn find(&self, name: &str) -> Option<&CoreInfo> {
        self.crew.members.iter().find(|member| member.name() == name)
    }

    /// All cores of the run, to submit work to. On each of them
    /// [`submit_to`](crate::cores::submit_to) asks the same.
    pub fn directory(&self) -> &Directory {
        &self.crew.directory
    }

    /// What the runtime of this core was granted.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// What was demanded for this core and refused, in degraded mode.
    pub fn refused(&self) -> impl Iterator<Item = &Feature> {
        self.features.degraded()
    }

    /// Asks all cores to stop, this one included: each one's future is cancelled, as a task is by
    /// its handle. From any thread; again is no change.
    pub fn stop(&self) {
        self.crew.ask_to_stop(StopCause::Asked);
    }

    /// Whether the cores were asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.crew.stop.is_cancelled()
    }

    /// Waits until the cores are asked to stop. Cancel-safe.
    ///
    /// The core's own future is cancelled as well then: what it awaits next fails with
    /// [`Cancelled`](crate::Cancelled), unless it is in a [`shield`](crate::task::shield).
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Cancelled) where the waiting task was cancelled before, by itself.
    #[track_caller]
    pub fn stopping(&self) -> UntilCancelled {
        self.crew.stop.cancelled()
    }

    /// A token that is thrown when the cores are asked to stop, for code that knows of no cores.
    /// Throwing it oneself stops nobody else.
    pub fn stop_token(&self) -> CancelToken {
        self.crew.stop.child()
    }
}

impl Deref for CoreContext {
    type Target = CoreInfo;

    fn deref(&self) -> &CoreInfo {
        &self.crew.members[self.index]
    }
}
