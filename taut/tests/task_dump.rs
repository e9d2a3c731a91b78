//! A dump names every task and what it waits for, and changes nothing.

mod common;

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use common::tasks::FOREVER;
use common::{block_on, connected_pair, listen, on_each_driver, turns};
use futures_util::future::join_all;

use taut::task::{CancelToken, Dump, TaskDump, TaskGroup, TaskState, Wait};
use taut::task::{all, race, shield, waiting};
use taut::time::{interval, sleep, timeout};
use taut::{JoinHandle, Runtime, off_core, spawn, spawn_background, yield_now};

fn task<'a>(dump: &'a Dump, name: &str) -> &'a TaskDump {
    let found = dump.tasks().iter().find(|task| task.name() == Some(name));
    found.unwrap_or_else(|| panic!("no task is named {name}:\n{dump}"))
}

/// Names, depths and lines of what a task waits for.
fn waits(dump: &Dump, name: &str) -> Vec<(String, usize, u32)> {
    let row = |wait: &Wait| {
        let location = wait.location().expect("no task is awaited");
        assert!(location.file().ends_with("task_dump.rs"), "{wait}");
        (wait.what().unwrap().to_owned(), wait.depth(), location.line())
    };
    task(dump, name).waits().iter().map(row).collect()
}

#[test]
fn tasks_are_named_numbered_and_located() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let line = line!() + 1;
            let feed = spawn(sleep(FOREVER)).named("feed");
            let nameless = spawn_background(pending::<()>());
            turns(2).await;
            feed.cancel();
            let dump = taut::dump();
            // The root task's place is that of `block_on`, here in a helper of the tests.
            assert!(dump.tasks()[0].spawned_at().file().ends_with("tests/common/mod.rs"));
            let [root, first, second] = dump.tasks() else { panic!("three tasks:\n{dump}") };
            assert_eq!([root.number(), first.number(), second.number()], [0, 1, 2]);
            assert!(matches!(root.state(), TaskState::Running), "it asked");
            assert!(matches!(first.state(), TaskState::Ready), "it was cancelled just now");
            assert!(matches!(second.state(), TaskState::Waiting(waits) if waits.is_empty()));
            assert_eq!((first.name(), second.name()), (Some("feed"), None));
            assert_eq!((first.spawned_at().line(), second.spawned_at().line()), (line, line + 1));
            assert!(first.spawned_at().file().ends_with("task_dump.rs"));
            assert!(first.is_cancelled() && !first.is_cancel_overdue() && !second.is_cancelled());
            assert!(
                first.to_string().starts_with("task 1 \"feed\" is ready, cancelled, spawned at")
            );
            drop((feed, nameless));
        });
    });
}

#[test]
fn each_wait_is_named_with_the_line_of_its_user() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut client, mut server) = connected_pair().await;
            let (listener, _) = listen();
            let (_stops, stop) = std::sync::mpsc::channel::<()>();
            let token = CancelToken::new();
            let line = line!() + 1;
            drop(spawn(async move { client.recv().await }).named("recv"));
            drop(spawn(async move { server.read_exact(&mut [0; 4]).await }).named("read_exact"));
            drop(spawn(async move { listener.accept().await }).named("accept"));
            drop(spawn(async move { token.cancelled().await }).named("token"));
            drop(spawn(async { sleep(FOREVER).await }).named("sleep"));
            drop(spawn(async { ticks(line!()).await }).named("interval"));
            drop(spawn(async { timeout(FOREVER, pending::<()>()).await }).named("timeout"));
            drop(spawn(async move { off_core(move || stop.recv()).await }).named("off"));
            drop(spawn(async { waiting("the auction", pending::<()>()).await }).named("auction"));
            turns(2).await;
            let dump = taut::dump();
            for (name, what, line) in [
                ("recv", "recv on a TCP stream", line),
                ("read_exact", "read_exact on a TCP stream", line + 1),
                ("accept", "accept on a TCP listener", line + 2),
                ("token", "cancel of a token", line + 3),
                ("sleep", "sleep", line + 4),
                ("timeout", "timeout", line + 6),
                ("off", "off_core", line + 7),
                ("auction", "the auction", line + 8),
            ] {
                assert_eq!(waits(&dump, name), [(what.to_owned(), 0, line)]);
            }
            let [(what, 0, _)] = &waits(&dump, "interval")[..] else { panic!("{dump}") };
            assert_eq!(what, "sleep");
        });
    });
}

async fn ticks(_line: u32) {
    let mut ticks = interval(FOREVER);
    loop {
        ticks.tick().await.unwrap();
    }
}

#[test]
fn waits_stand_below_the_combinators_that_contain_them() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let line = line!() + 2;
            let nested = async {
                race((
                    async { timeout(FOREVER, shield(sleep(FOREVER))).await.is_ok() },
                    async { all([sleep(FOREVER), sleep(FOREVER)]).await.is_ok() },
                    async { join_all((0..32).map(|_| sleep(FOREVER))).await.is_empty() },
                ))
                .await
            };
            drop(spawn(nested).named("nested"));
            turns(2).await;
            let dump = taut::dump();
            let waits = waits(&dump, "nested");
            let expected = [
                ("race", 0, line),
                ("timeout", 1, line + 1),
                ("sleep", 2, line + 1),
                ("all", 1, line + 2),
                ("sleep", 2, line + 2),
                ("sleep", 2, line + 2),
            ];
            let foreign = (0..32).map(|_| ("sleep", 1, line + 3));
            let expected = expected.into_iter().chain(foreign);
            assert!(waits.iter().map(|(a, b, c)| (&**a, *b, *c)).eq(expected), "{dump}");
            // Asked again at once, it tells the same.
            assert_eq!(taut::dump().to_string(), dump.to_string());
        });
    });
}

#[test]
fn tasks_stand_below_those_that_await_them() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let group = Rc::new(TaskGroup::new());
            group.add_named("first member", sleep(FOREVER));
            group.add_named("second member", sleep(FOREVER));
            let child = spawn(sleep(FOREVER)).named("child");
            let parent = async move { race((child, async move { group.wait().await })).await };
            drop(spawn(parent).named("parent"));
            turns(2).await;
            let dump = taut::dump();
            let number = |name| task(&dump, name).number();
            let joined: Vec<_> =
                task(&dump, "parent").waits().iter().filter_map(|w| w.task()).collect();
            assert_eq!(joined, [number("child"), number("first member"), number("second member")]);
            let text = dump.to_string();
            let depth = |name: &str| {
                let line = text.lines().find(|line| line.contains(name)).unwrap();
                line.len() - line.trim_start().len()
            };
            assert!(depth("\"parent\"") == 0 && depth("\"child\"") > depth("race, at"), "{dump}");
            assert!(depth("\"first member\"") > depth("end of a task group"), "{dump}");
            assert_eq!(text.matches("\"child\"").count(), 1);
        });
    });
}

#[test]
fn a_circle_of_tasks_is_drawn_once() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let handles: [Rc<RefCell<Option<JoinHandle<()>>>>; 3] = Default::default();
            for index in 0..3 {
                let next = Rc::clone(&handles[(index + 1) % 3]);
                let waits = async move {
                    yield_now().await;
                    let handle = next.take().unwrap();
                    handle.await.unwrap();
                };
                handles[index].replace(Some(spawn(waits).named(format!("{index} of 3"))));
            }
            turns(2).await;
            let text = taut::dump().to_string();
            for name in ["0 of 3", "1 of 3", "2 of 3"] {
                assert_eq!(text.matches(name).count(), 1, "{text}");
            }
            assert_eq!(text.matches("see above").count(), 1, "{text}");
        });
    });
}

#[test]
fn a_long_line_of_tasks_can_be_drawn() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut last = spawn(sleep(FOREVER).map_cancelled());
            for _ in 0..1000 {
                last = spawn(async move { last.await.unwrap() });
            }
            turns(20).await;
            let dump = taut::dump();
            assert_eq!(dump.to_string().lines().count(), 1003, "{dump}");
            last.cancel();
            last.await.unwrap();
        });
    });
}

/// A sleep whose outcome nobody wants.
trait MapCancelled: Future + Sized {
    async fn map_cancelled(self) {
        self.await;
    }
}

impl<F: Future> MapCancelled for F {}

#[test]
fn a_dump_can_be_taken_from_outside_and_from_a_destructor() {
    struct Dumps(Rc<RefCell<String>>);

    impl Drop for Dumps {
        fn drop(&mut self) {
            self.0.replace(taut::dump().to_string());
        }
    }

    on_each_driver(|builder| {
        let runtime: Runtime = builder.build().unwrap();
        let at_the_end = Rc::new(RefCell::new(String::new()));
        let dumps = Dumps(Rc::clone(&at_the_end));
        runtime.block_on(async {
            drop(spawn(sleep(FOREVER)).named("stays"));
            drop(spawn(async move {
                let _dumps = dumps;
                poll_fn(|_| -> Poll<()> { Poll::Pending }).await;
            }));
            turns(2).await;
        });
        for _ in 0..3 {
            let dump = runtime.dump();
            assert_eq!(dump.tasks().len(), 2);
            assert_eq!(task(&dump, "stays").waits()[0].what(), Some("sleep"));
        }
        drop(runtime);
        assert!(at_the_end.borrow().contains("\"stays\""));
    });
}

#[test]
fn a_task_that_a_dump_polls_may_take_a_dump_itself() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let depth = Rc::new(Cell::new(0));
            let deeper = Rc::clone(&depth);
            let mut nap = sleep(FOREVER);
            let dumping = poll_fn(move |context| {
                if deeper.get() > 0 {
                    deeper.set(deeper.get() - 1);
                    assert_eq!(waits(&taut::dump(), "other")[0].0, "sleep");
                }
                Pin::new(&mut nap).poll(context)
            });
            drop(spawn(waiting("outer", waiting("inner", dumping))).named("dumping"));
            drop(spawn(sleep(FOREVER)).named("other"));
            turns(2).await;
            depth.set(1);
            let dump = taut::dump();
            assert_eq!(depth.get(), 0);
            let names: Vec<_> = waits(&dump, "dumping").into_iter().map(|wait| wait.0).collect();
            assert_eq!(names, ["outer", "inner", "sleep"]);
            assert_eq!(waits(&dump, "other").len(), 1);
        });
    });
}
