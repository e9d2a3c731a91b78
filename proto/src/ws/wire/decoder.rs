//! Received bytes to messages, in place.
//!
//! Invariants: `unread[at..]` starts with the first byte that was not used. A header that is cut
//! off stands in `split_header`, a payload that is cut off in `gathered` (data) or `control`, so
//! the buffer that it came in goes back at once. No memory is taken for a length that is only
//! declared. What is decoded is a place, which is good until the next call.
//!
//! Cost of a message that lies in one buffer: its header is read, its payload gone over once, and
//! nothing is copied or allocated. Such a message of up to 64 KiB goes the short way, which is
//! inlined into who decodes: what it finds stays in registers.

use std::ops::Range;
use std::rc::Rc;

use taut_runtime::buffer::RxBuf;

use super::close::{CloseFrame, ControlPayload};
use super::deflate::{DeflateAgreement, Inflate};
use super::header::{FrameHeader, HEADER_BYTES_MAX, Opcode, Role, SimpleHeader};
use super::limits::MessageLimits;
use super::mask::{apply_mask, rotate};
use super::unread::Unread;
use super::utf8::{Utf8, is_text, unmask_text};
use super::violation::Violation;

/// Memory for gathered messages that is kept from one to the next, in bytes; more is freed.
const GATHERED_BYTES_KEPT_MAX: usize = 1 << 20;

/// Reads the frames of one direction of a connection.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    limits: MessageLimits,
    /// Whether text is validated.
    validates_text: bool,
    inflate: Option<Inflate>,
    /// What was received last.
    unread: Option<Unread>,
    at: usize,
    /// Pieces that can't be unmasked where they are.
    scratch: Vec<u8>,
    split_header: [u8; HEADER_BYTES_MAX],
    split_header_bytes: usize,
    /// A frame whose payload is not all there.
    frame: Option<PartialFrame>,
    /// A message whose last frame did not end yet.
    message: Option<PartialMessage>,
    gathered: Rc<Vec<u8>>,
    control: ControlPayload,
}

#[derive(Debug)]
struct PartialFrame {
    header: FrameHeader,
    /// Of the payload.
    bytes_done: u64,
}

#[derive(Debug)]
struct PartialMessage {
    is_text: bool,
    is_compressed: bool,
    utf8: Utf8,
    /// Of all payloads.
    bytes: u64,
    fragments: u32,
    /// Whether its frames are handed out, rather than gathered.
    in_frames: bool,
}

/// Whether messages or frames are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Messages, whose fragments are put together.
    Message,
    /// Frames as they come.
    Frame,
}

/// What was decoded.
#[derive(Debug)]
pub enum Decoded {
    /// A message, or a frame of one.
    Data(Data),
    /// A ping; its payload is [`Decoder::control`].
    Ping,
    /// A pong; its payload is [`Decoder::control`].
    Pong,
    /// The last frame that the peer sends.
    Close(Option<CloseFrame>),
}

/// A message, or a frame of one, and where it lies.
#[derive(Debug)]
pub struct Data {
    /// Text or binary; of a frame its own opcode.
    pub opcode: Opcode,
    /// Whether the message ends here. Always, for a message.
    pub is_final: bool,
    /// Whether it was validated as UTF-8, as a whole: messages only.
    pub is_valid_text: bool,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Unread(Range<usize>),
    Gathered,
}

impl Decoder {
    /// For the end `role` of a connection.
    pub fn new(role: Role, limits: MessageLimits) -> Self {
        Self {
            role,
            limits,
            validates_text: true,
            inflate: None,
            unread: None,
            at: 0,
            scratch: Vec::new(),
            split_header: [0; HEADER_BYTES_MAX],
            split_header_bytes: 0,
            frame: None,
            message: None,
            gathered: Rc::default(),
            control: ControlPayload::EMPTY,
        }
    }

    /// Leaves it to the user whether text is UTF-8.
    pub fn trust_text(&mut self) {
        self.validates_text = false;
    }

    /// Takes compressed messages, where that was agreed on. To be said before anything is decoded.
    pub fn inflate_as_agreed(&mut self, agreement: Option<&DeflateAgreement>) {
        self.inflate = agreement.map(Inflate::new);
    }

    /// Whether all that was received is used: time for [`push`](Self::push).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.unread.is_none()
    }

    /// Takes the next received bytes.
    ///
    /// # Panics
    ///
    /// Where it still has some.
    #[inline]
    pub fn push(&mut self, bytes: impl Into<RxBuf>) {
        assert!(self.unread.is_none(), "bytes are pushed before the last ones were decoded");
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.unread = Some(Unread::new(bytes));
            self.at = 0;
        }
    }

    /// The payload of the last control frame.
    pub fn control(&self) -> ControlPayload {
        self.control
    }

    /// The bytes of what was decoded last.
    #[inline]
    pub fn payload(&self, data: &Data) -> &[u8] {
        match &data.place {
            Place::Unread(range) => match &self.unread {
                Some(unread) => &unread[range.clone()],
                None => &[],
            },
            Place::Gathered => &self.gathered,
        }
    }

    /// The bytes of what was decoded last, to be kept. Copies nothing.
    #[inline]
    pub fn take(&mut self, data: &Data) -> RxBuf {
        let range = match &data.place {
            Place::Unread(range) => range,
            Place::Gathered => return RxBuf::from(Rc::clone(&self.gathered)),
        };
        let Some(unread) = &mut self.unread else { return RxBuf::empty() };
        let mut taken = if range.end == unread.len() {
            self.unread.take().map_or_else(RxBuf::empty, Unread::freeze)
        } else {
            unread.split_to(range.end)
        };
        self.at = 0;
        taken.advance(range.start);
        taken
    }

    /// Decodes the next message, or frame of one, or control frame. Nothing where bytes are
    /// missing.
    ///
    /// # Errors
    ///
    /// What the peer did wrong. Nothing is to be decoded after that.
    #[inline(always)]
    pub fn decode(&mut self, unit: Unit) -> Result<Option<Decoded>, Violation> {
        match self.decode_simple()? {
            Some(data) => Ok(Some(Decoded::Data(data))),
            None => self.decode_any(unit),
        }
    }

    /// The short way of most messages. Nothing where this is none of them: it is as it was then.
    #[inline(always)]
    fn decode_simple(&mut self) -> Result<Option<Data>, Violation> {
        if self.frame.is_some() || self.message.is_some() || self.split_header_bytes > 0 {
            return Ok(None);
        }
        let Some(unread) = &self.unread else { return Ok(None) };
        let Some(header) = SimpleHeader::read(&unread[self.at..], self.role) else {
            return Ok(None);
        };
        let start = self.at + header.header_bytes;
        let there = unread.len() - start;
        if header.payload_bytes > there.min(self.limits.message_bytes_max) {
            return Ok(None);
        }
        self.in_place(header.opcode, header.mask, start..start + header.payload_bytes)
    }

    #[inline(never)]
    fn decode_any(&mut self, unit: Unit) -> Result<Option<Decoded>, Violation> {
        loop {
            if self.frame.is_some() {
                match self.resume(unit)? {
                    Progress::Decoded(decoded) => return Ok(Some(decoded)),
                    Progress::Absorbed => continue,
                    Progress::Starved => return Ok(None),
                }
            }
            let Some(header) = self.next_header()? else { return Ok(None) };
            if let Some(data) = self.whole(&header)? {
                return Ok(Some(Decoded::Data(data)));
            }
            self.begin(header)?;
        }
    }

    /// Whether a message was begun whose frames are handed out.
    #[inline]
    pub fn is_in_frames(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.in_frames)
    }

    /// Whether a message, or the end of one, is there as a whole behind what was decoded last.
    #[inline]
    pub fn has_message(&self) -> bool {
        let Some(unread) = &self.unread else { return false };
        let mut rest = &unread[self.at..];
        // What is wrong is found when it is decoded.
        while let Ok(Some((header, header_bytes))) =
            FrameHeader::read(rest, self.role, self.inflate.is_some())
        {
            let behind = usize::try_from(header.payload_bytes)
                .ok()
                .and_then(|payload_bytes| rest.get(header_bytes..)?.get(payload_bytes..));
            let Some(behind) = behind else { return false };
            if header.opcode == Opcode::Close {
                // Nothing behind it is read.
                return false;
            }
            if header.is_final && !header.opcode.is_control() {
                return true;
            }
            rest = behind;
        }
        false
    }

    #[inline]
    fn next_header(&mut self) -> Result<Option<FrameHeader>, Violation> {
        let may_be_compressed = self.inflate.is_some();
        let Some(unread) = &self.unread else { return Ok(None) };
        let rest = &unread[self.at..];
        if self.split_header_bytes == 0 {
            if let Some((header, bytes)) = FrameHeader::read(rest, self.role, may_be_compressed)? {
                self.at += bytes;
                return Ok(Some(header));
            }
            self.split_header[..rest.len()].copy_from_slice(rest);
            self.split_header_bytes = rest.len();
            self.unread = None;
            return Ok(None);
        }
        let had = self.split_header_bytes;
        let count = rest.len().min(HEADER_BYTES_MAX - had);
        self.split_header[had..had + count].copy_from_slice(&rest[..count]);
        let known = &self.split_header[..had + count];
        match FrameHeader::read(known, self.role, may_be_compressed)? {
            Some((header, bytes)) => {
                self.split_header_bytes = 0;
                self.at += bytes - had;
                Ok(Some(header))
            }
            None => {
                self.split_header_bytes += count;
                self.unread = None;
                Ok(None)
            }
        }
    }

    /// A message of one frame, which lies in the buffer.
    fn whole(&mut self, header: &FrameHeader) -> Result<Option<Data>, Violation> {
        let is_whole = header.is_final
            && matches!(header.opcode, Opcode::Text | Opcode::Binary)
            && !header.is_compressed
            && self.message.is_none();
        if !is_whole {
            return Ok(None);
        }
        if header.payload_bytes > self.limits.message_bytes_max as u64 {
            return Err(Violation::MESSAGE_TOO_LONG);
        }
        let there = self.unread.as_ref().map_or(0, |unread| unread.len() - self.at);
        if header.payload_bytes > there as u64 {
            return Ok(None);
        }
        self.in_place(header.opcode, header.mask, self.at..self.at + header.payload_bytes as usize)
    }

    /// Unmasks and validates a message where it lies; nothing where that can't be done there.
    #[inline(always)]
    fn in_place(
        &mut self,
        opcode: Opcode,
        mask: Option<[u8; 4]>,
        range: Range<usize>,
    ) -> Result<Option<Data>, Violation> {
        let Some(unread) = &mut self.unread else { return Ok(None) };
        let is_valid_text = opcode == Opcode::Text && self.validates_text;
        let mut is_good = true;
        if let Some(key) = mask {
            let Some(unread) = unread.as_mut() else { return Ok(None) };
            let payload = &mut unread[range.clone()];
            if is_valid_text {
                is_good = unmask_text(payload, key);
            } else {
                apply_mask(payload, key);
            }
        } else if is_valid_text {
            is_good = is_text(&unread[range.clone()]);
        }
        if !is_good {
            return Err(Violation::NOT_UTF8);
        }
        self.at = range.end;
        let place = Place::Unread(range);
        Ok(Some(Data { opcode, is_final: true, is_valid_text, place }))
    }

    /// Notes a frame whose payload is to be gone through piece by piece.
    fn begin(&mut self, header: FrameHeader) -> Result<(), Violation> {
        if header.opcode.is_control() {
            self.control = ControlPayload::EMPTY;
        } else {
            self.begin_data(&header)?;
        }
        self.frame = Some(PartialFrame { header, bytes_done: 0 });
        Ok(())
    }

    fn begin_data(&mut self, header: &FrameHeader) -> Result<(), Violation> {
        let is_first = header.opcode != Opcode::Continuation;
        let message = match (&mut self.message, is_first) {
            (None, false) => return Err(Violation::CONTINUES_NOTHING),
            (Some(_), true) => return Err(Violation::MESSAGE_IN_MESSAGE),
            (Some(message), false) => message,
            (message @ None, true) => message.insert(PartialMessage {
                is_text: header.opcode == Opcode::Text,
                is_compressed: header.is_compressed,
                utf8: Utf8::default(),
                bytes: 0,
                fragments: 0,
                in_frames: false,
            }),
        };
        message.fragments += 1;
        if message.fragments > self.limits.fragments_max {
            return Err(Violation::FRAGMENTS_TOO_MANY);
        }
        let bytes_max = self.limits.payload_bytes_max(message.is_compressed);
        message.bytes = message.bytes.saturating_add(header.payload_bytes);
        if message.bytes > bytes_max {
            return Err(Violation::MESSAGE_TOO_LONG);
        }
        if is_first || message.in_frames {
            renew(&mut self.gathered);
        }
        Ok(())
    }

    /// Goes on with the frame that was begun.
    fn resume(&mut self, unit: Unit) -> Result<Progress, Violation> {
        let Some(frame) = &mut self.frame else { return Ok(Progress::Absorbed) };
        let left = frame.header.payload_bytes - frame.bytes_done;
        let mut piece: &[u8] = &[];
        let mut is_ascii = false;
        if left > 0 {
            let Some(unread) = &mut self.unread else { return Ok(Progress::Starved) };
            let there = unread.len() - self.at;
            // Fits: it is at most what is there.
            let count = left.min(there as u64) as usize;
            let range = self.at..self.at + count;
            self.at = range.end;
            piece = match frame.header.mask {
                None => &unread[range],
                Some(key) => {
                    let key = rotate(key, (frame.bytes_done % 4) as usize);
                    let masked = unread.part_mut(range, &mut self.scratch);
                    is_ascii = apply_mask(masked, key);
                    masked
                }
            };
        }
        frame.bytes_done += piece.len() as u64;
        let is_done = frame.bytes_done == frame.header.payload_bytes;

        if frame.header.opcode.is_control() {
            // At most 125 bytes, as its header said.
            let fits = self.control.append(piece);
            debug_assert!(fits.is_some());
        } else if let Some(message) = &mut self.message {
            let gathered = own(&mut self.gathered);
            let validates = message.is_text && self.validates_text;
            match &mut self.inflate {
                Some(inflate) if message.is_compressed => {
                    let had = gathered.len();
                    let bytes_max = self.limits.message_bytes_max;
                    let mut inflated = inflate.push(piece, gathered, bytes_max);
                    if inflated.is_ok() && is_done && frame.header.is_final {
                        inflated = inflate.finish_message();
                    }
                    // What came before a mistake in the data counts first, as it would have if it
                    // had come alone.
                    if validates && !message.utf8.push(&gathered[had..]) {
                        return Err(Violation::NOT_UTF8);
                    }
                    inflated?;
                }
                _ => {
                    let is_known = is_ascii && message.utf8.is_complete();
                    if validates && !is_known && !message.utf8.push(piece) {
                        return Err(Violation::NOT_UTF8);
                    }
                    gathered.extend_from_slice(piece);
                }
            }
        }
        if self.unread.as_ref().is_some_and(|unread| unread.len() == self.at) {
            self.unread = None;
        }
        if !is_done {
            return Ok(Progress::Starved);
        }
        self.end_frame(unit)
    }

    fn end_frame(&mut self, unit: Unit) -> Result<Progress, Violation> {
        let Some(PartialFrame { header, .. }) = self.frame.take() else {
            return Ok(Progress::Absorbed);
        };
        let decoded = match header.opcode {
            Opcode::Ping => Decoded::Ping,
            Opcode::Pong => Decoded::Pong,
            Opcode::Close => Decoded::Close(CloseFrame::read(&self.control)?),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                return self.end_data_frame(&header, unit);
            }
        };
        Ok(Progress::Decoded(decoded))
    }

    fn end_data_frame(&mut self, header: &FrameHeader, unit: Unit) -> Result<Progress, Violation> {
        let Some(message) = &mut self.message else { return Ok(Progress::Absorbed) };
        // So far nothing was put together. What is compressed makes sense as a whole only.
        if message.fragments == 1 && !message.is_compressed {
            message.in_frames = unit == Unit::Frame;
        }
        let (is_text, in_frames) = (message.is_text, message.in_frames);
        let validates = is_text && self.validates_text;
        if header.is_final {
            if validates && !message.utf8.is_complete() {
                return Err(Violation::NOT_UTF8);
            }
            self.message = None;
        } else if !in_frames {
            return Ok(Progress::Absorbed);
        }
        let opcode = match (in_frames, is_text) {
            (true, _) => header.opcode,
            (false, true) => Opcode::Text,
            (false, false) => Opcode::Binary,
        };
        Ok(Progress::Decoded(Decoded::Data(Data {
            opcode,
            is_final: header.is_final,
            is_valid_text: validates && !in_frames,
            place: Place::Gathered,
        })))
    }
}

enum Progress {
    Decoded(Decoded),
    /// The frame is over, and nothing is to be told.
    Absorbed,
    /// Bytes are missing.
    Starved,
}

/// Memory to gather in that nobody else reads.
fn renew(gathered: &mut Rc<Vec<u8>>) {
    match Rc::get_mut(gathered) {
        Some(memory) if memory.capacity() <= GATHERED_BYTES_KEPT_MAX => memory.clear(),
        // Too much to be kept, or the last message is still held.
        _ => *gathered = Rc::default(),
    }
}

/// Memory that is being gathered in has one owner.
fn own(gathered: &mut Rc<Vec<u8>>) -> &mut Vec<u8> {
    Rc::get_mut(gathered).expect("a message that is being gathered is nobody else's")
}
