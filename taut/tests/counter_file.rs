//! Runtimes that count in a file: what another process would see of them, and when.

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;
use std::time::Instant;

use common::{HUNG_AFTER, connected_pair, in_time, on_each_driver};
use taut::channel::shared;
use taut::counter_file::{CounterFile, CounterFileOptions, CounterReader, Kind, Snapshot};
use taut::latency::{Limits, Recorder};
use taut::{BuildErrorKind, Builder, Counters, WaitStrategy, spawn, yield_now};

const TURNING: Option<u64> = Some(1);
const ASLEEP: Option<u64> = Some(2);
const ENDED: Option<u64> = Some(3);

fn file(limit: u32) -> CounterFile {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("test-runtime-{}-{number}", std::process::id());
    let options = CounterFileOptions { name, cores_max: limit, ..Default::default() };
    CounterFile::create(options).unwrap()
}

fn look(file: &CounterFile) -> Snapshot {
    CounterReader::open(file.path()).unwrap().snapshot().unwrap()
}

#[test]
fn what_the_file_says_is_what_the_runtime_says() {
    on_each_driver(|builder| {
        let file = file(4);
        let runtime = builder.counter_file(&file).build().unwrap();
        runtime.block_on(async {
            let (mut near, mut far) = connected_pair().await;
            near.write_all(b"8=FIX.4.4").await.unwrap();
            assert_eq!(far.recv().await.unwrap().len(), 9);
        });
        let (seen, own) = (look(&file), runtime.counters());
        for ((label, value), spec) in own.rows().zip(Counters::specs()) {
            let shown = seen.value(1, label).unwrap();
            assert_eq!(shown.number(), Some(value), "{label}");
            assert_eq!((shown.kind(), shown.unit()), (spec.kind, spec.unit), "{label}");
        }
        assert_eq!(seen.damaged_records(), 0);
        assert!(own.sent_bytes >= 9 && own.received_bytes >= 9 && own.sends > 0, "{own:?}");
    });
}

#[test]
fn runtimes_of_several_threads_count_apart_and_their_ends_are_seen() {
    on_each_driver(|builder| {
        let file = file(2);
        thread::scope(|scope| {
            for (name, spawns) in [("feed", 10), ("gateway", 20)] {
                let builder = builder.clone().counter_file(&file);
                let thread = thread::Builder::new().name(name.to_owned());
                let run = move || {
                    let runtime = builder.build().unwrap();
                    runtime.block_on(async {
                        for _ in 0..spawns {
                            spawn(async {}).await.unwrap();
                        }
                    });
                };
                thread.spawn_scoped(scope, run).unwrap();
            }
        });
        let seen = look(&file);
        let mut cores: Vec<_> = (1..=2)
            .map(|owner| (seen.name(owner).unwrap(), seen.number(owner, "tasks_spawned")))
            .collect();
        cores.sort_unstable();
        assert_eq!(cores, [("feed", Some(11)), ("gateway", Some(21))]);
        assert_eq!((seen.number(1, "state"), seen.number(2, "state")), (ENDED, ENDED));

        // Their places are free, and the next one begins from zero.
        let third = builder.counter_file(&file).build().unwrap();
        let states: Vec<_> = (1..=2).map(|owner| look(&file).number(owner, "state")).collect();
        assert_eq!(states.iter().filter(|state| **state == Some(0)).count(), 1);
        drop(third);
    });
}

#[test]
fn the_cores_of_a_launch_share_the_file_of_their_builder() {
    on_each_driver(|builder| {
        let file = file(2);
        taut::cores([0, 0])
            .allow_shared_cores(true)
            .runtime(builder.allow_degraded(true).counter_file(&file))
            .run(|_| async { Ok::<_, String>(()) })
            .unwrap();
        let seen = look(&file);
        for owner in [1, 2] {
            assert_eq!(seen.number(owner, "state"), ENDED);
            assert!(seen.name(owner).unwrap().contains("@0"), "{:?}", seen.name(owner));
        }
    });
}

#[test]
fn one_runtime_too_many_is_refused_with_the_limit() {
    on_each_driver(|builder| {
        let builder: Builder = builder.counter_file(&file(1));
        let _first = builder.clone().build().unwrap();
        let refused = builder.build().unwrap_err();
        assert_eq!(refused.kind(), BuildErrorKind::Configuration);
        assert!(refused.to_string().contains("cores_max of 1"), "{refused}");
    });
}

/// Looks until the core is seen like this.
fn until_seen(file: &CounterFile, what: &str, is: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let start = Instant::now();
    let mut reader = CounterReader::open(file.path()).unwrap();
    loop {
        let seen = reader.snapshot().unwrap();
        if is(&seen) {
            return seen;
        }
        assert!(start.elapsed() < HUNG_AFTER, "the core was not seen {what}: {seen:?}");
        thread::yield_now();
    }
}

#[test]
fn a_core_that_sleeps_one_that_is_stuck_and_one_that_turns_look_different() {
    on_each_driver(|builder| {
        let file = file(1);
        let builder = builder.wait(WaitStrategy::Park).counter_file(&file);
        thread::scope(|scope| {
            // Dropped when this ends, also by a panic: so the core ends.
            let (wake, woken) = shared::channel(1);
            let (free, freed) = channel();
            let (_turn, turns) = channel::<()>();
            let builder = builder.clone();
            scope.spawn(move || {
                builder.build().unwrap().block_on(async {
                    in_time(woken.recv()).await.unwrap();
                    freed.recv().unwrap();
                    while turns.try_recv() == Err(TryRecvError::Empty) {
                        yield_now().await;
                    }
                });
            });
            let state = |seen: &Snapshot| seen.number(1, "state");
            until_seen(&file, "asleep", |seen| state(seen) == ASLEEP);

            wake.try_send(()).unwrap();
            let polls = |seen: &Snapshot| seen.number(1, "remote_wakes");
            let stuck =
                until_seen(&file, "stuck", |seen| state(seen) == TURNING && polls(seen) > Some(0));
            let later = look(&file);
            assert_eq!(
                (state(&later), later.number(1, "turns")),
                (TURNING, stuck.number(1, "turns"))
            );

            free.send(()).unwrap();
            let beat = |seen: &Snapshot| seen.number(1, "heartbeat_ns");
            until_seen(&file, "turning", |seen| {
                beat(seen) > beat(&stuck) && seen.number(1, "turns") > stuck.number(1, "turns")
            });
        });
        assert_eq!(look(&file).number(1, "state"), ENDED);
    });
}

#[test]
fn a_user_s_values_and_recorders_stand_beside_the_core_s() {
    on_each_driver(|builder| {
        let file = file(1);
        let orders = file.counter("orders_sent", "orders").unwrap();
        let (decode, _) = Recorder::in_file(&file, "decode", Limits::default()).unwrap();
        builder.counter_file(&file).build().unwrap().block_on(async {
            spawn(async move {
                orders.add(3);
                decode.record_ns(850);
            })
            .await
            .unwrap();
        });
        let seen = look(&file);
        assert_eq!(seen.number(0, "orders_sent"), Some(3));
        assert_eq!(seen.value(0, "orders_sent").unwrap().kind(), Kind::Counter);
        assert_eq!(seen.distribution(0, "decode").unwrap().value_at_quantile(0.5), 850);
    });
}

#[test]
fn a_recorder_that_comes_again_goes_on_and_its_reading_end_begins_anew() {
    let file = file(1);
    let limits = Limits { highest_ns: 1_000, ..Limits::default() };
    let (first, mut seen) = Recorder::in_file(&file, "stage", limits).unwrap();
    first.record_ns(5_000);
    assert_eq!((seen.snapshot().len(), seen.saturated()), (1, 1));
    let refused = Recorder::in_file(&file, "stage", limits).unwrap_err();
    assert!(refused.to_string().contains("stage"), "{refused}");
    drop((first, seen));

    let (second, mut seen) = Recorder::in_file(&file, "stage", limits).unwrap();
    second.record_ns(7);
    assert_eq!((seen.snapshot().len(), seen.saturated()), (1, 0));
    assert_eq!(look(&file).distribution(0, "stage").unwrap().len(), 2);
}
