//! What is large: each server has limits of its own, and the standards ask for little.

use crate::{Case, case, cut};

pub(crate) fn cases() -> Vec<Case> {
    let line = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(bytes));
    let value =
        |bytes: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "b".repeat(bytes));
    let count = |count: usize| {
        let fields: String = (0..count).map(|index| format!("X{index}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
    };
    let post =
        |fields: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}");
    let chunked = |body: &str| post("Transfer-Encoding: chunked", body);
    vec![
        case("a target of 1000 bytes", line(1000)),
        case("a target of 7000 bytes", line(7000)),
        case("a target of 8170 bytes", line(8170)),
        case("a target of 20000 bytes", line(20_000)),
        case("a target of 100000 bytes", line(100_000)),
        case("a value of 7000 bytes", value(7000)),
        case("a value of 20000 bytes", value(20_000)),
        case("a value of 100000 bytes", value(100_000)),
        case("99 more headers", count(99)),
        case("100 more headers", count(100)),
        case("1000 more headers", count(1000)),
        cut("a head of 100000 bytes without end", "X".repeat(100_000)),
        case("a name of 1000 bytes", value(1).replace('X', &"x".repeat(1000))),
        case("a method of 100 bytes", line(1).replace("GET", &"G".repeat(100))),
        case("a body of 1000000 bytes", post("Content-Length: 1000000", &"z".repeat(1_000_000))),
        case("a body of 1100000 bytes", post("Content-Length: 1100000", &"z".repeat(1_100_000))),
        case("chunks of one byte", chunked(&("1\r\nz\r\n".repeat(5000) + "0\r\n\r\n"))),
        case(
            "an extension of 200 bytes",
            chunked(&format!("1;{}\r\nz\r\n0\r\n\r\n", "e".repeat(200))),
        ),
        case(
            "an extension of 5000 bytes",
            chunked(&format!("1;{}\r\nz\r\n0\r\n\r\n", "e".repeat(5000))),
        ),
        case(
            "extensions of 20000 bytes",
            chunked(&("1;eeeeeeee\r\nz\r\n".repeat(2500) + "0\r\n\r\n")),
        ),
        case("a size of 40 digits", chunked(&format!("{}1\r\nz\r\n0\r\n\r\n", "0".repeat(39)))),
        case("a size of 400 digits", chunked(&format!("{}1\r\nz\r\n0\r\n\r\n", "0".repeat(399)))),
        case("a trailer of 1000 bytes", chunked(&format!("0\r\nT: {}\r\n\r\n", "t".repeat(1000)))),
        case(
            "a trailer of 20000 bytes",
            chunked(&format!("0\r\nT: {}\r\n\r\n", "t".repeat(20_000))),
        ),
        case("40 trailers", chunked(&format!("0\r\n{}\r\n", "T: t\r\n".repeat(40)))),
    ]
}
