//! Bytes of a stream with the time at which they came in.
//!
//! A multishot receive of bytes tells no times. So these are received by a call of their own when
//! the stream is readable, after the receive in the background has stopped. Invariant: bytes are in
//! order; those that the receive in the background had brought come first, and without a time.
//! Cost beyond `recv`: a wait for readiness, and the reading of what comes with the bytes.

use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;

use super::receive_records::{RECORDS_MAX, receive_records};
use super::record::RecordLayout;
use super::source::poll_call;
use super::{Datagram, Inbound, Interest, ReceiveTimestamps};
use crate::buffer::RxBuf;

const LAYOUT: RecordLayout = RecordLayout::INTERNET;

impl Inbound {
    /// The next bytes with the time at which the last of them came in; no bytes at the end of the
    /// stream. Cancel-safe.
    ///
    /// # Errors
    ///
    /// As for [`poll_recv`](Self::poll_recv); `InvalidInput` where the runtime's receive buffers
    /// are too small for what comes with the bytes.
    pub async fn recv_with_timestamps(&mut self) -> io::Result<(RxBuf, ReceiveTimestamps)> {
        let slot_bytes = self.core().receive_pool.slot_bytes() as usize;
        if slot_bytes <= LAYOUT.head_bytes() {
            let message = format!(
                "timestamps come with bytes in buffers of more than {} bytes: raise \
                 Builder::receive_buffer_bytes, which is {slot_bytes}",
                LAYOUT.head_bytes()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        poll_fn(|context| self.poll_quiet(context)).await?;
        if let Some(early) = self.take_early() {
            return early.map(|bytes| (bytes, ReceiveTimestamps::default()));
        }
        let source = (self.core(), &self.state().descriptor);
        let mut wait = None;
        let (bytes, times) = poll_fn(|context| {
            let call = || self.receive_with_timestamps_now();
            poll_call(source, Interest::Readable, &mut wait, context, call)
        })
        .await?;
        if bytes.is_empty() {
            self.state().note_end();
        }
        Ok((bytes, times))
    }

    fn receive_with_timestamps_now(&self) -> io::Result<(RxBuf, ReceiveTimestamps)> {
        let core = self.core();
        core.counters.syscalls.increment();
        let received = core.receive_pool.fill(&core.counters, |slot| {
            let (socket, flags) = (self.state().descriptor.as_fd(), libc::MSG_CMSG_CLOEXEC);
            let mut lengths = [0; RECORDS_MAX];
            receive_records(socket, LAYOUT, flags, &mut [slot], &mut lengths)?;
            core.counters.received(lengths[0] as usize - LAYOUT.head_bytes());
            Ok(lengths[0] as usize)
        });
        let (record, _) = received.inspect_err(|error| core.counters.failed(error))?;
        let record = Datagram::new(record, LAYOUT);
        let times = record.timestamps();
        Ok((record.into_payload(), times))
    }
}
