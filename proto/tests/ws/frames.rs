//! Frames as a peer may send them, also such as it must not.

use taut_proto::ws::Role;

/// The key that hostile clients mask with here.
pub(crate) const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// Both ends, as those who read.
pub(crate) const READERS: [Role; 2] = [Role::Client, Role::Server];

/// In how many bytes a length is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Minimal,
    Two,
    Eight,
}

/// A frame for this reader, masked as it has to be, whose first byte is `first`.
pub(crate) fn frame(reader: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    frame_with(reader == Role::Server, Length::Minimal, first, payload)
}

/// A frame with all that a peer may do otherwise.
pub(crate) fn frame_with(is_masked: bool, length: Length, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(is_masked, length, first, payload.len() as u64);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    if is_masked {
        for (byte, key) in bytes[start..].iter_mut().zip(KEY.iter().cycle()) {
            *byte ^= key;
        }
    }
    bytes
}

/// A header that declares a payload, which need not come.
pub(crate) fn header(is_masked: bool, length: Length, first: u8, payload_bytes: u64) -> Vec<u8> {
    let mask_bit = u8::from(is_masked) << 7;
    let mut bytes = vec![first];
    match (length, payload_bytes) {
        (Length::Minimal, 0..=125) => bytes.push(mask_bit | payload_bytes as u8),
        (Length::Minimal, 126..=0xFFFF) | (Length::Two, _) => {
            bytes.push(mask_bit | 126);
            bytes.extend((payload_bytes as u16).to_be_bytes());
        }
        (Length::Minimal | Length::Eight, _) => {
            bytes.push(mask_bit | 127);
            bytes.extend(payload_bytes.to_be_bytes());
        }
    }
    if is_masked {
        bytes.extend(KEY);
    }
    bytes
}
