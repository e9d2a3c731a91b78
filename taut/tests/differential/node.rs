//! Where Node 20 and ours differ.

use crate::differences::Entry;
use crate::differences::Kind::*;
use crate::reasons::*;

pub(crate) const TABLE: &[Entry] = &[
    Entry { kind: TheyTake, why: LINE_FEED, cases: &["LF in front"] },
    Entry { kind: TheyTake, why: CARRIAGE_RETURN, cases: &["CR in front"] },
    Entry { kind: TheyTake, why: EMPTY_LINES, cases: &["three empty lines in front"] },
    Entry { kind: OnlyThey, why: INCOMPLETE_HEAD, cases: &["a head without its end", "HTTP/0.9"] },
    Entry {
        kind: TheyTake,
        why: SPACES,
        cases: &["two spaces behind the method", "two spaces behind the target"],
    },
    Entry {
        kind: TheyRefuse,
        why: METHODS,
        cases: &[
            "a method in lower case",
            "an unknown method",
            "no length, but a body",
            "bytes behind a body",
            "a method of 100 bytes",
        ],
    },
    Entry {
        kind: TheyRefuse,
        why: READS_AHEAD,
        cases: &[
            "HTTP/1.0",
            "a body of HTTP/1.0",
            "a pipeline that ends in an error",
            "a pipeline with an error of framing",
            "bytes behind the close",
            "close in a list",
            "close in another header's list",
            "close and keep-alive",
            "HTTP/1.0 that ends",
            "an expectation of HTTP/1.0",
        ],
    },
    Entry { kind: OnlyWe, why: OLD_KEEP_ALIVE, cases: &["HTTP/1.0 that stays"] },
    Entry {
        kind: Status,
        why: VERSION_STATUS,
        cases: &["HTTP/0.9 by its number", "HTTP/2.0", "the preface of HTTP/2", "HTTP/9.9"],
    },
    Entry { kind: TheyRefuse, why: MINOR_VERSION, cases: &["HTTP/1.2"] },
    Entry {
        kind: TheyTake,
        why: TARGET,
        cases: &[
            "a target with a fragment",
            "a target with quotes and braces",
            "a percent sign alone",
            "a percent sign with other letters",
            "a target without host",
            "a target with a user",
            "a target with a port that is none",
            "an asterisk for GET",
        ],
    },
    Entry { kind: TheyTake, why: SCHEME, cases: &["a target of another scheme"] },
    Entry {
        kind: OnlyWe,
        why: CONNECT,
        cases: &["CONNECT to a path", "CONNECT to a host", "CONNECT with a body"],
    },
    Entry {
        kind: TheyTake,
        why: HOST,
        cases: &[
            "the same Host twice",
            "two Hosts",
            "a Host with a space",
            "a Host with a path",
            "a Host with a user",
            "a Host with a port that is none",
            "a Host with a port beyond 65535",
            "a Host with half an address",
            "a Host that is a list",
        ],
    },
    Entry { kind: TheyRefuse, why: WHITE_SPACE, cases: &["a length with space around it"] },
    Entry { kind: Status, why: LENGTH_STATUS, cases: &["a length beyond what a file can have"] },
    Entry {
        kind: TheyTake,
        why: CODING,
        cases: &["gzip and chunked", "gzip and chunked in two headers"],
    },
    Entry { kind: TheyTake, why: EMPTY_MEMBER, cases: &["chunked behind an empty member"] },
    Entry { kind: TheyTake, why: OLD_CHUNKED, cases: &["chunked of HTTP/1.0"] },
    Entry { kind: TheyRefuse, why: EXTENSION_SPACE, cases: &["an extension with space around it"] },
    Entry { kind: TheyRefuse, why: TRAILER_LENGTH, cases: &["a trailer that is a length"] },
    Entry { kind: OnlyThey, why: EXPECTATION_END, cases: &["an unknown expectation"] },
    Entry { kind: TheyTake, why: EXPECTATION, cases: &["two expectations"] },
    Entry { kind: OnlyWe, why: UPGRADE, cases: &["an upgrade that nobody knows"] },
    Entry {
        kind: TheyTake,
        why: LIMIT,
        cases: &[
            "100 more headers",
            "1000 more headers",
            "a body of 1100000 bytes",
            "an extension of 5000 bytes",
            "extensions of 20000 bytes",
            "a size of 400 digits",
            "40 trailers",
        ],
    },
    Entry {
        kind: Status,
        why: LIMIT_STATUS,
        cases: &["a target of 20000 bytes", "a target of 100000 bytes"],
    },
    Entry { kind: Status, why: METHODS, cases: &["a head of 100000 bytes without end"] },
];
