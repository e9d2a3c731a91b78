//! Files that are sent without a copy.

use std::io;
use std::ops::Range;

use taut_runtime::fs::File;
use taut_runtime::task::waiting;

use crate::{OwnedWriteHalf, TcpStream};

impl TcpStream {
    /// Sends a part of a file, from one byte's place to before another's, without copying it: the
    /// pages of the file's cache go to the socket. The part is taken from its front as it is sent,
    /// so after an error, or when the future was dropped, it says what is left: nothing is sent
    /// twice and nothing left out by calling this again with it.
    ///
    /// The file is read by a thread of the blocking pool, in pieces of 1 MiB at most, so it never
    /// stops the core. Meant for large parts: below about 1 MiB, to read the bytes and write them
    /// costs less, since each call makes a pipe and wakes a thread.
    ///
    /// What is changed in the file until the peer has acknowledged it may be sent so. While a piece
    /// is handed to the kernel, an open file that others share with this stream (by `dup(2)`, in
    /// another thread) is non-blocking for them, too.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the file ends before the part does; `InvalidInput` where its file
    /// system has no pages to send; what reading the file tells; as for [`write`](Self::write).
    ///
    /// ```
    /// use taut_net::{TcpListener, TcpStream};
    /// use taut_runtime::fs::{self, File};
    ///
    /// taut_runtime::run(async {
    ///     let path = std::env::temp_dir().join(format!("taut-send-{}", std::process::id()));
    ///     fs::write(&path, b"MDEntry 101.25 x 300\n".to_vec()).await?;
    ///     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    ///     let mut client = TcpStream::connect(listener.local_addr()?).await?;
    ///     let mut server = listener.accept().await?;
    ///
    ///     let file = File::open(&path).await?;
    ///     let mut part = 8..14;
    ///     client.send_file(&file, &mut part).await?;
    ///     assert!(part.is_empty());
    ///     let mut price = [0; 6];
    ///     server.read_exact(&mut price).await?;
    ///     assert_eq!(&price, b"101.25");
    ///     fs::remove_file(&path).await
    /// })??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn send_file(
        &mut self,
        file: &File,
        part: &mut Range<u64>,
    ) -> impl Future<Output = io::Result<()>> {
        self.write.send_file(file, part)
    }
}

impl OwnedWriteHalf {
    /// As [`TcpStream::send_file`].
    ///
    /// # Errors
    ///
    /// As for [`TcpStream::send_file`].
    #[track_caller]
    pub fn send_file(
        &mut self,
        file: &File,
        part: &mut Range<u64>,
    ) -> impl Future<Output = io::Result<()>> {
        waiting("send_file on a TCP stream", self.outbound.send_file(file, part))
    }
}
