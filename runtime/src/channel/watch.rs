//! The latest value, for whoever wants to know it: settings, a best price, a state.
//!
//! Senders store a value in place of the one before; receivers see the latest, and can wait for one
//! that they have not seen. Values in between are skipped.
//!
//! What [`borrow`](Receiver::borrow) gives is a handle onto the value of that moment: however long
//! it is held, and whatever is sent meanwhile, it stays as it is and is in nobody's way. So no call
//! here panics or waits because another one is under way.
//!
//! The channel is closed for receivers when the last [`Sender`] is gone, and for senders while
//! there is no [`Receiver`]. Values lie in blocks of the core's pool: storing one allocates nothing
//! once the pool is warm.
//!
//! ```
//! use taut_runtime::channel::watch;
//! use taut_runtime::spawn;
//!
//! taut_runtime::run(async {
//!     let (limit, mut limits) = watch::channel(100);
//!     let seen = spawn(async move {
//!         limits.changed().await?;
//!         Ok::<_, watch::RecvError>(*limits.borrow_and_update())
//!     });
//!     limit.send(250).expect("somebody listens");
//!     assert_eq!(seen.await?, Ok(250));
//!     Ok::<(), taut_runtime::JoinError>(())
//! })??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use super::audience::Audience;
pub use super::error::{RecvError, SendError};
use super::gate::Goods;
use super::news::News;
use crate::cancelled::Cancelled;
use crate::executor::{Pooled, checkpoint};
use crate::sync::Acquire;
use crate::task::waiting;

/// Makes a channel that holds `initial`, which its receiver counts as seen.
pub fn channel<T>(initial: T) -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Shared {
        value: RefCell::new(Pooled::new(initial)),
        news: News::new(),
        senders: Cell::new(1),
        audience: Audience::new(),
    });
    let receiver = Receiver::new(&shared);
    (Sender { shared }, receiver)
}

struct Shared<T> {
    /// Borrowed only to copy or to replace the handle.
    value: RefCell<Pooled<T>>,
    /// Their count is the version of the value.
    news: News<Changes>,
    senders: Cell<usize>,
    audience: Audience,
}

/// New values, which receivers wait for.
struct Changes;

impl Goods for Changes {
    const WAIT: &'static str = "watch changed";
}

impl<T> Shared<T> {
    fn latest(&self) -> Ref<T> {
        Ref(self.value.borrow().clone())
    }

    fn store(&self, value: T) {
        let before = self.value.replace(Pooled::new(value));
        self.news.add();
        drop(before);
    }
}

/// A value of the channel, as it was when asked for. Holding it keeps that value alive, and is in
/// nobody's way.
pub struct Ref<T>(Pooled<T>);

impl<T> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The sending end of a [`channel`].
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Stores a value in place of the one before, and tells all receivers. Never waits.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] while there is no receiver; the value comes back and is not stored.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError::Closed(value));
        }
        self.shared.store(value);
        Ok(())
    }

    /// Stores a changed copy of the value, and tells all receivers; also while there are none, for
    /// those who [`subscribe`](Self::subscribe) later.
    ///
    /// A panic of `change` leaves the value as it was.
    pub fn send_modify(&self, change: impl FnOnce(&mut T))
    where
        T: Clone,
    {
        let mut value = T::clone(&self.borrow());
        change(&mut value);
        self.shared.store(value);
    }

    /// The latest value.
    pub fn borrow(&self) -> Ref<T> {
        self.shared.latest()
    }

    /// One more receiver, which counts the latest value as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.audience.enter();
        Receiver::new(&self.shared)
    }

    /// Receivers that there are now.
    pub fn receiver_count(&self) -> usize {
        self.shared.audience.count()
    }

    /// Whether there is no receiver now.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] where the task was asked to stop.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = Result<(), Cancelled>> {
        let end = Acquire::new(&self.shared.audience, ());
        async move { end.await.map(drop) }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Self { shared: Rc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let left = self.shared.senders.get() - 1;
        self.shared.senders.set(left);
        if left == 0 {
            self.shared.news.close();
        }
    }
}

/// The receiving end of a [`channel`]; each has seen its own part of what was sent.
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
    seen: u64,
}

impl<T> Receiver<T> {
    /// The audience was told of it before.
    fn new(shared: &Rc<Shared<T>>) -> Self {
        Self { shared: Rc::clone(shared), seen: shared.news.count() }
    }

    /// The latest value; whether it counts as seen does not change.
    pub fn borrow(&self) -> Ref<T> {
        self.shared.latest()
    }

    /// The latest value, which now counts as seen.
    pub fn borrow_and_update(&mut self) -> Ref<T> {
        self.seen = self.shared.news.count();
        self.shared.latest()
    }

    /// Whether there is a value that was not seen.
    pub fn has_changed(&self) -> bool {
        self.shared.news.count() != self.seen
    }

    /// Whether no sender is left. A value that was not seen may still be there.
    pub fn is_closed(&self) -> bool {
        self.shared.news.is_closed()
    }

    /// Waits until there is a value that was not seen, which now counts as seen.
    ///
    /// Cancel-safe: where it is dropped before it is done, nothing counts as seen.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] where all was seen and no sender is left, [`RecvError::Cancelled`]
    /// where the task was asked to stop.
    #[track_caller]
    pub fn changed(&mut self) -> impl Future<Output = Result<(), RecvError>> {
        let Self { shared, seen } = self;
        let shared: &Shared<T> = shared;
        let news = Acquire::new(&shared.news, *seen);
        async move {
            news.await?;
            let version = shared.news.count();
            if std::mem::replace(seen, version) == version {
                return Err(RecvError::Closed);
            }
            Ok(())
        }
    }

    /// Waits until the latest value is one that is `wanted`, and gives it; it now counts as seen.
    /// Where that is so at once, it does not matter whether the value was seen, or a sender is
    /// left.
    ///
    /// Cancel-safe, but values that were looked at count as seen.
    ///
    /// # Errors
    ///
    /// As for [`changed`](Self::changed).
    #[track_caller]
    pub fn wait_for(
        &mut self,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> impl Future<Output = Result<Ref<T>, RecvError>> {
        const WHAT: &str = "watch wait_for";
        let begin = checkpoint(WHAT, Location::caller());
        waiting(WHAT, async move {
            begin.await?;
            loop {
                let value = self.borrow_and_update();
                if wanted(&value) {
                    return Ok(value);
                }
                self.changed().await?;
            }
        })
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.audience.enter();
        Self { shared: Rc::clone(&self.shared), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.audience.leave();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let receivers = self.receiver_count();
        f.debug_struct("Sender").field("receivers", &receivers).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("has_changed", &self.has_changed())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
