//! Packets that say anything: neither loops nor memory grow with their numbers, and what is sound
//! before and after them is delivered.

mod common;

use common::{Extractor, Packet, Told, extract, packet};
use proptest::prelude::*;
use taut_net::feed::{Arbiter, ArbiterOptions, Deliver, Event, Restart, SequenceWidth};

#[test]
fn a_jump_of_2_to_the_40_is_refused_and_one_that_is_allowed_is_one_hole() {
    let mut told = Told::new(ArbiterOptions::default());
    told.offer(0, 0, packet(1, 1)).offer(0, 1, packet(1 << 40, 1)).offer(0, 2, packet(2, 1));
    assert_eq!(told.words(), ["1 by 0", "2 by 0"]);
    let anything = ArbiterOptions { ahead_messages_max: u64::MAX, ..ArbiterOptions::default() };
    let mut told = Told::new(anything);
    told.offer(0, 0, packet(1, 1)).offer(0, 1, packet(u64::MAX - 9, 9)).finish();
    let far = u64::MAX - 9;
    let (missing, newest) = (format!("2-{}", far - 1), format!("{far}-{} by 0", far + 8));
    let words = ["1 by 0", &format!("hole {missing} by 0"), &newest, &format!("lost {missing}")];
    assert_eq!(told.words(), words);
    assert_eq!(told.arbiter.statistics().messages_lost, far - 2);
}

#[test]
fn impossible_counts_and_packets_without_numbers_are_counted_and_change_nothing() {
    let mut arbiter = Arbiter::new(ArbiterOptions::default(), extract as Extractor);
    let mut events: Vec<Event<Vec<u8>>> = Vec::new();
    let packets =
        [packet(1, u32::MAX), packet(u64::MAX, 1), packet(u64::MAX - 3, 10), packet(7, 65_536)];
    for packet in packets.iter().map(|packet| packet.to_vec()).chain([vec![], vec![1; 12]]) {
        arbiter.offer(0, 0, packet, &mut |event| events.push(event));
    }
    assert!(events.is_empty());
    let line = arbiter.line_statistics(0);
    assert_eq!((line.refused_impossible, line.refused_unnumbered), (4, 2));
    assert_eq!(arbiter.next_number(), None);
}

#[test]
fn garbage_as_the_first_packet_delays_the_feed_by_the_packets_that_have_to_agree() {
    let mut told = Told::new(ArbiterOptions::default());
    told.offer(0, 0, packet(1 << 50, 1));
    for first in 1..=4 {
        told.offer(0, first, packet(first, 1));
    }
    let words = [&format!("{} by 0", 1_u64 << 50), "restart 0 at 1"];
    let all = told.words();
    assert_eq!(all[..2], words);
    assert_eq!(all[2..], ["1 by 0", "2 by 0", "3 by 0", "4 by 0"]);
}

#[test]
fn late_messages_that_cut_a_loss_into_ever_more_pieces_are_remembered_up_to_the_limit() {
    let gap_after_ns = 0;
    let mut told = Told::new(ArbiterOptions { gap_after_ns, ..ArbiterOptions::default() });
    told.offer(0, 0, packet(1, 1)).offer(0, 1, packet(1_000_000, 1));
    told.words();
    for half in (1..500_000).rev() {
        told.offer(1, 2, packet(2 * half + 1, 1));
    }
    assert!(told.events.is_empty());
    let line = told.arbiter.line_statistics(1);
    assert_eq!(line.late + line.duplicates, line.messages);
    assert!(line.late <= 65, "{} pieces were remembered", line.late);
}

fn anything() -> impl Strategy<Value = (usize, u64, Packet)> {
    let first = prop_oneof![
        any::<u64>(),
        (0_u32..64, any::<u64>()).prop_map(|(shift, bits)| bits >> shift),
        0_u64..40,
        (0_u64..40).prop_map(|below| u64::MAX - below),
        (0_u64..40).prop_map(|near| (1 << 32) - 20 + near),
    ];
    let count = prop_oneof![4 => 0_u32..6, 1 => any::<u32>()];
    (0_usize..3, any::<u64>(), 0_u8..3, first, count).prop_map(
        |(line, at_ns, session, first, count)| {
            (line, at_ns, common::packet_of(session, first, count))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_sequence_of_packets_and_times_breaks_a_limit_a_sum_or_the_order(
        packets in prop::collection::vec(anything(), 1..60),
        in_order in any::<bool>(),
        narrow in any::<bool>(),
        restart in prop_oneof![
            Just(Restart::Refuse),
            (1_u32..4).prop_map(|packets| Restart::After { packets }),
        ],
        ahead_messages_max in prop_oneof![Just(30), Just(1 << 20), Just(u64::MAX)],
    ) {
        let deliver = match in_order {
            true => Deliver::InOrder { held_packets_max: 3 },
            false => Deliver::AsTheyCome,
        };
        let width = if narrow { SequenceWidth::Bits32 } else { SequenceWidth::Bits64 };
        let options = ArbiterOptions {
            lines: 3, deliver, width, restart, ahead_messages_max,
            holes_max: 4,
            behind_messages_max: 30,
            ..ArbiterOptions::default()
        };
        let mut told = Told::new(options);
        for (line, at_ns, packet) in packets {
            told.offer(line, at_ns, packet);
            prop_assert!(told.arbiter.held() <= 3);
            prop_assert!(told.arbiter.missing().count() <= 4);
        }
        told.finish();
        let mut next = None;
        for event in &told.events {
            let range = match event {
                Event::Messages(delivery) => {
                    prop_assert!(delivery.new.start < delivery.new.end);
                    prop_assert!(delivery.first <= delivery.new.start);
                    &delivery.new
                }
                Event::Lost(missing) => missing,
                Event::Hole { .. } => continue,
                Event::Restarted { next: first, .. } => {
                    next = Some(*first);
                    continue;
                }
            };
            if in_order {
                prop_assert!(next.is_none_or(|next| next == range.start));
                next = Some(range.end);
            }
        }
        for line in 0..3 {
            let line = told.arbiter.line_statistics(line);
            prop_assert_eq!(line.messages, line.won + line.duplicates + line.late);
        }
    }
}
