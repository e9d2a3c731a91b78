//! Mutex, RwLock and Semaphore against one plain model, a list of waiters and a number of permits,
//! under random acquires, releases, cancels and aborts.

mod common;

use std::any::Any;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use common::on_each_driver;
use common::waiters::{settle, waiters};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use taut::sync::{AcquireError, Mutex, RwLock, Semaphore};
use taut::{Cancelled, JoinHandle, spawn};

type Held = Box<dyn Any>;
type Wait = Pin<Box<dyn Future<Output = Result<Held, Cancelled>>>>;

/// What each primitive is, in permits: a writer takes all that there are.
trait Permits: Debug {
    fn total(&self) -> usize;
    /// What somebody may want.
    fn want(&self, random: usize) -> usize;
    fn acquire(self: Rc<Self>, want: usize) -> Wait;
    fn try_acquire(self: Rc<Self>, want: usize) -> Option<Held>;
    /// Permits that nobody has, where the primitive tells.
    fn available(&self) -> Option<usize> {
        None
    }
}

impl Permits for Mutex<()> {
    fn total(&self) -> usize {
        1
    }

    fn want(&self, _: usize) -> usize {
        1
    }

    fn acquire(self: Rc<Self>, _: usize) -> Wait {
        Box::pin(async move { Ok(Box::new(self.lock_owned().await?) as Held) })
    }

    fn try_acquire(self: Rc<Self>, _: usize) -> Option<Held> {
        Some(Box::new(self.try_lock_owned()?))
    }

    fn available(&self) -> Option<usize> {
        Some(usize::from(!self.is_locked()))
    }
}

const READERS_MAX: usize = 1_000_000;

impl Permits for RwLock<()> {
    fn total(&self) -> usize {
        READERS_MAX
    }

    fn want(&self, random: usize) -> usize {
        if random.is_multiple_of(3) { READERS_MAX } else { 1 }
    }

    fn acquire(self: Rc<Self>, want: usize) -> Wait {
        Box::pin(async move {
            Ok(match want {
                1 => Box::new(self.read_owned().await?) as Held,
                _ => Box::new(self.write_owned().await?) as Held,
            })
        })
    }

    fn try_acquire(self: Rc<Self>, want: usize) -> Option<Held> {
        Some(match want {
            1 => Box::new(self.try_read_owned()?) as Held,
            _ => Box::new(self.try_write_owned()?) as Held,
        })
    }
}

impl Permits for Semaphore {
    fn total(&self) -> usize {
        5
    }

    fn want(&self, random: usize) -> usize {
        random % 6
    }

    fn acquire(self: Rc<Self>, want: usize) -> Wait {
        Box::pin(async move {
            match self.acquire_owned(want).await {
                Ok(permit) => Ok(Box::new(permit) as Held),
                Err(AcquireError::Cancelled(cancelled)) => Err(cancelled),
                Err(error) => panic!("{error}"),
            }
        })
    }

    fn try_acquire(self: Rc<Self>, want: usize) -> Option<Held> {
        Some(Box::new(self.try_acquire_owned(want).ok()?))
    }

    fn available(&self) -> Option<usize> {
        Some(self.available())
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// By a task of its own, which is in line when this is over.
    Acquire(usize),
    TryAcquire(usize),
    Release(usize),
    /// Of a waiter that has not run since the last `Settle`.
    Cancel(usize),
    Abort(usize),
    /// Everybody runs.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<usize>().prop_map(Step::Acquire),
        1 => any::<usize>().prop_map(Step::TryAcquire),
        5 => any::<usize>().prop_map(Step::Release),
        3 => any::<usize>().prop_map(Step::Cancel),
        2 => any::<usize>().prop_map(Step::Abort),
        2 => Just(Step::Settle),
    ]
}

/// A waiter of the model, beside the task that plays it.
struct Waiter {
    want: usize,
    granted: bool,
    cancelled: bool,
    /// The cancel came before the grant.
    late: bool,
    aborted: bool,
    task: JoinHandle<Result<Held, Cancelled>>,
}

impl Waiter {
    /// What becomes of it as soon as it runs.
    fn goes_without(&self) -> bool {
        self.aborted || self.late || (self.cancelled && !self.granted)
    }
}

struct Model {
    primitive: Rc<dyn Permits>,
    available: usize,
    /// In the order in which they came.
    waiters: Vec<Waiter>,
    held: Vec<(usize, Held)>,
}

impl Model {
    fn new(primitive: Rc<dyn Permits>) -> Self {
        let available = primitive.total();
        Self { primitive, available, waiters: Vec::new(), held: Vec::new() }
    }

    fn advance(&mut self) {
        for waiter in self.waiters.iter_mut().filter(|waiter| !waiter.granted) {
            if waiter.want > self.available {
                break;
            }
            self.available -= waiter.want;
            waiter.granted = true;
            waiter.late = waiter.cancelled;
        }
    }

    async fn settle(&mut self) {
        settle().await;
        // Whoever goes without does so, before anybody behind it is looked at.
        while let Some(index) = self.waiters.iter().position(Waiter::goes_without) {
            let waiter = self.waiters.remove(index);
            self.available += if waiter.granted { waiter.want } else { 0 };
            let outcome = waiter.task.await;
            assert_eq!(outcome.is_err(), waiter.aborted);
            assert!(outcome.is_err() || outcome.is_ok_and(|outcome| outcome.is_err()));
        }
        self.advance();
        let (through, waiting) =
            std::mem::take(&mut self.waiters).into_iter().partition(|waiter| waiter.granted);
        self.waiters = waiting;
        for waiter in through as Vec<Waiter> {
            assert!(waiter.task.is_finished(), "it has what it wanted");
            self.held.push((waiter.want, waiter.task.await.unwrap().unwrap()));
        }
        assert!(self.waiters.iter().all(|waiter| !waiter.task.is_finished()));
    }

    async fn acquire(&mut self, random: usize) {
        self.settle().await;
        let want = self.primitive.want(random);
        let wait = Rc::clone(&self.primitive).acquire(want);
        let (granted, cancelled, late, aborted) = (false, false, false, false);
        let task = spawn(wait);
        self.waiters.push(Waiter { want, granted, cancelled, late, aborted, task });
        self.settle().await;
    }

    fn try_acquire(&mut self, random: usize) {
        let want = self.primitive.want(random);
        let nobody_waits = self.waiters.iter().all(|waiter| waiter.granted);
        let held = Rc::clone(&self.primitive).try_acquire(want);
        assert_eq!(held.is_some(), nobody_waits && want <= self.available);
        if let Some(held) = held {
            self.available -= want;
            self.held.push((want, held));
        }
    }

    fn release(&mut self, random: usize) {
        if self.held.is_empty() {
            return;
        }
        let (want, held) = self.held.swap_remove(random % self.held.len());
        drop(held);
        self.available += want;
        self.advance();
    }

    fn strike(&mut self, random: usize, abort: bool) {
        if self.waiters.is_empty() {
            return;
        }
        let index = random % self.waiters.len();
        let waiter = &mut self.waiters[index];
        if abort {
            waiter.task.abort();
            waiter.aborted = true;
        } else {
            assert_eq!(waiter.task.cancel(), !waiter.cancelled);
            waiter.cancelled = true;
        }
    }

    fn check(&self) {
        let answered = self.waiters.iter().filter(|waiter| waiter.granted).count();
        assert_eq!(waiters(&self.primitive), (self.waiters.len() - answered, answered));
        assert!(self.primitive.available().is_none_or(|available| available == self.available));
    }

    async fn run(&mut self, step: &Step) {
        match *step {
            Step::Acquire(random) => self.acquire(random).await,
            Step::TryAcquire(random) => self.try_acquire(random),
            Step::Release(random) => self.release(random),
            Step::Cancel(random) => self.strike(random, false),
            Step::Abort(random) => self.strike(random, true),
            Step::Settle => self.settle().await,
        }
        self.check();
    }

    async fn run_all(mut self, steps: &[Step]) {
        for step in steps {
            self.run(step).await;
        }
        self.settle().await;
        // Everybody who is left gets through, one release after the other.
        while !self.held.is_empty() || !self.waiters.is_empty() {
            self.release(0);
            self.settle().await;
            self.check();
        }
        assert_eq!(self.available, self.primitive.total());
    }
}

fn agrees_with_the_model(primitive: fn() -> Rc<dyn Permits>) {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let config = Config { failure_persistence: None, ..Config::default() };
        let steps = proptest::collection::vec(step(), 1..120);
        TestRunner::new(config)
            .run(&steps, |steps| {
                let model = Model::new(primitive());
                runtime.block_on(common::in_time(model.run_all(&steps)));
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn a_mutex_is_one_permit() {
    agrees_with_the_model(|| Rc::new(Mutex::new(())));
}

#[test]
fn a_reader_takes_one_permit_and_a_writer_all() {
    agrees_with_the_model(|| Rc::new(RwLock::new(())));
}

#[test]
fn a_semaphore_gives_permits_in_the_order_of_the_line() {
    agrees_with_the_model(|| Rc::new(Semaphore::new(5)));
}
