//! wsproto, which others wrote in Python, as a third opinion on ours: both take the same and read
//! it alike, and refuse with the same code. Each difference has a name here. Where wsproto is
//! missing, the tests say so and skip.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use taut_proto::ws::wire::{CloseCode, CloseFrame};
use taut_proto::ws::{MessageLimits, Role};

use crate::frames::{KEY, Length, READERS, frame, frame_with, header};
use crate::pieces::{By, Event, Reading, read};
use crate::properties::soup;

const SCRIPT: &str = include_str!("wsproto.py");
/// What it tells where a close frame has no code (RFC 6455 section 7.1.5).
const NO_CODE: u16 = 1005;

/// Where they and we differ, and may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Difference {
    /// Its verdict falls when a header is whole, or a control frame; ours with the byte that
    /// decides it. It has no limits.
    Sooner,
    /// It takes 1014 for a code that nobody may send; IANA registered it after the RFC.
    BadGateway,
}

/// A process that reads streams.
struct Wsproto {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Wsproto {
    fn start() -> Option<Self> {
        let has = |python: &&str| {
            let mut command = Command::new(python);
            command.args(["-c", "import wsproto"]).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(has) else {
            eprintln!("SKIPPED: no python3 here has wsproto");
            return None;
        };
        let mut command = Command::new(python);
        command.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Some(Self { process, to, from: BufReader::new(from) })
    }

    fn read(&mut self, bytes: &[u8], role: Role) -> Reading {
        let role = if role == Role::Client { "client" } else { "server" };
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(self.to, "{role} {hex}").unwrap();
        let mut reading = Reading::good([]);
        loop {
            let mut line = String::new();
            assert_ne!(self.from.read_line(&mut line).unwrap(), 0, "wsproto failed at {hex}");
            let words: Vec<&str> = line.trim_end_matches('\n').split(' ').collect();
            reading.events.push(match *words {
                ["text", hex] => Event::Text(from_hex(hex)),
                ["binary", hex] => Event::Binary(from_hex(hex)),
                ["ping", hex] => Event::Ping(from_hex(hex)),
                ["pong", hex] => Event::Pong(from_hex(hex)),
                ["close", code, reason] => Event::Close(close(code, reason)),
                ["refused", code] => {
                    reading.refusal = Some(code.parse().unwrap());
                    continue;
                }
                ["end"] => return reading,
                _ => panic!("wsproto told {line:?}"),
            });
        }
    }

    /// Both opinions; panics where they differ and nothing here says why.
    fn compare(&mut self, bytes: &[u8], role: Role) -> Option<Difference> {
        let ours = read(bytes, &[], role, MessageLimits::default(), By::Look);
        let theirs = self.read(bytes, role);
        if ours == theirs {
            return None;
        }
        let text = bytes.escape_ascii();
        if let Some((Event::Close(Some(frame)), before)) = ours.events.split_last()
            && frame.code == CloseCode::BAD_GATEWAY
        {
            assert_eq!(Reading::refused(before, 1002), theirs, "{role:?}: {text}");
            return Some(Difference::BadGateway);
        }
        assert!(ours.refusal.is_some(), "{role:?}: {ours:?}, {theirs:?}: {text}");
        assert_eq!(Reading::good(ours.events), theirs, "{role:?}: {text}");
        Some(Difference::Sooner)
    }
}

impl Drop for Wsproto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn from_hex(hex: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(pair).collect()
}

fn close(code: &str, reason: &str) -> Option<CloseFrame> {
    let code: u16 = code.parse().unwrap();
    (code != NO_CODE).then(|| CloseFrame {
        code: CloseCode::new(code).expect("it takes what may be sent"),
        reason: String::from_utf8(from_hex(reason)).unwrap().into(),
    })
}

#[test]
fn wsproto_agrees_or_differs_for_a_reason() {
    let Some(wsproto) = Wsproto::start() else { return };
    let wsproto = RefCell::new(wsproto);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(3000));
    let compare = |(reader, bytes): (Role, Vec<u8>)| {
        wsproto.borrow_mut().compare(&bytes, reader);
        Ok(())
    };
    runner.run(&soup(), compare).unwrap();
}

#[test]
fn wsproto_agrees_on_every_close_code_but_one() {
    let Some(mut wsproto) = Wsproto::start() else { return };
    for code in (0..5100_u16).chain([u16::MAX]) {
        let stream = frame(Role::Server, 0x88, &[&code.to_be_bytes()[..], b"ab"].concat());
        let expected = (code == 1014).then_some(Difference::BadGateway);
        assert_eq!(wsproto.compare(&stream, Role::Server), expected, "{code}");
    }
}

#[test]
fn each_difference_to_wsproto_is_one() {
    let Some(mut wsproto) = Wsproto::start() else { return };
    for reader in READERS {
        let is_masked = reader == Role::Server;
        let mut begun_ping = frame(reader, 0x09, b"ab");
        begun_ping.truncate(1);
        for (stream, expected) in [
            (vec![0xF1], Some(Difference::Sooner)),
            (begun_ping, Some(Difference::Sooner)),
            (header(is_masked, Length::Eight, 0x82, 1 << 40), Some(Difference::Sooner)),
            (frame(reader, 0x88, b"\x03\xF6"), Some(Difference::BadGateway)),
            // Here they are as strict as we are.
            (frame_with(is_masked, Length::Two, 0x82, b"ab"), None),
            (frame_with(is_masked, Length::Eight, 0x81, b"ab"), None),
            (frame_with(!is_masked, Length::Minimal, 0x81, b"ab"), None),
            (frame(reader, 0x88, b"\x03"), None),
            (frame(reader, 0x81, b"\xFFab"), None),
            (frame(reader, 0x81, &KEY), None),
        ] {
            assert_eq!(wsproto.compare(&stream, reader), expected, "{}", stream.escape_ascii());
        }
    }
}
