//! A response on its way out.
//!
//! The head, and a short body with it, go to the connection's output, which is written when there
//! is nothing left to answer. A longer body is written from where it lies, behind what is
//! collected.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use http::{Method, StatusCode, Version};
use taut_net::Transport;
use taut_runtime::buffer::SendBuf;
use taut_runtime::fs::File;
use taut_runtime::time::Instant;

use super::Response;
use super::body::{Chunks, Kind};
use super::catch::catch;
use super::counters::count;
use super::trailers::Trailed;
use super::wire::{SharedWire, Wire, flush, write};
use crate::http::wire::{
    CHUNK_END, ChunkHead, LAST_CHUNK, RequestHead, write_chunk, write_content_length,
    write_last_chunk,
};

/// Bodies and chunks up to this length are copied beside their head, in bytes.
const COPIED_MAX: usize = 4096;
/// How much of a file is read at once, in bytes.
const FILE_READ_BYTES: usize = 64 << 10;

/// How the client finds the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// The status has no body.
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

/// What is left to send of a response whose head is in the output.
pub(super) enum Rest {
    Buffer(SendBuf),
    Stream(Pin<Box<dyn Chunks>>, Option<u64>, bool),
    File(Box<File>, u64),
    Trailed(Box<Trailed>),
}

impl Rest {
    fn of(body: Kind, chunked: bool) -> Option<Self> {
        match body {
            Kind::Empty | Kind::Upgrade(_) => None,
            Kind::Static(bytes) => Some(Self::Buffer(bytes.into())),
            Kind::Buffer(bytes) => Some(Self::Buffer(bytes)),
            Kind::File(file, bytes) => Some(Self::File(file, bytes)),
            Kind::Stream(chunks, bytes) => Some(Self::Stream(chunks, bytes, chunked)),
            Kind::Trailed(trailed) => Some(Self::Trailed(trailed)),
        }
    }
}

impl<T: Transport> Wire<T> {
    /// Puts the head, and a short body, into the output; a longer one is taken out of the response
    /// and becomes the wire's rest. Says whether the connection can go on behind it.
    #[inline]
    pub(super) fn begin_response(
        &mut self,
        request: &RequestHead,
        response: &mut Response,
        keep_alive: bool,
    ) -> bool {
        let framing = framing(request, response);
        let keep_alive = keep_alive && framing != Framing::UntilClose;
        self.shared.counters.count_response(response.status);
        let date = (!response.has_date).then(|| self.shared.date.line_at(Instant::of_turn()));
        let out = self.output();
        response.write_start(out);
        match framing {
            Framing::Length(bytes) => write_content_length(out, bytes),
            Framing::Chunked => {
                out.extend_from_slice(b"transfer-encoding: chunked\r\n");
                if let Kind::Trailed(trailed) = &response.body.0 {
                    trailed.announce(out);
                }
            }
            Framing::None | Framing::UntilClose => {}
        }
        if let Some(date) = date {
            out.extend_from_slice(&date);
        }
        if !keep_alive {
            out.extend_from_slice(b"connection: close\r\n");
        } else if request.version == Version::HTTP_10 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
        match &mut response.body.0 {
            _ if framing == Framing::None || request.method == Method::HEAD => {}
            Kind::Static(bytes) if bytes.len() <= COPIED_MAX => out.extend_from_slice(bytes),
            Kind::Buffer(bytes) if bytes.len() <= COPIED_MAX => out.extend_from_slice(bytes),
            longer => {
                let longer = std::mem::replace(longer, Kind::Empty);
                self.rest = Rest::of(longer, framing == Framing::Chunked);
            }
        }
        keep_alive
    }

    /// Puts a whole response into the output for a request that could not be understood, and tells
    /// why. The connection is closed behind it.
    pub(super) fn refuse(&mut self, status: StatusCode, reason: &dyn std::fmt::Display) {
        let reason = format!("{reason}\n");
        self.shared.counters.count_response(status);
        let date = self.shared.date.line_at(Instant::of_turn());
        let out = self.output();
        Response::text("").status(status).write_start(out);
        write_content_length(out, reason.len() as u64);
        out.extend_from_slice(&date);
        out.extend_from_slice(b"connection: close\r\n\r\n");
        out.extend_from_slice(reason.as_bytes());
    }
}

#[inline]
fn framing(request: &RequestHead, response: &Response) -> Framing {
    let status = response.status;
    if status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || (request.method == Method::CONNECT && status.is_success())
    {
        return Framing::None;
    }
    match &response.body.0 {
        Kind::Empty | Kind::Upgrade(_) => Framing::Length(0),
        Kind::Static(bytes) => Framing::Length(bytes.len() as u64),
        Kind::Buffer(bytes) => Framing::Length(bytes.len() as u64),
        Kind::File(_, bytes) | Kind::Stream(_, Some(bytes)) => Framing::Length(*bytes),
        Kind::Stream(_, None) if request.version == Version::HTTP_10 => Framing::UntilClose,
        // One whose client takes no trailers has none left.
        Kind::Stream(_, None) | Kind::Trailed(_) => Framing::Chunked,
    }
}

/// Sends what is left of a response.
///
/// # Errors
///
/// Those of the connection, of the stream and of the file: the response is then not whole, and the
/// connection has to be closed.
pub(super) async fn finish<T: Transport>(wire: &SharedWire<T>) -> io::Result<()> {
    let rest = wire.borrow_mut().rest.take();
    match rest {
        None => Ok(()),
        Some(Rest::Buffer(bytes)) => write(wire, &bytes).await,
        Some(Rest::Stream(chunks, bytes, chunked)) => {
            stream(wire, chunks, bytes, chunked).await?;
            if chunked {
                wire.borrow_mut().output().extend_from_slice(LAST_CHUNK);
            }
            Ok(())
        }
        Some(Rest::File(file, bytes)) => send_file(wire, &file, bytes, false).await,
        Some(Rest::Trailed(trailed)) => send_trailed(wire, *trailed).await,
    }
}

/// Sends a body in chunks, and the fields behind it.
async fn send_trailed<T: Transport>(wire: &SharedWire<T>, trailed: Trailed) -> io::Result<()> {
    let (body, fields) = trailed.into_parts();
    match Rest::of(body, true) {
        None => {}
        Some(Rest::Buffer(bytes)) => send_piece(wire, &bytes, true).await?,
        Some(Rest::Stream(chunks, bytes, _)) => stream(wire, chunks, bytes, true).await?,
        Some(Rest::File(file, bytes)) => send_file(wire, &file, bytes, true).await?,
        Some(Rest::Trailed(_)) => unreachable!("trailers replace those that were there before"),
    }
    let Some(fields) = catch(fields) else {
        count(&wire.borrow().shared.counters.handler_panics);
        return Err(io::Error::other("what gives the trailers panicked"));
    };
    let fields = fields.iter().map(|(name, value)| (name.as_str().as_bytes(), &value[..]));
    write_last_chunk(wire.borrow_mut().output(), fields).map_err(io::Error::other)
}

/// Sends a piece of a body: a short one is collected, as many as may be, a longer one is written
/// from where it lies.
async fn send_piece<T: Transport>(
    wire: &SharedWire<T>,
    piece: &[u8],
    chunked: bool,
) -> io::Result<()> {
    if piece.len() <= COPIED_MAX {
        let mut wire = wire.borrow_mut();
        match chunked {
            true => write_chunk(wire.output(), piece),
            false => wire.output().extend_from_slice(piece),
        }
    } else {
        if chunked {
            let head = ChunkHead::new(piece.len());
            wire.borrow_mut().output().extend_from_slice(head.as_bytes());
        }
        write(wire, piece).await?;
        if chunked {
            wire.borrow_mut().output().extend_from_slice(CHUNK_END);
        }
    }
    if wire.borrow().is_output_full() {
        flush(wire).await?;
    }
    Ok(())
}

async fn stream<T: Transport>(
    wire: &SharedWire<T>,
    mut chunks: Pin<Box<dyn Chunks>>,
    bytes: Option<u64>,
    chunked: bool,
) -> io::Result<()> {
    let mut left = bytes;
    while let Some(chunk) = next_chunk(wire, &mut chunks).await {
        let chunk = chunk?;
        if let Some(left) = &mut left {
            *left = left.checked_sub(chunk.len() as u64).ok_or_else(|| wrong_length(bytes))?;
        }
        send_piece(wire, &chunk, chunked).await?;
    }
    if left.is_some_and(|left| left > 0) {
        return Err(wrong_length(bytes));
    }
    Ok(())
}

fn wrong_length(bytes: Option<u64>) -> io::Error {
    let message = format!("the stream does not give the {} bytes it said", bytes.unwrap_or(0));
    io::Error::other(message)
}

/// The stream's next chunk. While it has none, the client is sent what is collected.
async fn next_chunk<T: Transport>(
    wire: &SharedWire<T>,
    chunks: &mut Pin<Box<dyn Chunks>>,
) -> Option<io::Result<SendBuf>> {
    let counters = wire.borrow().shared.clone();
    poll_fn(|context| {
        let Some(polled) = catch(|| chunks.as_mut().poll_chunk(context)) else {
            count(&counters.counters.handler_panics);
            return Poll::Ready(Some(Err(io::Error::other("the stream of the body panicked"))));
        };
        if polled.is_ready() {
            return polled;
        }
        if wire.borrow().output_bytes() > 0
            && let Err(error) = ready!(wire.borrow_mut().poll_write(context, &[], &mut 0))
        {
            return Poll::Ready(Some(Err(error)));
        }
        Poll::Pending
    })
    .await
}

async fn send_file<T: Transport>(
    wire: &SharedWire<T>,
    file: &File,
    bytes: u64,
    chunked: bool,
) -> io::Result<()> {
    let mut offset = 0;
    let mut buffer = Vec::new();
    while offset < bytes {
        buffer.clear();
        let wanted = (bytes - offset).min(FILE_READ_BYTES as u64) as usize;
        buffer.reserve_exact(wanted);
        let read;
        (read, buffer) = file.read_at(buffer, offset).await;
        if read? == 0 {
            let message = format!("the file ends at {offset} of {bytes} bytes");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        // A vector may have been given more room than was asked for.
        let taken = buffer.len().min(wanted);
        send_piece(wire, &buffer[..taken], chunked).await?;
        offset += taken as u64;
    }
    Ok(())
}
