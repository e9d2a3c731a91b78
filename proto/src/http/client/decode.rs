//! Content codings of answers, undone (RFC 9110 section 8.4): gzip, deflate, brotli and zstd, each
//! behind the feature of its name (deflate comes with gzip).
//!
//! A few bytes can decode to gigabytes, so the output is limited, and input is fed in small steps:
//! what is decoded at once stays small beside the limit.

use std::io::{self, Write};

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};

use super::error::Cause;

/// Input that is decoded at once.
const STEP_BYTES: usize = 1024;

/// The largest window of a zstd frame, as RFC 8878 3.1.1.1.2 recommends: 8 MiB.
#[cfg(feature = "zstd")]
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// What the client offers to undo; `None` where no feature brings a coding.
pub(super) fn accepted() -> Option<HeaderValue> {
    let all = if cfg!(feature = "gzip") { "gzip, deflate" } else { "" };
    let (brotli, zstd) = (cfg!(feature = "brotli"), cfg!(feature = "zstd"));
    let names = [(!all.is_empty(), all), (brotli, "br"), (zstd, "zstd")];
    let names = names.iter().filter(|(is_there, _)| *is_there).map(|(_, name)| *name);
    let names = names.collect::<Vec<_>>().join(", ");
    (!names.is_empty()).then(|| HeaderValue::from_str(&names).expect("tokens"))
}

/// Undoes one coding.
pub(super) struct Decoder {
    codec: Codec,
    limit: u64,
    has_input: bool,
}

enum Codec {
    /// What is so named is not coded (RFC 9110 12.5.3).
    Identity(Sink),
    #[cfg(feature = "gzip")]
    Gzip(flate2::write::MultiGzDecoder<Sink>),
    /// Not known before the first two bytes whether it is zlib, as it should be, or raw.
    #[cfg(feature = "gzip")]
    Deflate(Vec<u8>, Sink),
    #[cfg(feature = "gzip")]
    Zlib(flate2::write::ZlibDecoder<Sink>),
    #[cfg(feature = "gzip")]
    Raw(flate2::write::DeflateDecoder<Sink>),
    #[cfg(feature = "brotli")]
    Brotli(Box<brotli_decompressor::DecompressorWriter<Sink>>),
    #[cfg(feature = "zstd")]
    Zstd { decoder: zstd::stream::raw::Decoder<'static>, sink: Sink, is_between_frames: bool },
}

/// Where decoded bytes go, up to the limit.
#[derive(Debug)]
struct Sink {
    bytes: Vec<u8>,
    left: u64,
    is_full: bool,
}

impl Decoder {
    /// The decoder for a body with these headers; `None` where there is nothing to undo, or nobody
    /// here knows how: then the body is handed out as it is, and the header tells. Of several
    /// codings, which are never asked for, none is undone.
    pub(super) fn for_headers(headers: &HeaderMap, limit: u64) -> Option<Self> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = codings.next()?.to_str().ok()?.trim().to_ascii_lowercase();
        if codings.next().is_some() {
            return None;
        }
        let codec = Codec::named(&coding, Sink { bytes: Vec::new(), left: limit, is_full: false })?;
        Some(Self { codec, limit, has_input: false })
    }

    /// Decodes some more bytes.
    pub(super) fn push(&mut self, input: &[u8]) -> Result<Vec<u8>, Cause> {
        self.has_input |= !input.is_empty();
        for step in input.chunks(STEP_BYTES) {
            let outcome = self.codec.write(step);
            self.checked(outcome)?;
        }
        Ok(std::mem::take(&mut self.codec.sink().bytes))
    }

    /// The last decoded bytes; an error where the coding has not come to its end.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, Cause> {
        if self.has_input {
            let outcome = self.codec.finish();
            self.checked(outcome)?;
        }
        Ok(std::mem::take(&mut self.codec.sink().bytes))
    }

    fn checked(&mut self, outcome: io::Result<()>) -> Result<(), Cause> {
        if self.codec.sink().is_full {
            return Err(Cause::TooLarge { limit: "decoded_bytes_max", value: self.limit });
        }
        outcome.map_err(|error| Cause::Undecodable(error.into()))
    }
}

impl Codec {
    fn named(coding: &str, sink: Sink) -> Option<Self> {
        match coding {
            "identity" => Some(Self::Identity(sink)),
            #[cfg(feature = "gzip")]
            "gzip" | "x-gzip" => Some(Self::Gzip(flate2::write::MultiGzDecoder::new(sink))),
            #[cfg(feature = "gzip")]
            "deflate" => Some(Self::Deflate(Vec::new(), sink)),
            #[cfg(feature = "brotli")]
            "br" => {
                let writer = brotli_decompressor::DecompressorWriter::new(sink, 4096);
                Some(Self::Brotli(Box::new(writer)))
            }
            #[cfg(feature = "zstd")]
            "zstd" => {
                let mut decoder = zstd::stream::raw::Decoder::new().ok()?;
                let window = zstd::stream::raw::DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX);
                decoder.set_parameter(window).ok()?;
                Some(Self::Zstd { decoder, sink, is_between_frames: true })
            }
            _ => None,
        }
    }

    fn sink(&mut self) -> &mut Sink {
        match self {
            Self::Identity(sink) => sink,
            #[cfg(feature = "gzip")]
            Self::Gzip(decoder) => decoder.get_mut(),
            #[cfg(feature = "gzip")]
            Self::Deflate(_, sink) => sink,
            #[cfg(feature = "gzip")]
            Self::Zlib(decoder) => decoder.get_mut(),
            #[cfg(feature = "gzip")]
            Self::Raw(decoder) => decoder.get_mut(),
            #[cfg(feature = "brotli")]
            Self::Brotli(decoder) => decoder.get_mut(),
            #[cfg(feature = "zstd")]
            Self::Zstd { sink, .. } => sink,
        }
    }

    fn write(&mut self, input: &[u8]) -> io::Result<()> {
        match self {
            Self::Identity(sink) => sink.write_all(input),
            #[cfg(feature = "gzip")]
            Self::Gzip(decoder) => written(decoder, input),
            #[cfg(feature = "gzip")]
            Self::Deflate(begin, sink) => {
                begin.extend_from_slice(input);
                let [method, flags, ..] = begin[..] else { return Ok(()) };
                // The header of zlib, RFC 1950 section 2.2.
                let is_zlib =
                    method & 0xF == 8 && (u16::from(method) << 8 | u16::from(flags)) % 31 == 0;
                let (begin, sink) = (std::mem::take(begin), sink.taken());
                *self = match is_zlib {
                    true => Self::Zlib(flate2::write::ZlibDecoder::new(sink)),
                    false => Self::Raw(flate2::write::DeflateDecoder::new(sink)),
                };
                self.write(&begin)
            }
            #[cfg(feature = "gzip")]
            Self::Zlib(decoder) => written(decoder, input),
            #[cfg(feature = "gzip")]
            Self::Raw(decoder) => written(decoder, input),
            #[cfg(feature = "brotli")]
            Self::Brotli(decoder) => written(decoder, input),
            #[cfg(feature = "zstd")]
            Self::Zstd { decoder, sink, is_between_frames } => {
                *is_between_frames = zstd_run(decoder, input, sink, *is_between_frames)?;
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) => Ok(()),
            #[cfg(feature = "gzip")]
            Self::Gzip(decoder) => decoder.try_finish(),
            #[cfg(feature = "gzip")]
            Self::Deflate(..) => Err(io::ErrorKind::UnexpectedEof.into()),
            #[cfg(feature = "gzip")]
            Self::Zlib(decoder) => decoder.try_finish(),
            #[cfg(feature = "gzip")]
            Self::Raw(decoder) => decoder.try_finish(),
            #[cfg(feature = "brotli")]
            Self::Brotli(decoder) => decoder.close(),
            #[cfg(feature = "zstd")]
            Self::Zstd { is_between_frames: true, .. } => Ok(()),
            #[cfg(feature = "zstd")]
            Self::Zstd { .. } => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(any(feature = "gzip", feature = "brotli"))]
fn written(decoder: &mut impl Write, input: &[u8]) -> io::Result<()> {
    decoder.write_all(input)?;
    decoder.flush()
}

/// Decodes all of the input; gives whether it ended with the end of a frame.
#[cfg(feature = "zstd")]
fn zstd_run(
    decoder: &mut zstd::stream::raw::Decoder<'_>,
    input: &[u8],
    sink: &mut Sink,
    mut is_between_frames: bool,
) -> io::Result<bool> {
    use zstd::stream::raw::Operation;

    let mut from = 0;
    let mut to = [0; 8192];
    loop {
        let status = decoder.run_on_buffers(&input[from..], &mut to)?;
        sink.write_all(&to[..status.bytes_written])?;
        from += status.bytes_read;
        if status.bytes_read > 0 || status.bytes_written > 0 {
            is_between_frames = status.remaining == 0;
        }
        if from == input.len() && status.bytes_written < to.len() {
            return Ok(is_between_frames);
        }
    }
}

impl Sink {
    #[cfg(feature = "gzip")]
    fn taken(&mut self) -> Self {
        std::mem::replace(self, Self { bytes: Vec::new(), left: 0, is_full: false })
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        if length > self.left {
            self.is_full = true;
            return Err(io::Error::other("the limit of decoded bytes is reached"));
        }
        self.left -= length;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoder(up to {} bytes)", self.limit)
    }
}
