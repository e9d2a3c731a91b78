//! What gives received buffers.

use std::io;

use taut_runtime::buffer::RxBuf;
use taut_runtime::io::PipeReader;

use crate::{Family, OwnedReadHalf, Stream};

/// Room for one read from a pipe, in bytes: a quarter of what the kernel holds in it.
const PIPE_READ_BYTES: usize = 16_384;

/// A stream of bytes that come in buffers.
///
/// What a [`FrameReader`](super::FrameReader) reads from. For a stream of another kind implement it
/// by the stream's own `recv`; where there is none, by a read into a `Vec`:
///
/// ```
/// use std::io;
/// use taut_net::framing::{FrameReader, Lines, Receive};
/// use taut_runtime::buffer::RxBuf;
///
/// /// Chunks that are there already.
/// struct Replay(Vec<&'static str>);
///
/// impl Receive for Replay {
///     async fn recv(&mut self) -> io::Result<RxBuf> {
///         let chunk = self.0.pop().unwrap_or_default();
///         Ok(RxBuf::from(chunk.as_bytes().to_vec()))
///     }
/// }
///
/// taut_runtime::run(async {
///     let mut lines = FrameReader::new(Replay(vec!["d\n", "one\nsecon"]), Lines);
///     assert_eq!(&lines.next().await?.unwrap()[..], b"one");
///     assert_eq!(&lines.next().await?.unwrap()[..], b"second");
///     Ok::<(), io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Receive {
    /// The next bytes; none at the end, then and ever after. Has to be cancel-safe: a dropped
    /// future has taken nothing.
    ///
    /// # Errors
    ///
    /// The stream's.
    fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>>;
}

impl<F: Family> Receive for Stream<F> {
    fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        Self::recv(self)
    }
}

impl<F: Family> Receive for OwnedReadHalf<F> {
    fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        Self::recv(self)
    }
}

/// Pipes have no receive slots: each read allocates.
impl Receive for PipeReader {
    async fn recv(&mut self) -> io::Result<RxBuf> {
        let mut bytes = vec![0; PIPE_READ_BYTES];
        let count = self.read(&mut bytes).await?;
        bytes.truncate(count);
        Ok(RxBuf::from(bytes))
    }
}

impl<S: Receive> Receive for &mut S {
    fn recv(&mut self) -> impl Future<Output = io::Result<RxBuf>> {
        S::recv(self)
    }
}
