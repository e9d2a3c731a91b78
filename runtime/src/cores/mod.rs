//! Many cores: what passes between runtimes that each have a core of their own.
//!
//! | file | idea |
//! |---|---|
//! | `signal` | who sleeps until another thread changes a word |
//! | `waiting` | how one end of a ring waits for a word |
//! | `slots` | the memory of a ring: stamps and values |
//! | `ring` | what the two ends share |
//! | `producer` | who may write to the next slots |
//! | `sender`, `receiver` | the ends |

mod producer;
mod receiver;
mod ring;
mod sender;
mod signal;
mod slots;
mod waiting;

pub mod mpsc;
pub mod spsc;

pub use receiver::{Borrowed, Drain, Receiver};
pub use sender::Sender;
pub(crate) use signal::Signal;
