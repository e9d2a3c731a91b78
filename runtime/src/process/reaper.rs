//! Children that nobody waits for: reaped when they exit, so that none stays behind as a zombie.
//!
//! A task of the runtime waits for each. Where that task ends before the child, because its runtime
//! does, the child goes to a list of the process, which every spawn of any runtime looks through.
//! Invariant: such a child is in exactly one of the two places, until it is reaped.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::pidfd;
use crate::executor::Lane;
use crate::io::{Interest, Source};
use crate::task::waiting;

/// Children whose runtime has ended.
static LEFT_OVER: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());

/// Reaps a child as soon as it exits.
pub(super) fn adopt(child: Source) {
    let unwaited = Unwaited(child);
    if unwaited.is_done() {
        return;
    }
    let core = Rc::clone(unwaited.0.core());
    let reap = async move {
        // A failure (a full operation table, say) leaves the child to the list.
        let _ = unwaited.0.ready(Interest::Readable).await;
    };
    drop(core.spawn(waiting("exit of a child that was dropped", reap), Lane::Background));
}

/// Reaps those of the list that have exited.
pub(super) fn sweep() {
    left_over().retain(|child| is_running(child));
}

/// Leaves a child to the list.
pub(super) fn leave(child: OwnedFd) {
    left_over().push(child);
}

struct Unwaited(Source);

impl Unwaited {
    fn is_done(&self) -> bool {
        !is_running(&self.0)
    }
}

impl Drop for Unwaited {
    fn drop(&mut self) {
        if self.is_done() {
            return;
        }
        // Where no descriptor is left, the child stays a zombie until this process ends.
        if let Ok(child) = self.0.as_fd().try_clone_to_owned() {
            leave(child);
        }
    }
}

/// Reaps a child that has exited. One that another has reaped runs no more, either.
fn is_running(child: impl AsFd) -> bool {
    matches!(pidfd::reap(child), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// A panic never happens while the list is locked, so it is always whole.
fn left_over() -> MutexGuard<'static, Vec<OwnedFd>> {
    LEFT_OVER.lock().unwrap_or_else(PoisonError::into_inner)
}
