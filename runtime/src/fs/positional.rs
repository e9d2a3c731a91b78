//! Transfers at a given offset, in owned buffers.
//!
//! No state is kept between them, so any number may be in flight on one file. Costs no allocation
//! and no copy on io_uring, but for the vectored ones, whose lists are allocated. Several are made
//! where the kernel moves less than asked, which ordinary files seldom do.

use std::io;
use std::ops::Range;

use super::File;
use super::buffer::{AnyBuffer, Buffer, LocalBuffer, ReadBuffer, WriteBuffer};
use super::error::on;
use super::local::{transfer, write_all_local};
use super::transfer::{
    read_all, read_once, read_vectored, write_all, write_all_vectored, write_once,
};
use crate::buffer::TxBuf;
use crate::task::waiting;

impl File {
    /// Reads once at `offset`, into the free capacity of `buffer`, behind what it holds. Gives the
    /// number of bytes, 0 at the end of the file, and the buffer.
    ///
    /// Dropping the future drops the buffer, when the kernel is done with it. In a task that is
    /// cancelled meanwhile the buffer that comes back is an empty one, as it is where the blocking
    /// pool, which has the work with epoll, refuses or loses it.
    ///
    /// # Errors
    ///
    /// What pread(2) tells; `InvalidInput` where the buffer has no free capacity, or for an
    /// `O_DIRECT` file with what is not aligned.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    ///
    /// ```
    /// use taut_runtime::fs::File;
    ///
    /// taut_runtime::run(async {
    ///     let file = File::open("/proc/self/status").await?;
    ///     let (count, buffer) = file.read_at(Vec::with_capacity(64), 0).await;
    ///     assert_eq!(count?, 64);
    ///     assert!(buffer.starts_with(b"Name:"));
    ///     Ok::<(), std::io::Error>(())
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn read_at<B: ReadBuffer>(
        &self,
        buffer: B,
        offset: u64,
    ) -> impl Future<Output = (io::Result<usize>, B)> {
        let file = self.descriptor();
        waiting("reading a file", async move {
            let (result, buffer) = read_once(file, sendable(buffer), usize::MAX, offset).await;
            (result.map_err(|error| on("read", file, error)), restored(buffer))
        })
    }

    /// Reads all bytes of a range of the file, and appends them to `buffer`: a vector grows as
    /// needed.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the file ends before: the buffer then has what there was.
    /// `InvalidInput` where a buffer that can't grow has too little free capacity. Else as for
    /// [`read_at`](Self::read_at), also for what becomes of the buffer.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_exact_at<B: ReadBuffer>(
        &self,
        mut buffer: B,
        range: Range<u64>,
    ) -> impl Future<Output = (io::Result<()>, B)> {
        let file = self.descriptor();
        waiting("reading a file", async move {
            let bytes = usize::try_from(range.end.saturating_sub(range.start));
            let Some(bytes) = bytes.ok().filter(|bytes| buffer.make_room(*bytes)) else {
                let what = "the buffer has less free capacity than the range has bytes";
                let error = io::Error::new(io::ErrorKind::InvalidInput, what);
                return (Err(on("read", file, error)), buffer);
            };
            let (result, buffer) = read_all(file, sendable(buffer), bytes, range.start).await;
            (result.map_err(|error| on("read", file, error)), restored(buffer))
        })
    }

    /// Writes once at `offset`; gives how many of the buffer's bytes were written, and the buffer.
    /// A file opened to append takes them at its end.
    ///
    /// Dropped, or cancelled while in flight, the write may still happen.
    ///
    /// # Errors
    ///
    /// What pwrite(2) tells; `InvalidInput` for an `O_DIRECT` file with what is not aligned.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn write_at<B: WriteBuffer>(
        &self,
        buffer: B,
        offset: u64,
    ) -> impl Future<Output = (io::Result<usize>, B)> {
        let file = self.descriptor();
        waiting("writing a file", async move {
            let (result, buffer) = match buffer.into_any() {
                AnyBuffer::Local(buffer) => {
                    let (result, buffer) = transfer(file, buffer, offset, true).await;
                    (result, buffer.map(AnyBuffer::Local))
                }
                AnyBuffer::Sendable(buffer) => {
                    let (result, buffer) = write_once(file, buffer, 0, offset).await;
                    (result, buffer.map(AnyBuffer::Sendable))
                }
            };
            (result.map_err(|error| on("write", file, error)), B::from_any(buffer))
        })
    }

    /// Writes all of the buffer from `offset` on, and gives it back. Of a dropped or cancelled one,
    /// any number of bytes from the first on may be written.
    ///
    /// # Errors
    ///
    /// As for [`write_at`](Self::write_at); some of the bytes may have been written.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn write_all_at<B: WriteBuffer>(
        &self,
        buffer: B,
        offset: u64,
    ) -> impl Future<Output = (io::Result<()>, B)> {
        let file = self.descriptor();
        waiting("writing a file", async move {
            let (result, buffer) = match buffer.into_any() {
                AnyBuffer::Local(buffer) => {
                    let (result, buffer) = write_all_local(file, buffer, offset).await;
                    (result, buffer.map(AnyBuffer::Local))
                }
                AnyBuffer::Sendable(buffer) => {
                    let (result, buffer) = write_all(file, buffer, offset).await;
                    (result, buffer.map(AnyBuffer::Sendable))
                }
            };
            (result.map_err(|error| on("write", file, error)), B::from_any(buffer))
        })
    }

    /// Reads once at `offset`, into the free capacity of several buffers in order. Gives the number
    /// of bytes and the buffers; none where the task is cancelled while the kernel has them.
    ///
    /// # Errors
    ///
    /// As for [`read_at`](Self::read_at); `InvalidInput` for more than 1024 buffers.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_vectored_at<B: ReadBuffer>(
        &self,
        buffers: Vec<B>,
        offset: u64,
    ) -> impl Future<Output = (io::Result<usize>, Vec<B>)> {
        let file = self.descriptor();
        waiting("reading a file", async move {
            let buffers: Vec<_> = buffers.into_iter().map(sendable).collect();
            let (result, buffers) = read_vectored(file, buffers, offset).await;
            let buffers = buffers.into_iter().map(|buffer| restored(Some(buffer))).collect();
            (result.map_err(|error| on("read", file, error)), buffers)
        })
    }

    /// Writes all bytes of several buffers, in order, from `offset` on, and gives the buffers back;
    /// none where the task is cancelled while the kernel has them.
    ///
    /// # Errors
    ///
    /// As for [`write_all_at`](Self::write_all_at); `InvalidInput` for more than 1024 buffers.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn write_vectored_at<B: WriteBuffer + Send>(
        &self,
        buffers: Vec<B>,
        offset: u64,
    ) -> impl Future<Output = (io::Result<()>, Vec<B>)> {
        let file = self.descriptor();
        waiting("writing a file", async move {
            let buffers: Vec<_> = buffers.into_iter().map(sendable).collect();
            let (result, buffers) = write_all_vectored(file, buffers, offset).await;
            let buffers = buffers.into_iter().map(|buffer| restored(Some(buffer))).collect();
            (result.map_err(|error| on("write", file, error)), buffers)
        })
    }

    /// Reads once at `offset` into the free part of a slot of the registered pool (`READ_FIXED`):
    /// the kernel pins no pages for it, which shows with `O_DIRECT`. Slots are aligned to 4096
    /// bytes where [`Builder::send_buffer_bytes`](crate::Builder::send_buffer_bytes) is. Where the
    /// blocking pool does the work, the bytes are copied.
    ///
    /// Gives the slot back, unless the task was cancelled while the kernel had it.
    ///
    /// # Errors
    ///
    /// As for [`read_at`](Self::read_at).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn read_fixed_at(
        &self,
        buffer: TxBuf,
        offset: u64,
    ) -> impl Future<Output = (io::Result<usize>, Option<TxBuf>)> {
        waiting("reading a file", self.fixed_at(false, buffer, offset))
    }

    /// Writes a slot of the registered pool at `offset`, once (`WRITE_FIXED`); otherwise as
    /// [`read_fixed_at`](Self::read_fixed_at).
    ///
    /// # Errors
    ///
    /// As for [`write_at`](Self::write_at).
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[track_caller]
    pub fn write_fixed_at(
        &self,
        buffer: TxBuf,
        offset: u64,
    ) -> impl Future<Output = (io::Result<usize>, Option<TxBuf>)> {
        waiting("writing a file", self.fixed_at(true, buffer, offset))
    }

    async fn fixed_at(
        &self,
        writes: bool,
        buffer: TxBuf,
        offset: u64,
    ) -> (io::Result<usize>, Option<TxBuf>) {
        let file = self.descriptor();
        let (result, buffer) =
            transfer(file, LocalBuffer::Registered(buffer), offset, writes).await;
        let slot = match buffer {
            Some(LocalBuffer::Registered(slot)) => Some(slot),
            _ => None,
        };
        let what = if writes { "write" } else { "read" };
        (result.map_err(|error| on(what, file, error)), slot)
    }
}

fn sendable<B: WriteBuffer + Send>(buffer: B) -> Buffer {
    match buffer.into_any() {
        AnyBuffer::Sendable(buffer) => buffer,
        AnyBuffer::Local(buffer) => unreachable!("{buffer:?} is not `Send`"),
    }
}

fn restored<B: WriteBuffer>(buffer: Option<Buffer>) -> B {
    B::from_any(buffer.map(AnyBuffer::Sendable))
}
