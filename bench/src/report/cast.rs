//! Who plays which part in a report: floors, ours and peers, and how each is drawn.
//!
//! A series `NAME` and its variants, `NAME+...` and `NAME:...`, are one family and share their
//! colour and dashes.
//! Invariant: while there are at most [`FEW`] families all of them are lit, which means drawn
//! without being asked for; of more, those are that a reader looks for first. Lit families get the
//! first colours, so that no two of them look alike.

use super::Report;
use super::summary::Summary;

/// Families that a chart can show at once.
const FEW: usize = 8;
/// Peers that are lit of those that sleep, and as many of those that don't.
const BEST_PEERS: usize = 2;
/// Sleeps for each operation from which a series counts as one that blocks.
pub(crate) const SLEEPS_PER_OP: f64 = 0.1;

/// The series that everything is compared with.
pub(crate) const FLOOR: &str = "floor";
/// The runtime as most will use it.
pub(crate) const TAUT: &str = "taut";

/// Told apart by colour-blind readers too (Okabe and Ito's palette, grey first for the floor).
pub(crate) const COLOURS: [&str; 8] =
    ["#555555", "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#8c6d1f"];
/// Once all colours are taken they come again with other dashes.
const DASHES: [&str; 4] = ["", "9 4", "2 3", "11 3 2 3"];

/// What a series is to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The same work by hand-written system calls.
    Floor,
    Ours,
    Peer,
}

/// How a family is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Place in [`COLOURS`].
    pub(crate) colour: usize,
    /// An SVG's `stroke-dasharray`; empty for a solid line.
    pub(crate) dashes: &'static str,
    pub(crate) lit: bool,
}

/// The families of a report, those that are lit first.
#[derive(Debug)]
pub(crate) struct Cast<'a> {
    families: Vec<&'a str>,
    lit: usize,
}

/// The family's name, and the variant's with its `+` or `:`, which is empty for the family's own.
/// A path of Rust, as in `std::time::Instant`, is one name.
pub(crate) fn split(name: &str) -> (&str, &str) {
    let bytes = name.as_bytes();
    let is_colon = |place: Option<usize>| place.and_then(|place| bytes.get(place)) == Some(&b':');
    let begins_variant = |&(place, byte): &(usize, &u8)| match byte {
        b'+' => true,
        b':' => !is_colon(place.checked_sub(1)) && !is_colon(Some(place + 1)),
        _ => false,
    };
    let place = bytes.iter().enumerate().find(begins_variant).map(|(place, _)| place);
    name.split_at(place.unwrap_or(name.len()))
}

/// Told by the name: floors are `floor` and `raw-...`, ours are `taut`, `taut-...` and
/// `taut::...`.
pub(crate) fn role(name: &str) -> Role {
    let (family, _) = split(name);
    let is = |kind: &str| {
        let rest = family.strip_prefix(kind);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':']))
    };
    match () {
        () if is(FLOOR) || is("raw") => Role::Floor,
        () if is(TAUT) => Role::Ours,
        () => Role::Peer,
    }
}

/// The variants of a report in its order; the empty one for series without.
pub(crate) fn variants(series: &[Summary]) -> Vec<&str> {
    unique(series.iter().map(|one| split(&one.name).1))
}

/// The figure that a workload names first for its ratios: what it is measured for.
pub(crate) fn first_figure(report: &Report) -> &str {
    report.ratios.first().map_or("p50", |ratio| &ratio.figure)
}

/// The peers of a variant, the best by the first figure first; either those that sleep while they
/// wait, as far as was counted, or the others.
pub(crate) fn peers<'a>(report: &'a Report, variant: &str, sleeping: bool) -> Vec<&'a Summary> {
    let sleeps = |one: &Summary| one.voluntary_switches_per_op.is_some_and(|n| n >= SLEEPS_PER_OP);
    // Less is better.
    let cost = |one: &Summary| match first_figure(report) {
        "ops_per_s" => one.ops_per_s.map(|rate| -rate),
        "cpu_ns_per_op" => one.cpu_ns_per_op,
        _ => one.p50.map(|p50| p50 as f64),
    };
    let mut peers: Vec<(f64, &Summary)> = report
        .series
        .iter()
        .filter(|one| role(&one.name) == Role::Peer && split(&one.name).1 == variant)
        .filter(|one| sleeps(one) == sleeping)
        .filter_map(|one| Some((cost(one)?, one)))
        .collect();
    peers.sort_by(|one, other| one.0.total_cmp(&other.0));
    peers.into_iter().map(|(_, one)| one).collect()
}

impl<'a> Cast<'a> {
    pub(crate) fn of(report: &'a Report) -> Self {
        let series = &report.series;
        let all = unique(series.iter().map(|one| split(&one.name).0));
        let is_wanted = |family: &&str| [FLOOR, TAUT].contains(family);
        let mut families: Vec<&str> = all.iter().copied().filter(is_wanted).collect();
        if all.len() > FEW && all.contains(&TAUT) {
            let first_variant = variants(series).first().copied().unwrap_or("");
            let best = [true, false].into_iter().flat_map(|sleeping| {
                peers(report, first_variant, sleeping).into_iter().take(BEST_PEERS)
            });
            families = unique(families.into_iter().chain(best.map(|one| split(&one.name).0)));
        } else {
            families = unique(families.into_iter().chain(all.iter().copied().take(FEW)));
        }
        let lit = families.len();
        families.extend(all);
        Self { families: unique(families), lit }
    }

    pub(crate) fn style(&self, name: &str) -> Style {
        let family = split(name).0;
        // Invariant: asked about the report's own series only.
        let place = self.families.iter().position(|known| *known == family).unwrap_or(0);
        Style {
            colour: place % COLOURS.len(),
            dashes: DASHES[place / COLOURS.len() % DASHES.len()],
            lit: place < self.lit,
        }
    }
}

impl Style {
    /// The attributes of its line.
    pub(crate) fn stroke(&self) -> String {
        let dashes = match self.dashes {
            "" => String::new(),
            dashes => format!(" stroke-dasharray=\"{dashes}\""),
        };
        format!("class=\"c{}\" stroke=\"{}\"{dashes}", self.colour, COLOURS[self.colour])
    }
}

fn unique<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut unique = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn roles_are_told_by_the_first_word_of_the_name() {
        for (name, expected) in [
            ("floor+think", Role::Floor),
            ("raw-epoll-park", Role::Floor),
            ("taut", Role::Ours),
            ("taut-hot+think20us", Role::Ours),
            ("taut::time::Instant", Role::Ours),
            ("std::time::Instant", Role::Peer),
            ("tautology", Role::Peer),
            ("tokio", Role::Peer),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
    }

    #[test]
    fn variants_follow_a_plus_or_a_single_colon() {
        for (name, family, variant) in [
            ("taut", "taut", ""),
            ("taut+think", "taut", "+think"),
            ("taut:service", "taut", ":service"),
            ("taut:64x100+think", "taut", ":64x100+think"),
            ("std::time::Instant", "std::time::Instant", ""),
            ("::", "::", ""),
        ] {
            assert_eq!(split(name), (family, variant));
        }
    }

    #[test]
    fn a_few_families_are_all_lit_and_variants_share_their_style() {
        let report = report(&["floor", "taut", "floor+think", "taut+think"], 1_000);
        let cast = Cast::of(&report);
        assert_eq!(cast.style("taut"), cast.style("taut+think"));
        assert_ne!(cast.style("taut"), cast.style("floor"));
        assert!(cast.style("taut").lit && cast.style("floor+think").lit);
        assert_eq!(variants(&report.series), ["", "+think"]);
    }

    #[test]
    fn of_many_the_floor_taut_and_the_best_peers_are_lit() {
        let mut names: Vec<String> = (0..20).map(|number| format!("peer{number}")).collect();
        names.extend(["taut", "taut-park", "floor"].map(str::to_owned));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut report = report(&names, 1_000);
        for (index, one) in report.series.iter_mut().enumerate() {
            one.voluntary_switches_per_op = Some(f64::from(u8::from(index % 2 == 1)));
        }
        let cast = Cast::of(&report);
        let lit: Vec<&str> = names.into_iter().filter(|name| cast.style(name).lit).collect();
        assert_eq!(lit, ["peer0", "peer1", "peer2", "peer3", "taut", "floor"]);
        let mut styles: Vec<_> = report.series.iter().map(|one| cast.style(&one.name)).collect();
        styles.dedup();
        assert_eq!(styles.len(), report.series.len(), "no two families look alike");
        assert_eq!(cast.style("taut").dashes, "");
    }
}
