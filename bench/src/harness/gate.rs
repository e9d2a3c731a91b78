//! Whose turn it is: the client's word to one server thread, and the server's answer.
//!
//! All servers of a run are alive at the same time on the same core; those whose turn it is not
//! sleep in a condition variable, so that they cost the one under test nothing. The client changes
//! the word only while no message is in flight, names the message at whose end the word takes
//! effect, and then sends that message, which nobody measures.
//! Invariants: a word is obeyed at the end of the message it names, neither before (the server
//! would sleep on a message that is still to come) nor after; a server that has acknowledged
//! `Rest` touches its sockets no more until it is called.
//! Cost for a served message: one load of a line that nobody writes meanwhile, and an addition.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::counters::Counters;

/// What a server is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Sleep until called.
    Rest = 0,
    /// Serve; nothing is recorded.
    WarmUp = 1,
    /// Take the first snapshot of the counters, and serve.
    Record = 2,
    /// End.
    Stop = 3,
}

/// One server's gate; the client holds one end, an [`Attendant`] is the other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Gate {
    /// The number of the message at whose end to obey in the upper bits, the command in the lower
    /// two. Zero, the first word, is an immediate `Rest`.
    word: AtomicU64,
    acknowledged: AtomicU64,
    counted: Mutex<Counters>,
    sleep: Mutex<()>,
    call: Condvar,
}

impl Gate {
    /// Gives a command that takes effect once the server has echoed `messages` messages in all,
    /// wakes the server if it sleeps, and returns the word to wait for.
    pub(crate) fn command(&self, command: Command, messages: u64) -> u64 {
        let word = (messages << 2) | command as u64;
        let guard = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        self.word.store(word, Ordering::Release);
        drop(guard);
        self.call.notify_one();
        word
    }

    /// Whether the server has obeyed the command that `word` stands for.
    pub(crate) fn has_obeyed(&self, word: u64) -> bool {
        self.acknowledged.load(Ordering::Acquire) == word
    }

    /// What the server counted in its last recorded slice, once `Rest` is acknowledged.
    pub(crate) fn take_counted(&self) -> Counters {
        std::mem::take(&mut self.counted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The server's end of its gate; lives on the server's thread.
#[derive(Debug)]
pub(crate) struct Attendant {
    gate: Arc<Gate>,
    seen: Cell<u64>,
    messages: Cell<u64>,
    recording: Cell<Option<Counters>>,
}

impl Attendant {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Self { gate, seen: Cell::new(u64::MAX), messages: Cell::new(0), recording: Cell::new(None) }
    }

    /// Sleeps until the first call. False when the server shall end.
    pub(crate) fn first_call(&self) -> bool {
        self.obey(0)
    }

    /// To be called when a whole message has been echoed: obeys a new word, which may block the
    /// thread. False when the server shall end.
    #[inline(always)]
    pub(crate) fn message_done(&self, syscalls: impl FnOnce() -> u64) -> bool {
        self.messages.set(self.messages.get() + 1);
        if self.gate.word.load(Ordering::Acquire) == self.seen.get() {
            return true;
        }
        self.obey(syscalls())
    }

    #[cold]
    fn obey(&self, syscalls: u64) -> bool {
        loop {
            let word = self.gate.word.load(Ordering::Acquire);
            let (command, effective_at) = (word & 3, word >> 2);
            if self.messages.get() < effective_at {
                return true;
            }
            if command == Command::Record as u64 {
                self.recording.set(Some(self.count(syscalls)));
            } else if let Some(start) = self.recording.take() {
                let counted = self.count(syscalls).since(&start);
                *self.gate.counted.lock().unwrap_or_else(PoisonError::into_inner) = counted;
            }
            self.seen.set(word);
            self.gate.acknowledged.store(word, Ordering::Release);
            if command == Command::Stop as u64 {
                return false;
            }
            if command != Command::Rest as u64 {
                return true;
            }
            self.sleep_while(word);
        }
    }

    fn count(&self, syscalls: u64) -> Counters {
        Counters { operations: self.messages.get(), ..Counters::now(syscalls) }
    }

    fn sleep_while(&self, word: u64) {
        let mut guard = self.gate.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        while self.gate.word.load(Ordering::Acquire) == word {
            guard = self.gate.call.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn wait_until_obeyed(gate: &Gate, word: u64) {
        while !gate.has_obeyed(word) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_server_counts_between_record_and_rest_and_ends_on_stop() {
        let gate = Arc::new(Gate::default());
        let (send, messages) = mpsc::channel::<u64>();
        let server = std::thread::spawn({
            let attendant = Attendant::new(Arc::clone(&gate));
            move || {
                let mut syscalls = 0;
                if !attendant.first_call() {
                    return syscalls;
                }
                for step in messages {
                    syscalls += step;
                    if !attendant.message_done(|| syscalls) {
                        break;
                    }
                }
                syscalls
            }
        });
        let mut sent = 0;
        let mut message = |syscalls: u64| {
            send.send(syscalls).unwrap();
            sent += 1;
            sent
        };
        for _ in 0..3 {
            let before = message(1);
            wait_until_obeyed(&gate, gate.command(Command::WarmUp, before - 1));
            let record = gate.command(Command::Record, before + 1);
            message(100);
            wait_until_obeyed(&gate, record);
            // The word is given while messages are still under way: it must wait for its own.
            let rest = gate.command(Command::Rest, before + 4);
            assert_eq!((message(5), message(5)), (before + 2, before + 3));
            assert!(!gate.has_obeyed(rest));
            message(7);
            wait_until_obeyed(&gate, rest);
            let counted = gate.take_counted();
            assert_eq!((counted.operations, counted.syscalls), (3, 17));
            assert_eq!(gate.take_counted(), Counters::default(), "counted twice");
        }
        gate.command(Command::Stop, 0);
        assert_eq!(server.join().unwrap(), 3 * 118);
    }
}
