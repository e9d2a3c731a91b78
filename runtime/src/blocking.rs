//! Work that blocks, on threads of its own, away from the pinned core.
//!
//! A thread is started when work comes and none is idle, up to [`THREADS_MAX`] a process, and ends
//! after [`IDLE_MAX`] without work. Nothing is started before the first use. Name resolution runs
//! here.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::executor::{contain, try_current};
use crate::pin;

/// The most threads that block at once; further work waits in line.
const THREADS_MAX: usize = 4;
/// How long a thread without work stays.
const IDLE_MAX: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Pool {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { queue: VecDeque::new(), threads: 0, idle: 0 });
static WORK_CAME: Condvar = Condvar::new();

/// Runs a closure on a thread that may block, off the calling runtime's core, and gives its result.
///
/// Dropping the future does not stop a closure that runs; its result is then dropped there.
///
/// # Errors
///
/// Where no thread could be started, or the closure panicked.
///
/// ```
/// taut_runtime::run(async {
///     let lines = taut_runtime::off_core(|| std::fs::read_to_string("/proc/cpuinfo")).await??;
///     assert!(!lines.is_empty());
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn off_core<T, F>(work: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let answer = Arc::new(Mutex::new(Answer { result: None, gone: false, waker: None }));
    let teller = Teller(Arc::clone(&answer));
    let core = try_current().and_then(|core| core.config.core);
    submit(core, Box::new(move || teller.tell(work())))?;
    poll_fn(|context| {
        let mut answer = lock(&answer);
        match (answer.result.take(), answer.gone) {
            (Some(result), _) => Poll::Ready(Ok(result)),
            (None, true) => Poll::Ready(Err(io::Error::other("the work panicked"))),
            (None, false) => {
                answer.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

struct Answer<T> {
    result: Option<T>,
    gone: bool,
    waker: Option<Waker>,
}

/// Wakes whoever waits, also when the work panicked.
struct Teller<T>(Arc<Mutex<Answer<T>>>);

impl<T> Teller<T> {
    fn tell(self, result: T) {
        lock(&self.0).result = Some(result);
    }
}

impl<T> Drop for Teller<T> {
    fn drop(&mut self) {
        let waker = {
            let mut answer = lock(&self.0);
            answer.gone = true;
            answer.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn submit(core: Option<usize>, work: Work) -> io::Result<()> {
    let mut pool = lock(&POOL);
    pool.queue.push_back(work);
    if pool.idle >= pool.queue.len() || pool.threads == THREADS_MAX {
        WORK_CAME.notify_one();
        return Ok(());
    }
    let name = format!("taut-blocking-{}", pool.threads);
    match std::thread::Builder::new().name(name).spawn(move || serve(core)) {
        Ok(_detached) => {
            pool.threads += 1;
            Ok(())
        }
        // The other threads will come to it.
        Err(_) if pool.threads > 0 => Ok(()),
        Err(error) => {
            pool.queue.pop_back();
            Err(error)
        }
    }
}

/// The life of a blocking thread; it inherits the affinity of the core that started it.
fn serve(core: Option<usize>) {
    pin::avoid(core);
    let mut pool = lock(&POOL);
    loop {
        if let Some(work) = pool.queue.pop_front() {
            drop(pool);
            // The teller reports a panic to whoever waits.
            contain(work);
            pool = lock(&POOL);
            continue;
        }
        pool.idle += 1;
        let (guard, wait) =
            WORK_CAME.wait_timeout(pool, IDLE_MAX).unwrap_or_else(PoisonError::into_inner);
        pool = guard;
        pool.idle -= 1;
        if wait.timed_out() && pool.queue.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}

/// A panic never happens while these locks are held, so their data is always whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_panics_come_back() {
        let runtime = crate::Runtime::new().unwrap();
        runtime.block_on(async {
            assert_eq!(off_core(|| 6 * 7).await.unwrap(), 42);
            let error = off_core(|| -> u8 { panic!("on purpose") }).await.unwrap_err();
            assert!(error.to_string().contains("panicked"));
            assert_eq!(off_core(|| 1).await.unwrap(), 1);
        });
    }

    #[test]
    fn more_work_than_threads_waits_in_line() {
        let runtime = crate::Runtime::new().unwrap();
        runtime.block_on(async {
            let handles: Vec<_> = (0..THREADS_MAX * 8)
                .map(|index| crate::spawn(async move { off_core(move || index).await.unwrap() }))
                .collect();
            for (index, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.await.unwrap(), index);
            }
        });
    }
}
