//! Where haproxy 2.6, with ours behind it and ours differ.

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
            "a trailer that ends in LF",
            "LF for the empty line of trailers",
        ],
    },
    Entry { kind: TheyTake, why: EMPTY_LINES, cases: &["three empty lines in front"] },
    Entry {
        kind: OnlyThey,
        why: INCOMPLETE_HEAD,
        cases: &["a head without its end", "no byte at all", "only an empty line", "HTTP/0.9"],
    },
    Entry {
        kind: OnlyWe,
        why: INCOMPLETE_BODY,
        cases: &["a body that is cut off", "chunks that are cut off"],
    },
    Entry {
        kind: TheyTake,
        why: SPACES,
        cases: &[
            "two spaces behind the method",
            "two spaces behind the target",
            "a tab behind the method",
        ],
    },
    Entry { kind: TheyTake, why: MAJOR_VERSION, cases: &["HTTP/2.0", "HTTP/9.9"] },
    Entry { kind: TheyTake, why: SPEAKS_HTTP_2, cases: &["the preface of HTTP/2"] },
    Entry { kind: TheyRefuse, why: OTHER_HOST, cases: &["an absolute target of another host"] },
    Entry {
        kind: TheyTake,
        why: FOLD,
        cases: &[
            "a folded header",
            "a folded header by a tab",
            "a line of a single space",
            "a folded length",
            "a folded chunked",
            "a folded trailer",
        ],
    },
    Entry { kind: TheyTake, why: SAME_HOST, cases: &["the same Host twice"] },
    Entry {
        kind: TheyTake,
        why: SAME_LENGTH,
        cases: &["a length that is a list of one value", "the same length twice"],
    },
    Entry {
        kind: Status,
        why: CODING,
        cases: &["gzip and chunked", "gzip and chunked in two headers"],
    },
    Entry { kind: Status, why: EMPTY_MEMBER, cases: &["chunked behind an empty member"] },
    Entry {
        kind: TheyTake,
        why: BOTH_LENGTHS,
        cases: &["a length and chunked", "chunked and a length that hides a request"],
    },
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
    Entry { kind: TheyTake, why: CONNECT_BODY, cases: &["CONNECT with a body"] },
    Entry { kind: TheyRefuse, why: LONG_NAME, cases: &["a name of 1000 bytes"] },
    Entry {
        kind: TheyTake,
        why: LIMIT,
        cases: &["an extension of 5000 bytes", "extensions of 20000 bytes", "a size of 400 digits"],
    },
    Entry {
        kind: Status,
        why: LIMIT_STATUS,
        cases: &[
            "a target of 20000 bytes",
            "a target of 100000 bytes",
            "a value of 20000 bytes",
            "a value of 100000 bytes",
            "100 more headers",
            "1000 more headers",
            "a head of 100000 bytes without end",
            "a trailer of 20000 bytes",
        ],
    },
];
