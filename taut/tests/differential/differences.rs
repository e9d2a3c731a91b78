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
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) why: &'static str,
    pub(crate) cases: &'static [&'static str],
}

impl Other {
    const fn table(self) -> &'static [Entry] {
        match self {
            Self::Nginx => crate::nginx::TABLE,
            Self::Haproxy => crate::haproxy::TABLE,
            Self::Node => crate::node::TABLE,
        }
    }
}

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
    let wrong = wrong(other.table(), cases, ours, theirs);
    assert!(wrong.is_empty(), "{other:?}: {} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What the table does not tell, and what it tells wrongly. Prints what it tells rightly.
fn wrong(table: &[Entry], cases: &[Case], ours: &[Verdict], theirs: &[Verdict]) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((case, ours), theirs) in cases.iter().zip(ours).zip(theirs) {
        let found = kind(ours, theirs);
        let entries = table.iter().filter(|entry| entry.cases.contains(&case.name));
        let told: Vec<_> = entries.map(|entry| (entry.kind, entry.why)).collect();
        if let (Some(found), [(_, why)]) = (found, &told[..]) {
            eprintln!("  {}: {found:?}: ours {ours}; theirs {theirs}. {why}", case.name);
        }
        if !told.iter().map(|(kind, _)| *kind).eq(found) {
            wrong.push(format!("{}: {found:?}, not {told:?}: {ours}; {theirs}", case.name));
        }
    }
    let named = table.iter().flat_map(|entry| entry.cases);
    let unknown = named.filter(|name| cases.iter().all(|case| case.name != **name));
    wrong.extend(unknown.map(|name| format!("{name}: there is no such case")));
    wrong
}

#[test]
fn what_the_table_does_not_tell_or_tells_wrongly_is_found() {
    let says = |text: &str| crate::verdict::answers(text.as_bytes());
    let (taken, refused) = ("HTTP/1.1 200 OK\r\nread: GET / 0\r\n\r\n", "HTTP/1.1 400 No\r\n\r\n");
    let cases = [crate::cut("one", "")];
    let verdicts = |first: &str, second: &str| ([says(first)], [says(second)]);
    let entry = |kind, cases| Entry { kind, why: "", cases };
    let judged = |(ours, theirs): ([Verdict; 1], [Verdict; 1]), table: &[Entry]| {
        wrong(table, &cases, &ours, &theirs).len()
    };
    let table = [entry(Kind::TheyTake, &["one"])];
    assert_eq!(judged(verdicts(refused, taken), &table), 0);
    assert_eq!(judged(verdicts(refused, taken), &[]), 1, "not told");
    assert_eq!(judged(verdicts(refused, refused), &table), 1, "not seen any more");
    assert_eq!(judged(verdicts(taken, refused), &table), 1, "of another kind");
    assert_eq!(judged(verdicts(taken, taken), &[entry(Kind::TheyTake, &["two"])]), 1, "no case");
    let kinds = [
        (taken, refused, Kind::TheyRefuse),
        (refused, "HTTP/1.1 431 No\r\n\r\n", Kind::Status),
        (taken, "HTTP/1.1 200 OK\r\nread: GET /a 0\r\n\r\n", Kind::Reading),
        ("", taken, Kind::OnlyThey),
        (taken, "", Kind::OnlyWe),
    ];
    for (ours, theirs, expected) in kinds {
        assert_eq!(kind(&says(ours), &says(theirs)), Some(expected));
    }
    let behind = refused.replace("\r\n\r\n", "\r\nfrom-behind: yes\r\n\r\n") + taken;
    assert_eq!(kind(&says(refused), &says(&behind)), None, "its client's connection goes on");
    assert_eq!(kind(&says(refused), &says(&[refused, taken].concat())), Some(Kind::OnlyThey));
}
