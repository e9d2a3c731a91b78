//! Bodies of several parts: `multipart/form-data` (RFC 7578), files among them.

use std::collections::VecDeque;
use std::fmt::Write;

use taut_runtime::fs::File;
use taut_runtime::random_u64;

use super::error::Cause;
use crate::http::body::{Body, Sequence};

/// The parts of a form.
///
/// ```
/// use taut_proto::http::client::{Form, Part};
///
/// let form = Form::new()
///     .text("account", "desk 7")
///     .part(Part::new("fills", b"ABC,100\n".to_vec()).file_name("fills.csv").mime("text/csv"));
/// # let _ = form;
/// ```
#[derive(Debug, Default)]
pub struct Form {
    parts: Vec<Part>,
}

/// One of them.
#[derive(Debug)]
pub struct Part {
    name: String,
    file_name: Option<String>,
    mime: Option<String>,
    body: Body,
}

impl Form {
    /// A form without parts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field of text.
    #[must_use]
    pub fn text(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.part(Part::new(name, value.into()))
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// The value of `Content-Type`, and the body.
    pub(super) fn into_body(self) -> Result<(String, Body), Cause> {
        // 128 random bits: no part has them by chance, nor by somebody's design.
        let boundary = format!("taut-{:016x}{:016x}", random_u64(), random_u64());
        let mut bodies = VecDeque::new();
        for part in self.parts {
            let head = part.head(&boundary)?;
            bodies.extend([Body::from(head), part.body, Body::from("\r\n")]);
        }
        bodies.push_back(Body::from(format!("--{boundary}--\r\n")));
        let content_type = format!("multipart/form-data; boundary={boundary}");
        Ok((content_type, Sequence(bodies).into_body()))
    }
}

impl Part {
    /// A part of this name.
    pub fn new(name: impl Into<String>, body: impl Into<Body>) -> Self {
        Self { name: name.into(), file_name: None, mime: None, body: body.into() }
    }

    /// A file, read while it is sent, under a file name.
    ///
    /// # Errors
    ///
    /// As for [`Body::file`].
    pub async fn file(
        name: impl Into<String>,
        file_name: impl Into<String>,
        file: File,
    ) -> std::io::Result<Self> {
        let part = Self::new(name, Body::file(file).await?);
        Ok(part.file_name(file_name).mime("application/octet-stream"))
    }

    /// The file's name, as the server is to see it.
    #[must_use]
    pub fn file_name(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = Some(file_name.into());
        self
    }

    /// The part's `Content-Type`.
    #[must_use]
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = Some(mime.into());
        self
    }

    fn head(&self, boundary: &str) -> Result<String, Cause> {
        let name = quoted(&self.name)?;
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        if let Some(file_name) = &self.file_name {
            let _ = write!(head, "; filename=\"{}\"", quoted(file_name)?);
        }
        head.push_str("\r\n");
        if let Some(mime) = &self.mime {
            let mime = without_breaks(mime)?;
            let _ = write!(head, "Content-Type: {mime}\r\n");
        }
        head.push_str("\r\n");
        Ok(head)
    }
}

/// A name inside of quotes: what would end it is encoded as browsers do it (WHATWG, form data).
fn quoted(text: &str) -> Result<String, Cause> {
    Ok(without_breaks(text)?.replace('"', "%22"))
}

fn without_breaks(text: &str) -> Result<&str, Cause> {
    match text.contains(char::is_control) {
        false => Ok(text),
        true => Err(Cause::invalid(format!("{text:?} can't stand in a multipart head"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_start_another_line_or_header_are_refused_or_encoded() {
        for name in ["a\r\nX: y", "a\n", "a\0"] {
            assert!(Part::new(name, "").head("b").is_err());
            assert!(Part::new("a", "").file_name(name).head("b").is_err());
            assert!(Part::new("a", "").mime(name).head("b").is_err());
        }
        let head = Part::new("a\"; x=\"", "").file_name("é\".csv").mime("text/csv").head("b");
        assert_eq!(
            head.unwrap(),
            "--b\r\nContent-Disposition: form-data; name=\"a%22; x=%22\"; filename=\"é%22.csv\"\r\n\
             Content-Type: text/csv\r\n\r\n"
        );
    }
}
