//! rustls with its buffers.

use std::io::{Read, Write};

use rustls::Connection;

use super::Design;
use crate::tls::{TlsError, TlsErrorKind};

/// An end that is such a connection.
pub(super) struct Buffered {
    connection: Connection,
    to_send: Vec<u8>,
    peer_done: bool,
    /// Where data is copied to, as a user's memory would be.
    copy: Vec<u8>,
}

impl Buffered {
    pub(super) fn new(connection: Connection) -> Self {
        let copy = vec![0; 1 << 14];
        let mut buffered = Self { connection, to_send: Vec::new(), peer_done: false, copy };
        buffered.take_sealed();
        buffered
    }

    fn take_sealed(&mut self) {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.to_send).expect("a vector takes all");
        }
    }

    fn read_data(&mut self, each: &mut dyn FnMut(&[u8])) {
        while let Ok(count) = self.connection.reader().read(&mut self.copy) {
            self.peer_done |= count == 0;
            if count == 0 {
                return;
            }
            each(&self.copy[..count]);
        }
    }
}

impl Design for Buffered {
    fn seal(&mut self, data: &[u8]) -> Result<(), TlsError> {
        let mut rest = data;
        while !rest.is_empty() {
            let count = self.connection.writer().write(rest)?;
            rest = &rest[count..];
            self.take_sealed();
            if count == 0 {
                return Err(TlsError::new(TlsErrorKind::Local, "nothing more is taken"));
            }
        }
        Ok(())
    }

    fn update_keys(&mut self) -> Result<(), TlsError> {
        self.connection.refresh_traffic_keys()?;
        self.take_sealed();
        Ok(())
    }

    fn close(&mut self) {
        self.connection.send_close_notify();
        self.take_sealed();
    }

    fn to_send(&self) -> &[u8] {
        &self.to_send
    }

    fn sent(&mut self) {
        self.to_send.clear();
    }

    fn open(
        &mut self,
        received: &mut [u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, TlsError> {
        let mut rest = &received[..];
        while !rest.is_empty() && !self.peer_done {
            self.connection.read_tls(&mut rest)?;
            let processed = self.connection.process_new_packets();
            self.take_sealed();
            self.read_data(each);
            processed?;
        }
        Ok(received.len())
    }

    fn is_peer_done(&self) -> bool {
        self.peer_done
    }

    fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }
}
