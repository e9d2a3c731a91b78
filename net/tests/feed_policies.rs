//! What arbitration tells in each case, and when.

mod common;

use common::{Told, packet, packet_of};
use taut_net::feed::{ArbiterOptions, Deliver, Event, Restart, SequenceWidth};

fn options() -> ArbiterOptions {
    ArbiterOptions::default()
}

#[test]
fn the_first_copy_wins_and_the_other_tells_how_far_its_line_is_behind() {
    let mut told = Told::new(options());
    for number in 1..=100 {
        let winner = (number % 2) as usize;
        told.offer(winner, number * 1_000, packet(number, 1));
        told.offer(1 - winner, number * 1_000 + 250, packet(number, 1));
    }
    assert_eq!(told.events.len(), 100);
    for line in 0..2 {
        let statistics = told.arbiter.line_statistics(line);
        assert_eq!((statistics.won, statistics.duplicates), (50, 50));
        assert_eq!((statistics.gaps, statistics.late, statistics.missed), (0, 0, 0));
        let behind = told.arbiter.line_behind_ns(line);
        assert_eq!(behind.len(), 50);
        assert!((250..=252).contains(&behind.max()), "{}", behind.max());
    }
}

#[test]
fn as_they_come_a_hole_is_told_then_filled_by_the_other_line_or_by_its_own() {
    let mut told = Told::new(options());
    told.offer(0, 0, packet(1, 2)).offer(0, 10, packet(5, 1));
    assert_eq!(told.words(), ["1-2 by 0", "hole 3-4 by 0", "5 by 0"]);
    told.offer(1, 20, packet(1, 4));
    assert_eq!(told.words(), ["3-4 by 1 filled"]);
    told.offer(0, 30, packet(7, 1)).offer(0, 40, packet(6, 1));
    assert_eq!(told.words(), ["hole 6 by 0", "7 by 0", "6 by 0 reordered"]);
    let (a, b) = (told.arbiter.line_statistics(0), told.arbiter.line_statistics(1));
    assert_eq!((a.gaps, a.missed, a.reordered, a.filled), (2, 2, 1, 0));
    assert_eq!((b.filled, b.duplicates, b.gaps), (2, 2, 0));
}

#[test]
fn a_packet_over_several_holes_is_told_once_for_each_new_part() {
    let mut told = Told::new(options());
    for first in [1, 3, 5] {
        told.offer(0, 0, packet(first, 1));
    }
    told.words();
    told.offer(1, 5, packet(1, 7));
    let parts = told.events.iter().map(|event| match event {
        Event::Messages(delivery) => (delivery.first, delivery.new.clone(), delivery.places()),
        other => panic!("{other:?}"),
    });
    assert_eq!(parts.collect::<Vec<_>>(), [(1, 2..3, 1..2), (1, 4..5, 3..4), (1, 6..8, 5..7)]);
}

#[test]
fn in_order_what_lies_beyond_a_hole_waits_until_it_is_filled() {
    let mut told = Told::new(ArbiterOptions { deliver: Deliver::in_order(), ..options() });
    told.offer(0, 0, packet(1, 1)).offer(0, 1, packet(4, 1)).offer(0, 2, packet(3, 1));
    assert_eq!(told.words(), ["1 by 0", "hole 2-3 by 0"]);
    assert_eq!(told.arbiter.held(), 2);
    told.offer(1, 3, packet(2, 1));
    assert_eq!(told.words(), ["2 by 1 filled", "3 by 0 reordered", "4 by 0"]);
    assert_eq!(told.arbiter.held(), 0);
}

#[test]
fn in_order_a_hole_is_given_up_after_its_time_and_what_comes_then_is_late() {
    let in_order = ArbiterOptions { deliver: Deliver::in_order(), gap_after_ns: 500, ..options() };
    let mut told = Told::new(in_order);
    told.offer(0, 0, packet(1, 1)).offer(0, 100, packet(3, 1)).offer(0, 200, packet(4, 1));
    told.words();
    assert_eq!(told.arbiter.deadline_ns(), Some(600));
    told.expire(599);
    assert!(told.events.is_empty());
    told.expire(600);
    assert_eq!(told.words(), ["lost 2", "3 by 0", "4 by 0"]);
    assert_eq!(told.arbiter.deadline_ns(), None);
    told.offer(1, 700, packet(2, 1)).offer(1, 701, packet(2, 1));
    assert!(told.events.is_empty());
    let line = told.arbiter.line_statistics(1);
    assert_eq!((line.late, line.duplicates), (1, 1), "late once, then a repetition");
}

#[test]
fn in_order_one_delivery_too_many_gives_the_oldest_hole_up() {
    let deliver = Deliver::InOrder { held_packets_max: 2 };
    let mut told = Told::new(ArbiterOptions { deliver, ..options() });
    for first in [1, 3, 5, 6] {
        told.offer(0, 0, packet(first, 1));
    }
    let words = ["1 by 0", "hole 2 by 0", "hole 4 by 0", "lost 2", "3 by 0"];
    assert_eq!(told.words(), words);
    assert_eq!(told.arbiter.held(), 2);
    told.finish();
    assert_eq!(told.words(), ["lost 4", "5 by 0", "6 by 0"]);
}

#[test]
fn one_hole_too_many_gives_the_oldest_up() {
    let mut told = Told::new(ArbiterOptions { holes_max: 2, ..options() });
    for first in [1, 3, 5, 7] {
        told.offer(0, 0, packet(first, 1));
    }
    assert_eq!(told.words().last().unwrap(), "lost 2");
    assert_eq!(told.arbiter.missing().collect::<Vec<_>>(), [4..5, 6..7]);
}

#[test]
fn a_heartbeat_tells_of_what_was_lost_at_the_end_of_a_burst() {
    let mut told = Told::new(options());
    told.offer(0, 0, packet(1, 1)).offer(0, 1, packet(2, 0));
    assert_eq!(told.words(), ["1 by 0"]);
    told.offer(0, 2, packet(4, 0));
    assert_eq!(told.words(), ["hole 2-3 by 0"]);
}

#[test]
fn a_feed_begins_at_its_first_packet_or_at_the_number_that_is_known() {
    let mut told = Told::new(options());
    told.offer(0, 0, packet(10, 1)).offer(1, 1, packet(9, 2));
    assert_eq!(told.words(), ["10 by 0"]);
    assert_eq!(told.arbiter.line_statistics(1).late, 1);
    let mut told = Told::new(ArbiterOptions { first: Some(8), ..options() });
    told.offer(0, 0, packet(10, 1)).offer(1, 1, packet(9, 2));
    assert_eq!(told.words(), ["hole 8-9 by 0", "10 by 0", "9 by 1 filled"]);
}

#[test]
fn narrow_numbers_wrap_and_go_on() {
    let width = SequenceWidth::Bits32;
    let mut told = Told::new(ArbiterOptions { width, ..options() });
    told.offer(0, 0, packet(0xFFFF_FFFE, 1)).offer(0, 1, packet(1, 1));
    told.offer(1, 2, packet(0xFFFF_FFFF, 3));
    let words = ["4294967294 by 0", "hole 4294967295-4294967296 by 0", "4294967297 by 0"];
    let mut all = told.words();
    assert_eq!(all.drain(..3).collect::<Vec<_>>(), words);
    assert_eq!(all, ["4294967295-4294967296 by 1 filled"]);
    assert_eq!(told.arbiter.next_number(), Some(0x1_0000_0002));
}

#[test]
fn a_new_session_begins_once_packets_agree_and_loses_nothing() {
    let mut told = Told::new(options());
    told.offer(0, 0, packet_of(1, 50, 1)).offer(0, 1, packet_of(1, 53, 1));
    told.words();
    told.offer(0, 2, packet_of(2, 1, 1)).offer(0, 3, packet_of(2, 2, 1));
    assert!(told.events.is_empty(), "two agree, three are asked for");
    // The other line is still at the old session.
    told.offer(1, 4, packet_of(1, 51, 1));
    assert_eq!(told.words(), ["51 by 1 filled"]);
    told.offer(0, 5, packet_of(2, 3, 1));
    assert_eq!(told.words(), ["lost 52", "restart 2 at 1", "1 by 0", "2 by 0", "3 by 0"]);
    told.offer(1, 6, packet_of(1, 54, 1)).offer(1, 7, packet_of(2, 1, 1));
    told.offer(1, 8, packet_of(2, 4, 1));
    assert_eq!(told.words(), ["hole 2-3 by 1", "4 by 1"].map(str::to_owned)[1..]);
    let line = told.arbiter.line_statistics(1);
    assert_eq!((line.refused_stale, line.duplicates, line.gaps), (1, 1, 1));
    assert_eq!(told.arbiter.statistics().restarts, 1);
}

#[test]
fn a_restart_without_sessions_leaves_the_slower_line_at_the_old_numbers() {
    let mut told = Told::new(options());
    told.offer(0, 0, packet(900_000, 1)).offer(1, 1, packet(900_000, 1));
    told.offer(0, 2, packet(900_001, 1));
    for first in 1..=3 {
        told.offer(0, first + 2, packet(first, 1));
    }
    told.words();
    for first in [900_001, 900_002, 1, 2, 3, 4] {
        told.offer(1, first + 10, packet(first, 1));
    }
    assert_eq!(told.words(), ["4 by 1"]);
    let line = told.arbiter.line_statistics(1);
    assert_eq!((line.refused_stale, line.duplicates, line.refused_out_of_range), (2, 4, 0));
}

#[test]
fn a_line_that_is_far_behind_restarts_nothing() {
    let behind_messages_max = 100;
    let mut told = Told::new(ArbiterOptions { behind_messages_max, ..options() });
    for first in 1..=1_000 {
        told.offer(0, first, packet(first, 1));
    }
    for first in 1..=500 {
        told.offer(1, 1_000 + first, packet(first, 1));
    }
    assert_eq!(told.arbiter.statistics().restarts, 0);
    assert_eq!(told.arbiter.line_statistics(1).duplicates, 500);
}

#[test]
fn a_restart_may_be_refused_and_asked_for_instead() {
    let mut told = Told::new(ArbiterOptions { restart: Restart::Refuse, ..options() });
    told.offer(0, 0, packet_of(1, 50, 1));
    for first in 1..=20 {
        told.offer(0, first, packet_of(2, first, 1));
    }
    assert_eq!(told.words(), ["50 by 0"]);
    assert_eq!(told.arbiter.line_statistics(0).refused_out_of_range, 20);
    told.restart(2, 21).offer(0, 30, packet_of(2, 21, 1));
    assert_eq!(told.words(), ["restart 2 at 21", "21 by 0"]);
}

#[test]
fn packets_that_were_kept_take_part_in_a_restart_that_is_asked_for() {
    let mut told = Told::new(options());
    told.offer(0, 0, packet_of(1, 50, 1)).offer(0, 1, packet_of(2, 1, 1)).restart(2, 1);
    assert_eq!(told.words(), ["50 by 0", "restart 2 at 1", "1 by 0"]);
}
