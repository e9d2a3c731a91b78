//! Something that has to be polled, as a part of a core's loop: a ring in shared memory, which
//! another process writes to. `cargo run --release --example poller`.

use std::process::{Command, Stdio};

use taut::channel::mpsc;
use taut::cores::shared_memory::{Kind, Options, ReadError, Reader, Ring, WriteError};
use taut::{Poller, add_poller};

const TICKS: u64 = 100_000;
/// Tells the other process where the ring is.
const RING: &str = "TAUT_EXAMPLE_RING";

type Error = Box<dyn std::error::Error>;

/// Passes what comes in on to a channel of its own core.
struct Feed {
    reader: Reader,
    /// `None` once the other process has gone.
    ticks: Option<mpsc::Sender<[u64; 2]>>,
}

impl Poller for Feed {
    fn poll(&mut self, budget: u32) -> u32 {
        let Some(ticks) = &self.ticks else { return 0 };
        let mut done = 0;
        while done < budget {
            match self.reader.try_borrow() {
                Ok(message) => {
                    let tick = bytemuck::pod_read_unaligned(&message);
                    if ticks.try_send(tick).is_err() {
                        // It stays in the ring until there is room in the channel.
                        break;
                    }
                    message.release();
                    done += 1;
                }
                Err(ReadError::Empty) => break,
                Err(error) => {
                    println!("the feed has ended: {error}");
                    self.ticks = None;
                    break;
                }
            }
        }
        done
    }
}

fn main() -> Result<(), Error> {
    match std::env::var_os(RING) {
        Some(path) => write_ticks(&Ring::open(path)?),
        None => read_ticks(),
    }
}

/// What the other process does, on a plain thread.
fn write_ticks(ring: &Ring) -> Result<(), Error> {
    let mut writer = ring.writer()?;
    for number in 0..TICKS {
        loop {
            match writer.send_blocking(&[number, 60_000 + number % 100]) {
                Ok(()) => break,
                Err(WriteError::Disconnected) => writer.connected_timeout(GIVE_UP_AFTER)?,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

const GIVE_UP_AFTER: std::time::Duration = std::time::Duration::from_secs(10);

fn read_ticks() -> Result<(), Error> {
    // `/dev/shm` would be the place; the temporary folder is there in every container.
    let path = std::env::temp_dir().join(format!("taut-example-{}", std::process::id()));
    let ring = Ring::create(&path, &Options::new(Kind::Spsc, 48, 1024))?;
    let mut reader = ring.reader()?;
    let this = std::env::current_exe()?;
    let mut other = Command::new(this).env(RING, &path).stdin(Stdio::null()).spawn()?;
    let connected = reader.connected_timeout(GIVE_UP_AFTER);
    std::fs::remove_file(&path)?;
    connected?;

    let runtime = taut::Runtime::new()?;
    let sum = runtime.block_on(async {
        let (sender, ticks) = mpsc::channel(256);
        let _poller = add_poller(Feed { reader, ticks: Some(sender) });
        let (mut next, mut sum) = (0, 0);
        while let Ok([number, price]) = ticks.recv().await {
            assert_eq!(number, next);
            next += 1;
            sum += price;
        }
        assert_eq!(next, TICKS);
        sum
    });
    assert!(other.wait()?.success());
    let counters = runtime.counters();
    assert_eq!(counters.poller_items, TICKS);
    println!("{TICKS} ticks of another process, {} on average", sum as f64 / TICKS as f64);
    println!("{} calls of the poller in {} turns", counters.poller_calls, counters.turns);
    Ok(())
}
