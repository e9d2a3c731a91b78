//! Request targets: RFC 9112 section 3.2, RFC 3986 section 3.

use taut_proto::http::wire::{Reject, TargetForm};

use crate::pieces::Verdict;
use crate::request_heads::{judge, read};

/// Form, path, query and authority of a target.
fn parts(method: &str, target: &str) -> (TargetForm, String, Option<String>, String) {
    let text = format!("{method} {target} HTTP/1.1\r\nHost: of-the-header:1\r\n\r\n").into_bytes();
    let Verdict::Whole { head, .. } = read(&text) else { panic!("{method} {target} is refused") };
    let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(string(head.target.text.of(&text)), target);
    (
        head.target.form,
        string(head.target.path.of(&text)),
        head.target.query.map(|query| string(query.of(&text))),
        string(head.target.authority.of(&text)),
    )
}

fn expect(
    method: &str,
    target: &str,
    form: TargetForm,
    path: &str,
    query: Option<&str>,
    authority: &str,
) {
    let query = query.map(str::to_owned);
    let expected = (form, path.to_owned(), query, authority.to_owned());
    assert_eq!(parts(method, target), expected, "{method} {target}");
}

#[test]
fn an_origin_form_is_a_path_with_an_optional_query() {
    let origin = TargetForm::Origin;
    let host = "of-the-header:1";
    expect("GET", "/", origin, "/", None, host);
    expect("GET", "/a/b;c=d,e:@f", origin, "/a/b;c=d,e:@f", None, host);
    expect("GET", "/a?", origin, "/a", Some(""), host);
    expect("GET", "/a?b=c/d?e", origin, "/a", Some("b=c/d?e"), host);
    expect("GET", "/%7Ea%2f?%20", origin, "/%7Ea%2f", Some("%20"), host);
    expect("GET", "//a/b", origin, "//a/b", None, host);
    expect("GET", "/federate?match[]=up", origin, "/federate", Some("match[]=up"), host);
}

#[test]
fn an_absolute_form_overrides_the_host() {
    let absolute = TargetForm::Absolute;
    expect("GET", "http://a.example/b?c", absolute, "/b", Some("c"), "a.example");
    expect("GET", "HTTPS://[::1]:443/", absolute, "/", None, "[::1]:443");
    expect("OPTIONS", "http://a:80", absolute, "", None, "a:80");
    expect("GET", "http://a?b", absolute, "", Some("b"), "a");
}

#[test]
fn connect_takes_an_authority_and_options_an_asterisk() {
    expect("CONNECT", "a.example:443", TargetForm::Authority, "", None, "a.example:443");
    expect("CONNECT", "[::1]:8080", TargetForm::Authority, "", None, "[::1]:8080");
    expect("OPTIONS", "*", TargetForm::Asterisk, "", None, "of-the-header:1");
}

#[test]
fn a_form_goes_with_its_method_only() {
    judge(
        "RFC 9112 section 3.2",
        &[
            (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetForm)),
            (b"OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetForm)),
            (b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetForm)),
            (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetForm)),
            (b"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetForm)),
            (b"GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetForm)),
            (b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"CONNECT * HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"CONNECT http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"CONNECT a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
        ],
    );
}

#[test]
fn a_target_names_a_whole_authority() {
    judge(
        "RFC 9110 sections 4.2 and 9.3.6",
        &[
            (b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"CONNECT :80 HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"CONNECT a:65536 HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"CONNECT b@a:80 HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"GET http://a:x/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
            (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetScheme)),
            // The host of the header is judged though it is overridden.
            (b"GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", Some(Reject::HostInvalid)),
        ],
    );
}

#[test]
fn every_byte_is_judged_in_paths_and_queries() {
    for byte in 0..=255_u8 {
        let is_path = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte);
        let path = [b"GET /a", &[byte][..], b"b HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        // A question mark starts the query.
        assert_eq!(read(&path).is_whole(), is_path || byte == b'?', "{byte:#x} in a path");
        let is_query = is_path || b"?[]".contains(&byte);
        let query = [b"GET /?a", &[byte][..], b"b HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        assert_eq!(read(&query).is_whole(), is_query, "{byte:#x} in a query");
    }
}

#[test]
fn a_percent_sign_has_two_digits() {
    judge(
        "RFC 3986 section 2.1",
        &[
            (b"GET /% HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetCharacter)),
            (b"GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetCharacter)),
            (b"GET /%2g HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetCharacter)),
            (b"GET /?%%41 HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetCharacter)),
            (b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetCharacter)),
            (b"GET http://a#b HTTP/1.1\r\nHost: a\r\n\r\n", Some(Reject::TargetAuthority)),
        ],
    );
}
