//! Runtimes on threads of their own, as the other cores of a test.

use std::thread::{self, JoinHandle};

use taut::Builder;
use taut::cores::{CoreHandle, reception};

use super::block_on;
use super::cores::small;

/// Runs a future, made there, on a runtime of a thread of its own.
pub(crate) fn on_thread<F, R>(builder: &Builder, make: F) -> JoinHandle<R::Output>
where
    F: FnOnce() -> R + Send + 'static,
    R: Future,
    R::Output: Send + 'static,
{
    let builder = small(builder.clone());
    thread::spawn(move || block_on(builder, async { make().await }))
}

/// A core that does what is submitted to it, until all handles are gone.
pub(crate) struct Other {
    pub(crate) handle: CoreHandle,
    thread: JoinHandle<()>,
}

impl Other {
    pub(crate) fn start(builder: &Builder, capacity: usize) -> Self {
        let (handle, inbox) = reception("other", capacity);
        let thread = on_thread(builder, || async { inbox.serve().await.unwrap() });
        Self { handle, thread }
    }

    /// The thread has ended when this returns.
    pub(crate) fn end(self) {
        drop(self.handle);
        self.thread.join().unwrap();
    }
}

/// Runs a body on one core that has another one beside it.
pub(crate) fn beside<R>(builder: &Builder, capacity: usize, body: impl FnOnce(CoreHandle) -> R)
where
    R: Future<Output = ()>,
{
    let other = Other::start(builder, capacity);
    block_on(small(builder.clone()), body(other.handle.clone()));
    other.end();
}
