//! Child processes: how they end, what they write, signals to them, and that nothing is left of
//! them, whatever was dropped.

mod common;

use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::sync::RwLock;
use std::time::Duration;

use common::{Random, block_on, in_time, on_each_driver, on_each_driver_and_wait};
use common::{open_descriptors, poll_then_drop, turns, until};
use futures_util::future::join_all;
use futures_util::{join, poll};
use rustix::thread::{CpuSet, sched_getaffinity};
use taut::io::pipe;
use taut::process::{Child, Command, Stdio};
use taut::signal::SignalKind;
use taut::{Runtime, is_cancelled, off_core, spawn};

const MEBIBYTE: usize = 1 << 20;

/// Whoever counts the descriptors or the children of this process writes, the others read.
static WHOLE_PROCESS: RwLock<()> = RwLock::new(());

fn with_others() -> std::sync::RwLockReadGuard<'static, ()> {
    WHOLE_PROCESS.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Also waits for what the tests before left running: each spawn reaps those that have ended.
fn alone() -> std::sync::RwLockWriteGuard<'static, ()> {
    let guard = WHOLE_PROCESS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    block_on(Runtime::builder(), async {
        while !children().is_empty() {
            Command::new("true").status().await.unwrap();
        }
    });
    guard
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

/// A child that reads its input to the end, and nothing else.
async fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().await.unwrap()
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
fn each_exit_code_comes_back() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            for code in [0, 1, 7, 255] {
                let status = shell(&format!("exit {code}")).status().await.unwrap();
                assert_eq!((status.code(), status.signal()), (Some(code), None));
                assert_eq!(status.success(), code == 0);
            }
        });
    });
}

#[test]
fn the_signal_that_ended_a_child_is_told() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let real_time = SignalKind::from_raw(libc::SIGRTMIN() + 3);
            for signal in [SignalKind::TERM, SignalKind::KILL, real_time] {
                let mut child = cat().await;
                child.signal(signal).unwrap();
                let status = child.wait().await.unwrap();
                assert_eq!((status.code(), status.signal()), (None, Some(signal.as_raw())));
            }
            let mut child = cat().await;
            child.kill().unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGKILL));
            let error = cat().await.signal(SignalKind::from_raw(1000)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn a_child_can_handle_a_signal_and_go_on() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let script = "trap 'echo caught' USR1; echo ready; read line; read line; exit 4";
            let mut child =
                shell(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().await.unwrap();
            let mut stdout = child.stdout.take().unwrap();
            let mut ready = [0; 6];
            stdout.read_exact(&mut ready).await.unwrap();
            child.signal(SignalKind::USR1).unwrap();
            child.stdin.as_mut().unwrap().write_all(b"\n\n").await.unwrap();
            let mut rest = Vec::new();
            stdout.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"caught\n");
            assert_eq!(child.wait().await.unwrap().code(), Some(4));
        });
    });
}

#[test]
fn the_status_stays_known_and_signals_to_an_ended_child_do_nothing() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut child = cat().await;
            assert!(child.try_wait().unwrap().is_none());
            drop(child.stdin.take());
            let mut early = None;
            until(|| {
                early = child.try_wait().unwrap();
                early.is_some()
            })
            .await;
            let status = child.wait().await.unwrap();
            assert_eq!((status.code(), Some(status)), (Some(0), early));
            assert_eq!(child.wait().await.unwrap(), status);
            assert_eq!(child.try_wait().unwrap(), Some(status));
            child.kill().unwrap();
            child.signal(SignalKind::TERM).unwrap();
        });
    });
}

#[test]
fn both_streams_are_read_at_once_and_whole() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            // One after the other, so that reading them in either order alone would hang.
            let script = "head -c 524288 /dev/zero | tr '\\0' o; \
                          head -c 1048576 /dev/zero | tr '\\0' e >&2; \
                          head -c 524288 /dev/zero | tr '\\0' O; exit 3";
            let output = shell(script).output().await.unwrap();
            assert_eq!(output.status.code(), Some(3));
            let half = MEBIBYTE / 2;
            assert_eq!((output.stdout.len(), output.stderr.len()), (MEBIBYTE, MEBIBYTE));
            assert!(output.stdout[..half].iter().all(|byte| *byte == b'o'));
            assert!(output.stdout[half..].iter().all(|byte| *byte == b'O'));
            assert!(output.stderr.iter().all(|byte| *byte == b'e'));
        });
    });
}

#[test]
fn output_up_to_the_limit_is_given_and_more_kills_the_child() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut exact = shell("head -c 600 /dev/zero; head -c 400 /dev/zero >&2");
            let output = exact.output_bytes_max(1000).output().await.unwrap();
            assert_eq!((output.stdout.len(), output.stderr.len()), (600, 400));
            let error = exact.output_bytes_max(999).output().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::FileTooLarge);
            assert!(error.to_string().contains("999 bytes"), "{error}");

            let (mut alive, held) = pipe().unwrap();
            let mut endless = Command::new("yes");
            // The child holds this end until it is dead.
            endless.stdin(held.into_std().unwrap()).output_bytes_max(MEBIBYTE);
            let error = endless.output().await.unwrap_err();
            assert!(error.to_string().contains("output_bytes_max"), "{error}");
            drop(endless);
            assert_eq!(alive.read(&mut [0]).await.unwrap(), 0);
        });
    });
}

#[test]
fn what_a_child_reads_and_writes_goes_through_its_pipes() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut child = cat().await;
            let (mut stdin, mut stdout) =
                (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            assert!(child.stderr.is_none());
            stdin.write_all(b"one line\n").await.unwrap();
            let mut line = [0; 9];
            stdout.read_exact(&mut line).await.unwrap();
            assert_eq!(&line, b"one line\n");
            let sent = Random::new(3).bytes(MEBIBYTE);
            let mut got = Vec::new();
            join!(
                async {
                    stdin.write_all(&sent).await.unwrap();
                    drop(stdin);
                },
                async {
                    stdout.read_to_end(&mut got).await.unwrap();
                },
            );
            assert!(got == sent);
            assert!(child.wait().await.unwrap().success());
        });
    });
}

#[test]
fn a_wait_closes_the_input_so_that_the_child_can_end() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut child = cat().await;
            child.stdin.as_mut().unwrap().write_all(b"bye").await.unwrap();
            let output = child.wait_with_output().await.unwrap();
            assert_eq!(output.stdout, b"bye");
            let mut child = cat().await;
            assert!(child.wait().await.unwrap().success());
        });
    });
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
fn many_children_at_once_each_end_as_they_do() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let run = async |code: i32| {
                let mut child =
                    shell("read code; exit $code").stdin(Stdio::piped()).spawn().await.unwrap();
                let id = child.id();
                child
                    .stdin
                    .as_mut()
                    .unwrap()
                    .write_all(format!("{code}\n").as_bytes())
                    .await
                    .unwrap();
                assert_eq!(child.wait().await.unwrap().code(), Some(code));
                id
            };
            let ids: HashSet<u32> = join_all((0..50).map(run)).await.into_iter().collect();
            assert!(!ids.contains(&std::process::id()));
        });
    });
}

#[test]
fn environment_directory_and_arguments_are_the_commands() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut command = Command::new("/bin/sh");
            command.env("LOST", "x").env_clear().env("KEPT", "a b").env("GONE", "y");
            command.env_remove("GONE").envs([("MORE", "c")]).current_dir("/usr");
            command.args(["-c", "echo \"$LOST|$KEPT|$GONE|$MORE|$0|$1\"; pwd", "zero"]).arg("*");
            let output = command.output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), "|a b||c|zero|*\n/usr\n");
            assert_eq!(command.as_std().get_program(), "/bin/sh");
        });
    });
}

#[test]
fn a_command_that_can_not_start_says_so_and_may_be_tried_again() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut missing = Command::new("/no/such/program");
            for _ in 0..2 {
                let error = missing.spawn().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            }
            let error = Command::new("/etc/passwd").status().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            let mut again = shell("exit 2");
            for _ in 0..3 {
                assert_eq!(again.status().await.unwrap().code(), Some(2));
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

/// A command that starts when something is written to the other end of this pipe.
fn gated(program: &str) -> (Command, std::io::PipeWriter) {
    let (gate, release) = std::io::pipe().unwrap();
    let mut command = Command::new(program);
    // SAFETY: the closure only reads from a descriptor that it owns.
    unsafe {
        command.as_std_mut().pre_exec(move || {
            rustix::io::read(&gate, &mut [0; 1])?;
            Ok(())
        });
    }
    (command, release)
}

#[test]
fn the_core_goes_on_while_a_child_is_started() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut command, mut release) = gated("true");
            let mut spawning = Box::pin(command.spawn());
            assert!(poll!(spawning.as_mut()).is_pending());
            taut::time::sleep(Duration::from_millis(1)).await.unwrap();
            assert!(poll!(spawning.as_mut()).is_pending());
            release.write_all(b"!").unwrap();
            assert!(spawning.await.unwrap().wait().await.unwrap().success());
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
fn a_command_that_no_thread_took_may_be_tried_again() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder.blocking_threads_max(1).blocking_queue_max(1), async {
            let (release, released) = std::sync::mpsc::channel::<()>();
            let busy = spawn(off_core(move || released.recv().is_err()));
            turns(3).await;
            let mut command = shell("exit 6");
            let waiting = spawn(async move {
                let outcome = command.status().await;
                (outcome, command)
            });
            turns(3).await;
            let mut refused = shell("exit 5");
            let error = refused.status().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceBusy, "{error}");
            waiting.cancel();
            let (outcome, mut command) = waiting.await.unwrap();
            assert!(is_cancelled(&outcome.unwrap_err()));
            drop(release);
            assert!(busy.await.unwrap().unwrap());
            assert_eq!(command.status().await.unwrap().code(), Some(6));
            assert_eq!(refused.status().await.unwrap().code(), Some(5));
        });
    });
}

#[test]
fn output_has_no_input_unless_some_was_given() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            assert_eq!(Command::new("cat").output().await.unwrap().stdout, b"");
            let file = std::fs::File::open("/proc/self/cmdline").unwrap();
            let output = Command::new("cat").stdin(file).output().await.unwrap();
            assert!(!output.stdout.is_empty());
        });
    });
}

#[test]
fn one_child_writes_to_the_next() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut first =
                shell("echo to be turned").stdout(Stdio::piped()).spawn().await.unwrap();
            let between = first.stdout.take().unwrap().into_std().unwrap();
            let mut second = Command::new("tr");
            let output = second.args(["a-z", "A-Z"]).stdin(between).output().await.unwrap();
            assert_eq!(output.stdout, b"TO BE TURNED\n");
            assert!(first.wait().await.unwrap().success());
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
fn a_child_runs_off_the_pinned_core_and_wherever_else_the_process_may() {
    let _others = with_others();
    on_each_driver(|builder| {
        let everywhere = sched_getaffinity(None).unwrap();
        let core = rustix::thread::sched_getcpu();
        let mut expected = everywhere;
        expected.unset(core);
        if expected.count() == 0 {
            // There is no other core, so it is shared.
            expected = everywhere;
        }
        block_on(builder.core(core), async {
            let mut pinned = CpuSet::new();
            pinned.set(core);
            assert_eq!(sched_getaffinity(None).unwrap(), pinned);
            let child = cat().await;
            let pid = rustix::process::Pid::from_raw(child.id() as i32);
            assert_eq!(sched_getaffinity(pid).unwrap(), expected);
        });
    });
}

#[test]
fn a_child_has_the_user_and_the_group_that_were_set() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut child =
                Command::new("cat").stdin(Stdio::piped()).process_group(0).spawn().await.unwrap();
            let pid = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
            assert_eq!(rustix::process::getpgid(Some(pid)).unwrap(), pid);
            child.wait().await.unwrap();
            if rustix::process::geteuid().is_root() {
                let mut id = shell("id -u; id -g");
                let output = id.uid(65_534).gid(65_533).output().await.unwrap();
                assert_eq!(output.stdout, b"65534\n65533\n");
            } else {
                eprintln!("SKIPPED: another user, since this one is not root");
            }
        });
    });
}

#[test]
fn a_child_of_the_standard_library_is_taken_over() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let std = std::process::Command::new("cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut child = Child::from_std(std).unwrap();
            child.stdin.as_mut().unwrap().write_all(b"taken").await.unwrap();
            assert_eq!(child.wait_with_output().await.unwrap().stdout, b"taken");

            let mut waited = std::process::Command::new("true").spawn().unwrap();
            waited.wait().unwrap();
            let mut error = Child::from_std(waited).unwrap_err();
            assert_eq!(error.error.raw_os_error(), Some(libc::ESRCH), "{error}");
            assert!(error.child.wait().unwrap().success());
        });
    });
}

#[test]
fn a_status_that_other_code_took_is_missed_by_name() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut child = cat().await;
            child.kill().unwrap();
            let pid = rustix::process::Pid::from_raw(child.id() as i32);
            rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap();
            let error = child.wait().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            assert!(error.to_string().contains("SIGCHLD"), "{error}");
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

#[test]
fn a_dump_names_the_wait_for_a_child() {
    let _others = with_others();
    on_each_driver(|builder| {
        let runtime: Runtime = builder.build().unwrap();
        let stdin = runtime.block_on(in_time(async {
            let mut child = cat().await;
            let stdin = child.stdin.take();
            spawn(async move { child.wait().await });
            off_core(|| ()).await.unwrap();
            turns(3).await;
            stdin
        }));
        let dump = runtime.dump().to_string();
        assert!(dump.contains("child exit") && dump.contains("process.rs"), "{dump}");
        drop(stdin);
    });
}
