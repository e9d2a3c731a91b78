//! Busy polling of a network card's queue while the ring waits (NAPI, Linux 6.9).
//!
//! By itself the kernel polls the queues of the sockets that it has seen waits for, and forgets one
//! after a minute without. From Linux 6.13 on it can be told of a queue by its NAPI id, and then
//! polls that one only. Invariant: at most one id is told, since of several the kernel polls each
//! but once in a wait, instead of one until something comes.

use std::io;
use std::time::Duration;

use io_uring::Submitter;
use io_uring::types::{Napi, NapiTracking};

use super::ring::refusal;
use crate::config::WaitStrategy;
use crate::features::Features;

/// What of it this ring does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NapiPolling {
    timeout: Duration,
    by_id: bool,
    id: Option<u32>,
}

impl NapiPolling {
    /// Lets the kernel poll the queues that it finds; `None` where that was not asked for, or is
    /// not granted.
    pub(crate) fn register(
        submitter: &Submitter<'_>,
        wait: WaitStrategy,
        features: &mut Features,
    ) -> Option<Self> {
        const NAME: &str = "NAPI busy poll";
        const BY_ID: &str = "NAPI queue by id";
        let WaitStrategy::NapiPoll { timeout } = wait else {
            features.not_asked(NAME, "");
            return None;
        };
        let mut polling = Self { timeout, by_id: false, id: None };
        // Asked first, because the last one holds.
        let by_id = polling.track(submitter, NapiTracking::Static);
        polling.by_id = by_id.is_ok();
        let outcome = polling.track(submitter, NapiTracking::Dynamic);
        let granted = outcome.is_ok();
        features.record(NAME, refusal(outcome));
        features.record(BY_ID, by_id.map_err(|error| format!("{error}: needs Linux 6.13")));
        granted.then_some(polling)
    }

    /// Sets which queues are polled. Forgets all that were.
    fn track(&self, submitter: &Submitter<'_>, tracking: NapiTracking) -> io::Result<()> {
        // At most 10 ms by `Config::validate`.
        let timeout_us = self.timeout.as_micros() as u32;
        let napi = Napi::new().set_busy_poll_timeout(timeout_us).set_prefer_busy_poll(true);
        submitter.register_napi(&mut napi.set_tracking(tracking))
    }

    /// Polls the queue of this id only; with `None` those that the kernel finds.
    pub(crate) fn poll(&mut self, submitter: &Submitter<'_>, id: Option<u32>) -> io::Result<()> {
        if id == self.id {
            return Ok(());
        }
        let Some(id) = id else {
            self.track(submitter, NapiTracking::Dynamic)?;
            self.id = None;
            return Ok(());
        };
        if let Some(other) = self.id {
            let message = format!(
                "this core polls the queue with the NAPI id {other} already, and would poll \
                 neither well beside {id}: steer both flows to one queue (ethtool -N)"
            );
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        if !self.by_id {
            let message = "to poll one queue by its NAPI id needs Linux 6.13; the kernel polls \
                           those that it finds";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        self.track(submitter, NapiTracking::Static)?;
        if let Err(error) = submitter.register_napi_add_id(id) {
            // As it was before; that has been granted once.
            let _ = self.track(submitter, NapiTracking::Dynamic);
            return Err(error);
        }
        self.id = Some(id);
        Ok(())
    }
}
