//! The handlers of a router: a list in its type, so that each keeps its own future and none is
//! boxed.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Request, Response, Service};

/// The handlers of a [`Router`](super::Router). Not to be implemented elsewhere.
pub trait Routes {
    /// How many there are.
    #[doc(hidden)]
    const COUNT: usize;

    /// Calls the handler with this number.
    #[doc(hidden)]
    fn call<'a>(&'a self, number: usize, request: Request<'a>) -> impl Future<Output = Response>;
}

impl Routes for () {
    const COUNT: usize = 0;

    async fn call<'a>(&'a self, _number: usize, _request: Request<'a>) -> Response {
        unreachable!("a router numbers the handlers that it has")
    }
}

impl<R: Routes, S: Service> Routes for (R, S) {
    const COUNT: usize = R::COUNT + 1;

    fn call<'a>(&'a self, number: usize, request: Request<'a>) -> impl Future<Output = Response> {
        match number == R::COUNT {
            true => OneOf::This { future: self.1.call(request) },
            false => OneOf::Earlier { future: self.0.call(number, request) },
        }
    }
}

pin_project_lite::pin_project! {
    #[project = Projected]
    enum OneOf<E, T> {
        Earlier {
            #[pin]
            future: E,
        },
        This {
            #[pin]
            future: T,
        },
    }
}

impl<E, T> Future for OneOf<E, T>
where
    E: Future<Output = Response>,
    T: Future<Output = Response>,
{
    type Output = Response;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        match self.project() {
            Projected::Earlier { future } => future.poll(context),
            Projected::This { future } => future.poll(context),
        }
    }
}
