//! The codec of HTTP/1.1 against vectors made from RFC 9110 and RFC 9112, each read whole, cut at
//! every byte, and byte by byte: the verdict is the same each time.

mod allocations;
mod chunked_bodies;
mod corpus;
mod differences;
mod encoding;
mod kept_readers;
mod limits;
mod pieces;
mod properties;
mod request_framing;
mod request_heads;
mod response_heads;
mod second_opinion;
mod server_checks;
mod targets;
