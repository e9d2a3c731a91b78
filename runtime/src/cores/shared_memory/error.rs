//! Why a ring could not be made or opened, written or read.

use std::error::Error;
use std::{fmt, io};

use crate::cancelled::Cancelled;

/// A ring could not be made or opened, or an end of it not be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum RingError {
    /// The system refused something.
    System {
        /// What was to be done.
        doing: String,
        /// What the system said.
        error: io::Error,
    },
    /// The options are out of range, or not those that the file was made with.
    Options(String),
    /// The file holds no ring, or not the whole of one.
    NotARing(String),
    /// The ring was made by a version of Taut that lays it out in another way. Run both sides with
    /// the same one, or remove the file.
    Version {
        /// Major and minor version of the file's layout.
        found: (u32, u32),
        /// Those that this program writes; it opens every minor version of the same major one.
        supported: (u32, u32),
    },
    /// Another process, or another place in this one, plays the part.
    Busy {
        /// The part: the writer, the reader, or all places of readers.
        part: &'static str,
        /// A process that plays it, as that process numbers itself.
        process: u32,
    },
}

impl RingError {
    pub(super) fn system(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |error| Self::System { doing, error }
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { doing, error } => write!(f, "{doing} failed: {error}"),
            Self::Options(what) => write!(f, "there can be no such ring: {what}"),
            Self::NotARing(why) => write!(f, "the file holds no ring of Taut: {why}"),
            Self::Version { found: (major, minor), supported } => write!(
                f,
                "the ring has layout version {major}.{minor}, and this program supports {}.{}: \
                 run both sides with the same version of Taut, or remove the file",
                supported.0, supported.1
            ),
            Self::Busy { part, process } => {
                write!(f, "{part} of the ring: process {process} has it already")
            }
        }
    }
}

impl Error for RingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<RingError> for io::Error {
    fn from(error: RingError) -> Self {
        let kind = match &error {
            RingError::System { error, .. } => error.kind(),
            RingError::Options(_) => io::ErrorKind::InvalidInput,
            RingError::NotARing(_) => io::ErrorKind::InvalidData,
            RingError::Version { .. } => io::ErrorKind::Unsupported,
            RingError::Busy { .. } => io::ErrorKind::ResourceBusy,
        };
        Self::new(kind, error)
    }
}

/// Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// There is no room: a reader is too slow. From the `try_` forms only.
    Full,
    /// There is no room, and nobody who would make some: the reader has gone or died. A next one
    /// goes on where it was; wait for it with [`connected`](super::Writer::connected).
    Disconnected,
    /// The message is longer than a slot.
    TooLong {
        /// Bytes of the message.
        bytes: usize,
        /// Bytes of a message, at most.
        slot_bytes: usize,
    },
    /// There was no room in time. From the `_timeout` forms only.
    Timeout,
    /// The task was asked to stop before there was room.
    Cancelled,
    /// A position in the ring is one that cannot be: some other program writes to the file. Use the
    /// ring no further.
    Corrupt,
}

/// Nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no message. From the `try_` forms only.
    Empty,
    /// There is no message, and nobody who would write one: there is no writer yet, or it has gone
    /// or died. Wait for the next one with [`connected`](super::Reader::connected).
    Disconnected,
    /// So many messages were overwritten before they were read. The next read goes on with the
    /// oldest that is left. Of [`Kind::BroadcastLossy`](super::Kind::BroadcastLossy) only.
    Lagged(u64),
    /// The message is not as long as the type that was asked for. It is still there, for
    /// [`try_borrow`](super::Reader::try_borrow).
    WrongLength {
        /// Bytes of the message.
        bytes: usize,
        /// Bytes of the type.
        expected: usize,
    },
    /// Nothing came in time. From the `_timeout` forms only.
    Timeout,
    /// The task was asked to stop before a message came.
    Cancelled,
    /// A length or a position in the ring is one that cannot be: some other program writes to the
    /// file. Use the ring no further.
    Corrupt,
}

const CORRUPT: &str = "the ring in shared memory is corrupt: another program writes to its file";

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the ring in shared memory is full",
            Self::Disconnected => "the ring in shared memory is full and has no reader",
            Self::TooLong { bytes, slot_bytes } => {
                return write!(
                    f,
                    "a message of {bytes} bytes is longer than the ring's slots of {slot_bytes}"
                );
            }
            Self::Timeout => "the ring in shared memory was full until the time was up",
            Self::Cancelled => "the task was cancelled before there was room in the ring",
            Self::Corrupt => CORRUPT,
        })
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the ring in shared memory is empty",
            Self::Disconnected => "the ring in shared memory is empty and has no writer",
            Self::Lagged(lost) => {
                return write!(f, "the reader was too slow and lost {lost} messages");
            }
            Self::WrongLength { bytes, expected } => {
                return write!(f, "the message has {bytes} bytes, and its type has {expected}");
            }
            Self::Timeout => "the ring in shared memory was empty until the time was up",
            Self::Cancelled => "the task was cancelled before a message came",
            Self::Corrupt => CORRUPT,
        })
    }
}

impl Error for WriteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (*self == Self::Cancelled).then_some(&Cancelled as _)
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (*self == Self::Cancelled).then_some(&Cancelled as _)
    }
}

impl From<Cancelled> for WriteError {
    fn from(Cancelled: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<Cancelled> for ReadError {
    fn from(Cancelled: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        let kind = match error {
            WriteError::Full => io::ErrorKind::WouldBlock,
            WriteError::Disconnected => io::ErrorKind::BrokenPipe,
            WriteError::TooLong { .. } => io::ErrorKind::InvalidInput,
            WriteError::Timeout => io::ErrorKind::TimedOut,
            WriteError::Cancelled => return Cancelled.into(),
            WriteError::Corrupt => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        let kind = match error {
            ReadError::Empty => io::ErrorKind::WouldBlock,
            ReadError::Disconnected => io::ErrorKind::BrokenPipe,
            ReadError::Lagged(_) => io::ErrorKind::Other,
            ReadError::Timeout => io::ErrorKind::TimedOut,
            ReadError::Cancelled => return Cancelled.into(),
            ReadError::WrongLength { .. } | ReadError::Corrupt => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}
