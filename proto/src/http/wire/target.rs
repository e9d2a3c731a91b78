//! The forms of a request target (RFC 9112 section 3.2), and what a host may be.

use std::net::Ipv6Addr;

use http::Method;

use super::characters::{HOST, PATH, QUERY, count_of, is_percent_encoded};
use super::{Reject, Span};

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
    /// The path, without the query. Empty where the target has none.
    pub path: Span,
    /// The query, without its question mark; nothing where there is no question mark.
    pub query: Option<Span>,
    /// Host and port that the request is for: from the target if that names them, else from the
    /// `Host` header. Empty where neither does.
    pub authority: Span,
}

impl Target {
    pub(super) const NONE: Self = Self {
        form: TargetForm::Origin,
        text: Span::EMPTY,
        path: Span::EMPTY,
        query: None,
        authority: Span::EMPTY,
    };

    /// Reads the target that `text`, a part of `head`, holds. Its authority is `host` unless it
    /// brings its own.
    #[inline]
    pub(super) fn read(
        &mut self,
        head: &[u8],
        text: &[u8],
        method: &Method,
        host: Span,
    ) -> Result<(), Reject> {
        self.form = TargetForm::Origin;
        self.text = Span::within(head, text);
        self.path = Span::EMPTY;
        self.query = None;
        self.authority = host;
        match text.first() {
            _ if *method == Method::CONNECT => self.read_endpoint(text),
            Some(b'/') => self.read_path(head, text),
            Some(b'*') if text.len() == 1 => {
                self.form = TargetForm::Asterisk;
                let goes_with_it = *method == Method::OPTIONS;
                if goes_with_it { Ok(()) } else { Err(Reject::TargetForm) }
            }
            _ => self.read_absolute(head, text),
        }
    }

    /// `host:port`.
    #[cold]
    fn read_endpoint(&mut self, text: &[u8]) -> Result<(), Reject> {
        self.form = TargetForm::Authority;
        self.authority = self.text;
        let is_whole = matches!(Authority::parse(text), Some(parts) if parts.is_endpoint());
        if is_whole { Ok(()) } else { Err(Reject::TargetAuthority) }
    }

    /// `path?query`, or nothing.
    #[inline]
    fn read_path(&mut self, head: &[u8], text: &[u8]) -> Result<(), Reject> {
        let path_bytes = end_of(text, PATH)?;
        self.path = Span::within(head, &text[..path_bytes]);
        let rest = &text[path_bytes..];
        if rest.is_empty() {
            return Ok(());
        }
        let query = rest.strip_prefix(b"?").ok_or(Reject::TargetCharacter)?;
        if end_of(query, QUERY)? < query.len() {
            return Err(Reject::TargetCharacter);
        }
        self.query = Some(Span::within(head, query));
        Ok(())
    }

    #[cold]
    fn read_absolute(&mut self, head: &[u8], text: &[u8]) -> Result<(), Reject> {
        let scheme_bytes = text.iter().position(|&byte| byte == b':').ok_or(Reject::TargetForm)?;
        let (scheme, rest) = text.split_at(scheme_bytes);
        let rest = rest.strip_prefix(b"://").ok_or(Reject::TargetForm)?;
        if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
            return Err(Reject::TargetScheme);
        }
        let authority_bytes = rest.iter().position(|&byte| matches!(byte, b'/' | b'?'));
        let (authority, rest) = rest.split_at(authority_bytes.unwrap_or(rest.len()));
        match Authority::parse(authority) {
            Some(parts) if !parts.host.is_empty() => {}
            _ => return Err(Reject::TargetAuthority),
        }
        self.form = TargetForm::Absolute;
        self.authority = Span::within(head, authority);
        self.read_path(head, rest)
    }
}

/// Where the first byte stands that is not of this class, each percent sign with its two digits
/// being of it.
#[inline]
fn end_of(text: &[u8], class: u8) -> Result<usize, Reject> {
    let mut at = 0;
    loop {
        at += count_of(&text[at..], class);
        if text.get(at) != Some(&b'%') {
            return Ok(at);
        }
        if !is_percent_encoded(text, at) {
            return Err(Reject::TargetCharacter);
        }
        at += 3;
    }
}

/// A host with an optional port.
pub(super) struct Authority<'a> {
    host: &'a [u8],
    port: Option<&'a [u8]>,
}

impl<'a> Authority<'a> {
    /// Reads `uri-host [":" port]`. User information, zones of IPv6 and addresses of versions to
    /// come are refused, and so are percent signs, which DNS has no use for: a name that one
    /// reader decodes and another does not leads to two hosts.
    #[inline]
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let (host, rest) = if text.first() == Some(&b'[') {
            let end = text.iter().position(|&byte| byte == b']')?;
            let address = str::from_utf8(&text[1..end]).ok()?;
            address.parse::<Ipv6Addr>().ok()?;
            text.split_at(end + 1)
        } else {
            text.split_at(count_of(text, HOST))
        };
        if rest.is_empty() {
            return Some(Self { host, port: None });
        }
        let port = rest.strip_prefix(b":")?;
        let fits = port.iter().try_fold(0_u16, |value, &byte| {
            let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
            value.checked_mul(10)?.checked_add(digit)
        });
        fits.map(|_| Self { host, port: Some(port) })
    }

    /// Whether both parts are there, so that one could connect to it.
    fn is_endpoint(&self) -> bool {
        !self.host.is_empty() && self.port.is_some_and(|port| !port.is_empty())
    }
}
