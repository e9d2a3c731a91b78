//! The blocking threads of one runtime, and threads of work's own.
//!
//! A thread is started when work comes and none is free, and ends when it had no work for
//! `blocking_idle`. All of them stay off the pinned cores, see `pin`, and have the timer slack that
//! the core's thread had before, see `slack`. A new thread inherits the affinity, and the
//! scheduling policy, of the core that starts it; so a pinned core waits until it is gone, which
//! takes tens of microseconds. Otherwise a core that spins at a real-time priority
//! would never let it run.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::Builder;

use super::queue::{Limits, Queue, Refused, Ticket};
use crate::config::Config;
use crate::error::runtime_ended;
use crate::executor::{Core, contain};
use crate::pin::Guest;
use crate::slack;

/// A closure with all that it needs to give its answer. When dropped, it says that none will come.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// See the module's documentation.
#[derive(Default)]
pub(crate) struct Pool {
    queue: Arc<Queue<Work>>,
}

impl Pool {
    /// Puts work into the line for the pool's threads.
    pub(crate) fn submit(&self, core: &Core, work: Work) -> io::Result<Ticket> {
        let config = &core.config;
        let limits = Limits {
            threads_max: config.blocking_threads_max as usize,
            backlog_max: config.blocking_queue_max as usize,
        };
        let submitted = self.queue.submit(work, limits).map_err(|refused| match refused {
            Refused::Full(_) => {
                core.counters.blocking_queue_full.increment();
                queue_full(config)
            }
            Refused::Closed(_) => runtime_ended(),
        })?;
        let ticket = submitted.ticket;
        if let Some(seat) = submitted.start {
            let (queue, idle_max) = (Arc::clone(&self.queue), config.blocking_idle);
            let started = start_thread(core, format!("taut-blocking-{}", seat.0), move || {
                queue.serve(seat, idle_max, contain);
            });
            if let Err(error) = started
                && self.queue.not_started(seat, ticket).is_some()
            {
                return Err(error);
            }
        }
        core.counters.blocking_submitted.increment();
        Ok(ticket)
    }

    /// Takes work back that no thread has begun with.
    pub(crate) fn take_back(&self, core: &Core, ticket: Ticket) -> Option<Work> {
        let work = self.queue.take_back(ticket)?;
        core.counters.blocking_cancelled.increment();
        Some(work)
    }

    /// Drops the work that waits, and lets the threads go: each ends with the work that it runs.
    pub(crate) fn close(&self) {
        for work in self.queue.close() {
            contain(|| drop(work));
        }
    }
}

/// Starts a thread off the pinned cores.
pub(crate) fn start_thread(
    core: &Core,
    name: String,
    life: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    if name.contains('\0') {
        let message = format!("a thread can't be named {name:?}: leave out the zero bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let slack_ns = slack::before_ns();
    let (here, gone) = channel::<()>();
    let thread = Builder::new().name(name).spawn(move || {
        let _guest = Guest::new();
        drop(here);
        slack::set_back(slack_ns);
        life();
    });
    match thread {
        Ok(_detached) => {}
        Err(error) => {
            let message = format!(
                "no thread could be started for work that blocks: {error} (see `ulimit -u`, the \
                 cgroup's pids.max and the memory that is left)"
            );
            return Err(io::Error::new(error.kind(), message));
        }
    }
    core.counters.blocking_threads_started.increment();
    if core.config.core.is_some() {
        // Nothing is ever sent: the other end is dropped when the thread has left this core.
        let _ = gone.recv();
    }
    Ok(())
}

fn queue_full(config: &Config) -> io::Error {
    let message = format!(
        "{} pieces of work wait for the {} blocking threads already: submit less at once, or raise \
         blocking_queue_max or blocking_threads_max",
        config.blocking_queue_max, config.blocking_threads_max
    );
    io::Error::new(io::ErrorKind::ResourceBusy, message)
}
