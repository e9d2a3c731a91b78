//! The header lines of a head, as ranges of its bytes.

use http::{HeaderMap, HeaderName, HeaderValue};

/// A range of a head's bytes. Reads what it names from the head that it was parsed from, wherever
/// that now lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

/// No head is longer, whatever its limits say: a [`Span`] reaches no further.
pub(super) const HEAD_BYTES_MAX: usize = u32::MAX as usize;

impl Span {
    pub(super) const EMPTY: Self = Self { start: 0, end: 0 };

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

    /// How many bytes the span names.
    #[must_use]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    #[inline]
    pub(super) const fn end(self) -> usize {
        self.end as usize
    }

    /// Whether the span names no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes of a head from `start` up to `end`. No longer head gets this far than 32 bits
    /// count.
    #[inline]
    pub(super) const fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= HEAD_BYTES_MAX);
        Self { start: start as u32, end: end as u32 }
    }

    /// Where `part`, a slice of `head`, lies in it.
    #[inline]
    pub(super) fn within(head: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr() - head.as_ptr().addr();
        debug_assert!(start + part.len() <= head.len());
        Self::new(start, start + part.len())
    }
}

/// Names and values of a head as ranges of its bytes. A connection keeps one and parses every head
/// into it; it allocates only when a head has more lines than any before.
///
/// Every method is given the head again: the same bytes, which may have moved meanwhile. With other
/// bytes it panics or reads nonsense, and nothing worse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadIndex {
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    name: Span,
    value: Span,
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
    ///
    /// # Panics
    ///
    /// Where `head` is not what the index was made of.
    pub fn iter<'a>(&'a self, head: &'a [u8]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.fields.iter().map(|field| {
            let name = str::from_utf8(field.name.of(head));
            (name.expect("the name was a token when it was parsed"), field.value.of(head))
        })
    }

    /// The value of the first header line of this name, in whatever case.
    #[inline]
    #[must_use]
    pub fn get<'a>(&self, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let name = name.as_bytes();
        let field = self.fields.iter().find(|field| field.is_named(head, name))?;
        Some(field.value.of(head))
    }

    /// The values of all header lines of this name, in whatever case, in their order.
    pub fn get_all<'a>(&'a self, head: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.fields.iter().filter(move |field| field.is_named(head, name.as_bytes()));
        named.map(move |field| field.value.of(head))
    }

    /// The header lines as a map. Allocates.
    ///
    /// # Panics
    ///
    /// Where `head` is not what the index was made of.
    #[must_use]
    pub fn to_map(&self, head: &[u8]) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.fields.len());
        for field in &self.fields {
            let name = HeaderName::from_bytes(field.name.of(head));
            let value = HeaderValue::from_bytes(field.value.of(head));
            map.append(
                name.expect("the name was a token when it was parsed"),
                value.expect("the value had no control character when it was parsed"),
            );
        }
        map
    }

    pub(super) fn clear(&mut self) {
        self.fields.clear();
    }

    /// Forgets the header lines whose name `keep` says no to.
    pub(super) fn retain(&mut self, head: &[u8], keep: impl Fn(&[u8]) -> bool) {
        self.fields.retain(|field| keep(field.name.of(head)));
    }

    #[inline]
    pub(super) fn push(&mut self, name: Span, value: Span) {
        self.fields.push(Field { name, value });
    }
}

impl Field {
    #[inline]
    fn is_named(&self, head: &[u8], name: &[u8]) -> bool {
        self.name.len() == name.len() && self.name.of(head).eq_ignore_ascii_case(name)
    }
}
