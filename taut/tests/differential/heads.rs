//! Request lines, line ends, names and values of headers, `Host`: RFC 9112 sections 2, 3 and 5.

use crate::{Case, case, cut};

pub(crate) fn cases() -> Vec<Case> {
    [lines(), request_lines(), targets(), fields(), hosts()].into_iter().flatten().collect()
}

fn lines() -> Vec<Case> {
    vec![
        case("a plain request", "GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("LF ends the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        case("LF ends a header", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
        case("LF is the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        case("LF ends every line", "GET / HTTP/1.1\nHost: a\n\n"),
        case("LF in front", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("CR ends the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n"),
        case("CR CR LF ends the request line", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        case("CR within a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n"),
        case("CR behind a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n"),
        case("CR within a name", "GET / HTTP/1.1\r\nHost: a\r\nX\r: b\r\n\r\n"),
        case("CR starts a line", "GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n"),
        case("CR in front", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("an empty line in front", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("three empty lines in front", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a space in front", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        cut("a head without its end", "GET / HTTP/1.1\r\nHost: a\r\nX: b"),
        cut("no byte at all", ""),
        cut("only an empty line", "\r\n"),
        case("the start of a TLS handshake", "\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03\r\n\r\n"),
    ]
}

fn request_lines() -> Vec<Case> {
    vec![
        cut("HTTP/0.9", "GET /\r\n"),
        case("no version", "GET /\r\nHost: a\r\n\r\n"),
        case("only a method", "GET\r\nHost: a\r\n\r\n"),
        case("no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a space for a version", "GET / \r\nHost: a\r\n\r\n"),
        case("two spaces behind the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("two spaces behind the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a tab behind the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        case("four words", "GET / x HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("an unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a method that is no token", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("NUL in the method", "GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"),
        case("HTTP/1.0 that stays", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"),
        case("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        case("HTTP/0.9 by its number", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        case("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        cut("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        case("HTTP/9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
        case("http/1.1 in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n"),
        case("HTTP/1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        case("HTTP/01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n"),
        case("HTTP/1", "GET / HTTP/1\r\nHost: a\r\n\r\n"),
        case("HTPP/1.1", "GET / HTPP/1.1\r\nHost: a\r\n\r\n"),
    ]
}

fn targets() -> Vec<Case> {
    vec![
        case("a target with a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target with NUL", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target with DEL", "GET /a\x7fb HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target beyond ASCII", b"GET /a\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target with quotes and braces", "GET /\"{|}\" HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a percent sign alone", "GET /% HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a percent sign with other letters", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("an encoded NUL", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("dots that climb beyond the root", "GET /../a HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("two slashes", "GET //a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("brackets in a query", "GET /a?match[]=up HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target without slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target of another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target without host", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target with a user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("a target with a port that is none", "GET http://a:x/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("an absolute target", "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("an absolute target of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("an asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("an asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        case("CONNECT to a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"),
        cut("CONNECT to a host", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
    ]
}

fn fields() -> Vec<Case> {
    vec![
        case("a space in front of the colon", "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n"),
        case("a tab in front of the colon", "GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n"),
        case("a space within a name", "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n"),
        case("a line without colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
        case("an empty name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        case("NUL within a name", "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"),
        case("a name that is no token", "GET / HTTP/1.1\r\nHost: a\r\nX(): b\r\n\r\n"),
        case("a name beyond ASCII", b"GET / HTTP/1.1\r\nHost: a\r\nX\xe9: b\r\n\r\n"),
        case("an odd name", "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~: b\r\n\r\n"),
        case("NUL within a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"),
        case("a control character in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\x07\r\n\r\n"),
        case("DEL within a value", "GET / HTTP/1.1\r\nHost: a\r\nX: b\x7f\r\n\r\n"),
        case("a value beyond ASCII", b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\xff\r\n\r\n"),
        case("an empty value", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n"),
        case("a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
        case("a folded header by a tab", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n"),
        case("a fold in front of all headers", "GET / HTTP/1.1\r\n X: b\r\nHost: a\r\n\r\n"),
        case("a line of a single space", "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n"),
    ]
}

fn hosts() -> Vec<Case> {
    vec![
        case("no Host", "GET / HTTP/1.1\r\n\r\n"),
        case("an absolute target without Host", "GET http://a/ HTTP/1.1\r\n\r\n"),
        case("the same Host twice", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        case("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        case("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        case("a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        case("a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        case("a Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        case("a Host with a port that is none", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
        case("a Host with a port beyond 65535", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
        case("a Host that is an address", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
        case("a Host with half an address", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        case("a Host that is a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    ]
}
