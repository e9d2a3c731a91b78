//! A core's inbox for work, and the task that serves it.

use std::fmt;
use std::sync::Arc;

use super::handle::CoreHandle;
use crate::cancelled::Cancelled;
use crate::channel::shared;
use crate::executor::Lane;

/// Work on its way to its core; to be called there.
pub(super) type Job = Box<dyn FnOnce(Lane) + Send>;

/// Makes a core's inbox with room for so many pieces of work that wait, and a handle to it. The
/// name is what errors call the core.
///
/// ```
/// use taut_runtime::cores::reception;
///
/// let (feed, inbox) = reception("feed", 64);
/// let core = std::thread::spawn(move || taut_runtime::run(inbox.serve()));
/// let sum = taut_runtime::run(async {
///     let work = || async {
///         let local = std::rc::Rc::new(40); // never leaves its core
///         *local + 2
///     };
///     feed.submit(work).await
/// });
/// assert_eq!(sum??, 42);
/// drop(feed); // the last handle: the reception ends
/// core.join().unwrap()??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// Where `capacity` is zero.
#[track_caller]
pub fn reception(name: impl Into<Arc<str>>, capacity: usize) -> (CoreHandle, Reception) {
    let (handles, inbox) = shared::channel(capacity);
    (CoreHandle::new(handles, name.into()), Reception { inbox })
}

/// The receiving side of a [`CoreHandle`]: runs on its core what comes in.
///
/// It may be sent to the core's thread. Where it is dropped, what waits in it is dropped there, and
/// those who wait for its results are told that the core has ended.
pub struct Reception {
    inbox: shared::Receiver<Job>,
}

impl Reception {
    /// Makes a task, in the hot lane, of each piece of work, in the order in which they come. Ends
    /// when all handles are gone.
    ///
    /// The tasks are the runtime's: they go on when this ends, and end with the runtime at the
    /// latest.
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::Cancelled) where the task that serves was asked to stop.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn serve(self) -> impl Future<Output = Result<(), Cancelled>> {
        self.serve_in(Lane::Hot)
    }

    /// As [`serve`](Self::serve), with tasks of the background lane: for a core whose own work
    /// comes first. To have the reception itself there, too, spawn it by
    /// [`spawn_background`](crate::spawn_background).
    ///
    /// # Errors
    ///
    /// As for [`serve`](Self::serve).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn serve_in_background(self) -> impl Future<Output = Result<(), Cancelled>> {
        self.serve_in(Lane::Background)
    }

    async fn serve_in(self, lane: Lane) -> Result<(), Cancelled> {
        loop {
            match self.inbox.recv().await {
                Ok(job) => job(lane),
                Err(shared::RecvError::Cancelled) => return Err(Cancelled),
                Err(_) => return Ok(()),
            }
        }
    }
}

impl fmt::Debug for Reception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reception").field("waiting", &self.inbox.len()).finish_non_exhaustive()
    }
}
