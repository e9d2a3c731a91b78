//! Whether packets that can't continue the feed agree on a new numbering.
//!
//! They are kept until they do, so that the messages with which a session begins are not lost; one
//! that does not agree takes their place. So no more than `packets - 1` are ever kept, and single
//! packets of garbage change nothing.

use super::{Numbers, Restart};

/// A packet that can't continue the feed, as it came.
#[derive(Debug)]
pub(super) struct Kept<T> {
    pub(super) line: usize,
    pub(super) at_ns: u64,
    pub(super) packet: T,
    pub(super) numbers: Numbers,
}

/// The packets out of range that agree so far.
#[derive(Debug)]
pub(super) struct Candidate<T> {
    kept: Vec<Kept<T>>,
    /// The numbers that they cover.
    first: u64,
    next: u64,
}

impl<T> Candidate<T> {
    pub(super) fn new(restart: Restart) -> Self {
        let kept = match restart {
            Restart::Refuse => 0,
            Restart::After { packets } => packets as usize,
        };
        Self { kept: Vec::with_capacity(kept), first: 0, next: 0 }
    }

    /// Keeps a packet; `refuse` gets the lines of those that are given up for it.
    pub(super) fn consider(&mut self, packet: Kept<T>, refuse: impl FnMut(usize)) {
        let Numbers { session, first, count } = packet.numbers;
        let end = first.saturating_add(u64::from(count));
        let agrees = self.kept.first().is_some_and(|one| one.numbers.session == session)
            && (self.first..=self.next).contains(&first);
        if agrees {
            self.next = self.next.max(end);
        } else {
            self.kept.drain(..).map(|one| one.line).for_each(refuse);
            (self.first, self.next) = (first, end);
        }
        self.kept.push(packet);
    }

    /// The session and first number of the new numbering, once so many agree.
    pub(super) fn agreed(&self, packets: u32) -> Option<(u128, u64)> {
        let one = self.kept.first()?;
        (self.kept.len() >= packets as usize).then_some((one.numbers.session, self.first))
    }

    /// The packets that agreed, to be taken out and given back empty.
    pub(super) fn kept(&mut self) -> &mut Vec<Kept<T>> {
        &mut self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Considers packets of one message; which lines were refused, and what the rest agrees on.
    fn considered(firsts: &[u64], packets: u32) -> (Vec<usize>, Option<(u128, u64)>) {
        let mut candidate = Candidate::new(Restart::After { packets });
        let mut refused = Vec::new();
        for (line, &first) in firsts.iter().enumerate() {
            let packet = Kept { line, at_ns: 0, packet: (), numbers: Numbers::one(first) };
            candidate.consider(packet, |line| refused.push(line));
        }
        (refused, candidate.agreed(packets))
    }

    #[test]
    fn packets_agree_that_continue_or_repeat_each_other() {
        assert_eq!(considered(&[1, 1, 2], 3), (vec![], Some((0, 1))));
        assert_eq!(considered(&[1, 2], 3), (vec![], None));
        assert_eq!(considered(&[5], 1), (vec![], Some((0, 5))));
    }

    #[test]
    fn garbage_in_between_starts_anew_and_is_refused() {
        assert_eq!(considered(&[10, 1 << 40, 12, u64::MAX - 1, 5], 2), (vec![0, 1, 2, 3], None));
        assert_eq!(considered(&[u64::MAX - 1, 5, 6], 2), (vec![0], Some((0, 5))));
    }
}
