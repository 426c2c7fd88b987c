//! What bounds an HTTP server beside the [`Limits`](crate::Limits) of its listener.

use std::sync::Arc;
use std::time::Duration;

use super::head::HeadLimits;
use super::reply::Reply;
use super::request::Request;
use super::server::{Handler, Http, Shared};

/// What bounds an HTTP server beside the [`Limits`](crate::Limits) of its listener, chained by
/// value.
///
/// ```
/// use switchboard::http;
///
/// let factory = http::Config::default().body(64 << 10).server(|request, reply, _: &mut ()| {
///     reply.bytes(request.body());
/// });
/// # let _: Box<dyn FnMut(()) -> _> = Box::new(factory);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Bytes of a request's head: 16 KiB. More is answered 431. It should be below
    /// [`Limits::input`](crate::Limits::input), which answers the same otherwise.
    pub head: usize,
    /// Bytes of a request's target: 8 KiB. More is answered 414.
    pub target: usize,
    /// Bytes of a request's body: 1 MiB. More is answered 413.
    pub body: usize,
    /// From the end of a head to the end of its body: 60 s. Later is answered 408.
    pub body_timeout: Duration,
    /// From the handler's deferring to its reply: 60 s. Later is answered 503.
    pub reply_timeout: Duration,
    /// Requests answered on one connection before others have their turn: 64.
    pub requests_per_turn: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            head: 16 << 10,
            target: 8 << 10,
            body: 1 << 20,
            body_timeout: Duration::from_secs(60),
            reply_timeout: Duration::from_secs(60),
            requests_per_turn: 64,
        }
    }
}

setters! {
    Config {
        head: usize;
        target: usize;
        body: usize;
        body_timeout: Duration;
        reply_timeout: Duration;
        requests_per_turn: usize;
    }
}

impl Config {
    /// A factory of connections that `handler`, a closure, answers.
    pub fn server<A, S, F>(self, handler: F) -> impl FnMut(A) -> Http<S, F> + Clone + Send + 'static
    where
        S: 'static,
        F: Fn(&Request<'_>, Reply<'_, S>, &mut S) + Send + Sync + 'static,
    {
        self.serve(handler)
    }

    /// A factory of connections that `handler` answers.
    pub fn serve<A, S, H>(self, handler: H) -> impl FnMut(A) -> Http<S, H> + Clone + Send + 'static
    where
        S: 'static,
        H: Handler<S>,
    {
        let shared = Arc::new(Shared::new(handler, self));
        move |_| Http::new(Arc::clone(&shared))
    }

    pub(super) const fn head_limits(&self) -> HeadLimits {
        HeadLimits { head: self.head, target: self.target }
    }
}

/// A factory of connections that `handler`, a closure, answers, with the default [`Config`]:
/// what [`EventLoop::listen`](crate::EventLoop::listen) takes.
pub fn server<A, S, F>(handler: F) -> impl FnMut(A) -> Http<S, F> + Clone + Send + 'static
where
    S: 'static,
    F: Fn(&Request<'_>, Reply<'_, S>, &mut S) + Send + Sync + 'static,
{
    Config::default().server(handler)
}

/// A factory of connections that `handler` answers, with the default [`Config`]. For handlers
/// that are not closures, such as [`files`](super::files()).
pub fn serve<A, S, H>(handler: H) -> impl FnMut(A) -> Http<S, H> + Clone + Send + 'static
where
    S: 'static,
    H: Handler<S>,
{
    Config::default().serve(handler)
}
