//! tungstenite as a second opinion on ours: what we take, it takes and reads alike; what it alone
//! takes, we refuse for a reason that is named here. The fuzz target asks it as well.

use std::io::{self, Read, Write};

use taut_proto::ws::wire::{CloseCode, CloseFrame};
use taut_proto::ws::{CONTROL_PAYLOAD_BYTES_MAX, MessageLimits, Role};
use tungstenite::error::ProtocolError;
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use crate::pieces::{By, Event, Reading, read};

/// Is read up to its end; what is written is dropped.
struct Memory<'a>(&'a [u8]);

impl Read for Memory<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why we refuse what tungstenite takes, or waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stricter {
    /// Its verdict falls when a frame is whole, ours with the byte that decides it.
    Sooner,
    /// It takes lengths in more bytes than they need (RFC 6455 section 5.2).
    LengthNotMinimal,
    /// It takes close codes that nobody may send, and tells of another (section 7.4).
    CloseCode,
    /// It does not count fragments.
    Fragments,
}

/// What it tells of a close frame with 1014: it does not know this code, which IANA registered
/// after the RFC, and says that nobody may send it.
fn as_they_tell(event: Event) -> Event {
    match event {
        Event::Close(Some(frame)) if frame.code == CloseCode::BAD_GATEWAY => {
            Event::Close(Some(CloseFrame {
                code: CloseCode::PROTOCOL_ERROR,
                reason: "Protocol violation".into(),
            }))
        }
        event => event,
    }
}

/// What it makes of the bytes, and whether it refuses what comes next.
fn theirs(bytes: &[u8], role: Role, limits: MessageLimits) -> (Vec<Event>, bool) {
    let bytes_max = limits.message_bytes_max;
    let config = WebSocketConfig::default()
        .max_message_size(Some(bytes_max))
        // Control frames count as well there.
        .max_frame_size(Some(bytes_max.max(CONTROL_PAYLOAD_BYTES_MAX)));
    let role = match role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    };
    let mut socket = WebSocket::from_raw_socket(Memory(bytes), role, Some(config));
    let mut events = Vec::new();
    loop {
        events.push(match socket.read() {
            Ok(Message::Text(text)) => Event::Text(text.as_bytes().to_vec()),
            Ok(Message::Binary(data)) => Event::Binary(data.to_vec()),
            Ok(Message::Ping(payload)) => Event::Ping(payload.to_vec()),
            Ok(Message::Pong(payload)) => Event::Pong(payload.to_vec()),
            Ok(Message::Close(frame)) => {
                events.push(Event::Close(frame.map(|frame| CloseFrame {
                    code: CloseCode::new(frame.code.into()).expect("others are replaced"),
                    reason: frame.reason.as_str().into(),
                })));
                return (events, false);
            }
            Ok(Message::Frame(_)) => unreachable!("frames were not asked for"),
            // The end of the memory.
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return (events, false);
            }
            Err(_) => return (events, true),
        });
    }
}

/// Both opinions; why we alone refuse, if we do.
///
/// Panics where they differ and nothing here says why.
pub(crate) fn compare(bytes: &[u8], role: Role, limits: MessageLimits) -> Option<Stricter> {
    let Reading { events, refusal } = read(bytes, &[], role, limits, By::Look);
    let events: Vec<Event> = events.into_iter().map(as_they_tell).collect();
    let (their_events, they_refuse) = theirs(bytes, role, limits);
    let text = bytes.escape_ascii();
    let Some(code) = refusal else {
        assert_eq!((their_events, they_refuse), (events, false), "{role:?}: {text}");
        return None;
    };
    assert!(their_events.starts_with(&events), "{role:?}: {events:?}, {their_events:?}: {text}");
    match (code, their_events.get(events.len())) {
        (_, None) => (!they_refuse).then_some(Stricter::Sooner),
        (1008, Some(_)) => Some(Stricter::Fragments),
        (1002, Some(_)) if has_long_length(bytes) => Some(Stricter::LengthNotMinimal),
        (1002, Some(Event::Close(_))) => Some(Stricter::CloseCode),
        (_, Some(_)) => panic!("{role:?}, {code}: they read {their_events:?} of {text}"),
    }
}

/// Whether some length may be said in more than one byte.
fn has_long_length(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| byte & 0x7F >= 126)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{Length, READERS, frame, frame_with, header};

    #[test]
    fn each_difference_is_one() {
        let limits = MessageLimits::default().message_bytes_max(1000).fragments_max(2);
        for reader in READERS {
            let is_masked = reader == Role::Server;
            let pieces = [frame(reader, 1, b""), frame(reader, 0, b""), frame(reader, 0x80, b"")];
            let mut begun_text = frame(reader, 0x81, b"\xFFab");
            begun_text.pop();
            let differences = [
                (frame_with(is_masked, Length::Two, 0x82, b"ab"), Stricter::LengthNotMinimal),
                (frame_with(is_masked, Length::Eight, 0x81, b"ab"), Stricter::LengthNotMinimal),
                (frame(reader, 0x88, &1005_u16.to_be_bytes()), Stricter::CloseCode),
                (pieces.concat(), Stricter::Fragments),
                (vec![0xF1], Stricter::Sooner),
                (header(!is_masked, Length::Minimal, 0x81, 5), Stricter::Sooner),
                (begun_text, Stricter::Sooner),
            ];
            for (bytes, reason) in differences {
                let verdict = compare(&bytes, reader, limits);
                assert_eq!(verdict, Some(reason), "{}", bytes.escape_ascii());
            }
            for agreed in [frame(reader, 0x82, &[7; 1001]), frame(reader, 0x88, b"\x03\xF6ab")] {
                assert_eq!(compare(&agreed, reader, limits), None);
            }
        }
    }
}
