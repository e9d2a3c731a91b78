//! The thread on the other core: it does one job after the other and sleeps in between.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use taut::Runtime;

use super::request::drive;
use crate::harness::cores;

/// What the other core does during a request.
pub(super) type Job = Box<dyn FnOnce(&Far) -> Result<(), String> + Send>;

/// What jobs on the other core share.
#[derive(Debug, Default)]
pub(super) struct Far {
    /// Where it runs one; it can't leave its thread.
    pub(super) runtime: OnceCell<Runtime>,
}

impl Far {
    /// Polls to the end: on the runtime, or in a loop without one.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        match self.runtime.get() {
            Some(runtime) => runtime.block_on(future),
            None => drive(future),
        }
    }
}

/// The thread, until this is dropped.
#[derive(Debug)]
pub(super) struct Partner {
    pub(super) core: usize,
    jobs: Sender<Job>,
    ends: Receiver<Result<(), String>>,
}

impl Partner {
    pub(super) fn start(core: usize) -> Result<Rc<Self>, String> {
        let (jobs, waiting) = channel::<Job>();
        let (done, ends) = channel();
        let serve = move || {
            if done.send(cores::pin(core)).is_err() {
                return;
            }
            let far = Far::default();
            for job in waiting {
                let end = catch_unwind(AssertUnwindSafe(|| job(&far)))
                    .unwrap_or_else(|_| Err("the thread on the other core panicked".to_owned()));
                if done.send(end).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("partner".to_owned())
            .spawn(serve)
            .map_err(|error| format!("the thread for the other core did not start: {error}"))?;
        let partner = Self { core, jobs, ends };
        partner.end()?;
        Ok(Rc::new(partner))
    }

    /// Has the other core do a job, beside `here`, and waits for the end of both.
    pub(super) fn beside<T>(
        &self,
        job: Job,
        here: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        self.jobs.send(job).map_err(|_| "the thread on the other core is gone".to_owned())?;
        let outcome = here();
        // What the other core says is the cause where both have something to say.
        self.end()?;
        outcome
    }

    fn end(&self) -> Result<(), String> {
        self.ends.recv().map_err(|_| "the thread on the other core has ended".to_owned())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_run_on_the_core_one_after_the_other_and_their_errors_come_back() {
        let partner = Partner::start(0).unwrap();
        for number in 0..3 {
            assert_eq!(partner.beside(Box::new(|_| Ok(())), || Ok(number)), Ok(number));
        }
        let failed = partner.beside(Box::new(|_| Err("no".to_owned())), || Ok(()));
        assert_eq!(failed, Err("no".to_owned()));
        let panicked = partner.beside(Box::new(|_| panic!("on purpose")), || Ok(()));
        assert!(panicked.unwrap_err().contains("panicked"));
        assert_eq!(partner.beside(Box::new(|_| Ok(())), || Ok(7)), Ok(7));
        assert!(Partner::start(1 << 20).unwrap_err().contains("pinned"));
    }
}
