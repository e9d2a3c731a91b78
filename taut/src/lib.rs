//! Taut.
pub use taut_runtime::*;
/// TCP.
pub mod net { pub use taut_net::*; }
