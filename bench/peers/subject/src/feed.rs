//! The role `feed`: connects where the first line of stdin says, then answers each line
//! `feed MESSAGES` with how late each of so many messages was, in ns.

use std::io::{self, BufRead};
use std::net::SocketAddr;

use super::works::{Spaced, announce_works};
use super::{About, fail, print_line, require};

/// Announces the work and answers until stdin ends. `connect` makes what receives so many messages.
pub fn serve_feed<F: FnMut(usize) -> Vec<u64>>(
    about: &About,
    connect: impl FnOnce(SocketAddr) -> F,
) {
    announce_works(about, &["feed"]);
    let mut lines = io::stdin().lock().lines().map(|line| require("can't read stdin", line));
    let Some(first) = lines.next() else { return };
    let Some(venue) = first.strip_prefix("connect ").and_then(|venue| venue.parse().ok()) else {
        fail(format_args!("not a venue to connect to: {first:?}"));
    };
    let mut feed = connect(venue);
    print_line("connected");
    for line in lines {
        let Some(messages) = line.strip_prefix("feed ").and_then(|text| text.parse().ok()) else {
            fail(format_args!("not a request for a feed: {line:?}"));
        };
        print_line(Spaced(&feed(messages)));
    }
}
