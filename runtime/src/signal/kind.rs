//! Which signal: names for the numbers of this platform.

use std::fmt;

use libc::c_int;

/// A signal of the operating system, by its number.
///
/// ```
/// use taut_runtime::signal::SignalKind;
///
/// assert_eq!(SignalKind::TERM, SignalKind::from_raw(15));
/// assert_eq!(SignalKind::TERM.to_string(), "SIGTERM");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

impl SignalKind {
    /// The signal with this number, for real-time signals above all. Whether there is such a signal
    /// is asked when it is used.
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The signal's number.
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

macro_rules! kinds {
    ($($name:ident = $number:ident: $doc:literal,)+) => {
        impl SignalKind {
            $(#[doc = $doc] pub const $name: Self = Self(libc::$number);)+
        }

        const NAMES: &[(c_int, &str)] = &[$((libc::$number, stringify!($number)),)+];
    };
}

kinds! {
    HUP = SIGHUP: "The terminal is gone; for many services: read the settings again.",
    INT = SIGINT: "Ctrl-C in the terminal.",
    QUIT = SIGQUIT: "Ctrl-\\ in the terminal: end with a core dump.",
    ILL = SIGILL: "An illegal instruction; can't be awaited.",
    TRAP = SIGTRAP: "A breakpoint.",
    ABRT = SIGABRT: "`abort` was called.",
    BUS = SIGBUS: "An access to memory that is not there; can't be awaited.",
    FPE = SIGFPE: "An arithmetic fault; can't be awaited.",
    KILL = SIGKILL: "End at once; can't be awaited.",
    USR1 = SIGUSR1: "For the program to give a meaning to.",
    SEGV = SIGSEGV: "A bad access to memory; can't be awaited.",
    USR2 = SIGUSR2: "For the program to give a meaning to.",
    PIPE = SIGPIPE: "A write to a pipe or socket without a reader.",
    ALRM = SIGALRM: "A timer of `alarm` or `setitimer`.",
    TERM = SIGTERM: "A request to end.",
    CHLD = SIGCHLD: "A child process has exited, stopped or gone on.",
    CONT = SIGCONT: "Go on after a stop.",
    STOP = SIGSTOP: "Stop at once; can't be awaited.",
    TSTP = SIGTSTP: "Ctrl-Z in the terminal.",
    TTIN = SIGTTIN: "A read from the terminal by a background process.",
    TTOU = SIGTTOU: "A write to the terminal by a background process.",
    URG = SIGURG: "Urgent data on a socket.",
    XCPU = SIGXCPU: "The limit of CPU time was reached.",
    XFSZ = SIGXFSZ: "The limit of a file's size was reached.",
    VTALRM = SIGVTALRM: "A timer of CPU time.",
    PROF = SIGPROF: "A profiling timer.",
    WINCH = SIGWINCH: "The terminal's size has changed.",
    IO = SIGIO: "A descriptor with `O_ASYNC` is ready.",
    PWR = SIGPWR: "The power fails.",
    SYS = SIGSYS: "A system call that a filter forbids.",
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None if (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&self.0) => {
                write!(f, "SIGRTMIN+{}", self.0 - libc::SIGRTMIN())
            }
            None => write!(f, "signal {}", self.0),
        }
    }
}
