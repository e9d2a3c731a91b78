//! Pseudo-terminals: what is typed is echoed and read, the size is told, Ctrl-C ends a program, and
//! the end is an end.

mod common;

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;

use common::whole_process::alone;
use common::{block_on, in_time, on_each_driver, on_each_driver_and_wait};
use common::{open_descriptors, poll_then_drop, turns, until};
use taut::io::PipeReader;
use taut::process::{Command, Pty};
use taut::{is_cancelled, spawn};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

/// Reads until the terminal has printed `end`, and gives all up to there.
async fn printed(reader: &mut PipeReader, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let mut byte = [0];
        let count = reader.read(&mut byte).await.unwrap();
        assert_eq!(count, 1, "{:?} ended without {end:?}", String::from_utf8_lossy(&all));
        all.push(byte[0]);
    }
    String::from_utf8(all).unwrap()
}

#[test]
fn what_is_typed_is_echoed_and_read_in_lines() {
    let _alone = alone();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let mut terminal = Pty::open(24, 80).unwrap();
            let mut child = terminal.spawn(shell("cat; echo over")).await.unwrap();
            terminal.writer.write_all(b"hello\n").await.unwrap();
            // Once as it was typed, once from the program.
            assert_eq!(printed(&mut terminal.reader, "hello\r\nhello\r\n").await.len(), 14);
            terminal.writer.write_all(&[4]).await.unwrap();
            let mut rest = Vec::new();
            terminal.reader.read_to_end(&mut rest).await.unwrap();
            assert!(rest.ends_with(b"over\r\n"), "{rest:?}");
            assert!(child.wait().await.unwrap().success());
            assert_eq!(terminal.reader.read(&mut [0; 8]).await.unwrap(), 0, "the end stays");
        });
    });
}

#[test]
fn the_program_leads_a_session_on_a_terminal_of_the_size_that_was_set() {
    let _alone = alone();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut terminal = Pty::open(17, 91).unwrap();
            let script = "trap 'stty size' WINCH; stty size; tty; \
                          echo opened >/dev/tty; read line; read line";
            let mut child = terminal.spawn(shell(script)).await.unwrap();
            let first = printed(&mut terminal.reader, "opened\r\n").await;
            assert!(first.starts_with("17 91\r\n/dev/pts/"), "{first}");
            terminal.resize(40, 132).unwrap();
            terminal.writer.write_all(b"\n").await.unwrap();
            printed(&mut terminal.reader, "40 132\r\n").await;
            terminal.writer.write_all(b"\n\n").await.unwrap();
            child.wait().await.unwrap();
        });
    });
}

#[test]
fn ctrl_c_typed_ends_the_program_by_its_signal() {
    let _alone = alone();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut terminal = Pty::open(24, 80).unwrap();
            // Who runs the tests in the background may have left it ignored, which is inherited.
            let mut command = Command::new("env");
            command.args(["--default-signal=INT", "sh", "-c", "echo ready; exec sleep 1000"]);
            let mut child = terminal.spawn(command).await.unwrap();
            printed(&mut terminal.reader, "ready\r\n").await;
            terminal.writer.write_all(&[3]).await.unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGINT));
        });
    });
}

#[test]
fn a_second_program_takes_the_terminal_after_the_first() {
    let _alone = alone();
    on_each_driver(|builder| {
        block_on(builder, async {
            let mut terminal = Pty::open(24, 80).unwrap();
            let mut child = terminal.spawn(Command::new("cat")).await.unwrap();
            let error = terminal.spawn(Command::new("cat")).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            child.kill().unwrap();
            child.wait().await.unwrap();
            let mut second = terminal.spawn(shell("echo second")).await.unwrap();
            printed(&mut terminal.reader, "second\r\n").await;
            assert!(second.wait().await.unwrap().success());
        });
    });
}

#[test]
fn a_cancelled_read_of_a_terminal_loses_nothing() {
    let _alone = alone();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let Pty { mut reader, mut writer, .. } = Pty::open(24, 80).unwrap();
            let reading = spawn(async move {
                let outcome = reader.read(&mut [0; 8]).await;
                (outcome, reader)
            });
            turns(5).await;
            reading.cancel();
            let (outcome, mut reader) = reading.await.unwrap();
            assert!(is_cancelled(&outcome.unwrap_err()));
            // Nobody runs here, and the terminal echoes all the same.
            writer.write_all(b"typed").await.unwrap();
            assert_eq!(printed(&mut reader, "typed").await, "typed");
            assert_eq!(reader.into_std().unwrap_err().kind(), ErrorKind::Unsupported);
            assert_eq!(writer.into_std().unwrap_err().kind(), ErrorKind::Unsupported);
        });
    });
}

#[test]
fn no_descriptor_is_left() {
    let _alone = alone();
    on_each_driver(|builder| {
        let outside = open_descriptors();
        let runtime = builder.build().unwrap();
        let before = open_descriptors();
        runtime.block_on(in_time(async {
            for count in 0..10 {
                let mut terminal = Pty::open(24, 80).unwrap();
                poll_then_drop(terminal.reader.read(&mut [0; 8]), count % 3).await;
                let child = terminal.spawn(Command::new("cat")).await.unwrap();
                poll_then_drop(terminal.reader.read(&mut [0; 8]), count % 3).await;
                // Its hang-up ends the program.
                drop(terminal);
                drop(child);
            }
            until(|| open_descriptors() <= before).await;
        }));
        drop(runtime);
        common::until_open(outside);
    });
}
