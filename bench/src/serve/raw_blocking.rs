//! Blocking `recv` and `send`, a thread for each connection: the loop that most programs begin
//! with.
//!
//! With bytes always there it makes one system call for each buffer, and no other: what bulk
//! transfers are held against. The lock around the counts is taken by one thread at a time, as a
//! run has one busy connection.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{RecvFlags, recv};

use super::{RawConnection, Service};
use crate::transport::Listener;

const BUFFER_BYTES: usize = 64 << 10;

/// What the threads share: the service, and how many system calls they made for it.
type Shared = Arc<Mutex<(Service, u64)>>;

/// Serves for as long as the process lives.
pub(super) fn serve(listener: &Listener, service: Service) -> io::Result<()> {
    let shared = Arc::new(Mutex::new((service, 0)));
    loop {
        let stream = listener.accept()?;
        ioctl_fionbio(&stream, false)?;
        let shared = Arc::clone(&shared);
        // A connection that breaks ends alone, as one that the peer closes.
        thread::Builder::new()
            .name("serve".to_owned())
            .spawn(move || serve_one(stream.into(), &shared))?;
    }
}

fn serve_one(mut connection: RawConnection, shared: &Shared) -> io::Result<()> {
    let duty = lock(shared).0.duty;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let mut calls = 1;
        let count = match recv(&connection.stream, &mut buffer[..], RecvFlags::empty()) {
            Ok((0, _)) => return Ok(()),
            Ok((count, _)) => count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let served = connection.answer(&buffer[..count], duty, &mut calls)?;
        let (service, syscalls) = &mut *lock(shared);
        *syscalls += calls;
        service.attendant.served(served, || *syscalls);
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, (Service, u64)> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
