//! The question that every wait begins with, for futures that keep work of their own across polls.

use std::panic::Location;
use std::task::{Context, Poll};

use crate::cancelled::Cancelled;
use crate::executor::checkpoint_at;

/// Whether the wait that is polled now is to be given up: its task was cancelled, or a combinator
/// cancels this part of it. Not in a [`shield`](crate::task::shield).
///
/// For a future that polls in a shield what is to outlive its own cancel, such as a connection that
/// is being made. `Pending` means that nothing is to be changed by this poll.
///
/// # Errors
///
/// [`Cancelled`], where it is.
#[track_caller]
pub fn poll_checkpoint(context: &Context<'_>) -> Poll<Result<(), Cancelled>> {
    checkpoint_at(context, "checkpoint", Location::caller())
}
