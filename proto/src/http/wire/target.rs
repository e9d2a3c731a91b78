//! The forms of a request target (RFC 9112 section 3.2), and what a host may be.

use super::Span;

/// Which of the four forms a request target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`.
    Origin,
    /// `http://host/path?query`: to a proxy, though every server takes it.
    Absolute,
    /// `host:port`, of CONNECT only.
    Authority,
    /// `*`, of OPTIONS only.
    Asterisk,
}

/// A request target as parts of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which form it has.
    pub form: TargetForm,
    /// All of it, as it was sent.
    pub text: Span,
    /// The path, without the query. Empty where the form has none.
    pub path: Span,
    /// The query, without its question mark; nothing where there is no question mark.
    pub query: Option<Span>,
    /// Host and port that the request is for: from the target if that names them, else from the
    /// `Host` header. Empty where neither does.
    pub authority: Span,
}
