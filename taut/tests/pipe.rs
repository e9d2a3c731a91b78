//! Pipes: every byte once and in order, the end, a broken pipe, and what dropped futures leave.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use common::ways::assert_same_bytes;
use common::whole_process::{alone, with_others};
use common::{Random, block_on, in_time, on_each_driver, on_each_driver_and_wait};
use common::{open_descriptors, poll_then_drop, turns, until};
use futures_util::{join, poll};
use taut::io::{PipeReader, PipeWriter, pipe};
use taut::{counters, is_cancelled, spawn, yield_now};

const BYTES: usize = 1 << 20;
const SEED: u64 = 5;

#[test]
fn bytes_come_through_in_order_and_the_end_after_them() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut reader, mut writer) = pipe().unwrap();
            let sent = Random::new(SEED).bytes(BYTES);
            let writing = {
                let sent = sent.clone();
                spawn(async move { writer.write_all(&sent).await })
            };
            let mut first = [0; 1000];
            reader.read_exact(&mut first).await.unwrap();
            let mut got = first.to_vec();
            let mut piece = [0; 777];
            for _ in 0..100 {
                let count = reader.read(&mut piece).await.unwrap();
                got.extend_from_slice(&piece[..count]);
            }
            let before = got.len();
            assert_eq!(reader.read_to_end(&mut got).await.unwrap(), BYTES - before);
            assert_same_bytes(&got, &sent);
            assert_eq!(reader.read(&mut piece).await.unwrap(), 0, "the end stays");
            let error = reader.read_exact(&mut piece).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            writing.await.unwrap().unwrap();
        });
    });
}

#[test]
fn empty_reads_and_writes_do_not_wait() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut reader, mut writer) = pipe().unwrap();
            assert_eq!(reader.read(&mut []).await.unwrap(), 0);
            reader.read_exact(&mut []).await.unwrap();
            assert_eq!(writer.write(b"").await.unwrap(), 0);
            writer.write_all(b"").await.unwrap();
            writer.write_all(b"x").await.unwrap();
            assert_eq!(reader.read(&mut [0; 9]).await.unwrap(), 1);
        });
    });
}

#[test]
fn a_write_without_a_reader_fails_also_one_that_waits() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (reader, mut writer) = pipe().unwrap();
            let writing = spawn(async move {
                let outcome = writer.write_all(&[1; BYTES]).await;
                (outcome.unwrap_err().kind(), writer.write(b"more").await.unwrap_err().kind())
            });
            turns(5).await;
            assert!(!writing.is_finished());
            drop(reader);
            let kinds = writing.await.unwrap();
            assert_eq!(kinds, (ErrorKind::BrokenPipe, ErrorKind::BrokenPipe));
        });
    });
}

#[test]
fn cancelled_reads_and_writes_say_so_and_lose_nothing() {
    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut reader, mut writer) = pipe().unwrap();
            let reading = spawn(async move {
                let outcome = reader.read(&mut [0; 8]).await;
                (outcome, reader)
            });
            turns(5).await;
            reading.cancel();
            let (outcome, mut reader) = reading.await.unwrap();
            assert!(is_cancelled(&outcome.unwrap_err()));

            let mut written = 0;
            while let Some(count) = now(writer.write(&[1; 4096])).await {
                written += count.unwrap();
            }
            let writing = spawn(async move {
                let outcome = writer.write(&[2; 4096]).await;
                (outcome, writer)
            });
            turns(5).await;
            writing.cancel();
            let (outcome, writer) = writing.await.unwrap();
            assert!(is_cancelled(&outcome.unwrap_err()));
            drop(writer);
            let mut got = Vec::new();
            reader.read_to_end(&mut got).await.unwrap();
            assert_same_bytes(&got, &vec![1; written]);
        });
    });
}

/// The future's output, if its first poll gives it.
async fn now<F: Future>(future: F) -> Option<F::Output> {
    match poll!(Box::pin(future)) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn reads_and_writes_dropped_at_any_stage_move_no_byte() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut reader, mut writer) = pipe().unwrap();
            let before = counters().operations_in_flight;
            for count in 0..500_u64 {
                poll_then_drop(reader.read(&mut [0; 8]), count % 3).await;
                writer.write_all(&count.to_ne_bytes()).await.unwrap();
                let mut got = [0; 8];
                reader.read_exact(&mut got).await.unwrap();
                assert_eq!(u64::from_ne_bytes(got), count);
            }
            let mut full = 0;
            while let Some(count) = now(writer.write(&[1; 4096])).await {
                full += count.unwrap();
            }
            for count in 0..500 {
                poll_then_drop(writer.write(&[2; 4096]), count % 3).await;
            }
            until(|| counters().operations_in_flight == before).await;
            drop(writer);
            let mut got = Vec::new();
            reader.read_to_end(&mut got).await.unwrap();
            assert_same_bytes(&got, &vec![1; full]);
        });
    });
}

#[test]
fn a_read_to_the_end_leaves_the_core_to_others() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut reader, writer) = pipe().unwrap();
            let mut writer = writer.into_std().unwrap();
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || {
                let mut written = 0;
                while stopped.try_recv().is_err() {
                    written += writer.write(&[3; 65_536]).unwrap();
                }
                written
            });
            let reading = spawn(async move {
                let mut got = Vec::new();
                reader.read_to_end(&mut got).await.unwrap();
                got.len()
            });
            for _ in 0..1000 {
                yield_now().await;
            }
            turns(20).await;
            assert!(!reading.is_finished());
            stop.send(()).unwrap();
            assert_eq!(reading.await.unwrap(), thread.join().unwrap());
        });
    });
}

#[test]
fn ends_go_to_the_standard_library_and_come_back() {
    let _others = with_others();
    on_each_driver(|builder| {
        block_on(builder, async {
            let (mut reader, mut writer) = pipe().unwrap();
            poll_then_drop(reader.read(&mut [0; 1]), 0).await;
            let mut std_reader = reader.into_std().unwrap();
            let thread = std::thread::spawn(move || {
                let mut got = [0; 5];
                std_reader.read_exact(&mut got).unwrap();
                (std_reader, got)
            });
            writer.write_all(b"hello").await.unwrap();
            let (std_reader, got) = taut::off_core(|| thread.join().unwrap()).await.unwrap();
            assert_eq!(&got, b"hello");

            let mut reader = PipeReader::from_std(std_reader).unwrap();
            let mut std_writer = writer.into_std().unwrap();
            let mut room = [0; 8];
            let mut read = Box::pin(reader.read(&mut room));
            assert!(poll!(read.as_mut()).is_pending());
            std_writer.write_all(b"back").unwrap();
            assert_eq!(read.await.unwrap(), 4);
            let mut writer = PipeWriter::from_std(std_writer).unwrap();
            writer.write_all(b"!").await.unwrap();
        });
    });
}

#[test]
fn futures_traits_copy_a_pipe_and_close_it() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt, copy};

    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (reader, mut writer) = pipe().unwrap();
            let (mut back, mut forth) = pipe().unwrap();
            let sent = Random::new(SEED).bytes(BYTES);
            let mut got = Vec::new();
            join!(
                async {
                    let empty = std::io::IoSlice::new(b"");
                    let start = std::io::IoSlice::new(&sent[..9]);
                    let count = writer.write_vectored(&[empty, start]).await.unwrap();
                    assert_eq!(count, 9);
                    copy(&sent[9..], &mut writer).await.unwrap();
                    writer.close().await.unwrap();
                    let error = AsyncWriteExt::write(&mut writer, b"late").await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                },
                async {
                    assert_eq!(copy(reader, &mut forth).await.unwrap(), BYTES as u64);
                    forth.close().await.unwrap();
                },
                async {
                    AsyncReadExt::read_to_end(&mut back, &mut got).await.unwrap();
                },
            );
            assert_same_bytes(&got, &sent);
        });
    });
}

#[test]
fn tokio_traits_copy_a_pipe_and_close_it() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};

    let _others = with_others();
    on_each_driver_and_wait(|builder| {
        block_on(builder, async {
            let (mut reader, mut writer) = pipe().unwrap();
            let (mut back, mut forth) = pipe().unwrap();
            let sent = Random::new(SEED).bytes(BYTES);
            let mut got = Vec::new();
            join!(
                async {
                    writer.write_all_buf(&mut &sent[..]).await.unwrap();
                    AsyncWriteExt::flush(&mut writer).await.unwrap();
                    AsyncWriteExt::shutdown(&mut writer).await.unwrap();
                },
                async {
                    assert_eq!(copy(&mut reader, &mut forth).await.unwrap(), BYTES as u64);
                    forth.shutdown().await.unwrap();
                },
                async { while back.read_buf(&mut got).await.unwrap() > 0 {} },
            );
            assert_same_bytes(&got, &sent);
        });
    });
}

#[test]
fn a_dump_names_the_read_and_its_place() {
    let _others = with_others();
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            let (mut reader, writer) = pipe().unwrap();
            spawn(async move {
                let _open = writer;
                reader.read(&mut [0; 8]).await
            });
            turns(3).await;
        });
        let dump = runtime.dump().to_string();
        assert!(dump.contains("pipe read") && dump.contains("pipe.rs"), "{dump}");
    });
}

/// Runs only as a process of its own, see below.
#[test]
#[ignore = "changes what a signal does to the whole process"]
fn writes_into_nothing_while_sigpipe_would_kill() {
    // SAFETY: no other thread of this process cares about the signal.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    on_each_driver(|builder| {
        block_on(builder, async {
            let (reader, mut writer) = pipe().unwrap();
            writer.write_all(b"somebody reads").await.unwrap();
            drop(reader);
            for _ in 0..3 {
                let error = writer.write(b"nobody does").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            }
        });
    });
    // Neither swallowed for good nor held back: a write by other means still kills.
    let (reader, mut writer) = std::io::pipe().unwrap();
    drop(reader);
    let _ = writer.write(b"this ends the process");
    unreachable!("SIGPIPE was left blocked");
}

#[test]
fn a_broken_pipe_kills_no_process_in_which_sigpipe_would() {
    let _others = with_others();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_into_nothing_while_sigpipe_would_kill", "--ignored"])
        .output()
        .unwrap();
    assert_eq!(status.status.signal(), Some(libc::SIGPIPE), "{status:?}");
}

#[test]
fn no_descriptor_is_left() {
    let _alone = alone();
    on_each_driver(|builder| {
        let outside = open_descriptors();
        let runtime = builder.build().unwrap();
        let before = open_descriptors();
        runtime.block_on(in_time(async {
            for count in 0..20 {
                let (mut reader, mut writer) = pipe().unwrap();
                poll_then_drop(reader.read(&mut [0; 8]), count % 3).await;
                poll_then_drop(writer.write_all(&[0; BYTES]), count % 3).await;
                drop((reader.into_std(), writer.into_std()));
                let (mut reader, _writer) = pipe().unwrap();
                spawn(async move { reader.read(&mut [0; 8]).await }).abort();
            }
            until(|| open_descriptors() == before).await;
            let (mut reader, writer) = pipe().unwrap();
            spawn(async move {
                let _open = writer;
                reader.read(&mut [0; 8]).await
            });
            turns(3).await;
        }));
        drop(runtime);
        assert_eq!(open_descriptors(), outside);
    });
}
