//! crossbeam-channel: `micro` times `try_send` and `try_recv` on its bounded channel.

use crossbeam_channel::bounded;
use subject::{About, blocking, serve_works, version_of};

const CAPACITY: usize = 1024;

fn main() {
    let _ = subject::start(&["micro"]);
    let about = About {
        version: version_of("crossbeam-channel"),
        settings: "bounded(1024), try_send and try_recv, both ends on one thread".to_owned(),
    };
    serve_works(&about, &[("channel_try", blocking(channel_try))]);
}

fn channel_try(operations: u64) {
    let (sender, receiver) = bounded(CAPACITY);
    for number in 0..operations {
        sender.try_send(number).expect("the channel is empty");
        assert_eq!(receiver.try_recv(), Ok(number));
    }
}
