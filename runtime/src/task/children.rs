//! What the combinators run: a tuple of different futures, or the futures of an iterator.
//!
//! The combinators are written once, over [`Children`] by index. A tuple keeps its children in
//! place and allocates nothing; those of an iterator share one allocation. Each wake polls every
//! child that has not ended: for hundreds of them there is [`TaskGroup`](super::TaskGroup), which
//! costs the same whatever their number.

use std::pin::Pin;
use std::task::Context;

use super::branch::Branch;

/// Children of a combinator, by index.
pub trait Children {
    /// All outputs: a tuple, or a `Vec`.
    type Outputs;

    /// How many there are.
    fn count(&self) -> usize;

    /// Polls a child unless it has ended; whether it ended by this poll.
    fn poll_child(self: Pin<&mut Self>, index: usize, context: &mut Context<'_>) -> bool;

    /// The outputs of children that have all ended.
    fn take_outputs(self: Pin<&mut Self>) -> Self::Outputs;
}

/// Children of which one output is chosen.
pub trait Choice: Children {
    /// The output of one child: of a tuple, a [`OneOf2`](super::OneOf2) and so on.
    type Output;

    /// The output of a child that has ended.
    fn take_output(self: Pin<&mut Self>, index: usize) -> Self::Output;
}

/// Children that succeed or fail, all with the same type of error.
pub trait Attempts: Children {
    /// All values: a tuple, or a `Vec`.
    type Values;
    /// The value of one child: of a tuple, a [`OneOf2`](super::OneOf2) and so on.
    type Value;
    /// The error of any child.
    type Error;

    /// Whether a child has ended, and with an error.
    fn has_failed(self: Pin<&mut Self>, index: usize) -> bool;

    /// The values of children that have all succeeded.
    fn take_values(self: Pin<&mut Self>) -> Self::Values;

    /// The value of a child that has succeeded.
    fn take_value(self: Pin<&mut Self>, index: usize) -> Self::Value;

    /// The error of a child that has failed.
    fn take_error(self: Pin<&mut Self>, index: usize) -> Self::Error;
}

/// What can be given to a combinator: a tuple of two to eight futures, or whatever iterates over
/// futures of one type. Task handles are futures, too.
///
/// `Shape` tells the two apart and is always inferred.
pub trait IntoChildren<Shape> {
    /// The children that it becomes.
    type Children;

    /// Makes the children, which have not begun then.
    fn into_children(self) -> Self::Children;
}

/// The [shape](IntoChildren) of iterators.
#[derive(Debug)]
pub struct Iterated;

impl<I> IntoChildren<Iterated> for I
where
    I: IntoIterator<Item: IntoFuture>,
{
    type Children = List<<I::Item as IntoFuture>::IntoFuture>;

    fn into_children(self) -> Self::Children {
        let branches = self.into_iter().map(|child| Branch::new(child.into_future()));
        List(Box::into_pin(branches.collect::<Box<[_]>>()))
    }
}

/// Children of one type.
#[derive(Debug)]
pub struct List<F: Future>(Pin<Box<[Branch<F>]>>);

impl<F: Future> List<F> {
    fn branch(&mut self, index: usize) -> Pin<&mut Branch<F>> {
        // SAFETY: an element of a pinned slice is pinned: nothing moves it out of the box.
        unsafe { self.0.as_mut().map_unchecked_mut(|branches| &mut branches[index]) }
    }

    fn take_each<T>(&mut self, take: impl Fn(Pin<&mut Branch<F>>) -> T) -> Vec<T> {
        (0..self.0.len()).map(|index| take(self.branch(index))).collect()
    }
}

impl<F: Future> Children for List<F> {
    type Outputs = Vec<F::Output>;

    fn count(&self) -> usize {
        self.0.len()
    }

    fn poll_child(self: Pin<&mut Self>, index: usize, context: &mut Context<'_>) -> bool {
        self.get_mut().branch(index).poll(context)
    }

    fn take_outputs(self: Pin<&mut Self>) -> Self::Outputs {
        self.get_mut().take_each(Branch::take)
    }
}

impl<F: Future> Choice for List<F> {
    type Output = F::Output;

    fn take_output(self: Pin<&mut Self>, index: usize) -> F::Output {
        self.get_mut().branch(index).take()
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Attempts for List<F> {
    type Values = Vec<T>;
    type Value = T;
    type Error = E;

    fn has_failed(self: Pin<&mut Self>, index: usize) -> bool {
        self.get_mut().branch(index).has_failed()
    }

    fn take_values(self: Pin<&mut Self>) -> Vec<T> {
        self.get_mut().take_each(Branch::take_value)
    }

    fn take_value(self: Pin<&mut Self>, index: usize) -> T {
        self.get_mut().branch(index).take_value()
    }

    fn take_error(self: Pin<&mut Self>, index: usize) -> E {
        self.get_mut().branch(index).take_error()
    }
}
