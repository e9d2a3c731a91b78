//! Where nginx 1.22 and ours differ.

use crate::differences::Entry;
use crate::differences::Kind::*;
use crate::reasons::*;

pub(crate) const TABLE: &[Entry] = &[
    Entry {
        kind: TheyTake,
        why: LINE_FEED,
        cases: &[
            "LF ends the request line",
            "LF ends a header",
            "LF is the empty line",
            "LF ends every line",
            "LF in front",
            "LF behind a chunk",
            "a size too large",
            "LF behind a size",
            "LF behind the last size",
            "LF for the empty line of trailers",
        ],
    },
    Entry { kind: TheyTake, why: CARRIAGE_RETURN, cases: &["CR behind a value", "CR in front"] },
    Entry { kind: TheyTake, why: EMPTY_LINES, cases: &["three empty lines in front"] },
    Entry { kind: OnlyThey, why: FOUR_WORDS_OR_LESS, cases: &["HTTP/0.9"] },
    Entry {
        kind: TheyTake,
        why: FOUR_WORDS_OR_LESS,
        cases: &["no version", "a space for a version"],
    },
    Entry {
        kind: TheyTake,
        why: SPACES,
        cases: &[
            "two spaces behind the method",
            "two spaces behind the target",
            "a space behind the version",
        ],
    },
    Entry { kind: TheyTake, why: VERSION_SYNTAX, cases: &["HTTP/1.10"] },
    Entry {
        kind: Status,
        why: VERSION_STATUS,
        cases: &["HTTP/0.9 by its number", "the preface of HTTP/2"],
    },
    Entry {
        kind: TheyRefuse,
        why: METHODS,
        cases: &["a method in lower case", "no length, but a body", "bytes behind a body"],
    },
    Entry {
        kind: TheyTake,
        why: TARGET,
        cases: &[
            "a target with a fragment",
            "a target beyond ASCII",
            "a target with quotes and braces",
        ],
    },
    Entry { kind: TheyTake, why: SCHEME, cases: &["a target of another scheme"] },
    Entry {
        kind: TheyRefuse,
        why: PATHS,
        cases: &["an encoded NUL", "dots that climb beyond the root"],
    },
    Entry {
        kind: Reading,
        why: ORIGIN_FORM,
        cases: &["an absolute target", "an absolute target of another host"],
    },
    Entry { kind: TheyRefuse, why: ASTERISK, cases: &["an asterisk for OPTIONS"] },
    Entry { kind: Status, why: CONNECT_TARGET, cases: &["CONNECT to a path"] },
    Entry { kind: TheyRefuse, why: CONNECT, cases: &["CONNECT to a host"] },
    Entry {
        kind: TheyTake,
        why: FIELD_NAME,
        cases: &["a line without colon", "a name that is no token", "a name beyond ASCII"],
    },
    Entry {
        kind: TheyTake,
        why: FIELD_VALUE,
        cases: &["a control character in a value", "DEL within a value"],
    },
    Entry { kind: TheyRefuse, why: EMPTY_HOST, cases: &["an empty Host"] },
    Entry {
        kind: TheyTake,
        why: HOST,
        cases: &[
            "a Host with a user",
            "a Host with a port that is none",
            "a Host with a port beyond 65535",
            "a Host with half an address",
        ],
    },
    Entry { kind: TheyRefuse, why: WHITE_SPACE, cases: &["a length with space around it"] },
    Entry { kind: Status, why: LENGTH_STATUS, cases: &["a length beyond what a file can have"] },
    Entry {
        kind: OnlyWe,
        why: INCOMPLETE_BODY,
        cases: &["a body that is cut off", "chunks that are cut off"],
    },
    Entry {
        kind: Status,
        why: CODING_STATUS,
        cases: &[
            "an empty encoding",
            "identity",
            "an encoding that ends like chunked",
            "an encoding that starts like chunked",
            "chunked and gzip",
            "chunked and identity",
            "chunked twice in a list",
            "chunked with a parameter",
            "chunked in quotes",
            "chunked behind a vertical tab",
            "a length and an encoding that is none",
        ],
    },
    Entry { kind: Status, why: EMPTY_MEMBER, cases: &["chunked behind an empty member"] },
    Entry {
        kind: TheyTake,
        why: CHUNK_SIZE,
        cases: &["a space behind a size", "a tab behind a size"],
    },
    Entry {
        kind: TheyTake,
        why: EXTENSION,
        cases: &[
            "an empty extension",
            "an extension with LF",
            "an extension with NUL",
            "an extension with an open quote",
        ],
    },
    Entry {
        kind: TheyTake,
        why: TRAILER,
        cases: &[
            "a trailer without colon",
            "a folded trailer",
            "a trailer with NUL",
            "a trailer that ends in LF",
        ],
    },
    Entry { kind: OnlyWe, why: CLOSE, cases: &["an option that only starts like close"] },
    Entry {
        kind: TheyTake,
        why: EXPECTATION,
        cases: &["an unknown expectation", "two expectations"],
    },
    Entry { kind: TheyRefuse, why: TRACE, cases: &["TRACE", "TRACE with a body"] },
    Entry {
        kind: TheyTake,
        why: LIMIT,
        cases: &[
            "100 more headers",
            "an extension of 5000 bytes",
            "extensions of 20000 bytes",
            "a size of 400 digits",
            "a trailer of 20000 bytes",
            "40 trailers",
        ],
    },
    Entry {
        kind: Status,
        why: LIMIT_STATUS,
        cases: &["a value of 20000 bytes", "a value of 100000 bytes", "1000 more headers"],
    },
];
