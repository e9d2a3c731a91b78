//! The one timer of a connection.
//!
//! A connection waits with a time limit for each request, and hardly ever until the limit. So the
//! timer of the wheel stays where it is while the deadline is put off: it fires once in a while,
//! too early, and is then moved. A wait costs a comparison, and no change of the wheel.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use taut_runtime::time::{Instant, Sleep, sleep_until};

/// A point in time that moves, mostly away.
#[derive(Debug)]
pub(crate) struct Deadline {
    due: Instant,
    /// Fires at or before `due`, once it was polled.
    timer: Option<Sleep>,
}

impl Deadline {
    pub(crate) fn at(due: Instant) -> Self {
        Self { due, timer: None }
    }

    #[inline]
    pub(crate) fn set(&mut self, due: Instant) {
        self.due = due;
    }

    /// Ready when the deadline has passed.
    ///
    /// # Errors
    ///
    /// `ECANCELED` where the task was asked to stop.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let timer = self.timer.get_or_insert_with(|| sleep_until(self.due));
            if timer.deadline() > self.due {
                timer.reset(self.due);
            }
            ready!(Pin::new(&mut *timer).poll(context))?;
            if timer.deadline() == self.due {
                // Asked again, it has passed again: the timer is not used up.
                return Poll::Ready(Ok(()));
            }
            timer.reset(self.due);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_is_kept_wherever_it_is_moved() {
        let runtime = taut_runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let start = Instant::now();
            let mut deadline = Deadline::at(start + Duration::from_secs(3600));
            let mut waits = 0;
            poll_fn(|context| {
                let polled = deadline.poll(context);
                waits += 1;
                if waits == 1 {
                    assert!(polled.is_pending());
                    deadline.set(start + Duration::from_millis(1)); // sooner
                    context.waker().wake_by_ref();
                }
                if waits == 2 {
                    deadline.set(start + Duration::from_millis(4)); // and later
                }
                polled
            })
            .await
            .unwrap();
            assert!(start.elapsed() >= Duration::from_millis(4));
            poll_fn(|context| deadline.poll(context)).await.unwrap();
        });
    }
}
