//! Between tasks of one core, and from another thread: `cargo run --release --example channel`.

use std::thread;

use taut::channel::{conflate, mpsc, oneshot, shared};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    taut::run(async {
        // Many senders, one receiver; a full channel lets senders wait.
        let (sender, receiver) = mpsc::channel(2);
        for gateway in ["east", "west"] {
            let sender = sender.clone();
            taut::spawn(async move {
                for number in 1..=3 {
                    sender.send((gateway, number)).await?;
                }
                Ok::<(), mpsc::SendError<_>>(())
            });
        }
        drop(sender);
        let mut received = 0;
        // What is in the buffer is received, also after the last sender is gone.
        while let Ok((gateway, number)) = receiver.recv().await {
            println!("{gateway} sent {number}");
            received += 1;
        }
        assert_eq!(received, 6);

        // Market data: of each instrument only the latest quote counts.
        let (quotes, book) = conflate::channel(100);
        for (instrument, price) in [("BTC", 60_000), ("ETH", 3_000), ("BTC", 60_010)] {
            quotes.send(instrument, price).await?;
        }
        assert_eq!(book.recv().await?, ("BTC", 60_010));
        assert_eq!(book.recv().await?, ("ETH", 3_000));
        println!("one of three quotes was overtaken: {}", book.conflated());

        // A request that carries the way for its answer.
        let (requests, desk) = mpsc::channel::<(u32, oneshot::Sender<u32>)>(1);
        taut::spawn(async move {
            while let Ok((number, answer)) = desk.recv().await {
                // An error would say that nobody waits for the answer any more.
                let _ = answer.send(number * number);
            }
        });
        let (answer, answered) = oneshot::channel();
        requests.send((12, answer)).await?;
        let square = answered.await?;
        assert_eq!(square, 144);
        println!("12 * 12 = {square}");

        // From a thread that may block.
        let (from_thread, on_core) = shared::channel(1);
        let thread =
            thread::spawn(move || (1..=3).try_for_each(|number| from_thread.send_blocking(number)));
        let mut sum = 0;
        while let Ok(number) = on_core.recv().await {
            sum += number;
        }
        assert_eq!(sum, 6);
        thread.join().expect("the thread does not panic")?;
        println!("a thread sent {sum} in all");
        Ok(())
    })?
}
