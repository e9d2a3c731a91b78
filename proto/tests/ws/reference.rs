//! A decoder that is as simple as RFC 6455 allows: it has all bytes at once, copies them, and looks
//! at each rule in the order in which the bytes come. Ours has to make the same of every stream.

use taut_proto::ws::wire::{CloseCode, CloseFrame};
use taut_proto::ws::{MessageLimits, Role};

use crate::pieces::{Event, Reading};

const PROTOCOL_ERROR: u16 = 1002;
const INVALID_DATA: u16 = 1007;
const POLICY: u16 = 1008;
const TOO_LONG: u16 = 1009;

/// A frame, of which the end may be missing.
struct Frame {
    is_final: bool,
    opcode: u8,
    payload: Vec<u8>,
    is_whole: bool,
    payload_bytes: u64,
}

struct Message {
    is_text: bool,
    bytes: Vec<u8>,
    declared_bytes: u64,
    fragments: u32,
}

pub(crate) fn read(bytes: &[u8], role: Role, limits: MessageLimits) -> Reading {
    let mut events = Vec::new();
    let refusal = read_all(bytes, role, limits, &mut events).err();
    Reading { events, refusal }
}

fn read_all(
    mut rest: &[u8],
    role: Role,
    limits: MessageLimits,
    events: &mut Vec<Event>,
) -> Result<(), u16> {
    let mut message = None;
    while let Some((frame, frame_bytes)) = read_frame(rest, role)? {
        rest = &rest[frame_bytes..];
        if frame.opcode >= 8 {
            if !frame.is_whole {
                break;
            }
            events.push(control(&frame)?);
            if frame.opcode == 8 {
                break;
            }
            continue;
        }
        let begun = begin(&mut message, &frame, limits)?;
        begun.bytes.extend_from_slice(&frame.payload);
        let ends = frame.is_whole && frame.is_final;
        if begun.is_text && !is_text(&begun.bytes, ends) {
            return Err(INVALID_DATA);
        }
        if ends && let Some(Message { is_text, bytes, .. }) = message.take() {
            events.push(if is_text { Event::Text(bytes) } else { Event::Binary(bytes) });
        }
        if !frame.is_whole {
            break;
        }
    }
    Ok(())
}

fn begin<'a>(
    message: &'a mut Option<Message>,
    frame: &Frame,
    limits: MessageLimits,
) -> Result<&'a mut Message, u16> {
    if message.is_some() != (frame.opcode == 0) {
        return Err(PROTOCOL_ERROR);
    }
    let is_single = message.is_none() && frame.is_final;
    let message = message.get_or_insert_with(|| {
        let is_text = frame.opcode == 1;
        Message { is_text, bytes: Vec::new(), declared_bytes: 0, fragments: 0 }
    });
    message.fragments += 1;
    if !is_single && message.fragments > limits.fragments_max {
        return Err(POLICY);
    }
    message.declared_bytes = message.declared_bytes.saturating_add(frame.payload_bytes);
    if message.declared_bytes > limits.message_bytes_max as u64 {
        return Err(TOO_LONG);
    }
    Ok(message)
}

/// Whether the bytes are text, or the beginning of some.
fn is_text(bytes: &[u8], ends: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => !ends && error.error_len().is_none(),
    }
}

fn control(frame: &Frame) -> Result<Event, u16> {
    let payload = frame.payload.clone();
    match frame.opcode {
        9 => return Ok(Event::Ping(payload)),
        10 => return Ok(Event::Pong(payload)),
        _ => {}
    }
    if payload.is_empty() {
        return Ok(Event::Close(None));
    }
    let Some((code, reason)) = payload.split_first_chunk() else { return Err(PROTOCOL_ERROR) };
    let code = u16::from_be_bytes(*code);
    let is_sent = (1000..5000).contains(&code) && !(1015..3000).contains(&code);
    if !is_sent || [1004, 1005, 1006].contains(&code) {
        return Err(PROTOCOL_ERROR);
    }
    let reason = String::from_utf8(reason.to_vec()).map_err(|_| INVALID_DATA)?;
    let code = CloseCode::new(code).ok_or(PROTOCOL_ERROR)?;
    Ok(Event::Close(Some(CloseFrame { code, reason: reason.into() })))
}

/// The frame at the beginning and how many bytes of it there are; nothing where its header is not
/// whole.
fn read_frame(bytes: &[u8], role: Role) -> Result<Option<(Frame, usize)>, u16> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let (is_final, opcode) = (first & 0x80 != 0, first & 0x0F);
    let is_known = [0, 1, 2, 8, 9, 10].contains(&opcode);
    if first & 0x70 != 0 || !is_known || (opcode >= 8 && !is_final) {
        return Err(PROTOCOL_ERROR);
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    let short = second & 0x7F;
    if (second & 0x80 != 0) != (role == Role::Server) || (opcode >= 8 && short > 125) {
        return Err(PROTOCOL_ERROR);
    }
    let length_bytes = [0, 2, 8][usize::from(short.saturating_sub(125))];
    if length_bytes == 8 && bytes.get(2).is_some_and(|byte| byte & 0x80 != 0) {
        return Err(PROTOCOL_ERROR);
    }
    let Some(length) = bytes.get(2..2 + length_bytes) else { return Ok(None) };
    let long = length.iter().fold(0, |length, &byte| length << 8 | u64::from(byte));
    let least = [0, 126, 0x1_0000][usize::from(short.saturating_sub(125))];
    if long < least {
        return Err(PROTOCOL_ERROR);
    }
    let payload_bytes = if length_bytes == 0 { u64::from(short) } else { long };
    let mut start = 2 + length_bytes;
    let mut key = [0; 4];
    if role == Role::Server {
        let Some(there) = bytes.get(start..start + 4) else { return Ok(None) };
        key.copy_from_slice(there);
        start += 4;
    }
    let there = (bytes.len() - start).min(usize::try_from(payload_bytes).unwrap_or(usize::MAX));
    let masked = &bytes[start..start + there];
    let payload = masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    let is_whole = there as u64 == payload_bytes;
    let frame = Frame { is_final, opcode, payload, is_whole, payload_bytes };
    Ok(Some((frame, start + there)))
}
