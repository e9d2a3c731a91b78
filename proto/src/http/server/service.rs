//! What answers requests.

use super::{Request, Response};

/// What answers requests: an async function or closure of a [`Request`] that gives a [`Response`] or
/// what becomes one, or a [`Router`](super::Router) of them.
///
/// One service answers all connections of a server, each in the task of its connection. Its future is
/// not boxed. It is dropped where an earlier response can't be sent, and its awaits fail with
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
    async fn call<'a>(&'a self, request: Request<'a>) -> Response {
        self(request).await.into()
    }
}
