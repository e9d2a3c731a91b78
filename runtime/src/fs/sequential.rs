//! Transfers at a file's own position, in borrowed memory, and the position itself.

use std::future::poll_fn;
use std::io::{self, SeekFrom};
use std::task::{Context, Poll};

use super::File;
use super::error::on;
use super::operation::FileDescriptor;
use super::stream::{CHUNK_BYTES_MAX, Stream};
use crate::task::waiting;

impl File {
    /// Reads the next bytes into `to` and says how many, up to 262 144; 0 at the end of the file.
    ///
    /// Cancel-safe: a dropped read leaves the position where it was.
    ///
    /// # Errors
    ///
    /// What pread(2) tells.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        waiting("reading a file", poll_fn(|context| self.poll_read(context, to)))
    }

    /// Fills `to`. Not cancel-safe: the position of a dropped one is after what was read.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the file ends before; as for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_exact(&mut self, to: &mut [u8]) -> impl Future<Output = io::Result<()>> {
        waiting("reading a file", async move {
            let mut read = 0;
            while read < to.len() {
                match poll_fn(|context| self.poll_read(context, &mut to[read..])).await? {
                    0 => {
                        let what = format!("the file ends {} bytes too early", to.len() - read);
                        let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
                        return Err(on("read", self.descriptor(), error));
                    }
                    count => read += count,
                }
            }
            Ok(())
        })
    }

    /// Appends all bytes from the position to the end of the file, and says how many. What a
    /// dropped one read is in `to`.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read); what was read before is in `to`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_to_end(&mut self, to: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> {
        waiting("reading a file", async move {
            let before = to.len();
            let mut chunk = [0; 4096].to_vec();
            loop {
                let count = poll_fn(|context| self.poll_read(context, &mut chunk)).await?;
                if count == 0 {
                    return Ok(to.len() - before);
                }
                to.extend_from_slice(&chunk[..count]);
                if count == chunk.len() && count < CHUNK_BYTES_MAX {
                    chunk.resize(count * 4, 0);
                }
            }
        })
    }

    /// As [`read_to_end`](Self::read_to_end), for text.
    ///
    /// # Errors
    ///
    /// `InvalidData` where the bytes are not UTF-8, and then `to` is as it was; as for
    /// [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_to_string(&mut self, to: &mut String) -> impl Future<Output = io::Result<usize>> {
        let mut bytes = Vec::new();
        waiting("reading a file", async move {
            self.read_to_end(&mut bytes).await?;
            let text = String::from_utf8(bytes).map_err(|error| {
                let error = io::Error::new(io::ErrorKind::InvalidData, error);
                on("read", self.descriptor(), error)
            })?;
            to.push_str(&text);
            Ok(text.len())
        })
    }

    /// Writes the first bytes of `bytes` at the position, and says how many, up to 262 144. They
    /// are with the kernel then.
    ///
    /// A dropped write may still happen; the next call on the stream waits for it.
    ///
    /// # Errors
    ///
    /// What pwrite(2) tells, also of a write that was dropped before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> {
        waiting("writing a file", poll_fn(|context| self.poll_write(context, bytes)))
    }

    /// Writes all of `bytes` at the position. Of a dropped one any number of bytes from the first
    /// on may be written.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn write_all(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> {
        waiting("writing a file", async move {
            let mut rest = bytes;
            while !rest.is_empty() {
                match poll_fn(|context| self.poll_write(context, rest)).await? {
                    0 => {
                        let error = io::Error::from(io::ErrorKind::WriteZero);
                        return Err(on("write", self.descriptor(), error));
                    }
                    count => rest = &rest[count..],
                }
            }
            Ok(())
        })
    }

    /// Waits for a write whose future was dropped. For the disk there is
    /// [`sync_data`](Self::sync_data).
    ///
    /// # Errors
    ///
    /// That write's.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> {
        waiting("writing a file", poll_fn(|context| self.poll_flush(context)))
    }

    /// Moves the position and gives the new one. Waits only for a write whose future was dropped.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a place before the first byte.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn seek(&mut self, to: SeekFrom) -> impl Future<Output = io::Result<u64>> {
        waiting("writing a file", poll_fn(move |context| self.poll_seek(context, to)))
    }

    /// Moves the position to the first byte.
    ///
    /// # Errors
    ///
    /// Those of a write that was dropped before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn rewind(&mut self) -> impl Future<Output = io::Result<()>> {
        let seeking = self.seek(SeekFrom::Start(0));
        async move { seeking.await.map(drop) }
    }

    /// The position: where the next read begins, and the next write, unless the file was opened to
    /// append.
    ///
    /// # Errors
    ///
    /// Those of a write that was dropped before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn stream_position(&mut self) -> impl Future<Output = io::Result<u64>> {
        self.seek(SeekFrom::Current(0))
    }

    /// Number of bytes in the file; of a block device, too.
    ///
    /// # Errors
    ///
    /// `NotSeekable` for what has no length; those of a write that was dropped before.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn length(&mut self) -> impl Future<Output = io::Result<u64>> {
        let asking =
            poll_fn(|context| self.named("seek", |stream, file| stream.poll_length(file, context)));
        waiting("writing a file", asking)
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        to: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.named("read", |stream, file| stream.poll_read(file, context, to))
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.named("write", |stream, file| stream.poll_write(file, context, bytes))
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.named("write", |stream, _| stream.poll_flush(context))
    }

    pub(super) fn poll_seek(
        &mut self,
        context: &mut Context<'_>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        self.named("seek", |stream, file| stream.poll_seek(file, context, to))
    }

    #[cfg(feature = "tokio-io")]
    pub(super) fn seek_started(&mut self, to: SeekFrom) {
        self.stream_and_descriptor().0.target = Some(to);
    }

    /// Does the seek that was started, if any, and gives the position.
    #[cfg(feature = "tokio-io")]
    pub(super) fn poll_sought(&mut self, context: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let to = self.stream_and_descriptor().0.target.unwrap_or(SeekFrom::Current(0));
        let position = self.poll_seek(context, to);
        if position.is_ready() {
            self.stream_and_descriptor().0.target = None;
        }
        position
    }

    /// Errors of the stream get the operation and the path.
    fn named<T>(
        &mut self,
        what: &'static str,
        call: impl FnOnce(&mut Stream, &FileDescriptor) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let (stream, file) = self.stream_and_descriptor();
        call(stream, file).map(|result| result.map_err(|error| on(what, file, error)))
    }
}
