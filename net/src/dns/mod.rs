//! Names: how a host's name becomes addresses, without keeping the core waiting.
//!
//! | file | idea |
//! |---|---|
//! | `to_addresses` | what a connection can be made to |
//! | `resolver` | the order in which a name is looked for, and one resolver for each core |
//! | `builder` | its limits, pins and override |
//! | `hosts` | `/etc/hosts`, read off the core and kept |
//! | `system` | `getaddrinfo` on the blocking threads, so many at once |
//! | `cache` | answers and failures, kept for a while |
//! | `flight` | one piece of work that several tasks wait for |
//! | `error` | which name, what failed, what to do |
//!
//! Invariant: a name is asked of the system at most once at a time, whoever waits for it, and
//! nothing is left of a lookup that nobody waits for, but a thread of `getaddrinfo` that can't be
//! stopped and holds one of the `system_lookups_max` places until it returns.
//!
//! A numeric address costs its parsing, a pinned or kept name a look into a table. Only a name that
//! is in none of them costs a task, a timer and a trip to a thread.

mod builder;
mod cache;
mod error;
mod flight;
mod hosts;
mod resolver;
mod system;
mod to_addresses;

pub use builder::ResolverBuilder;
pub use error::ResolveError;
pub use resolver::Resolver;
pub use to_addresses::ToAddresses;

pub(crate) use to_addresses::no_address;
