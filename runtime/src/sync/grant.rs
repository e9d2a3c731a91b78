//! What a line granted, until it is given back.

use std::ops::Deref;
use std::rc::Rc;

use super::acquire::Line;

/// A line that is borrowed, or kept: by a task that must not borrow.
pub(crate) enum LineRef<'a, L: ?Sized> {
    Borrowed(&'a L),
    Kept(Rc<L>),
}

impl<L: ?Sized> Deref for LineRef<'_, L> {
    type Target = L;

    #[inline]
    fn deref(&self) -> &L {
        match self {
            Self::Borrowed(line) => line,
            Self::Kept(line) => line,
        }
    }
}

impl<L: ?Sized> Clone for LineRef<'_, L> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Borrowed(line) => Self::Borrowed(line),
            Self::Kept(line) => Self::Kept(Rc::clone(line)),
        }
    }
}

impl<'a, L: ?Sized> From<&'a L> for LineRef<'a, L> {
    #[inline]
    fn from(line: &'a L) -> Self {
        Self::Borrowed(line)
    }
}

impl<L: ?Sized> From<Rc<L>> for LineRef<'_, L> {
    #[inline]
    fn from(line: Rc<L>) -> Self {
        Self::Kept(line)
    }
}

/// The right to what was taken from a line. Dropping it hands that on.
pub(crate) struct Grant<'a, L: Line + ?Sized> {
    /// None once it is forgotten.
    line: Option<LineRef<'a, L>>,
    want: L::Want,
}

impl<'a, L: Line + ?Sized> Grant<'a, L> {
    /// Of something that was just taken.
    #[inline]
    pub(crate) fn new(line: LineRef<'a, L>, want: L::Want) -> Self {
        Self { line: Some(line), want }
    }

    /// Takes what is wanted, if that needs no wait.
    #[inline]
    pub(crate) fn try_new(line: LineRef<'a, L>, want: L::Want) -> Option<Self> {
        line.try_take(want).then(|| Self::new(line, want))
    }

    #[inline]
    pub(crate) fn line(&self) -> &LineRef<'a, L> {
        self.line.as_ref().expect("a grant is gone when it is forgotten")
    }

    /// What was taken.
    #[inline]
    pub(crate) fn want(&self) -> L::Want {
        self.want
    }

    /// What was taken is not given back: it is used up, or somebody else's.
    #[inline]
    pub(crate) fn forget(mut self) {
        self.line = None;
    }
}

impl<L: Line + ?Sized> Drop for Grant<'_, L> {
    #[inline]
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.hand_on(self.want);
        }
    }
}
