//! What wakes a core that sleeps in the kernel.

#[cfg(not(loom))]
pub(crate) use eventfd::Doorbell;
#[cfg(loom)]
pub(crate) use model::Doorbell;

#[cfg(not(loom))]
mod eventfd {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{EventfdFlags, eventfd};

    /// An eventfd, which the driver waits for among its other events.
    #[derive(Debug)]
    pub(crate) struct Doorbell(OwnedFd);

    impl Doorbell {
        pub(crate) fn new() -> io::Result<Self> {
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Self).map_err(Into::into)
        }

        pub(crate) fn ring(&self) {
            // It fails only when the count is at its maximum: then it is rung already.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }
    }

    impl AsFd for Doorbell {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(loom)]
mod model {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd};

    use loom::sync::Notify;

    use crate::threads::Life;

    /// The same without a kernel.
    #[derive(Debug)]
    pub(crate) struct Doorbell {
        rung: Notify,
        life: Life,
    }

    impl Doorbell {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self { rung: Notify::new(), life: Life::default() })
        }

        pub(crate) fn ring(&self) {
            self.life.used();
            self.rung.notify();
        }

        /// Sleeps until it is rung, or was since the last sleep.
        pub(crate) fn wait(&self) {
            self.rung.wait();
        }
    }

    impl AsFd for Doorbell {
        fn as_fd(&self) -> BorrowedFd<'_> {
            unreachable!("models wait for the doorbell itself")
        }
    }

    impl Drop for Doorbell {
        fn drop(&mut self) {
            self.life.end();
        }
    }
}
