//! What both ends agree on (RFC 7692 section 7.1), as parameters of the extension.
//!
//! Invariants: a parameter that is unknown, that comes twice or that has a value it may not have
//! refuses the offer or answer it stands in. What is agreed on is never more than either end wants.

use std::fmt;

use super::options::{DeflateOptions, Direction, WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// The extension's name.
const NAME: &str = "permessage-deflate";

/// What both ends agreed on, for the end that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateAgreement {
    pub(super) level: u32,
    pub(super) min_bytes: usize,
    pub(super) send: Direction,
    pub(super) receive: Direction,
}

/// Why an answer can't be agreed to: the connection fails (RFC 7692 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateRefusal(&'static str);

impl fmt::Display for DeflateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME}: {}", self.0)
    }
}

impl std::error::Error for DeflateRefusal {}

impl DeflateOptions {
    /// What a client asks for: an element of `Sec-WebSocket-Extensions`.
    pub fn offer(&self) -> String {
        Parameters {
            server_no_context_takeover: !self.receive.keeps_context,
            client_no_context_takeover: !self.send.keeps_context,
            server_max_window_bits: below_max(self.receive.window_bits),
            // Also without a value: only then may the server ask for fewer.
            client_max_window_bits: Some(below_max(self.send.window_bits)),
        }
        .to_string()
    }

    /// What a server makes of the parameters of one offer of this extension: what is agreed on,
    /// and the answer, an element of `Sec-WebSocket-Extensions`. Nothing where the offer can't be
    /// taken; the client's next one may be.
    pub fn answer<'a>(
        &self,
        offer: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Option<(DeflateAgreement, String)> {
        let offer = Parameters::read(offer).ok()?;
        let asked_bits = offer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
        let send = Direction {
            keeps_context: self.send.keeps_context && !offer.server_no_context_takeover,
            window_bits: self.send.window_bits.min(asked_bits),
        };
        let window_bits = match offer.client_max_window_bits {
            Some(bits) => self.receive.window_bits.min(bits.unwrap_or(WINDOW_BITS_MAX)),
            // It can't be asked for less.
            None => WINDOW_BITS_MAX,
        };
        let keeps_context = self.receive.keeps_context && !offer.client_no_context_takeover;
        let receive = Direction { keeps_context, window_bits };
        let answer = Parameters {
            server_no_context_takeover: !send.keeps_context,
            client_no_context_takeover: !receive.keeps_context,
            // An offer that has it is accepted by an answer that has it, even where it is 15.
            server_max_window_bits: match offer.server_max_window_bits {
                Some(_) => Some(send.window_bits),
                None => below_max(send.window_bits),
            },
            client_max_window_bits: below_max(receive.window_bits).map(Some),
        };
        Some((self.agreement(send, receive), answer.to_string()))
    }

    /// What a client makes of the parameters of the server's answer to its [`offer`](Self::offer).
    ///
    /// # Errors
    ///
    /// Why the answer is none to this offer.
    pub fn agree<'a>(
        &self,
        answer: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<DeflateAgreement, DeflateRefusal> {
        let answer = Parameters::read(answer)?;
        if !self.receive.keeps_context && !answer.server_no_context_takeover {
            return Err(DeflateRefusal("the server keeps its context, and was asked not to"));
        }
        let receive_bits = answer.server_max_window_bits.unwrap_or(WINDOW_BITS_MAX);
        if receive_bits > self.receive.window_bits {
            return Err(DeflateRefusal("the server's window is larger than it was asked for"));
        }
        let send_bits = match answer.client_max_window_bits {
            None => self.send.window_bits,
            Some(None) => return Err(DeflateRefusal("client_max_window_bits without a value")),
            Some(Some(bits)) if bits > self.send.window_bits => {
                return Err(DeflateRefusal("the client's window is larger than it was offered"));
            }
            Some(Some(bits)) => bits,
        };
        let keeps_context = self.send.keeps_context && !answer.client_no_context_takeover;
        let send = Direction { keeps_context, window_bits: send_bits };
        let keeps_context = !answer.server_no_context_takeover;
        let receive = Direction { keeps_context, window_bits: receive_bits };
        Ok(self.agreement(send, receive))
    }

    fn agreement(&self, send: Direction, receive: Direction) -> DeflateAgreement {
        DeflateAgreement { level: self.level, min_bytes: self.min_bytes, send, receive }
    }
}

/// The parameters of an offer or an answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer it may come without a value.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    fn read<'a>(
        from: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, DeflateRefusal> {
        let mut read = Self::default();
        for (name, value) in from {
            let is_second = match (name, value) {
                ("server_no_context_takeover", None) => {
                    std::mem::replace(&mut read.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    std::mem::replace(&mut read.client_no_context_takeover, true)
                }
                ("server_max_window_bits", Some(value)) => {
                    read.server_max_window_bits.replace(window_bits(value)?).is_some()
                }
                ("client_max_window_bits", value) => {
                    let bits = value.map(window_bits).transpose()?;
                    read.client_max_window_bits.replace(bits).is_some()
                }
                ("server_no_context_takeover" | "client_no_context_takeover", Some(_)) => {
                    return Err(DeflateRefusal("a no_context_takeover with a value"));
                }
                ("server_max_window_bits", None) => {
                    return Err(DeflateRefusal("server_max_window_bits without a value"));
                }
                _ => return Err(DeflateRefusal("a parameter that it does not have")),
            };
            if is_second {
                return Err(DeflateRefusal("a parameter twice"));
            }
        }
        Ok(read)
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; server_max_window_bits={bits}")?;
        }
        match self.client_max_window_bits {
            None => Ok(()),
            Some(None) => f.write_str("; client_max_window_bits"),
            Some(Some(bits)) => write!(f, "; client_max_window_bits={bits}"),
        }
    }
}

/// A number from 8 to 15 without leading zeros (section 7.1.2).
fn window_bits(value: &str) -> Result<u8, DeflateRefusal> {
    let is_plain = !value.starts_with(['0', '+']);
    match value.parse() {
        Ok(bits @ WINDOW_BITS_MIN..=WINDOW_BITS_MAX) if is_plain => Ok(bits),
        _ => Err(DeflateRefusal("a window that has not 8 to 15 bits, as a plain number")),
    }
}

/// What need not be said where it is the largest.
fn below_max(window_bits: u8) -> Option<u8> {
    Some(window_bits).filter(|&bits| bits < WINDOW_BITS_MAX)
}

#[cfg(test)]
#[path = "negotiation_tests.rs"]
mod tests;
