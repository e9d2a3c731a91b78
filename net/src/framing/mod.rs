//! Lines and length-prefixed frames out of any stream, without copying.
//!
//! A [`FrameReader`] asks its [`Framing`] where the next frame ends and hands it out. A frame that
//! lies in one received buffer is a slice of it; one that spans buffers is copied, once, into
//! memory that the reader keeps. [`Lines`], [`Delimiter`] and [`LengthPrefix`] are the framings
//! that are here; anything else, a FIX message for one, is a closure that looks at bytes and says
//! [`Frame`].
//!
//! ```
//! use taut_net::framing::{FrameReader, LengthPrefix, Lines, write_frame};
//! use taut_net::{TcpListener, TcpStream};
//!
//! taut_runtime::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
//!     let mut client = TcpStream::connect(listener.local_addr()?).await?;
//!     let server = listener.accept().await?;
//!
//!     client.write_all(b"first\r\nsecond\n").await?;
//!     let mut lines = FrameReader::new(server, Lines);
//!     assert_eq!(&lines.next().await?.unwrap()[..], b"first");
//!     assert_eq!(&lines.next().await?.unwrap()[..], b"second");
//!
//!     let prefix = LengthPrefix::u16_be();
//!     write_frame(&mut client, prefix, b"framed").await?;
//!     drop(client);
//!     let mut frames = lines.with_framing(prefix);
//!     assert_eq!(&frames.next().await?.unwrap()[..], b"framed");
//!     assert!(frames.next().await?.is_none(), "the end of the stream");
//!     Ok::<(), std::io::Error>(())
//! })??;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | idea |
//! |---|---|
//! | `source` | what gives received buffers |
//! | `frame` | where a frame ends: the trait, and closures |
//! | `delimiter` | lines, and what else ends in certain bytes |
//! | `length` | frames that begin with their length, read and written |
//! | `reader` | the reader over a source and a framing |
//! | `writer` | a header and its payload in one write |

mod delimiter;
mod frame;
mod length;
mod reader;
mod source;
mod writer;

pub use delimiter::{Delimiter, Lines};
pub use frame::{Frame, Framing};
pub use length::{ByteOrder, LengthCounts, LengthPrefix, LengthWidth};
pub use reader::{FRAME_BYTES_MAX, FrameReader};
pub use source::Receive;
pub use writer::{WriteVectored, write_all_vectored, write_frame};
