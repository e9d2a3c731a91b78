//! `all`, `any`, `race` and `all_settled`: what they give, in which order, and that each returns
//! only after every child has ended.

mod common;

use std::cell::Cell;
use std::future::{pending, ready};
use std::io;
use std::rc::Rc;

use common::tasks::{Alive, FOREVER, Guard, Log, micros, slow_to_die};
use common::{block_on, on_each_driver, turns};
use futures_util::FutureExt;
use taut::task::{self, OneOf2, OneOf3, all, all_settled, any, race, shield};
use taut::time::sleep;
use taut::{Cancelled, JoinError, JoinHandle, is_cancelled, spawn, yield_now};

/// Gives a value after a while, or an error where it is odd; tells when it is gone.
async fn attempt(number: u32, delay_us: u64, _guard: Guard) -> Result<u32, String> {
    if sleep(micros(delay_us)).await.is_err() {
        return Err(format!("{number} cancelled"));
    }
    if number.is_multiple_of(2) { Ok(number) } else { Err(format!("{number} failed")) }
}

/// As [`attempt`], as a task.
fn task_of(number: u32, delay_us: u64, guard: Guard) -> JoinHandle<io::Result<u32>> {
    spawn(async move { attempt(number, delay_us, guard).await.map_err(io::Error::other) })
}

const LATE_US: u64 = FOREVER.as_micros() as u64;

#[test]
fn all_gives_every_value_in_the_order_of_the_children() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let child = |number, delay_us| attempt(number, delay_us, alive.guard());
            assert_eq!(all([child(2, 300), child(4, 100), child(6, 200)]).await, Ok(vec![2, 4, 6]));
            assert_eq!(all((0..3).map(|index| child(index * 2, 10))).await, Ok(vec![0, 2, 4]));
            assert_eq!(all(vec![child(2, 0)]).await, Ok(vec![2]));
            let different = all((child(2, 20), async { Ok::<_, String>("two") }, ready(Ok(3.0))));
            assert_eq!(different.await, Ok((2, "two", 3.0)));
            let tasks = [task_of(2, 30, alive.guard()), task_of(4, 10, alive.guard())];
            assert_eq!(all(tasks.map(JoinHandle::flatten)).await.unwrap(), [2, 4]);
            let joined: Vec<Result<u32, JoinError>> =
                all_settled((0..3).map(|number| spawn(ready(number)))).await;
            assert!(joined.into_iter().map(Result::unwrap).eq(0..3));
            assert_eq!(all::<_, [std::future::Ready<Result<(), ()>>; 0]>([]).await, Ok(vec![]));
            assert_eq!(alive.count(), 0);
        });
    });
}

#[test]
fn the_first_error_of_all_cancels_the_others_and_waits_for_them() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let slow = async || slow_to_die(alive.guard()).await.map_err(io::Error::from);
            let fails = async || Err::<(), _>(io::Error::other("first"));
            let error = all((slow(), fails(), slow())).await.unwrap_err();
            assert!(error.to_string() == "first" && alive.count() == 0);
            let children =
                [10, 1, 20].map(|delay_us| attempt(delay_us as u32, 300 * delay_us, alive.guard()));
            assert_eq!(all(children).await, Err("1 failed".to_owned()));
            assert_eq!(alive.count(), 0);
            let tasks = [(2, LATE_US), (3, 100), (4, LATE_US)]
                .map(|(number, delay_us)| task_of(number, delay_us, alive.guard()).flatten());
            assert_eq!(all(tasks).await.unwrap_err().to_string(), "3 failed");
            assert_eq!(alive.count(), 0);
            // At a tie the lower index decides; one that has not begun begins cancelled.
            let log = Log::default();
            let told = async |name| {
                log.note(if task::is_cancelled() { "cancelled" } else { name });
                sleep(micros(0)).await.map_err(|_| "cancelled")?;
                Err::<(), _>(name)
            };
            assert_eq!(all((told("a"), ready(Err::<(), _>("now")), told("b"))).await, Err("now"));
            assert_eq!(log.take(), ["a", "cancelled"]);
            assert_eq!(all((told("a"), told("b"))).await, Err("a"));
        });
    });
}

#[test]
fn any_gives_the_first_success_and_all_errors_else() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let child = |number, delay_us| attempt(number, delay_us, alive.guard());
            assert_eq!(any([child(1, 0), child(2, LATE_US), child(4, 300)]).await, Ok(4));
            assert_eq!(alive.count(), 0);
            let different =
                any((child(1, 0), async { Err::<(), _>("no".to_owned()) }, child(2, 100)));
            assert_eq!(different.await, Ok(OneOf3::Third(2)));
            let failures = any([child(1, 500), child(3, 0), child(5, 200)]).await.unwrap_err();
            assert_eq!(failures.errors(), ["1 failed", "3 failed", "5 failed"]);
            let failures = any((child(1, 50), child(3, 0))).await.unwrap_err();
            assert_eq!(failures.into_errors(), ["1 failed", "3 failed"]);
            let tasks = [(1, 0), (2, LATE_US), (4, 100)]
                .map(|(number, delay_us)| task_of(number, delay_us, alive.guard()).flatten());
            assert_eq!(any(tasks).await.unwrap(), 4);
            assert_eq!(alive.count(), 0);
            let nobody = any(Vec::<std::future::Ready<Result<(), io::Error>>>::new()).await;
            assert_eq!(nobody.unwrap_err().to_string(), "all 0 attempts failed");
            let refused = || ready(Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionRefused)));
            let error = io::Error::from(any([refused(), refused()]).await.unwrap_err());
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            assert!(error.to_string().starts_with("all 2 attempts failed: 0: connection refused"));
        });
    });
}

#[test]
fn a_race_is_won_by_the_first_end_and_at_a_tie_by_the_lower_index() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let slow = || slow_to_die(alive.guard());
            let child = |number, delay_us| attempt(number, delay_us, alive.guard());
            assert_eq!(race([child(2, LATE_US), child(1, 100)]).await, Err("1 failed".to_owned()));
            assert_eq!(race((slow(), ready(7), slow())).await, OneOf3::Second(7));
            assert_eq!(race((ready(1), ready(2))).await.into_inner(), 1);
            assert_eq!(race([ready(1), ready(2), ready(3)]).await, 1);
            assert_eq!(alive.count(), 0);
            let handles = (spawn(slow()), spawn(ready(3)));
            let OneOf2::Second(winner) = race(handles).await else { panic!("the first is slow") };
            assert_eq!((winner.unwrap(), alive.count()), (3, 0));
            // The loser's success comes too late.
            let stubborn = async { shield(sleep(micros(500))).await.map(|()| "late") };
            assert_eq!(race((stubborn, async { Ok("early") })).await.into_inner(), Ok("early"));
        });
    });
}

#[test]
#[should_panic(expected = "a race needs somebody who can win it")]
fn a_race_of_nobody_is_refused() {
    drop(race(Vec::<std::future::Ready<()>>::new()));
}

#[test]
fn all_settled_cancels_nobody() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let child = |number, delay_us| attempt(number, delay_us, alive.guard());
            let settled = all_settled([child(1, 0), child(2, 200), child(3, 50)]).await;
            assert_eq!(settled, [Err("1 failed".into()), Ok(2), Err("3 failed".into())]);
            let (panicked, value, ()) =
                all_settled((spawn(async { panic!("on purpose") }), child(2, 100), async {})).await;
            let panicked: Result<(), _> = panicked;
            assert!(panicked.unwrap_err().is_panic() && value == Ok(2));
            let nobody = all_settled(Vec::<std::future::Ready<()>>::new()).await;
            assert!(nobody.is_empty() && alive.count() == 0);
        });
    });
}

#[test]
fn a_cancelled_child_that_ends_late_is_waited_for() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let outer = alive.clone();
            let task = spawn(async move {
                let slow = || slow_to_die(outer.guard());
                let handle = spawn(slow_to_die(outer.guard()));
                let raced = race((slow(), all((slow(), slow())), all_settled([slow(), slow()])));
                (raced.await, handle.await.unwrap())
            });
            turns(3).await;
            assert_eq!(alive.count(), 6);
            task.cancel();
            let (raced, handle) = task.await.unwrap();
            assert!(matches!(raced, OneOf3::First(Err(Cancelled))));
            assert!(handle.is_err() && alive.count() == 0);
        });
    });
}

#[test]
fn combinators_in_each_other_are_cancelled_from_each_level() {
    on_each_driver(|builder| {
        block_on(builder, async {
            for level in 0..4 {
                let alive = Alive::default();
                let slow = || slow_to_die(alive.guard());
                let decides = |at: u32| async move {
                    let delay = if at == level { micros(50) } else { FOREVER };
                    sleep(delay).await.map_err(|Cancelled| "cancelled")?;
                    Err::<(), _>("decided")
                };
                let innermost = async { race((slow(), decides(0))).await };
                let inner = async {
                    let outcome =
                        all((async { slow().await.map_err(|_| "cancelled") }, decides(1), async {
                            match innermost.await {
                                OneOf2::First(_) => Err::<(), _>("cancelled"),
                                OneOf2::Second(outcome) => outcome,
                            }
                        }));
                    outcome.await.map(|_| ())
                };
                let outer = race((inner, decides(2), slow(), decides(3)));
                let outcome = outer.await;
                assert_eq!(alive.count(), 0, "level {level}");
                match level {
                    0 | 1 => assert!(matches!(outcome, task::OneOf4::First(Err("decided")))),
                    2 => assert!(matches!(outcome, task::OneOf4::Second(Err("decided")))),
                    _ => assert!(matches!(outcome, task::OneOf4::Fourth(Err("decided")))),
                }
            }
        });
    });
}

#[test]
fn a_shield_in_a_loser_holds_its_cancel_off_and_no_longer() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let log = Log::default();
            let loser = async {
                shield(sleep(micros(200))).await.unwrap();
                log.note("shielded");
                // A race in a shield cancels its own losers nevertheless.
                shield(async { race((sleep(FOREVER), ready(()))).await }).await;
                log.note("raced");
                assert!(sleep(FOREVER).await.is_err());
            };
            race((loser, sleep(micros(20)))).await;
            assert_eq!(log.take(), ["shielded", "raced"]);
            assert!(!task::is_cancelled());
            sleep(micros(1)).await.unwrap();
        });
    });
}

#[test]
fn the_part_that_lost_knows_that_it_was_cancelled_and_others_do_not() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let loser = async {
                assert!(!task::is_cancelled());
                assert!(sleep(FOREVER).await.is_err());
                assert!(task::is_cancelled());
                // A dump that is asked for here changes nothing about it.
                assert!(!taut::dump().tasks().is_empty());
                assert!(task::is_cancelled() && sleep(FOREVER).await.is_err());
                yield_now().await;
                assert!(task::is_cancelled() && sleep(FOREVER).await.is_err());
            };
            race((loser, sleep(micros(20)))).await;
            assert!(!task::is_cancelled());
        });
    });
}

#[test]
fn a_panic_of_a_child_drops_the_others() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let guards = [alive.guard(), alive.guard()];
            let task = spawn(async move {
                let [first, last] = guards;
                let panics = async {
                    sleep(micros(20)).await.unwrap();
                    panic!("on purpose");
                };
                all_settled((slow_to_die(first), panics, slow_to_die(last))).await
            });
            assert!(task.await.map(|_: (_, (), _)| ()).unwrap_err().is_panic());
            assert_eq!(alive.count(), 0);
            // The scope of a race that broke off with a panic is closed.
            let breaks = std::panic::AssertUnwindSafe(race((
                async { assert!(sleep(FOREVER).await.is_ok(), "on purpose") },
                sleep(micros(10)),
            )));
            assert!(breaks.catch_unwind().await.is_err());
            assert!(!task::is_cancelled());
            sleep(micros(1)).await.unwrap();
        });
    });
}

#[test]
fn children_may_borrow() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut sum, mut log, text) = (0, Vec::new(), String::from("borrowed"));
            let adds = async {
                sleep(micros(10)).await?;
                sum += text.len();
                Ok(())
            };
            let notes = async {
                log.push(&*text);
                Ok::<(), Cancelled>(())
            };
            all((adds, notes)).await.unwrap();
            assert_eq!((sum, log), (8, vec!["borrowed"]));
            let mut naps = [sleep(micros(30)), sleep(FOREVER)];
            assert_eq!(race(naps.iter_mut()).await, Ok(()));
            let counted = Cell::new(0);
            let each = (0..100).map(async |number| counted.set(counted.get() + number));
            all_settled(each).await;
            assert_eq!(counted.get(), 4950);
        });
    });
}

#[test]
fn a_dropped_combinator_drops_its_children_and_lets_tasks_go() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let (alive, ended) = (Alive::default(), Rc::new(Cell::new(0)));
            let count = |delay| {
                let ended = Rc::clone(&ended);
                spawn(async move {
                    let weight = if sleep(delay).await.is_ok() { 1 } else { 100 };
                    ended.set(ended.get() + weight);
                    Ok(())
                })
            };
            let parts = all((
                slow_to_die(alive.guard()).map(|_| Ok::<(), JoinError>(())),
                count(micros(100)).map(|joined: Result<Result<(), ()>, _>| joined.map(drop)),
                count(FOREVER).cancel_on_drop().map(|joined| joined.map(drop)),
            ));
            common::poll_then_drop(parts, 2).await;
            assert_eq!(alive.count(), 0);
            common::until(|| ended.get() == 101).await;
        });
    });
}

#[test]
fn thousands_of_children_end_and_are_cancelled() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let alive = Alive::default();
            let values = all((0..5000).map(|number| attempt(number * 2, 10, alive.guard())));
            assert_eq!(values.await.unwrap().len(), 5000);
            let failing = (0..5000).map(|number| async move {
                sleep(if number == 4321 { micros(300) } else { FOREVER }).await?;
                Err::<(), _>(io::Error::other("one of them"))
            });
            let error = all(failing).await.unwrap_err();
            assert!(!is_cancelled(&error) && error.to_string() == "one of them");
            let tasks: Vec<_> = (0..5000).map(|_| spawn(slow_to_die(alive.guard()))).collect();
            turns(1).await;
            race((all_settled(tasks), sleep(micros(10)))).await;
            assert_eq!(alive.count(), 0);
            assert!(race((pending::<()>(), ready(()))).now_or_never().is_none(), "it never ends");
        });
    });
}
