//! A venue's feed over WebSocket, at the speed at which it was recorded and all at once: how late
//! each message is in the client's handler, and how many a second get there.
//!
//! The clients are the subjects. The venue is this program's own thread, which stamps each message
//! just before it hands it to the kernel and spins in between; see `bench/SUBJECTS.md`.

use clap::Args;

use crate::harness::clock::Clock;
use crate::harness::counters::Counters;
use crate::harness::options::{Common, Selection};
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::{Setting, Workload};
use crate::harness::verdict::Verdict;
use crate::report::ratios::{CPU_PER_OP, Figure, OPS_PER_S, P50, P99};
use crate::subject::{Awake, Crew, Member, Subject};
use crate::ws_feed::{CONNECTED, Connection, FEED, FeedKind, Sent, Speed, Venue};

/// Messages that each slice begins with, and that nobody keeps.
const WARM_UP_MESSAGES: usize = 500;

/// Measures clients of WebSocket by a recorded feed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Messages of the recording, which a burst has all of.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=200_000))]
    messages: u32,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct WsFeed {
    venue: Venue,
    crew: Crew,
    /// Of each member of the crew, where it is there.
    connections: Vec<Option<Connection>>,
    /// Where the recording goes on, for each member.
    next: Vec<usize>,
}

impl WsFeed {
    /// Starts the clients, and has each of them connect.
    pub(crate) fn new(options: &Options, setting: &Setting) -> Result<Self, String> {
        let venue = Venue::new(options.messages as usize)?;
        let mut crew = Crew::of_feed(&options.selection, setting.cores.server)?;
        let mut connections = Vec::new();
        for member in &mut crew.list {
            let subject = member.subject.as_mut();
            let connected = subject.map(|subject| connect(subject, &venue)).transpose();
            connections.push(connected.unwrap_or_else(|reason| {
                member.subject = None;
                member.unavailable = Some(reason);
                None
            }));
        }
        let next = vec![0; crew.list.len()];
        Ok(Self { venue, crew, connections, next })
    }

    /// Member and speed of a lane.
    fn place(lane: usize) -> (usize, Speed) {
        (lane / 2, if lane.is_multiple_of(2) { Speed::Recorded } else { Speed::Burst })
    }

    fn series_name(member: &str, speed: Speed) -> String {
        match speed {
            Speed::Recorded => member.to_owned(),
            Speed::Burst => format!("{member}:burst"),
        }
    }
}

/// Which of ours it is.
fn kind_of(member: &Member) -> Option<FeedKind> {
    FeedKind::ALL.into_iter().find(|kind| member.ours && kind.name() == member.name)
}

/// The venue accepts while the client connects.
fn connect(subject: &mut Subject, venue: &Venue) -> Result<Connection, String> {
    let awake = subject.wake()?;
    let mut accepted = None;
    let line = format!("connect {}", venue.address()?);
    let answer = awake.subject.ask_meanwhile(&line, || {
        if accepted.is_none() {
            accepted = venue.accept()?;
        }
        Ok(())
    })?;
    awake.rest()?;
    match (answer.as_str(), accepted) {
        (CONNECTED, Some(connection)) => Ok(connection),
        _ => Err(format!("it was to connect and answered {answer:?}")),
    }
}

impl Workload for WsFeed {
    fn name(&self) -> &'static str {
        "ws-feed"
    }

    fn measures(&self) -> String {
        "lag from the venue's send to the client's handler, text messages of WebSocket, loopback TCP"
            .to_owned()
    }

    fn settings(&self) -> Vec<(String, String)> {
        let length_s = self.venue.length_ns() as f64 / 1e9;
        let recording = format!("{} messages in {length_s:.1} s", self.venue.messages());
        vec![("recording".to_owned(), recording)]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |(member, speed): (&Member, Speed)| {
            let kind = kind_of(member);
            let series = |part: &&str| {
                let mut series = Series::new(Self::series_name(&member.name, speed) + part);
                series.of_peer = !member.ours;
                series.unavailable.clone_from(&member.unavailable);
                series.about = member.subject.as_ref().map(|one| one.announcement.about());
                series.polls_by_syscall = kind.is_some_and(FeedKind::polls_by_syscall);
                series
            };
            let is_stamped = kind.is_some_and(FeedKind::is_stamped);
            let parts: &[&str] = if is_stamped { &["", ":rx"] } else { &[""] };
            Lane { series: parts.iter().map(series).collect() }
        };
        let both = |member| [(member, Speed::Recorded), (member, Speed::Burst)];
        self.crew.list.iter().flat_map(both).map(lane).collect()
    }

    fn slice(&mut self, _: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let (place, speed) = Self::place(turn.lane);
        let connection = self.connections[place].as_ref().ok_or("it is not connected")?;
        let subject = self.crew.list[place].subject.as_mut().ok_or("it is not there")?;
        let awake = subject.wake()?;
        let warm_up = 0..WARM_UP_MESSAGES.min(self.venue.messages());
        feed(&awake, &mut self.venue, connection, warm_up, Speed::Burst)?;
        let messages = match speed {
            Speed::Burst => 0..self.venue.messages(),
            Speed::Recorded => {
                let first = self.next[place];
                let length_ns = turn.budget.record.as_nanos() as u64;
                first..first + self.venue.due_within(first, length_ns)
            }
        };
        let before = (awake.subject.usage(), Counters::of_this_thread());
        let (sent, mut lags_ns) =
            feed(&awake, &mut self.venue, connection, messages.clone(), speed)?;
        let since_kernel_ns = lags_ns.split_off(messages.len());
        let operations = messages.len() as u64;
        let mut server = awake.subject.usage().since(&before.0);
        let mut client = Counters::of_this_thread().since(&before.1);
        (server.operations, client.operations) = (operations, operations);
        awake.rest()?;
        if speed == Speed::Recorded {
            self.next[place] = messages.end % self.venue.messages();
        }
        let last_lag_ns = lags_ns.last().copied().unwrap_or_default();
        if let [lags, since_kernel] = &mut *turn.samples {
            if since_kernel_ns.is_empty() {
                return Err("no message had a stamp of the kernel".to_owned());
            }
            lags.extend(lags_ns);
            since_kernel.extend(since_kernel_ns);
        } else {
            turn.samples[0].extend(lags_ns);
        }
        let elapsed_ns = sent.last_ns + last_lag_ns - sent.first_ns;
        Ok(Slice { elapsed_ns, operations, bytes: sent.bytes, server, client, cold: false })
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for speed in [Speed::Recorded, Speed::Burst] {
            let name = |name: &str| Self::series_name(name, speed);
            let floor = FeedKind::Floor.name();
            let others = self.crew.list.iter().filter(|member| member.name != floor);
            pairs.extend(others.map(|member| (name(&member.name), name(floor))));
            for peer in self.crew.list.iter().filter(|member| !member.ours) {
                pairs.push((name(FeedKind::Taut.name()), name(&peer.name)));
            }
        }
        pairs
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50, P99, OPS_PER_S, CPU_PER_OP]
    }

    fn notes(&self) -> Vec<String> {
        let notes = [
            "the subjects are clients. A sample is from the moment that the venue wrote into a \
             message, just before the send that took it, to its handler: the kernel's way is in \
             it, alike for all, since not every peer can tell when the kernel had received it.",
            "NAME gets the recording at its own speed, NAME:burst all of it at once, where what a \
             slow client leaves in the sockets is in each sample, and ops/s is the rate from the \
             first send to the last handler. At the recorded speed ops/s is the recording's.",
            "NAME:rx is the same messages, from the kernel's receive stamp to the handler by \
             CLOCK_REALTIME; a batch shares the stamp of its last segment. Messages without a \
             stamp, or across a setting of that clock, are in no figure there. On loopback the \
             kernel receives within the venue's send.",
            "floor reads lengths and validates nothing. client cpu ns/op is the venue's.",
        ];
        notes.map(str::to_owned).into()
    }

    fn end(self, _: &[Lane], verdict: &mut Verdict) {
        self.crew.end(verdict);
    }
}

/// Sends it these messages; when, and how late each was, then what a stamped client tells.
fn feed(
    awake: &Awake<'_>,
    venue: &mut Venue,
    connection: &Connection,
    messages: std::ops::Range<usize>,
    speed: Speed,
) -> Result<(Sent, Vec<u64>), String> {
    let mut sent = None;
    let line = format!("{FEED} {}", messages.len());
    let answer = awake.subject.ask_meanwhile(&line, || {
        if sent.is_none() {
            sent = Some(venue.send(connection, messages.clone(), speed)?);
        }
        Ok(())
    })?;
    let lags_ns: Result<Vec<u64>, _> = answer.split_whitespace().map(str::parse).collect();
    let lags_ns = lags_ns.map_err(|_| "its lags are no numbers".to_owned())?;
    match sent {
        Some(sent) if lags_ns.len() >= messages.len() => Ok((sent, lags_ns)),
        _ => Err(format!("it told the lags of {} of {} messages", lags_ns.len(), messages.len())),
    }
}
