//! How a body ends, and what it is made of: RFC 9112 sections 6 and 7, RFC 9110 section 8.6.

use crate::{Case, case, cut};

pub(crate) fn cases() -> Vec<Case> {
    [lengths(), encodings(), both(), chunks(), chunk_lines(), trailers()]
        .into_iter()
        .flatten()
        .collect()
}

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}")
}

fn lengths() -> Vec<Case> {
    let length = |name, value: &str| case(name, post(&format!("Content-Length: {value}"), "hello"));
    vec![
        length("a length", "5"),
        length("a length with zeros in front", "0005"),
        length("a length with space around it", "\t5 \t"),
        length("a length with a plus", "+5"),
        length("a negative length", "-5"),
        length("an empty length", ""),
        length("a hexadecimal length", "0x5"),
        length("a length with an underscore", "0_5"),
        length("a length with a fraction", "5.0"),
        length("a length with a letter", "5a"),
        length("a length with a space inside", "5 5"),
        length("a length that is a list of one value", "5, 5"),
        length("a length that is a list of two values", "5, 6"),
        length("a length of another alphabet's digit", "\u{665}"),
        length("a length beyond 64 bits", "18446744073709551621"),
        length("a length of many digits", "99999999999999999999999999999999"),
        length("a length beyond what a file can have", "18446744073709551615"),
        case("the same length twice", post("Content-Length: 5\r\nContent-Length: 5", "hello")),
        case("two lengths", post("Content-Length: 5\r\nContent-Length: 6", "hello")),
        case("no length, but a body", post("X: y", "hello")),
        case("a body of GET", post("Content-Length: 5", "hello").replace("POST", "GET")),
        cut("a body that is cut off", post("Content-Length: 50", "hello")),
        case("a body of HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"),
        case("a length with a space in front of its colon", post("Content-Length : 5", "hello")),
        case("a folded length", post("Content-Length:\r\n 5", "hello")),
    ]
}

fn encodings() -> Vec<Case> {
    let encoding = |name, value: &str| {
        case(name, post(&format!("Transfer-Encoding: {value}"), "5\r\nhello\r\n0\r\n\r\n"))
    };
    vec![
        encoding("chunked", "chunked"),
        encoding("chunked in capitals", "CHUNKED"),
        encoding("an empty encoding", ""),
        encoding("identity", "identity"),
        encoding("an encoding that ends like chunked", "xchunked"),
        encoding("an encoding that starts like chunked", "chunkedx"),
        encoding("gzip and chunked", "gzip, chunked"),
        encoding("chunked and gzip", "chunked, gzip"),
        encoding("chunked and identity", "chunked, identity"),
        encoding("chunked twice in a list", "chunked, chunked"),
        encoding("chunked behind an empty member", ",chunked"),
        encoding("chunked with a parameter", "chunked;a=b"),
        encoding("chunked in quotes", "\"chunked\""),
        encoding("chunked behind a vertical tab", "\x0bchunked"),
        case(
            "chunked in two headers",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                "5\r\nhello\r\n0\r\n\r\n",
            ),
        ),
        case(
            "gzip and chunked in two headers",
            post(
                "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
                "5\r\nhello\r\n0\r\n\r\n",
            ),
        ),
        case(
            "chunked with a space in front of the colon",
            post("Transfer-Encoding : chunked", "5\r\nhello\r\n0\r\n\r\n"),
        ),
        case("a folded chunked", post("Transfer-Encoding:\r\n chunked", "5\r\nhello\r\n0\r\n\r\n")),
        case(
            "chunked of HTTP/1.0",
            "POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\
             Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
    ]
}

/// Two ways to end a body: what follows could be another request to one reader only.
fn both() -> Vec<Case> {
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let all = smuggled.len();
    vec![
        case(
            "a length and chunked",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ),
        case(
            "chunked and a length that hides a request",
            post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {all}"), smuggled),
        ),
        case(
            "a length and an encoding that is none",
            post("Content-Length: 5\r\nTransfer-Encoding: identity", "hello"),
        ),
        case(
            "a length and chunked by a name with an underscore",
            post("Content-Length: 5\r\nTransfer_Encoding: chunked", "0\r\n\r\n"),
        ),
        case(
            "chunked of HTTP/1.0 and a length",
            "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
             0\r\n\r\n",
        ),
    ]
}

fn chunked(name: &'static str, body: &str) -> Case {
    case(name, post("Transfer-Encoding: chunked", body))
}

fn chunks() -> Vec<Case> {
    vec![
        chunked("an empty chunked body", "0\r\n\r\n"),
        chunked("many zeros", "000005\r\nhello\r\n00\r\n\r\n"),
        chunked("a size in capitals", "A\r\n0123456789\r\n0\r\n\r\n"),
        chunked("an empty size", "\r\nhello\r\n0\r\n\r\n"),
        chunked("an empty size for the end", "5\r\nhello\r\n\r\n"),
        chunked("an empty size with an extension", "5\r\nhello\r\n;\r\n\r\n"),
        chunked("a size with a plus", "+5\r\nhello\r\n0\r\n\r\n"),
        chunked("a negative size", "-5\r\nhello\r\n0\r\n\r\n"),
        chunked("a size with a prefix", "0x5\r\nhello\r\n0\r\n\r\n"),
        chunked("a size with an underscore", "0_5\r\nhello\r\n0\r\n\r\n"),
        chunked("a size that is no number", "g\r\nhello\r\n0\r\n\r\n"),
        chunked("a space in front of a size", " 5\r\nhello\r\n0\r\n\r\n"),
        chunked("a space behind a size", "5 \r\nhello\r\n0\r\n\r\n"),
        chunked("a tab behind a size", "5\t\r\nhello\r\n0\r\n\r\n"),
        chunked("NUL behind a size", "5\0\r\nhello\r\n0\r\n\r\n"),
        chunked("a size beyond 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        chunked("a size of 63 bits", "7fffffffffffffff\r\nhello\r\n0\r\n\r\n"),
        chunked("a size too small", "4\r\nhello\r\n0\r\n\r\n"),
        chunked("a size too large", "6\r\nhello\r\n0\r\n\r\n"),
        chunked("no line end behind a chunk", "5\r\nhello0\r\n\r\n"),
        chunked("LF behind a chunk", "5\r\nhello\n0\r\n\r\n"),
        chunked("two other bytes behind a chunk", "5\r\nhelloXX0\r\n\r\n"),
        cut("chunks that are cut off", post("Transfer-Encoding: chunked", "5\r\nhel")),
    ]
}

fn chunk_lines() -> Vec<Case> {
    vec![
        chunked("LF behind a size", "5\nhello\r\n0\r\n\r\n"),
        chunked("LF behind the last size", "5\r\nhello\r\n0\n\r\n"),
        chunked("CR behind a size", "5\rhello\r\n0\r\n\r\n"),
        chunked("CR CR LF behind a size", "5\r\r\nhello\r\n0\r\n\r\n"),
        chunked("an extension", "5;a=b\r\nhello\r\n0;c=\"d;e\"\r\n\r\n"),
        chunked("an extension without value", "5;a\r\nhello\r\n0\r\n\r\n"),
        chunked("an extension with space around it", "5 ; a = b\r\nhello\r\n0\r\n\r\n"),
        chunked("an empty extension", "5;\r\nhello\r\n0\r\n\r\n"),
        chunked("an extension with LF", "5;a\nhello\r\n0\r\n\r\n"),
        chunked("an extension with CR", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        chunked("an extension with NUL", "5;a\0\r\nhello\r\n0\r\n\r\n"),
        chunked("an extension with LF in quotes", "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"),
        chunked("an extension with an open quote", "5;a=\"b\r\nhello\r\n0\r\n\r\n"),
    ]
}

fn trailers() -> Vec<Case> {
    vec![
        chunked("a trailer", "5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
        chunked("a trailer that is a length", "5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n"),
        chunked("a trailer without colon", "5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\n\r\n"),
        chunked("a folded trailer", "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"),
        chunked("a trailer with NUL", "5\r\nhello\r\n0\r\nX: y\0\r\n\r\n"),
        chunked("a trailer that ends in LF", "5\r\nhello\r\n0\r\nX: y\n\r\n"),
        chunked("LF for the empty line of trailers", "5\r\nhello\r\n0\r\n\n"),
        chunked("CR for the empty line of trailers", "5\r\nhello\r\n0\r\n\rX"),
    ]
}
