//! A runtime on each core, all spinning, and a ring of the runtime from each to each.

use std::sync::Mutex;

use taut::cores::{Cores, spsc};
use taut::{Driver, Runtime, WaitStrategy};

use super::{Connected, Load, Log, Task, message};
use crate::cross::ends::Packet;
use crate::harness::counters::Counters;

/// Messages that a ring has room for.
const CAPACITY: usize = 1_024;

/// On that driver.
#[derive(Debug)]
pub(crate) struct Rings(pub(crate) Driver);

/// The sending ends of one core.
#[derive(Debug, Default)]
struct Senders(Vec<spsc::Sender<Packet>>);

/// The receiving ends of one core, with the places of the cores at the others.
#[derive(Debug, Default)]
struct Receivers {
    sources: Vec<(usize, spsc::Receiver<Packet>)>,
    next: usize,
}

/// The ends of each core.
fn mesh(cores: usize) -> Vec<(Senders, Receivers)> {
    let mut all: Vec<(Senders, Receivers)> = (0..cores).map(|_| Default::default()).collect();
    for from in 0..cores {
        for to in (0..cores).filter(|to| *to != from) {
            let (sender, receiver) = spsc::channel(CAPACITY);
            all[from].0.0.push(sender);
            all[to].1.sources.push((from, receiver));
        }
    }
    all
}

impl Senders {
    /// Sends it to all others.
    #[inline]
    async fn send(&mut self, packet: Packet) -> Result<(), String> {
        for sender in &mut self.0 {
            sender.send(packet).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

impl Receivers {
    /// The next message, of each core in turn: all send as many.
    #[inline]
    async fn receive(&mut self, log: &mut Log) -> Result<(), String> {
        let (from, receiver) = &mut self.sources[self.next];
        let packet = receiver.recv().await.map_err(|error| error.to_string())?;
        log.take(*from, &packet, || taut::counters().syscalls)?;
        self.next += 1;
        if self.next == self.sources.len() {
            self.next = 0;
        }
        Ok(())
    }
}

impl Connected for Rings {
    fn run(&mut self, cores: &[usize], task: Task) -> Result<(Vec<u64>, Counters), String> {
        let runtime = Runtime::builder().driver(self.0).wait(WaitStrategy::Spin);
        let ends: Vec<_> = mesh(cores.len()).into_iter().map(|one| Mutex::new(Some(one))).collect();
        let ends = std::sync::Arc::new(ends);
        let run = Cores::new().runtime(runtime).stop_on([]);
        let run = cores.iter().enumerate().fold(run, |run, (own, &core)| {
            let ends = std::sync::Arc::clone(&ends);
            run.role(format!("mesh-{own}"), core, move |context| async move {
                let taken = ends[own].lock().ok().and_then(|mut ends| ends.take());
                let (senders, receivers) = taken.ok_or("its ends are taken")?;
                let log = Log::new(task, own, context.count());
                on_core(senders, receivers, log).await
            })
        });
        let outcome = run.run().map_err(|error| error.to_string())?;
        let first = outcome.into_values().into_iter().next().flatten();
        first.ok_or_else(|| "the first core did not end by itself".to_owned())
    }
}

async fn on_core(
    mut senders: Senders,
    mut receivers: Receivers,
    mut log: Log,
) -> Result<(Vec<u64>, Counters), String> {
    let messages = log.task.messages();
    match log.task.load {
        Load::Rounds => {
            for round in 1..=messages {
                senders.send(message(round)).await?;
                while !log.has_round(round) {
                    receivers.receive(&mut log).await?;
                }
            }
        }
        Load::Stream => {
            let sending = taut::spawn(async move {
                for number in 1..=messages {
                    senders.send(message(number)).await?;
                }
                Ok::<_, String>(senders)
            });
            while !log.has_all() {
                receivers.receive(&mut log).await?;
            }
            sending.await.map_err(|error| error.to_string())??;
        }
    }
    Ok(log.end(taut::counters().syscalls))
}
