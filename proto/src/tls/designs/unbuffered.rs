//! rustls without its buffers.

use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::Design;
use crate::tls::TlsError;

/// Bytes that are added to a record of data, at most.
const EXPANSION_BYTES_MAX: usize = 64;

/// An end that is such a connection.
pub(super) struct Unbuffered {
    end: End,
    out: Out,
    peer_done: bool,
}

enum End {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What is to be sent: the first bytes of memory that is kept.
#[derive(Default)]
struct Out {
    memory: Vec<u8>,
    filled: usize,
}

impl Out {
    /// At least so many bytes that are free.
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.memory.len() < self.filled + bytes {
            self.memory.resize(self.filled + bytes, 0);
        }
        &mut self.memory[self.filled..]
    }
}

/// What is done once the connection lets one write.
enum Wish<'a> {
    Nothing,
    Seal(&'a [u8]),
    UpdateKeys,
    Close,
}

impl Unbuffered {
    pub(super) fn client(connection: UnbufferedClientConnection) -> Result<Self, TlsError> {
        let mut client = Self::new(End::Client(connection));
        client.turn(&mut [], &mut |_| (), Wish::Nothing)?;
        Ok(client)
    }

    pub(super) fn server(connection: UnbufferedServerConnection) -> Self {
        Self::new(End::Server(connection))
    }

    fn new(end: End) -> Self {
        Self { end, out: Out::default(), peer_done: false }
    }

    /// Turns the connection until it needs more, or lets the wish be done.
    fn turn(
        &mut self,
        received: &mut [u8],
        each: &mut dyn FnMut(&[u8]),
        mut wish: Wish<'_>,
    ) -> Result<usize, TlsError> {
        let mut used = 0;
        let mut failed = None;
        loop {
            let (discard, goes_on) = match &mut self.end {
                End::Client(client) => {
                    let status = client.process_tls_records(&mut received[used..]);
                    react(status, &mut self.out, &mut self.peer_done, each, &mut wish)
                }
                End::Server(server) => {
                    let status = server.process_tls_records(&mut received[used..]);
                    react(status, &mut self.out, &mut self.peer_done, each, &mut wish)
                }
            };
            used += discard;
            let goes_on = goes_on.unwrap_or_else(|error| {
                failed.get_or_insert(error);
                false
            });
            // The alert that goes with an error is still to be had.
            let stays = if failed.is_some() { self.wants_write() } else { goes_on };
            if !stays {
                return failed.map_or(Ok(used), |error| Err(error.into()));
            }
        }
    }

    fn wants_write(&self) -> bool {
        match &self.end {
            End::Client(client) => client.wants_write(),
            End::Server(server) => server.wants_write(),
        }
    }
}

fn react<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    out: &mut Out,
    peer_done: &mut bool,
    each: &mut dyn FnMut(&[u8]),
    wish: &mut Wish<'_>,
) -> (usize, Result<bool, Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let goes_on = state.and_then(|state| {
        match state {
            ConnectionState::EncodeTlsData(mut data) => {
                let mut encoded = data.encode(out.room(0));
                if let Err(EncodeError::InsufficientSize(size)) = encoded {
                    encoded = data.encode(out.room(size.required_size));
                }
                out.filled += encoded.map_err(|error| Error::General(error.to_string()))?;
            }
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::ReadTraffic(mut data) => {
                while let Some(record) = data.next_record() {
                    let record = record?;
                    discard += record.discard;
                    each(record.payload);
                }
            }
            ConnectionState::PeerClosed => *peer_done = true,
            ConnectionState::WriteTraffic(write) => return do_wish(write, out, wish),
            _ => return Ok(false),
        }
        Ok(true)
    });
    (discard, goes_on)
}

fn do_wish<Data>(
    mut write: WriteTraffic<'_, Data>,
    out: &mut Out,
    wish: &mut Wish<'_>,
) -> Result<bool, Error> {
    let general = |error: EncryptError| Error::General(error.to_string());
    match std::mem::replace(wish, Wish::Nothing) {
        Wish::Nothing => Ok(false),
        Wish::Seal(data) => {
            let records = data.len().div_ceil(1 << 14);
            let room = out.room(data.len() + records * EXPANSION_BYTES_MAX);
            out.filled += write.encrypt(data, room).map_err(general)?;
            Ok(false)
        }
        Wish::Close => {
            out.filled +=
                write.queue_close_notify(out.room(EXPANSION_BYTES_MAX)).map_err(general)?;
            Ok(false)
        }
        Wish::UpdateKeys => write.refresh_traffic_keys().map(|()| true),
    }
}

impl Design for Unbuffered {
    fn seal(&mut self, data: &[u8]) -> Result<(), TlsError> {
        self.turn(&mut [], &mut |_| (), Wish::Seal(data)).map(drop)
    }

    fn update_keys(&mut self) -> Result<(), TlsError> {
        self.turn(&mut [], &mut |_| (), Wish::UpdateKeys).map(drop)
    }

    fn close(&mut self) {
        // A connection that failed has nothing to say.
        let _ = self.turn(&mut [], &mut |_| (), Wish::Close);
    }

    fn to_send(&self) -> &[u8] {
        &self.out.memory[..self.out.filled]
    }

    fn sent(&mut self) {
        self.out.filled = 0;
    }

    fn open(
        &mut self,
        received: &mut [u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, TlsError> {
        self.turn(received, each, Wish::Nothing)
    }

    fn is_peer_done(&self) -> bool {
        self.peer_done
    }

    fn is_handshaking(&self) -> bool {
        match &self.end {
            End::Client(client) => client.is_handshaking(),
            End::Server(server) => server.is_handshaking(),
        }
    }
}
