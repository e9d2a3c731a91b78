//! What the workloads of WebSocket send: the opening handshake, and frames that are made before
//! anything is timed.

mod frames;
mod opening;

pub(crate) use frames::{Frames, Kind, agreement, frame_bytes, masked_text};
pub(crate) use opening::{answer, answer_to, check_answer, head_bytes, request};
