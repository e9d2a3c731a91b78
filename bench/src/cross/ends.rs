//! What all rings have in common, and the works on them.
//!
//! The near core sends and has the clock, the far core answers. `ping_pong` sends a number there
//! and back; the others send one way, and the far core says through an atomic word that it has the
//! last message, so nothing compares the clocks of two cores.

use super::request::Exchange;
use super::tally::{Farewell, LAST, MARK, Marks};

/// Bytes of a message in a stream: a cache line, as an order or a quote has.
pub(crate) type Packet = [u64; 8];

/// Messages that a batching end sends or takes at once.
const BATCH: u64 = 32;

/// What is sent.
pub(super) trait Message: Send + 'static {
    fn numbered(number: u64) -> Self;
    /// The number with its flags.
    fn number(&self) -> u64;
}

impl Message for u64 {
    #[inline(always)]
    fn numbered(number: u64) -> Self {
        number
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        *self
    }
}

impl Message for Packet {
    #[inline(always)]
    fn numbered(number: u64) -> Self {
        [number; 8]
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        // A message that is torn has not the same number everywhere.
        if self.iter().all(|word| word == &self[0]) { self[0] } else { u64::MAX }
    }
}

/// The sending end of a ring; `false` says that nobody receives.
pub(super) trait Sending<M>: Send + 'static {
    async fn send(&mut self, message: M) -> bool;
}

/// One that can send many at once.
pub(super) trait SendingMany<M>: Sending<M> {
    async fn send_all(&mut self, messages: impl Iterator<Item = M>) -> bool;
}

/// The receiving end of a ring; `None` says that nothing more comes.
pub(super) trait Receiving<M>: Send + 'static {
    async fn receive(&mut self) -> Option<M>;
}

/// One that can take many at once.
pub(super) trait ReceivingMany<M>: Receiving<M> {
    /// Waits for some, and gives at most `max` of them to `each`; `false` at the end.
    async fn receive_some(&mut self, max: u64, each: impl FnMut(M)) -> bool;
}

/// A number there and back; one in flight.
#[derive(Debug)]
pub(super) struct PingPong<S, R> {
    there: S,
    back: R,
    sent: u64,
}

impl<S, R> PingPong<S, R> {
    pub(super) fn new(there: S, back: R) -> Self {
        Self { there, back, sent: 0 }
    }
}

impl<S: Sending<u64>, R: Receiving<u64>> Exchange for PingPong<S, R> {
    #[inline]
    async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String> {
        let end = self.sent + operations;
        while self.sent < end {
            self.sent += 1;
            let number = if self.sent == end { self.sent | flags } else { self.sent };
            if !self.there.send(number).await || self.back.receive().await != Some(number) {
                return Err(format!("message {} did not come back", self.sent));
            }
        }
        Ok(())
    }
}

/// The far side of that.
pub(super) async fn echo(
    mut arrivals: impl Receiving<u64>,
    mut returns: impl Sending<u64>,
    marks: &Marks,
) {
    while let Some(number) = arrivals.receive().await {
        if number & MARK != 0 {
            marks.leave_counts();
        }
        if !returns.send(number).await {
            return;
        }
    }
}

/// Messages one way, one at a time; the last one of a batch is told of.
#[derive(Debug)]
pub(super) struct OneWay<'a, S, M> {
    there: S,
    marks: &'a Marks,
    sent: u64,
    messages: std::marker::PhantomData<M>,
}

impl<'a, S, M> OneWay<'a, S, M> {
    pub(super) fn new(there: S, marks: &'a Marks) -> Self {
        Self { there, marks, sent: 0, messages: std::marker::PhantomData }
    }

    /// The message after those that were sent, where `end` is the last one of its batch.
    #[inline(always)]
    fn next(&mut self, end: u64, flags: u64) -> u64 {
        self.sent += 1;
        if self.sent == end { self.sent | LAST | flags } else { self.sent }
    }
}

impl<M: Message, S: Sending<M>> Exchange for OneWay<'_, S, M> {
    #[inline]
    async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String> {
        let end = self.sent + operations;
        while self.sent < end {
            let number = self.next(end, flags);
            if !self.there.send(M::numbered(number)).await {
                return Err(format!("message {} could not be sent", self.sent));
            }
        }
        self.marks.await_reached(end)
    }
}

/// The same in batches.
#[derive(Debug)]
pub(super) struct Batches<'a, S, M>(pub(super) OneWay<'a, S, M>);

impl<M: Message, S: SendingMany<M>> Exchange for Batches<'_, S, M> {
    #[inline]
    async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String> {
        let (first, end) = (self.0.sent + 1, self.0.sent + operations);
        let last = LAST | flags;
        for from in (first..=end).step_by(BATCH as usize) {
            let to = end.min(from + BATCH - 1);
            let flagged = move |number| if number == end { number | last } else { number };
            let messages = (from..to + 1).map(flagged).map(M::numbered);
            if !self.0.there.send_all(messages).await {
                return Err(format!("messages from {from} on could not be sent"));
            }
        }
        self.0.sent = end;
        self.0.marks.await_reached(end)
    }
}

/// What a far side knows that takes messages one way: they are all there, and in order.
pub(super) struct Sink<'a> {
    marks: &'a Marks,
    received: u64,
}

impl<'a> Sink<'a> {
    pub(super) fn new(marks: &'a Marks) -> Self {
        Self { marks, received: 0 }
    }

    #[inline(always)]
    pub(super) fn take(&mut self, number: u64) {
        self.received += 1;
        if number & (MARK | LAST) != 0 {
            self.say(number);
        }
    }

    #[inline(never)]
    fn say(&mut self, number: u64) {
        if number & MARK != 0 {
            self.marks.leave_counts();
        }
        assert_eq!(number & !(MARK | LAST), self.received, "a message is lost or torn");
        self.marks.reach(self.received);
    }
}

/// The far side of messages one way.
pub(super) async fn sink<M: Message>(mut arrivals: impl Receiving<M>, marks: &Marks) {
    let _farewell = Farewell(marks);
    let mut sink = Sink::new(marks);
    while let Some(message) = arrivals.receive().await {
        sink.take(message.number());
    }
}

/// The same in batches.
pub(super) async fn sink_many<M: Message>(mut arrivals: impl ReceivingMany<M>, marks: &Marks) {
    let _farewell = Farewell(marks);
    let mut sink = Sink::new(marks);
    while arrivals.receive_some(BATCH, |message| sink.take(message.number())).await {}
}
