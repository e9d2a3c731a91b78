//! Which driver runs: the builder's word, then `TAUT_DRIVER`, then what the host allows; and what
//! is told where it does not allow io_uring.
//!
//! A process can't take a seccomp filter back, and its environment is shared by all threads: each
//! case runs in a child, which is this test binary again with `CASE` set.

mod common;

use std::process::Command;

use taut::{BuildErrorKind, Driver, Runtime};

const CASE: &str = "TAUT_TEST_CASE";

/// Runs the body in a child process of its own, with `TAUT_DRIVER` as given.
fn in_child(test: &str, taut_driver: Option<&str>, body: impl FnOnce()) {
    let case = format!("{test} {taut_driver:?}");
    if let Some(wanted) = std::env::var_os(CASE) {
        if wanted == *case {
            body();
        }
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CASE, case);
    match taut_driver {
        Some(value) => child.env("TAUT_DRIVER", value),
        None => child.env_remove("TAUT_DRIVER"),
    };
    let output = child.output().unwrap();
    // One, not none because of a name that has changed.
    let passed = String::from_utf8_lossy(&output.stdout).contains("test result: ok. 1 passed");
    assert!(
        output.status.success() && passed,
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// From now on `io_uring_setup` fails with EPERM in this process, as in most containers.
fn deny_io_uring() {
    let jump = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let answer = (libc::BPF_RET | libc::BPF_K) as u16;
    let filter = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        // The number of the call stands at the start of the data.
        filter(load, 0, 0, 0),
        filter(jump, libc::SYS_io_uring_setup as u32, 0, 1),
        filter(answer, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0, 0),
        filter(answer, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: plain numbers; it only gives up privileges of this thread, which runs the test.
    let quiet = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(quiet, 0);
    // SAFETY: the program and its instructions live until the call returns, which copies them.
    let set =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// Whether this host runs the io_uring driver at all.
fn uring_runs() -> bool {
    Runtime::builder().driver(Driver::Uring).build().is_ok()
}

fn reason_of(runtime: &Runtime, name: &str) -> String {
    let row = runtime.features().rows().find(|row| row.name == name).expect("a row").clone();
    assert!(!row.granted, "{row:?}");
    row.reason.into_owned()
}

#[test]
fn a_denied_io_uring_falls_back_to_epoll_and_says_why() {
    in_child("a_denied_io_uring_falls_back_to_epoll_and_says_why", None, || {
        deny_io_uring();
        let runtime = Runtime::builder().receive_buffers(64).hot_buffers(8).build().unwrap();
        assert_eq!(runtime.driver(), Driver::Epoll);
        let reason = reason_of(&runtime, "io_uring");
        assert!(reason.contains("seccomp"), "{reason}");
        assert!(runtime.features().granted("driver"));
        let all = runtime.receive_buffers_idle();
        runtime.block_on(async {
            let (mut client, mut server) = common::connected_pair().await;
            client.write_all(b"works").await.unwrap();
            assert_eq!(&server.recv().await.unwrap()[..], b"works");
        });
        assert_eq!(runtime.receive_buffers_idle(), all);
        assert_eq!(all, 64 + 8, "the slots of the ring that did not come are used");
    });
}

#[test]
fn a_denied_io_uring_that_was_forced_is_an_error_with_cause_and_remedy() {
    for taut_driver in [None, Some("uring")] {
        let test = "a_denied_io_uring_that_was_forced_is_an_error_with_cause_and_remedy";
        in_child(test, taut_driver, || {
            deny_io_uring();
            let kind = if taut_driver.is_some() { Driver::Auto } else { Driver::Uring };
            let error = Runtime::builder().driver(kind).build().unwrap_err();
            assert_eq!(error.kind(), BuildErrorKind::DeniedBySeccomp);
            for word in ["seccomp", "io_uring_setup", "epoll"] {
                assert!(error.to_string().contains(word), "{error}");
            }
        });
    }
}

#[test]
fn the_environment_decides_where_the_builder_does_not() {
    let test = "the_environment_decides_where_the_builder_does_not";
    for value in ["epoll", "uring", "auto", ""] {
        in_child(test, Some(value), || {
            if value != "epoll" && !uring_runs() {
                return;
            }
            let wanted = if value == "epoll" { Driver::Epoll } else { Driver::Uring };
            assert_eq!(Runtime::new().unwrap().driver(), wanted);
        });
    }
}

#[test]
fn the_builder_has_the_last_word() {
    let test = "the_builder_has_the_last_word";
    for value in ["epoll", "uring", "nonsense"] {
        in_child(test, Some(value), || {
            let forced = Runtime::builder().driver(Driver::Epoll).build().unwrap();
            assert_eq!(forced.driver(), Driver::Epoll);
        });
    }
}

#[test]
fn a_driver_that_does_not_exist_is_the_callers_error() {
    let test = "a_driver_that_does_not_exist_is_the_callers_error";
    in_child(test, Some("kqueue"), || {
        let error = Runtime::new().unwrap_err();
        assert_eq!(error.kind(), BuildErrorKind::Configuration);
        assert!(error.to_string().contains("\"kqueue\""), "{error}");
        assert!(error.to_string().contains("epoll"), "{error}");
    });
}
