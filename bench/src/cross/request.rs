//! What is asked for in one line, and the loop that times it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::tally::{MARK, Marks, Tally};

/// Operations before the first batch, which nobody times: the rings of a request are new.
const WARM_UP: u64 = 1_000;
/// ... or so many batches, where a pause comes before each.
const WARM_UP_WITH_PAUSES: u64 = 50;

/// The numbers of a line `WORK BATCHES OPERATIONS PAUSE_NS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    batches: u64,
    operations: u64,
    pause: Duration,
}

/// What a work does with its near end.
pub(super) trait Exchange {
    /// Does so many operations; `flags` are on the last message of them.
    async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String>;
}

impl Request {
    /// The work's name and the rest.
    pub(super) fn parse(line: &str) -> Result<(&str, Self), String> {
        let problem =
            || format!("{line:?} is no line of work: WORK BATCHES OPERATIONS PAUSE_NS, or counts");
        let mut words = line.split_whitespace();
        let name = words.next().ok_or_else(problem)?;
        let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
        let Some(&[batches, operations, pause_ns]) = numbers.as_deref() else {
            return Err(problem());
        };
        if operations == 0 {
            return Err(problem());
        }
        Ok((name, Self { batches, operations, pause: Duration::from_nanos(pause_ns) }))
    }

    /// Runs the batches, each after the pause, and gives the time of each in ns.
    pub(super) async fn timed(
        &self,
        exchange: &mut impl Exchange,
        marks: &Marks,
        tally: &mut Tally,
    ) -> Result<Vec<u64>, String> {
        let mut times_ns = Vec::with_capacity(self.batches as usize);
        if self.pause.is_zero() {
            exchange.batch(WARM_UP.max(self.operations), 0).await?;
        } else {
            for _ in 0..WARM_UP_WITH_PAUSES {
                self.wait();
                exchange.batch(self.operations, 0).await?;
            }
        }
        exchange.batch(1, MARK).await?;
        let before = marks.now();
        for _ in 0..self.batches {
            self.wait();
            let started = Instant::now();
            exchange.batch(self.operations, 0).await?;
            times_ns.push(started.elapsed().as_nanos() as u64);
        }
        self.wait();
        exchange.batch(self.operations, MARK).await?;
        tally.add((self.batches + 1) * self.operations, &before, &marks.now());
        Ok(times_ns)
    }

    /// Spins: both ends are idle meanwhile, and the near one stays awake.
    fn wait(&self) {
        if !self.pause.is_zero() {
            let started = Instant::now();
            while started.elapsed() < self.pause {
                std::hint::spin_loop();
            }
        }
    }
}

/// Polls to the end, without a runtime and without waiting.
pub(super) fn drive<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Counted {
        operations: u64,
        marks: Vec<u64>,
    }

    impl Exchange for Counted {
        async fn batch(&mut self, operations: u64, flags: u64) -> Result<(), String> {
            self.operations += operations;
            if flags == MARK {
                self.marks.push(self.operations);
            }
            Ok(())
        }
    }

    #[test]
    fn batches_are_timed_and_counted_without_their_warm_up() {
        let (name, request) = Request::parse("ping_pong 3 7 1000").unwrap();
        assert_eq!(name, "ping_pong");
        let (mut exchange, mut tally) = (Counted::default(), Tally::default());
        let times =
            drive(request.timed(&mut exchange, &Marks::new(|| 0).unwrap(), &mut tally)).unwrap();
        assert_eq!(times.len(), 3);
        let warm = WARM_UP_WITH_PAUSES * 7 + 1;
        assert_eq!(exchange.marks, [warm, warm + 4 * 7], "one batch more than is timed");
        assert_eq!(tally.take()[0], 4 * 7);
    }

    #[test]
    fn a_pause_is_kept_before_each_batch() {
        let (_, request) = Request::parse("wake 2 1 200000").unwrap();
        let started = Instant::now();
        let mut exchange = Counted::default();
        drive(request.timed(&mut exchange, &Marks::new(|| 0).unwrap(), &mut Tally::default()))
            .unwrap();
        let pauses = WARM_UP_WITH_PAUSES as u32 + 3;
        assert!(started.elapsed() >= Duration::from_micros(200) * pauses);
    }
}
