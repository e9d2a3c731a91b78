//! Futures and outputs are dropped exactly once, whichever way their task ends.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use common::{block_on, in_time, on_each_driver};
use taut::{Builder, JoinError, JoinHandle, yield_now};

/// Counts what is dropped: the locals of futures, and outputs.
#[derive(Clone, Default)]
struct Drops {
    futures: Rc<Cell<u32>>,
    outputs: Rc<Cell<u32>>,
}

struct Token(Rc<Cell<u32>>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Drops {
    /// Yields so often, then gives its output. Both tokens are in the future from the start, so in
    /// the end each count must be one.
    fn task(&self, yields: u32) -> impl Future<Output = Token> + use<> {
        let held = Token(Rc::clone(&self.futures));
        let output = Token(Rc::clone(&self.outputs));
        async move {
            let _held = held;
            for _ in 0..yields {
                yield_now().await;
            }
            output
        }
    }

    fn counts(&self) -> (u32, u32) {
        (self.futures.get(), self.outputs.get())
    }
}

/// The result of polling a handle once, wherever this is.
fn poll_once<T>(handle: &mut JoinHandle<T>) -> Poll<Result<T, JoinError>> {
    Pin::new(handle).poll(&mut Context::from_waker(Waker::noop()))
}

async fn yield_often() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[test]
fn a_joined_output_belongs_to_the_joiner() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let drops = Drops::default();
            let output = taut::spawn(drops.task(3)).await.unwrap();
            assert_eq!(drops.counts(), (1, 0));
            drop(output);
            assert_eq!(drops.counts(), (1, 1));
        });
    });
}

#[test]
fn a_detached_task_runs_to_its_end_and_drops_its_output() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for yields in [0, 3] {
                let drops = Drops::default();
                drop(taut::spawn(drops.task(yields)));
                assert_eq!(drops.counts(), (0, 0));
                yield_often().await;
                assert_eq!(drops.counts(), (1, 1), "dropped before completion");

                let drops = Drops::default();
                let handle = taut::spawn(drops.task(yields));
                yield_often().await;
                assert_eq!(drops.counts(), (1, 0));
                assert!(handle.is_finished());
                drop(handle);
                assert_eq!(drops.counts(), (1, 1), "dropped after completion");
            }
        });
    });
}

#[test]
fn an_aborted_task_drops_its_future_and_says_so() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let polls_before_abort = [0, 1, 2];
            for polls in polls_before_abort {
                let drops = Drops::default();
                let handle = taut::spawn(drops.task(1000));
                for _ in 0..polls {
                    yield_now().await;
                }
                handle.abort();
                handle.abort();
                assert_eq!(drops.counts(), (0, 0), "dropped at its turn, not inside `abort`");
                assert!(handle.await.err().unwrap().is_aborted());
                assert_eq!(drops.counts(), (1, 1));
            }
            // Waiting for nothing at all, and so in no queue.
            let drops = Drops::default();
            let (task, held) = (drops.task(0), Token(Rc::clone(&drops.outputs)));
            let handle = taut::spawn(async move {
                let _output = task.await;
                let _held = held;
                pending::<()>().await;
            });
            yield_often().await;
            handle.abort();
            assert!(handle.await.unwrap_err().is_aborted());
            assert_eq!(drops.counts(), (1, 2));
        });
    });
}

#[test]
fn aborting_an_ended_task_changes_nothing() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let drops = Drops::default();
            let handle = taut::spawn(drops.task(0));
            yield_often().await;
            handle.abort();
            drop(handle.await.unwrap());
            assert_eq!(drops.counts(), (1, 1));
        });
    });
}

type OwnHandle = Rc<RefCell<Option<JoinHandle<Token>>>>;

/// Spawns a task that finds its own handle in the cell.
fn spawn_with_own_handle<F>(task: impl FnOnce(OwnHandle) -> F)
where
    F: Future<Output = Token> + 'static,
{
    let own = OwnHandle::default();
    let handle = taut::spawn(task(Rc::clone(&own)));
    own.replace(Some(handle));
}

#[test]
fn a_task_may_abort_join_or_drop_itself() {
    on_each_driver(|builder| {
        let drops = Drops::default();
        let runtime = builder.build().unwrap();
        let aborts_itself = |own: OwnHandle| {
            let task = drops.task(0);
            async move {
                let _output = task.await;
                own.borrow().as_ref().unwrap().abort();
                yield_now().await;
                unreachable!("aborted at its next turn")
            }
        };
        let drops_its_handle = |own: OwnHandle| {
            let task = drops.task(3);
            async move {
                yield_now().await;
                own.take();
                task.await
            }
        };
        // The handle goes with the future, at completion.
        let keeps_its_handle = |own: OwnHandle| {
            let task = drops.task(2);
            async move {
                let output = task.await;
                let _own = own;
                output
            }
        };
        // Waits for itself for ever; the end of the runtime ends it.
        let joins_itself = |own: OwnHandle| {
            let task = drops.task(0);
            async move {
                let _output = task.await;
                let mut own = own.take().unwrap();
                let _ = poll_fn(|context| Pin::new(&mut own).poll(context)).await;
                unreachable!("nobody ends while waiting for itself")
            }
        };
        runtime.block_on(in_time(async {
            spawn_with_own_handle(aborts_itself);
            spawn_with_own_handle(drops_its_handle);
            spawn_with_own_handle(keeps_its_handle);
            spawn_with_own_handle(joins_itself);
            yield_often().await;
            assert_eq!(taut::counters().tasks_live, 2, "the root and the one that joins itself");
        }));
        drop(runtime);
        assert_eq!(drops.counts(), (4, 4));
    });
}

#[test]
fn the_end_of_the_runtime_drops_every_future() {
    on_each_driver(|builder| {
        let drops = Drops::default();
        let runtime = builder.poll_budget(1).background_budget(1).build().unwrap();
        let mut handles = runtime.block_on(in_time(async {
            let queued = taut::spawn(drops.task(1_000_000));
            let joining = taut::spawn(drops.task(1_000_000));
            let waiting = taut::spawn(async move { joining.await.unwrap() });
            let complete = taut::spawn(drops.task(0));
            drop(taut::spawn_background(drops.task(1_000_000)));
            yield_often().await;
            // Stands behind the other one, which gets the last poll.
            let unpolled = taut::spawn_background(drops.task(0));
            vec![complete, queued, waiting, unpolled]
        }));
        assert_eq!(drops.counts(), (1, 0));
        assert!(poll_once(&mut handles[1]).is_pending());
        drop(runtime);
        assert_eq!(drops.counts(), (5, 4), "the complete task's output waits for its handle");

        // Handles that outlive the runtime still tell how their tasks ended.
        for mut handle in handles.drain(1..) {
            handle.abort();
            assert!(handle.is_finished());
            let Poll::Ready(Err(error)) = poll_once(&mut handle) else {
                panic!("a task of an ended runtime has ended, without output");
            };
            assert!(error.is_aborted());
        }
        let mut complete = handles.pop().unwrap();
        let Poll::Ready(Ok(output)) = poll_once(&mut complete) else {
            panic!("the output is still there");
        };
        drop(complete);
        assert_eq!(drops.counts(), (5, 4));
        drop(output);
        assert_eq!(drops.counts(), (5, 5));
    });
}

/// Spawns when dropped, and keeps the handle where the test finds it.
struct SpawnsInDrop {
    drops: Drops,
    handles: Rc<RefCell<Vec<JoinHandle<Token>>>>,
    again: u32,
}

impl Drop for SpawnsInDrop {
    fn drop(&mut self) {
        if self.again == 0 {
            return;
        }
        let child = Self {
            drops: self.drops.clone(),
            handles: Rc::clone(&self.handles),
            again: self.again - 1,
        };
        let task = self.drops.task(1);
        let handle = taut::spawn(async move {
            let _child = child;
            task.await
        });
        self.handles.borrow_mut().push(handle);
    }
}

fn spawner(drops: &Drops, again: u32) -> SpawnsInDrop {
    SpawnsInDrop { drops: drops.clone(), handles: Rc::default(), again }
}

#[test]
fn a_destructor_may_spawn() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let drops = Drops::default();
            let spawner = spawner(&drops, 2);
            let handles = Rc::clone(&spawner.handles);
            let handle = taut::spawn(async move {
                let _spawner = spawner;
                pending::<()>().await;
            });
            yield_now().await;
            handle.abort();
            assert!(handle.await.unwrap_err().is_aborted());
            yield_often().await;
            yield_often().await;
            assert_eq!(handles.borrow().len(), 2);
            handles.take();
            assert_eq!(drops.counts(), (2, 2));
        });
    });
}

#[test]
fn what_a_destructor_spawns_at_the_end_of_the_runtime_ends_at_once() {
    on_each_driver(|builder: Builder| {
        let drops = Drops::default();
        let spawner = spawner(&drops, 3);
        let handles = Rc::clone(&spawner.handles);
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            drop(taut::spawn(async move {
                let _spawner = spawner;
                pending::<()>().await;
            }));
            yield_now().await;
        });
        drop(runtime);
        let mut handles = handles.take();
        assert_eq!(handles.len(), 3);
        for handle in &mut handles {
            handle.abort();
            assert!(matches!(poll_once(handle), Poll::Ready(Err(error)) if error.is_aborted()));
        }
        drop(handles);
        assert_eq!(drops.counts(), (3, 3));
    });
}

thread_local! {
    static SPAWNED: RefCell<Vec<JoinHandle<Token>>> = const { RefCell::new(Vec::new()) };
    static DROPS: Drops = Drops::default();
}

/// Runs code of its own when a task of the runtime ends.
struct SpawnsWhenWoken;

impl Wake for SpawnsWhenWoken {
    fn wake(self: Arc<Self>) {
        let handle = taut::spawn(DROPS.with(|drops| drops.task(1)));
        SPAWNED.with_borrow_mut(|spawned| spawned.push(handle));
    }
}

#[test]
fn what_a_foreign_waker_spawns_at_the_end_of_the_runtime_ends_at_once() {
    on_each_driver(|builder: Builder| {
        let runtime = builder.build().unwrap();
        let mut waiting = None;
        runtime.block_on(async { waiting = Some(taut::spawn(pending::<()>())) });
        let mut waiting = waiting.unwrap();
        let waker = Waker::from(Arc::new(SpawnsWhenWoken));
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
        let before = DROPS.with(Drops::counts);
        drop(runtime);
        let mut spawned = SPAWNED.take();
        assert_eq!(spawned.len(), 1);
        spawned[0].abort();
        assert!(spawned[0].is_finished());
        assert!(matches!(poll_once(&mut spawned[0]), Poll::Ready(Err(_))));
        drop(spawned);
        assert_eq!(DROPS.with(Drops::counts), (before.0 + 1, before.1 + 1));
    });
}
