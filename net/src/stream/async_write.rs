//! `AsyncWrite` of futures and of tokio: but for two methods they say the same.

/// Implements the one that is in scope for a stream, or the half of one, that writes by `$half`.
/// `$close` is its name for the end of the writing; what else it has follows.
macro_rules! async_write {
    ($type:ty, $this:ident => $half:expr, $close:ident, { $($more:item)* }) => {
        impl<F: Family> AsyncWrite for $type {
            fn poll_write(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &mut *self;
                $half.poll_write(context, bytes)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &mut *self;
                $half.outbound.poll_write_vectored(context, slices)
            }

            fn poll_flush(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &mut *self;
                $half.outbound.poll_flush(context)
            }

            fn $close(
                mut self: Pin<&mut Self>,
                context: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &mut *self;
                $half.poll_shutdown(context)
            }

            $($more)*
        }
    };
}

pub(super) use async_write;
