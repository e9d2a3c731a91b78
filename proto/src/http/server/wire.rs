//! One connection's bytes: what came in and is not used yet, what is to go out, and the time limits
//! of both.
//!
//! A head or a piece of a body is a handle onto the buffer that it landed in. Only a head that
//! spans buffers is copied, once, into memory where it lies in one piece. Responses are collected
//! and written together before anything is waited for.
//!
//! Invariant: `unread` starts with the first byte that nobody has used. What `output` has beyond
//! `written` has not been written.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use taut_net::Transport;
use taut_runtime::buffer::RxBuf;
use taut_runtime::time::Instant;

use super::counters::count;
use super::inflow::Inflow;
use super::kept_head::KeptHead;
use super::pace::Pace;
use super::respond::Rest;
use super::shared::{Listening, Shared};
use crate::deadline::Deadline;
use crate::http::wire::Reject;

/// Room that an output buffer has from the start, in bytes: several small responses.
const OUTPUT_BYTES: usize = 4096;

/// One connection's bytes and clocks.
pub(super) struct Wire<T> {
    pub(super) transport: T,
    pub(super) shared: Rc<Shared>,
    pub(super) inflow: Inflow,
    pub(super) deadline: Deadline,
    listening: Listening,
    pub(super) unread: Option<RxBuf>,
    /// Memory for heads that span buffers; `unread` is its end while `is_gathered`.
    gathered: Rc<Vec<u8>>,
    is_gathered: bool,
    output: Vec<u8>,
    written: usize,
    /// What follows the output of a response that is too long for it.
    pub(super) rest: Option<Rest>,
    /// From when the client took no bytes until it has all; the deadline is then that of its wait.
    stall: Option<Stall>,
}

/// A client that does not take what it is sent.
#[derive(Default)]
struct Stall {
    pace: Pace,
    /// Bytes that it took of what is being written.
    bytes: u64,
}

/// How a wait for bytes ended.
#[derive(Debug)]
pub(super) enum Received {
    Bytes,
    /// The client closed its side.
    End,
    TimedOut,
    /// The server shuts down. Only told where nothing of a request is there.
    Closing,
    Failed(io::Error),
}

impl<T: Transport> Wire<T> {
    pub(super) fn new(transport: T, shared: &Rc<Shared>, first_head_due: Instant) -> Self {
        Self {
            transport,
            shared: Rc::clone(shared),
            inflow: Inflow::none(&shared.limits),
            deadline: Deadline::at(first_head_due),
            listening: Listening::new(shared),
            unread: None,
            gathered: Rc::default(),
            is_gathered: false,
            output: Vec::new(),
            written: 0,
            rest: None,
            stall: None,
        }
    }

    /// Reads the next head, where all of it is there, and says how many bytes it has.
    ///
    /// # Errors
    ///
    /// The rule or the limit that it breaks.
    #[inline]
    pub(super) fn read_head(&self, head: &mut KeptHead) -> Result<Option<usize>, Reject> {
        // Also where nothing is there: that is no beginning of a head.
        head.read(self.unread(), &self.shared.limits)
    }

    /// Takes the first unread bytes, of which there are so many.
    #[inline(always)]
    pub(super) fn take(&mut self, count: usize) -> RxBuf {
        let Some(unread) = &mut self.unread else { return RxBuf::empty() };
        let taken = unread.split_to(count);
        if unread.is_empty() {
            self.discard_unread();
        }
        taken
    }

    /// What came in and is not used.
    pub(super) fn unread(&self) -> &[u8] {
        self.unread.as_deref().unwrap_or_default()
    }

    /// What came in and is not used, for who goes on with the transport.
    pub(super) fn into_transport(self) -> (T, Option<RxBuf>) {
        (self.transport, self.unread)
    }

    /// Forgets what came in and was not used.
    pub(super) fn discard_unread(&mut self) {
        self.unread = None;
        self.is_gathered = false;
    }

    /// Waits for more bytes, up to the deadline.
    pub(super) fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        if let Poll::Ready(received) = self.transport.poll_recv(context) {
            return Poll::Ready(match received {
                Ok(bytes) if bytes.is_empty() => Received::End,
                Ok(bytes) => {
                    self.append(bytes);
                    Received::Bytes
                }
                Err(error) => Received::Failed(error),
            });
        }
        match ready!(self.deadline.poll(context)) {
            Ok(()) => Poll::Ready(Received::TimedOut),
            Err(error) => Poll::Ready(Received::Failed(error)),
        }
    }

    /// Waits for bytes of the next request, or for the server's shutdown where there are none yet.
    pub(super) fn poll_request(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        let received = self.poll_receive(context);
        let waits_idly = received.is_pending() && self.unread.is_none();
        if waits_idly && self.listening.is_closing(context) {
            return Poll::Ready(Received::Closing);
        }
        received
    }

    /// Puts received bytes behind those that are unread.
    fn append(&mut self, bytes: RxBuf) {
        let Some(unread) = self.unread.take() else {
            self.unread = Some(bytes);
            return;
        };
        if !self.is_gathered {
            self.renew_gathered(&unread);
        } else if unread.len() < self.gathered.len() {
            let rest = self.gathered.len() - unread.len();
            drop(unread);
            match Rc::get_mut(&mut self.gathered) {
                Some(memory) => drop(memory.drain(..rest)),
                None => self.gathered = Rc::new(self.gathered[rest..].to_vec()),
            }
        } else {
            drop(unread);
        }
        match Rc::get_mut(&mut self.gathered) {
            Some(memory) => memory.extend_from_slice(&bytes),
            // A handler still holds a piece of it.
            None => self.gathered = Rc::new([&self.gathered, &bytes[..]].concat()),
        }
        self.unread = Some(RxBuf::from(Rc::clone(&self.gathered)));
        self.is_gathered = true;
    }

    fn renew_gathered(&mut self, with: &[u8]) {
        match Rc::get_mut(&mut self.gathered) {
            Some(memory) => {
                memory.clear();
                memory.extend_from_slice(with);
            }
            None => self.gathered = Rc::new(with.to_vec()),
        }
    }

    /// Frees what an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.unread.is_none() && self.gathered.capacity() > 0 {
            self.gathered = Rc::default();
        }
    }

    /// Where responses are collected.
    #[inline]
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        if self.output.capacity() == 0 {
            self.output = self.shared.take_output();
            self.output.reserve(OUTPUT_BYTES);
        }
        &mut self.output
    }

    /// Bytes that are to be written.
    #[inline]
    pub(super) fn output_bytes(&self) -> usize {
        self.output.len() - self.written
    }

    /// Whether as much is collected as may be.
    #[inline]
    pub(super) fn is_output_full(&self) -> bool {
        self.output_bytes() >= self.shared.limits.output_bytes_max
    }

    /// Writes all that is collected, and `body` behind it, of which so many bytes were written.
    ///
    /// # Errors
    ///
    /// Those of the transport; `TimedOut` where the client takes nothing for `write_timeout`, or
    /// less than it has to.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        body: &[u8],
        body_written: &mut usize,
    ) -> Poll<io::Result<()>> {
        while self.output_bytes() > 0 || *body_written < body.len() {
            let (head, rest) = (&self.output[self.written..], &body[*body_written..]);
            let polled = match (head.is_empty(), rest.is_empty()) {
                (true, _) => self.transport.poll_write(context, rest),
                (_, true) => self.transport.poll_write(context, head),
                _ => {
                    let slices = [IoSlice::new(head), IoSlice::new(rest)];
                    self.transport.poll_write_vectored(context, &slices)
                }
            };
            let Poll::Ready(count) = polled else {
                return self.poll_stall(context, self.written + *body_written);
            };
            match count? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => {
                    let of_head = count.min(head.len());
                    self.written += of_head;
                    *body_written += count - of_head;
                }
            }
            self.end_wait();
        }
        let taken = self.written + *body_written;
        if self.output.capacity() > 0 {
            self.written = 0;
            self.shared.give_output(std::mem::take(&mut self.output));
        }
        if let Poll::Ready(flushed) = self.transport.poll_flush(context) {
            self.stall = None;
            return Poll::Ready(flushed);
        }
        self.poll_stall(context, taken)
    }

    /// The client takes nothing at the moment, but has taken so many bytes.
    #[cold]
    fn poll_stall<R>(&mut self, context: &mut Context<'_>, taken: usize) -> Poll<io::Result<R>> {
        let limits = &self.shared.limits;
        let stall = self.stall.get_or_insert_default();
        // Waiting for the last of them to leave, its caller may no longer know of them.
        stall.bytes = stall.bytes.max(taken as u64);
        let (since, granted) = stall.pace.wait(stall.bytes, limits.of_response());
        self.deadline.set(since + granted.min(limits.write_timeout));
        ready!(self.deadline.poll(context))?;
        count(&self.shared.counters.timeouts_write);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// The client took something.
    #[inline]
    fn end_wait(&mut self) {
        if let Some(stall) = &mut self.stall {
            stall.pace.stop();
        }
    }

    /// Writes what is collected as far as the client takes it, for a connection that waits for
    /// something else, whose deadline stands.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    pub(super) fn push(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.output_bytes() > 0 {
            match self.transport.poll_write(context, &self.output[self.written..]) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => {
                    self.written += written?;
                    self.end_wait();
                }
                Poll::Pending => return Ok(()),
            }
        }
        match self.transport.poll_flush(context) {
            Poll::Ready(flushed) => {
                self.stall = None;
                flushed
            }
            Poll::Pending => Ok(()),
        }
    }
}

/// A wire that is borrowed for each poll, since a handler reads from it while its connection
/// writes.
pub(super) type SharedWire<T> = std::cell::RefCell<Wire<T>>;

/// Writes all that is collected.
///
/// # Errors
///
/// As for [`Wire::poll_write`].
pub(super) async fn flush<T: Transport>(wire: &SharedWire<T>) -> io::Result<()> {
    if wire.borrow().output_bytes() == 0 {
        return Ok(());
    }
    poll_fn(|context| wire.borrow_mut().poll_write(context, &[], &mut 0)).await
}

/// Writes all that is collected, and `body` behind it.
///
/// # Errors
///
/// As for [`Wire::poll_write`].
pub(super) async fn write<T: Transport>(wire: &SharedWire<T>, body: &[u8]) -> io::Result<()> {
    let mut written = 0;
    poll_fn(|context| wire.borrow_mut().poll_write(context, body, &mut written)).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use taut_runtime::Runtime;

    use super::*;
    use crate::http::server::limits::ServerBuilder;

    /// A transport that says to each write and flush what it is told to.
    #[derive(Default)]
    struct Scripted {
        takes_bytes: bool,
        flushes: bool,
    }

    impl Transport for Scripted {
        fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<io::Result<RxBuf>> {
            Poll::Pending
        }

        fn stop_waiting(&mut self) {}

        fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            if self.takes_bytes { Poll::Ready(Ok(bytes.len())) } else { Poll::Pending }
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.flushes { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn set_hot(&mut self, _: bool) {}
    }

    /// Runs within a task of a runtime, which the timers need.
    fn with_wire(body: impl FnOnce(Wire<Scripted>, &mut Context<'_>)) {
        let limits = ServerBuilder::default().write_timeout(Duration::from_secs(3600)).limits;
        Runtime::new().unwrap().block_on(async {
            let mut body = Some(body);
            poll_fn(|context| {
                let shared = Rc::new(Shared::new(limits));
                let wire = Wire::new(Scripted::default(), &shared, Instant::now());
                body.take().expect("polled once")(wire, context);
                Poll::Ready(())
            })
            .await;
        });
    }

    #[test]
    fn each_stall_has_a_time_of_its_own() {
        with_wire(|mut wire, context| {
            for _ in 0..2 {
                // Whatever else was waited for has left its deadline, which has passed.
                wire.deadline.set(Instant::from_nanos(0));
                wire.transport = Scripted::default();
                wire.output().extend_from_slice(b"response");
                assert!(wire.poll_write(context, b"body", &mut 0).is_pending());
                wire.transport.takes_bytes = true;
                assert!(wire.poll_write(context, &[], &mut 0).is_pending(), "it is not flushed");
                wire.transport.flushes = true;
                assert!(wire.poll_write(context, &[], &mut 0).is_ready());
                assert_eq!(wire.output_bytes(), 0);
            }
        });
    }

    #[test]
    fn what_a_handler_holds_stays_as_it_is_while_heads_are_gathered() {
        const HEAD: &[u8] = b"POST /a HTTP/1.1\r\nhost: e\r\n\r\n";

        with_wire(|mut wire, _| {
            let mut held = Vec::new();
            let mut head = KeptHead::default();
            for body in 0..100_u8 {
                // The body, of one byte, and the next head come in one piece, cut anywhere.
                let stream: Vec<u8> = [HEAD, &[body]].concat();
                let (first, second) = stream.split_at(usize::from(body) % HEAD.len());
                for piece in [first, second].into_iter().filter(|piece| !piece.is_empty()) {
                    assert_eq!(wire.read_head(&mut head).unwrap(), None);
                    wire.append(RxBuf::from(piece.to_vec()));
                }
                let head_bytes = wire.read_head(&mut head).unwrap().unwrap();
                assert_eq!(wire.take(head_bytes)[..], *HEAD);
                held.push(wire.take(1));
                assert!(wire.unread().is_empty());
            }
            for (body, held) in held.iter().enumerate() {
                assert_eq!(held[..], [body as u8]);
            }
        });
    }

    #[test]
    fn an_idle_wire_has_no_memory_of_its_own() {
        with_wire(|mut wire, context| {
            wire.transport = Scripted { takes_bytes: true, flushes: true };
            wire.append(RxBuf::from(b"GET / HT".to_vec()));
            wire.append(RxBuf::from(b"TP/1.1\r\nhost: e\r\n\r\n".to_vec()));
            let head_bytes = wire.read_head(&mut KeptHead::default()).unwrap().unwrap();
            drop(wire.take(head_bytes));
            wire.output().extend_from_slice(b"response");
            assert!(wire.poll_write(context, &[], &mut 0).is_ready());
            wire.shrink();
            assert_eq!((wire.output.capacity(), wire.gathered.capacity()), (0, 0));
        });
    }
}
