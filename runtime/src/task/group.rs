//! Tasks that belong together, while their number changes.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use super::waiting::waiting;
use crate::executor::{Errand, JoinError, JoinHandle, Tidy, WakeList, contain, spawn, try_current};
use crate::slots::{Key, Slots};

/// A set of tasks that are awaited and cancelled together; tasks may be added at any time.
///
/// A task leaves the group by itself when it ends. Its output waits for [`next`](Self::next), so
/// a group whose outputs nobody takes is made by [`discarding`](Self::discarding): a server that
/// adds a task for each connection would else keep an output for each.
///
/// Dropping the group cancels its tasks. They die in the background, and are counted by
/// [`Counters::tasks_orphaned`](crate::Counters::tasks_orphaned): await [`wait`](Self::wait) first
/// where none may outlive the group.
///
/// ```
/// use std::time::Duration;
/// use taut_runtime::{task::TaskGroup, time::sleep};
///
/// taut_runtime::run(async {
///     let group = TaskGroup::new();
///     for delay_us in [300, 100, 200] {
///         let pause = sleep(Duration::from_micros(delay_us));
///         group.add(async move { pause.await.map(|()| delay_us) });
///     }
///     let mut ended = Vec::new();
///     while let Some(outcome) = group.next().await {
///         ended.push(outcome??);
///     }
///     ended.sort();
///     assert_eq!(ended, [100, 200, 300]);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TaskGroup<T: 'static = ()> {
    state: Rc<State<T>>,
}

struct State<T: 'static> {
    /// Without its handle only while the task is being spawned.
    members: RefCell<Slots<Option<JoinHandle<T>>>>,
    /// Members whose future is gone, in the order of their ends.
    ended: RefCell<VecDeque<Key>>,
    waiters: WakeList,
    cancelled: Cell<bool>,
    discards: bool,
    /// The first panic of a member whose output was discarded.
    panic: RefCell<Option<JoinError>>,
}

impl<T> TaskGroup<T> {
    /// An empty group that keeps each output until [`next`](Self::next) takes it.
    pub fn new() -> Self {
        Self::with(false)
    }

    /// An empty group that drops outputs as they come, in the turn of a member's end. The first
    /// panic is kept for [`wait`](Self::wait).
    pub fn discarding() -> Self {
        Self::with(true)
    }

    fn with(discards: bool) -> Self {
        let state = State {
            members: RefCell::new(Slots::new(u32::MAX)),
            ended: RefCell::default(),
            waiters: WakeList::default(),
            cancelled: Cell::new(false),
            discards,
            panic: RefCell::new(None),
        };
        Self { state: Rc::new(state) }
    }

    /// Runs a future as a task of the group; in a cancelled group it begins cancelled.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn add(&self, future: impl Future<Output = T> + 'static) {
        self.spawn(future, |handle| handle);
    }

    /// As [`add`](Self::add), with a name for dumps.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn add_named(&self, name: impl Into<Rc<str>>, future: impl Future<Output = T> + 'static) {
        self.spawn(future, |handle| handle.named(name));
    }

    #[track_caller]
    fn spawn(
        &self,
        future: impl Future<Output = T> + 'static,
        name: impl FnOnce(JoinHandle<T>) -> JoinHandle<T>,
    ) {
        self.state.discard();
        let Ok(key) = self.state.members.borrow_mut().insert(None) else {
            panic!("4 billion tasks would need terabytes");
        };
        let membership = Membership { state: Rc::downgrade(&self.state), key };
        let handle = name(spawn(Member { future, membership }));
        if self.state.cancelled.get() {
            handle.cancel();
        }
        if let Some(member) = self.state.members.borrow_mut().get_mut(key) {
            *member = Some(handle);
        }
    }

    /// Tasks that have not ended.
    pub fn len(&self) -> usize {
        self.state.members.borrow().len() - self.state.ended.borrow().len()
    }

    /// Whether every task has ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks every task to stop, also those added later. See [`JoinHandle::cancel`].
    pub fn cancel(&self) {
        self.state.cancelled.set(true);
        self.state.each_member(|handle| {
            handle.cancel();
        });
    }

    /// Whether the group was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.state.cancelled.get()
    }

    /// The outcome of the next task that ends, in the order of their ends; `None` once the group is
    /// empty.
    ///
    /// Cancel-safe. When the calling task is cancelled so is the group, and the outcomes of its
    /// tasks follow as they end. A [discarding](Self::discarding) group has no outcomes to give: it
    /// waits like [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// A [`JoinError`] where the task panicked.
    #[track_caller]
    pub fn next(&self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        waiting("next of a task group", poll_fn(|context| self.poll_next(context)))
    }

    /// As [`next`](Self::next).
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.state.discard();
        if let Some(handle) = self.state.take_ended() {
            return Poll::Ready(Some(handle.into_outcome()));
        }
        if self.state.members.borrow().len() == 0 {
            return Poll::Ready(None);
        }
        self.state.waiters.register(context);
        if let Some(core) = try_current()
            && core.attention.is_interrupted()
        {
            self.interrupted(core.attention.is_tracing());
        }
        Poll::Pending
    }

    /// The waiting task was cancelled, and passes it on; or a dump is taken.
    #[cold]
    fn interrupted(&self, tracing: bool) {
        match tracing {
            true => self.state.each_member(JoinHandle::note_join),
            false => self.cancel(),
        }
    }

    /// Waits until every task has ended, and drops their outputs.
    ///
    /// Cancel-safe. When the calling task is cancelled so is the group, and this still waits for
    /// its tasks' ends.
    ///
    /// # Errors
    ///
    /// The [`JoinError`] of the first task that panicked, after all have ended.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = Result<(), JoinError>> {
        waiting("end of a task group", async {
            while let Some(outcome) = poll_fn(|context| self.poll_next(context)).await {
                self.state.note_panic(outcome);
            }
            self.state.panic.take().map_or(Ok(()), Err)
        })
    }
}

impl<T> State<T> {
    /// The handle of the member that ended first.
    fn take_ended(&self) -> Option<JoinHandle<T>> {
        let key = *self.ended.borrow().front()?;
        let mut members = self.members.borrow_mut();
        // A member's future is gone a moment before its output is there.
        if !members.get_mut(key)?.as_ref()?.is_finished() {
            return None;
        }
        self.ended.borrow_mut().pop_front();
        members.remove(key)?
    }

    /// Drops the outputs that came, where nobody wants them.
    fn discard(&self) {
        while self.discards
            && let Some(handle) = self.take_ended()
        {
            self.note_panic(handle.into_outcome());
        }
    }

    /// Keeps the first panic and drops anything else, whose own panics nobody could be told.
    fn note_panic(&self, outcome: Result<T, JoinError>) {
        match outcome {
            Err(error) if self.panic.borrow().is_none() => {
                self.panic.replace(Some(error));
            }
            outcome => contain(|| drop(outcome)),
        }
    }

    fn each_member(&self, tell: impl Fn(&JoinHandle<T>)) {
        let mut members = self.members.borrow_mut();
        for handle in members.values_mut().flatten() {
            tell(handle);
        }
    }
}

impl<T> Tidy for State<T> {
    fn tidy(&self) {
        self.discard();
    }
}

impl<T> Default for TaskGroup<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for TaskGroup<T> {
    fn drop(&mut self) {
        self.cancel();
        if let Some(core) = try_current() {
            core.counters.tasks_orphaned.add(self.len() as u64);
        }
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("len", &self.len())
            .field("cancelled", &self.is_cancelled())
            .finish()
    }
}

pin_project_lite::pin_project! {
    /// A member's future, and then what tells the group that it is gone.
    struct Member<F, T: 'static> {
        #[pin]
        future: F,
        membership: Membership<T>,
    }
}

impl<F: Future, T> Future for Member<F, T> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(context)
    }
}

struct Membership<T: 'static> {
    state: Weak<State<T>>,
    key: Key,
}

impl<T> Drop for Membership<T> {
    fn drop(&mut self) {
        if let Some(state) = self.state.upgrade() {
            state.ended.borrow_mut().push_back(self.key);
            state.waiters.fire();
            // The output is there a moment later.
            if state.discards
                && let Some(core) = try_current()
            {
                core.defer(Errand::Tidy(state));
            }
        }
    }
}
