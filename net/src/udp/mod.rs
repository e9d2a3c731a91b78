//! UDP: datagrams received where the kernel put them, with all that it knows of each.
//!
//! | file | idea |
//! |---|---|
//! | `builder` | what must be known before a socket is bound |
//! | `socket` | a bound socket |
//! | `sender` | its outbound half |
//! | `multicast` | groups, and how datagrams to groups are sent |
//! | `path_mtu` | datagrams that are larger than what the path carries |

mod builder;
mod multicast;
mod path_mtu;
mod sender;
mod socket;

pub use builder::UdpBuilder;
pub use sender::UdpSender;
pub use socket::UdpSocket;
