//! A cancel reaches every wait, takes effect at the next await, and loses nothing that was there.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use common::tasks::{FOREVER, Log, micros, spawn_with_handle};
use common::waits::every_wait;
use common::{block_on, connected_pair, listen, on_each_driver, turns, until};
use taut::net::TcpStream;
use taut::task::{self, TaskGroup, shield};
use taut::time::{Instant, sleep};
use taut::{JoinHandle, counters, is_cancelled, off_core, spawn, yield_now};

#[test]
fn every_wait_of_a_cancelled_task_fails_with_cancelled() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for (name, wait) in every_wait().await {
                let task = spawn(wait);
                turns(20).await;
                assert!(!task.is_finished(), "{name} waits, but ended: {:?}", task.await);
                assert!(task.cancel(), "{name}");
                let error = task.await.unwrap().unwrap_err();
                assert!(is_cancelled(&*error), "{name} was cancelled, but failed: {error:?}");
            }
        });
    });
}

#[test]
fn in_a_task_that_was_cancelled_before_its_first_poll_every_wait_fails() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for (name, wait) in every_wait().await {
                let task = spawn(async { is_cancelled(&*wait.await.unwrap_err()) });
                assert!(task.cancel(), "{name}");
                assert!(task.await.unwrap(), "{name} was cancelled");
            }
        });
    });
}

#[test]
fn nothing_begins_in_a_cancelled_task() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let (mut client, mut server) = connected_pair().await;
            let started = counters().operations_started;
            let task = spawn(async move {
                assert!(is_cancelled(&TcpStream::connect(address).await.unwrap_err()));
                assert!(is_cancelled(&listener.accept().await.unwrap_err()));
                assert!(is_cancelled(&client.write_all(b"unwanted").await.unwrap_err()));
                assert!(is_cancelled(&client.send(b"unwanted".to_vec()).await.unwrap_err()));
                assert!(is_cancelled(&client.recv().await.unwrap_err()));
                let work = off_core(|| unreachable!("asked for by a cancelled task"));
                assert!(is_cancelled(&work.await.unwrap_err()));
                (listener, client)
            });
            task.cancel();
            let (listener, client) = task.await.unwrap();
            assert_eq!(counters().operations_started, started);
            drop(client);
            assert!(server.recv().await.unwrap().is_empty(), "not a byte was sent");
            let mut last = TcpStream::connect(address).await.unwrap();
            listener.accept().await.unwrap().write_all(b"only one").await.unwrap();
            assert_eq!(&last.recv().await.unwrap()[..], b"only one");
        });
    });
}

#[test]
fn a_cancel_between_two_awaits_takes_effect_at_the_next() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let log = Log::default();
            let own = spawn_with_handle(|own: Rc<RefCell<Option<JoinHandle<()>>>>| {
                let log = log.clone();
                async move {
                    sleep(micros(10)).await.unwrap();
                    assert!(own.borrow().as_ref().unwrap().cancel(), "it cancels itself");
                    assert!(task::is_cancelled());
                    log.note("goes on");
                    yield_now().await;
                    log.note("gives way as before");
                    assert!(sleep(micros(10)).await.is_err());
                    log.note("was told");
                    assert!(sleep(micros(10)).await.is_err());
                    log.note("is told again");
                }
            });
            until(|| own.borrow().as_ref().unwrap().is_finished()).await;
            let noted = ["goes on", "gives way as before", "was told", "is told again"];
            assert_eq!(log.take(), noted);
        });
    });
}

#[test]
fn a_member_can_cancel_its_own_group() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let group = Rc::new(TaskGroup::new());
            let inner = Rc::clone(&group);
            group.add(async move {
                inner.cancel();
                sleep(FOREVER).await.is_err()
            });
            group.add(async { sleep(FOREVER).await.is_err() });
            while let Some(outcome) = group.next().await {
                assert!(outcome.unwrap());
            }
        });
    });
}

#[test]
fn a_task_is_cancelled_once_and_not_after_its_end() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let before = counters();
            let task = spawn(sleep(FOREVER));
            assert!(task.cancel());
            assert!(!task.cancel());
            turns(2).await;
            assert!(task.is_finished());
            assert!(!task.cancel());
            assert!(task.await.unwrap().is_err());
            let ended = spawn(async { 7 });
            turns(2).await;
            assert!(!ended.cancel());
            assert_eq!(ended.await.unwrap(), 7);
            let done = counters().since(&before);
            assert_eq!((done.tasks_cancelled, done.tasks_live), (1, 0));
        });
    });
}

#[test]
fn a_shield_holds_a_cancel_off_until_the_first_await_after_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for (name, wait) in every_wait().await {
                let task = spawn(shield(wait));
                turns(3).await;
                task.cancel();
                turns(3).await;
                // Joining tells how: the wait's own error, or its panic.
                assert!(!task.is_finished(), "{name} goes on, but ended: {:?}", task.await);
                task.abort();
                assert!(task.await.unwrap_err().is_aborted());
            }
            let task = spawn(async {
                shield(async {
                    sleep(micros(50)).await.unwrap();
                    // A shield in a shield ends without ending the outer one.
                    shield(sleep(micros(50))).await.unwrap();
                    assert!(task::is_cancelled(), "one may ask nevertheless");
                    sleep(micros(50)).await.unwrap();
                    spawn(sleep(micros(50))).await.unwrap().unwrap();
                })
                .await;
                assert!(sleep(micros(50)).await.is_err());
                shield(sleep(micros(50))).await.unwrap();
                sleep(micros(50)).await.is_err()
            });
            yield_now().await;
            task.cancel();
            assert!(task.await.unwrap());
        });
    });
}

#[test]
fn a_loop_that_computes_can_ask() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let own = spawn_with_handle(|own: Rc<RefCell<Option<JoinHandle<u32>>>>| async move {
                let mut rounds = 0;
                while !task::is_cancelled() {
                    rounds += 1;
                    if rounds == 1000 {
                        own.borrow().as_ref().unwrap().cancel();
                    }
                }
                let within = shield(async { (task::is_cancelled(), yield_now().await) }).await.0;
                assert!(within && task::is_cancelled());
                rounds
            });
            turns(2).await;
            assert!(!task::is_cancelled(), "the other task is");
            let handle = own.take().unwrap();
            assert_eq!(handle.await.unwrap(), 1000);
        });
        assert!(!task::is_cancelled());
    });
}

#[test]
fn what_was_there_before_the_cancel_is_not_lost() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (listener, address) = listen();
            let (mut client, mut server) = connected_pair().await;
            let cancelled = Rc::new(Cell::new(false));
            let told = Rc::clone(&cancelled);
            let task = spawn(async move {
                let mut bytes = [0; 4];
                shield(server.read_exact(&mut bytes)).await.unwrap();
                // Both results come while the task does something else.
                shield(until(|| told.get())).await;
                assert!(is_cancelled(&server.recv().await.unwrap_err()));
                assert!(is_cancelled(&server.read(&mut bytes).await.unwrap_err()));
                let (count, _) = server.recv_into(Vec::with_capacity(16)).await;
                assert!(is_cancelled(&count.unwrap_err()));
                assert!(is_cancelled(&listener.accept().await.unwrap_err()));
                let kept = shield(async {
                    let received = server.recv().await.unwrap();
                    assert_eq!(&received[..], b"kept");
                    listener.accept().await.unwrap()
                });
                kept.await
            });
            client.write_all(b"told").await.unwrap();
            client.write_all(b"kept").await.unwrap();
            let mut stream = TcpStream::connect(address).await.unwrap();
            task.cancel();
            cancelled.set(true);
            let mut accepted = task.await.unwrap();
            accepted.write_all(b"hello").await.unwrap();
            assert_eq!(&stream.recv().await.unwrap()[..], b"hello");
        });
    });
}

#[test]
fn a_wait_that_has_its_result_when_the_cancel_comes_gives_it() {
    on_each_driver(|builder| {
        block_on(builder, async {
            // Fired, joined and connected, but not polled again before the cancel.
            let child = spawn(async { 7 });
            let awaits_child = spawn(async { (child.await, sleep(FOREVER).await) });
            yield_now().await;
            let (listener, address) = listen();
            let connecting = spawn(async move {
                let stream = TcpStream::connect(address).await;
                (stream, sleep(FOREVER).await)
            });
            let sleeping = spawn(async { (sleep(micros(20)).await, sleep(FOREVER).await) });
            yield_now().await;
            let _accepted = listener.accept().await.unwrap();
            // The core is held until the timer is due; it then fires in the turn that wakes us.
            let due = Instant::now() + micros(100);
            while Instant::now() <= due {
                std::hint::spin_loop();
            }
            sleep(micros(1)).await.unwrap();
            let tasks = (awaits_child.cancel(), connecting.cancel(), sleeping.cancel());
            assert_eq!(tasks, (true, true, true));
            let (value, after) = awaits_child.await.unwrap();
            assert!(value.unwrap() == 7 && after.is_err());
            let (stream, after) = connecting.await.unwrap();
            assert!(stream.is_ok() && after.is_err());
            let (slept, after) = sleeping.await.unwrap();
            assert!(slept.is_ok() && after.is_err());
        });
    });
}
