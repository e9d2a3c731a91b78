//! Waiting until a point in time.

use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::Instant;
use super::wheel::TimerKey;
use crate::cancelled::Cancelled;
use crate::executor::{Core, current};

/// Waits for a duration, to the nanosecond of the core's clock.
///
/// Dropping it stops the timer. Costs no system call and, once the wheel is warm, no
/// allocation. How late it wakes depends on the wait strategy and on what else the core does.
///
/// # Errors
///
/// [`Cancelled`] where the task was asked to stop before the time was up.
///
/// ```
/// use std::time::Duration;
///
/// taut_runtime::run(async {
///     taut_runtime::time::sleep(Duration::from_nanos(500)).await
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// Outside of a runtime, when called.
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(Instant::now() + duration)
}

/// Waits until a point in time; a point that has passed gives way to the other tasks once.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: None, location: Location::caller() }
}

/// The future of [`sleep`] and [`sleep_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    deadline: Instant,
    timer: Option<(Rc<Core>, TimerKey)>,
    location: &'static Location<'static>,
}

impl Sleep {
    /// When it ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Moves the deadline; a sleep that has ended can be used again.
    pub fn reset(&mut self, deadline: Instant) {
        self.stop();
        self.deadline = deadline;
    }

    /// Where in the program it was made.
    pub(super) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    fn stop(&mut self) {
        if let Some((core, key)) = self.timer.take() {
            core.timers.borrow_mut().remove(key);
        }
    }
}

impl Future for Sleep {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let deadline_ns = self.deadline.as_nanos();
        if let Some((core, key)) = &self.timer {
            if core.timers.borrow().has_fired(*key) {
                return Poll::Ready(Ok(()));
            }
            ready!(core.checkpoint_at(context, "sleep", self.location))?;
            return core.timers.borrow_mut().poll(*key, context).map(Ok);
        }
        let core = current();
        ready!(core.checkpoint_at(context, "sleep", self.location))?;
        let mut timers = core.timers.borrow_mut();
        let key = timers.start(deadline_ns);
        let polled = timers.poll(key, context);
        drop(timers);
        self.timer = Some((core.handle(), key));
        polled.map(Ok)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.stop();
    }
}
