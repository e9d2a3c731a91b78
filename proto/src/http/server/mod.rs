//! The server.
//!
//! [`serve`] answers the connections of a listener with a [`Service`]: an async function of a
//! [`Request`] that gives a [`Response`], or a [`Router`] of such functions. [`Server`] has limits,
//! counters and an end in order.
//!
//! | file | idea |
//! |---|---|
//! | `serve`, `listener`, `peer`, `secured` | accepting, and what a server is told from outside |
//! | `limits`, `counters`, `shared` | what all connections have in common |
//! | `connection` | one connection: request after request, in order |
//! | `wire`, `kept_head`, `pace` | its bytes, in and out, the last head, how fast a client must be |
//! | `request`, `inflow`, `body_error` | what a handler sees |
//! | `response`, `headers`, `body`, `trailers`, `respond` | what it answers, and how that is sent |
//! | `upgrade` | connections that go on in another protocol |
//! | `service`, `router`, `routes`, `catch` | handlers: how they are found and called |
//!
//! A request that came in one piece, and is answered from static bytes, allocates nothing: the head
//! is read where it landed, the response is written into memory that connections share, and no
//! future is boxed.
//!
//! What is strict about the codec is so here: a connection whose bytes could be read in two ways is
//! answered once and closed. Every wait has a time limit.

mod body;
mod body_error;
mod catch;
mod connection;
mod counters;
mod headers;
mod inflow;
mod kept_head;
mod limits;
mod listener;
mod pace;
mod peer;
mod request;
mod respond;
mod response;
mod router;
mod routes;
mod secured;
mod serve;
mod service;
mod shared;
mod trailers;
mod upgrade;
mod wire;

pub(crate) use connection::Ended;

pub use body::Body;
pub use body_error::BodyError;
pub use counters::ServerCounters;
pub use limits::{Limits, ServerBuilder};
pub use listener::Listener;
pub use peer::Peer;
pub use request::Request;
pub use response::Response;
pub use router::Router;
pub use routes::Routes;
pub use secured::Secured;
pub use serve::{Server, serve};
pub use service::Service;
pub use trailers::TrailerError;
pub use upgrade::Upgraded;
