//! How child processes start and end: as their command says, off the core, and with a status that
//! tells the exit code or the signal.

mod common;

use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use common::children::{cat, gated, shell};
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait, turns, until};
use futures_util::future::join_all;
use futures_util::poll;
use rustix::thread::{CpuSet, sched_getaffinity};
use taut::process::{Child, Command, Stdio};
use taut::signal::SignalKind;
use taut::{Runtime, is_cancelled, off_core, spawn};

#[test]
fn environment_directory_and_arguments_are_the_commands() {
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
fn a_command_that_no_thread_took_may_be_tried_again() {
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
fn the_core_goes_on_while_a_child_is_started() {
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
fn a_child_runs_off_the_pinned_core_and_wherever_else_the_process_may() {
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
fn each_exit_code_comes_back() {
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
fn a_status_that_other_code_took_is_missed_by_name() {
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
fn many_children_at_once_each_end_as_they_do() {
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
fn a_dump_names_the_wait_for_a_child() {
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
        assert!(dump.contains("child exit") && dump.contains(file!()), "{dump}");
        drop(stdin);
    });
}
