//! Asking code to stop that is no task, from anywhere.

use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use crate::cancelled::Cancelled;
use crate::executor::{ForeignWait, Scope, try_current};
use crate::slots::{Key, Slots};

/// A switch that is thrown once: tasks wait for it, loops ask it, futures run under it.
///
/// Clones share the switch; [`child`](Self::child) makes one that is thrown with this one, or by
/// itself. It may be thrown from any thread: for a shutdown that reaches several cores, and for
/// code that holds no [`JoinHandle`](crate::JoinHandle). Costs a lock when waited for or thrown,
/// and one load when asked.
///
/// ```
/// use std::time::Duration;
/// use taut_runtime::{is_cancelled, task::CancelToken, time::sleep};
///
/// taut_runtime::run(async {
///     let token = CancelToken::new();
///     let from_outside = token.clone();
///     std::thread::spawn(move || from_outside.cancel());
///     let error = token.run(sleep(Duration::from_secs(3600))).await.unwrap_err();
///     assert!(is_cancelled(&error));
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    links: Mutex<Links>,
}

#[derive(Debug)]
struct Links {
    waiting: Slots<Waker>,
    children: Vec<Weak<Shared>>,
}

impl Default for Links {
    fn default() -> Self {
        Self { waiting: Slots::new(u32::MAX), children: Vec::new() }
    }
}

impl CancelToken {
    /// A switch that is not thrown.
    pub fn new() -> Self {
        Self::default()
    }

    /// A switch that is thrown when this one is, and that can be thrown alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let child = Self::new();
        let mut links = self.shared.links();
        if self.is_cancelled() {
            child.shared.cancelled.store(true, Ordering::Release);
        }
        if links.children.len() == links.children.capacity() {
            links.children.retain(|child| child.strong_count() > 0);
            // Room for as many again, or the next one would look through all of them, too.
            let alive = links.children.len();
            links.children.reserve(alive + 1);
        }
        links.children.push(Arc::downgrade(&child.shared));
        drop(links);
        child
    }

    /// Throws the switch, and those of all children. From any thread; again is no change.
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// Whether the switch was thrown.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::Acquire)
    }

    /// Fails once the switch is thrown, with the error to pass on.
    ///
    /// # Errors
    ///
    /// [`Cancelled`], once it is.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Waits until the switch is thrown. Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the waiting task itself was asked to stop before the switch was thrown.
    #[track_caller]
    pub fn cancelled(&self) -> UntilCancelled {
        UntilCancelled {
            shared: Arc::clone(&self.shared),
            waiting: None,
            foreign: ForeignWait::default(),
            location: Location::caller(),
        }
    }

    /// Runs a future that is cancelled, as a task would be, when the switch is thrown: its awaits
    /// then fail with [`Cancelled`], and it ends with an output of its own.
    #[track_caller]
    pub fn run<F: IntoFuture>(&self, future: F) -> RunUnder<F::IntoFuture> {
        RunUnder { future: future.into_future(), thrown: self.cancelled(), told: false }
    }
}

impl Shared {
    /// No code of others runs while this lock is held, and so no panic.
    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Throws this switch and then those below it, one after the other: a line of children may be
    /// longer than the stack.
    fn cancel(&self) {
        let mut below = self.throw();
        while let Some(next) = below.pop() {
            if let Some(child) = next.upgrade() {
                below.append(&mut child.throw());
            }
        }
    }

    /// Throws this switch alone; the children.
    fn throw(&self) -> Vec<Weak<Self>> {
        let links = {
            let mut links = self.links();
            if self.cancelled.swap(true, Ordering::AcqRel) {
                return Vec::new();
            }
            std::mem::take(&mut *links)
        };
        links.waiting.into_values().for_each(Waker::wake);
        links.children
    }

    /// Remembers whom to wake; false where the switch was thrown.
    fn wait(&self, waiting: &mut Option<Key>, context: &Context<'_>) -> bool {
        // Cloned before, and the old one dropped after: a foreign waker's code may do anything.
        let mut waker = context.waker().clone();
        let mut links = self.links();
        if self.cancelled.load(Ordering::Acquire) {
            return false;
        }
        match waiting.and_then(|key| links.waiting.get_mut(key)) {
            Some(known) => std::mem::swap(known, &mut waker),
            None => *waiting = links.waiting.insert(waker).ok(),
        }
        true
    }

    fn forget(&self, waiting: &mut Option<Key>) {
        if let Some(key) = waiting.take() {
            // Outside of the lock, since a foreign waker's destructor may run any code.
            let waker = self.links().waiting.remove(key);
            drop(waker);
        }
    }
}

/// The future of [`CancelToken::cancelled`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct UntilCancelled {
    shared: Arc<Shared>,
    waiting: Option<Key>,
    foreign: ForeignWait,
    location: &'static Location<'static>,
}

impl UntilCancelled {
    fn poll_thrown(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.shared.cancelled.load(Ordering::Acquire)
            || !self.shared.wait(&mut self.waiting, context)
        {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Whether the switch was thrown, for the outermost future of a task: its waker never changes,
    /// so once it is known, a poll costs one load.
    pub(crate) fn is_thrown_for_task(&mut self, context: &Context<'_>) -> bool {
        match self.waiting {
            Some(_) => self.shared.cancelled.load(Ordering::Acquire),
            None => self.poll_thrown(context).is_ready(),
        }
    }
}

impl Future for UntilCancelled {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.poll_thrown(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.foreign.note(context);
        if let Some(core) = try_current() {
            ready!(core.checkpoint_at(context, "cancel of a token", self.location))?;
        }
        Poll::Pending
    }
}

impl Drop for UntilCancelled {
    fn drop(&mut self) {
        self.shared.forget(&mut self.waiting);
    }
}

pin_project_lite::pin_project! {
    /// The future of [`CancelToken::run`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct RunUnder<F> {
        #[pin]
        future: F,
        thrown: UntilCancelled,
        told: bool,
    }
}

impl<F: Future> Future for RunUnder<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // First, so that a switch thrown while the future runs has somebody to wake.
        let thrown = this.thrown.poll_thrown(context).is_ready();
        match try_current() {
            Some(core) if thrown => {
                if !std::mem::replace(this.told, true) {
                    core.part_cancelled();
                }
                let _cancelled = core.attention.enter(Scope::Cancelled);
                this.future.poll(context)
            }
            _ => this.future.poll(context),
        }
    }
}
