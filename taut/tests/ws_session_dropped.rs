//! A session that is stopped at any of its polls, in any way, leaves nothing.

mod common;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use common::every_poll::{How, stopped_after, timers_left};
use common::venue::{Ticker, position_of, quick, session_with};
use common::{in_time, listen, on_each_driver, until};
use taut::spawn;
use taut::ws::Event;

/// Connects, replaces, and reads a few messages of each connection.
async fn script(address: SocketAddr) -> io::Result<()> {
    let builder = quick()
        .positions(position_of)
        .first_message_timeout(Duration::from_micros(150))
        .on_connect(async |fresh| fresh.send_text("subscribe").await);
    let mut session = session_with(builder, address);
    let (mut messages, mut switches) = (0, 0);
    while switches < 2 {
        match session.next().await?.expect("no limit") {
            Event::Message(_) => messages += 1,
            Event::Switched { .. } => switches += 1,
            Event::Lost { why, .. } => panic!("{why}"),
            _ => {}
        }
        if messages > 3 && session.replace() {
            messages = 0;
        }
    }
    Ok(())
}

#[test]
fn stopped_at_any_poll_it_leaves_no_connection_task_or_timer() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        for how in [How::Cancel, How::Abort, How::Drop] {
            let polls = runtime.block_on(in_time(async {
                let (listener, address) = listen();
                let ticker = Ticker::default();
                let venue = [spawn(ticker.clone().tick(1)), spawn(ticker.clone().serve(listener))];
                let mut polls = 0;
                let needed = loop {
                    if let Some(needed) = stopped_after(script(address), polls, how).await {
                        break needed;
                    }
                    polls += 1;
                };
                for task in venue {
                    task.abort();
                    let _ = task.await;
                }
                until(|| taut::counters().tasks_live == 1).await;
                needed
            }));
            assert!(polls > 5, "{how:?}: {polls} polls");
            assert_eq!(timers_left(&runtime), 0, "{how:?}");
            assert_eq!(runtime.counters().operations_in_flight, 0);
        }
    });
}
