//! The floor: plain threads, and the least that a ring needs from each to each.

use std::thread;

use super::{Connected, Load, Log, Task, message};
use crate::cross::raw_ring::{RawReceiver, RawSender, raw_ring};
use crate::harness::cores;
use crate::harness::counters::Counters;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct RawAtomics;

/// The ends of one core.
#[derive(Debug, Default)]
struct Ends {
    senders: Vec<RawSender>,
    /// With the place of the core at the other end.
    receivers: Vec<(usize, RawReceiver)>,
}

impl Connected for RawAtomics {
    fn run(&mut self, cores: &[usize], task: Task) -> Result<(Vec<u64>, Counters), String> {
        let count = cores.len();
        let mut all: Vec<Ends> = (0..count).map(|_| Ends::default()).collect();
        for from in 0..count {
            for to in (0..count).filter(|to| *to != from) {
                let (sender, receiver) = raw_ring();
                all[from].senders.push(sender);
                all[to].receivers.push((from, receiver));
            }
        }
        thread::scope(|scope| {
            let ends = cores.iter().zip(all).enumerate();
            let threads: Vec<_> = ends
                .map(|(own, (&core, ends))| {
                    scope.spawn(move || {
                        cores::pin(core)?;
                        let mut log = Log::new(task, own, count);
                        match task.load {
                            Load::Rounds => rounds(ends, &mut log)?,
                            Load::Stream => stream(ends, &mut log)?,
                        }
                        Ok(log.end(0))
                    })
                })
                .collect();
            let mut ended = threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| Err("a core of the mesh panicked".to_owned()))
            });
            let first = ended.next().unwrap_or_else(|| Err("there is no core".to_owned()));
            ended.try_for_each(|one| one.map(drop))?;
            first
        })
    }
}

fn rounds(mut ends: Ends, log: &mut Log) -> Result<(), String> {
    for round in 1..=log.task.messages() {
        for sender in &mut ends.senders {
            sender.send(message(round));
        }
        while !log.has_round(round) {
            receive(&mut ends, log)?;
        }
    }
    Ok(())
}

fn stream(mut ends: Ends, log: &mut Log) -> Result<(), String> {
    let messages = log.task.messages();
    let mut has_sent = false;
    while !(has_sent && log.has_all()) {
        has_sent = true;
        for sender in &mut ends.senders {
            if sender.sent < messages && sender.has_room() {
                sender.send(message(sender.sent + 1));
            }
            has_sent &= sender.sent == messages;
        }
        receive(&mut ends, log)?;
    }
    Ok(())
}

/// Takes what is there, one of each.
#[inline(always)]
fn receive(ends: &mut Ends, log: &mut Log) -> Result<(), String> {
    let mut idle = true;
    for (from, receiver) in &mut ends.receivers {
        if let Some(message) = receiver.try_receive() {
            log.take(*from, &message, || 0)?;
            idle = false;
        }
    }
    if idle {
        std::hint::spin_loop();
    }
    Ok(())
}
