//! The rings of the runtime, through their async forms on two cores, and through those that don't
//! wait between plain threads.

use std::rc::Rc;
use std::sync::Arc;

use taut::cores::{broadcast, mpsc, spsc};
use taut::{Driver, Runtime, WaitStrategy};

use super::ends::{
    Batches, Message, OneWay, Packet, PingPong, Receiving, ReceivingMany, Sending, SendingMany,
    echo, sink, sink_many,
};
use super::partner::{Far, Partner};
use super::request::{Exchange, Request, drive};
use super::scatter::Scatter;
use super::tally::{Marks, Tally};
use super::{CrossKind, Offer, Work};

/// Messages that a ring has room for.
pub(super) const CAPACITY: usize = 1_024;

/// Who polls the futures on both sides.
#[derive(Clone)]
struct Stage {
    /// The near core's runtime; `None` between plain threads. The partner has its own.
    near: Option<Rc<Runtime>>,
    partner: Rc<Partner>,
    syscalls: fn() -> u64,
}

/// What a kind on two runtimes offers; an error where this host has not what it needs.
pub(super) fn offer(kind: CrossKind, near: usize, partner: Rc<Partner>) -> Result<Offer, String> {
    let driver = match kind {
        CrossKind::SpscSpinEpoll | CrossKind::SpscParkEpoll => Driver::Epoll,
        _ => Driver::Uring,
    };
    let parks = matches!(kind, CrossKind::SpscPark | CrossKind::SpscParkEpoll);
    let far_wait = if parks { WaitStrategy::Park } else { WaitStrategy::Spin };
    let far = partner.core;
    partner.beside(
        Box::new(move |place| {
            // Nobody else can have set it.
            let _ = place.runtime.set(runtime(far, driver, far_wait)?);
            Ok(())
        }),
        || Ok(()),
    )?;
    let near = Some(Rc::new(runtime(near, driver, WaitStrategy::Spin)?));
    let stage = Stage { near, partner, syscalls: || taut::counters().syscalls };
    let works = match kind {
        CrossKind::MpscSpin => vec![
            ("ping_pong", stage.ping_pong(mpsc::channel)),
            ("stream", stage.one_way::<Packet, _, _>(mpsc::channel)),
            ("stream_32", stage.in_batches(mpsc::channel)),
        ],
        CrossKind::Broadcast => vec![
            ("ping_pong", stage.ping_pong(broadcast::blocking)),
            ("stream", stage.one_way::<Packet, _, _>(broadcast::blocking)),
        ],
        // In a stream it would lose what the receiver is too slow for.
        CrossKind::BroadcastLossy => vec![("ping_pong", stage.ping_pong(broadcast::lossy))],
        _ if parks => vec![
            ("wake", stage.one_way::<u64, _, _>(spsc::channel)),
            ("burst", stage.one_way::<u64, _, _>(spsc::channel)),
        ],
        _ => vec![
            ("ping_pong", stage.ping_pong(spsc::channel)),
            ("stream", stage.one_way::<Packet, _, _>(spsc::channel)),
            ("stream_32", stage.in_batches(spsc::channel)),
        ],
    };
    let settings = format!(
        "{driver:?} driver, near core {:?}, far core {far_wait:?}, room for {CAPACITY}, send and \
         recv by await",
        WaitStrategy::Spin
    );
    Ok(Offer { settings, works })
}

pub(super) fn runtime(core: usize, driver: Driver, wait: WaitStrategy) -> Result<Runtime, String> {
    let builder = Runtime::builder().core(core).driver(driver).wait(wait);
    builder.build().map_err(|error| error.to_string())
}

/// The forms that don't wait.
pub(super) fn without_runtime(partner: Rc<Partner>) -> Offer {
    let stage = Stage { near: None, partner, syscalls: || 0 };
    fn channel<M: Send + 'static>(
        room: usize,
    ) -> (Trying<spsc::Sender<M>>, Trying<spsc::Receiver<M>>) {
        let (sender, receiver) = spsc::channel(room);
        (Trying(sender), Trying(receiver))
    }
    let works = vec![
        ("ping_pong", stage.ping_pong(channel)),
        ("stream", stage.one_way::<Packet, _, _>(channel)),
    ];
    let settings = format!(
        "plain threads, try_send and try_recv in a loop with a pause hint, room for {CAPACITY}"
    );
    Offer { settings, works }
}

impl Stage {
    fn ping_pong<S: Sending<u64>, R: Receiving<u64>>(&self, make: fn(usize) -> (S, R)) -> Work {
        let stage = self.clone();
        Box::new(move |request, tally| {
            let _scatter = Scatter::new();
            let marks = Arc::new(Marks::new(stage.syscalls)?);
            let ((there, arrivals), (returns, back)) = (make(CAPACITY), make(CAPACITY));
            let far_marks = Arc::clone(&marks);
            let far = move |place: &Far| {
                place.block_on(echo(arrivals, returns, &far_marks));
                Ok(())
            };
            let near = || stage.near(PingPong::new(there, back), request, &marks, tally);
            stage.partner.beside(Box::new(far), near)
        })
    }

    fn one_way<M: Message, S: Sending<M>, R: Receiving<M>>(
        &self,
        make: fn(usize) -> (S, R),
    ) -> Work {
        let stage = self.clone();
        Box::new(move |request, tally| {
            let _scatter = Scatter::new();
            let marks = Arc::new(Marks::new(stage.syscalls)?);
            let (there, arrivals) = make(CAPACITY);
            let far_marks = Arc::clone(&marks);
            let far = move |place: &Far| {
                place.block_on(sink(arrivals, &far_marks));
                Ok(())
            };
            let near = || stage.near(OneWay::new(there, &marks), request, &marks, tally);
            stage.partner.beside(Box::new(far), near)
        })
    }

    fn in_batches<S: SendingMany<Packet>, R: ReceivingMany<Packet>>(
        &self,
        make: fn(usize) -> (S, R),
    ) -> Work {
        let stage = self.clone();
        Box::new(move |request, tally| {
            let _scatter = Scatter::new();
            let marks = Arc::new(Marks::new(stage.syscalls)?);
            let (there, arrivals) = make(CAPACITY);
            let far_marks = Arc::clone(&marks);
            let far = move |place: &Far| {
                place.block_on(sink_many(arrivals, &far_marks));
                Ok(())
            };
            let near = || stage.near(Batches(OneWay::new(there, &marks)), request, &marks, tally);
            stage.partner.beside(Box::new(far), near)
        })
    }

    fn near(
        &self,
        mut exchange: impl Exchange,
        request: &Request,
        marks: &Marks,
        tally: &mut Tally,
    ) -> Result<Vec<u64>, String> {
        let timed = request.timed(&mut exchange, marks, tally);
        match &self.near {
            Some(runtime) => runtime.block_on(timed),
            None => drive(timed),
        }
    }
}

/// The two kinds of sender have one receiver, and the same forms.
macro_rules! sender {
    ($sender:ty) => {
        impl<M: Send + 'static> Sending<M> for $sender {
            #[inline]
            async fn send(&mut self, message: M) -> bool {
                <$sender>::send(self, message).await.is_ok()
            }
        }

        impl<M: Send + 'static> SendingMany<M> for $sender {
            #[inline]
            async fn send_all(&mut self, mut messages: impl Iterator<Item = M>) -> bool {
                <$sender>::send_all(self, &mut messages).await.is_ok()
            }
        }
    };
}

sender!(spsc::Sender<M>);
sender!(mpsc::Sender<M>);

impl<M: Send + 'static> Receiving<M> for spsc::Receiver<M> {
    #[inline]
    async fn receive(&mut self) -> Option<M> {
        self.recv().await.ok()
    }
}

impl<M: Send + 'static> ReceivingMany<M> for spsc::Receiver<M> {
    #[inline]
    async fn receive_some(&mut self, max: u64, each: impl FnMut(M)) -> bool {
        let more = self.ready().await.is_ok();
        self.drain(max as usize).for_each(each);
        more
    }
}

impl<M: Send + 'static, W: broadcast::Mode<M>> Sending<M> for broadcast::Sender<M, W> {
    #[inline]
    async fn send(&mut self, message: M) -> bool {
        Self::send(self, message).await.is_ok()
    }
}

impl<M: Send + 'static, W: broadcast::Mode<M>> Receiving<M> for broadcast::Receiver<M, W> {
    #[inline]
    async fn receive(&mut self) -> Option<M> {
        self.recv().await.ok()
    }
}

/// An end by the forms that don't wait, in a loop.
struct Trying<E>(E);

impl<M: Send + 'static> Sending<M> for Trying<spsc::Sender<M>> {
    #[inline]
    async fn send(&mut self, mut message: M) -> bool {
        loop {
            message = match self.0.try_send(message) {
                Ok(()) => return true,
                Err(spsc::TrySendError::Full(message)) => message,
                Err(_) => return false,
            };
            std::hint::spin_loop();
        }
    }
}

impl<M: Send + 'static> Receiving<M> for Trying<spsc::Receiver<M>> {
    #[inline]
    async fn receive(&mut self) -> Option<M> {
        loop {
            match self.0.try_recv() {
                Ok(message) => return Some(message),
                Err(spsc::TryRecvError::Empty) => std::hint::spin_loop(),
                Err(_) => return None,
            }
        }
    }
}
