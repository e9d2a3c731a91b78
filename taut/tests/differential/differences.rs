//! Where other servers and ours differ, and why ours does as it does.

use crate::Case;
use crate::verdict::Verdict;

/// Another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    Nginx,
    Haproxy,
    Node,
}

/// The first answer in which the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It takes what ours refuses.
    TheyTake,
    /// It refuses what ours takes.
    TheyRefuse,
    /// Both refuse, each with a status of its own.
    Status,
    /// Both take it, and read it differently.
    Reading,
    /// It answers where ours says nothing.
    OnlyThey,
    /// Ours answers where it says nothing.
    OnlyWe,
}

/// Differences of one kind with one reason.
struct Entry {
    other: Other,
    kind: Kind,
    why: &'static str,
    cases: &'static [&'static str],
}

const TABLE: &[Entry] = &[];

/// How the verdicts differ, if they do. Behind another server ours closes its connection with that
/// server, not that server's with the client: what comes behind such a refusal does not count.
fn kind(ours: &Verdict, theirs: &Verdict) -> Option<Kind> {
    let refused = theirs.0.iter().position(|answer| answer.is_from_behind && answer.read.is_none());
    let theirs = &theirs.0[..refused.map_or(theirs.0.len(), |index| index + 1)];
    let count = ours.0.len().max(theirs.len());
    let pairs = (0..count).map(|index| (ours.0.get(index), theirs.get(index)));
    let (ours, theirs) = pairs.into_iter().find(|(ours, theirs)| ours != theirs)?;
    Some(match (ours, theirs) {
        (None, _) => Kind::OnlyThey,
        (_, None) => Kind::OnlyWe,
        (Some(ours), Some(theirs)) => match (ours.read.is_some(), theirs.read.is_some()) {
            (true, true) => Kind::Reading,
            (true, false) => Kind::TheyRefuse,
            (false, true) => Kind::TheyTake,
            (false, false) => Kind::Status,
        },
    })
}

/// Holds the differences against the table.
pub(crate) fn compare(other: Other, cases: &[Case], ours: &[Verdict], theirs: &[Verdict]) {
    let mut wrong = Vec::new();
    for ((case, ours), theirs) in cases.iter().zip(ours).zip(theirs) {
        let found = kind(ours, theirs);
        let entries = TABLE.iter().filter(|entry| entry.other == other);
        let entries: Vec<_> = entries.filter(|entry| entry.cases.contains(&case.name)).collect();
        let told = entries.iter().map(|entry| entry.kind).collect::<Vec<_>>();
        let why = entries.first().map_or("", |entry| entry.why);
        if let Some(found) = found {
            eprintln!("  {}: {found:?}: ours {ours}; theirs {theirs}; {why}", case.name);
        }
        if told != found.as_slice() {
            wrong.push(format!("{}: {found:?}, not {told:?}: {ours}; {theirs}", case.name));
        }
    }
    let named = TABLE.iter().filter(|entry| entry.other == other).flat_map(|entry| entry.cases);
    let unknown = named.filter(|name| cases.iter().all(|case| case.name != **name));
    wrong.extend(unknown.map(|name| format!("{name}: there is no such case")));
    assert!(wrong.is_empty(), "{other:?}: {} differ:\n{}", wrong.len(), wrong.join("\n"));
}
