//! Masking (RFC 6455 section 5.3), fused with the question whether the result is ASCII.
//!
//! Text of venues is ASCII but for a name here and there, and ASCII is valid UTF-8: so the one pass
//! that unmasks a payload validates it too, and only text with other characters is looked at again.
//!
//! Cost: a pass over the bytes in registers of 32 where the CPU has AVX2, of 16 where it has not.

/// Payloads shorter than this are not worth a call into code for wider registers.
const WIDE_BYTES_MIN: usize = 128;

/// Masks or unmasks `data`, whose first byte goes with the first byte of `key`. Says whether all of
/// the result is ASCII.
#[inline]
pub fn apply_mask(data: &mut [u8], key: [u8; 4]) -> bool {
    if data.len() < WIDE_BYTES_MIN {
        return apply(data, key);
    }
    apply_wide(data, key)
}

/// The key for the rest of a payload of which so many bytes were masked.
#[inline]
pub(crate) fn rotate(key: [u8; 4], bytes: usize) -> [u8; 4] {
    u32::from_le_bytes(key).rotate_right(8 * (bytes % 4) as u32).to_le_bytes()
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn apply_wide(data: &mut [u8], key: [u8; 4]) -> bool {
    #[target_feature(enable = "avx2")]
    fn apply_avx2(data: &mut [u8], key: [u8; 4]) -> bool {
        apply(data, key)
    }
    // The answer is kept by the standard library: a load and a branch.
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "only who has asked the CPU may call it")]
        // SAFETY: the CPU has AVX2, which is all that the function asks for.
        return unsafe { apply_avx2(data, key) };
    }
    apply(data, key)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn apply_wide(data: &mut [u8], key: [u8; 4]) -> bool {
    apply(data, key)
}

/// Compiled for the registers of whoever it is inlined to.
#[inline(always)]
fn apply(data: &mut [u8], key: [u8; 4]) -> bool {
    let key = u32::from_ne_bytes(key);
    let wide_key = u64::from(key) << 32 | u64::from(key);
    let mut seen = [0_u64; 8];
    let (blocks, rest) = data.as_chunks_mut::<64>();
    for block in blocks {
        let (words, _) = block.as_chunks_mut::<8>();
        for (word, seen) in words.iter_mut().zip(&mut seen) {
            let plain = u64::from_ne_bytes(*word) ^ wide_key;
            *word = plain.to_ne_bytes();
            *seen |= plain;
        }
    }
    let mut seen = seen.iter().fold(0, |all, seen| all | seen);
    let (words, rest) = rest.as_chunks_mut::<8>();
    for word in words {
        let plain = u64::from_ne_bytes(*word) ^ wide_key;
        *word = plain.to_ne_bytes();
        seen |= plain;
    }
    for (byte, key) in rest.iter_mut().zip(wide_key.to_ne_bytes()) {
        *byte ^= key;
        seen |= u64::from(*byte);
    }
    seen & 0x8080_8080_8080_8080 == 0
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
