//! Waits for children, spawns and children that are dropped or cancelled, at any stage: the child
//! runs on or is killed as was asked for, and no zombie and no descriptor is left.

mod common;

use std::io::Write;
use std::sync::RwLockWriteGuard;

use common::children::{cat, gated, shell};
use common::whole_process::{self, with_others};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use common::{open_descriptors, poll_then_drop, turns, until};
use futures_util::poll;
use taut::io::pipe;
use taut::process::{Command, Stdio};
use taut::{Runtime, is_cancelled, spawn};

/// As [`whole_process::alone`]. Also waits for what the tests before left running: each spawn reaps
/// those that have ended.
fn alone() -> RwLockWriteGuard<'static, ()> {
    let guard = whole_process::alone();
    block_on(Runtime::builder(), async {
        while !children().is_empty() {
            Command::new("true").status().await.unwrap();
        }
    });
    guard
}

/// The children of this process, running or not: by number and state.
fn children() -> Vec<(u32, char)> {
    let stat = |entry: std::io::Result<std::fs::DirEntry>| {
        let number: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // The name stands in brackets and may contain anything.
        let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent: u32 = fields.next()?.parse().ok()?;
        (parent == std::process::id()).then_some((number, state))
    };
    std::fs::read_dir("/proc").unwrap().filter_map(stat).collect()
}

#[test]
fn a_cancelled_wait_leaves_the_child_to_the_next() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut child = cat().await;
            let stdin = child.stdin.take();
            let waiting = spawn(async move {
                let outcome = child.wait().await;
                (outcome, child)
            });
            turns(5).await;
            assert!(!waiting.is_finished());
            waiting.cancel();
            let (outcome, mut child) = waiting.await.unwrap();
            assert!(is_cancelled(&outcome.unwrap_err()));
            assert!(child.try_wait().unwrap().is_none());
            drop(stdin);
            assert!(child.wait().await.unwrap().success());
        });
    });
}

#[test]
fn a_wait_dropped_at_any_stage_leaves_the_child_to_the_next() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut child = cat().await;
            let stdin = child.stdin.take();
            for count in 0..50 {
                poll_then_drop(child.wait(), count % 4).await;
            }
            drop(stdin);
            for count in 0..50 {
                poll_then_drop(async { child.wait().await.unwrap() }, count % 4).await;
            }
            assert!(child.wait().await.unwrap().success());
        });
    });
}

#[test]
fn a_cancelled_output_or_status_kills_its_child() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            for output in [true, false] {
                let (mut alive, held) = pipe().unwrap();
                let mut command = shell("echo started; exec sleep 1000");
                let (mut started, out) = pipe().unwrap();
                command.stdin(held.into_std().unwrap());
                let running = spawn(async move {
                    if output {
                        drop(out);
                        command.output().await.map(drop)
                    } else {
                        command.stdout(out.into_std().unwrap()).status().await.map(drop)
                    }
                });
                if output {
                    // It is started when our end of its input is the only other one.
                    turns(200).await;
                } else {
                    started.read_exact(&mut [0; 8]).await.unwrap();
                }
                running.cancel();
                assert!(is_cancelled(&running.await.unwrap().unwrap_err()));
                assert_eq!(alive.read(&mut [0]).await.unwrap(), 0, "nobody holds it any more");
            }
        });
    });
}

#[test]
fn a_command_whose_spawn_was_dropped_is_refused_and_its_child_dead() {
    let _alone = alone();
    on_each_driver(|builder| {
        block_on(builder, async {
            for turns_between in [0, 1, 2, 5, 50, 500, 5000] {
                let mut command = Command::new("sleep");
                command.arg("1000").kill_on_drop(true);
                let mut spawning = Box::pin(command.spawn());
                if poll!(spawning.as_mut()).is_ready() {
                    // The other thread was that fast, and there is nothing to give up.
                    continue;
                }
                turns(turns_between).await;
                drop(spawning);
                let error = command.status().await.unwrap_err();
                assert!(error.to_string().contains("make a new one"), "{error}");
            }
            until(|| children().is_empty()).await;
        });
    });
}

#[test]
fn a_spawn_that_is_cancelled_half_way_leaves_no_child() {
    let _alone = alone();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut command, mut release) = gated("cat");
            command.stdin(Stdio::piped());
            let spawning = spawn(async move { command.spawn().await.map(drop) });
            until(|| !children().is_empty()).await;
            spawning.cancel();
            assert!(is_cancelled(&spawning.await.unwrap().unwrap_err()));
            release.write_all(b"!").unwrap();
            until(|| children().is_empty()).await;
        });
    });
}

#[test]
fn a_dropped_child_runs_on_unless_it_is_to_be_killed() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut child = cat().await;
            let (mut stdin, mut stdout) =
                (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            drop(child);
            stdin.write_all(b"still here").await.unwrap();
            let mut echo = [0; 10];
            stdout.read_exact(&mut echo).await.unwrap();

            let mut killed = Command::new("cat");
            killed.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
            let mut child = killed.spawn().await.unwrap();
            let (_stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            drop(child);
            assert_eq!(stdout.read(&mut echo).await.unwrap(), 0);
        });
    });
}

#[test]
fn no_zombie_and_no_descriptor_is_left() {
    let _alone = alone();
    on_each_driver_and_wait(|builder| {
        let outside = open_descriptors();
        let runtime = builder.build().unwrap();
        let before = open_descriptors();
        runtime.block_on(in_time(async {
            for count in 0..8 {
                // Dropped as it runs, after it ended, waited for, and with a wait under way.
                let mut short = shell("exit 1").spawn().await.unwrap();
                drop(shell("exit 1").spawn().await.unwrap());
                let mut running = cat().await;
                poll_then_drop(running.wait(), count % 3).await;
                let exited = shell("exit 1").spawn().await.unwrap();
                let id = exited.id();
                until(|| children().contains(&(id, 'Z'))).await;
                drop(exited);
                short.wait().await.unwrap();
                let task = spawn(async move { running.wait().await.map(drop) });
                turns(count % 3).await;
                task.abort();
                shell("yes").output_bytes_max(100).output().await.unwrap_err();
                Command::new("/no/such/program").spawn().await.unwrap_err();
                poll_then_drop(Command::new("true").spawn(), count * 20).await;
            }
            until(|| children().is_empty()).await;
            until(|| open_descriptors() <= before).await;
        }));
        drop(runtime);
        common::until_open(outside);
    });
}

#[test]
fn children_that_outlive_their_runtime_are_reaped_by_the_next_spawn() {
    let _alone = alone();
    on_each_driver(|builder| {
        let outside = open_descriptors();
        let runtime = builder.clone().build().unwrap();
        let kept = runtime.block_on(in_time(async {
            drop(Command::new("sleep").arg("1000").spawn().await.unwrap());
            let child = Command::new("sleep").arg("1000").spawn().await.unwrap();
            spawn(async move {
                let mut child = child;
                child.wait().await.map(drop)
            });
            turns(3).await;
            Command::new("sleep").arg("1000").spawn().await.unwrap()
        }));
        drop(runtime);
        drop(kept);
        let orphans = children();
        assert_eq!(orphans.len(), 3);
        for (id, _) in orphans {
            let pid = rustix::process::Pid::from_raw(id as i32).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        block_on(builder, async {
            until(|| children().iter().all(|(_, state)| *state == 'Z')).await;
            assert_eq!(children().len(), 3);
            Command::new("true").status().await.unwrap();
            assert!(children().is_empty());
        });
        common::until_open(outside);
    });
}
