//! Why ours does as it does, where another server does otherwise.

pub(crate) const LINE_FEED: &str = "RFC 9112 section 2.2: a recipient may take a LF alone for a \
    line's end. Ours does not: what one reader takes for an end and another does not hides requests";
pub(crate) const CARRIAGE_RETURN: &str = "RFC 9112 section 2.2: a CR without LF makes an element \
    invalid, unless it is replaced by a space. Ours replaces nothing";
pub(crate) const EMPTY_LINES: &str = "RFC 9112 section 2.2: at least one empty line is passed over. \
    Ours passes over one, so that a client can't keep a connection busy with nothing";
pub(crate) const SPACES: &str = "RFC 9112 section 3: single spaces stand between the three words. \
    To split at any white space is allowed, and named there as a risk; ours does not";
pub(crate) const FOUR_WORDS_OR_LESS: &str = "RFC 9112 section 3: a request line has a version. What \
    HTTP/0.9 had was dropped from the standard; ours refuses it";
pub(crate) const INCOMPLETE_HEAD: &str = "RFC 9112 section 8: a server may answer a request that \
    breaks off, or just close. Ours has no request to answer before the head ends";
pub(crate) const INCOMPLETE_BODY: &str = "RFC 9112 section 8: a server may answer a request that \
    breaks off, or just close. Ours answers, since its client may still be reading";
pub(crate) const MINOR_VERSION: &str = "RFC 9110 section 2.5: a higher minor version should be read \
    as the highest one known, 1.1. Ours does; it knows no other";
pub(crate) const MAJOR_VERSION: &str = "RFC 9110 section 15.6.6: another major version is answered \
    505. To read it as if it were 1.1 is what section 2.5 does not allow";
pub(crate) const VERSION_SYNTAX: &str = "RFC 9112 section 2.3: a version has one digit on each side \
    of its dot";
pub(crate) const VERSION_STATUS: &str = "RFC 9110 section 15.6.6 has a status for a version that a \
    server does not speak: 505, not 400";
pub(crate) const SPEAKS_HTTP_2: &str = "RFC 9113 section 3.4: it speaks HTTP/2 where a connection \
    starts so. Ours does not, and says 505";
pub(crate) const TARGET: &str = "RFC 9112 section 3.2 and RFC 3986 section 3: the target is no URI \
    reference of its form, which should be answered 400";
pub(crate) const PATHS: &str = "RFC 3986 section 3.3: the path is valid. It maps paths to files and \
    refuses what could leave their folder; to a handler of ours a path is a name";
pub(crate) const SCHEME: &str = "RFC 9110 section 4.2: an origin of http serves http and https. \
    Another scheme asks for a proxy, which ours is not";
pub(crate) const ORIGIN_FORM: &str = "RFC 9112 section 3.2.2: both take an absolute target. It \
    passes it on in origin form; a handler of ours sees it as it came";
pub(crate) const OTHER_HOST: &str = "RFC 9112 section 3.2.2: the host of an absolute target replaces \
    the Host header, which is ignored, so that the two need not agree";
pub(crate) const ASTERISK: &str = "RFC 9110 section 9.3.7: OPTIONS * asks about the server as a \
    whole";
pub(crate) const CONNECT_TARGET: &str = "RFC 9112 section 3.2.3: CONNECT takes host and port. With \
    anything else the request is malformed, whatever the method is allowed to do";
pub(crate) const CONNECT: &str = "RFC 9110 section 9.3.6: whether CONNECT is served is the server's \
    choice; ours leaves it to the handler. It refuses, or closes where no handler is set";
pub(crate) const CONNECT_BODY: &str = "RFC 9110 section 9.3.6: CONNECT has no body. One reader would \
    pass its bytes through a tunnel that another never opened";
pub(crate) const FIELD_NAME: &str = "RFC 9112 section 5.1: a field is a token, a colon and a value. \
    It leaves such a line out and serves the rest, which may then lack a length; ours refuses it";
pub(crate) const FIELD_VALUE: &str = "RFC 9110 section 5.5: control characters are invalid in a \
    value, and a recipient should refuse them";
pub(crate) const FOLD: &str = "RFC 9112 section 5.2: a folded line is refused or its fold replaced \
    by spaces. It replaces, ours refuses: nobody has sent one on purpose for decades";
pub(crate) const LONG_NAME: &str = "RFC 9110 section 5.4: limits are a server's own. It limits a \
    name, ours a line";
pub(crate) const EMPTY_HOST: &str = "RFC 9110 section 7.2 and RFC 9112 section 3.2: Host is empty \
    where the target has no authority";
pub(crate) const HOST: &str = "RFC 9112 section 3.2: a Host that is invalid, and more than one, must \
    be answered 400";
pub(crate) const SAME_HOST: &str = "RFC 9112 section 3.2: more than one Host line must be answered \
    400, also where both say the same";
pub(crate) const WHITE_SPACE: &str = "RFC 9110 sections 5.5 and 5.6.3: tabs and spaces around a \
    value are no part of it";
pub(crate) const LENGTH_STATUS: &str = "RFC 9110 section 8.6: any number of digits is valid. Ours \
    says 413, since the length is beyond what is taken; it can't count so far, and says 400";
pub(crate) const SAME_LENGTH: &str = "RFC 9112 section 6.3, rule 5: equal lengths may be taken as \
    one or refused. Ours refuses: not every reader takes the same one";
pub(crate) const METHODS: &str = "RFC 9110 section 9.1: any token is a method, in the case that it \
    has. Ours leaves unknown ones to the handler; it refuses what it has no name for";
pub(crate) const CODING_STATUS: &str = "RFC 9112 section 6.3, rule 4: a request whose last coding is \
    not chunked must be answered 400. It says it does not know the coding";
pub(crate) const CODING: &str = "RFC 9112 section 6.1: a server that does not know a coding should \
    answer 501. Ours does for a list, and 400 where the header is repeated";
pub(crate) const EMPTY_MEMBER: &str = "RFC 9110 section 5.6.1: empty members of a list are to be \
    passed over. Ours is stricter on purpose: two readers of a length must not read it differently";
pub(crate) const OLD_CHUNKED: &str = "RFC 9112 section 6.1: chunked in HTTP/1.0 is to be treated as \
    faulty framing, since whoever passed it on may not have read it";
pub(crate) const BOTH_LENGTHS: &str = "RFC 9112 section 6.3, rule 3: with both lengths a server may \
    refuse, or go by the chunks and close behind the answer. It closes; ours refuses";
pub(crate) const CHUNK_SIZE: &str = "RFC 9112 section 7.1: a size is digits, then CR LF or an \
    extension. White space stands only in front of `;`";
pub(crate) const EXTENSION: &str = "RFC 9112 section 7.1.1: an extension is a name with an optional \
    token or quoted value, none of which can hold this. It looks for the line's end only";
pub(crate) const EXTENSION_SPACE: &str = "RFC 9112 section 7.1.1: white space around `;` and `=` is \
    bad, and to be taken";
pub(crate) const TRAILER: &str = "RFC 9112 section 7.1.2: trailers are field lines. It throws them \
    away unseen; ours reads them, and so judges them";
pub(crate) const TRAILER_LENGTH: &str = "RFC 9110 section 6.5.1: a trailer must not say what the \
    head says, and a recipient may ignore it. Ours leaves it out; it refuses the request";
pub(crate) const CLOSE: &str = "RFC 9112 section 9.6: an option is a whole member of its list. It \
    looks for the letters of close anywhere";
pub(crate) const READS_AHEAD: &str = "RFC 9112 section 9.3.2: requests are answered in order, and \
    what follows the last one is ignored. It reads ahead of its handlers and on behind the last \
    request, and what breaks a rule there cuts off answers that are due";
pub(crate) const OLD_KEEP_ALIVE: &str = "RFC 9112 section 9.3: HTTP/1.0 may keep its connection by \
    the option. It keeps it only for an answer whose length its handler gives first";
pub(crate) const EXPECTATION: &str = "RFC 9110 section 10.1.1: an unknown expectation may be \
    answered 417. It passes over it; ours says that it does not meet it";
pub(crate) const EXPECTATION_END: &str = "RFC 9110 section 10.1.1: both answer 417. Ours closes \
    behind it, since the client may send its body or not";
pub(crate) const UPGRADE: &str = "RFC 9110 section 7.8: a server may ignore an upgrade, and the \
    connection goes on. It stops reading there, since what follows could be the other protocol";
pub(crate) const TRACE: &str = "RFC 9110 section 9.3.8: whether TRACE is served is the server's \
    choice; ours leaves it to the handler";
pub(crate) const LIMIT: &str = "RFC 9110 sections 2.3 and 5.4, RFC 9112 section 7.1.1: limits are a \
    server's own. Ours is the lower one, and can be set";
pub(crate) const LIMIT_STATUS: &str = "RFC 9110 section 15.5.15, RFC 6585 section 5: 414 for a long \
    target, 431 for long or many headers. It has one status for all";
