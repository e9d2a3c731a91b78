//! Both directions of a WebSocket connection, by polls.
//!
//! Invariants: all state is here and none in a future, so dropping any of them loses no byte and
//! tears no frame. A reader sends what is queued and runs the clocks, since an answer to the peer
//! needs no writer; while a writer waits, that does both, and wakes the reader once it is done. So
//! each is one task's at a time, the one that will be polled.
//!
//! | file | idea |
//! |---|---|
//! | `reading` | what comes, and what silence means |
//! | `writing` | what is queued, to the transport |
//! | `farewell` | the end, behind the close frames |

mod farewell;
mod reading;
mod writing;

use std::io;
use std::task::Waker;
use std::time::Duration;

use taut_net::Transport;
use taut_runtime::buffer::RxBuf;

use super::clocks::Clocks;
use super::error::Error;
use super::options::Options;
use super::outbox::Outbox;
use super::wire::{Data, Decoder, DeflateAgreement, Opcode, Role};
use crate::deadline::Deadline;

/// A connection after its handshake.
#[derive(Debug)]
pub(super) struct Connection<T> {
    pub(super) transport: T,
    pub(super) decoder: Decoder,
    pub(super) outbox: Outbox,
    pub(super) clocks: Option<Box<Clocks>>,
    auto_pong: bool,
    close_timeout: Duration,
    /// Since there is a close frame of ours.
    close_due: Option<Deadline>,
    /// Whether there is nothing more to read: the peer has closed, or the connection failed.
    is_read: bool,
    /// Whether the transport has ended.
    is_ended: bool,
    is_shut: bool,
    /// Why nothing can be written; told once, at the latest when the peer's last messages are read.
    write_failure: Option<io::Error>,
    /// Whether there was such a failure.
    is_broken: bool,
    /// How the reading direction ended where a writer found it, still to be told to the reader.
    untold: Option<Error>,
    /// Who would be woken by what comes.
    watch: Watch,
    /// Who waits for messages, or did, and for room to write.
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Who waits for what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    Nobody,
    Reader,
    /// In the place of a reader, so that it takes nothing for silence that is none.
    Writer,
}

/// What is handed out.
#[derive(Debug)]
pub(super) enum Received {
    Data(Data),
    /// Its payload is the decoder's.
    Control(Opcode),
}

impl<T: Transport> Connection<T> {
    /// `left` is what came behind the handshake, `deflate` what it agreed on.
    pub(super) fn new(
        mut transport: T,
        role: Role,
        options: &Options,
        left: Option<RxBuf>,
        deflate: Option<&DeflateAgreement>,
    ) -> Self {
        let mut decoder = Decoder::new(role, options.limits);
        if !options.validate_text {
            decoder.trust_text();
        }
        decoder.inflate_as_agreed(deflate);
        if let Some(left) = left {
            decoder.push(left);
        }
        if options.receive_timestamps.is_some() {
            // Where it fails nothing is stamped, which is told as such.
            let _ = transport.set_receive_timestamps(options.receive_timestamps);
        }
        Self {
            transport,
            decoder,
            outbox: Outbox::new(role, options.queue_bytes_max, deflate),
            clocks: Clocks::new(&options.keepalive),
            auto_pong: options.auto_pong,
            close_timeout: options.close_timeout,
            close_due: None,
            is_read: false,
            is_ended: false,
            is_shut: false,
            write_failure: None,
            is_broken: false,
            untold: None,
            watch: Watch::Nobody,
            reader: None,
            writer: None,
        }
    }
}
