//! The designs tell the same: the same script of data, new keys, splits and broken bytes gives
//! the same data, or an error, whichever of them seals and whichever opens.

mod tls_common;
mod tls_script;

use proptest::prelude::*;
use taut_proto::tls::designs::Way;
use taut_proto::tls::{Provider, TlsVersion};
use tls_common::{ends, providers};
use tls_script::{Outcome, Script, Step, check, pair, play};

const WAYS: [Way; 4] = [Way::Buffered, Way::Unbuffered, Way::Own, Way::OwnInSlots];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop_oneof![1_usize..600, 16_000_usize..40_000, Just(1 << 14)].prop_map(Step::Data),
        2 => Just(Step::UpdateKeys),
        1 => Just(Step::Close),
        1 => (any::<u16>(), 0..8_u8).prop_map(|(place, bit)| Step::Break(place, bit)),
        1 => any::<u16>().prop_map(|place| Step::Cut(place, 1)),
        2 => Just(Step::Turn),
    ]
}

fn outcomes(
    provider: Provider,
    version: TlsVersion,
    script: &[Step],
    pieces: &[usize],
) -> Vec<(Way, Way, Outcome)> {
    let ends = ends(provider, version);
    let pairs = WAYS.iter().flat_map(|left| WAYS.iter().map(move |right| (*left, *right)));
    let played = pairs.map(|(left, right)| {
        let mut pair = pair([left, right], true, &ends);
        (left, right, play(&mut pair, script, pieces).outcome)
    });
    played.collect()
}

fn all_are_alike(version: TlsVersion, script: &[Step], pieces: &[usize]) {
    for provider in providers() {
        let outcomes = outcomes(provider, version, script, pieces);
        let (.., expected) = &outcomes[0];
        for (left, right, outcome) in &outcomes {
            let lengths = |outcome: &Outcome| outcome.data.each_ref().map(Vec::len);
            let summary = |outcome: &Outcome| (lengths(outcome), outcome.failed, outcome.done);
            assert_eq!(summary(outcome), summary(expected), "{left:?} to {right:?}, {provider:?}");
            assert!(outcome == expected, "{left:?} to {right:?}, {provider:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_designs_are_alike_with_tls_1_3(
        script in prop::collection::vec(step(), 1..16),
        pieces in prop::collection::vec(1_usize..20_000, 1..5),
    ) {
        all_are_alike(TlsVersion::Tls13, &script, &pieces);
    }

    #[test]
    fn the_designs_are_alike_with_tls_1_2(
        script in prop::collection::vec(step(), 1..16),
        pieces in prop::collection::vec(1_usize..20_000, 1..5),
    ) {
        let script: Vec<_> =
            script.into_iter().filter(|step| !matches!(step, Step::UpdateKeys)).collect();
        all_are_alike(TlsVersion::Tls12, &script, &pieces);
    }
}

#[test]
fn a_script_without_damage_delivers_everything() {
    let script = [
        Step::Data(100),
        Step::UpdateKeys,
        Step::Data(40_000),
        Step::Turn,
        Step::Data(7),
        Step::Close,
    ];
    for (left, right, outcome) in outcomes(providers()[0], TlsVersion::Tls13, &script, &[1, 700]) {
        let lengths = [outcome.data[0].len(), outcome.data[1].len()];
        // The last of them are those that `play` adds; one end has closed before.
        assert_eq!(lengths, [7, 60_100], "{left:?} to {right:?}");
        assert_eq!((outcome.failed, outcome.done), ([false; 2], [true, false]));
    }
}

#[test]
fn a_broken_bit_is_an_error_in_each_design() {
    let script = [Step::Data(100), Step::Break(1 << 15, 3), Step::Data(50), Step::Data(9)];
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        for (left, right, outcome) in outcomes(providers()[0], version, &script, &[1000]) {
            assert_eq!(outcome.data[1].len(), 100, "{left:?} to {right:?}");
            assert_eq!(outcome.failed, [true; 2], "the one is told why by an alert");
        }
    }
}

/// Ours refuses each changed bit in front of a record; rustls passes over some.
#[test]
fn the_kind_and_the_version_of_a_record_can_not_be_changed() {
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        for (at, bit) in (0..5).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let [mut from, mut to] = pair([Way::Own; 2], true, &ends(providers()[0], version));
            from.seal(&[7; 300]).unwrap();
            let mut sent = from.to_send().to_vec();
            sent[at] ^= 1 << bit;
            let mut opened = 0;
            match to.open(&mut sent, &mut |data| opened += data.len()) {
                // A record that is said to be longer is waited for.
                Ok(used) => assert!(used == 0 && at >= 3, "bit {bit} of byte {at}"),
                Err(_) => assert!(!to.to_send().is_empty(), "the peer is told why"),
            }
            assert_eq!(opened, 0, "bit {bit} of byte {at}");
        }
    }
}

/// What the fuzz target has found worth keeping, on every toolchain.
#[test]
fn every_kept_script_holds() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/tls_records");
    let versions = [TlsVersion::Tls13, TlsVersion::Tls12];
    let all_ends = versions.map(|version| ends(providers()[0], version));
    let (mut refused, mut taken) = (0, 0);
    for file in std::fs::read_dir(&folder).expect("the corpus is part of the repository") {
        let script = Script::from_bytes(&std::fs::read(file.unwrap().path()).unwrap());
        let of_version = usize::from(script.version == versions[1]);
        let failed = check(&script, &all_ends[of_version]).failed[1];
        *if failed { &mut refused } else { &mut taken } += 1;
    }
    assert!(refused > 10 && taken > 10, "{refused} scripts are refused, {taken} are not");
}
