//! Whole connections: what stays open, pipelines, what follows an error, expectations, upgrades.

use crate::{Case, case, cut};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("a pipeline of ten", GET.repeat(10)),
        case("a pipeline of bodies", POST.repeat(3) + GET + POST),
        case("a pipeline with HEAD", GET.replace("GET", "HEAD").repeat(2) + GET),
        case(
            "a pipeline that ends in an error",
            GET.repeat(3) + "GET /\x01 HTTP/1.1\r\n\r\n" + GET,
        ),
        case("a pipeline with an error of framing", GET.to_owned() + &POST.replace("5", "x") + GET),
        case("an empty line behind a body", POST.to_owned() + "\r\n" + GET),
        case("bytes behind a body", POST.to_owned() + "extra" + GET),
        case("bytes behind the close", option("close") + GET),
        case("close in a list", option("x, Close") + GET),
        case("close in another header's list", option("x\r\nConnection: close") + GET),
        case("close and keep-alive", option("keep-alive, close") + GET),
        case("an option that only starts like close", option("closed") + GET),
        case("HTTP/1.0 that ends", "GET / HTTP/1.0\r\nHost: a\r\n\r\n".to_owned() + GET),
        case("an unknown expectation", expecting("tea")),
        case("an expectation of 100-continue", expecting("100-continue")),
        case("an expectation in capitals", expecting("100-CONTINUE")),
        case("two expectations", expecting("100-continue, tea")),
        case("an expectation of HTTP/1.0", expecting("100-continue").replace("P/1.1", "P/1.0")),
        case(
            "an upgrade that nobody knows",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: tea\r\n\r\n",
        ),
        case("an upgrade without the option", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: tea\r\n\r\n"),
        case("TRACE", GET.replace("GET", "TRACE")),
        case("TRACE with a body", POST.replace("POST", "TRACE")),
        case("HEAD with a body", POST.replace("POST", "HEAD")),
        case("OPTIONS", GET.replace("GET", "OPTIONS")),
        case("PATCH", POST.replace("POST", "PATCH")),
        case("DELETE with a body", POST.replace("POST", "DELETE")),
        cut("CONNECT with a body", POST.replace("POST /p", "CONNECT a:80")),
    ]
}

fn option(value: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {value}\r\n\r\n")
}

fn expecting(what: &str) -> String {
    POST.replace("Host", &format!("Expect: {what}\r\nHost"))
}
