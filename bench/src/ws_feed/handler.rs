//! What every client of the workload `ws-feed` does with a message: it reads the moment at which
//! the venue sent it, and notes how long ago that was. The peers include this file.

/// Where the moment stands in the text of a message: ns of the monotonic clock, in digits.
pub(crate) const STAMP: std::ops::Range<usize> = 6..25;
/// What a client sends to have the feed begin.
pub(crate) const GO: &str = "go";

/// See the module's documentation. It is kept from one part of the feed to the next, so that its
/// memory has been touched before.
#[derive(Debug, Default)]
pub(crate) struct Handler {
    lags_ns: Vec<u64>,
    expected: usize,
}

impl Handler {
    /// Begins anew, with so many messages to come.
    pub(crate) fn expect(&mut self, messages: usize) {
        self.lags_ns.clear();
        self.lags_ns.reserve(messages);
        self.expected = messages;
    }

    /// To be called with each message as soon as it is there. False where it is none of the feed,
    /// or one too many.
    #[inline]
    #[must_use]
    pub(crate) fn handle(&mut self, text: &[u8], now_ns: u64) -> bool {
        let Some(digits) = text.get(STAMP) else { return false };
        let mut sent_ns = 0_u64;
        for digit in digits {
            sent_ns = sent_ns.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
        }
        let is_expected = !self.is_done() && sent_ns <= now_ns;
        if is_expected {
            self.lags_ns.push(now_ns - sent_ns);
        }
        is_expected
    }

    /// Whether all of them have come.
    #[inline]
    #[must_use]
    pub(crate) fn is_done(&self) -> bool {
        self.lags_ns.len() == self.expected
    }

    /// How late each was, in ns, in the order in which they came.
    #[must_use]
    pub(crate) fn lags_ns(&self) -> &[u64] {
        &self.lags_ns
    }
}
