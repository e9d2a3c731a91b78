//! The micro subjects of a run: ours and the peers, each doing the works that it offers.

use super::Subject;
use super::manifest::{Entry, Manifest, Role};
use super::servers::{check_names, this_program};
use crate::codec::CodecKind;
use crate::cross::CrossKind;
use crate::harness::options::Selection;
use crate::harness::verdict::Verdict;
use crate::order::OrderKind;
use crate::work::WorkKind;
use crate::ws_feed::FeedKind;

/// One of them, or the reason why it is not there.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) ours: bool,
    pub(crate) subject: Option<Subject>,
    pub(crate) unavailable: Option<String>,
}

/// All of them, in the order of the report.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) list: Vec<Member>,
}

impl Crew {
    /// Those who work inside one thread.
    pub(crate) fn on_one_core(selection: &Selection, core: usize) -> Result<Self, String> {
        let ours = WorkKind::ALL.map(WorkKind::name);
        Self::start(selection, Role::Micro, ("work", &ours), &[core])
    }

    /// Those who work between two cores.
    pub(crate) fn on_two_cores(selection: &Selection, cores: [usize; 2]) -> Result<Self, String> {
        let ours = CrossKind::ALL.map(CrossKind::name);
        Self::start(selection, Role::Cores, ("cross", &ours), &cores)
    }

    /// Those who decode and encode frames in memory.
    pub(crate) fn of_codecs(selection: &Selection, core: usize) -> Result<Self, String> {
        let ours = CodecKind::ALL.map(CodecKind::name);
        Self::start(selection, Role::Codec, ("codec", &ours), &[core])
    }

    /// Those who receive a feed.
    pub(crate) fn of_feed(selection: &Selection, core: usize) -> Result<Self, String> {
        let ours = FeedKind::ALL.map(FeedKind::name);
        Self::start(selection, Role::Feed, ("feed", &ours), &[core])
    }

    /// Those who send orders.
    pub(crate) fn of_clients(selection: &Selection, core: usize) -> Result<Self, String> {
        let ours = OrderKind::ALL.map(OrderKind::name);
        Self::start(selection, Role::Order, ("order", &ours), &[core])
    }

    /// Starts ours, by a command of this program and their names, and the peers of the manifest, or
    /// those of them that are named.
    fn start(
        selection: &Selection,
        role: Role,
        (command, ours): (&str, &[&'static str]),
        cores: &[usize],
    ) -> Result<Self, String> {
        let manifest = Manifest::read(selection.peers.as_deref())?;
        let named = &selection.series;
        let peers: Vec<&Entry> = manifest.peers(role).collect();
        let names = ours.iter().copied().chain(peers.iter().map(|peer| peer.name.as_str()));
        check_names(named, &names.collect::<Vec<_>>())?;
        let asked = |name: &str| named.is_empty() || named.iter().any(|asked| asked == name);
        let member = |name: &str, ours: bool, started: Result<Subject, String>| {
            let (subject, unavailable) = match started {
                Ok(subject) => (Some(subject), None),
                Err(reason) => (None, Some(reason)),
            };
            Member { name: name.to_owned(), ours, subject, unavailable }
        };
        let mut list = Vec::new();
        for name in ours.iter().copied().filter(|name| asked(name)) {
            let start =
                |program: std::path::PathBuf| Subject::start(&program, [command, name], cores);
            list.push(member(name, true, this_program().and_then(start)));
        }
        for peer in peers.into_iter().filter(|peer| asked(&peer.name)) {
            let started = peer.program();
            let started =
                started.and_then(|(program, words)| Subject::start(&program, words, cores));
            list.push(member(&peer.name, false, started));
        }
        Ok(Self { list })
    }

    /// Ends all of them. One of ours that ends badly fails the run; a peer's end is its own affair.
    pub(crate) fn end(self, verdict: &mut Verdict) {
        for member in self.list {
            if let Some(Err(reason)) = member.subject.map(Subject::end) {
                verdict.blame(member.ours, format!("{} failed: {reason}", member.name));
            }
        }
    }
}

impl Member {
    /// Whether it is there and does that work.
    pub(crate) fn offers(&self, work: &str) -> bool {
        let subject = self.subject.as_ref();
        subject.is_some_and(|subject| subject.announcement.works.iter().any(|one| one == work))
    }
}
