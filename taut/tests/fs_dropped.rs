//! File operations cancelled or dropped at every stage: no descriptor and no operation is left
//! over, the position is where it was, and runtimes end with all of it in flight.

mod common;

use std::io::SeekFrom;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use common::directory::{Directory, open};
use common::whole_process::{self, alone};
use common::{
    Random, block_on, on_each_driver, on_each_driver_and_wait, open_descriptors, poll_then_drop,
    until,
};
use futures_util::poll;
use taut::fs::{self, AlignedBuffer, File, OpenOptions};
use taut::task::shield;
use taut::{counters, is_cancelled, spawn, yield_now};

/// How many turns pass between the poll and the drop: from at once to long after the end.
const TURNS: [u64; 6] = [0, 1, 2, 3, 20, 1000];

/// Runs a body that must leave as many descriptors open as it found, and nothing in flight.
fn leaves_none(body: impl AsyncFn(&Path)) {
    let _alone = alone();
    on_each_driver_and_wait(|builder| {
        let directory = Directory::new();
        whole_process::leaves_none(builder, async || body(&directory).await);
    });
}

#[test]
fn an_open_that_is_dropped_closes_what_it_opened() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        drop(File::create(&path));
        assert!(!path.exists(), "nothing is done before the first poll");
        for turns in TURNS {
            for _ in 0..10 {
                poll_then_drop(File::create(&path), turns).await;
                poll_then_drop(File::open(&path), turns).await;
            }
        }
    });
}

#[test]
fn a_file_that_is_dropped_is_closed_with_whatever_is_in_flight_on_it() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        std::fs::write(&path, vec![1; 1 << 20]).unwrap();
        for turns in TURNS {
            let file = open(&path).await;
            poll_then_drop(file.read_at(Vec::with_capacity(1 << 20), 0), turns).await;
            poll_then_drop(file.write_at(vec![2; 1 << 20], 0), turns).await;
            poll_then_drop(
                file.read_vectored_at(Vec::from([(); 9].map(|()| Vec::with_capacity(9))), 0),
                turns,
            )
            .await;
            poll_then_drop(file.write_vectored_at(vec![vec![3; 9]; 9], 0), turns).await;
            poll_then_drop(file.read_at(AlignedBuffer::new(8192), 0), turns).await;
            let slot = taut::buffer::TxBuf::take().unwrap();
            poll_then_drop(file.read_fixed_at(slot, 0), turns).await;
            poll_then_drop(file.sync_all(), turns).await;
            poll_then_drop(file.metadata(), turns).await;
            poll_then_drop(file.set_len(1 << 20), turns).await;
            poll_then_drop(file.allocate(0, 1 << 20), turns).await;
        }
        // All slots are back.
        let slots: Result<Vec<_>, _> = (0..128).map(|_| taut::buffer::TxBuf::take()).collect();
        slots.unwrap();
    });
}

#[test]
fn a_close_that_is_dropped_closes() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        for turns in TURNS {
            poll_then_drop(open(&path).await.close(), turns).await;
            let mut file = open(&path).await;
            poll_then_drop(file.write(b"under way"), 0).await;
            poll_then_drop(file.close(), turns).await;
            drop(open(&path).await.close());
        }
    });
}

#[test]
fn names_and_lists_that_are_dropped_leave_nothing() {
    leaves_none(async |directory| {
        for turns in TURNS {
            let (one, other) = (directory.join("one"), directory.join("other"));
            poll_then_drop(fs::create_dir_all(one.join("a/b/c")), turns).await;
            poll_then_drop(fs::write(&other, vec![1; 100_000]), turns).await;
            poll_then_drop(fs::read(&other), turns).await;
            poll_then_drop(fs::copy(&other, directory.join("copy")), turns).await;
            poll_then_drop(fs::metadata(&other), turns).await;
            poll_then_drop(fs::rename(&other, directory.join("renamed")), turns).await;
            poll_then_drop(fs::hard_link(&other, directory.join("link")), turns).await;
            poll_then_drop(fs::symlink(&other, directory.join("symlink")), turns).await;
            poll_then_drop(fs::remove_file(directory.join("link")), turns).await;
            poll_then_drop(fs::read_dir(directory), turns).await;
            let mut entries = fs::read_dir(directory).await.unwrap();
            poll_then_drop(entries.next(), turns).await;
            let mut walk = fs::walk_dir(directory);
            poll_then_drop(walk.next(), turns).await;
            poll_then_drop(fs::remove_dir_all(&one), turns).await;
            // What was dropped may still happen, and would meet the next round.
            until(|| counters().operations_in_flight == 0).await;
            drop((entries, walk));
        }
    });
}

/// Polls a read once, lets the runtime turn, drops it, and says how much it gave, which with epoll
/// may be something: a thread can be quick.
async fn read_then_drop(file: &mut File, to: &mut [u8], turns: u64) -> usize {
    let mut read = pin!(file.read(to));
    let given = match poll!(read.as_mut()) {
        Poll::Ready(count) => count.unwrap(),
        Poll::Pending => 0,
    };
    common::turns(turns).await;
    given
}

#[test]
fn a_dropped_read_leaves_the_position_and_loses_no_byte() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        let bytes = Random::new(5).bytes(100_000);
        std::fs::write(&path, &bytes).unwrap();
        let mut file = File::open(&path).await.unwrap();
        let (mut random, mut got) = (Random::new(6), Vec::new());
        while got.len() < bytes.len() {
            let mut to = vec![0; 1 + random.below(500)];
            let given = read_then_drop(&mut file, &mut to, random.below(3) as u64).await;
            got.extend_from_slice(&to[..given]);
            if random.below(3) == 0 {
                assert_eq!(file.stream_position().await.unwrap(), got.len() as u64);
            }
            // Fewer or more bytes than the dropped one asked for.
            let mut to = vec![0; 1 + random.below(500)];
            let count = file.read(&mut to).await.unwrap();
            got.extend_from_slice(&to[..count]);
        }
        assert!(got == bytes);
    });
}

#[test]
fn a_seek_or_a_write_after_a_dropped_read_begins_at_the_right_place() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        for turns in TURNS {
            std::fs::write(&path, "0123456789").unwrap();
            let mut file = open(&path).await;
            let mut bytes = [0; 2];
            file.read_exact(&mut bytes).await.unwrap();
            let given = read_then_drop(&mut file, &mut [0; 8], turns).await;
            file.seek(SeekFrom::Current(-(given as i64))).await.unwrap();
            file.write_all(b"ab").await.unwrap();
            file.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"45");
            let given = read_then_drop(&mut file, &mut [0; 8], turns).await;
            file.seek(SeekFrom::Current(1 - given as i64)).await.unwrap();
            file.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"78");
            assert_eq!(std::fs::read(&path).unwrap(), b"01ab456789");
        }
    });
}

#[test]
fn a_dropped_write_happens_once_or_not_at_all_and_before_the_next() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        for turns in TURNS {
            for append in [false, true] {
                std::fs::write(&path, "").unwrap();
                let options = OpenOptions::new().write(true).append(append);
                let mut file = options.open(&path).await.unwrap();
                poll_then_drop(file.write(b"first,"), turns).await;
                file.write_all(b"second,").await.unwrap();
                poll_then_drop(file.write(b"third"), turns).await;
                file.flush().await.unwrap();
                let position = file.stream_position().await.unwrap();
                let found = std::fs::read_to_string(&path).unwrap();
                assert_eq!(position, found.len() as u64, "{found}");
                let rest = found.strip_prefix("first,").unwrap_or(&found);
                let rest = rest.strip_prefix("second,").expect("what was awaited is there");
                assert!(rest.is_empty() || rest == "third", "{found}");
                // With equal bytes the dropped and the repeated one are one.
                file.write_all(b"!").await.unwrap();
                poll_then_drop(file.write(b"again"), turns).await;
                file.write_all(b"again").await.unwrap();
                let found = std::fs::read_to_string(&path).unwrap();
                assert!(found.ends_with("!again") || found.ends_with("!againagain"), "{found}");
            }
        }
    });
}

#[test]
fn a_cancelled_task_has_its_transfers_end_with_ecanceled() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        // A pipe that nobody writes to: its read stays in flight until it is cancelled.
        let (out, into) = std::io::pipe().unwrap();
        let pipe = File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(out))).unwrap();
        let waiting = spawn(async move {
            let (read, buffer) = pipe.read_at(Vec::with_capacity(16), 0).await;
            let error = read.unwrap_err();
            assert!(is_cancelled(&error), "{error}");
            assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
            assert_eq!(buffer.capacity(), 0, "the kernel has the real one");
            // A wait that begins in a cancelled task fails at once, and keeps the buffer.
            let (read, buffer) = pipe.read_at(Vec::with_capacity(16), 0).await;
            assert!(is_cancelled(&read.unwrap_err()));
            assert!(buffer.capacity() >= 16);
            let error = pipe.sync_all().await.unwrap_err();
            assert!(is_cancelled(&error));
        });
        common::turns(20).await;
        assert!(!waiting.is_finished());
        waiting.cancel();
        waiting.await.unwrap();
        // With epoll a thread reads, until there is something to read.
        drop(into);

        let file = Rc::new(open(&path).await);
        for turns in TURNS {
            let tasks: Vec<_> = (0..4)
                .map(|kind| {
                    let (file, path) = (Rc::clone(&file), path.clone());
                    spawn(async move {
                        match kind {
                            0 => file.write_all_at(vec![1; 100_000], 0).await.0,
                            1 => file.read_at(vec![0; 100], 0).await.0.map(drop),
                            2 => file.sync_all().await,
                            _ => File::open(path).await.map(drop),
                        }
                    })
                })
                .collect();
            common::turns(turns).await;
            for task in tasks {
                task.cancel();
                match task.await.unwrap() {
                    Ok(()) => {}
                    Err(error) if is_cancelled(&error) => {}
                    Err(error) => assert!(error.to_string().contains("free capacity"), "{error}"),
                }
            }
        }
    });
}

#[test]
fn a_cancelled_stream_goes_on_where_it_was_in_a_shield() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        for turns in TURNS {
            std::fs::write(&path, "0123456789").unwrap();
            let mut file = open(&path).await;
            let task = spawn(async move {
                let mut got = Vec::new();
                let mut byte = [0];
                // Until the cancel comes, round and round.
                loop {
                    match file.read(&mut byte).await {
                        Ok(1) => got.push(byte[0]),
                        Ok(_) => file.rewind().await.unwrap(),
                        Err(error) => break assert!(is_cancelled(&error), "{error}"),
                    }
                }
                let rest = shield(async {
                    let mut rest = Vec::new();
                    file.read_to_end(&mut rest).await.unwrap();
                    file.write_all(b"!").await.unwrap();
                    rest
                })
                .await;
                got.extend_from_slice(&rest);
                got
            });
            common::turns(turns).await;
            task.cancel();
            let got = task.await.unwrap();
            assert!(got.iter().zip(b"0123456789".iter().cycle()).all(|(one, other)| one == other));
            assert_eq!(got.len() % 10, 0);
            assert_eq!(std::fs::read(&path).unwrap(), b"0123456789!");
        }
    });
}

#[test]
fn a_runtime_ends_with_all_of_it_in_flight() {
    let _alone = alone();
    on_each_driver_and_wait(|builder| {
        for turns in TURNS {
            let directory = Directory::new();
            let before = open_descriptors();
            let runtime = builder.clone().build().unwrap();
            let kept = runtime.block_on(async {
                let path = directory.join("file");
                let file = Rc::new(open(&path).await);
                for _ in 0..20 {
                    let (file, path) = (Rc::clone(&file), path.clone());
                    spawn(async move {
                        loop {
                            let _ = file.write_all_at(vec![1; 100_000], 0).await;
                            let _ = file.read_at(Vec::with_capacity(100_000), 0).await;
                            let _ = file.sync_data().await;
                            drop(File::open(&path).await);
                            yield_now().await;
                        }
                    });
                }
                // Which nobody polls again, and whose end nobody sees.
                let mut opening = Box::pin(File::open(path.clone()));
                let _ = poll!(opening.as_mut());
                common::turns(turns).await;
                (opening, open(&path).await)
            });
            drop(runtime);
            drop(kept);
            // Threads of the pool end what they have begun in their own time.
            while open_descriptors() != before {
                std::thread::yield_now();
            }
        }
    });
}

#[test]
fn files_outlive_their_runtime_and_serve_the_next() {
    let _alone = alone();
    on_each_driver(|builder| {
        let directory = Directory::new();
        let path = directory.join("file");
        let mut file = block_on(builder.clone(), async {
            let mut file = open(&path).await;
            file.write_all(b"kept").await.unwrap();
            file
        });
        block_on(builder, async {
            file.write_all(b" on").await.unwrap();
            file.close().await.unwrap();
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"kept on");
    });
}

#[test]
fn a_dropped_file_that_was_removed_is_freed_off_the_core() {
    leaves_none(async |directory| {
        let path = directory.join("file");
        let file = open(&path).await;
        file.allocate(0, 8 << 20).await.unwrap();
        fs::remove_file(&path).await.unwrap();
        let calls = counters().syscalls;
        drop(file);
        assert_eq!(counters().syscalls, calls);
    });
}

#[test]
fn a_dump_tells_what_is_done_to_a_file_and_where_in_the_program() {
    let _alone = alone();
    on_each_driver(|builder| {
        let (out, into) = std::io::pipe().unwrap();
        block_on(builder, async {
            let mut pipe =
                File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(out))).unwrap();
            let reading = spawn(async move { pipe.read(&mut [0; 8]).await });
            common::turns(5).await;
            let dump = taut::dump().to_string();
            assert!(dump.contains("reading a file"), "{dump}");
            assert!(dump.contains("fs_dropped.rs"), "{dump}");
            assert!(!reading.is_finished());
            drop(into);
            assert_eq!(reading.await.unwrap().unwrap(), 0);
        });
    });
}
