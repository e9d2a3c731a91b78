//! Cores that can't be had are refused before anything starts, with what there is and what to do.

mod common;

use std::io;

use common::cores::{allowed, sharing, small};
use common::on_each_driver;
use rustix::thread::{CpuSet, sched_setaffinity};
use taut::cores::{CoreSelection, Cores, CoresError, CoresErrorKind, isolated, node};
use taut::{Builder, Runtime, WaitStrategy};

/// More cores than any kernel counts.
const NO_CORE: usize = 60_000;

fn try_on(cores: impl Into<CoreSelection>) -> Result<Vec<Option<usize>>, CoresError> {
    let run = taut::cores(cores).runtime(small(Runtime::builder())).stop_on([]);
    run.run(|core| async move { Ok::<_, io::Error>(core.core()) }).map(|run| run.into_values())
}

fn refused(cores: impl Into<CoreSelection>) -> String {
    let error = try_on(cores).unwrap_err();
    assert_eq!(error.kind(), CoresErrorKind::Choice, "{error}");
    assert!(error.failures().is_empty());
    error.to_string()
}

#[test]
fn each_way_to_name_cores_chooses_them() {
    let core = allowed()[0];
    let ways: [CoreSelection; 7] = [
        core.into(),
        [core].into(),
        (&[core][..]).into(),
        vec![core].into(),
        (core..=core).into(),
        core.to_string().into(),
        format!("{core}-{core}\n").as_str().into(),
    ];
    for way in ways {
        assert_eq!(try_on(way).unwrap(), [Some(core)]);
    }
    let all = allowed();
    let wanted: Vec<_> = all.iter().copied().map(Some).collect();
    assert_eq!(try_on(&all).unwrap(), wanted);
}

#[test]
fn a_node_is_all_of_its_cores_that_this_process_may_use() {
    let Ok(nodes) = std::fs::read_to_string("/sys/devices/system/node/has_cpu") else {
        return eprintln!("SKIPPED: this host tells of no nodes");
    };
    let nodes: taut::cores::CoreList = nodes.parse().unwrap();
    let mut cores: Vec<_> =
        nodes.iter().flat_map(|number| try_on(node(*number)).unwrap_or_default()).collect();
    cores.sort_unstable();
    assert_eq!(cores, allowed().into_iter().map(Some).collect::<Vec<_>>());
    assert!(refused(node(NO_CORE)).contains("there is no NUMA node 60000"));
}

#[test]
fn isolated_cores_are_those_of_the_kernel_or_an_error_that_tells_how_to_get_some() {
    let list = std::fs::read_to_string("/sys/devices/system/cpu/isolated").unwrap_or_default();
    for choice in [isolated(), "isolated".into()] {
        match list.trim() {
            "" => {
                let text = refused(choice);
                assert!(text.contains("isolates no core") && text.contains("isolcpus="), "{text}");
            }
            list => {
                let list: taut::cores::CoreList = list.parse().unwrap();
                assert_eq!(try_on(choice).unwrap().len(), list.len());
            }
        }
    }
}

#[test]
fn a_core_that_does_not_exist_is_named_with_those_that_do() {
    let text = refused([allowed()[0], NO_CORE]);
    assert!(text.contains("core 60000 does not exist: this host has the cores "), "{text}");
}

#[test]
fn more_cores_than_there_are_is_an_error() {
    let text = refused(0..NO_CORE);
    assert!(text.contains("does not exist"), "{text}");
}

#[test]
fn a_core_outside_of_the_threads_affinity_is_refused() {
    let all = allowed();
    let [first, second, ..] = all[..] else {
        return eprintln!("SKIPPED: needs two cores");
    };
    let narrowed = std::thread::spawn(move || {
        let mut only = CpuSet::new();
        only.set(first);
        sched_setaffinity(None, &only).unwrap();
        assert_eq!(try_on([first]).unwrap(), [Some(first)]);
        let text = refused([first, second]);
        let expected = format!("core {second} is outside of the cores that this process may use");
        assert!(text.contains(&expected) && text.contains(&format!("({first})")), "{text}");
        assert!(text.contains("taskset"), "{text}");
    });
    narrowed.join().unwrap();
}

#[test]
fn the_pin_of_a_runtime_on_this_thread_does_not_narrow_the_choice() {
    let all = allowed();
    let runtime = small(Runtime::builder()).core(all[0]).build().unwrap();
    assert_eq!(try_on(&all).unwrap().len(), all.len());
    drop(runtime);
}

#[test]
fn a_core_that_is_listed_twice_is_refused_unless_sharing_is_allowed() {
    let core = allowed()[0];
    let text = refused([core, core]);
    assert!(text.contains(&format!("core {core} is listed twice")), "{text}");
    assert!(text.contains("allow_shared_cores"), "{text}");

    let twice = || {
        Cores::<taut::cores::ByRole<()>>::new()
            .stop_on([])
            .role("feed", core, |_core| async { Ok::<_, io::Error>(()) })
            .role("books", core, |_core| async { Ok::<_, io::Error>(()) })
    };
    let text = twice().run().unwrap_err().to_string();
    assert!(text.contains("(for \"feed\" and for \"books\")"), "{text}");
    on_each_driver(|builder| {
        let shared = twice().allow_shared_cores(true).runtime(small(builder));
        assert_eq!(shared.run().unwrap().ends().len(), 2);
    });
}

#[test]
fn spinning_at_a_real_time_priority_on_a_shared_core_is_refused() {
    let error = sharing(&Runtime::builder(), 4)
        .configure(allowed()[0], |builder: Builder| {
            builder.wait(WaitStrategy::Spin).fifo_priority(1)
        })
        .run(|_core| async { Ok::<_, io::Error>(()) })
        .unwrap_err();
    assert_eq!(error.kind(), CoresErrorKind::Choice);
    assert!(error.to_string().contains("would never run"), "{error}");
}

#[test]
fn what_is_no_list_or_names_nothing_is_refused() {
    assert!(refused("2-5,x").contains("\"x\" is no core"));
    assert!(refused("").contains("no core was chosen"));
    assert!(refused(Vec::new()).contains("no core was chosen"));
    let none = Cores::<taut::cores::ByRole<()>>::new().run().unwrap_err();
    assert!(none.to_string().contains("no role"), "{none}");
}

#[test]
fn roles_are_told_apart_and_settings_are_for_one_that_exists() {
    let core = allowed()[0];
    let idle = |_core| async { Ok::<_, io::Error>(()) };
    let text = |cores: Cores<taut::cores::ByRole<()>>| {
        let error = cores.allow_shared_cores(true).stop_on([]).run().unwrap_err();
        assert_eq!(error.kind(), CoresErrorKind::Choice);
        error.to_string()
    };
    let twice = Cores::new().role("feed", core, idle).role("feed", core, idle);
    assert!(text(twice).contains("two roles are named \"feed\""));
    assert!(text(Cores::new().role("", core, idle)).contains("can't be named"));
    assert!(text(Cores::new().role("a\0b", core, idle)).contains("can't be named"));
    let unknown = Cores::new().configure("fed", |builder| builder).role("feed", core, idle);
    let unknown = text(unknown);
    assert!(unknown.contains("\"fed\"") && unknown.contains("feed"), "{unknown}");
}

#[test]
fn in_degraded_mode_a_core_that_can_not_be_had_is_reported_and_counted() {
    on_each_driver(|builder| {
        let outcome = taut::cores([allowed()[0], NO_CORE])
            .stop_on([])
            .runtime(small(builder).allow_degraded(true))
            .run(|core| async move {
                let refused: Vec<_> = core.refused().map(|feature| feature.name).collect();
                Ok::<_, io::Error>((refused, taut::counters().options_refused))
            })
            .unwrap();
        let refused: Vec<_> =
            outcome.refused().map(|(info, feature)| (info.core(), feature.name)).collect();
        assert_eq!(refused, [(NO_CORE, "pinned")]);
        let expected = [Some((vec![], 0)), Some((vec!["pinned"], 1))];
        assert_eq!(outcome.into_values(), expected);
    });
}
