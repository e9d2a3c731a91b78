//! What answers requests.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Request, Response};

/// What answers requests: an async function or closure of a [`Request`] that gives a [`Response`]
/// or what becomes one, or a [`Router`](super::Router) of them.
///
/// One service answers all connections of a server, each in the task of its connection. Its future
/// is not boxed. It is dropped where an earlier response can't be sent, and its awaits fail with
/// `ECANCELED` where a shutdown has run out of time; that its client has gone, a handler that waits
/// for something else is not told.
pub trait Service {
    /// Answers a request.
    fn call<'a>(&'a self, request: Request<'a>) -> impl Future<Output = Response>;
}

impl<F, R> Service for F
where
    F: for<'a> AsyncFn(Request<'a>) -> R,
    R: Into<Response>,
{
    #[inline]
    fn call<'a>(&'a self, request: Request<'a>) -> impl Future<Output = Response> {
        Answer { answer: self(request) }
    }
}

pin_project! {
    /// The future of a function, whose output becomes a response. An async block would keep the
    /// arguments too, and copy them.
    struct Answer<F> {
        #[pin]
        answer: F,
    }
}

impl<F, R> Future for Answer<F>
where
    F: Future<Output = R>,
    R: Into<Response>,
{
    type Output = Response;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        self.project().answer.poll(context).map(Into::into)
    }
}
