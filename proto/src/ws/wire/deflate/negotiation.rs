//! What both ends agree on (RFC 7692 section 7.1), as parameters of the extension.
//!
//! Invariants: a parameter that is unknown, that comes twice or that has a value it may not have
//! refuses the offer or answer it stands in. What is agreed on is never more than either end wants.

use std::fmt;

use super::options::{DeflateOptions, Direction, WINDOW_BITS_MAX, WINDOW_BITS_MIN};

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
        write!(f, "{}: {}", DeflateOptions::NAME, self.0)
    }
}

impl std::error::Error for DeflateRefusal {}

impl DeflateOptions {
    /// The name that the extension has in `Sec-WebSocket-Extensions`.
    pub const NAME: &str = "permessage-deflate";

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
        f.write_str(DeflateOptions::NAME)?;
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
mod tests {
    use super::*;

    /// Whether what is sent, and what is received, has context, and the bits of its window.
    type Directions = [(bool, u8); 2];

    type Pair = (&'static str, Option<&'static str>);

    const SERVER_KEEPS_NOTHING: Pair = ("server_no_context_takeover", None);
    const CLIENT_KEEPS_NOTHING: Pair = ("client_no_context_takeover", None);

    fn server_bits(value: &'static str) -> Pair {
        ("server_max_window_bits", Some(value))
    }

    fn client_bits(value: impl Into<Option<&'static str>>) -> Pair {
        ("client_max_window_bits", value.into())
    }

    fn any() -> DeflateOptions {
        DeflateOptions::default()
    }

    /// Context and window of both directions: sent, then received.
    fn terms(agreement: DeflateAgreement) -> Directions {
        [agreement.send, agreement.receive].map(|way| (way.keeps_context, way.window_bits))
    }

    #[test]
    fn an_offer_says_what_the_client_wants() {
        assert_eq!(any().offer(), "permessage-deflate; client_max_window_bits");
        let small = any().send_window_bits(9).receive_window_bits(8);
        assert_eq!(
            small.send_context(false).receive_context(false).offer(),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=8; client_max_window_bits=9"
        );
        assert_eq!(
            any().receive_context(false).offer(),
            "permessage-deflate; server_no_context_takeover; client_max_window_bits"
        );
    }

    #[test]
    fn a_server_answers_with_the_least_that_either_end_wants() {
        let none = any().send_context(false).receive_context(false);
        let small = any().send_window_bits(10).receive_window_bits(11);
        let cases: &[(DeflateOptions, &[Pair], &str, Directions)] = &[
            (any(), &[], "", [(true, 15), (true, 15)]),
            (any(), &[client_bits(None)], "", [(true, 15), (true, 15)]),
            (any(), &[client_bits("15")], "", [(true, 15), (true, 15)]),
            (any(), &[client_bits("9")], "; client_max_window_bits=9", [(true, 15), (true, 9)]),
            (any(), &[server_bits("15")], "; server_max_window_bits=15", [(true, 15), (true, 15)]),
            (
                any(),
                &[server_bits("8"), SERVER_KEEPS_NOTHING],
                "; server_no_context_takeover; server_max_window_bits=8",
                [(false, 8), (true, 15)],
            ),
            (
                any(),
                &[CLIENT_KEEPS_NOTHING],
                "; client_no_context_takeover",
                [(true, 15), (false, 15)],
            ),
            (
                none,
                &[],
                "; server_no_context_takeover; client_no_context_takeover",
                [(false, 15), (false, 15)],
            ),
            // It can't be asked of a client that does not offer it.
            (small, &[], "; server_max_window_bits=10", [(true, 10), (true, 15)]),
            (
                small,
                &[client_bits(None), server_bits("12")],
                "; server_max_window_bits=10; client_max_window_bits=11",
                [(true, 10), (true, 11)],
            ),
            (
                small,
                &[client_bits("8"), server_bits("9")],
                "; server_max_window_bits=9; client_max_window_bits=8",
                [(true, 9), (true, 8)],
            ),
        ];
        for (options, offer, answer, expected) in cases {
            let (agreement, text) = options.answer(offer.iter().copied()).unwrap();
            assert_eq!(text, format!("permessage-deflate{answer}"), "{offer:?}");
            assert_eq!(terms(agreement), *expected, "{offer:?}");
        }
    }

    #[test]
    fn a_client_takes_an_answer_that_gives_what_it_asked_for() {
        let none = any().send_context(false).receive_context(false);
        let small = any().send_window_bits(10).receive_window_bits(11);
        let cases: &[(DeflateOptions, &[Pair], Option<Directions>)] = &[
            (any(), &[], Some([(true, 15), (true, 15)])),
            // What was not asked for, but may be answered.
            (any(), &[SERVER_KEEPS_NOTHING], Some([(true, 15), (false, 15)])),
            (any(), &[CLIENT_KEEPS_NOTHING], Some([(false, 15), (true, 15)])),
            (any(), &[server_bits("8")], Some([(true, 15), (true, 8)])),
            (any(), &[client_bits("8")], Some([(true, 8), (true, 15)])),
            (any(), &[client_bits("15")], Some([(true, 15), (true, 15)])),
            (any(), &[client_bits(None)], None),
            // The client's own context was only a hint; the server's was a demand.
            (none, &[SERVER_KEEPS_NOTHING], Some([(false, 15), (false, 15)])),
            (none, &[CLIENT_KEEPS_NOTHING], None),
            (none, &[], None),
            (small, &[server_bits("11")], Some([(true, 10), (true, 11)])),
            (small, &[server_bits("9"), client_bits("9")], Some([(true, 9), (true, 9)])),
            (small, &[], None),
            (small, &[server_bits("12")], None),
            (small, &[server_bits("11"), client_bits("11")], None),
        ];
        for (options, answer, expected) in cases {
            let agreed = options.agree(answer.iter().copied());
            assert_eq!(agreed.ok().map(terms), *expected, "{options:?} {answer:?}");
        }
    }

    #[test]
    fn what_is_wrong_refuses_offer_and_answer() {
        let wrong: &[&[Pair]] = &[
            &[("", None)],
            &[("foo", None)],
            &[("Server_no_context_takeover", None)],
            &[("server_no_context_takeover", Some("true"))],
            &[("client_no_context_takeover", Some(""))],
            &[("server_max_window_bits", None)],
            &[SERVER_KEEPS_NOTHING, SERVER_KEEPS_NOTHING],
            &[CLIENT_KEEPS_NOTHING, server_bits("10"), CLIENT_KEEPS_NOTHING],
            &[server_bits("10"), server_bits("10")],
            &[client_bits("10"), client_bits("10")],
            &[client_bits(None), client_bits("10")],
            &[client_bits("10"), client_bits(None)],
        ];
        for parameters in wrong {
            assert_eq!(any().answer(parameters.iter().copied()), None, "{parameters:?}");
            assert!(any().agree(parameters.iter().copied()).is_err(), "{parameters:?}");
        }
        for value in
            ["", "7", "16", "08", "015", "+9", "-9", " 9", "9 ", "0x9", "9.0", "256", "265"]
        {
            for parameter in [server_bits(value), client_bits(value)] {
                assert_eq!(any().answer([parameter]), None, "{parameter:?}");
                assert!(any().agree([parameter]).is_err(), "{parameter:?}");
            }
        }
    }

    #[test]
    fn the_first_acceptable_offer_of_several_is_taken() {
        let offers: [&[Pair]; 3] =
            [&[("foo", None)], &[server_bits("10")], &[SERVER_KEEPS_NOTHING]];
        let taken = offers.iter().find_map(|offer| any().answer(offer.iter().copied()));
        assert_eq!(taken.unwrap().1, "permessage-deflate; server_max_window_bits=10");
    }

    #[test]
    fn both_ends_understand_the_agreement_alike() {
        let mut wants = Vec::new();
        for bits in 0..16 {
            let is = |bit: u8| bits & 1 << bit != 0;
            let want = any().send_context(is(0)).receive_context(is(1));
            let want = want.send_window_bits(if is(2) { 15 } else { 9 });
            wants.push(want.receive_window_bits(if is(3) { 15 } else { 8 }));
        }
        let read = |text: &str| -> Vec<(String, Option<String>)> {
            text.split("; ")
                .skip(1)
                .map(|parameter| match parameter.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (parameter.to_owned(), None),
                })
                .collect()
        };
        for client in &wants {
            for server in &wants {
                let offer = read(&client.offer());
                let offer = offer.iter().map(|(name, value)| (&**name, value.as_deref()));
                let (of_server, answer) = server.answer(offer).unwrap();
                let answer = read(&answer);
                let answer = answer.iter().map(|(name, value)| (&**name, value.as_deref()));
                let of_client = client.agree(answer).unwrap();
                assert_eq!(of_client.send, of_server.receive);
                assert_eq!(of_client.receive, of_server.send);
            }
        }
    }
}
