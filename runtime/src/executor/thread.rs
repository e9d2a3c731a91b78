//! Waiting on a plain thread for what tasks wait for, too.

use std::cell::OnceCell;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::core::try_current;

/// Ends the sleep of a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// The waker of this thread; made once, or each time where the thread is about to end.
fn own_waker() -> Waker {
    thread_local! {
        static OWN: OnceCell<Waker> = const { OnceCell::new() };
    }
    let make = || Waker::from(Arc::new(Unpark(thread::current())));
    OWN.try_with(|own| own.get_or_init(make).clone()).unwrap_or_else(|_| make())
}

/// Runs a future on this thread, which sleeps meanwhile; `None` where the time was up before. A
/// time too far away to be told is no limit.
///
/// # Panics
///
/// On a thread that runs a core just now: everything on that core would stand still.
#[track_caller]
pub(crate) fn block_on<F>(future: &mut F, limit: Option<Duration>) -> Option<F::Output>
where
    F: Future + Unpin,
{
    assert!(
        try_current().is_none(),
        "this would block the core that runs on this thread: use the form that is awaited"
    );
    // Plain threads have no core, and so no clock of one.
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let waker = own_waker();
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = std::pin::Pin::new(&mut *future).poll(&mut context) {
            return Some(output);
        }
        let Some(deadline) = deadline else {
            thread::park();
            continue;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}
