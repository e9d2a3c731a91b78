//! Compressed messages as bytes: what others compressed, what we compress, limits and mistakes.
#![cfg(feature = "deflate")]

mod agreements;
mod allocations;
mod compressor;
mod cuts;
mod frames;
mod limits;
mod mistakes;
mod round_trips;
mod vectors;
