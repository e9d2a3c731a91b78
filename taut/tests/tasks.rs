//! Tasks run in the order in which they became runnable, in two lanes, within budgets, and on as
//! many runtimes as a program likes.

#![expect(clippy::async_yields_async, reason = "handles leave their `block_on` on purpose")]

mod common;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use common::{Random, block_on, connected_pair, in_time, on_each_driver, on_each_driver_and_wait};
use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use taut::time::sleep;
use taut::{Runtime, spawn, spawn_background, yield_now};

type Log<T> = Rc<RefCell<Vec<T>>>;

#[test]
fn tasks_run_in_the_order_of_their_spawn_and_of_their_wakes() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let log = Log::default();
            let handles: Vec<_> = (0..50)
                .map(|index| {
                    let log = Rc::clone(&log);
                    spawn(async move {
                        for round in 0..4 {
                            log.borrow_mut().push((round, index));
                            yield_now().await;
                        }
                    })
                })
                .collect();
            for handle in handles {
                handle.await.unwrap();
            }
            let expected: Vec<_> = (0..4).flat_map(|r| (0..50).map(move |i| (r, i))).collect();
            assert_eq!(*log.borrow(), expected);
        });
    });
}

#[test]
fn a_task_that_is_woken_often_runs_once() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut polls = 0;
            let counted = spawn(poll_fn(move |context| {
                polls += 1;
                for _ in 0..10 {
                    context.waker().wake_by_ref();
                    let twin = context.waker().clone();
                    twin.wake();
                }
                if polls == 5 { Poll::Ready(polls) } else { Poll::Pending }
            }));
            let before = taut::counters().polls;
            assert_eq!(counted.await.unwrap(), 5);
            assert_eq!(taut::counters().polls - before, 5 + 1, "its own and this task's");
        });
    });
}

#[test]
fn the_hot_lane_runs_before_the_background() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let log = Log::default();
            let note = |name: &'static str| {
                let log = Rc::clone(&log);
                async move {
                    for _ in 0..3 {
                        log.borrow_mut().push(name);
                        yield_now().await;
                    }
                }
            };
            let background = spawn_background(note("background"));
            let hot = spawn(note("hot"));
            hot.await.unwrap();
            background.await.unwrap();
            let expected = ["hot", "hot", "hot", "background", "background", "background"];
            assert_eq!(*log.borrow(), expected);
        });
    });
}

#[test]
fn each_turn_gives_both_lanes_their_budget_and_no_more() {
    on_each_driver(|builder| {
        let runtime = builder.poll_budget(4).background_budget(2).build().unwrap();
        runtime.block_on(in_time(async {
            let background_polls = Rc::new(Cell::new(0));
            for _ in 0..5 {
                let polls = Rc::clone(&background_polls);
                drop(spawn_background(async move {
                    loop {
                        polls.set(polls.get() + 1);
                        yield_now().await;
                    }
                }));
            }
            let turns = taut::counters().turns;
            for _ in 0..4 * 100 {
                yield_now().await;
            }
            // 4 polls of this task a turn, so 100 turns, give or take the first and the last.
            assert!((99..=101).contains(&(taut::counters().turns - turns)));
            assert!((198..=202).contains(&background_polls.get()));
        }));
    });
}

#[test]
fn tasks_that_yield_for_ever_starve_neither_sockets_nor_timers_nor_the_background() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for _ in 0..200 {
                drop(spawn(async {
                    loop {
                        yield_now().await;
                    }
                }));
            }
            let (mut client, mut server) = connected_pair().await;
            let echo = spawn_background(async move {
                let message = server.recv().await.unwrap();
                server.write_all(&message).await.unwrap();
            });
            sleep(Duration::from_micros(100)).await.unwrap();
            client.write_all(b"still here").await.unwrap();
            let mut answer = [0; 10];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"still here");
            echo.await.unwrap();
        });
    });
}

#[test]
fn foreign_combinators_drive_our_futures() {
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut random = Random::new(7);
            let mut unordered: FuturesUnordered<_> = (0..200_u64)
                .map(|index| {
                    let (delay, yields) = (random.below(300) as u64, random.below(5));
                    async move {
                        let child = spawn(async move {
                            for _ in 0..yields {
                                yield_now().await;
                            }
                            index
                        });
                        sleep(Duration::from_micros(delay)).await.unwrap();
                        child.await.unwrap()
                    }
                })
                .collect();
            let mut seen = Vec::new();
            while let Some(index) = unordered.next().await {
                seen.push(index);
            }
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..200));

            let handles = (0..100).map(|index| spawn(async move { index }));
            let outputs = join_all(handles).await.into_iter().map(Result::unwrap);
            assert!(outputs.eq(0..100));

            let slow = pin!(sleep(Duration::from_secs(3600)));
            match select(slow, spawn(async { 3 })).await {
                Either::Right((Ok(3), _slow)) => {}
                _ => panic!("an hour passed first"),
            }
        });
    });
}

#[test]
fn a_handle_can_change_hands_between_polls() {
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut slow = spawn(async {
                for _ in 0..20 {
                    yield_now().await;
                }
                9
            });
            assert!((&mut slow).now_or_never().is_none(), "polled by a waker that does nothing");
            let mut slow = spawn(async move {
                assert!((&mut slow).now_or_never().is_none());
                yield_now().await;
                slow
            })
            .await
            .unwrap();
            assert!(!slow.is_finished());
            assert_eq!((&mut slow).await.unwrap(), 9);
            assert!(slow.is_finished());
        });
    });
}

#[test]
fn runtimes_nest_on_one_thread() {
    on_each_driver(|builder| {
        let outer = builder.clone().build().unwrap();
        let inner = builder.poll_budget(8).build().unwrap();
        outer.block_on(in_time(async {
            // Nine polls, of which seven fit into the turn of the spawn.
            let handle = inner.block_on(async {
                spawn(async {
                    for _ in 0..8 {
                        yield_now().await;
                    }
                    "inner"
                })
            });
            assert!(!handle.is_finished());
            // A task of the outer runtime waits for one of the inner, which ends in the last turn
            // that the inner one makes.
            let waiting = spawn(handle);
            yield_now().await;
            inner.block_on(yield_now());
            assert_eq!(waiting.await.unwrap().unwrap(), "inner");
            // And the inner one's futures can be polled by a task of the outer.
            let nap = inner.block_on(async { sleep(Duration::from_micros(20)) });
            nap.await.unwrap();
            assert_eq!(spawn(async { 1 }).await.unwrap(), 1, "the outer is current again");
        }));
    });
}

#[test]
fn block_on_inside_itself_is_refused_at_every_depth() {
    on_each_driver(|builder| {
        let (outer, inner) = (builder.clone().build().unwrap(), builder.build().unwrap());
        let refused = |block_on: &dyn Fn()| {
            let panic = catch_unwind(AssertUnwindSafe(block_on)).unwrap_err();
            let message = panic.downcast_ref::<&str>().unwrap();
            assert!(message.contains("inside of the same runtime's block_on"), "{message}");
        };
        outer.block_on(async {
            refused(&|| outer.block_on(async {}));
            inner.block_on(async { refused(&|| outer.block_on(async {})) });
            assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
        });
        assert_eq!(outer.block_on(async { 2 }), 2);
        assert_eq!(inner.block_on(async { 3 }), 3);
    });
}

#[test]
fn outside_of_a_runtime_nothing_can_be_spawned_or_started() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        let refused = |call: fn()| {
            let message = catch_unwind(call).unwrap_err();
            let message = message.downcast_ref::<String>().map(String::as_str);
            let message = message.unwrap_or("no text");
            assert!(message.contains("no Taut runtime on this thread"), "{message}");
        };
        for _ in 0..2 {
            refused(|| drop(spawn(async {})));
            refused(|| drop(spawn_background(async {})));
            refused(|| drop(sleep(Duration::ZERO)));
            refused(|| _ = taut::counters());
            runtime.block_on(async { spawn(async {}).await.unwrap() });
        }
    });
}

#[test]
fn each_thread_can_have_a_runtime_of_its_own() {
    on_each_driver_and_wait(|builder| {
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let builder = builder.clone();
                std::thread::spawn(move || {
                    block_on(builder, async move {
                        let handles = (0..100).map(|index| {
                            spawn(async move {
                                sleep(Duration::from_micros(index)).await.unwrap();
                                thread * 1000 + index
                            })
                        });
                        join_all(handles).await.into_iter().map(Result::unwrap).sum::<u64>()
                    })
                })
            })
            .collect();
        for (thread, handle) in threads.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap(), thread as u64 * 100_000 + 4950);
        }
    });
}

#[test]
fn tasks_go_on_in_the_next_block_on_and_borrows_end_with_it() {
    on_each_driver(|builder| {
        let runtime: Runtime = builder.build().unwrap();
        let mut text = String::from("a");
        let handle = runtime.block_on(async {
            text.push('b');
            spawn(async {
                sleep(Duration::from_micros(50)).await.unwrap();
                "later"
            })
        });
        text.push('c');
        assert_eq!(text, "abc");
        assert_eq!(runtime.block_on(handle).unwrap(), "later");
        assert_eq!(runtime.counters().tasks_live, 0);
    });
}
