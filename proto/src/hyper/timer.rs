//! The core's timers as hyper's.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use send_wrapper::SendWrapper;
use taut_runtime::time;

/// Gives hyper the timers of the core that it runs on: header time-outs, keep-alive of HTTP/2.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(SendWrapper::new(time::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

/// On the thread that made it; see the module's documentation.
struct Sleep(SendWrapper<time::Sleep>);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // A cancelled task's time is up, too: hyper then ends what it waited for.
        Pin::new(&mut *self.0).poll(context).map(drop)
    }
}

impl hyper::rt::Sleep for Sleep {}
