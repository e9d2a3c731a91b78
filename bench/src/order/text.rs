//! The order that every client of `http-order` sends, and the answer that it gets.
//!
//! The peers of `bench/peers` include this very file, so that all send the same; it needs nothing
//! but the standard library. Invariant: orders differ in fields of fixed width and in nothing
//! else, so all of one client are of one length. Cost of the next order: four numbers written over
//! the last ones.

/// Where orders go.
pub const TARGET: &str = "/api/v3/order";
/// Headers that stay, beside `host` and `content-length`.
pub const HEADERS: [(&str, &str); 3] = [
    ("user-agent", "taut-bench"),
    ("content-type", "application/json"),
    ("x-api-key", "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zv"),
];
/// The header that changes with each order.
pub const SIGNATURE: &str = "x-signature";
/// The value of that header: as many digits as SHA-256 has. A number stands for the signature,
/// since making one costs every client the same.
pub const SIGNATURE_VALUE: &[Piece] = &[Piece::Field(Field::Signature)];
/// The body of the request.
pub const BODY: &[Piece] = &[
    Piece::Text(r#"{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"0.5","price":"64"#),
    Piece::Field(Field::Price),
    Piece::Text(r#".50","newClientOrderId":""#),
    Piece::Field(Field::Id),
    Piece::Text(r#"","timestamp":"#),
    Piece::Field(Field::Time),
    Piece::Text("}"),
];
/// The body of every answer, whose status is 200.
pub const ANSWER: &str =
    r#"{"symbol":"BTCUSDT","orderId":4711474747,"status":"NEW","transactTime":1700000000000}"#;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What stays.
    Text(&'static str),
    /// What changes.
    Field(Field),
}

/// What differs from order to order: decimal digits, with zeros in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The last digits of the price, before its point.
    Price,
    /// The client's own number of the order.
    Id,
    /// When it was made, in ms since 1970.
    Time,
    /// What stands for its signature.
    Signature,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Price, Self::Id, Self::Time, Self::Signature];

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Id => "id",
            Self::Time => "time",
            Self::Signature => "signature",
        }
    }

    /// How many digits it has.
    pub fn width(self) -> usize {
        match self {
            Self::Price => 3,
            Self::Id => 12,
            Self::Time => 13,
            Self::Signature => 64,
        }
    }

    /// What it is in the order with that number.
    pub fn value(self, number: u64) -> u64 {
        match self {
            Self::Price => number % 1_000,
            Self::Id => number % 1_000_000_000_000,
            Self::Time => 1_700_000_000_000 + number % 1_000_000_000_000,
            Self::Signature => number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }
}

/// A text with such fields, written once and changed in place.
#[derive(Clone, Debug, Default)]
pub struct Text {
    bytes: Vec<u8>,
    places: Vec<(Field, usize)>,
}

impl Text {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends what stays.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Appends pieces.
    #[must_use]
    pub fn pieces(mut self, pieces: &[Piece]) -> Self {
        for piece in pieces {
            match piece {
                Piece::Text(text) => self.bytes.extend_from_slice(text.as_bytes()),
                Piece::Field(field) => {
                    self.places.push((*field, self.bytes.len()));
                    self.bytes.resize(self.bytes.len() + field.width(), b'0');
                }
            }
        }
        self
    }

    /// Becomes that of the order with this number.
    pub fn set(&mut self, number: u64) {
        for &(field, place) in &self.places {
            let mut left = field.value(number);
            for digit in self.bytes[place..place + field.width()].iter_mut().rev() {
                *digit = b'0' + (left % 10) as u8;
                left /= 10;
            }
        }
    }

    /// What it is now.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
