//! The ways to read from and write to a connection, one of them chosen at random.

use std::io::{self, IoSlice, Write};

use bytes::Bytes;
use taut::buffer::{RxBuf, TxBuf};
use taut::net::{OwnedReadHalf, OwnedWriteHalf};

use super::Random;

/// Reads what one randomly chosen call gives, appends it to `got`, and says how much that was: 0
/// only at the end. `coming` tells how many bytes are still to come, where that is known.
pub(crate) async fn read_one_way(
    from: &mut OwnedReadHalf,
    random: &mut Random,
    coming: Option<usize>,
    got: &mut Vec<u8>,
) -> io::Result<usize> {
    let before = got.len();
    let room = 1 + random.below(coming.unwrap_or(20_000).clamp(1, 20_000));
    match random.below(4) {
        0 => got.extend_from_slice(&from.recv().await?),
        1 => {
            let mut to = vec![0; room];
            let count = from.read(&mut to).await?;
            got.extend_from_slice(&to[..count]);
        }
        2 if coming.is_some_and(|coming| coming > 0) => {
            let mut to = vec![0; room];
            from.read_exact(&mut to).await?;
            got.extend_from_slice(&to);
        }
        _ => {
            let mut to = Vec::with_capacity(3 + room);
            to.extend_from_slice(b"own");
            let (count, to) = from.recv_into(to).await;
            assert_eq!(&to[..3], b"own", "the buffer's own bytes stay");
            assert_eq!(to.len(), 3 + *count.as_ref().unwrap_or(&0));
            count?;
            got.extend_from_slice(&to[3..]);
        }
    }
    Ok(got.len() - before)
}

/// Writes some of the first bytes by one randomly chosen call, and says how many.
pub(crate) async fn write_one_way(
    to: &mut OwnedWriteHalf,
    random: &mut Random,
    bytes: &[u8],
) -> io::Result<usize> {
    let count = (1 + random.below(30_000)).min(bytes.len());
    let part = &bytes[..count];
    match random.below(7) {
        0 => return to.write(part).await,
        1 => {
            let (left, right) = part.split_at(random.below(count + 1));
            let slices = [IoSlice::new(left), IoSlice::new(&[]), IoSlice::new(right)];
            return to.write_vectored(&slices).await;
        }
        2 => to.write_all(part).await?,
        3 => to.send(part.to_vec()).await?,
        4 => to.send(Bytes::copy_from_slice(part)).await?,
        5 => to.send(RxBuf::from(bytes.to_vec()).slice(..count)).await?,
        _ => {
            let Ok(mut buffer) = TxBuf::take() else {
                // All in use: zero-copy sends keep theirs for a while.
                return to.write(part).await;
            };
            let fits = buffer.write(part)?;
            to.send(buffer).await?;
            return Ok(fits);
        }
    }
    Ok(count)
}

/// Writes all bytes in randomly chosen ways.
pub(crate) async fn write_anyhow(to: &mut OwnedWriteHalf, random: &mut Random, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = write_one_way(to, random, rest).await.unwrap();
        rest = &rest[count..];
    }
}

/// Reads `count` bytes in randomly chosen ways; no more than that are under way.
pub(crate) async fn read_anyhow(
    from: &mut OwnedReadHalf,
    random: &mut Random,
    count: usize,
) -> Vec<u8> {
    let mut got = Vec::with_capacity(count);
    while got.len() < count {
        let left = Some(count - got.len());
        let more = read_one_way(from, random, left, &mut got).await.unwrap();
        assert_ne!(more, 0, "the stream ended after {} bytes of {count}", got.len());
    }
    assert_eq!(got.len(), count);
    got
}

/// Compares without printing megabytes.
#[track_caller]
pub(crate) fn assert_same_bytes(got: &[u8], sent: &[u8]) {
    let differs = got.iter().zip(sent).position(|(one, other)| one != other);
    assert_eq!(differs, None, "first byte that differs");
    assert_eq!(got.len(), sent.len());
}
