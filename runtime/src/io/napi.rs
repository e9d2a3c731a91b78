//! Which queue of a network card a core polls while it waits.

use std::io;

use crate::driver::Backend;
use crate::executor::current;

/// Has this core poll, while it waits, the queue of a network card with this NAPI id and no other;
/// with `None` again those that the kernel finds by itself. Needs
/// [`WaitStrategy::NapiPoll`](crate::WaitStrategy::NapiPoll), and holds for the whole runtime.
///
/// One queue a core is the good case: the kernel then polls it until something comes, and of
/// several each just once a wait. Sockets know the id of theirs; `use_napi` of `taut::net` passes
/// it on.
///
/// # Errors
///
/// `Unsupported` where the runtime does not wait by `NapiPoll`, on epoll, and before Linux 6.13;
/// `AlreadyExists` while another id is in use; `InvalidInput` where it is none.
///
/// # Panics
///
/// Outside of a runtime.
pub fn poll_napi(id: Option<u32>) -> io::Result<()> {
    current().driver.borrow_mut().poll_napi(id)
}

/// Why there is no such polling.
pub(crate) fn no_napi_polling(reason: &str) -> io::Error {
    let message = format!("this core polls no network card: {reason}");
    io::Error::new(io::ErrorKind::Unsupported, message)
}
