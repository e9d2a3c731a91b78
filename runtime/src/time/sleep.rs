//! Waiting until a point in time.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Instant;
use super::wheel::TimerKey;
use crate::executor::{Core, current};

/// Waits for a duration, to the nanosecond of the core's clock.
///
/// Cancel-safe: dropping it stops the timer. Costs no system call and, once the wheel is warm, no
/// allocation. How late it wakes depends on the wait strategy and on what else the core does.
///
/// ```
/// use std::time::Duration;
///
/// taut_runtime::run(async {
///     taut_runtime::time::sleep(Duration::from_nanos(500)).await;
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
///
/// # Panics
///
/// Outside of a runtime, when called.
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(Instant::now() + duration)
}

/// Waits until a point in time; a point that has passed gives way to the other tasks once.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { deadline, timer: None }
}

/// The future of [`sleep`] and [`sleep_until`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    deadline: Instant,
    timer: Option<(Rc<Core>, TimerKey)>,
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

    fn stop(&mut self) {
        if let Some((core, key)) = self.timer.take() {
            core.timers.borrow_mut().remove(key);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline_ns = self.deadline.as_nanos();
        let (core, key) = self.timer.get_or_insert_with(|| {
            let core = current().handle();
            let key = core.timers.borrow_mut().start(deadline_ns);
            (core, key)
        });
        core.timers.borrow_mut().poll(*key, context)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.stop();
    }
}
