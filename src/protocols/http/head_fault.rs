//! Why a request head was refused, and with which status.
//!
//! A [`HeadFault`] blames the peer, never us: each variant is one rule of RFC 9110 or RFC 9112
//! (or one limit of ours) that the bytes broke, with what was found and what was allowed. It
//! owns nothing of the peer's but single bytes, so it may be logged or put in a reply whole.

use std::fmt;

use http::StatusCode;

/// The first rule that a request head broke.
///
/// Which of several is the first is spelled out at the top of `head.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadFault {
    /// A line ended in LF with no CR before it (RFC 9112, 2.2, lets us refuse it).
    LineFeedAlone,
    /// A CR was not followed by LF (RFC 9112, 2.2).
    CarriageReturnAlone,
    /// More than one blank line came before the request line.
    BlankLines,
    /// The request line is not a method, a target and a version.
    RequestLine,
    /// The method holds a byte that no token may (RFC 9110, 5.6.2), or is empty.
    Method {
        /// The first such byte.
        found: u8,
    },
    /// The target holds a control, a `#` or a byte above 126, or is empty.
    Target {
        /// The first such byte.
        found: u8,
    },
    /// The target has none of the four forms, or one that the method may not use (RFC 9112, 3.2).
    TargetForm,
    /// The target is longer than we take.
    TargetTooLong {
        /// How many bytes it may have.
        limit: usize,
    },
    /// What stands after the target is not `HTTP/`, a digit, a dot and a digit.
    Version,
    /// The version is neither 1.0 nor 1.1.
    VersionUnsupported {
        /// The digit before the dot.
        major: u8,
        /// The digit after the dot.
        minor: u8,
    },
    /// A header line starts with a space or a tab (RFC 9112, 5.2: obsolete folding).
    Folded,
    /// A header name is followed by a space or a tab (RFC 9112, 5.1).
    SpaceBeforeColon,
    /// A header line has no colon.
    NoColon,
    /// A header name holds a byte that no token may, or is empty.
    HeaderName {
        /// The first such byte.
        found: u8,
    },
    /// A header value holds a control, such as NUL.
    HeaderValue {
        /// The first such byte.
        found: u8,
    },
    /// The head does not end within the bytes that we take.
    HeadTooLong {
        /// How many bytes it may have, its blank line included.
        limit: usize,
    },
    /// The head has more header lines than we take.
    TooManyHeaders {
        /// How many it may have.
        limit: usize,
    },
    /// An HTTP/1.1 request names no host (RFC 9112, 3.2).
    HostMissing,
    /// There is more than one `Host` (RFC 9112, 3.2).
    HostRepeated,
    /// `Host` is not a host with an optional port (RFC 9112, 3.2).
    HostInvalid,
    /// `Content-Length` is not digits alone, or does not fit in 64 bits (RFC 9112, 6.3).
    LengthInvalid,
    /// There is more than one `Content-Length`; even equal ones are refused (RFC 9112, 6.3).
    LengthRepeated,
    /// `Content-Length` and `Transfer-Encoding` came together (RFC 9112, 6.1).
    LengthWithCoding,
    /// `Transfer-Encoding` holds an empty element, or nothing.
    CodingEmpty,
    /// `chunked` was applied twice (RFC 9112, 6.1).
    CodingRepeated,
    /// A transfer coding other than `chunked` (RFC 9112, 6.1).
    CodingUnknown,
    /// `Transfer-Encoding` came with HTTP/1.0, which has none (RFC 9112, 6.1).
    CodingInOldVersion,
    /// `Expect` asks for something other than `100-continue` (RFC 9110, 10.1.1).
    ExpectationUnknown,
}

impl HeadFault {
    /// The status that answers it; the connection closes after the reply.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TargetTooLong { .. } => StatusCode::URI_TOO_LONG,
            Self::VersionUnsupported { .. } => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::HeadTooLong { .. } | Self::TooManyHeaders { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::CodingUnknown => StatusCode::NOT_IMPLEMENTED,
            Self::ExpectationUnknown => StatusCode::EXPECTATION_FAILED,
            Self::LineFeedAlone
            | Self::CarriageReturnAlone
            | Self::BlankLines
            | Self::RequestLine
            | Self::Method { .. }
            | Self::Target { .. }
            | Self::TargetForm
            | Self::Version
            | Self::Folded
            | Self::SpaceBeforeColon
            | Self::NoColon
            | Self::HeaderName { .. }
            | Self::HeaderValue { .. }
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostInvalid
            | Self::LengthInvalid
            | Self::LengthRepeated
            | Self::LengthWithCoding
            | Self::CodingEmpty
            | Self::CodingRepeated
            | Self::CodingInOldVersion => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for HeadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineFeedAlone => f.write_str("a line ends in a line feed alone"),
            Self::CarriageReturnAlone => f.write_str("a carriage return without a line feed"),
            Self::BlankLines => f.write_str("more than one blank line before the request line"),
            Self::RequestLine => f.write_str("request line is not method, target and version"),
            Self::Method { found } => write!(f, "byte {found:#04x} in the method"),
            Self::Target { found } => write!(f, "byte {found:#04x} in the request target"),
            Self::TargetForm => f.write_str("request target does not suit the method"),
            Self::TargetTooLong { limit } => write!(f, "request target exceeds {limit} bytes"),
            Self::Version => f.write_str("malformed protocol version"),
            Self::VersionUnsupported { major, minor } => {
                write!(f, "version {major}.{minor} where 1.0 or 1.1 is spoken")
            }
            Self::Folded => f.write_str("folded or indented header line"),
            Self::SpaceBeforeColon => f.write_str("space between header name and colon"),
            Self::NoColon => f.write_str("header line without a colon"),
            Self::HeaderName { found } => write!(f, "byte {found:#04x} in a header name"),
            Self::HeaderValue { found } => write!(f, "byte {found:#04x} in a header value"),
            Self::HeadTooLong { limit } => write!(f, "request head exceeds {limit} bytes"),
            Self::TooManyHeaders { limit } => write!(f, "more than {limit} header lines"),
            Self::HostMissing => f.write_str("host header missing"),
            Self::HostRepeated => f.write_str("more than one host header"),
            Self::HostInvalid => f.write_str("invalid host header"),
            Self::LengthInvalid => f.write_str("invalid content-length"),
            Self::LengthRepeated => f.write_str("more than one content-length"),
            Self::LengthWithCoding => f.write_str("content-length with transfer-encoding"),
            Self::CodingEmpty => f.write_str("empty transfer coding"),
            Self::CodingRepeated => f.write_str("chunked applied twice"),
            Self::CodingUnknown => f.write_str("transfer coding other than chunked"),
            Self::CodingInOldVersion => f.write_str("transfer-encoding in an HTTP/1.0 request"),
            Self::ExpectationUnknown => f.write_str("expectation other than 100-continue"),
        }
    }
}

impl std::error::Error for HeadFault {}
