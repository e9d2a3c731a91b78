//! Arbitration against a plain model: two or three lines that lose, repeat and reorder their
//! packets at random, and cut the same messages into packets in their own ways.

mod common;

use std::collections::BTreeSet;

use common::{Packet, Told, packet};
use proptest::prelude::*;
use taut_net::feed::{ArbiterOptions, Arrival, Deliver, Event};

/// A packet on its way: when it comes, on which line, with which messages.
type Arriving = (u64, usize, u64, u32);

/// What a line does to a packet.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Repeated,
    /// By so many ns.
    Delayed(u64),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Arrives),
        3 => Just(Fate::Lost),
        1 => Just(Fate::Repeated),
        2 => (1_u64..600).prop_map(Fate::Delayed),
    ]
}

/// One line's packets: how many messages each, 0 for a heartbeat, and what becomes of it.
fn line() -> impl Strategy<Value = Vec<(u32, Fate)>> {
    prop::collection::vec((0_u32..5, fate()), 1..60)
}

/// All lines' packets in the order in which they come.
fn arrivals(lines: &[Vec<(u32, Fate)>]) -> Vec<Arriving> {
    let mut arrivals = Vec::new();
    for (line, packets) in lines.iter().enumerate() {
        let mut next = 100;
        for &(count, fate) in packets {
            let at_ns = next * 50 + line as u64 * 13;
            let whole = |at_ns| (at_ns, line, next, count);
            match fate {
                Fate::Lost => {}
                Fate::Arrives => arrivals.push(whole(at_ns)),
                Fate::Repeated => arrivals.extend([whole(at_ns), whole(at_ns + 1)]),
                Fate::Delayed(by_ns) => arrivals.push(whole(at_ns + by_ns)),
            }
            next += u64::from(count);
        }
    }
    arrivals.sort_by_key(|&(at_ns, ..)| at_ns);
    arrivals
}

/// The messages that were delivered and that were lost, in the order in which it was told.
fn outcome(events: &[Event<Packet>]) -> (Vec<u64>, Vec<u64>) {
    let (mut delivered, mut lost) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Messages(delivery) => {
                assert_eq!(delivery.places().len() as u64, delivery.new.end - delivery.new.start);
                delivered.extend(delivery.new.clone());
            }
            Event::Lost(missing) => lost.extend(missing.clone()),
            Event::Hole { .. } => {}
            Event::Restarted { .. } => panic!("nothing is far enough away for a restart"),
        }
    }
    (delivered, lost)
}

fn run(options: ArbiterOptions, arrivals: &[Arriving]) -> Told {
    let mut told = Told::new(options);
    for &(at_ns, line, first, count) in arrivals {
        told.offer(line, at_ns, packet(first, count));
    }
    told.finish();
    told
}

fn deliver() -> impl Strategy<Value = Deliver> {
    prop_oneof![
        Just(Deliver::AsTheyCome),
        (0_usize..6).prop_map(|held_packets_max| Deliver::InOrder { held_packets_max }),
    ]
}

fn check_sums(told: &Told, delivered: &[u64], lost: &[u64], lines: usize) {
    let feed = told.arbiter.statistics();
    assert_eq!(feed.messages, delivered.len() as u64);
    assert_eq!(feed.messages_lost, lost.len() as u64);
    let losses = told.events.iter().filter(|event| matches!(event, Event::Lost(_))).count();
    assert_eq!(feed.losses, losses as u64);
    let holes = told.events.iter().filter(|event| matches!(event, Event::Hole { .. })).count();
    assert_eq!(feed.holes, holes as u64);
    let mut won = 0;
    for number in 0..lines {
        let line = told.arbiter.line_statistics(number);
        assert_eq!(line.messages, line.won + line.duplicates + line.late);
        assert_eq!(line.bytes, line.packets * 13);
        won += line.won;
        let filled = told.events.iter().map(|event| match event {
            Event::Messages(one) if one.line == number && one.arrival == Arrival::Filled => {
                one.new.end - one.new.start
            }
            _ => 0,
        });
        assert_eq!(line.filled, filled.sum::<u64>());
    }
    assert_eq!(won, feed.messages);
    assert_eq!((told.arbiter.held(), told.arbiter.missing().count()), (0, 0));
}

fn is_rising(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[0] < pair[1])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn with_room_and_time_all_that_any_line_brings_is_delivered_and_the_rest_is_lost(
        lines in prop::collection::vec(line(), 1..4),
        in_order in any::<bool>(),
    ) {
        let arrivals = arrivals(&lines);
        let deliver = match in_order {
            true => Deliver::InOrder { held_packets_max: 1_000 },
            false => Deliver::AsTheyCome,
        };
        let options = ArbiterOptions {
            lines: lines.len(),
            deliver,
            gap_after_ns: u64::MAX,
            holes_max: 1_000,
            first: Some(100),
            ..ArbiterOptions::default()
        };
        let told = run(options, &arrivals);
        let (delivered, lost) = outcome(&told.events);
        let numbers = |&(_, _, first, count): &Arriving| first..first + u64::from(count);
        let brought: BTreeSet<u64> = arrivals.iter().flat_map(numbers).collect();
        // A heartbeat tells of messages before it that it does not bring.
        let end = arrivals.iter().map(|&(_, _, first, count)| first + u64::from(count)).max();
        let all: BTreeSet<u64> = (100..end.unwrap_or(100)).collect();
        if in_order {
            prop_assert!(is_rising(&delivered) && is_rising(&lost));
        }
        prop_assert_eq!(delivered.len(), brought.len());
        prop_assert_eq!(&delivered.iter().copied().collect::<BTreeSet<_>>(), &brought);
        prop_assert!(lost.iter().copied().eq(all.difference(&brought).copied()));
        check_sums(&told, &delivered, &lost, lines.len());
        for (number, packets) in lines.iter().enumerate() {
            let line = told.arbiter.line_statistics(number);
            prop_assert_eq!(line.late, 0);
            let own: BTreeSet<u64> =
                arrivals.iter().filter(|one| one.1 == number).flat_map(numbers).collect();
            let begin = arrivals.iter().find(|one| one.1 == number).map_or(0, |one| one.2);
            let end = arrivals.iter().filter(|one| one.1 == number)
                .map(|one| one.2 + u64::from(one.3)).max().unwrap_or(0);
            let missed = (begin..end).filter(|number| !own.contains(number)).count() as u64;
            prop_assert_eq!(line.missed, missed, "line {} of {:?}", number, packets);
        }
    }

    #[test]
    fn whatever_the_limits_each_message_is_delivered_or_lost_once(
        lines in prop::collection::vec(line(), 1..4),
        deliver in deliver(),
        gap_after_ns in 0_u64..700,
        holes_max in 1_usize..5,
        first in prop::option::of(95_u64..105),
    ) {
        let arrivals = arrivals(&lines);
        let options = ArbiterOptions {
            lines: lines.len(), deliver, gap_after_ns, holes_max, first,
            ..ArbiterOptions::default()
        };
        let told = run(options, &arrivals);
        let (delivered, lost) = outcome(&told.events);
        let start = first.or_else(|| arrivals.first().map(|one| one.2));
        let end = arrivals.iter().map(|one| one.2 + u64::from(one.3)).max();
        if let (Some(start), Some(end)) = (start, end) {
            let mut all: Vec<u64> = delivered.iter().chain(&lost).copied().collect();
            all.sort_unstable();
            prop_assert!(all.iter().copied().eq(start..end.max(start)));
        }
        if deliver != Deliver::AsTheyCome {
            prop_assert!(is_rising(&delivered), "{:?}", delivered);
            // And nothing overtakes the word that what was before it is lost.
            let mut next = start.unwrap_or(0);
            for event in &told.events {
                let range = match event {
                    Event::Messages(delivery) => &delivery.new,
                    Event::Lost(missing) => missing,
                    _ => continue,
                };
                prop_assert_eq!(range.start, next);
                next = range.end;
            }
        }
        check_sums(&told, &delivered, &lost, lines.len());
    }
}
