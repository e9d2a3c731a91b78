//! A runtime on each core, all spinning, connected by the runtime's mesh.

use std::sync::{Arc, Mutex};

use taut::cores::{Cores, Mesh, MeshReceiver, MeshSender, mesh};
use taut::{Driver, Runtime, WaitStrategy};

use super::{Connected, Load, Log, Task, message};
use crate::cross::ends::Packet;
use crate::harness::counters::Counters;

/// Messages that a ring has room for.
const CAPACITY: usize = 1_024;
/// Messages of each other core that are taken at once in a stream.
const BATCH: usize = 32;

/// On that driver.
#[derive(Debug)]
pub(crate) struct Rings(pub(crate) Driver);

impl Connected for Rings {
    fn run(&mut self, cores: &[usize], task: Task) -> Result<(Vec<u64>, Counters), String> {
        let runtime = Runtime::builder().driver(self.0).wait(WaitStrategy::Spin);
        // Each core takes its own.
        let ends = mesh(cores.len(), CAPACITY).into_iter().map(|ends| Mutex::new(Some(ends)));
        let ends: Arc<[_]> = ends.collect();
        let run = Cores::new().runtime(runtime).stop_on([]);
        let run = cores.iter().enumerate().fold(run, |run, (own, &core)| {
            let ends = Arc::clone(&ends);
            run.role(format!("mesh-{own}"), core, move |context| async move {
                let taken = ends[own].lock().ok().and_then(|mut ends| ends.take());
                let ends = taken.ok_or("its ends are taken")?;
                on_core(ends, Log::new(task, own, context.count())).await
            })
        });
        let outcome = run.run().map_err(|error| error.to_string())?;
        let first = outcome.into_values().into_iter().next().flatten();
        first.ok_or_else(|| "the first core did not end by itself".to_owned())
    }
}

async fn on_core(ends: Mesh<Packet>, mut log: Log) -> Result<(Vec<u64>, Counters), String> {
    let messages = log.task.messages();
    let (mut sender, mut receiver) = ends.into_split();
    match log.task.load {
        Load::Rounds => {
            for round in 1..=messages {
                send_to_all(&mut sender, log.own, round).await?;
                while !log.has_round(round) {
                    let (from, packet) = receiver.recv().await.map_err(|end| end.to_string())?;
                    log.take(from, &packet, syscalls)?;
                }
            }
        }
        Load::Stream => {
            let own = log.own;
            // A task of its own: one that waits for room must not keep others from making some.
            let sending = taut::spawn(async move {
                for number in 1..=messages {
                    send_to_all(&mut sender, own, number).await?;
                }
                Ok::<_, String>(sender)
            });
            take_all(&mut receiver, &mut log).await?;
            sending.await.map_err(|error| error.to_string())??;
        }
    }
    Ok(log.end(syscalls()))
}

fn syscalls() -> u64 {
    taut::counters().syscalls
}

#[inline]
async fn send_to_all(
    sender: &mut MeshSender<Packet>,
    own: usize,
    number: u64,
) -> Result<(), String> {
    for to in (0..sender.count()).filter(|to| *to != own) {
        sender.send_to(to, message(number)).await.map_err(|end| end.to_string())?;
    }
    Ok(())
}

async fn take_all(receiver: &mut MeshReceiver<Packet>, log: &mut Log) -> Result<(), String> {
    while !log.has_all() {
        receiver.ready().await.map_err(|end| end.to_string())?;
        receiver.drain(BATCH).try_for_each(|(from, packet)| log.take(from, &packet, syscalls))?;
    }
    Ok(())
}
