//! The header lines of a head, as ranges of its bytes.

use http::HeaderMap;

/// A range of a head's bytes. Reads what it names from the head that it was parsed from, wherever
/// that now lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes that the span names.
    ///
    /// # Panics
    ///
    /// Where `head` is shorter than the head that the span comes from.
    #[inline]
    #[must_use]
    pub fn of(self, head: &[u8]) -> &[u8] {
        &head[self.start as usize..self.end as usize]
    }
}

/// Names and values of a head as ranges of its bytes. A connection keeps one and parses every head
/// into it.
#[derive(Debug, Default)]
pub struct HeadIndex {
    fields: Vec<(Span, Span)>,
}

impl HeadIndex {
    /// An index without fields. Allocates nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// How many header lines the head has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether the head has no header line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Names, as they were sent, and values, without the white space around them, in their order.
    pub fn iter<'a>(&'a self, head: &'a [u8]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let _ = head;
        [].into_iter()
    }

    /// The value of the first header line of this name, in whatever case.
    #[must_use]
    pub fn get<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let _ = (head, name);
        unimplemented!()
    }

    /// The values of all header lines of this name, in whatever case, in their order.
    pub fn get_all<'a>(&'a self, head: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let _ = (head, name);
        [].into_iter()
    }

    /// The header lines as a map. Allocates.
    #[must_use]
    pub fn to_map(&self, head: &[u8]) -> HeaderMap {
        let _ = head;
        unimplemented!()
    }
}
