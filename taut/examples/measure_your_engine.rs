//! A small engine that records how long each of its stages takes, and the files that the
//! HdrHistogram tools read: `cargo run --release --example measure_your_engine -- [FOLDER]`.
//!
//! The engine's core counts and nothing more; a thread of its own takes the counts every 100 ms,
//! logs them and prints a line.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use taut::latency::hlog::{self, LogWriter};
use taut::latency::{Histogram, Recorder, Snapshots, hgrm};
use taut::net::{TcpListener, TcpStream};
use taut::time::{Instant, sleep_until};

const UPDATES: u32 = 3_000;
/// The venue sends on a schedule, however long the engine takes.
const SEND_INTERVAL: Duration = Duration::from_micros(150);
const REPORT_INTERVAL: Duration = Duration::from_millis(100);
/// From the time scheduled for an update until its bytes are here; until they are a quote; until
/// we know what to do.
const STAGES: [&str; 3] = ["receive", "decode", "decide"];

/// Scheduled time in ns, bid and ask: eight bytes each.
const UPDATE_BYTES: usize = 24;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/taut".to_owned());
    let folder = PathBuf::from(folder);
    let (recorders, snapshots): (Vec<_>, Vec<_>) =
        STAGES.map(|_| Recorder::new()).into_iter().unzip();

    let (running, ended) = channel();
    let report = {
        let folder = folder.clone();
        thread::spawn(move || report(snapshots, &ended, &folder).map_err(|error| error.to_string()))
    };
    let orders = taut::run(async move {
        let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let address = listener.local_addr()?;
        let venue = taut::spawn(async move { publish(listener.accept().await?).await });
        let orders = feed_handler(TcpStream::connect(address).await?, &recorders).await?;
        venue.await??;
        Ok::<_, Box<dyn Error>>(orders)
    })??;
    drop(running);
    report.join().expect("the report does not panic")?;

    check(&folder)?;
    println!("{orders} orders; see {}", folder.display());
    Ok(())
}

/// Reads updates and takes each through the stages. One reading of the clock ends a stage and
/// begins the next.
async fn feed_handler(
    mut stream: TcpStream,
    recorders: &[Recorder],
) -> Result<u32, Box<dyn Error>> {
    let [receive, decode, decide] = recorders else { return Err("one recorder a stage".into()) };
    let mut update = [0; UPDATE_BYTES];
    let (mut fair, mut orders) = (0, 0);
    for _ in 0..UPDATES {
        stream.read_exact(&mut update).await?;
        let received = Instant::now();
        let [scheduled_ns, bid, ask] = parse(&update);
        receive.record_between(Instant::from_nanos(scheduled_ns), received);

        let decoded = Instant::now();
        decode.record_between(received, decoded);

        orders += u32::from(is_cheap(&mut fair, bid, ask));
        decide.record(decoded);
    }
    Ok(orders)
}

fn parse(update: &[u8; UPDATE_BYTES]) -> [u64; 3] {
    let mut numbers = [0; 3];
    for (number, bytes) in numbers.iter_mut().zip(update.chunks_exact(8)) {
        *number = u64::from_le_bytes(bytes.try_into().expect("chunks of eight bytes"));
    }
    numbers
}

/// Whether the ask is below the moving average of the middle price.
fn is_cheap(fair: &mut u64, bid: u64, ask: u64) -> bool {
    let middle = u64::midpoint(bid, ask);
    *fair = if *fair == 0 { middle } else { (*fair * 15 + middle) / 16 };
    ask < *fair
}

/// The other side. What it writes into an update is the time for which it was scheduled.
async fn publish(mut stream: TcpStream) -> std::io::Result<()> {
    let mut scheduled = Instant::now();
    for number in 0..u64::from(UPDATES) {
        scheduled += SEND_INTERVAL;
        sleep_until(scheduled).await?;
        let bid = 60_000 + number * 7919 % 100;
        let mut update = Vec::with_capacity(UPDATE_BYTES);
        for number in [scheduled.as_nanos(), bid, bid + 2] {
            update.extend(number.to_le_bytes());
        }
        stream.write_all(&update).await?;
    }
    Ok(())
}

/// Logs each interval until the engine has ended, then writes a table for each stage.
fn report(
    mut snapshots: Vec<Snapshots>,
    running: &Receiver<()>,
    folder: &Path,
) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)
        .map_err(|error| format!("{}: {error}; name a folder to write to", folder.display()))?;
    let file = File::create(folder.join("engine.hlog"))?;
    let mut log = LogWriter::new(file, SystemTime::now(), &["measure_your_engine: ns by stage"])?;
    let mut totals: Vec<_> = snapshots.iter().map(Snapshots::empty).collect();

    let started = std::time::Instant::now();
    let mut start = Duration::ZERO;
    loop {
        let ended = running.recv_timeout(REPORT_INTERVAL) == Err(RecvTimeoutError::Disconnected);
        let end = started.elapsed();
        for ((stage, snapshots), total) in STAGES.iter().zip(&mut snapshots).zip(&mut totals) {
            let interval = snapshots.snapshot();
            log.write(Some(stage), start, end - start, &interval)?;
            total.add(&interval)?;
            println!("{:>6} ms  {stage:<8}{}", end.as_millis(), percentiles(&interval));
        }
        start = end;
        if ended {
            break;
        }
    }
    for (stage, total) in STAGES.iter().zip(&totals) {
        fs::write(folder.join(format!("engine-{stage}.hgrm")), hgrm::text(total))?;
        println!("      all  {stage:<8}{}", percentiles(total));
    }
    Ok(())
}

fn percentiles(histogram: &Histogram<u64>) -> String {
    let at = |quantile| histogram.value_at_quantile(quantile);
    let (p50, p99, max) = (at(0.5), at(0.99), histogram.max());
    format!("{:>6} samples, p50 {p50:>7} ns, p99 {p99:>8} ns, max {max:>8} ns", histogram.len())
}

/// The log has each update once in each stage.
fn check(folder: &Path) -> Result<(), Box<dyn Error>> {
    let rows = hlog::read(&fs::read_to_string(folder.join("engine.hlog"))?)?;
    for stage in STAGES {
        let of_stage = rows.iter().filter(|row| row.tag.as_deref() == Some(stage));
        let samples: u64 = of_stage.map(|row| row.histogram.len()).sum();
        assert_eq!(samples, u64::from(UPDATES), "{stage}");
    }
    Ok(())
}
