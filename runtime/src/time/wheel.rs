//! The timer wheel: nanosecond deadlines, constant-time start and cancel.
//!
//! Nine levels of 64 slots. A slot of level 0 is 1024 ns wide, of each next level 64 times as wide,
//! which covers all of `u64`. A timer stands in the level of the highest digit in which its
//! deadline differs from the wheel's position, and moves down as the position nears it. Within a
//! level-0 slot deadlines are compared to the nanosecond, so no timer fires early; the timers of
//! one call fire in order of deadline, equal ones in order of their start.
//!
//! Invariant: `next_ns` is never later than the earliest deadline. It may be earlier (a cancelled
//! timer, a slot to be split), which costs one empty call of `fire`.

use std::task::{Context, Poll};

use crate::counters::CounterCells;
use crate::executor::WakeSlot;

/// `next_ns` of a wheel without timers.
pub(crate) const NEVER_NS: u64 = u64::MAX;

/// Width of a level-0 slot, as a power of two of nanoseconds.
const TICK_SHIFT: u32 = 10;
const SLOT_SHIFT: u32 = 6;
const SLOTS: usize = 1 << SLOT_SHIFT;
const LEVELS: usize = 9;
const NONE: u32 = u32::MAX;

/// Names a timer until it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Timer {
    deadline_ns: u64,
    started: u64,
    generation: u32,
    /// Links within the slot, or of the free list.
    previous: u32,
    next: u32,
    place: Place,
    wake: WakeSlot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    Slot { level: u8, slot: u8 },
    Fired,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    occupied: u64,
    heads: [u32; SLOTS],
}

/// The timers of one core.
#[derive(Debug)]
pub(crate) struct Wheel {
    levels: Box<[Level; LEVELS]>,
    timers: Vec<Timer>,
    free: u32,
    /// All slots before this tick have been dealt with.
    position_ticks: u64,
    next_ns: u64,
    started: u64,
    /// Due timers of one call, kept for its memory.
    due: Vec<(u64, u64, u32)>,
}

impl Wheel {
    pub(crate) fn new(now_ns: u64) -> Self {
        Self {
            levels: Box::new([Level { occupied: 0, heads: [NONE; SLOTS] }; LEVELS]),
            timers: Vec::new(),
            free: NONE,
            position_ticks: now_ns >> TICK_SHIFT,
            next_ns: NEVER_NS,
            started: 0,
            due: Vec::new(),
        }
    }

    /// When `fire` should be called next, or [`NEVER_NS`].
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// Starts a timer; a deadline that has passed fires at the next call.
    pub(crate) fn start(&mut self, deadline_ns: u64) -> TimerKey {
        // `NEVER_NS` means "no timer"; the difference is one nanosecond in 584 years.
        let deadline_ns = deadline_ns.min(NEVER_NS - 1);
        let index = self.allocate(deadline_ns);
        self.link(index);
        self.next_ns = self.next_ns.min(deadline_ns);
        TimerKey { index, generation: self.timers[index as usize].generation }
    }

    /// Whether the timer's deadline was met.
    #[inline]
    pub(crate) fn has_fired(&self, key: TimerKey) -> bool {
        let timer = &self.timers[key.index as usize];
        debug_assert_eq!(timer.generation, key.generation, "a timer was asked after its removal");
        timer.place == Place::Fired
    }

    /// Ready once the timer has fired; else remembers whom to wake.
    pub(crate) fn poll(&mut self, key: TimerKey, context: &Context<'_>) -> Poll<()> {
        let timer = &self.timers[key.index as usize];
        assert_eq!(timer.generation, key.generation, "a timer was polled after its removal");
        if timer.place == Place::Fired {
            return Poll::Ready(());
        }
        timer.wake.register(context);
        Poll::Pending
    }

    /// Forgets a timer, fired or not.
    pub(crate) fn remove(&mut self, key: TimerKey) {
        let timer = &mut self.timers[key.index as usize];
        assert_eq!(timer.generation, key.generation, "a timer was removed twice");
        timer.wake.clear();
        if matches!(timer.place, Place::Slot { .. }) {
            self.unlink(key.index);
        }
        let free = self.free;
        let timer = &mut self.timers[key.index as usize];
        timer.place = Place::Free;
        timer.generation = timer.generation.wrapping_add(1);
        timer.next = free;
        self.free = key.index;
    }

    /// Wakes whoever waits for a deadline that is not after `now_ns`. Once `budget` timers are due
    /// it ends with the slot it is at; `next_ns` then says that there are more.
    pub(crate) fn fire(&mut self, now_ns: u64, budget: usize, counters: &CounterCells) {
        let now_ticks = now_ns >> TICK_SHIFT;
        let mut due = std::mem::take(&mut self.due);
        while let Some((level, slot, start_ticks)) = self.earliest_slot() {
            if start_ticks > now_ticks {
                break;
            }
            self.position_ticks = self.position_ticks.max(start_ticks);
            if level > 0 {
                self.split(level, slot);
                continue;
            }
            self.collect_due(slot, now_ns, &mut due);
            // What is left of a slot is due within the tick that has begun.
            if self.levels[0].occupied & (1 << slot) != 0 || due.len() >= budget {
                break;
            }
        }
        due.sort_unstable();
        for (deadline_ns, _, index) in due.drain(..) {
            counters.timers_fired.increment();
            counters.timer_lateness_max_ns.raise_to(now_ns - deadline_ns);
            self.timers[index as usize].wake.fire();
        }
        self.due = due;
        self.next_ns = self.earliest_ns();
    }

    /// Takes the due timers of a level-0 slot out of it.
    fn collect_due(&mut self, slot: usize, now_ns: u64, due: &mut Vec<(u64, u64, u32)>) {
        let mut index = self.levels[0].heads[slot];
        while index != NONE {
            let timer = &self.timers[index as usize];
            let (next, deadline_ns, started) = (timer.next, timer.deadline_ns, timer.started);
            if deadline_ns <= now_ns {
                self.unlink(index);
                self.timers[index as usize].place = Place::Fired;
                due.push((deadline_ns, started, index));
            }
            index = next;
        }
    }

    /// Moves the timers of a slot down to the levels that the wheel's position now gives them.
    fn split(&mut self, level: usize, slot: usize) {
        let mut index = std::mem::replace(&mut self.levels[level].heads[slot], NONE);
        self.levels[level].occupied &= !(1 << slot);
        while index != NONE {
            let next = self.timers[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// The first slot that holds a timer: level, slot and the tick at which it starts.
    fn earliest_slot(&self) -> Option<(usize, usize, u64)> {
        // A timer of a lower level is always earlier than one of a higher level.
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let shift = SLOT_SHIFT * level as u32;
        let here = (self.position_ticks >> shift) as u32 % SLOTS as u32;
        let distance = self.levels[level].occupied.rotate_right(here).trailing_zeros();
        let slot = (here + distance) as usize % SLOTS;
        let start = (self.position_ticks >> shift).wrapping_add(u64::from(distance)) << shift;
        Some((level, slot, start))
    }

    fn earliest_ns(&self) -> u64 {
        match self.earliest_slot() {
            None => NEVER_NS,
            Some((0, slot, _)) => self.earliest_in(slot),
            Some((_, _, start_ticks)) => start_ticks << TICK_SHIFT,
        }
    }

    fn earliest_in(&self, slot: usize) -> u64 {
        let mut earliest_ns = NEVER_NS;
        let mut index = self.levels[0].heads[slot];
        while index != NONE {
            let timer = &self.timers[index as usize];
            earliest_ns = earliest_ns.min(timer.deadline_ns);
            index = timer.next;
        }
        earliest_ns
    }

    fn allocate(&mut self, deadline_ns: u64) -> u32 {
        self.started += 1;
        if self.free != NONE {
            let index = self.free;
            let timer = &mut self.timers[index as usize];
            self.free = timer.next;
            timer.deadline_ns = deadline_ns;
            timer.started = self.started;
            return index;
        }
        let index = u32::try_from(self.timers.len()).ok().filter(|index| *index != NONE);
        let index = index.expect("4 billion timers would need hundreds of gigabytes");
        self.timers.push(Timer {
            deadline_ns,
            started: self.started,
            generation: 0,
            previous: NONE,
            next: NONE,
            place: Place::Free,
            wake: WakeSlot::new(),
        });
        index
    }

    fn link(&mut self, index: u32) {
        let ticks = self.timers[index as usize].deadline_ns >> TICK_SHIFT;
        let ticks = ticks.max(self.position_ticks);
        let highest_bit = (ticks ^ self.position_ticks | 1).ilog2();
        let level = (highest_bit / SLOT_SHIFT) as usize;
        let slot = (ticks >> (SLOT_SHIFT * level as u32)) as usize % SLOTS;
        let head = std::mem::replace(&mut self.levels[level].heads[slot], index);
        self.levels[level].occupied |= 1 << slot;
        if head != NONE {
            self.timers[head as usize].previous = index;
        }
        let timer = &mut self.timers[index as usize];
        timer.previous = NONE;
        timer.next = head;
        // Both fit: there are 9 levels of 64 slots.
        timer.place = Place::Slot { level: level as u8, slot: slot as u8 };
    }

    fn unlink(&mut self, index: u32) {
        let timer = &self.timers[index as usize];
        let Place::Slot { level, slot } = timer.place else {
            unreachable!("only timers that stand in a slot are unlinked")
        };
        let (previous, next) = (timer.previous, timer.next);
        if next != NONE {
            self.timers[next as usize].previous = previous;
        }
        if previous != NONE {
            self.timers[previous as usize].next = next;
            return;
        }
        let level = &mut self.levels[level as usize];
        level.heads[slot as usize] = next;
        if next == NONE {
            level.occupied &= !(1 << slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fire(wheel: &mut Wheel, now_ns: u64) {
        wheel.fire(now_ns, usize::MAX, &CounterCells::default());
    }

    #[test]
    fn fires_at_the_nanosecond_and_not_before() {
        for start_ns in [0, 1, 1023, 1024, 65_535, 1 << 40, u64::MAX - (1 << 20)] {
            for delay_ns in [0, 1, 1000, 1024, 65_536, 65_537, 1_000_000] {
                let mut wheel = Wheel::new(start_ns);
                let key = wheel.start(start_ns + delay_ns);
                if delay_ns > 0 {
                    fire(&mut wheel, start_ns + delay_ns - 1);
                    assert!(!wheel.has_fired(key), "{start_ns} + {delay_ns} fired early");
                }
                fire(&mut wheel, start_ns + delay_ns);
                assert!(wheel.has_fired(key), "{start_ns} + {delay_ns} did not fire");
                assert_eq!(wheel.next_ns(), NEVER_NS);
            }
        }
    }

    #[test]
    fn the_end_of_time_is_a_deadline_like_any_other() {
        let mut wheel = Wheel::new(1);
        let key = wheel.start(u64::MAX);
        fire(&mut wheel, 1 << 62);
        assert!(!wheel.has_fired(key));
        assert!(wheel.next_ns() > 1 << 62);
        fire(&mut wheel, u64::MAX);
        assert!(wheel.has_fired(key));
    }

    #[test]
    fn a_budget_spreads_what_is_due_over_calls_in_order() {
        let mut wheel = Wheel::new(0);
        let keys: Vec<_> = (0..1000).map(|index| wheel.start(index * 2000)).collect();
        let mut calls = 0;
        while wheel.next_ns() != NEVER_NS {
            wheel.fire(2_000_000, 10, &CounterCells::default());
            calls += 1;
            let fired = keys.iter().take_while(|key| wheel.has_fired(**key)).count();
            assert_eq!(fired, calls * 10);
            assert!(keys[fired..].iter().all(|key| !wheel.has_fired(*key)));
            assert!(wheel.next_ns() <= 2_000_000 || fired == 1000);
        }
        assert_eq!(calls, 100);
    }

    #[test]
    fn removed_slots_are_used_again_under_a_new_generation() {
        let mut wheel = Wheel::new(0);
        let first = wheel.start(10);
        wheel.remove(first);
        let second = wheel.start(20);
        assert_eq!(first.index, second.index);
        assert_ne!(first, second);
    }

    #[test]
    #[should_panic(expected = "removed twice")]
    fn removing_twice_is_noticed() {
        let mut wheel = Wheel::new(0);
        let key = wheel.start(10);
        wheel.remove(key);
        wheel.remove(key);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Start { delay_ns: u64 },
        Remove { pick: usize },
        Advance { by_ns: u64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        let spread = (0_u32..40).prop_flat_map(|bits| 0..1_u64 << bits);
        prop_oneof![
            4 => spread.clone().prop_map(|delay_ns| Step::Start { delay_ns }),
            1 => any::<usize>().prop_map(|pick| Step::Remove { pick }),
            3 => spread.prop_map(|by_ns| Step::Advance { by_ns }),
        ]
    }

    proptest! {
        /// Against the simplest model there is: a list of deadlines.
        #[test]
        fn agrees_with_a_plain_list(
            start_ns in 0..1_u64 << 50,
            steps in proptest::collection::vec(step(), 1..200),
        ) {
            let mut now_ns = start_ns;
            let mut wheel = Wheel::new(now_ns);
            let mut model: Vec<(TimerKey, u64)> = Vec::new();
            for step in steps {
                match step {
                    Step::Start { delay_ns } => {
                        let deadline_ns = now_ns + delay_ns;
                        model.push((wheel.start(deadline_ns), deadline_ns));
                    }
                    Step::Remove { pick } if !model.is_empty() => {
                        let (key, _) = model.swap_remove(pick % model.len());
                        wheel.remove(key);
                    }
                    Step::Remove { .. } => {}
                    Step::Advance { by_ns } => {
                        now_ns += by_ns;
                        fire(&mut wheel, now_ns);
                    }
                }
                let pending = model.iter().filter(|(key, _)| !wheel.has_fired(*key));
                let earliest = pending.map(|(_, deadline_ns)| *deadline_ns).min();
                prop_assert!(wheel.next_ns() <= earliest.unwrap_or(NEVER_NS));
                if matches!(step, Step::Advance { .. }) {
                    for (key, deadline_ns) in &model {
                        prop_assert_eq!(wheel.has_fired(*key), *deadline_ns <= now_ns);
                    }
                    prop_assert!(wheel.next_ns() > now_ns);
                }
            }
        }
    }
}
