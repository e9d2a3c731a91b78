//! The error of a wait whose task was cancelled, and the one question to ask of any error.

use std::error::Error;
use std::{fmt, io};

/// The wait was given up because its task was asked to stop; nobody is at fault.
///
/// Pass it on with `?`: it becomes an [`io::Error`] with the code `ECANCELED`. Clean-up that has
/// to wait goes into [`shield`](crate::task::shield).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was cancelled")
    }
}

impl Error for Cancelled {}

impl From<Cancelled> for io::Error {
    fn from(Cancelled: Cancelled) -> Self {
        Self::from_raw_os_error(libc::ECANCELED)
    }
}

/// Whether an error says that the work was cancelled, itself or by one of its causes.
///
/// True for [`Cancelled`], for an [`io::Error`] with the code `ECANCELED`, and for every error of
/// this crate, or any other, that names one of them as its source.
///
/// ```
/// use std::io;
///
/// assert!(taut_runtime::is_cancelled(&taut_runtime::Cancelled));
/// assert!(taut_runtime::is_cancelled(&io::Error::from(taut_runtime::Cancelled)));
/// assert!(!taut_runtime::is_cancelled(&io::Error::from(io::ErrorKind::TimedOut)));
/// ```
pub fn is_cancelled(error: &(dyn Error + 'static)) -> bool {
    has_cause(error, |cause| {
        let code = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        code == Some(libc::ECANCELED) || cause.is::<Cancelled>()
    })
}

/// Whether an error, or one of its causes, is such a one.
pub(crate) fn has_cause(
    error: &(dyn Error + 'static),
    is_it: impl Fn(&(dyn Error + 'static)) -> bool,
) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if is_it(error) {
            return true;
        }
        next = match error.downcast_ref::<io::Error>() {
            // Its own `source` leaves out the error that it wraps.
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrapper(io::Error);

    impl fmt::Display for Wrapper {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl Error for Wrapper {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn is_found_through_any_number_of_wrappers() {
        let plain = io::Error::from(Cancelled);
        assert_eq!(plain.raw_os_error(), Some(libc::ECANCELED));
        let twice = io::Error::other(Wrapper(io::Error::other(Wrapper(plain))));
        assert!(is_cancelled(&twice));
        let other = io::Error::other(Wrapper(io::Error::from_raw_os_error(libc::EPIPE)));
        assert!(!is_cancelled(&other));
    }
}
