//! The system's resolver: `getaddrinfo` on the runtime's blocking threads.
//!
//! A call of it can't be stopped, and with a name server that does not answer it takes half a
//! minute. So only so many of those threads are ever given to it, or lookups that were given up
//! would leave none for files. A lookup beyond that waits until one returns.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use taut_runtime::channel::shared::{self, Receiver, Sender};
use taut_runtime::off_core;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct System {
    /// One item for each thread that may be taken.
    places: Receiver<()>,
    back: Sender<()>,
}

impl System {
    pub(super) fn new(lookups_max: usize) -> Self {
        let (back, places) = shared::channel(lookups_max);
        for _ in 0..lookups_max {
            let _ = back.try_send(());
        }
        Self { places, back }
    }

    /// What the system says of a name: addresses with port 0, in the order of RFC 6724.
    ///
    /// The outer error is of the asking: `ECANCELED`, no room on the blocking threads.
    pub(super) async fn look_up(&self, host: &str) -> io::Result<io::Result<Vec<SocketAddr>>> {
        self.places.recv().await?;
        let place = Place(self.back.clone());
        let host = host.to_owned();
        off_core(move || {
            let _place = place;
            (host, 0).to_socket_addrs().map(Vec::from_iter)
        })
        .await
    }
}

/// A thread that is taken, until it returns or the work is dropped unbegun.
struct Place(Sender<()>);

impl Drop for Place {
    fn drop(&mut self) {
        // There is room for it: it was taken out before.
        let _ = self.0.try_send(());
    }
}
