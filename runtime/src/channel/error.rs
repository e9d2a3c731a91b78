//! Why a send or a receive failed. What refuses an item gives it back.

use std::error::Error;
use std::{fmt, io};

use crate::cancelled::Cancelled;

/// A send failed; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<T> {
    /// Nobody will receive: the channel was closed, or its receivers are gone. Stop sending.
    Closed(T),
    /// The sending task was asked to stop before there was room.
    Cancelled(T),
}

/// A send that does not wait failed; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// There is no room, or others wait for it: try again later, wait with `send`, or drop the
    /// item.
    Full(T),
    /// Nobody will receive: the channel was closed, or its receivers are gone. Stop sending.
    Closed(T),
}

/// A send of a thread failed; the item comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendTimeoutError<T> {
    /// There was no room in time: the receivers are too slow.
    Timeout(T),
    /// Nobody will receive: the channel was closed, or its receivers are gone. Stop sending.
    Closed(T),
}

/// A receive failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvError {
    /// Nothing more will come: the channel was closed, or its senders are gone, and what they sent
    /// has been received.
    Closed,
    /// The receiving task was asked to stop before something came.
    Cancelled,
}

/// A receive that does not wait failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is nothing, or others wait for it: try again later, or wait with `recv`.
    Empty,
    /// Nothing more will come: the channel was closed, or its senders are gone, and what they sent
    /// has been received.
    Closed,
}

/// A receive of a thread failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecvTimeoutError {
    /// Nothing came in time.
    Timeout,
    /// Nothing more will come: the channel was closed, or its senders are gone, and what they sent
    /// has been received.
    Closed,
}

const CLOSED: &str = "the channel is closed";

/// An error that gives an item back: `Debug` and `Display` ask the item for neither.
macro_rules! gives_back {
    ($name:ident, $($variant:ident => $message:expr,)+) => {
        impl<T> $name<T> {
            /// The item that was not sent.
            pub fn into_inner(self) -> T {
                match self {
                    $(Self::$variant(item))|+ => item,
                }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant(_) => concat!(stringify!($variant), "(..)"),)+
                })
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant(_) => $message,)+
                })
            }
        }
    };
}

gives_back!(SendError,
    Closed => CLOSED,
    Cancelled => "the task was cancelled before there was room in the channel",
);
gives_back!(TrySendError,
    Full => "the channel is full",
    Closed => CLOSED,
);
gives_back!(SendTimeoutError,
    Timeout => "the channel was full until the time was up",
    Closed => CLOSED,
);

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => CLOSED,
            Self::Cancelled => "the task was cancelled before something came",
        })
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the channel is empty",
            Self::Closed => CLOSED,
        })
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "the channel was empty until the time was up",
            Self::Closed => CLOSED,
        })
    }
}

impl<T> Error for SendError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        matches!(self, Self::Cancelled(_)).then_some(&Cancelled as _)
    }
}

impl<T> Error for TrySendError<T> {}

impl<T> Error for SendTimeoutError<T> {}

impl Error for RecvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        matches!(self, Self::Cancelled).then_some(&Cancelled as _)
    }
}

impl Error for TryRecvError {}

impl Error for RecvTimeoutError {}

impl From<Cancelled> for RecvError {
    fn from(Cancelled: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// The item that was refused is dropped.
macro_rules! into_io_error {
    ($name:ident $(<$item:ident>)?, $($variant:ident $(($ignored:tt))? => $kind:ident,)+) => {
        impl$(<$item>)? From<$name$(<$item>)?> for io::Error {
            fn from(error: $name$(<$item>)?) -> Self {
                let kind = match error {
                    $($name::$variant $(($ignored))? => io::ErrorKind::$kind,)+
                    #[allow(unreachable_patterns, reason = "where none is a cancel")]
                    _ => return Cancelled.into(),
                };
                Self::new(kind, error.to_string())
            }
        }
    };
}

into_io_error!(SendError<T>, Closed(_) => BrokenPipe,);
into_io_error!(TrySendError<T>, Closed(_) => BrokenPipe, Full(_) => WouldBlock,);
into_io_error!(SendTimeoutError<T>, Closed(_) => BrokenPipe, Timeout(_) => TimedOut,);
into_io_error!(RecvError, Closed => BrokenPipe,);
into_io_error!(TryRecvError, Closed => BrokenPipe, Empty => WouldBlock,);
into_io_error!(RecvTimeoutError, Closed => BrokenPipe, Timeout => TimedOut,);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_cancelled;

    struct Opaque;

    #[test]
    fn errors_give_the_item_back_and_know_a_cancel() {
        let cancelled = SendError::Cancelled(Opaque);
        assert!(is_cancelled(&cancelled));
        assert!(!is_cancelled(&SendError::Closed(Opaque)));
        assert_eq!(format!("{cancelled:?}"), "Cancelled(..)");
        let Opaque = cancelled.into_inner();
        assert_eq!(TrySendError::Full(7).into_inner(), 7);
        assert_eq!(TrySendError::Full(7).to_string(), "the channel is full");
        assert_eq!(SendTimeoutError::Timeout(7).into_inner(), 7);
        assert!(is_cancelled(&RecvError::Cancelled) && !is_cancelled(&RecvError::Closed));
        assert!(is_cancelled(&io::Error::from(RecvError::Cancelled)));
        assert!(is_cancelled(&io::Error::from(SendError::Cancelled(7))));
        let closed = io::Error::from(RecvError::Closed);
        assert_eq!(closed.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(closed.to_string(), RecvError::Closed.to_string());
        assert_eq!(io::Error::from(TrySendError::Full(7)).kind(), io::ErrorKind::WouldBlock);
        assert_eq!(io::Error::from(RecvTimeoutError::Timeout).kind(), io::ErrorKind::TimedOut);
    }
}
