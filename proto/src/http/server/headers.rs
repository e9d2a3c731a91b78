//! The headers of a response, in memory that is used again.
//!
//! A name and a value are 72 bytes, and a response is moved a few times on its way out. So its
//! headers stand in a vector of their own, which goes back to a store of the thread when the
//! response is dropped: moving a response moves a pointer, and any number of headers allocates
//! nothing once the thread has had a response with as many.

use std::cell::RefCell;

use http::header::{HeaderName, HeaderValue};

pub(super) type Header = (HeaderName, HeaderValue);

/// Vectors that are kept for the next response; more are freed.
const SPARE_MAX: usize = 32;
/// Headers beyond which a vector is freed rather than kept.
const SPARE_HEADERS_MAX: usize = 64;

thread_local! {
    static SPARE: RefCell<Vec<Vec<Header>>> = const { RefCell::new(Vec::new()) };
}

/// Names and values in their order.
pub(super) struct Headers(Vec<Header>);

impl Headers {
    /// None yet; without memory.
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    #[inline]
    pub(super) fn push(&mut self, header: Header) {
        if self.0.capacity() == 0 {
            self.0 = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        self.0.push(header);
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[Header] {
        &self.0
    }
}

impl Drop for Headers {
    #[inline]
    fn drop(&mut self) {
        if self.0.capacity() == 0 || self.0.capacity() > SPARE_HEADERS_MAX {
            return;
        }
        self.0.clear();
        let headers = std::mem::take(&mut self.0);
        // At the thread's end the store may be gone before the last response is.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARE_MAX {
                spare.push(headers);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_old_headers_are_gone() {
        let header = |value| (HeaderName::from_static("x"), HeaderValue::from_static(value));
        let mut first = Headers::none();
        first.push(header("old"));
        let memory = first.as_slice().as_ptr();
        drop(first);
        let mut second = Headers::none();
        assert!(second.as_slice().is_empty());
        second.push(header("new"));
        assert_eq!(second.as_slice().as_ptr(), memory);
        assert_eq!(second.as_slice(), [header("new")]);
    }
}
