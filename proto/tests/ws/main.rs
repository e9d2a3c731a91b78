//! The codec of WebSocket against vectors made from RFC 6455, each read whole, cut at every byte,
//! and byte by byte: the messages and the verdict are the same each time, and those of a decoder
//! that is as simple as can be.

mod allocations;
mod close_frames;
mod corpus;
mod encoding;
mod fragments;
mod frames;
mod handshakes;
mod header_rules;
mod limits;
mod pieces;
mod properties;
mod reference;
mod second_opinion;
mod text;
mod units;
mod wsproto;
