//! Pieces of SVG and HTML as text.
//!
//! Invariant: whatever comes from a report goes through [`escape`], and every tag that is opened is
//! closed, `<br/>` and its like in themselves: the page is XML too, so the tests can parse it.

use std::fmt::Write as _;

/// The text with what would be markup in it, in a tag or in a quoted attribute, taken as text.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no place for control characters.
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// An element around text that is escaped here.
pub(crate) fn text_element(name: &str, attributes: &str, text: &str) -> String {
    element(name, attributes, &escape(text))
}

/// An element around markup; `attributes` are `name="value"` pairs, or nothing.
pub(crate) fn element(name: &str, attributes: &str, markup: &str) -> String {
    let space = if attributes.is_empty() { "" } else { " " };
    format!("<{name}{space}{attributes}>{markup}</{name}>")
}

/// Words at a place of an SVG, escaped here.
pub(crate) fn label(svg: &mut String, (x, y): (f64, f64), attributes: &str, words: &str) {
    let words = escape(words);
    // Writing to a string can't fail, here and below.
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{words}</text>");
}

/// A straight line of an SVG.
pub(crate) fn rule(svg: &mut String, from: (f64, f64), to: (f64, f64), attributes: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {attributes}/>",
        from.0, from.1, to.0, to.1
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Tags closed in order, attributes quoted, no `&` or `<` left bare, no coordinate that is no
    /// number. What stands in scripts and styles is skipped.
    pub(crate) fn assert_well_formed(markup: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = markup.strip_prefix("<!DOCTYPE html>").unwrap_or(markup);
        while let Some(start) = rest.find('<') {
            if let Some(name @ ("script" | "style")) = open.last().copied() {
                let end = format!("</{name}>");
                rest = &rest[rest.find(&end).expect("a script that never ends") + end.len()..];
                open.pop();
                continue;
            }
            assert_text(&rest[..start]);
            let end = start + rest[start..].find('>').expect("a tag that never ends");
            let tag = &rest[start + 1..end];
            let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "before {}", &rest[..end]);
            } else {
                assert_attributes(tag, name);
                if !tag.ends_with('/') {
                    open.push(name);
                }
            }
            rest = &rest[end + 1..];
        }
        assert_text(rest);
        assert!(open.is_empty(), "{open:?}");
    }

    fn assert_text(text: &str) {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;"];
        let bare = known.iter().fold(text.to_owned(), |text, known| text.replace(known, ""));
        assert!(!bare.contains('&') && !bare.contains('>'), "{text}");
    }

    fn assert_attributes(tag: &str, name: &str) {
        let mut rest = tag[name.len()..].trim_end_matches('/').trim();
        while !rest.is_empty() {
            let (_, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("unquoted: <{tag}>"));
            let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("open: <{tag}>"));
            assert_text(value);
            assert!(!value.contains("NaN") && !value.contains("inf"), "no number: <{tag}>");
            rest = after.trim_start();
        }
    }

    #[test]
    fn markup_in_a_text_stays_a_text() {
        let text = text_element("p", "class=\"x\"", "a<b> & \"c\"\u{1}");
        assert_eq!(text, "<p class=\"x\">a&lt;b&gt; &amp; &quot;c&quot; </p>");
        assert_well_formed(&text);
    }

    #[test]
    #[should_panic(expected = "before")]
    fn a_tag_that_is_closed_out_of_order_is_noticed() {
        assert_well_formed("<p><b></p></b>");
    }
}
