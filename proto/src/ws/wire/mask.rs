//! Masking (RFC 6455 section 5.3), fused with the question whether the result is ASCII, and with the
//! copy of what is to be sent.
//!
//! Text of venues is ASCII but for a name here and there, and ASCII is valid UTF-8: so the one pass
//! that unmasks a payload validates it too, and only text with other characters is looked at again.
//!
//! Cost: a pass over the bytes in registers of 32 where the CPU has AVX2, of 16 where it has not.
//! What does not fill the last registers is done by some that overlap the ones before, not byte by
//! byte.

/// Payloads shorter than this are not worth a call into code for wider registers.
const WIDE_BYTES_MIN: usize = 128;

const WORD_BYTES: usize = 8;

/// Words that are gone over at a time where payloads are long: two or four registers.
const BLOCK_WORDS: usize = 8;

/// Masks or unmasks `data`, whose first byte goes with the first byte of `key`. Says whether all of
/// the result is ASCII.
#[inline]
pub fn apply_mask(data: &mut [u8], key: [u8; 4]) -> bool {
    match data.len() {
        0..8 => apply_bytes(data, key),
        8..16 => apply_blocks::<1>(data, key, 0),
        16..WIDE_BYTES_MIN => apply_blocks::<2>(data, key, 0),
        _ => apply_wide(data, key),
    }
}

/// Puts `data` behind what is in `to`, masked.
#[inline]
pub(crate) fn append_masked(to: &mut Vec<u8>, data: &[u8], key: [u8; 4]) {
    to.reserve(data.len());
    match data.len() {
        0..8 => to.extend(data.iter().zip([key; 2].as_flattened()).map(|(byte, key)| byte ^ key)),
        8..16 => append_blocks::<1>(to, data, key, 0),
        16..WIDE_BYTES_MIN => append_blocks::<2>(to, data, key, 0),
        _ => append_wide(to, data, key),
    }
}

/// The key for the rest of a payload of which so many bytes were masked.
#[inline]
pub(crate) fn rotate(key: [u8; 4], bytes: usize) -> [u8; 4] {
    u32::from_le_bytes(key).rotate_right(8 * (bytes % 4) as u32).to_le_bytes()
}

/// Compiles a function for the registers of AVX2 too, and calls that where the CPU has them.
macro_rules! in_wide_registers {
    (fn $name:ident($($argument:ident: $kind:ty),*) $(-> $result:ty)? { $body:expr }) => {
        #[inline]
        fn $name($($argument: $kind),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn by_avx2($($argument: $kind),*) $(-> $result)? { $body }
                // The answer is kept by the standard library: a load and a branch.
                if std::arch::is_x86_feature_detected!("avx2") {
                    #[expect(unsafe_code, reason = "only who has asked the CPU may call it")]
                    // SAFETY: the CPU has AVX2, which is all that the function asks for.
                    return unsafe { by_avx2($($argument),*) };
                }
            }
            $body
        }
    };
}

in_wide_registers! {
    fn apply_wide(data: &mut [u8], key: [u8; 4]) -> bool {{
        let skip = until_aligned(data.as_ptr());
        apply_blocks::<BLOCK_WORDS>(data, key, skip)
    }}
}

in_wide_registers! {
    fn append_wide(to: &mut Vec<u8>, data: &[u8], key: [u8; 4]) {{
        let skip = until_aligned(to.spare_capacity_mut().as_ptr().cast());
        append_blocks::<BLOCK_WORDS>(to, data, key, skip);
    }}
}

/// A block of 1, 2 or 8 words, as bytes.
type Block<const WORDS: usize> = [[u8; WORD_BYTES]; WORDS];

#[inline(always)]
fn apply_bytes(data: &mut [u8], key: [u8; 4]) -> bool {
    let mut seen = 0;
    for (byte, key) in data.iter_mut().zip([key; 2].as_flattened()) {
        *byte ^= key;
        seen |= *byte;
    }
    seen < 0x80
}

/// Of one block and `skip` bytes at least, which are the first block's alone: so the others may be
/// aligned.
#[inline(always)]
fn apply_blocks<const WORDS: usize>(data: &mut [u8], key: [u8; 4], skip: usize) -> bool {
    let block_bytes = WORDS * WORD_BYTES;
    let last_start = data.len() - block_bytes;
    // The first and the last block are read before the others are written, since they may overlap.
    let (first, last) = (block_at::<WORDS>(data, 0), block_at::<WORDS>(data, last_start));
    let mut seen = [0; WORDS];
    let others = (last_start - skip).div_ceil(block_bytes);
    let key_of_others = rotate(key, skip);
    for block in &mut data[skip..].as_chunks_mut().0.as_chunks_mut::<WORDS>().0[..others] {
        *block = masked(block, key_of_others, &mut seen);
    }
    if skip > 0 {
        let first = masked(&first, key, &mut seen);
        data[..block_bytes].copy_from_slice(first.as_flattened());
    }
    let last = masked(&last, rotate(key, last_start), &mut seen);
    data[last_start..].copy_from_slice(last.as_flattened());
    seen.iter().fold(0, |all, seen| all | seen) & 0x8080_8080_8080_8080 == 0
}

/// As [`apply_blocks`], from one place to another.
#[inline(always)]
fn append_blocks<const WORDS: usize>(to: &mut Vec<u8>, data: &[u8], key: [u8; 4], skip: usize) {
    let block_bytes = WORDS * WORD_BYTES;
    let last_start = data.len() - block_bytes;
    let room = &mut to.spare_capacity_mut()[..data.len()];
    let mut ignored = [0; WORDS];
    if skip > 0 {
        let first = masked(&block_at::<WORDS>(data, 0), key, &mut ignored);
        room[..block_bytes].write_copy_of_slice(first.as_flattened());
    }
    let others = (last_start - skip).div_ceil(block_bytes);
    let room_words = room[skip..].as_chunks_mut::<WORD_BYTES>().0;
    let room_blocks = &mut room_words.as_chunks_mut::<WORDS>().0[..others];
    let blocks = &data[skip..].as_chunks().0.as_chunks::<WORDS>().0[..others];
    let key_of_others = rotate(key, skip);
    for (room, block) in room_blocks.iter_mut().zip(blocks) {
        for (room, word) in room.iter_mut().zip(masked(block, key_of_others, &mut ignored)) {
            room.write_copy_of_slice(&word);
        }
    }
    let last = block_at::<WORDS>(data, last_start);
    let last = masked(&last, rotate(key, last_start), &mut ignored);
    room[last_start..].write_copy_of_slice(last.as_flattened());
    let end = to.len() + data.len();
    #[expect(unsafe_code, reason = "memory that is written is not cleared before")]
    // SAFETY: all of the room, as long as the data, was just written: its first block where bytes
    // are skipped, of which there are no more than a block has; behind them blocks without a gap,
    // of which the last one ends where the last block of all begins, or behind; and that one.
    unsafe {
        to.set_len(end);
    }
}

/// How many bytes are before the first address where a block should begin.
#[inline(always)]
fn until_aligned(address: *const u8) -> usize {
    const BLOCK_BYTES: usize = BLOCK_WORDS * WORD_BYTES;
    address.addr().wrapping_neg() % BLOCK_BYTES
}

#[inline(always)]
fn block_at<const WORDS: usize>(data: &[u8], start: usize) -> Block<WORDS> {
    let mut block = [[0; WORD_BYTES]; WORDS];
    block.as_flattened_mut().copy_from_slice(&data[start..start + WORDS * WORD_BYTES]);
    block
}

#[inline(always)]
fn masked<const WORDS: usize>(
    block: &Block<WORDS>,
    key: [u8; 4],
    seen: &mut [u64; WORDS],
) -> Block<WORDS> {
    let key = u32::from_ne_bytes(key);
    let key = u64::from(key) << 32 | u64::from(key);
    let mut masked = *block;
    for (word, seen) in masked.iter_mut().zip(seen) {
        let plain = u64::from_ne_bytes(*word) ^ key;
        *seen |= plain;
        *word = plain.to_ne_bytes();
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

    fn naive(data: &mut [u8], key: [u8; 4]) -> bool {
        data.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        data.is_ascii()
    }

    #[test]
    fn every_length_at_every_alignment_is_as_byte_by_byte() {
        let data: Vec<u8> = (0..700_u32).map(|index| (index * 31 % 251) as u8).collect();
        for start in 0..32 {
            for end in start..data.len() {
                let (mut fast, mut slow) = (data.clone(), data.clone());
                let is_ascii = apply_mask(&mut fast[start..end], KEY);
                assert_eq!(is_ascii, naive(&mut slow[start..end], KEY), "{start}..{end}");
                assert_eq!(fast, slow, "{start}..{end}: and nothing beside it");
            }
        }
    }

    #[test]
    fn what_is_appended_is_masked_at_every_length_behind_whatever_is_there() {
        let data: Vec<u8> = (0..700_u32).map(|index| (index * 31 % 251) as u8).collect();
        for end in 0..data.len() {
            for kept in [0, 1, 13] {
                let mut appended = data[..kept].to_vec();
                append_masked(&mut appended, &data[..end], KEY);
                let mut slow = data[..end].to_vec();
                naive(&mut slow, KEY);
                assert_eq!(appended, [&data[..kept], &slow].concat(), "{end} behind {kept}");
            }
        }
    }

    #[test]
    fn one_byte_that_is_not_ascii_is_seen_wherever_it_stands() {
        for length in [1, 7, 8, 63, 64, 65, 127, 128, 300] {
            for place in 0..length {
                let mut data = vec![b'x'; length];
                assert!(apply_mask(&mut data, [0x11; 4]), "masked, but still ASCII");
                data[place] ^= 0x80;
                assert!(!apply_mask(&mut data, [0x11; 4]), "{place} of {length}");
            }
        }
    }

    #[test]
    fn a_payload_may_be_unmasked_in_pieces() {
        let whole: Vec<u8> = (0..100).collect();
        for cut in 0..=whole.len() {
            let (mut once, mut twice) = (whole.clone(), whole.clone());
            apply_mask(&mut once, KEY);
            apply_mask(&mut twice[..cut], KEY);
            apply_mask(&mut twice[cut..], rotate(KEY, cut));
            assert_eq!(once, twice, "{cut}");
        }
    }
}
