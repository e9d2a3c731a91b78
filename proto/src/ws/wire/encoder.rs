//! Messages to bytes that are to be sent.
//!
//! Invariants: `bytes` is empty, or has room for whoever seals it in place and then whole frames, of
//! which all before `sent` have left; so frames are put behind one another in the order of the
//! calls, and leave with as few writes as the transport takes. A client's payload is masked with a
//! key that nobody can foresee (RFC 6455 section 10.3), a new one for each frame.
//!
//! Cost: a message is copied once, masked on the way, and nothing is allocated once the memory has
//! grown to what the connection queues.

use std::ops::{Deref, DerefMut};
use std::task::{Poll, ready};
use std::{fmt, io};

use taut_net::transport::WRITE_ROOM_BYTES;
use taut_runtime::secure_random_bytes;

use super::header::{FrameHeader, HEADER_BYTES_MAX, Opcode, Role};
use super::mask::{append_masked, apply_mask};

/// Memory that is kept once all was sent, in bytes; more is freed.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// Keys that are drawn at a time: a draw finds the runtime of the thread first.
const KEYS_DRAWN: usize = 16;

/// Writes the frames of one direction of a connection.
pub struct Encoder {
    role: Role,
    /// A client's next keys are the first so many.
    keys: [[u8; 4]; KEYS_DRAWN],
    keys_left: usize,
    bytes: Vec<u8>,
    sent: usize,
    /// Bytes that have left since the beginning.
    sent_total: u64,
}

impl Encoder {
    /// For the end `role` of a connection.
    pub fn new(role: Role) -> Self {
        let (keys, keys_left) = ([[0; 4]; KEYS_DRAWN], 0);
        Self { role, keys, keys_left, bytes: Vec::new(), sent: 0, sent_total: 0 }
    }

    /// Which end it is.
    #[inline]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Puts a frame behind the others.
    ///
    /// # Panics
    ///
    /// As [`FrameHeader::write`]. Outside of a runtime, where `role` is the client: the keys are
    /// the runtime's.
    #[inline]
    pub fn frame(&mut self, opcode: Opcode, is_final: bool, is_compressed: bool, payload: &[u8]) {
        let mask = self.key();
        let payload_bytes = payload.len() as u64;
        let header = FrameHeader { is_final, is_compressed, opcode, mask, payload_bytes };
        self.begin();
        self.bytes.reserve(HEADER_BYTES_MAX + payload.len());
        self.header(&header);
        match mask {
            Some(key) => append_masked(&mut self.bytes, payload, key),
            None => self.bytes.extend_from_slice(payload),
        }
    }

    /// The header of a frame whose payload is sent from where it is; a server's, since a client's
    /// is masked.
    #[inline]
    pub(crate) fn unmasked_header(
        opcode: Opcode,
        payload_bytes: usize,
        to: &mut [u8; HEADER_BYTES_MAX],
    ) -> usize {
        let payload_bytes = payload_bytes as u64;
        let is_final = true;
        FrameHeader { is_final, is_compressed: false, opcode, mask: None, payload_bytes }.write(to)
    }

    /// Puts bytes of a frame, of which the first have left, before all that is to come.
    ///
    /// # Panics
    ///
    /// Where frames wait.
    pub(crate) fn rest_of_frame(&mut self, parts: [&[u8]; 2]) {
        assert!(self.unsent().is_empty(), "the rest of a frame goes before any other");
        self.begin();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    /// Room for a message of up to `bytes_max` bytes, to be written in place.
    pub fn reserve(&mut self, opcode: Opcode, bytes_max: usize) -> Room<'_> {
        self.begin();
        let frame_start = self.bytes.len();
        let payload_bytes = bytes_max as u64;
        let mask = self.key();
        let header =
            FrameHeader { is_final: true, is_compressed: false, opcode, mask, payload_bytes };
        let start = frame_start + header.header_bytes();
        self.bytes.resize(start + bytes_max, 0);
        Room { encoder: self, header, frame_start, start, written: 0 }
    }

    /// Leaves room in front of the first frame.
    #[inline]
    fn begin(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&[0; WRITE_ROOM_BYTES]);
            self.sent = WRITE_ROOM_BYTES;
        }
    }

    #[inline]
    fn key(&mut self) -> Option<[u8; 4]> {
        if self.role == Role::Server {
            return None;
        }
        if self.keys_left == 0 {
            self.draw_keys();
        }
        self.keys_left -= 1;
        Some(self.keys[self.keys_left])
    }

    #[cold]
    fn draw_keys(&mut self) {
        const BYTES: usize = KEYS_DRAWN * 4;
        self.keys.as_flattened_mut().copy_from_slice(&secure_random_bytes::<BYTES>());
        self.keys_left = KEYS_DRAWN;
    }

    #[inline]
    fn header(&mut self, header: &FrameHeader) {
        let mut room = [0; HEADER_BYTES_MAX];
        let count = header.write(&mut room);
        // A copy of a fixed length is two moves; of a length that is not known, a call.
        let end = self.bytes.len() + count;
        self.bytes.extend_from_slice(&room);
        self.bytes.truncate(end);
    }

    /// What is to be sent next.
    #[inline]
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Has `write` write what is to be sent next, as
    /// [`Transport::poll_write_in_place`](taut_net::Transport::poll_write_in_place) does; 0 where
    /// it took nothing.
    pub(crate) fn poll_write(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let count = ready!(write(&mut self.bytes, self.sent))?;
        if self.bytes.is_empty() {
            // It kept the memory, with all that was in it.
            self.sent = 0;
            self.sent_total += count as u64;
        } else {
            self.sent(count);
        }
        Poll::Ready(Ok(count))
    }

    /// The first `bytes` of [`unsent`](Self::unsent) were sent.
    ///
    /// # Panics
    ///
    /// Where there are fewer.
    #[inline]
    pub fn sent(&mut self, bytes: usize) {
        assert!(bytes <= self.unsent().len(), "sent {bytes} of {}", self.unsent().len());
        self.sent += bytes;
        self.sent_total += bytes as u64;
        if self.sent == self.bytes.len() {
            self.sent = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES_MAX);
        } else if self.sent - WRITE_ROOM_BYTES > self.bytes.len() / 2 {
            // Moves fewer bytes than were sent since the last time.
            self.bytes.copy_within(self.sent.., WRITE_ROOM_BYTES);
            self.bytes.truncate(self.bytes.len() - self.sent + WRITE_ROOM_BYTES);
            self.sent = WRITE_ROOM_BYTES;
        }
    }

    /// How many bytes have left since the beginning.
    #[inline]
    pub fn sent_total(&self) -> u64 {
        self.sent_total
    }

    /// How many bytes were queued since the beginning.
    #[inline]
    pub fn queued_total(&self) -> u64 {
        self.sent_total + self.unsent().len() as u64
    }

    /// Forgets what is not sent, since nothing can be any more.
    pub(crate) fn discard(&mut self) {
        self.sent_total = self.queued_total();
        (self.bytes, self.sent) = (Vec::new(), 0);
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoder({:?}, {} bytes unsent)", self.role, self.unsent().len())
    }
}

/// Room for one message, where it will be sent from.
///
/// Derefs to all of the room. [`commit`](Self::commit) makes a message of its first bytes; written
/// to through [`io::Write`], [`finish`](Self::finish) makes one of what was written. Dropped, it
/// never was.
#[must_use = "a room that is not committed sends nothing"]
pub struct Room<'a> {
    encoder: &'a mut Encoder,
    header: FrameHeader,
    frame_start: usize,
    start: usize,
    written: usize,
}

impl Room<'_> {
    /// Queues the first `bytes` as a message.
    ///
    /// # Panics
    ///
    /// Where the room has fewer.
    pub fn commit(mut self, bytes: usize) {
        assert!(bytes <= self.len(), "commit {bytes} of {} bytes", self.len());
        let room_header_bytes = self.header.header_bytes();
        self.header.payload_bytes = bytes as u64;
        let mut header = [0; HEADER_BYTES_MAX];
        let header_bytes = self.header.write(&mut header);
        let (frame_start, start) = (self.frame_start, self.start);
        // The length may need fewer bytes than that of the whole room would.
        let payload_start = frame_start + header_bytes;
        let queue = &mut self.encoder.bytes;
        if header_bytes < room_header_bytes {
            queue.copy_within(start..start + bytes, payload_start);
        }
        queue[frame_start..payload_start].copy_from_slice(&header[..header_bytes]);
        if let Some(key) = self.header.mask {
            apply_mask(&mut queue[payload_start..payload_start + bytes], key);
        }
        // What is dropped now is the end of the room, not its beginning.
        self.frame_start = payload_start + bytes;
    }

    /// Queues what was written through [`io::Write`] as a message.
    pub fn finish(self) {
        let written = self.written;
        self.commit(written);
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.encoder.bytes.truncate(self.frame_start);
    }
}

impl Deref for Room<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.encoder.bytes[self.start..]
    }
}

impl DerefMut for Room<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.encoder.bytes[self.start..]
    }
}

impl io::Write for Room<'_> {
    /// Appends what fits; 0 when full.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let at = self.written;
        let room = &mut self[at..];
        let count = data.len().min(room.len());
        room[..count].copy_from_slice(&data[..count]);
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Room<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({} bytes, {} written)", self.len(), self.written)
    }
}
