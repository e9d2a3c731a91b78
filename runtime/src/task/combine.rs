//! `all`, `any`, `race` and `all_settled`.
//!
//! Each runs its children inside of the calling task, side by side, and returns only after every
//! one of them has ended. A child that is no longer needed is cancelled as a task is: its awaits
//! fail with [`Cancelled`](crate::Cancelled), and a task whose handle is the child is cancelled and
//! awaited. A child that had not begun by then begins cancelled. When the calling task is
//! cancelled, so are all children; when the combinator is dropped, they are dropped, where a handle
//! lets its task go on unless it says [`cancel_on_drop`](crate::JoinHandle::cancel_on_drop).

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::children::{Attempts, Children, Choice, IntoChildren};
use super::waiting::{Waiting, waiting};
use crate::executor::{Scope, current};

/// The values of all children; the first error cancels the others and is returned when they have
/// ended.
///
/// # Panics
///
/// With a child's panic, which drops the others; outside of a runtime. The same holds for the
/// other combinators.
///
/// ```
/// use std::{io, time::Duration};
/// use taut_runtime::{is_cancelled, task::all, time::sleep};
///
/// taut_runtime::run(async {
///     let (user, limit) = all((
///         async { Ok::<_, io::Error>("alice") },
///         async { sleep(Duration::from_micros(10)).await?; Ok(250) },
///     ))
///     .await?;
///     assert_eq!((user, limit), ("alice", 250));
///
///     let quotes = (1..=3).map(|venue| async move { Ok::<_, io::Error>(venue * 100) });
///     let prices = all(quotes).await?;
///     assert_eq!(prices, [100, 200, 300]);
///     Ok::<(), io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn all<Shape, G>(children: G) -> Waiting<All<G::Children>>
where
    G: IntoChildren<Shape, Children: Attempts>,
{
    waiting("all", All { run: Run::new(children) })
}

/// The first value of a child, which cancels the others and is returned when they have ended; where
/// none succeeds, every error.
///
/// A success that comes from a child after it was cancelled is dropped.
///
/// ```
/// use std::{io, time::Duration};
/// use taut_runtime::{task::any, time::sleep};
///
/// async fn fill(venue: &'static str, delay_us: u64) -> io::Result<&'static str> {
///     sleep(Duration::from_micros(delay_us)).await?;
///     if venue == "closed" { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(venue) }
/// }
///
/// taut_runtime::run(async {
///     let first = any([fill("closed", 0), fill("far", 3_000_000), fill("near", 200)]).await?;
///     assert_eq!(first, "near");
///     let failures = any([fill("closed", 0), fill("closed", 10)]).await.unwrap_err();
///     assert_eq!(failures.errors().len(), 2);
///     Ok::<(), io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn any<Shape, G>(children: G) -> Waiting<Any<G::Children>>
where
    G: IntoChildren<Shape, Children: Attempts>,
{
    waiting("any", Any { run: Run::new(children) })
}

/// The output of the child that ends first, whatever it is; it cancels the others, and is returned
/// when they have ended. Of a tuple, the output says by its variant whose it is.
///
/// For a deadline use [`timeout`](crate::time::timeout), which does not wait for the loser's end.
///
/// # Panics
///
/// Where an iterator gives no child, since that race has no end; as [`all`].
///
/// ```
/// use std::time::Duration;
/// use taut_runtime::{task::{OneOf2, race}, time::sleep};
///
/// taut_runtime::run(async {
///     let winner = race((async { "quote" }, sleep(Duration::from_secs(3600)))).await;
///     assert_eq!(winner, OneOf2::First("quote"));
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[track_caller]
pub fn race<Shape, G>(children: G) -> Waiting<Race<G::Children>>
where
    G: IntoChildren<Shape, Children: Choice>,
{
    let run = Run::new(children);
    assert!(run.children.count() > 0, "a race needs somebody who can win it");
    waiting("race", Race { run })
}

/// The outputs of all children, each as it is: no error cancels anybody.
///
/// ```
/// use taut_runtime::task::all_settled;
///
/// taut_runtime::run(async {
///     let (number, error) = all_settled((async { 7 }, async { Err::<(), _>("refused") })).await;
///     assert_eq!((number, error), (7, Err("refused")));
/// })?;
/// # Ok::<(), taut_runtime::BuildError>(())
/// ```
#[track_caller]
pub fn all_settled<Shape, G>(children: G) -> Waiting<AllSettled<G::Children>>
where
    G: IntoChildren<Shape, Children: Children>,
{
    waiting("all_settled", AllSettled { run: Run::new(children) })
}

pin_project_lite::pin_project! {
    /// The part that is the same for all combinators: runs the children to their ends, and cancels
    /// them once the outcome is decided by one.
    #[derive(Debug)]
    struct Run<C> {
        #[pin]
        children: C,
        running: usize,
        decided_by: Option<usize>,
    }
}

impl<C: Children> Run<C> {
    fn new<Shape>(children: impl IntoChildren<Shape, Children = C>) -> Self {
        let children = children.into_children();
        let running = children.count();
        Self { children, running, decided_by: None }
    }

    /// Ready when every child has ended; with the one that decided, if `decides` was true of one.
    #[inline]
    fn poll(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        decides: impl Fn(Pin<&mut C>, usize) -> bool,
    ) -> Poll<Option<usize>> {
        let mut this = self.project();
        let core = current();
        let cancelled = || core.attention.enter(Scope::Cancelled);
        let mut scope = this.decided_by.map(|_| cancelled());
        let count = this.children.count();
        let (mut index, mut left) = (0, count);
        // Once it is decided, every child is polled again, to be told.
        while left > 0 && *this.running > 0 {
            if this.children.as_mut().poll_child(index, context) {
                *this.running -= 1;
                if scope.is_none() && decides(this.children.as_mut(), index) {
                    *this.decided_by = Some(index);
                    scope = Some(cancelled());
                    core.part_cancelled();
                    left = count;
                }
            }
            left -= 1;
            index = if index + 1 == count { 0 } else { index + 1 };
        }
        match *this.running {
            0 => Poll::Ready(*this.decided_by),
            _ => Poll::Pending,
        }
    }
}

macro_rules! combinators {
    ($($(#[$doc:meta])+ $name:ident,)+) => {$(
        pin_project_lite::pin_project! {
            $(#[$doc])+
            #[derive(Debug)]
            #[must_use = "futures do nothing unless awaited"]
            pub struct $name<C> {
                #[pin]
                run: Run<C>,
            }
        }
    )+};
}

combinators! {
    /// The future of [`all`].
    All,
    /// The future of [`any`].
    Any,
    /// The future of [`race`].
    Race,
    /// The future of [`all_settled`].
    AllSettled,
}

impl<C: Attempts> Future for All<C> {
    type Output = Result<C::Values, C::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut run = self.project().run;
        let decided = std::task::ready!(run.as_mut().poll(context, C::has_failed));
        let children = run.project().children;
        Poll::Ready(match decided {
            Some(failed) => Err(children.take_error(failed)),
            None => Ok(children.take_values()),
        })
    }
}

impl<C: Attempts> Future for Any<C> {
    type Output = Result<C::Value, AnyError<C::Error>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut run = self.project().run;
        let succeeded = |children: Pin<&mut C>, index| !children.has_failed(index);
        let decided = std::task::ready!(run.as_mut().poll(context, succeeded));
        let mut children = run.project().children;
        Poll::Ready(match decided {
            Some(succeeded) => Ok(children.take_value(succeeded)),
            None => {
                let indices = 0..children.count();
                let errors = indices.map(|index| children.as_mut().take_error(index)).collect();
                Err(AnyError { errors })
            }
        })
    }
}

impl<C: Choice> Future for Race<C> {
    type Output = C::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut run = self.project().run;
        let decided = std::task::ready!(run.as_mut().poll(context, |_, _| true));
        let winner = decided.expect("a race has at least one child, and the first end decides");
        Poll::Ready(run.project().children.take_output(winner))
    }
}

impl<C: Children> Future for AllSettled<C> {
    type Output = C::Outputs;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut run = self.project().run;
        std::task::ready!(run.as_mut().poll(context, |_, _| false));
        Poll::Ready(run.project().children.take_outputs())
    }
}

/// No child of an [`any`] succeeded: the error of each, in the order of the children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyError<E> {
    errors: Vec<E>,
}

impl<E> AnyError<E> {
    /// The errors, in the order of the children.
    pub fn errors(&self) -> &[E] {
        &self.errors
    }

    /// The errors, in the order of the children.
    pub fn into_errors(self) -> Vec<E> {
        self.errors
    }
}

impl<E: fmt::Display> fmt::Display for AnyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} attempts failed", self.errors.len())?;
        for (index, error) in self.errors.iter().enumerate() {
            write!(f, "{} {index}: {error}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// The source is the last error.
impl<E: Error + 'static> Error for AnyError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors.last().map(|error| error as _)
    }
}

/// The kind is that of the last error.
impl From<AnyError<Self>> for io::Error {
    fn from(failures: AnyError<Self>) -> Self {
        let kind = failures.errors.last().map_or(io::ErrorKind::Other, Self::kind);
        Self::new(kind, failures)
    }
}
