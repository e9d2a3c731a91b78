//! Many connections, each with one question in flight: a client on epoll that never sleeps.
//!
//! Invariant: a connection asks again only when its whole answer has come and was right, so there
//! are never more messages under way than connections. A sample is from before the `send` of one
//! connection to after the last `recv` of its answer; with many connections most of it is waiting
//! for the others, here and in the server.

use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::channel::Channel;
use super::exchange::Exchange;
use super::{Patience, broken};
use crate::harness::clock::Clock;

/// Events that are taken at once.
const EVENTS: usize = 1024;

/// All connections to one server.
#[derive(Debug)]
pub(crate) struct Crowd<E> {
    /// None where the only socket that there is is asked itself.
    poll: Option<OwnedFd>,
    members: Vec<Member>,
    exchange: E,
    answer: Vec<u8>,
}

/// One connection.
#[derive(Debug)]
struct Member {
    channel: Channel,
    /// The number of the message that is under way.
    sequence: u64,
    received: usize,
    sent_at: u64,
}

/// When a crowd stops to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    /// Ticks after which it does, if it has so many samples ...
    pub(crate) length: u64,
    pub(crate) samples: usize,
    /// ... or after which it does in any case.
    pub(crate) longest: u64,
    /// So many samples end it too.
    pub(crate) capacity: usize,
}

impl<E: Exchange> Crowd<E> {
    /// Questions must be no longer than a socket's buffer.
    pub(crate) fn new(channels: Vec<Channel>, exchange: E) -> Result<Self, String> {
        let problem = |error: Errno| format!("the client's epoll failed: {error}");
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(problem)?;
        for (index, channel) in channels.iter().enumerate() {
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poll, channel, data, flags).map_err(problem)?;
        }
        let answer = vec![0; exchange.answer_bytes()];
        let members = channels.into_iter().map(Member::from).collect();
        Ok(Self { poll: Some(poll), members, exchange, answer })
    }

    /// One connection, which is asked itself.
    pub(crate) fn alone(channel: Channel, exchange: E) -> Self {
        let answer = vec![0; exchange.answer_bytes()];
        Self { poll: None, members: vec![channel.into()], exchange, answer }
    }

    /// Where there is one connection, its socket is asked rather than an epoll: one call less.
    pub(crate) fn asking_directly(self) -> Self {
        Self { poll: self.poll.filter(|_| self.members.len() != 1), ..self }
    }

    /// One message on the first connection, for the snapshots of the counters.
    pub(crate) fn one(&mut self, clock: &Clock) -> Result<(), String> {
        let once = Until { length: 0, samples: 0, longest: 0, capacity: 0 };
        self.run_members(1, clock, &once, &mut Vec::new()).map(drop)
    }

    /// Every connection asks and asks again; returns the ticks from the first question to the last
    /// answer.
    pub(crate) fn run(
        &mut self,
        clock: &Clock,
        until: &Until,
        samples: &mut Vec<u64>,
    ) -> Result<u64, String> {
        self.run_members(self.members.len(), clock, until, samples)
    }

    fn run_members(
        &mut self,
        count: usize,
        clock: &Clock,
        until: &Until,
        samples: &mut Vec<u64>,
    ) -> Result<u64, String> {
        let begun = clock.now();
        for member in &mut self.members[..count] {
            member.ask(&mut self.exchange, clock)?;
        }
        let mut under_way = count;
        let mut asking = true;
        let mut patience = Patience::default();
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS);
        let awaited = |count: usize| format!("an answer on {count} connections");
        while under_way > 0 {
            let ready = self.wait(&mut events)?;
            if ready == 0 {
                patience.nothing_came(|| awaited(under_way))?;
            }
            for place in 0..ready {
                // The index that went in above.
                let index = events.get(place).map_or(0, |event| event.data.u64() as usize);
                let member = &mut self.members[index];
                if !member.hear(&mut self.exchange, &mut self.answer)? {
                    patience.nothing_came(|| awaited(under_way))?;
                    continue;
                }
                patience = Patience::default();
                let now = clock.now();
                if samples.len() < until.capacity {
                    samples.push(now.saturating_sub(member.sent_at));
                }
                let passed = now.saturating_sub(begun);
                let enough = samples.len() >= until.samples || passed >= until.longest;
                let full = samples.len() >= until.capacity;
                asking = asking && !full && !(enough && passed >= until.length);
                if asking {
                    member.ask(&mut self.exchange, clock)?;
                } else {
                    under_way -= 1;
                }
            }
        }
        Ok(clock.now().saturating_sub(begun))
    }

    /// How many connections may have something to be heard: those of the events, or the only one.
    #[inline(always)]
    fn wait(&self, events: &mut Vec<epoll::Event>) -> Result<usize, String> {
        let Some(poll) = &self.poll else { return Ok(1) };
        events.clear();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(poll, spare_capacity(events), Some(&at_once)) {
            Ok(count) => Ok(count),
            Err(Errno::INTR) => Ok(0),
            Err(error) => Err(broken("epoll_wait", error)),
        }
    }
}

impl From<Channel> for Member {
    fn from(channel: Channel) -> Self {
        Self { channel, sequence: 0, received: 0, sent_at: 0 }
    }
}

impl Member {
    fn ask(&mut self, exchange: &mut impl Exchange, clock: &Clock) -> Result<(), String> {
        self.sequence += 1;
        self.received = 0;
        let question = exchange.question(self.sequence);
        self.sent_at = clock.now();
        match self.channel.send(question) {
            Ok(()) => Ok(()),
            Err(Errno::AGAIN) => {
                Err("a message did not fit into an empty connection: ask for a smaller --size"
                    .to_owned())
            }
            Err(error) => Err(broken("send", error)),
        }
    }

    /// Takes what is there; true when the answer is complete.
    fn hear(&mut self, exchange: &mut impl Exchange, answer: &mut [u8]) -> Result<bool, String> {
        loop {
            match self.channel.receive(&mut answer[self.received..]) {
                Ok(0) => return Err("the server closed a connection".to_owned()),
                Ok(count) => {
                    let end = self.received + count;
                    // The pieces of different connections share one buffer: each is compared alone.
                    let piece = &answer[self.received..end];
                    if !exchange.is_right(self.sequence, self.received, piece) {
                        return Err(format!(
                            "the answer to message {} of a connection is wrong: the server mixed \
                             up or damaged the stream",
                            self.sequence
                        ));
                    }
                    self.received = end;
                    if end == answer.len() {
                        return Ok(true);
                    }
                }
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(broken("recv", error)),
            }
        }
    }
}
