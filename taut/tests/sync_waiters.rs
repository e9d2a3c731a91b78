//! Every primitive, with a waiter that is cancelled or dropped at every position of the line and at
//! every moment: all others get through in their order, and nothing is left behind.

mod common;

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use common::waiters::{assert_nobody_waits, settle};
use common::{block_on, on_each_driver};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use taut::sync::{AcquireError, Condition, Mutex, MutexGuard, Notify, RwLock, Semaphore};
use taut::time::sleep;
use taut::{Cancelled, JoinHandle, spawn};

/// What a waiter gets; dropping it lets the next one through.
type Turn = Box<dyn std::any::Any>;
type Wait = Pin<Box<dyn Future<Output = Result<Turn, Cancelled>>>>;

/// A primitive behind which tasks get through one by one.
trait Line: Debug {
    fn wait(self: Rc<Self>) -> Wait;
    /// The turn that comes before all others.
    fn first(self: Rc<Self>) -> Turn;
    /// Whether a turn that nobody waits for is remembered.
    fn remembers(&self) -> bool {
        true
    }
}

impl Line for Mutex<()> {
    fn wait(self: Rc<Self>) -> Wait {
        Box::pin(async move { Ok(Box::new(self.lock_owned().await?) as Turn) })
    }

    fn first(self: Rc<Self>) -> Turn {
        Box::new(self.try_lock_owned().unwrap())
    }
}

impl Line for RwLock<()> {
    fn wait(self: Rc<Self>) -> Wait {
        Box::pin(async move { Ok(Box::new(self.write_owned().await?) as Turn) })
    }

    fn first(self: Rc<Self>) -> Turn {
        // Readers before writers, too.
        Box::new([self.try_read_owned().unwrap(), self.try_read_owned().unwrap()])
    }
}

impl Line for Semaphore {
    fn wait(self: Rc<Self>) -> Wait {
        Box::pin(async move {
            match self.acquire_owned(2).await {
                Ok(permit) => Ok(Box::new(permit) as Turn),
                Err(AcquireError::Cancelled(cancelled)) => Err(cancelled),
                Err(error) => panic!("{error}"),
            }
        })
    }

    fn first(self: Rc<Self>) -> Turn {
        Box::new(self.try_acquire_owned(1).unwrap())
    }
}

/// Passes a notification on.
struct Notifies(Rc<Notify>);

impl Drop for Notifies {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Line for Notify {
    fn wait(self: Rc<Self>) -> Wait {
        Box::pin(async move {
            self.notified().await?;
            Ok(Box::new(Notifies(self)) as Turn)
        })
    }

    fn first(self: Rc<Self>) -> Turn {
        Box::new(Notifies(self))
    }
}

#[derive(Debug, Default)]
struct UnderMutex {
    condition: Condition,
    mutex: Rc<Mutex<()>>,
}

/// Passes a notification on, and then the mutex.
struct NotifiesUnder(Rc<UnderMutex>, #[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Drop for NotifiesUnder {
    fn drop(&mut self) {
        self.0.condition.notify_one();
    }
}

impl Line for UnderMutex {
    fn wait(self: Rc<Self>) -> Wait {
        Box::pin(async move {
            let guard = self.mutex.lock_owned().await?;
            let (guard, waited) = self.condition.wait(guard).await;
            assert!(self.mutex.is_locked(), "by this very task, whatever happened");
            waited?;
            Ok(Box::new(NotifiesUnder(self, guard)) as Turn)
        })
    }

    fn first(self: Rc<Self>) -> Turn {
        let guard = self.mutex.try_lock_owned().unwrap();
        Box::new(NotifiesUnder(self, guard))
    }

    fn remembers(&self) -> bool {
        false
    }
}

fn lines() -> Vec<Rc<dyn Line>> {
    vec![
        Rc::new(Mutex::new(())),
        Rc::new(RwLock::new(())),
        Rc::new(Semaphore::new(2)),
        Rc::new(Notify::new()),
        Rc::new(UnderMutex::default()),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Cancel,
    Abort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// It leaves the line before its turn comes.
    Before,
    /// It has not run since, when its turn comes.
    JustBefore,
    /// It has its turn, and has not run since.
    JustAfter,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    waiters: usize,
    victim: usize,
    blow: Blow,
    moment: Moment,
    /// Whether the waiters wait behind a combinator with wakers of its own.
    foreign: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for waiters in 1..=4 {
            for victim in 0..waiters {
                for blow in [Blow::Cancel, Blow::Abort] {
                    for moment in [Moment::Before, Moment::JustBefore, Moment::JustAfter] {
                        for foreign in [false, true] {
                            all.push(Self { waiters, victim, blow, moment, foreign });
                        }
                    }
                }
            }
        }
        all
    }

    /// Whether the victim gets its turn all the same.
    fn is_too_late(&self) -> bool {
        let in_time = match self.moment {
            Moment::Before => true,
            // Behind a foreign waker nobody can tell who was first, and the turn counts.
            Moment::JustBefore => !self.foreign,
            Moment::JustAfter => false,
        };
        self.blow == Blow::Cancel && !in_time
    }
}

type Tasks = Rc<RefCell<Vec<JoinHandle<Result<(), Cancelled>>>>>;

/// Strikes the victim, when the turn before its own ends.
struct Strike {
    case: Case,
    tasks: Tasks,
    done: Cell<bool>,
}

impl Strike {
    fn blow(&self) {
        assert!(!self.done.replace(true));
        let victim = &self.tasks.borrow()[self.case.victim];
        match self.case.blow {
            Blow::Cancel => assert!(victim.cancel()),
            Blow::Abort => victim.abort(),
        }
    }

    /// Lets the next one through; the victim is struck in the same breath if it is next.
    fn pass(&self, turn: Turn, next: usize) {
        let strikes = next == self.case.victim;
        if strikes && self.case.moment == Moment::JustBefore {
            self.blow();
        }
        drop(turn);
        if strikes && self.case.moment == Moment::JustAfter {
            self.blow();
        }
    }
}

async fn waiter(
    wait: Wait,
    number: usize,
    foreign: bool,
    strike: Rc<Strike>,
    log: Rc<RefCell<Vec<usize>>>,
) -> Result<(), Cancelled> {
    let turn = match foreign {
        false => wait.await?,
        true => FuturesUnordered::from_iter([wait]).next().await.unwrap()?,
    };
    log.borrow_mut().push(number);
    let was_struck = number == strike.case.victim;
    strike.pass(turn, number + 1);
    // Whose cancel came too late for one wait meets it at the next.
    assert_eq!(sleep(Duration::ZERO).await.is_err(), was_struck);
    Ok(())
}

async fn run(line: Rc<dyn Line>, case: Case) {
    // The waiters of a condition lock its mutex to begin with.
    let first = line.remembers().then(|| Rc::clone(&line).first());
    let tasks = Tasks::default();
    let strike = Rc::new(Strike { case, tasks: Rc::clone(&tasks), done: Cell::new(false) });
    let log = Rc::new(RefCell::new(Vec::new()));
    for number in 0..case.waiters {
        let wait = Rc::clone(&line).wait();
        let task = waiter(wait, number, case.foreign, Rc::clone(&strike), Rc::clone(&log));
        tasks.borrow_mut().push(spawn(task));
        settle().await;
    }
    if case.moment == Moment::Before {
        strike.blow();
        settle().await;
    }
    let first = first.unwrap_or_else(|| Rc::clone(&line).first());
    strike.pass(first, 0);
    settle().await;
    let mut expected: Vec<_> = (0..case.waiters).collect();
    if !case.is_too_late() {
        expected.remove(case.victim);
    }
    assert_eq!(*log.borrow(), expected, "{line:?}");
    for (number, task) in tasks.take().into_iter().enumerate() {
        assert!(task.is_finished(), "{number} is left behind");
        let through = task.await.is_ok_and(|outcome| outcome.is_ok());
        assert_eq!(through, expected.contains(&number));
    }
    assert_nobody_waits(&line);
    if line.remembers() {
        drop(common::in_time(Rc::clone(&line).wait()).await.unwrap());
    }
}

#[test]
fn whoever_goes_at_whatever_moment_all_others_get_through_in_order() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for case in Case::all() {
                for line in lines() {
                    eprintln!("{case:?}, {line:?}");
                    run(line, case).await;
                }
            }
        });
    });
}

#[test]
fn all_go_at_once_and_the_line_is_as_new() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for line in lines() {
                for blow in [Blow::Cancel, Blow::Abort] {
                    let first = Rc::clone(&line).first();
                    let tasks: Vec<_> = (0..20)
                        .map(|_| {
                            let wait = Rc::clone(&line).wait();
                            spawn(async move { wait.await.map(drop) })
                        })
                        .collect();
                    settle().await;
                    for task in tasks.iter().rev() {
                        match blow {
                            Blow::Cancel => assert!(task.cancel()),
                            Blow::Abort => task.abort(),
                        }
                    }
                    drop(first);
                    settle().await;
                    assert!(tasks.iter().all(JoinHandle::is_finished));
                    assert_nobody_waits(&line);
                    if line.remembers() {
                        drop(common::in_time(Rc::clone(&line).wait()).await.unwrap());
                    }
                }
            }
        });
    });
}

#[test]
fn a_wait_that_begins_in_a_cancelled_task_fails_and_takes_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for line in lines() {
                let wait = Rc::clone(&line).wait();
                let task = spawn(async move { wait.await.map(drop) });
                // Before its first poll.
                assert!(task.cancel());
                assert_eq!(task.await.unwrap(), Err(Cancelled));
                assert_nobody_waits(&line);
                let first = Rc::clone(&line).first();
                drop(first);
            }
        });
    });
}
