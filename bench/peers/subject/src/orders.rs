//! The role `order`: connects to the venue that the first line of stdin names, then answers each
//! line `order BATCHES OPERATIONS` with the wall time of each batch in ns.

use std::io::{self, BufRead};
use std::net::SocketAddr;

use super::works::{Spaced, Work, announce_works, requested};
use super::{About, fail, print_line, require};

/// Orders that are sent before the first batch of a request, and that nobody times.
pub const WARM_UP: u64 = 16;

/// Where orders go.
#[derive(Debug)]
pub struct Venue {
    /// Of the venue, which speaks TLS to those who do.
    pub address: SocketAddr,
    /// The certificate that it shows, as DER: its own authority.
    pub certificate: Vec<u8>,
}

impl Venue {
    fn of(line: &str) -> Option<(SocketAddr, &str)> {
        let (address, certificate) = line.strip_prefix("connect ")?.split_once(' ')?;
        Some((address.parse().ok()?, certificate))
    }
}

/// Announces the work `order`, has `connect` make a client of the venue, and has that client send
/// so many batches of so many orders until stdin ends.
pub fn serve_orders<C>(about: &About, connect: impl FnOnce(&Venue) -> C)
where
    C: FnMut(u64, u64) -> Vec<u64>,
{
    announce_works(about, &["order"]);
    let mut lines = io::stdin().lock().lines().map(|line| require("can't read stdin", line));
    let Some(first) = lines.next() else { return };
    let Some((address, file)) = Venue::of(&first) else {
        fail(format_args!("not the line that names the venue: {first:?}"));
    };
    let certificate = require("can't read the venue's certificate", std::fs::read(file));
    let client = std::cell::RefCell::new(connect(&Venue { address, certificate }));
    print_line("connected");
    let work = move |batches, operations| (client.borrow_mut())(batches, operations);
    let works: [(&str, Work<'_>); 1] = [("order", Box::new(work))];
    for line in lines {
        let Some((work, batches, operations)) = requested(&line, &works) else {
            fail(format_args!("not a request for orders: {line:?}"));
        };
        print_line(Spaced(&work(batches, operations)));
    }
}

#[cfg(test)]
mod tests {
    use super::Venue;
    use crate::order::{BODY, Field, SIGNATURE_VALUE, Text};

    #[test]
    fn the_line_that_names_the_venue_has_its_address_and_a_file() {
        let (address, file) = Venue::of("connect 127.0.0.1:81 /proc/1/fd/3").expect("a venue");
        assert_eq!((address.port(), file), (81, "/proc/1/fd/3"));
        for line in ["", "connect", "connect 127.0.0.1:81", "connect here /x", "order 1 1"] {
            assert!(Venue::of(line).is_none(), "{line}");
        }
    }

    #[test]
    fn the_fields_of_an_order_are_its_numbers_and_keep_their_width() {
        let mut body = Text::new().pieces(BODY);
        let length = body.bytes().len();
        for (number, part) in [
            (
                7,
                r#""price":"64007.50","newClientOrderId":"000000000007","timestamp":1700000000007}"#,
            ),
            (123_456, r#""newClientOrderId":"000000123456""#),
        ] {
            body.set(number);
            let text = String::from_utf8_lossy(body.bytes());
            assert!(text.contains(part), "{text}");
            assert_eq!(text.len(), length);
        }
        let mut signature = Text::new().pieces(SIGNATURE_VALUE);
        signature.set(u64::MAX);
        assert_eq!(signature.bytes().len(), Field::Signature.width());
    }
}
