//! Reads the two output streams of a child at once, so that neither blocks it, up to a limit.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use crate::io::PipeReader;

/// What a child wrote to its two streams.
#[derive(Debug, Default)]
pub(super) struct Captured {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Reads both streams to their ends; nothing where they are more than `bytes_max` together.
pub(super) async fn capture(
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    bytes_max: usize,
) -> io::Result<Option<Captured>> {
    let mut streams = [stdout, stderr].map(|reader| Stream { reader, bytes: Vec::new() });
    loop {
        let open = poll_fn(|context| poll_both(&mut streams, context)).await?;
        if streams.iter().map(|stream| stream.bytes.len()).sum::<usize>() > bytes_max {
            return Ok(None);
        }
        if !open {
            let [stdout, stderr] = streams.map(|stream| stream.bytes);
            return Ok(Some(Captured { stdout, stderr }));
        }
        // The child may write as fast as this reads.
        crate::yield_now().await;
    }
}

struct Stream {
    /// Nothing at its end, or where the stream was not captured.
    reader: Option<PipeReader>,
    bytes: Vec<u8>,
}

/// One read of each open stream; `false` once both have ended.
fn poll_both(streams: &mut [Stream; 2], context: &mut Context<'_>) -> Poll<io::Result<bool>> {
    let mut progress = false;
    for Stream { reader: slot, bytes } in streams.iter_mut() {
        let Some(reader) = slot else { continue };
        if let Poll::Ready(count) = reader.poll_read_more(context, bytes) {
            progress = true;
            if count? == 0 {
                *slot = None;
            }
        }
    }
    let open = streams.iter().any(|stream| stream.reader.is_some());
    if progress || !open { Poll::Ready(Ok(open)) } else { Poll::Pending }
}
