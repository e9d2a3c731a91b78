//! A future that is stopped at each of its polls, in each of three ways, and the timers that it
//! left.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;

use taut::time::sleep;
use taut::{Runtime, is_cancelled, spawn, yield_now};

use super::tasks::micros;

/// How it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Cancel,
    Abort,
    Drop,
}

/// Polls the script so many times, then stops it; how many polls it had where it came to its end
/// before.
pub(crate) async fn stopped_after(
    script: impl Future<Output = io::Result<()>> + 'static,
    polls: u64,
    how: How,
) -> Option<u64> {
    let mut script = Box::pin(script);
    let polled = Rc::new(Cell::new(0));
    let count = Rc::clone(&polled);
    if how == How::Drop {
        let poll = poll_fn(|context| {
            if count.get() == polls {
                return Poll::Ready(None);
            }
            count.set(count.get() + 1);
            script.as_mut().poll(context).map(|outcome| outcome.ok().map(|()| count.get()))
        });
        return poll.await;
    }
    let task = spawn(poll_fn(move |context| {
        count.set(count.get() + 1);
        script.as_mut().poll(context)
    }));
    // One poll of the script for each of this task's, so it is stopped before its next.
    while polled.get() < polls && !task.is_finished() {
        yield_now().await;
    }
    match how {
        How::Cancel => drop(task.cancel()),
        _ => task.abort(),
    }
    match task.await {
        Ok(Ok(())) => return Some(polled.get()),
        Ok(Err(error)) => assert!(how == How::Cancel && is_cancelled(&error), "{error}"),
        Err(error) => assert!(how == How::Abort && error.is_aborted(), "{error}"),
    }
    None
}

/// Timers of nobody: a core that parks is woken by them. All deadlines of the script have to be
/// nearer than 200 us.
pub(crate) fn timers_left(runtime: &Runtime) -> u64 {
    let fired = || runtime.counters().timers_fired;
    let before = fired();
    runtime.block_on(async { sleep(micros(200)).await.unwrap() });
    fired() - before - 1
}
