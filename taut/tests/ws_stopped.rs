//! Waits on a connection that are stopped at each of their polls leave no descriptor, task, operation
//! or buffer behind. A process of its own: descriptors are counted.

mod common;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use common::every_poll::{How, stopped_after};
use common::held::Held;
use common::ws::{Ws, millis, pair};
use common::{in_time, on_each_driver, until_open};
use taut::spawn;
use taut::time::sleep;
use taut::ws::{CloseCode, Message, Options};

/// One of each wait, against a peer that answers.
async fn script(mut client: Ws, state: Rc<RefCell<Vec<&'static str>>>) -> io::Result<()> {
    let reached = |what| state.borrow_mut().push(what);
    client.send_text("one").await?;
    reached("sent");
    let message = client.next().await?.expect("an echo");
    assert_eq!(message.as_str(), Some("one"));
    reached("read");
    client.outbox().queue_binary(&[7; 100_000]).unwrap();
    client.flush().await?;
    reached("flushed");
    let mut count = 0;
    while count == 0 {
        count += client
            .for_each_ready(|item, _| {
                assert_eq!(item.as_bytes(), [7; 100_000]);
                Ok(())
            })
            .await?;
    }
    reached("visited");
    client.close(CloseCode::NORMAL, "done").await?;
    reached("closed");
    Ok(())
}

#[test]
fn waits_that_are_stopped_at_each_poll_leave_nothing_behind() {
    on_each_driver(|builder| {
        let runtime = builder.build().unwrap();
        for how in [How::Cancel, How::Abort, How::Drop] {
            let round = |polls| {
                runtime.block_on(in_time(async {
                    let (client, mut server) = pair(&Options::default()).await;
                    let serving = spawn(async move {
                        loop {
                            match server.next().await {
                                Ok(Some(Message::Text(text))) => {
                                    server.send_text(&text).await.ok();
                                }
                                Ok(Some(message)) => {
                                    assert_eq!(message.as_bytes(), [7; 100_000]);
                                    server.send_binary(message.as_bytes()).await.ok();
                                }
                                Ok(None) => return,
                                // Cut off: never a mistake.
                                Err(error) => {
                                    return assert!(error.violation().is_none(), "{error}");
                                }
                            }
                        }
                    });
                    let state = Rc::default();
                    let ended = stopped_after(script(client, Rc::clone(&state)), polls, how).await;
                    serving.await.unwrap();
                    (ended.is_some(), state.borrow().len())
                }))
            };
            round(u64::MAX);
            runtime.block_on(async { sleep(millis(20)).await }).unwrap();
            let before = Held::now(&runtime);
            let mut states = Vec::new();
            for polls in 0.. {
                let (is_ended, reached) = round(polls);
                states.push(reached);
                if is_ended {
                    break;
                }
            }
            assert!(states.first() == Some(&0) && states.last() == Some(&5), "{states:?}");
            runtime.block_on(async { sleep(millis(20)).await }).unwrap();
            until_open(before.descriptors);
            assert_eq!(Held::now(&runtime), before, "{how:?}");
        }
    });
}
