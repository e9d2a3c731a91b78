//! Threads for work that blocks stay off every core that a runtime of the process is pinned to.

mod common;

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};

use common::whole_process::alone;
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait, until};
use rustix::thread::{CpuSet, sched_getaffinity};
use taut::{Builder, counters, off_core, on_own_thread, spawn};

type Cores = BTreeSet<usize>;

/// Where the calling thread may run.
fn cores() -> Cores {
    let affinity = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU).filter(|core| affinity.is_set(*core)).collect()
}

/// Where guests may run while these cores are pinned: on any where that leaves none.
fn without(all: &Cores, pinned: &[usize]) -> Cores {
    let left: Cores = all.iter().copied().filter(|core| !pinned.contains(core)).collect();
    if left.is_empty() { all.clone() } else { left }
}

/// A runtime on a thread of its own, pinned to a core until this is dropped.
struct Pinned {
    end: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Pinned {
    fn new(builder: Builder, core: usize) -> Self {
        let (end, ended) = channel();
        let (built, is_built) = channel();
        let thread = std::thread::spawn(move || {
            let runtime = builder.core(core).build().unwrap();
            built.send(()).unwrap();
            let _ = ended.recv();
            drop(runtime);
        });
        is_built.recv().unwrap();
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.end.take();
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn work_of_a_pinned_runtime_runs_on_the_other_cores() {
    let _alone = alone();
    let all = cores();
    on_each_driver_and_wait(|builder| {
        for core in all.iter().copied().take(2) {
            block_on(builder.clone().core(core), async {
                assert_eq!(cores(), [core].into());
                let expected = without(&all, &[core]);
                assert_eq!(off_core(cores).await.unwrap(), expected);
                assert_eq!(on_own_thread("own", |_| cores()).await.unwrap(), expected);
                // A thread that has served before, too.
                assert_eq!(off_core(cores).await.unwrap(), expected);
            });
        }
        assert_eq!(cores(), all);
    });
}

/// Tells where it may run, as often as it is asked.
fn tell(asked: &Receiver<()>, answer: &Sender<Cores>) {
    while asked.recv().is_ok() {
        answer.send(cores()).unwrap();
    }
}

#[test]
fn threads_move_when_another_runtime_is_pinned_later_also_in_the_midst_of_work() {
    let _alone = alone();
    let all = cores();
    on_each_driver(|builder| {
        block_on(builder.clone(), async {
            let (mut questions, mut answers) = (Vec::new(), Vec::new());
            let (first, first_asked) = channel();
            let (answer, first_answers) = channel();
            let pool = spawn(off_core(move || tell(&first_asked, &answer)));
            let (second, second_asked) = channel();
            let (answer, second_answers) = channel();
            let own = spawn(on_own_thread("own", move |_| tell(&second_asked, &answer)));
            questions.extend([first, second]);
            answers.extend([first_answers, second_answers]);
            until(|| counters().blocking_threads_started == 2).await;

            let are_on = |expected: &Cores| {
                for (question, answer) in questions.iter().zip(&answers) {
                    question.send(()).unwrap();
                    assert_eq!(answer.recv().unwrap(), *expected);
                }
            };
            are_on(&all);
            let mut pinned = Vec::new();
            for core in all.iter().copied() {
                let mut cores: Vec<_> = pinned.iter().map(|(core, _)| *core).collect();
                cores.push(core);
                pinned.push((core, Pinned::new(builder.clone(), core)));
                are_on(&without(&all, &cores));
            }
            while pinned.pop().is_some() {
                let cores: Vec<_> = pinned.iter().map(|(core, _)| *core).collect();
                are_on(&without(&all, &cores));
            }
            drop(questions);
            in_time(pool).await.unwrap().unwrap();
            in_time(own).await.unwrap().unwrap();
        });
    });
}

#[test]
fn a_runtime_that_work_itself_pins_stays_where_it_is() {
    let _alone = alone();
    let all = cores();
    let Some(core) = all.first().copied() else { return };
    on_each_driver(|builder| {
        block_on(builder.clone(), async {
            let (pinned, is_pinned) = channel();
            let (ask, asked) = channel::<()>();
            let within = builder.clone();
            let work = spawn(on_own_thread("inner", move |_| {
                let runtime = within.core(core).build().unwrap();
                pinned.send(()).unwrap();
                asked.recv().unwrap();
                let inside = cores();
                drop(runtime);
                (inside, cores())
            }));
            until(|| is_pinned.try_recv().is_ok()).await;
            drop(Pinned::new(builder, core));
            ask.send(()).unwrap();
            assert_eq!(work.await.unwrap().unwrap(), ([core].into(), all.clone()));
        });
    });
}

/// Gives the calling thread a real-time priority; `false` where it may not have one.
fn become_real_time() -> bool {
    let priority = libc::sched_param { sched_priority: 1 };
    // SAFETY: a plain system call about the calling thread, with a structure that lives meanwhile.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) == 0 }
}

#[test]
fn a_core_that_spins_at_a_real_time_priority_lets_its_threads_leave() {
    let _alone = alone();
    let Some(core) = cores().first().copied() else { return };
    on_each_driver(|builder| {
        // A thread of its own, since the priority stays.
        let spinning = std::thread::spawn(move || {
            if cores().len() == 1 || !become_real_time() {
                eprintln!("SKIPPED: needs two cores and CAP_SYS_NICE");
                return;
            }
            block_on(builder.core(core).wait(taut::WaitStrategy::Spin), async {
                assert!(!off_core(cores).await.unwrap().contains(&core));
                assert!(!on_own_thread("own", |_| cores()).await.unwrap().contains(&core));
            });
        });
        spinning.join().unwrap();
    });
}
