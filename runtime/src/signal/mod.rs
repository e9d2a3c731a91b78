//! Signals of the operating system, as something to await.
//!
//! Each listener owns an event counter (eventfd) that the process's signal handler counts up, which
//! is all that it does: one `write` for each listener, and nothing that allocates, locks or could
//! panic. The listener's runtime waits for the counter as for any descriptor. So every listener
//! gets every signal, on whichever thread the kernel delivers it, and no runtime knows another.
//!
//! Handlers are shared with the rest of the program by `signal-hook-registry`, and those that were
//! there before go on to be called. Invariant: a listener's action is out of the handler before its
//! counter is closed. Cost: two descriptors a listener; nothing while no signal comes.

mod kind;
mod stop;

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{EventfdFlags, eventfd};
use signal_hook_registry::{SigId, register, unregister};

use crate::io::{Interest, Source};
use crate::task::waiting;

pub use kind::SignalKind;
pub(crate) use stop::StopRequests;

/// Signals that a handler can't have, or can't return from without the fault happening again.
const REFUSED: [SignalKind; 6] = [
    SignalKind::KILL,
    SignalKind::STOP,
    SignalKind::SEGV,
    SignalKind::BUS,
    SignalKind::ILL,
    SignalKind::FPE,
];

/// Listens to a signal, from this call on.
///
/// The signal's default action, such as ending the process, no longer happens, and does not come
/// back when the last listener is dropped: until the process ends the signal is then ignored.
///
/// # Errors
///
/// `InvalidInput` for signals that can't be awaited, and for numbers that are no signal; `EMFILE`
/// where no descriptor is left.
///
/// # Panics
///
/// Outside of a runtime.
///
/// ```
/// use taut_runtime::signal::{SignalKind, signal};
///
/// taut_runtime::run(async {
///     let mut reload = signal(SignalKind::HUP)?;
///     rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP)?;
///     reload.recv().await?;
///     Ok::<(), std::io::Error>(())
/// })??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let counter = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    let registration = count(kind, counter.try_clone()?)?;
    Ok(Signal { _registration: registration, source: Source::new(counter), kind })
}

/// Has the handler of a signal count it.
fn count(kind: SignalKind, counter: OwnedFd) -> io::Result<Registration> {
    let action = move || {
        // It fails only where the count is at its maximum, and then says enough.
        let _ = rustix::io::write(&counter, &1_u64.to_ne_bytes());
    };
    // SAFETY: the action makes one `write`, which is async-signal-safe, on a descriptor that it
    // owns; it allocates nothing, locks nothing and can't panic.
    unsafe { Registration::new(kind, action) }
}

/// An action in the handler of a signal, until this is dropped.
#[derive(Debug)]
pub(crate) struct Registration(SigId);

impl Registration {
    /// # Errors
    ///
    /// As for [`signal`].
    ///
    /// # Safety
    ///
    /// The action does only what is async-signal-safe, and does not panic.
    pub(crate) unsafe fn new(
        kind: SignalKind,
        action: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let invalid = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        if REFUSED.contains(&kind) {
            return invalid(format!(
                "{kind} can't be awaited: it ends or stops the process whatever it does"
            ));
        }
        // SAFETY: by contract.
        match unsafe { register(kind.as_raw(), action) } {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                invalid(format!("{kind} is no signal that a program can handle"))
            }
            registered => registered.map(Self),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        unregister(self.0);
    }
}

/// A listener to one signal. Dropping it ends the listening.
#[derive(Debug)]
pub struct Signal {
    /// Held for its destructor, which comes before the source's.
    _registration: Registration,
    source: Source,
    kind: SignalKind,
}

impl Signal {
    /// Waits for the signal: returns at once where it came since the last time, or since
    /// [`signal`] was called. Cancel-safe.
    ///
    /// Signals that come faster than they are received are merged: after a burst this returns at
    /// least once, and at most once for each signal. The kernel merges, too: of a standard signal
    /// it holds no more than one while it is blocked or not yet delivered.
    ///
    /// # Errors
    ///
    /// `ECANCELED` in a cancelled task; where the operation table is full.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = io::Result<()>> {
        waiting("signal", async {
            let take = || Ok(rustix::io::read(&self.source, &mut [0; 8])?);
            self.source.call(Interest::Readable, take).await.map(drop)
        })
    }

    /// Which signal it listens to.
    pub fn kind(&self) -> SignalKind {
        self.kind
    }
}

/// Waits for Ctrl-C (`SIGINT`), from this call on.
///
/// Each call listens anew: a program that waits for it in a loop wants one [`signal`] instead. The
/// default action does not come back, as there.
///
/// # Errors
///
/// As for [`signal`] and [`Signal::recv`].
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> {
    let listener = signal(SignalKind::INT);
    waiting("Ctrl-C", async move { listener?.recv().await })
}
