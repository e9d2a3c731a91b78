//! The turn-length recorder: which turns are counted, kept and told, and whose they were.

mod common;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::tasks::FOREVER;
use common::{block_on, on_each_driver, turns};
use taut::counter_file::{CounterFile, CounterFileOptions, CounterReader};
use taut::{Builder, LONG_TURNS_MAX, LongTurn, Runtime, counters, long_turns, spawn, yield_now};

const BUSY: Duration = Duration::from_millis(2);

/// Keeps the core for so long.
fn busy(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Has each turn over the budget told to the list.
fn telling(builder: Builder, budget: Duration) -> (Builder, Arc<Mutex<Vec<LongTurn>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&told);
    let hook = move |turn: &LongTurn| list.lock().unwrap().push(turn.clone());
    (builder.turn_budget(budget).on_long_turn(hook), told)
}

#[test]
fn without_a_budget_nothing_is_recorded() {
    on_each_driver(|builder| {
        let builder = builder.on_long_turn(|_| panic!("no budget was set"));
        block_on(builder, async {
            spawn(async { busy(BUSY) }).await.unwrap();
            assert!(long_turns().is_empty());
            assert_eq!((counters().turn_max_ns, counters().turns_over_budget), (0, 0));
        });
    });
}

#[test]
fn the_task_that_held_the_turn_up_is_named_though_it_has_ended() {
    on_each_driver(|builder| {
        let (builder, told) = telling(builder, BUSY / 2);
        let line = block_on(builder, async {
            for _ in 0..10 {
                drop(spawn(async {}).named("quick"));
            }
            let task = spawn(async { busy(BUSY) }).named("slow");
            let line = line!() - 1;
            task.await.unwrap();
            turns(2).await;
            let own = long_turns();
            assert!(own[0].length() >= BUSY);
            assert!(counters().turn_max_ns >= BUSY.as_nanos() as u64);
            assert!(counters().turns_over_budget >= 1);
            line
        });
        let told = told.lock().unwrap();
        let turn = told.iter().find(|turn| turn.task_name() == Some("slow")).unwrap();
        assert_eq!((turn.spawned_at().file(), turn.spawned_at().line()), (file!(), line));
        assert!(turn.polls() >= 11, "{turn}");
        assert!(turn.longest_poll() >= BUSY && turn.longest_poll() <= turn.length());
        let shown = turn.to_string();
        assert!(shown.contains("\"slow\", spawned at") && shown.contains(file!()), "{shown}");
    });
}

#[test]
fn a_turn_of_many_short_polls_is_told_by_its_sum() {
    on_each_driver(|builder| {
        let (builder, told) = telling(builder, BUSY * 5);
        block_on(builder, async {
            let tasks: Vec<_> = (0..10).map(|_| spawn(async { busy(BUSY) })).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let told = told.lock().unwrap();
        let turn = told.iter().max_by_key(|turn| turn.polls()).unwrap();
        assert!(turn.polls() >= 10 && turn.length() >= BUSY * 10, "{turn}");
    });
}

#[test]
fn sleeping_is_no_part_of_a_turn() {
    on_each_driver(|builder| {
        let builder = builder.wait(taut::WaitStrategy::Park).turn_budget(FOREVER);
        let start = Instant::now();
        let longest = block_on(builder, async {
            taut::time::sleep(Duration::from_millis(500)).await.unwrap();
            turns(2).await;
            counters().turn_max_ns
        });
        assert!(start.elapsed() >= Duration::from_millis(500));
        assert!(longest < 500_000_000, "{longest} ns");
    });
}

#[test]
fn the_longest_are_kept_in_order_and_no_more_of_them() {
    on_each_driver(|builder| {
        block_on(builder.turn_budget(FOREVER), async {
            for round in 0..3 * LONG_TURNS_MAX as u32 {
                spawn(async move { busy(Duration::from_micros(u64::from(round) * 20)) })
                    .await
                    .unwrap();
                turns(1).await;
            }
            let kept = long_turns();
            assert_eq!(kept.len(), LONG_TURNS_MAX);
            assert!(kept.is_sorted_by_key(|turn| std::cmp::Reverse(turn.length())));
            assert_eq!(u128::from(counters().turn_max_ns), kept[0].length().as_nanos());
            assert_eq!(counters().turns_over_budget, 0);
        });
    });
}

#[test]
fn a_hook_may_use_the_runtime_and_its_panic_ends_there() {
    on_each_driver(|builder| {
        let calls = Arc::new(AtomicU64::new(0));
        let called = Arc::clone(&calls);
        let builder = builder.turn_budget(Duration::ZERO).on_long_turn(move |_| {
            let call = called.fetch_add(1, Ordering::Relaxed);
            assert!(!long_turns().is_empty());
            let _ = (taut::dump(), counters());
            drop(spawn(async {}));
            assert!(call.is_multiple_of(2), "every other call panics");
        });
        let value = block_on(builder, async {
            turns(10).await;
            7
        });
        assert_eq!(value, 7);
        assert!(calls.load(Ordering::Relaxed) >= 10);
    });
}

#[test]
fn a_runtime_inside_of_a_task_has_its_own_turns() {
    on_each_driver(|builder| {
        let (outer, told_outer) = telling(builder.clone(), BUSY / 2);
        let (inner, told_inner) = telling(builder, BUSY / 2);
        block_on(outer, async move {
            let nested = spawn(async move {
                let inner = inner.build().unwrap();
                inner.block_on(async { spawn(async { busy(BUSY) }).named("inner").await.unwrap() });
                assert!(inner.long_turns()[0].length() >= BUSY);
            });
            nested.named("outer").await.unwrap();
        });
        let names = |told: &Mutex<Vec<LongTurn>>| {
            let told = told.lock().unwrap();
            let longest = told.iter().max_by_key(|turn| turn.longest_poll()).unwrap();
            longest.task_name().map(str::to_owned)
        };
        assert_eq!(names(&told_inner).as_deref(), Some("inner"));
        assert_eq!(names(&told_outer).as_deref(), Some("outer"));
    });
}

#[test]
fn a_task_that_is_aborted_or_panics_in_a_long_poll_is_told_too() {
    struct SlowToDrop;
    impl Drop for SlowToDrop {
        fn drop(&mut self) {
            busy(BUSY);
        }
    }
    on_each_driver(|builder| {
        let (builder, told) = telling(builder, BUSY / 2);
        block_on(builder, async {
            let guard = SlowToDrop;
            let aborted = spawn(async move {
                let _guard = guard;
                taut::time::sleep(FOREVER).await.unwrap();
            })
            .named("aborted");
            turns(2).await;
            aborted.abort();
            assert!(aborted.await.unwrap_err().is_aborted());
            // Or the other poll, which prints, is the longest of the same turn.
            turns(2).await;
            let panics = spawn(async {
                busy(BUSY);
                panic!("on purpose");
            });
            assert!(panics.named("panics").await.unwrap_err().is_panic());
        });
        let told = told.lock().unwrap();
        for name in ["aborted", "panics"] {
            assert!(told.iter().any(|turn| turn.task_name() == Some(name)), "{name}");
        }
    });
}

#[test]
fn a_long_turn_may_go_to_another_thread() {
    let (sender, receiver) = channel();
    let runtime = Runtime::builder()
        .turn_budget(Duration::ZERO)
        .on_long_turn(move |turn| sender.send(turn.clone()).unwrap_or_default())
        .build()
        .unwrap();
    let names = Rc::new(RefCell::new(Vec::new()));
    runtime.block_on(async { yield_now().await });
    let told = std::thread::spawn(move || receiver.recv().unwrap()).join().unwrap();
    names.borrow_mut().push(told.task_number());
    assert_eq!(*names.borrow(), [0]);
}

#[test]
fn turn_lengths_join_the_counter_file() {
    on_each_driver(|builder| {
        let name = format!("test-turns-{}", std::process::id());
        let options = CounterFileOptions { name, ..Default::default() };
        let file = CounterFile::create(options).unwrap();
        let builder = builder.counter_file(&file).turn_budget(BUSY / 2);
        block_on(builder, async {
            spawn(async { busy(BUSY) }).await.unwrap();
            turns(2).await;
        });
        let seen = CounterReader::open(file.path()).unwrap().snapshot().unwrap();
        let lengths = seen.distribution(1, "turn_ns").unwrap();
        assert!(lengths.len() >= 2 && lengths.max() >= BUSY.as_nanos() as u64);
        let longest = seen.number(1, "turn_max_ns").unwrap();
        assert!(lengths.max() >= longest && lengths.max() <= longest + longest / 50);
        assert!(seen.number(1, "turns_over_budget") >= Some(1));
    });
}
