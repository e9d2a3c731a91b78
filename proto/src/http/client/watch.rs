//! Looks after connections that wait: closes those that the peer gave up or that waited too long,
//! and makes those that are to be kept ready.
//!
//! One task for each client, which sleeps while nothing is idle and ends with the client. It wakes
//! when an idle connection brings something, and ten times a second to find those that became idle
//! since: giving a connection back does not wake it, so a request pays nothing for it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use taut_runtime::time::{Instant, sleep};
use taut_runtime::{JoinHandle, spawn_background};

use super::pool::{Dialing, Pool};

/// Between two looks at what is idle.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// After a connection that was to be kept ready could not be made.
const DIAL_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// The task, started with the first connection that is kept.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    task: RefCell<Option<JoinHandle<()>>>,
    asleep: RefCell<Option<Waker>>,
    dials: RefCell<Vec<JoinHandle<()>>>,
    is_stopped: Cell<bool>,
}

impl Watcher {
    /// Has the task look, unless the client is gone.
    pub(super) fn wake(&self, pool: &Rc<Pool>) {
        if let Some(waker) = self.asleep.take() {
            waker.wake();
        }
        let mut task = self.task.borrow_mut();
        if task.is_none() && !self.is_stopped() {
            let pool = Rc::downgrade(pool);
            *task = Some(spawn_background(watch(pool)).named("connections of an HTTP client"));
        }
    }

    /// The client is gone: nothing is kept any more, and what is being made is given up.
    pub(super) fn stop(&self) {
        self.is_stopped.set(true);
        for task in self.task.take().into_iter().chain(self.dials.take()) {
            task.abort();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.get()
    }

    fn dial(&self, dial: impl Future<Output = ()> + 'static) {
        let mut dials = self.dials.borrow_mut();
        dials.retain(|dial| !dial.is_finished());
        dials.push(spawn_background(dial));
    }
}

async fn watch(pool: Weak<Pool>) {
    loop {
        let work = poll_fn(|context| {
            let Some(pool) = pool.upgrade() else { return Poll::Ready(false) };
            if pool.has_work() {
                pool.close_stale(context);
                dial_missing(&pool);
                return Poll::Ready(true);
            }
            pool.watcher().asleep.replace(Some(context.waker().clone()));
            Poll::Pending
        });
        if !work.await || !nap().await {
            return;
        }
    }
}

/// Until it is time to look again, or an idle connection brings something; false where the task is
/// to stop.
async fn nap() -> bool {
    let mut sleeping = pin!(sleep(LOOK_EVERY));
    let mut first = true;
    poll_fn(|context| match sleeping.as_mut().poll(context) {
        Poll::Ready(slept) => Poll::Ready(slept.is_ok()),
        // Somebody else woke the task.
        Poll::Pending if !std::mem::take(&mut first) => Poll::Ready(true),
        Poll::Pending => Poll::Pending,
    })
    .await
}

fn dial_missing(pool: &Rc<Pool>) {
    for site in pool.sites() {
        if site.dial_after.get().is_some_and(|after| Instant::now() < after) {
            continue;
        }
        let there = site.ready(&pool.timeouts) + site.dialing.get();
        for _ in there..site.warm.get() {
            let Some(dialing) = pool.may_dial(&site) else { break };
            pool.watcher().dial(dial(Rc::clone(pool), dialing));
        }
    }
}

/// Makes one connection.
async fn dial(pool: Rc<Pool>, dialing: Dialing) {
    let site = Rc::clone(dialing.site());
    let made = pool.add_warm(dialing).await;
    site.dial_after.set(made.err().map(|_| Instant::now() + DIAL_AGAIN_AFTER));
}
