//! A request as a handler sees it: borrowed, nothing copied that need not be.

use std::fmt;

use ::http::{Method, Version};

use super::head::{self, Head};
use crate::sansio::Address;

/// A request with its whole body.
pub struct Request<'a> {
    pub(super) head: &'a Head<'a>,
    pub(super) body: &'a [u8],
    pub(super) peer: &'a Address,
}

impl<'a> Request<'a> {
    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.head.to_method()
    }

    /// Whether the method is GET or HEAD: a request that changes nothing here.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.head.method(), "GET" | "HEAD")
    }

    /// The target as it was sent, query included: ASCII, without a fragment.
    #[must_use]
    pub fn target(&self) -> &'a str {
        self.head.target()
    }

    /// The target's path, still percent-encoded. It begins with `/`, but for the `*` that
    /// OPTIONS may be sent.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.head.path()
    }

    /// What follows the target's first `?`.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.head.query()
    }

    /// HTTP/1.0 or HTTP/1.1.
    #[must_use]
    pub fn version(&self) -> Version {
        match self.head.version {
            head::Version::Http10 => Version::HTTP_10,
            head::Version::Http11 => Version::HTTP_11,
        }
    }

    /// The headers in their order: names as they were sent, values without the white space
    /// around them.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.head.headers()
    }

    /// The value of the first header called `name`, whose case does not matter.
    #[must_use]
    pub fn header(&self, name: impl AsRef<str>) -> Option<&'a [u8]> {
        let name = name.as_ref();
        self.headers().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body, decoded if it came in chunks. Empty where there is none.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Who asks.
    #[must_use]
    pub fn peer(&self) -> &'a Address {
        self.peer
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.head.method())
            .field("target", &self.head.target())
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}
