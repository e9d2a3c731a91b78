//! Answers and failures, kept for a while.
//!
//! `getaddrinfo` does not tell how long an answer holds, so each is kept for the same time, and a
//! failure for a shorter one: it keeps a loop that connects again and again from asking the system
//! each time. A look costs a hash; an answer that comes to a full cache, a look through all.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use taut_runtime::time::Instant;

use super::ResolveError;

/// What is known of a name: its addresses with port 0, at least one, or why there is none.
pub(super) type Outcome = Result<Rc<[SocketAddr]>, ResolveError>;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Cache {
    entries_max: usize,
    ttl: Duration,
    negative_ttl: Duration,
    entries: HashMap<Rc<str>, Entry>,
}

#[derive(Debug)]
struct Entry {
    outcome: Outcome,
    ends: Instant,
}

impl Cache {
    pub(super) fn new(entries_max: usize, ttl: Duration, negative_ttl: Duration) -> Self {
        Self { entries_max, ttl, negative_ttl, entries: HashMap::new() }
    }

    pub(super) fn get(&self, name: &str, now: Instant) -> Option<Outcome> {
        let entry = self.entries.get(name)?;
        (now < entry.ends).then(|| entry.outcome.clone())
    }

    /// Keeps an outcome; in a full cache in place of the one that ends first.
    pub(super) fn put(&mut self, name: Rc<str>, outcome: Outcome, now: Instant) {
        let lasts = if outcome.is_ok() { self.ttl } else { self.negative_ttl };
        if self.entries_max == 0 || lasts.is_zero() {
            self.entries.remove(&name);
            return;
        }
        if self.entries.len() >= self.entries_max && !self.entries.contains_key(&name) {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.ends);
            let first = first.map(|(name, _)| Rc::clone(name));
            first.and_then(|name| self.entries.remove(&name));
        }
        self.entries.insert(name, Entry { outcome, ends: now + lasts });
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    fn at(second: u64) -> Instant {
        Instant::from_nanos(second * 1_000_000_000)
    }

    fn cache(entries_max: usize) -> Cache {
        Cache::new(entries_max, Duration::from_secs(30), Duration::from_secs(2))
    }

    fn address(last: u8) -> Outcome {
        Ok(Rc::new([SocketAddr::from(([192, 0, 2, last], 0))]))
    }

    fn failure() -> Outcome {
        Err(ResolveError::new("nowhere", ErrorKind::NotFound, "it is nowhere"))
    }

    #[test]
    fn an_answer_and_a_failure_each_hold_for_their_time() {
        let mut cache = cache(8);
        cache.put("venue".into(), address(1), at(100));
        cache.put("nowhere".into(), failure(), at(100));
        assert_eq!(cache.get("venue", at(129)).unwrap().unwrap(), address(1).unwrap());
        assert!(cache.get("venue", at(130)).is_none());
        assert!(cache.get("nowhere", at(101)).unwrap().is_err());
        assert!(cache.get("nowhere", at(102)).is_none());
        assert!(cache.get("other", at(100)).is_none());
    }

    #[test]
    fn a_full_cache_gives_up_what_ends_first() {
        let mut cache = cache(2);
        cache.put("early".into(), address(1), at(1));
        cache.put("late".into(), address(2), at(2));
        cache.put("late".into(), address(3), at(3));
        assert!(cache.get("early", at(3)).is_some(), "a new answer to a known name needs no room");
        cache.put("third".into(), address(4), at(4));
        assert!(cache.get("early", at(4)).is_none());
        assert_eq!(cache.get("late", at(4)).unwrap().unwrap(), address(3).unwrap());
        assert_eq!(cache.entries.len(), 2);
    }

    #[test]
    fn a_cache_without_room_or_time_keeps_nothing() {
        let mut none = cache(0);
        none.put("venue".into(), address(1), at(1));
        assert!(none.get("venue", at(1)).is_none());
        let mut brief = Cache::new(8, Duration::ZERO, Duration::ZERO);
        brief.put("venue".into(), address(1), at(1));
        brief.put("nowhere".into(), failure(), at(1));
        assert!(brief.entries.is_empty());
    }

    #[test]
    fn what_is_forgotten_is_asked_for_again() {
        let mut cache = cache(8);
        cache.put("one".into(), address(1), at(1));
        cache.put("other".into(), address(2), at(1));
        cache.remove("one");
        assert!(cache.get("one", at(1)).is_none() && cache.get("other", at(1)).is_some());
        cache.clear();
        assert!(cache.get("other", at(1)).is_none());
    }
}
