//! What a record of TLS costs, sealed by one end and opened by the other, in three designs.
//!
//! A sample is the mean of a batch of records that went from one end to the other, one after the
//! other, in the memory of this program: the copy between the two stands for the kernel, and is in
//! every design's figure and in the floor's. Invariant: each slice has ends of its own, which
//! shook hands before it began, so no key comes near the records that it may seal.

use std::hint::black_box;

use clap::{Args, ValueEnum};
use taut::tls::{Identity, Provider, Roots, TlsAcceptor, TlsConnector, TlsVersion};
use taut_proto::tls::designs::{Aead, Design, Way, client, exchange, server};
use taut_proto::tls::record::RECORD_HEADER_BYTES;

use super::batches::time_batches;
use crate::certificate::{Certificate, NAME};
use crate::harness::clock::Clock;
use crate::harness::options::Common;
use crate::harness::rounds::{Lane, Turn};
use crate::harness::series::{Series, Slice};
use crate::harness::session::Workload;
use crate::harness::verdict::Verdict;
use crate::report::Unit;
use crate::report::ratios::{Figure, P50};

/// Bytes that a batch has at most, and its records.
const BATCH_BYTES: u64 = 64 << 10;
const BATCH_RECORDS: u64 = 32;

/// Measures what a record of TLS costs, in three designs and by the cipher alone.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Bytes of data in a record, separated by commas.
    #[arg(long, default_value = "64,256,1024,4096,16384", value_delimiter = ',',
          value_parser = clap::value_parser!(u32).range(1..=16_384))]
    size: Vec<u32>,

    /// The version of TLS.
    #[arg(long, value_enum, default_value = "1.3")]
    tls: Version,

    #[command(flatten)]
    pub(crate) common: Common,
}

/// The versions that there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Version {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

impl From<Version> for TlsVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Tls12 => Self::Tls12,
            Version::Tls13 => Self::Tls13,
        }
    }
}

/// The libraries of ciphers of this build, with what their series' names end in.
fn providers() -> Vec<(Provider, &'static str)> {
    vec![
        (Provider::Ring, ""),
        #[cfg(feature = "aws-lc-rs")]
        (Provider::AwsLcRs, "-aws-lc-rs"),
    ]
}

/// What a series is about: a design, or the cipher alone.
#[derive(Clone, Copy, Debug)]
struct Case {
    way: Option<Way>,
    provider: Provider,
    suffix: &'static str,
    bytes: usize,
}

impl Case {
    fn series(way: Option<Way>, suffix: &str, bytes: usize) -> String {
        let name = match way {
            None => "aead",
            Some(Way::Buffered) => "buffered",
            Some(Way::Unbuffered) => "unbuffered",
            Some(Way::Own) => "own",
            Some(Way::OwnInSlots) => "own-in-slots",
        };
        format!("{name}{suffix}:{bytes}")
    }

    fn about(&self) -> String {
        let what = match self.way {
            None => "AES-256-GCM alone, sealed and opened in place",
            Some(Way::Buffered) => "rustls with its buffers",
            Some(Way::Unbuffered) => "rustls::unbuffered",
            Some(Way::Own) => "the record layer of taut::tls",
            Some(Way::OwnInSlots) => "the same, fed by one buffer after the other",
        };
        format!("{what}, {:?}", self.provider)
    }
}

/// The workload while it runs.
#[derive(Debug)]
pub(crate) struct TlsRecords {
    options: Options,
    certificate: Certificate,
    cases: Vec<Case>,
}

impl TlsRecords {
    pub(crate) fn new(options: Options) -> Result<Self, String> {
        let certificate = Certificate::new()?;
        let ways = || [None].into_iter().chain(Way::ALL.map(Some));
        let mut cases = Vec::new();
        for &bytes in &options.size {
            for (provider, suffix) in providers() {
                let bytes = bytes as usize;
                cases.extend(ways().map(|way| Case { way, provider, suffix, bytes }));
            }
        }
        Ok(Self { options, certificate, cases })
    }

    /// Both ends of that design, after their handshake.
    fn ends(&self, way: Way, provider: Provider) -> Result<Ends, String> {
        let refused = |error: taut::tls::TlsError| error.to_string();
        let versions = [TlsVersion::from(self.options.tls)];
        let der = self.certificate.der().to_vec();
        let roots = Roots::none().with_der(&der).map_err(refused)?;
        let identity = Identity::from_der(vec![der], self.certificate.key()).map_err(refused)?;
        let connector = TlsConnector::builder().roots(roots).provider(provider);
        let connector = connector.versions(&versions).build().map_err(refused)?;
        let acceptor = TlsAcceptor::builder(identity).provider(provider);
        let acceptor = acceptor.versions(&versions).build().map_err(refused)?;
        let mut from = client(way, &connector, NAME).map_err(refused)?;
        let mut to = server(way, &acceptor).map_err(refused)?;
        exchange(&mut *from, &mut *to).map_err(refused)?;
        Ok(Ends { from, to, wire: Vec::new() })
    }
}

/// The two ends of a connection, and what is under way.
struct Ends {
    from: Box<dyn Design>,
    to: Box<dyn Design>,
    wire: Vec<u8>,
}

impl Ends {
    /// One record from one end to the other.
    fn pass(&mut self, data: &[u8]) -> Result<(), String> {
        self.from.seal(black_box(data)).map_err(|error| error.to_string())?;
        self.wire.clear();
        self.wire.extend_from_slice(self.from.to_send());
        self.from.sent();
        let mut opened = 0;
        let each = &mut |data: &[u8]| opened += black_box(data).len();
        self.to.open(&mut self.wire, each).map_err(|error| error.to_string())?;
        came_through(opened, data)
    }
}

/// The cipher alone, and the memory of a record.
struct Alone {
    aead: Aead,
    record: Vec<u8>,
}

impl Alone {
    fn new(provider: Provider) -> Result<Self, String> {
        let aead = Aead::new(provider).map_err(|error| error.to_string())?;
        Ok(Self { aead, record: Vec::new() })
    }

    fn pass(&mut self, data: &[u8]) -> Result<(), String> {
        self.record.resize(RECORD_HEADER_BYTES + data.len() + Aead::TAG_BYTES, 0);
        self.record[RECORD_HEADER_BYTES..][..data.len()].copy_from_slice(black_box(data));
        let number = self.aead.seal(&mut self.record).map_err(|error| error.to_string())?;
        let opened = self.aead.open(number, &mut self.record).map_err(|error| error.to_string())?;
        came_through(opened, black_box(&self.record[RECORD_HEADER_BYTES..][..opened]))
    }
}

fn came_through(opened: usize, data: &[u8]) -> Result<(), String> {
    match opened == data.len() {
        true => Ok(()),
        false => Err(format!("of a record of {} B {opened} B were opened", data.len())),
    }
}

impl Workload for TlsRecords {
    fn name(&self) -> &'static str {
        "tls-records"
    }

    fn measures(&self) -> String {
        let version = TlsVersion::from(self.options.tls);
        format!("ns per record of {version:?}, sealed by one end and opened by the other")
    }

    fn unit(&self) -> Unit {
        Unit::Picoseconds
    }

    fn settings(&self) -> Vec<(String, String)> {
        let batch = format!("{BATCH_RECORDS} records, at most {BATCH_BYTES} B");
        vec![("batches".to_owned(), batch)]
    }

    fn lanes(&self) -> Vec<Lane> {
        let lane = |case: &Case| {
            let mut series = Series::new(Case::series(case.way, case.suffix, case.bytes));
            series.about = Some(case.about());
            Lane::of(series)
        };
        self.cases.iter().map(lane).collect()
    }

    fn slice(&mut self, clock: &Clock, turn: Turn<'_>) -> Result<Slice, String> {
        let Case { way, provider, bytes, .. } = self.cases[turn.lane];
        let batch = (BATCH_BYTES / bytes as u64).clamp(1, BATCH_RECORDS);
        let data: Vec<u8> = (0..bytes).map(|place| place as u8).collect();
        let mut slice = match way {
            Some(way) => {
                let mut ends = self.ends(way, provider)?;
                time_batches(clock, turn, batch, || ends.pass(&data))?
            }
            None => {
                let mut alone = Alone::new(provider)?;
                time_batches(clock, turn, batch, || alone.pass(&data))?
            }
        };
        slice.bytes = slice.operations * bytes as u64;
        Ok(slice)
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for case in &self.cases {
            let name = |way| Case::series(way, case.suffix, case.bytes);
            if !case.suffix.is_empty() {
                pairs.push((name(case.way), Case::series(case.way, "", case.bytes)));
            }
            match case.way {
                None => {}
                Some(Way::Unbuffered) => pairs.push((name(case.way), name(None))),
                way => {
                    pairs.push((name(way), name(Some(Way::Unbuffered))));
                    pairs.push((name(way), name(None)));
                }
            }
        }
        pairs
    }

    fn figures(&self) -> Vec<Figure> {
        vec![P50]
    }

    fn notes(&self) -> Vec<String> {
        vec![
            "aead is the cipher alone, in place, in memory that is kept: no design can cost less. \
             allocations/op is exact. Ciphers of aws-lc-rs are series of their own in a build with \
             that feature."
                .to_owned(),
        ]
    }

    fn end(self, _: &[Lane], _: &mut Verdict) {}
}
