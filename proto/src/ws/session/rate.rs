//! How often something may be done: so many times within any span of a given length.
//!
//! Invariant: whatever span of that length somebody looks at, no more than the limit falls into it.
//! A bucket of tokens that fills at the same rate would let twice as much pass in the span that
//! begins with a full one, which a venue that counts by spans does not forgive. Costs the memory of
//! one time for each permit, and a comparison.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use taut_runtime::Cancelled;
use taut_runtime::sync::{Mutex, MutexGuard};
use taut_runtime::time::{Instant, sleep_until};

/// The most permits that a span may have.
pub const RATE_PERMITS_MAX: u32 = 1 << 20;

/// A limit that is shared by all clones of it, on one core: by the sessions with one venue, which
/// counts the connections of an address, not of a session. Who waits is served in turn, so all wait
/// for one who has come to be the first and is not polled: go on reading a session that connects.
///
/// What a venue counts is when things reach it, and the network may bring them closer together than
/// they were sent: a limit that is used to its end wants a span a little longer than the venue's.
///
/// ```
/// use std::time::Duration;
/// use taut_proto::ws::RateLimit;
/// use taut_runtime::time::Instant;
///
/// taut_runtime::run(async {
///     let limit = RateLimit::new(2, Duration::from_millis(5));
///     let start = Instant::now();
///     assert!(limit.try_take().is_ok() && limit.try_take().is_ok());
///     let refused = limit.try_take().unwrap_err();
///     assert!(refused.allowed_at >= start + Duration::from_millis(5));
///     limit.take().await?; // waits
///     assert!(start.elapsed() >= Duration::from_millis(5));
///     Ok::<(), taut_runtime::Cancelled>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RateLimit(Rc<Shared>);

struct Shared {
    window: RefCell<Window>,
    /// Who waits for a permit holds it.
    line: Mutex<()>,
}

/// When the last permits were taken, and how long ago that has to be.
struct Window {
    span: Duration,
    /// For each of the last permits the time from which on it counts no more: a ring, the oldest
    /// of which is `next`.
    free_at: Box<[Instant]>,
    next: usize,
}

impl Window {
    fn take(&mut self, now: Instant) {
        self.free_at[self.next] = now + self.span;
        self.next = (self.next + 1) % self.free_at.len();
    }
}

/// A permit was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSoon {
    /// From when on there is one, where nobody else takes it.
    pub allowed_at: Instant,
}

impl RateLimit {
    /// So many permits within any span of this length; they may be taken all at once.
    ///
    /// # Panics
    ///
    /// Where there are no permits, or more than [`RATE_PERMITS_MAX`]; where `span` is zero.
    #[must_use]
    pub fn new(permits: u32, span: Duration) -> Self {
        let possible = (1..=RATE_PERMITS_MAX).contains(&permits);
        assert!(possible, "{permits} permits: a limit has 1 to {RATE_PERMITS_MAX}");
        assert!(!span.is_zero(), "a limit within no time is none");
        let free_at = vec![Instant::from_nanos(0); permits as usize].into_boxed_slice();
        let window = RefCell::new(Window { span, free_at, next: 0 });
        Self(Rc::new(Shared { window, line: Mutex::new(()) }))
    }

    /// Waits for a permit, behind those that wait already, and takes it. Dropped, it has taken none.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub async fn take(&self) -> Result<(), Cancelled> {
        self.turn().await?.take();
        Ok(())
    }

    /// Takes a permit, where that needs no wait and nobody waits for one.
    ///
    /// # Errors
    ///
    /// [`TooSoon`], with the time from which on there is one.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn try_take(&self) -> Result<(), TooSoon> {
        self.check()?;
        self.charge(1);
        Ok(())
    }

    /// From when on there is a permit, where nobody else takes it; a time that has passed where
    /// there is one now.
    #[must_use]
    pub fn allowed_at(&self) -> Instant {
        let window = self.0.window.borrow();
        window.free_at[window.next]
    }

    /// Whether a permit could be taken.
    pub(super) fn check(&self) -> Result<(), TooSoon> {
        let allowed_at = self.allowed_at();
        if self.0.line.is_locked() || allowed_at > Instant::now() {
            return Err(TooSoon { allowed_at });
        }
        Ok(())
    }

    /// Takes permits without asking, for what was done already.
    pub(super) fn charge(&self, permits: u64) {
        let now = Instant::now();
        let mut window = self.0.window.borrow_mut();
        let kept = permits.min(window.free_at.len() as u64);
        (0..kept).for_each(|_| window.take(now));
    }

    /// Waits until there is a permit that nobody else can take meanwhile.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Cancelled> {
        let line = self.0.line.lock().await?;
        while self.allowed_at() > Instant::now() {
            sleep_until(self.allowed_at()).await?;
        }
        Ok(Turn { limit: self, _line: line })
    }
}

/// A permit that waits to be taken.
pub(super) struct Turn<'a> {
    limit: &'a RateLimit,
    _line: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    pub(super) fn take(self) {
        self.limit.charge(1);
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = self.0.window.borrow();
        f.debug_struct("RateLimit")
            .field("permits", &window.free_at.len())
            .field("span", &window.span)
            .finish()
    }
}

impl fmt::Display for TooSoon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rate limit allows it later: wait with `send`, or until `allowed_at`")
    }
}

impl Error for TooSoon {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_span_ever_has_more_than_the_limit() {
        const SPAN_NS: u64 = 1000;

        // By a clock of its own: the window alone decides.
        let limit = RateLimit::new(3, Duration::from_nanos(SPAN_NS));
        let mut taken = Vec::new();
        for now_ns in (0..20_000).step_by(37).chain((20_000..40_000).step_by(411)) {
            let now = Instant::from_nanos(now_ns);
            while limit.allowed_at() <= now {
                limit.0.window.borrow_mut().take(now);
                taken.push(now_ns);
            }
        }
        assert!(taken.len() > 100, "it is used to its end");
        assert!(taken.windows(4).all(|four| four[3] - four[0] >= SPAN_NS), "{taken:?}");
    }

    #[test]
    fn those_who_wait_are_served_in_turn_and_one_who_goes_takes_nothing() {
        let runtime = taut_runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let limit = RateLimit::new(1, Duration::from_millis(2));
            let start = Instant::now();
            limit.try_take().unwrap();
            let order = Rc::new(RefCell::new(Vec::new()));
            let waiter = |name: u32| {
                let (limit, order) = (limit.clone(), Rc::clone(&order));
                taut_runtime::spawn(async move {
                    limit.take().await?;
                    order.borrow_mut().push(name);
                    Ok::<(), Cancelled>(())
                })
            };
            let waiters = [waiter(0), waiter(1), waiter(2)];
            taut_runtime::yield_now().await;
            assert!(limit.try_take().is_err(), "nobody overtakes");
            waiters[1].cancel();
            for (name, waiter) in waiters.into_iter().enumerate() {
                assert_eq!(waiter.await.unwrap().is_ok(), name != 1);
            }
            assert_eq!(*order.borrow(), [0, 2]);
            assert!(start.elapsed() >= Duration::from_millis(4));
        });
    }

    #[test]
    fn what_was_done_without_asking_counts_also_beyond_the_limit() {
        let runtime = taut_runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let limit = RateLimit::new(2, Duration::from_secs(3600));
            let now = Instant::now();
            limit.charge(u64::MAX);
            let refused = limit.try_take().unwrap_err();
            assert!(refused.allowed_at >= now + Duration::from_secs(3600));
        });
    }
}
