//! Options that change the thread or the process: granted and given back at the end, or refused
//! with the remedy, or in degraded mode reported and counted.

mod common;

use std::io::{self, Read};

use common::cores::{allowed, small};
use common::on_each_driver;
use common::whole_process::alone;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use taut::cores::CoresErrorKind;
use taut::{BuildErrorKind, Builder, Cancelled, NumaMemory, Runtime, WaitStrategy, off_core};

/// On a thread of its own, since the thread is changed.
fn on_a_thread<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(body).join().unwrap())
}

/// Runs the body without the privileges that a host need not give, and with little in the limits.
fn without_privileges<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    // The memory is enough for rings, and less than any process has.
    const LIMITS: [(Resource, u64); 2] = [(Resource::Rtprio, 0), (Resource::Memlock, 4 << 20)];

    let before = LIMITS.map(|(resource, _)| getrlimit(resource));
    for ((resource, current), limit) in LIMITS.into_iter().zip(&before) {
        setrlimit(resource, Rlimit { current: Some(current), maximum: limit.maximum }).unwrap();
    }
    let outcome = on_a_thread(|| {
        let mut sets = capabilities(None).unwrap();
        sets.effective -= CapabilitySet::SYS_NICE | CapabilitySet::IPC_LOCK;
        set_capabilities(None, sets).unwrap();
        body()
    });
    for ((resource, _), limit) in LIMITS.into_iter().zip(before) {
        setrlimit(resource, limit).unwrap();
    }
    outcome
}

/// The kernel's words on this thread's policy and priority.
fn scheduling() -> (i32, i32) {
    let mut parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the calls take a number and write one structure.
    let policy = unsafe {
        assert_eq!(libc::sched_getparam(0, &raw mut parameters), 0);
        libc::sched_getscheduler(0)
    };
    (policy, parameters.sched_priority)
}

const ORDINARY: (i32, i32) = (libc::SCHED_OTHER, 0);

fn fifo(priority: i32) -> (i32, i32) {
    (libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, priority)
}

/// Builds where the host grants it.
fn granted(builder: Builder) -> Option<Runtime> {
    match builder.build() {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            assert_eq!(error.kind(), BuildErrorKind::NotGranted, "{error}");
            eprintln!("SKIPPED: {error}");
            None
        }
    }
}

#[test]
fn a_real_time_priority_is_the_threads_alone_and_given_back() {
    let _alone = alone();
    on_each_driver(|builder| {
        on_a_thread(|| {
            let builder = small(builder);
            let Some(runtime) = granted(builder.clone().fifo_priority(3)) else { return };
            assert_eq!(scheduling(), fifo(3));
            let others = runtime.block_on(async {
                let thread = std::thread::spawn(scheduling).join().unwrap();
                (off_core(scheduling).await.unwrap(), thread)
            });
            assert_eq!(others, (ORDINARY, ORDINARY));
            let second = builder.fifo_priority(5).build().unwrap();
            drop(runtime);
            assert_eq!(scheduling(), fifo(5), "the newer one still counts");
            drop(second);
            assert_eq!(scheduling(), ORDINARY);
        });
    });
}

#[test]
fn a_core_that_spins_at_a_real_time_priority_hears_the_stop() {
    let _alone = alone();
    let [_, .., last] = allowed()[..] else { return eprintln!("SKIPPED: needs two cores") };
    on_each_driver(|builder| {
        let builder = small(builder).wait(WaitStrategy::Spin).fifo_priority(1);
        let running = taut::cores([last]).stop_on([]).runtime(builder).start(|core| async move {
            core.stopping().await?;
            Ok::<_, Cancelled>(scheduling())
        });
        match running {
            Ok(running) => {
                running.stop();
                assert_eq!(running.join().unwrap().into_values(), [Some(fifo(1))]);
            }
            Err(error) => eprintln!("SKIPPED: {error}"),
        }
    });
}

#[test]
fn each_refusal_is_an_error_with_its_remedy_or_a_row_and_a_count() {
    let _alone = alone();
    on_each_driver(|builder| {
        let cases = [
            (small(builder.clone()).fifo_priority(3), "SCHED_FIFO", "ulimit -r"),
            (small(builder.clone()).lock_all_memory(true), "all memory locked", "ulimit -l"),
            (small(builder).prefault_stack_bytes(1 << 30), "stack touched", "larger stack"),
        ];
        for (builder, name, remedy) in cases {
            without_privileges(move || {
                let error = builder.clone().build().unwrap_err();
                assert_eq!(error.kind(), BuildErrorKind::NotGranted, "{error}");
                let text = error.to_string();
                assert!(text.contains(name) && text.contains(remedy), "{text}");
                assert!(text.contains("allow_degraded(true)"), "{text}");
                assert_eq!(scheduling(), ORDINARY);

                let runtime = builder.allow_degraded(true).build().unwrap();
                let rows: Vec<_> = runtime.features().degraded().collect();
                assert_eq!(rows.len(), 1, "{}", runtime.features());
                assert!(rows[0].name == name && rows[0].reason.contains(remedy), "{:?}", rows[0]);
                assert_eq!(runtime.counters().options_refused, 1);
            });
        }
    });
}

#[test]
fn a_run_of_cores_names_the_core_that_is_refused_or_counts_what_was() {
    let _alone = alone();
    on_each_driver(|builder| {
        without_privileges(move || {
            let run = |degraded| {
                let builder = small(builder.clone()).allow_degraded(degraded).fifo_priority(3);
                let cores = taut::cores([allowed()[0]]).stop_on([]).runtime(builder);
                cores.run(|core| async move { Ok::<_, io::Error>(core.refused().count()) })
            };
            let error = run(false).unwrap_err();
            assert_eq!(error.kind(), CoresErrorKind::Build);
            let text = error.to_string();
            let at_fault = format!("core {} got no runtime", allowed()[0]);
            assert!(text.starts_with(&at_fault) && text.contains("ulimit -r"), "{text}");

            let outcome = run(true).unwrap();
            assert_eq!(outcome.refused().count(), 1);
            assert_eq!(outcome.into_values(), [Some(1)]);
        });
    });
}

/// Memory of this process that is locked, in bytes.
fn locked_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn all_memory_is_locked_until_the_last_runtime_that_locked_any_has_ended() {
    // More than an allocator takes from what it has already.
    const BYTES: usize = 48 << 20;

    let _alone = alone();
    on_each_driver(|builder| {
        assert_eq!(locked_bytes(), 0);
        let with_pools = small(builder.clone()).build().unwrap();
        let pools = locked_bytes();
        let Some(runtime) = granted(small(builder).lock_all_memory(true)) else { return };
        let before = locked_bytes();
        assert!(before > pools);
        // What is had later, too, and without being touched.
        let later = Vec::<u8>::with_capacity(BYTES);
        assert!(locked_bytes() >= before + BYTES);
        drop(later);
        drop(runtime);
        if pools > 0 {
            assert!(locked_bytes() >= pools, "the pools of the other were unlocked");
        }
        drop(with_pools);
        assert_eq!(locked_bytes(), 0);
    });
}

/// Page faults of this thread so far that needed no disk.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1;
    fields.split(' ').nth(7).unwrap().parse().unwrap()
}

/// Uses so many pages of the stack.
#[inline(never)]
fn use_pages(pages: usize) {
    let mut page = [1_u8; 4096];
    std::hint::black_box(&mut page);
    if pages > 1 {
        use_pages(pages - 1);
    }
    std::hint::black_box(&mut page);
}

#[test]
fn a_stack_that_was_touched_faults_no_more() {
    const PAGES: usize = 256;

    let _alone = alone();
    on_each_driver(|builder| {
        let faults_with = |touched: usize| {
            let cores = taut::cores([allowed()[0]])
                .stop_on([])
                .thread_stack_bytes(16 << 20)
                .runtime(small(builder.clone()).prefault_stack_bytes(touched));
            let outcome = cores.run(|_core| async {
                let before = faults();
                use_pages(PAGES);
                Ok::<_, io::Error>(faults() - before)
            });
            outcome.unwrap().into_values()[0].unwrap()
        };
        // A huge page may serve all of it with one fault, touched or not.
        let (untouched, touched) = (faults_with(0), faults_with(8 << 20));
        eprintln!("{untouched} faults, {touched} where it was touched");
        assert!(touched < PAGES as u64 / 8, "{touched}");
        assert!(touched <= untouched);
    });
}

/// The bound on the processor's latency that holds now, in microseconds.
fn cpu_latency_us() -> io::Result<i32> {
    let mut value = [0; 4];
    std::fs::File::open("/dev/cpu_dma_latency")?.read_exact(&mut value)?;
    Ok(i32::from_ne_bytes(value))
}

#[test]
fn the_bound_on_the_processors_latency_holds_for_the_life_of_the_runtime() {
    let _alone = alone();
    on_each_driver(|builder| {
        let builder = small(builder).cpu_latency_us(7);
        let Ok(before) = cpu_latency_us() else {
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), BuildErrorKind::NotGranted, "{error}");
            return assert!(error.to_string().contains("/dev/cpu_dma_latency"), "{error}");
        };
        let Some(runtime) = granted(builder) else { return };
        assert_eq!(cpu_latency_us().unwrap(), before.min(7));
        assert!(runtime.features().granted("CPU latency"));
        drop(runtime);
        assert_eq!(cpu_latency_us().unwrap(), before);
    });
}

#[test]
fn what_no_host_can_grant_is_a_bad_setting() {
    let bad: [(&str, Builder); 3] = [
        ("fifo_priority", Runtime::builder().fifo_priority(0)),
        ("fifo_priority", Runtime::builder().fifo_priority(100)),
        ("cpu_latency_us", Runtime::builder().cpu_latency_us(u32::MAX)),
    ];
    for (name, builder) in bad {
        let error = builder.allow_degraded(true).build().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::Configuration);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn memory_comes_from_the_node_of_the_core_or_the_features_say_why_not() {
    let _alone = alone();
    on_each_driver(|builder| {
        let row = |builder: Builder| {
            let runtime = builder.build().unwrap();
            let row = runtime.features().rows().find(|row| row.name.contains("node")).cloned();
            row.unwrap()
        };
        let pinned = small(builder.clone()).core(allowed()[0]);
        let preferred = row(pinned.clone());
        assert!(preferred.granted || !preferred.reason.is_empty(), "{preferred:?}");
        let inherited = row(pinned.numa_memory(NumaMemory::Inherit));
        assert!(!inherited.asked && !inherited.granted);
        assert!(row(small(builder.clone())).reason.contains("pinned to no core"));

        let error = small(builder).numa_memory(NumaMemory::Bind).build().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::NotGranted);
        assert!(error.to_string().contains("pinned to no core"), "{error}");
    });
}
