//! glommio's shared channel, its own ring between executors, between two that spin.

use std::sync::Arc;
use std::time::Duration;

use glommio::channels::shared_channel::{
    ConnectedReceiver, ConnectedSender, SharedReceiver, SharedSender, new_bounded,
};
use glommio::{LocalExecutorBuilder, Placement};
use subject::cores::{
    CAPACITY, CrossWork, Packet, Reached, Receiving, Sending, echo, one_way, serve_cores, sink,
    there_and_back,
};
use subject::{About, fail, require};

struct End<E>(E);

impl<M: Send + 'static> Sending<M> for End<ConnectedSender<M>> {
    async fn send(&mut self, message: M) {
        if self.0.send(message).await.is_err() {
            fail("nobody receives");
        }
    }
}

impl<M: Send + 'static> Receiving<M> for End<ConnectedReceiver<M>> {
    async fn receive(&mut self) -> Option<M> {
        self.0.recv().await
    }
}

async fn sender<M: Send + 'static>(shared: SharedSender<M>) -> End<ConnectedSender<M>> {
    End(shared.connect().await)
}

async fn receiver<M: Send + 'static>(shared: SharedReceiver<M>) -> End<ConnectedReceiver<M>> {
    End(shared.connect().await)
}

pub(crate) fn serve(about: &About, core: usize, other_core: usize, spin: Duration) {
    let block_on = Cores { core, other_core, spin };
    let ping_pong: CrossWork<'_> = Box::new(move |request, partner| {
        let (there, arrivals) = new_bounded::<u64>(CAPACITY);
        let (returns, back) = new_bounded::<u64>(CAPACITY);
        let far = move || {
            block_on.far(async {
                // In the order of the near side: each connect waits for the other end's.
                let arrivals = receiver(arrivals).await;
                echo(arrivals, sender(returns).await).await;
            });
        };
        partner.beside(far, || {
            block_on.near(async {
                let there = sender(there).await;
                there_and_back(request, there, receiver(back).await).await
            })
        })
    });
    let stream: CrossWork<'_> = Box::new(move |request, partner| {
        let (there, arrivals) = new_bounded::<Packet>(CAPACITY);
        let near = Arc::new(Reached::default());
        let reached = Arc::clone(&near);
        let far = move || block_on.far(async { sink(receiver(arrivals).await, &reached).await });
        partner.beside(far, || {
            block_on.near(async { one_way(request, sender(there).await, &near).await })
        })
    });
    serve_cores(about, other_core, &[("ping_pong", ping_pong), ("stream", stream)]);
}

/// An executor for each request, since one can't be shared with the works of the other thread.
#[derive(Clone, Copy)]
struct Cores {
    core: usize,
    other_core: usize,
    spin: Duration,
}

impl Cores {
    fn near<T>(self, future: impl Future<Output = T>) -> T {
        Self::block_on(self.core, self.spin, future)
    }

    fn far<T>(self, future: impl Future<Output = T>) -> T {
        Self::block_on(self.other_core, self.spin, future)
    }

    fn block_on<T>(core: usize, spin: Duration, future: impl Future<Output = T>) -> T {
        let builder = LocalExecutorBuilder::new(Placement::Fixed(core)).spin_before_park(spin);
        require("can't start an executor", builder.make()).run(future)
    }
}
