//! What an arbiter has counted, for the feed and for each line.

/// What the lines together have brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedStatistics {
    /// Messages that a line has brought first: the sum of [`LineStatistics::won`]. In order, some
    /// of them may still be held back.
    pub messages: u64,
    /// Holes that were opened.
    pub holes: u64,
    /// Messages that were given up, which no line brought in time.
    pub messages_lost: u64,
    /// Ranges of messages that were given up: times that [`Event::Lost`](super::Event::Lost) told.
    pub losses: u64,
    /// How often the feed was numbered anew.
    pub restarts: u64,
}

/// What one line has brought.
///
/// `messages` is the sum of `won`, `duplicates` and `late`. Packets that are in none of the four
/// counts of refused ones were taken, or are kept until a restart is agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineStatistics {
    /// Packets, whatever became of them.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Messages in those that were taken.
    pub messages: u64,
    /// Messages that this line was the first to bring.
    pub won: u64,
    /// Of these, messages that the lines before had passed over.
    pub filled: u64,
    /// Messages that had been brought before.
    pub duplicates: u64,
    /// Messages that came after they were given up, or are older than the first of the feed.
    pub late: u64,
    /// How often the line went past messages that it had not brought.
    pub gaps: u64,
    /// Messages that it went past and has not brought since.
    pub missed: u64,
    /// Messages that it brought after newer ones of its own.
    pub reordered: u64,
    /// Packets in which the extractor found no numbers.
    pub refused_unnumbered: u64,
    /// Packets that claim more messages than one may hold, or numbers beyond 2^64.
    pub refused_impossible: u64,
    /// Packets that can't continue the feed; see [`Restart`](super::Restart).
    pub refused_out_of_range: u64,
    /// Packets of the numbering before the last restart.
    pub refused_stale: u64,
}
