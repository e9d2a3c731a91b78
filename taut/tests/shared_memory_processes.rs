//! Rings between two processes: ten million messages, and either process killed at random points,
//! two hundred times each way. The other process is this same program, started for its part alone.

mod common;

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::directory::Directory;
use common::shared_memory::KINDS;
use common::{Random, block_on, on_each_driver};
use taut::cores::shared_memory::{Kind, Options, ReadError, Reader, Ring, WriteError, Writer};
use taut::{Builder, Driver, Runtime, WaitStrategy};

const MESSAGES: u64 = 10_000_000;
const KILLS: u64 = 200;
const SLOT_BYTES: usize = 200;

/// Names the part of the other process, and its ring.
const PART: &str = "TAUT_TEST_PART";
const PATH: &str = "TAUT_TEST_PATH";
/// What that process prints once it is at work.
const AT_WORK: &str = "the other process is at work";

/// A process that is killed at the end at the latest.
struct Other(Child);

impl Other {
    fn start(part: &str, path: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "the_other_process", "--nocapture", "--test-threads=1"]);
        command.env(PART, part).env(PATH, path);
        Self(command.stdout(Stdio::piped()).spawn().unwrap())
    }

    fn until_at_work(&mut self) {
        let printed = BufReader::new(self.0.stdout.take().unwrap());
        let found = printed.lines().any(|line| line.unwrap().contains(AT_WORK));
        assert!(found, "the other process has ended: {:?}", self.0.wait());
    }

    /// Kills it, which must have been at work until then.
    fn kill(mut self) {
        self.0.kill().unwrap();
        assert_eq!(self.0.wait().unwrap().signal(), Some(9), "it had ended by itself");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_other_process() {
    let Some(part) = env::var_os(PART) else { return };
    // It must not outlive a test that fails.
    let signal = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(signal).unwrap();
    let ring = Ring::open(env::var_os(PATH).unwrap()).unwrap();
    match part.to_str().unwrap() {
        "writes" => write_for_ever(ring.writer().unwrap()),
        "reads" => read_for_ever(ring.reader().unwrap()),
        "sends by uring" => send_all(Driver::Uring, ring.writer().unwrap()),
        "sends by epoll" => send_all(Driver::Epoll, ring.writer().unwrap()),
        other => panic!("{other}"),
    }
}

fn at_work() {
    println!("{AT_WORK}");
    std::io::stdout().flush().unwrap();
}

/// The message of a position: of any length, with bytes that only that position has.
fn length(position: u64) -> usize {
    position.wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize % (SLOT_BYTES + 1)
}

fn byte(position: u64, index: usize) -> u8 {
    (position as u8).wrapping_mul(31).wrapping_add((position >> 8) as u8).wrapping_add(index as u8)
}

fn is_whole(position: u64, message: &[u8]) -> bool {
    message.len() == length(position)
        && message.iter().enumerate().all(|(index, found)| *found == byte(position, index))
}

/// Writes the next message of a ring, slowly: first something else, so that a kill in between would
/// show.
fn write_next(writer: &mut Writer, limit: Duration) -> Result<(), WriteError> {
    let position = writer.position();
    let mut claim = writer.claim_timeout(length(position), limit)?;
    claim.fill(0xEE);
    claim.iter_mut().enumerate().for_each(|(index, place)| *place = byte(position, index));
    claim.commit();
    Ok(())
}

/// Reads the next message of a ring, which has to be the one of its position.
fn read_next(reader: &mut Reader, limit: Duration) -> Result<(), ReadError> {
    let position = reader.position();
    let message = reader.borrow_timeout(limit)?;
    assert!(is_whole(position, &message), "{position} {:?}", &*message);
    message.release();
    Ok(())
}

const FOR_EVER: Duration = Duration::from_secs(3600);

fn write_for_ever(mut writer: Writer) {
    write_next(&mut writer, FOR_EVER).unwrap();
    at_work();
    loop {
        write_next(&mut writer, FOR_EVER).unwrap();
    }
}

fn read_for_ever(mut reader: Reader) {
    let mut messages = 0;
    loop {
        match read_next(&mut reader, FOR_EVER) {
            Ok(()) => messages += 1,
            Err(ReadError::Lagged(_)) => {}
            Err(error) => panic!("{error}"),
        }
        if messages == 1 {
            at_work();
        }
    }
}

fn ring_at(path: &Path, kind: Kind) -> Ring {
    Ring::create(path, &Options::new(kind, SLOT_BYTES, 64)).unwrap()
}

/// Starts and kills the other process again and again, until `done`.
fn kill_again_and_again(part: &str, path: &Path, done: &AtomicBool) {
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    let _done = Done(done);
    let mut random = Random::new(9);
    for _ in 0..KILLS {
        let mut other = Other::start(part, path);
        other.until_at_work();
        // Not by the clock: at any moment of its work.
        (0..random.below(20_000)).for_each(|_| std::hint::spin_loop());
        other.kill();
    }
}

/// How long an end waits at a time.
const STEP: Duration = Duration::from_millis(3);

#[test]
fn a_reader_goes_on_however_often_its_writer_is_killed() {
    for kind in KINDS {
        let start = Instant::now();
        let folder = Directory::new();
        let ring = ring_at(&folder.join("ring"), kind);
        let mut reader = ring.reader().unwrap();
        let done = AtomicBool::new(false);
        let (mut messages, mut lost, mut missed) = (0_u64, 0, 0_u64);
        thread::scope(|scope| {
            scope.spawn(|| kill_again_and_again("writes", &folder.join("ring"), &done));
            loop {
                match read_next(&mut reader, STEP) {
                    Ok(()) => messages += 1,
                    Err(ReadError::Lagged(count)) => lost += count,
                    Err(ReadError::Timeout) => {}
                    Err(ReadError::Disconnected) if done.load(Ordering::Acquire) => break,
                    Err(ReadError::Disconnected) => {
                        missed += 1;
                        thread::yield_now();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        eprintln!(
            "{kind:?}: {messages} messages of {KILLS} writers, {lost} lost, writer missed {missed} \
             times, in {:?}",
            start.elapsed()
        );
        assert_eq!(messages + lost, reader.position());
        assert!(reader.position() >= KILLS && missed > 0);
        assert_eq!(ring.writer().unwrap().position(), reader.position());
    }
}

#[test]
fn a_writer_goes_on_however_often_its_reader_is_killed() {
    for kind in KINDS {
        let start = Instant::now();
        let folder = Directory::new();
        let ring = ring_at(&folder.join("ring"), kind);
        let mut writer = ring.writer().unwrap();
        let done = AtomicBool::new(false);
        let mut missed = 0_u64;
        thread::scope(|scope| {
            scope.spawn(|| kill_again_and_again("reads", &folder.join("ring"), &done));
            while !done.load(Ordering::Acquire) {
                match write_next(&mut writer, STEP) {
                    Ok(()) if writer.position().is_multiple_of(256) => thread::yield_now(),
                    Ok(()) | Err(WriteError::Timeout) => {}
                    Err(WriteError::Disconnected) => {
                        missed += 1;
                        thread::yield_now();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        eprintln!(
            "{kind:?}: {} messages for {KILLS} readers, reader missed {missed} times, in {:?}",
            writer.position(),
            start.elapsed()
        );
        assert!(writer.position() >= KILLS);
        assert_eq!(missed > 0, kind == Kind::Spsc, "only an spsc needs its reader");
        // Nobody who died holds it up, and what is left is whole.
        let mut reader = ring.reader().unwrap();
        if kind == Kind::Spsc {
            while reader.position() < writer.position() {
                read_next(&mut reader, Duration::ZERO).unwrap();
            }
        }
        for _ in 0..200 {
            write_next(&mut writer, Duration::from_secs(60)).unwrap();
            read_next(&mut reader, Duration::ZERO).unwrap();
        }
    }
}

fn core(driver: Driver) -> Builder {
    let spin_for = Duration::from_micros(20);
    let builder = Runtime::builder().driver(driver).wait(WaitStrategy::SpinThenPark { spin_for });
    builder.receive_buffers(4).hot_buffers(0).send_buffers(4)
}

fn send_all(driver: Driver, mut writer: Writer) {
    block_on(core(driver), async move {
        let mut random = Random::new(7);
        for number in 0..MESSAGES {
            writer.send(&[number, !number]).await.unwrap();
            random.pause_at_one_of(20_000).await;
        }
    });
}

#[test]
fn ten_million_messages_arrive_once_each_and_in_order() {
    on_each_driver(|builder| {
        let start = Instant::now();
        let folder = Directory::new();
        let path = folder.join("ring");
        let ring = Ring::create(&path, &Options::new(Kind::Spsc, 16, 1000)).unwrap();
        let driver = builder.build().unwrap().driver();
        let part = match driver {
            Driver::Epoll => "sends by epoll",
            _ => "sends by uring",
        };
        let mut reader = ring.reader().unwrap();
        let mut other = Other::start(part, &path);
        block_on(core(driver), async {
            let mut random = Random::new(11);
            reader.connected().await.unwrap();
            for number in 0..MESSAGES {
                assert_eq!(reader.recv().await, Ok([number, !number]));
                random.pause_at_one_of(20_000).await;
            }
            assert_eq!(reader.recv::<u64>().await, Err(ReadError::Disconnected));
        });
        assert!(other.0.wait().unwrap().success());
        eprintln!("{MESSAGES} messages in {:?}", start.elapsed());
    });
}
