//! What TLS must cost an order at least: its request sealed and its answer opened, by the cipher
//! alone.

use taut::tls::Provider;
use taut_proto::tls::designs::Aead;
use taut_proto::tls::record::RECORD_HEADER_BYTES;

use super::text::Text;
use super::{Client, Venue, timed, whole_answer, whole_request};
use crate::work::floor::drive;

/// TLS 1.3 puts one byte behind the data.
const CONTENT_TYPE_BYTES: usize = 1;

/// The cipher, and memory for a record of each direction.
#[derive(Debug)]
pub(super) struct Alone {
    aead: Aead,
    request: Vec<u8>,
    answer: Vec<u8>,
    /// The answer as it comes, and its number.
    sealed: (Vec<u8>, u64),
}

impl Alone {
    pub(super) fn new(venue: &Venue) -> Result<Self, String> {
        let mut aead = Aead::new(Provider::Ring).map_err(|error| error.to_string())?;
        let request = record(whole_request(venue).bytes());
        let mut answer = record(&whole_answer());
        let number = aead.seal(&mut answer).map_err(|error| error.to_string())?;
        Ok(Self { aead, request, sealed: (answer.clone(), number), answer })
    }

    /// Seals a request of that length.
    #[inline(always)]
    pub(super) fn seal(&mut self, request: &[u8]) -> Result<(), String> {
        self.request[RECORD_HEADER_BYTES..][..request.len()].copy_from_slice(request);
        self.aead.seal(&mut self.request).map(drop).map_err(|error| error.to_string())
    }

    /// Opens the answer.
    #[inline(always)]
    pub(super) fn open(&mut self) -> Result<(), String> {
        let (sealed, number) = &self.sealed;
        self.answer.copy_from_slice(sealed);
        self.aead.open(*number, &mut self.answer).map(drop).map_err(|error| error.to_string())
    }
}

/// Room for these bytes in a record.
fn record(bytes: &[u8]) -> Vec<u8> {
    let mut record = vec![0; RECORD_HEADER_BYTES];
    record.extend_from_slice(bytes);
    record.resize(record.len() + CONTENT_TYPE_BYTES + Aead::TAG_BYTES, 0);
    record
}

/// The cipher's work alone.
pub(super) fn client(venue: &Venue) -> Result<Client, String> {
    let mut alone = Alone::new(venue)?;
    let request: Text = whole_request(venue);
    Ok(Box::new(move |asked, tally| {
        let operation = async || {
            alone.seal(std::hint::black_box(request.bytes()))?;
            alone.open()
        };
        drive(timed(asked, tally, || 0, operation))
    }))
}
