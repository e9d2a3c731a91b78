//! The role `micro`: answers each line `WORK BATCHES OPERATIONS` of stdin with the wall time of
//! each batch in ns.
//!
//! A batch is timed inside of the task that runs it, so neither the start of a runtime nor the
//! reading of stdin is in a figure; nothing dynamic stands between the executor and the work.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, BufRead};
use std::task::{Context, Poll};
use std::time::Instant;

use serde_json::json;

use super::{About, announce, fail, print_line, require};

/// Runs so many batches of so many operations and tells the ns of each batch.
pub type Work<'a> = Box<dyn Fn(u64, u64) -> Vec<u64> + 'a>;

/// A runtime that can run a future to its end, as a task of its own where its documentation asks
/// for that.
pub trait Executor {
    /// Runs the future on the calling thread.
    fn run<F: Future<Output = Vec<u64>> + 'static>(&self, future: F) -> Vec<u64>;
}

/// A work that is done inside of a task of `executor`; `work` does one batch.
pub fn task<'a, W>(executor: &'a impl Executor, work: W) -> Work<'a>
where
    W: AsyncFn(u64) + Copy + 'static,
{
    Box::new(move |count, operations| executor.run(batches(count, operations, work)))
}

/// A work that waits for nothing and needs no runtime; `work` does one batch.
pub fn blocking<'a>(work: impl Fn(u64) + 'a) -> Work<'a> {
    let batch = move |operations| {
        let start = Instant::now();
        work(operations);
        since(start)
    };
    Box::new(move |count, operations| (0..count).map(|_| batch(operations)).collect())
}

/// Times each of `count` batches of `operations` operations.
pub async fn batches(count: u64, operations: u64, work: impl AsyncFn(u64)) -> Vec<u64> {
    let mut times_ns = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        work(operations).await;
        times_ns.push(since(start));
    }
    times_ns
}

/// Gives way once, on a runtime that has no function for it: wakes itself and is pending.
pub async fn yield_by_waking() {
    let mut woken = false;
    let once = |context: &mut Context<'_>| {
        if woken {
            return Poll::Ready(());
        }
        woken = true;
        context.waker().wake_by_ref();
        Poll::Pending
    };
    poll_fn(once).await;
}

fn since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).expect("a batch ends within 500 years")
}

/// Announces the works and answers requests for them until stdin ends.
pub fn serve_works(about: &About, works: &[(&str, Work<'_>)]) {
    announce_works(about, &works.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for line in io::stdin().lock().lines() {
        let line = require("can't read stdin", line);
        let Some((work, count, operations)) = requested(&line, works) else {
            fail(format_args!("not a request for one of the works: {line:?}"));
        };
        print_line(Spaced(&work(count, operations)));
    }
}

pub(crate) fn announce_works(about: &About, works: &[&str]) {
    announce(&json!({ "works": works, "version": about.version, "settings": about.settings }));
}

pub(crate) fn requested<'w, 'a>(
    line: &str,
    works: &'w [(&str, Work<'a>)],
) -> Option<(&'w Work<'a>, u64, u64)> {
    let mut words = line.split_whitespace();
    let (name, count, operations) = (words.next()?, words.next()?, words.next()?);
    let (_, work) = works.iter().find(|(known, _)| *known == name)?;
    match words.next() {
        None => Some((work, count.parse().ok()?, operations.parse().ok()?)),
        Some(_) => None,
    }
}

pub(crate) struct Spaced<'a>(pub(crate) &'a [u64]);

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Spaced, Work, blocking, requested};

    #[test]
    fn a_request_names_a_work_and_two_counts() {
        let works: [(&str, Work<'_>); 1] = [("yield", blocking(|_| ()))];
        let counts =
            |line| requested(line, &works).map(|(_, count, operations)| (count, operations));
        assert_eq!(counts("yield 3 100"), Some((3, 100)));
        for line in ["", "yield", "yield 3", "yield 3 x", "yield -1 1", "sleep 3 1", "yield 3 1 4"]
        {
            assert_eq!(counts(line), None, "{line}");
        }
    }

    #[test]
    fn each_batch_runs_all_its_operations_and_has_its_time() {
        let done = Cell::new(0);
        let work = blocking(|operations| done.set(done.get() + operations));
        assert_eq!(work(3, 100).len(), 3);
        assert_eq!(done.get(), 300);
    }

    #[test]
    fn times_are_separated_by_single_spaces() {
        assert_eq!(Spaced(&[1, 20, 300]).to_string(), "1 20 300");
        assert_eq!(Spaced(&[]).to_string(), "");
    }
}
