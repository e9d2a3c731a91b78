//! Which handler answers which path and method.

use std::fmt;

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use super::request::Parts;
use super::routes::Routes;
use super::{Request, Response, Service};

/// Handlers by path and method. A [`Service`] itself.
///
/// Paths are matched as they are sent, without decoding. `{name}` stands for one segment and
/// `{*name}` for all the rest; [`Request::param`] gives what stood there.
///
/// What no handler answers is answered here: 404 where there is no such path, 405 with `Allow`
/// where it has other methods, HEAD by the handler of GET, OPTIONS with `Allow`.
///
/// The handlers are in the router's type, so that none of their futures is boxed. Finding one
/// allocates nothing up to four parameters.
///
/// ```
/// use taut_proto::http::{Request, Response, Router};
///
/// async fn order(request: Request<'_>) -> Response {
///     Response::text(format!("order {}", request.param("id").unwrap_or_default()))
/// }
///
/// let router = Router::new()
///     .get("/health", async |_: Request<'_>| "up")
///     .get("/orders/{id}", order)
///     .delete("/orders/{id}", async |_: Request<'_>| http::StatusCode::NO_CONTENT);
/// # drop(router);
/// ```
pub struct Router<R = ()> {
    paths: matchit::Router<usize>,
    places: Vec<Place>,
    routes: R,
}

/// What a path has.
struct Place {
    path: String,
    /// Methods and the numbers of their handlers.
    handlers: Vec<(Method, usize)>,
    allow: HeaderValue,
}

/// What becomes of a request.
enum Choice {
    Handler(usize),
    NotFound,
    /// The path has no such method.
    NotAllowed(HeaderValue),
    /// OPTIONS that no handler answers.
    Options(HeaderValue),
}

impl Router {
    /// A router that answers 404.
    #[must_use]
    pub fn new() -> Self {
        Self { paths: matchit::Router::new(), places: Vec::new(), routes: () }
    }
}

impl Default for Router {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Routes> Router<R> {
    /// Answers a method of a path.
    ///
    /// # Panics
    ///
    /// Where the path can't be told from an earlier one, is malformed, or has this method already.
    #[must_use]
    pub fn route<S: Service>(mut self, method: Method, path: &str, service: S) -> Router<(R, S)> {
        let known = self.places.iter().position(|place| place.path == path);
        let place = known.unwrap_or_else(|| {
            let place = self.places.len();
            if let Err(error) = self.paths.insert(path, place) {
                panic!("the route {path:?}: {error}");
            }
            let allow = HeaderValue::from_static("OPTIONS");
            self.places.push(Place { path: path.to_owned(), handlers: Vec::new(), allow });
            place
        });
        let place = &mut self.places[place];
        let is_known = place.handlers.iter().any(|(known, _)| *known == method);
        assert!(!is_known, "the route {path:?} has a handler of {method} already");
        place.handlers.push((method, R::COUNT));
        place.allow = allowed(&place.handlers);
        Router { paths: self.paths, places: self.places, routes: (self.routes, service) }
    }

    fn choose(&self, method: &Method, place: usize) -> Choice {
        let place = &self.places[place];
        let handler = |wanted: &Method| {
            let handler = place.handlers.iter().find(|(method, _)| method == wanted);
            handler.map(|(_, number)| Choice::Handler(*number))
        };
        if let Some(choice) = handler(method) {
            return choice;
        }
        match *method {
            Method::HEAD => {
                handler(&Method::GET).unwrap_or_else(|| Choice::NotAllowed(place.allow.clone()))
            }
            Method::OPTIONS => Choice::Options(place.allow.clone()),
            _ => Choice::NotAllowed(place.allow.clone()),
        }
    }
}

/// The methods of a path as `Allow` has them.
fn allowed(handlers: &[(Method, usize)]) -> HeaderValue {
    let mut names: Vec<&str> = handlers.iter().map(|(method, _)| method.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    names.sort_unstable();
    names.dedup();
    HeaderValue::from_str(&names.join(", ")).expect("methods are tokens")
}

macro_rules! methods {
    ($($name:ident $method:ident,)+) => {
        impl<R: Routes> Router<R> {
            $(#[doc = concat!("Answers ", stringify!($method), " of a path. See [`route`](Self::route).")]
            ///
            /// # Panics
            ///
            /// As for [`route`](Self::route).
            #[must_use]
            pub fn $name<S: Service>(self, path: &str, service: S) -> Router<(R, S)> {
                self.route(Method::$method, path, service)
            })+
        }
    };
}

methods! {
    get GET,
    post POST,
    put PUT,
    patch PATCH,
    delete DELETE,
}

impl<R: Routes> Service for Router<R> {
    async fn call<'a>(&'a self, request: Request<'a>) -> Response {
        let method = request.method();
        if request.target() == "*" {
            let all: Vec<_> =
                self.places.iter().flat_map(|place| &place.handlers).cloned().collect();
            return refusal(Choice::Options(allowed(&all)));
        }
        let Ok(found) = self.paths.at(request.path()) else {
            return refusal(Choice::NotFound);
        };
        match self.choose(method, *found.value) {
            Choice::Handler(number) => {
                let parts = Parts { params: Some(&found.params), ..*request.parts() };
                self.routes.call(number, Request::new(&parts)).await
            }
            choice => refusal(choice),
        }
    }
}

#[cold]
fn refusal(choice: Choice) -> Response {
    match choice {
        Choice::NotFound | Choice::Handler(_) => StatusCode::NOT_FOUND.into(),
        Choice::NotAllowed(allow) => {
            Response::new(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, allow)
        }
        Choice::Options(allow) => Response::new(StatusCode::NO_CONTENT).header(ALLOW, allow),
    }
}

impl<R> fmt::Debug for Router<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.places.iter().map(|place| (&place.path, &place.allow));
        f.debug_map().entries(paths).finish()
    }
}
