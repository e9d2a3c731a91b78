//! The codec of HTTP/1.1 (RFC 9112): bytes to heads and bodies, and back. No I/O, no clock, no
//! task.
//!
//! | module | idea |
//! |---|---|
//! | `request`, `response` | a head as a view onto the bytes where they landed |
//! | `parse`, `index` | the header lines of a head, as ranges of its bytes |
//! | `scan` | finds the end of a head that comes in pieces, line by line |
//! | `framing` | how long the body is, and whether the connection stays |
//! | `target`, `characters` | the forms of a request target, what a host may be |
//! | `chunked`, `extension`, `trailers` | chunked bodies, in place |
//! | `encode`, `chunks` | heads and chunks as bytes, without a way to inject lines |
//!
//! Two rules hold throughout. The verdict on a message depends on its bytes alone, never on how
//! they were cut on the way. And what two readers could read in two ways is refused, not mended: a
//! message that one server takes for one request and its proxy for two is how requests are
//! smuggled.
//!
//! Nothing allocates once an index has grown to the headers of its connection, except on demand
//! ([`HeadIndex::to_map`]), for trailers, and for methods longer than 15 bytes.

mod characters;
mod chunked;
mod chunks;
mod encode;
mod extension;
mod framing;
mod index;
mod limits;
mod parse;
mod reject;
mod request;
mod response;
mod scan;
mod target;
mod trailers;

pub use chunked::{ChunkDecoder, ChunkEvent};
pub use chunks::{CHUNK_END, ChunkHead, LAST_CHUNK, write_chunk, write_last_chunk};
pub use encode::{
    EncodeError, Part, check_header_name, check_header_value, check_target, write_content_length,
    write_head_end, write_header, write_headers, write_request_line, write_status_line,
    write_typed_header,
};
pub use framing::{BodyLength, RequestFraming, ResponseFraming};
use index::HEAD_BYTES_MAX;
pub use index::{HeadIndex, Span};
pub use limits::{ChunkLimits, HeadLimits};
pub use reject::Reject;
pub use request::RequestHead;
pub use response::{ResponseHead, read_response};
pub use scan::HeadScanner;
pub use target::{Target, TargetForm};
pub use trailers::Trailers;

pub(crate) use framing::list;
pub(crate) use trailers::is_forbidden_trailer;
