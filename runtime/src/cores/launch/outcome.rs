//! What came of a run.

use super::crew::{CoreInfo, StopCause};
use super::error::{CoreFailure, CoresError};
use crate::counters::Counters;
use crate::features::{Feature, Features};

/// How each core of a run ended, in the order in which they were listed.
#[derive(Debug)]
pub struct Outcome<T> {
    pub(super) ends: Vec<CoreEnd<T>>,
    /// Indices of the cores that failed, the first cause first.
    pub(super) failed: Vec<usize>,
    pub(super) stopped_by: Option<StopCause>,
}

/// How one core ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct CoreEnd<T> {
    /// Which core.
    pub info: CoreInfo,
    /// What its future gave; `None` where it ended by being told to stop, with an error that
    /// [is a cancel](crate::is_cancelled).
    pub result: Result<Option<T>, CoreFailure>,
    /// What its runtime was granted.
    pub features: Features,
    /// What its runtime counted; `None` for a core that was left behind.
    pub counters: Option<Counters>,
}

impl<T> Outcome<T> {
    /// Each core's end, in order.
    pub fn ends(&self) -> &[CoreEnd<T>] {
        &self.ends
    }

    /// Each core's end, in order, to take.
    pub fn into_ends(self) -> Vec<CoreEnd<T>> {
        self.ends
    }

    /// What each core's future gave, in order; `None` for those that were stopped or failed.
    pub fn into_values(self) -> Vec<Option<T>> {
        self.ends.into_iter().map(|end| end.result.ok().flatten()).collect()
    }

    /// Why the cores were asked to stop; `None` where all ended by themselves.
    pub fn stopped_by(&self) -> Option<StopCause> {
        self.stopped_by
    }

    /// What was demanded and refused in degraded mode, with its core.
    pub fn refused(&self) -> impl Iterator<Item = (&CoreInfo, &Feature)> {
        self.ends.iter().flat_map(|end| end.features.degraded().map(move |row| (&end.info, row)))
    }

    /// Itself, where no core failed.
    ///
    /// # Errors
    ///
    /// All failures, the first cause first.
    pub fn into_result(mut self) -> Result<Self, CoresError> {
        if self.failed.is_empty() {
            return Ok(self);
        }
        let mut failures: Vec<_> = self.ends.drain(..).filter_map(|end| end.result.err()).collect();
        let place = |failure: &CoreFailure| {
            self.failed.iter().position(|index| *index == failure.info().index())
        };
        failures.sort_by_key(place);
        Err(CoresError::of_cores(failures))
    }
}
