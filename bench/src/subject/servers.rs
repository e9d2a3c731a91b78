//! The echo servers of a run: all started before the first slice, all ended after the last.
//!
//! Invariant: a server that can't run leaves its reason in the report; none is left out in silence.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use super::manifest::{Entry, Manifest, Role};
use super::page::{Counted, Page};
use super::watcher::Watcher;
use super::{Awake, Subject};
use crate::harness::counters::{Counters, Inside};
use crate::harness::environment::FeatureRow;
use crate::harness::options::Selection;
use crate::harness::series::Series;
use crate::harness::verdict::Verdict;
use crate::serve::{Duty, ServerKind};
use crate::sys::SyscallTrace;
use crate::transport::{Address, Transport};

/// How long a server may take to leave its counts once a message has been served.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(10);

/// One server of the run, or the reason why it is not there.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    /// Whether its idle loop asks the kernel, so that its system calls are mostly empty polls.
    pub(crate) polls_by_syscall: bool,
    pub(crate) ours: bool,
    pub(crate) subject: Option<Subject>,
    pub(crate) unavailable: Option<String>,
    page: Option<Page>,
    watcher: Option<Watcher>,
}

/// All servers of a run, in the order of the report.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) list: Vec<Server>,
}

impl Servers {
    /// Starts ours and the peers of the manifest, or those of them that are named, each
    /// with that duty. Of peers there are not all kinds.
    pub(crate) fn start(
        selection: &Selection,
        transport: Transport,
        duty: Duty,
        core: usize,
    ) -> Result<Self, String> {
        let manifest = Manifest::read(selection.peers.as_deref())?;
        let named = &selection.series;
        raise_descriptor_limit();
        let ours = ServerKind::ALL.iter().map(|kind| kind.name());
        let names = ours.chain(manifest.servers());
        check_names(named, &names.collect::<Vec<_>>())?;
        let asked = |name: &str| named.is_empty() || named.iter().any(|asked| asked == name);
        let ours = ServerKind::ALL
            .into_iter()
            .filter(|kind| asked(kind.name()) && !(named.is_empty() && kind.only_if_named()));
        let options = ["--transport", transport.name(), "--duty", duty.name()];
        let mut list: Vec<Server> = ours.map(|kind| Server::ours(kind, &options, core)).collect();
        let peers = role_of_peers(transport, duty).map(|role| manifest.peers(role));
        let peers = peers.into_iter().flatten().filter(|peer| asked(&peer.name));
        list.extend(peers.map(|peer| Server::peer(peer, core)));
        Ok(Self { list })
    }

    /// Makes a client for each server that is there; where that fails the server is not.
    pub(crate) fn connect_each<T>(
        &mut self,
        connect: impl Fn(&Address, Option<&Path>) -> Result<T, String>,
    ) -> Vec<Option<T>> {
        let one = |server: &mut Server| {
            // The kernel accepts on behalf of a server that is stopped, but not without limit.
            let announced = server.subject.as_ref().map(|subject| &subject.announcement);
            let certificate = announced.and_then(|announced| announced.certificate.clone());
            let connected = server.wake_at().and_then(|(awake, address)| {
                let client = connect(&address, certificate.as_deref())?;
                awake.rest()?;
                Ok(client)
            });
            match connected {
                Ok(client) => Some(client),
                Err(reason) => {
                    server.unavailable.get_or_insert(reason);
                    None
                }
            }
        };
        self.list.iter_mut().map(one).collect()
    }

    /// Everything to the floor, and the runtime to the raw epoll that waits as it does.
    pub(crate) fn pairs(&self, suffix: &str) -> Vec<(String, String)> {
        let pair = |name: &str, to: &str| (format!("{name}{suffix}"), format!("{to}{suffix}"));
        let floor = ServerKind::Floor.name();
        let others = self.list.iter().filter(|server| server.name != floor);
        let mut pairs: Vec<_> = others.map(|server| pair(&server.name, floor)).collect();
        for kind in [ServerKind::Taut, ServerKind::TautEpoll] {
            pairs.push(pair(kind.name(), ServerKind::RawEpollSpin.name()));
        }
        pairs.push(pair(ServerKind::TautPark.name(), ServerKind::RawEpollPark.name()));
        pairs.push(pair(ServerKind::TautWatched.name(), ServerKind::Taut.name()));
        for kind in [ServerKind::Taut, ServerKind::TautEpoll, ServerKind::TautPark] {
            pairs.push(pair(kind.name(), ServerKind::RawBlocking.name()));
        }
        for peer in self.list.iter().filter(|server| !server.ours) {
            pairs.push(pair(ServerKind::Taut.name(), &peer.name));
        }
        pairs
    }

    /// What a reader must know of the servers.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let there = || self.list.iter().filter(|server| server.unavailable.is_none());
        let polling: Vec<&str> = there()
            .filter(|server| server.polls_by_syscall)
            .map(|server| server.name.as_str())
            .collect();
        if !polling.is_empty() {
            notes.push(format!(
                "syscalls/op counts every call of the server while it was recorded. {} ask the \
                 kernel whenever they are idle: most of their calls are empty polls.",
                polling.join(", ")
            ));
        }
        if there().any(|server| !server.ours) {
            notes.push(
                "syscalls/op of peers is counted by the kernel's tracepoint in the round whose \
                 times are not kept, where this user may use it; what they allocate is not known."
                    .to_owned(),
            );
        }
        notes.push(
            "a figure is - where fewer than ten samples lie beyond its percentile; a ratio is - \
             where no round has enough of them. cpu ns/op is all of the server's time on its core, \
             spinning included."
                .to_owned(),
        );
        if !self.list.iter().any(|server| server.name == ServerKind::Floor.name()) {
            notes.push(
                "without the series floor there are no ratios to it, and absolute times of two \
                 runs can't be compared."
                    .to_owned(),
            );
        }
        notes
    }

    /// What the host granted to the first of ours that tells.
    pub(crate) fn features(&self) -> Vec<FeatureRow> {
        let told = self.list.iter().filter_map(|server| server.subject.as_ref());
        let mut told = told.map(|subject| &subject.announcement.features);
        told.find(|features| !features.is_empty()).cloned().unwrap_or_default()
    }

    /// Ends all of them. One of ours that ends badly fails the run; a peer's end is its own affair.
    pub(crate) fn end(self, verdict: &mut Verdict) {
        for server in self.list {
            if let Some(Err(reason)) = server.subject.map(Subject::end) {
                verdict.blame(server.ours, format!("the server {} failed: {reason}", server.name));
            }
        }
    }
}

impl Server {
    fn ours(kind: ServerKind, options: &[&str], core: usize) -> Self {
        // Of this run, and of this server of it.
        let counters = format!("{}-{core}-{}", kind.name(), std::process::id());
        let is_watched = kind == ServerKind::TautWatched;
        let started = Page::new().and_then(|page| {
            let program = this_program()?;
            let path = page.path();
            let path = path.to_string_lossy();
            let mut arguments = vec!["serve", kind.name(), "--page", &path];
            arguments.extend(options);
            if is_watched {
                arguments.extend(["--counters", &counters]);
            }
            let subject = Subject::start(&program, arguments, &[core])?;
            let watcher = is_watched.then(|| Watcher::start(&counters)).transpose()?;
            Ok((subject, page, watcher))
        });
        let (subject, page, watcher, unavailable) = match started {
            Ok((subject, page, watcher)) => (Some(subject), Some(page), watcher, None),
            Err(reason) => (None, None, None, Some(reason)),
        };
        let (name, polls_by_syscall) = (kind.name().to_owned(), kind.polls_by_syscall());
        Self { name, polls_by_syscall, ours: true, subject, unavailable, page, watcher }
    }

    fn peer(peer: &Entry, core: usize) -> Self {
        let start = |(program, arguments): (PathBuf, &[String])| {
            Subject::start(&program, arguments, &[core])
        };
        let (subject, unavailable) = match peer.program().and_then(start) {
            Ok(subject) => (Some(subject), None),
            Err(reason) => (None, Some(reason)),
        };
        let (name, polls_by_syscall) = (peer.name.clone(), peer.spins);
        let (page, watcher) = (None, None);
        Self { name, polls_by_syscall, ours: false, subject, unavailable, page, watcher }
    }

    /// A series of that name about this server.
    pub(crate) fn series(&self, name: &str) -> Series {
        let mut series = Series::new(name);
        series.of_peer = !self.ours;
        series.polls_by_syscall = self.polls_by_syscall;
        series.unavailable.clone_from(&self.unavailable);
        series.about = self.subject.as_ref().map(|subject| subject.announcement.about());
        series
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Result<Address, String> {
        let subject = self.subject.as_ref().ok_or_else(|| self.reason())?;
        let listening = subject.announcement.listening.clone();
        listening.ok_or_else(|| "its announcement names no address".to_owned())
    }

    fn wake_at(&mut self) -> Result<(Running<'_>, Address), String> {
        let address = self.address()?;
        Ok((self.wake()?, address))
    }

    /// Lets it run until the result is dropped.
    pub(crate) fn wake(&mut self) -> Result<Running<'_>, String> {
        let reason = self.reason();
        let awake = self.subject.as_mut().ok_or(reason)?.wake()?;
        if let Some(watcher) = &mut self.watcher {
            watcher.wake()?;
        }
        Ok(Running { awake, page: self.page.as_ref(), watcher: self.watcher.as_ref() })
    }

    fn reason(&self) -> String {
        self.unavailable.clone().unwrap_or_else(|| "it is not there".to_owned())
    }
}

/// A server that runs, and what counts it.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    awake: Awake<'a>,
    page: Option<&'a Page>,
    watcher: Option<&'a Watcher>,
}

/// What was counted when a recording began.
#[derive(Debug)]
pub(crate) struct Began {
    usage: Counters,
    counted: Option<Counted>,
    trace: Option<SyscallTrace>,
}

impl Running<'_> {
    /// Takes the first snapshot. `message` serves one message that is not timed; nothing else may
    /// be under way meanwhile if the counts shall be exact.
    pub(crate) fn begin(
        &self,
        count_syscalls: bool,
        message: impl FnOnce() -> Result<(), String>,
    ) -> Result<Began, String> {
        let counted = self.snapshot(message)?;
        let trace = count_syscalls.then(|| self.awake.subject.trace()).flatten();
        Ok(Began { usage: self.awake.subject.usage(), counted, trace })
    }

    /// Whether it is one of ours, which leave their counts on a page.
    pub(crate) fn is_ours(&self) -> bool {
        self.page.is_some()
    }

    /// How much it has received since it started, as it tells while messages keep coming: what two
    /// such answers differ by was received between them. Nobody waits for it to catch up, so how
    /// soon it answers, which beside a loop that spins is late, is in no figure.
    pub(crate) fn received(
        &self,
        mut message: impl FnMut() -> Result<(), String>,
    ) -> Result<u64, String> {
        if let Some(counted) = self.snapshot(&mut message)? {
            return Ok(counted.bytes);
        }
        let answer = self.awake.subject.ask_meanwhile("count", message)?;
        answer.parse().map_err(|_| format!("{answer:?} in its answer to \"count\" is no number"))
    }

    /// Takes the second snapshot; `served` messages of `bytes` each have passed in between as the
    /// client saw it, the one of this snapshot not counted.
    pub(crate) fn end(
        &self,
        began: Began,
        (served, bytes): (u64, u64),
        message: impl FnOnce() -> Result<(), String>,
    ) -> Result<Counters, String> {
        let mut usage = self.awake.subject.usage().since(&began.usage);
        usage.operations = served;
        let traced = began.trace.and_then(|mut trace| trace.count().ok());
        usage.traced_syscalls = traced.map(|calls| (calls, served));
        if let (Some(before), Some(after)) = (began.counted, self.snapshot(message)?) {
            usage.inside = Some(Inside {
                operations: (after.bytes - before.bytes) / bytes.max(1),
                syscalls: Some(after.syscalls - before.syscalls),
                allocations: after.allocations - before.allocations,
            });
        }
        Ok(usage)
    }

    /// Stops the server, and tells if it has ended meanwhile.
    pub(crate) fn rest(self) -> Result<(), String> {
        if let Some(watcher) = self.watcher {
            watcher.rest()?;
        }
        self.awake.rest()
    }

    fn snapshot(
        &self,
        message: impl FnOnce() -> Result<(), String>,
    ) -> Result<Option<Counted>, String> {
        let Some(page) = self.page else { return Ok(None) };
        let number = page.ask();
        message()?;
        let deadline = Instant::now() + SNAPSHOT_TIMEOUT;
        loop {
            if let Some(counted) = page.answer(number) {
                return Ok(Some(counted));
            }
            if Instant::now() > deadline {
                return Err("it left no counts: it hangs".to_owned());
            }
            std::thread::yield_now();
        }
    }
}

/// What peers do where ours listen on that, if there are any that can.
fn role_of_peers(transport: Transport, duty: Duty) -> Option<Role> {
    match (transport, duty) {
        (Transport::Tcp, Duty::Echo) => Some(Role::Echo),
        (Transport::Tcp, Duty::Swallow) => Some(Role::Sink),
        (Transport::Tcp, Duty::Http) => Some(Role::Http),
        (Transport::Tcp, Duty::Https) => Some(Role::Https),
        (Transport::Tcp, Duty::Ws) => Some(Role::Ws),
        (Transport::Tcp, Duty::Wss) => Some(Role::Wss),
        (Transport::Udp, Duty::Swallow) => Some(Role::UdpSink),
        _ => None,
    }
}

/// Whether all names of `--series` are known.
pub(crate) fn check_names(named: &[String], known: &[&str]) -> Result<(), String> {
    match named.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            Err(format!("--series {name}: there is no such series; name {}", known.join(", ")))
        }
    }
}

/// The program that runs, to be started again as a subject.
pub(crate) fn this_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("this program's own file is unknown: {error}"))
}

/// Each connection takes a descriptor here and one in the server, which inherits the limit; the
/// soft limit is often 1024. Where it can't be raised, the connect that fails says so.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
