//! Frames out of buffers that are cut at any place, against a splitter that has all bytes at once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use taut_net::framing::{
    ByteOrder, Delimiter, Frame, FrameReader, Framing, LengthCounts, LengthPrefix, LengthWidth,
    Lines, Receive,
};
use taut_runtime::buffer::RxBuf;

/// Buffers that are there already, and the end. Before each it waits once.
struct Chunks {
    chunks: VecDeque<Vec<u8>>,
    waited: bool,
}

impl Chunks {
    fn new<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let chunks = chunks.into_iter().filter(|chunk| !chunk.is_empty());
        Self { chunks: chunks.map(<[u8]>::to_vec).collect(), waited: false }
    }
}

impl Receive for Chunks {
    async fn recv(&mut self) -> io::Result<RxBuf> {
        poll_fn(|_| {
            self.waited = !self.waited;
            match self.waited {
                true => Poll::Pending,
                false => Poll::Ready(()),
            }
        })
        .await;
        Ok(self.chunks.pop_front().map_or_else(RxBuf::empty, RxBuf::from))
    }
}

/// What a call gives, whose future is dropped at each wait and made anew.
fn next<F: Framing>(reader: &mut FrameReader<Chunks, F>) -> io::Result<Option<RxBuf>> {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(frame) = pin!(reader.next()).poll(&mut context) {
            return frame;
        }
    }
}

/// All frames, and how the stream ended.
fn read_all<F: Framing>(reader: &mut FrameReader<Chunks, F>) -> (Vec<Vec<u8>>, io::Result<()>) {
    let mut frames = Vec::new();
    loop {
        match next(reader) {
            Ok(Some(frame)) => frames.push(frame.to_vec()),
            Ok(None) => return (frames, Ok(())),
            Err(error) => return (frames, Err(error)),
        }
    }
}

/// The framings, how each writes a frame, and whether it may hold such bytes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Lines,
    Soh,
    Text,
    Length(LengthPrefix),
}

type AnyFraming = Box<dyn FnMut(&[u8], usize) -> io::Result<Frame>>;

const TEXT: &[u8] = b"\r\n\r";

impl Kind {
    fn all() -> Vec<Self> {
        let header = LengthPrefix { header_bytes: 7, offset_bytes: 2, ..LengthPrefix::u32_le() };
        let whole = LengthPrefix { counts: LengthCounts::Frame, with_header: true, ..header };
        let mut all = vec![Self::Lines, Self::Soh, Self::Text];
        for width in [LengthWidth::U8, LengthWidth::U16, LengthWidth::U32, LengthWidth::U64] {
            for order in [ByteOrder::Big, ByteOrder::Little] {
                all.push(Self::Length(LengthPrefix::new(width, order)));
            }
        }
        all.extend([Self::Length(header), Self::Length(whole)]);
        all
    }

    fn framing(self) -> AnyFraming {
        match self {
            Self::Lines => Box::new(|bytes, seen| Lines.frame(bytes, seen)),
            Self::Soh => Box::new(|bytes, seen| Delimiter::byte(1).frame(bytes, seen)),
            Self::Text => {
                let mut text = Delimiter::bytes(TEXT);
                Box::new(move |bytes, seen| text.frame(bytes, seen))
            }
            Self::Length(mut prefix) => Box::new(move |bytes, seen| prefix.frame(bytes, seen)),
        }
    }

    /// The payload without what this framing can't carry, and as it is handed out.
    fn allowed(self, mut payload: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Lines => payload.retain(|&byte| byte != b'\n' && byte != b'\r'),
            Self::Soh => payload.retain(|&byte| byte != 1),
            Self::Text => payload.retain(|&byte| byte != b'\r'),
            Self::Length(prefix) if prefix.width == LengthWidth::U8 => payload.truncate(255),
            Self::Length(_) => {}
        }
        payload
    }

    /// Adds the frame to the stream; gives what is to be handed out.
    fn write(self, payload: &[u8], stream: &mut Vec<u8>) -> Vec<u8> {
        let start = stream.len();
        match self {
            Self::Lines => stream.extend([payload, b"\r\n"].concat()),
            Self::Soh => stream.extend([payload, &[1]].concat()),
            Self::Text => stream.extend([payload, TEXT].concat()),
            Self::Length(prefix) => {
                let mut header = vec![0xEE; prefix.header_bytes];
                prefix.put_length(&mut header, payload.len()).unwrap();
                stream.extend([&header, payload].concat());
                if prefix.with_header {
                    return stream[start..].to_vec();
                }
            }
        }
        payload.to_vec()
    }
}

#[test]
fn a_stream_may_be_cut_at_any_two_places() {
    let payloads: [&[u8]; 5] = [b"8=FIX", b"", b"a\rb", b"0123456789", b"\xFF"];
    for kind in Kind::all() {
        let mut stream = Vec::new();
        let frames = payloads.map(|one| kind.write(&kind.allowed(one.to_vec()), &mut stream));
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let cut = [&stream[..first], &stream[first..second], &stream[second..]];
                let mut reader = FrameReader::new(Chunks::new(cut), kind.framing());
                let (read, end) = read_all(&mut reader);
                assert!(end.is_ok(), "{kind:?} cut at {first} and {second}: {end:?}");
                assert_eq!(read, frames, "{kind:?} cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn a_stream_that_ends_within_a_frame_says_how_much_there_was_and_hands_it_out() {
    let mut reader = FrameReader::new(Chunks::new([&b"one\ntw"[..], b"o"]), Lines);
    let (frames, end) = read_all(&mut reader);
    assert_eq!(frames, [b"one"]);
    let error = end.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(error.to_string(), "the stream ended within a frame, after 3 bytes of it");
    assert_eq!(next(&mut reader).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "again");
    assert_eq!(reader.into_parts().1, b"two");
}

#[test]
fn a_frame_of_just_the_limit_is_read_and_a_longer_one_is_an_error_again_and_again() {
    for cut in 1..12 {
        let line = b"0123456789\n0123456789A\nlate\n";
        let chunks = Chunks::new(line.chunks(cut));
        let mut reader = FrameReader::new(chunks, Lines).frame_bytes_max(11);
        assert_eq!(next(&mut reader).unwrap().as_deref(), Some(&b"0123456789"[..]));
        let first = next(&mut reader).unwrap_err();
        assert_eq!(first.kind(), io::ErrorKind::InvalidData);
        assert!(first.to_string().contains("frame_bytes_max, of 11"), "{first}");
        assert_eq!(next(&mut reader).unwrap_err().to_string(), first.to_string());
    }
}

#[test]
fn a_hostile_length_is_refused_by_its_header_alone() {
    for prefix in [LengthPrefix::u64_be(), LengthPrefix::u64_le(), LengthPrefix::u32_be()] {
        let stream = [0xFF; 16];
        for cut in 1..16 {
            let mut reader = FrameReader::new(Chunks::new(stream.chunks(cut)), prefix);
            let error = next(&mut reader).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
    }
}

#[test]
fn an_error_of_the_framing_is_told_again_whether_the_frame_was_joined_or_not() {
    let frame = LengthPrefix { counts: LengthCounts::Frame, ..LengthPrefix::u32_be() };
    for cut in 1..6 {
        let stream = [0, 0, 0, 3, 9, 9];
        let mut reader = FrameReader::new(Chunks::new(stream.chunks(cut)), frame);
        for _ in 0..3 {
            let error = next(&mut reader).unwrap_err();
            assert_eq!(error.to_string(), "a frame of 3 bytes can't hold its header of 4");
        }
    }
}

#[test]
fn another_framing_takes_over_where_the_last_one_stopped() {
    let stream = b"LOGIN\n\x02hi\x03you\x00";
    for cut in 1..stream.len() {
        let mut lines = FrameReader::new(Chunks::new(stream.chunks(cut)), Lines);
        assert_eq!(next(&mut lines).unwrap().as_deref(), Some(&b"LOGIN"[..]));
        // Looks at what is there already, and keeps a part of a line.
        assert!(lines.next_in_hand().unwrap().is_none());
        let mut frames = lines.with_framing(LengthPrefix::u8());
        let (read, end) = read_all(&mut frames);
        assert!(end.is_ok());
        assert_eq!(read, [&b"hi"[..], b"you", b""]);
    }
}

#[test]
#[should_panic(expected = "a framing names")]
fn a_framing_that_names_bytes_that_are_not_there_panics() {
    let beyond = |bytes: &[u8], _seen: usize| {
        Ok(Frame::Whole { payload: 0..bytes.len() + 1, bytes: bytes.len() + 1 })
    };
    let _ = next(&mut FrameReader::new(Chunks::new([&b"abc"[..]]), beyond));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn frames_are_those_that_were_written_however_they_are_cut(
        kind in prop::sample::select(Kind::all()),
        payloads in prop::collection::vec(
            prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n')], 0..400),
            0..20,
        ),
        cuts in prop::collection::vec(1_usize..300, 1..20),
        kept in any::<bool>(),
    ) {
        let mut stream = Vec::new();
        let frames: Vec<Vec<u8>> =
            payloads.into_iter().map(|one| kind.write(&kind.allowed(one), &mut stream)).collect();
        let mut rest = &stream[..];
        let mut chunks = Vec::new();
        for &cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, after) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        let mut reader = FrameReader::new(Chunks::new(chunks), kind.framing());
        // Frames that are kept must stay as they are while others are joined.
        let mut read = Vec::new();
        while let Some(frame) = next(&mut reader).unwrap() {
            if !kept {
                prop_assert_eq!(&frame[..], &frames[read.len()][..]);
            }
            read.push(if kept { frame } else { RxBuf::empty() });
        }
        prop_assert_eq!(read.len(), frames.len());
        if kept {
            for (frame, expected) in read.iter().zip(&frames) {
                prop_assert_eq!(&frame[..], &expected[..]);
            }
        }
    }
}
