//! What a connection received and nobody has taken yet.
//!
//! Bytes stay where they landed as long as one buffer is enough. What spans several is gathered
//! once, into memory that is used again when nobody holds a part of it any more: every byte is
//! copied at most once, however small the pieces are that it comes in.

use std::rc::Rc;

use taut_runtime::buffer::RxBuf;

#[derive(Debug, Default)]
pub(super) struct Received {
    /// `None` where there are none: an empty buffer would be an allocation.
    bytes: Option<RxBuf>,
    gathered: Rc<Vec<u8>>,
    /// Where `bytes` begin in `gathered`, if that is where they are. They end with it.
    from: Option<usize>,
}

impl Received {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(&[])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_none()
    }

    /// Appends what came in.
    pub(super) fn push(&mut self, next: RxBuf) {
        let from = self.from.take();
        let Some(before) = self.bytes.take() else {
            self.bytes = Some(next).filter(|bytes| !bytes.is_empty());
            return;
        };
        let from = match from {
            Some(from) => {
                drop(before);
                match Rc::get_mut(&mut self.gathered) {
                    Some(gathered) => {
                        gathered.extend_from_slice(&next);
                        from
                    }
                    None => self.gather_anew(&Rc::clone(&self.gathered)[from..], &next),
                }
            }
            None => match Rc::get_mut(&mut self.gathered) {
                Some(gathered) => {
                    gathered.clear();
                    gathered.extend_from_slice(&before);
                    gathered.extend_from_slice(&next);
                    0
                }
                None => self.gather_anew(&before, &next),
            },
        };
        self.from = Some(from);
        let mut all = RxBuf::from(Rc::clone(&self.gathered));
        all.advance(from);
        self.bytes = Some(all);
    }

    /// Where somebody holds a part of what was gathered before.
    fn gather_anew(&mut self, before: &[u8], next: &[u8]) -> usize {
        self.gathered = Rc::new([before, next].concat());
        0
    }

    /// Takes the first `count` bytes; `None` for none.
    ///
    /// # Panics
    ///
    /// Where there are fewer.
    pub(super) fn take(&mut self, count: usize) -> Option<RxBuf> {
        if count == 0 {
            return None;
        }
        let bytes = self.bytes.as_mut().expect("no more is taken than is there");
        if count == bytes.len() {
            // The slot goes back to the pool with the taker, and not with the next receive.
            return self.take_all();
        }
        let taken = bytes.slice(..count);
        bytes.advance(count);
        self.from = self.from.map(|from| from + count);
        Some(taken)
    }

    /// Takes all.
    pub(super) fn take_all(&mut self) -> Option<RxBuf> {
        self.from = None;
        self.bytes.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(bytes: &[u8]) -> RxBuf {
        RxBuf::from(bytes.to_vec())
    }

    #[test]
    fn pieces_come_out_as_one_run_at_every_split() {
        let all = b"0123456789";
        for first in 1..8 {
            for second in first + 1..9 {
                for taken in 0..=second {
                    let mut received = Received::default();
                    received.push(piece(&all[..first]));
                    received.push(piece(&all[first..second]));
                    let held = received.take(taken);
                    received.push(piece(&all[second..]));
                    assert_eq!(held.as_deref().unwrap_or(&[]), &all[..taken]);
                    assert_eq!(received.bytes(), &all[taken..]);
                    drop(held);
                    received.push(piece(b"!"));
                    assert_eq!(
                        received.take_all().as_deref(),
                        Some(&[&all[taken..], b"!"].concat()[..])
                    );
                    assert!(received.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_part_that_is_held_stays_as_it_was() {
        let mut received = Received::default();
        received.push(piece(b"head"));
        received.push(piece(b"er|"));
        let held = received.take(7).unwrap();
        received.push(piece(b"next"));
        received.push(piece(b" one"));
        assert_eq!((&held[..], received.bytes()), (&b"header|"[..], &b"next one"[..]));
    }
}
