//! The standard streams of child processes: what they read and write, to the end and up to limits.

mod common;

use std::io::ErrorKind;

use common::children::{cat, shell};
use common::{Random, block_on, on_each_driver, on_each_driver_and_wait};
use futures_util::join;
use taut::io::pipe;
use taut::process::{Command, Stdio};

const MEBIBYTE: usize = 1 << 20;

#[test]
fn both_streams_are_read_at_once_and_whole() {
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
fn output_has_no_input_unless_some_was_given() {
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
