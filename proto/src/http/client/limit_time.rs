//! Time-outs of phases under one of the whole.

use std::time::Duration;

use taut_runtime::time::{Instant, timeout_at};

use super::error::{Cause, Phase};

/// When all of it has to be done, if ever.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Total(Option<(Instant, Duration)>);

impl Total {
    /// From now on.
    pub(super) fn starting_now(limit: Option<Duration>) -> Self {
        Self(limit.map(|limit| (Instant::now() + limit, limit)))
    }

    /// The future's output, unless the phase or the whole takes too long: then the future is
    /// dropped.
    pub(super) async fn within<F: Future>(
        self,
        phase: Phase,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Cause> {
        let end_of_phase = Instant::now() + limit;
        let (deadline, phase, limit) = match self.0 {
            Some((end, total)) if end < end_of_phase => (end, Phase::Total, total),
            _ => (end_of_phase, phase, limit),
        };
        timeout_at(deadline, future).await.map_err(|_| Cause::TimedOut { phase, limit })
    }

    /// As [`within`](Self::within), for a phase that takes as long as it takes.
    pub(super) async fn unlimited_phase<F: Future>(self, future: F) -> Result<F::Output, Cause> {
        match self.0 {
            Some((_, total)) => self.within(Phase::Total, total, future).await,
            None => Ok(future.await),
        }
    }
}
