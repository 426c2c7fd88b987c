//! The chunked transfer coding, read a piece at a time (RFC 9112, 7.1).
//!
//! Payload is appended to the caller's buffer; sizes, extensions and trailers are read, limited
//! and thrown away. The decoder keeps no bytes, so it uses all that it is offered until the body
//! ends, and since it goes by single bytes outside the payload, no cut can change what it says.
//!
//! | state        | byte          | next                                                   |
//! |--------------|---------------|--------------------------------------------------------|
//! | Size         | hex digit     | Size                                                   |
//! | Size         | `;`           | Extension                                              |
//! | Size         | CR            | SizeEnd                                                |
//! | Extension    | value byte    | Extension                                              |
//! | Extension    | CR            | SizeEnd                                                |
//! | SizeEnd      | LF            | Payload; TrailerStart after a size of zero             |
//! | Payload      | any           | Payload; PayloadEnd after the chunk's last byte        |
//! | PayloadEnd   | CR            | PayloadFeed                                            |
//! | PayloadFeed  | LF            | Size                                                   |
//! | TrailerStart | token byte    | TrailerName                                            |
//! | TrailerStart | CR            | LastFeed                                               |
//! | TrailerName  | token byte    | TrailerName                                            |
//! | TrailerName  | `:`           | TrailerValue                                           |
//! | TrailerValue | value byte    | TrailerValue                                           |
//! | TrailerValue | CR            | TrailerFeed                                            |
//! | TrailerFeed  | LF            | TrailerStart                                           |
//! | LastFeed     | LF            | Done                                                   |
//!
//! Every other byte is a fault. In particular a size has one to sixteen hex digits and nothing
//! around them (the white space that 7.1.1 lets stand before an extension has been used to
//! smuggle requests past proxies), and no line ends in LF alone.

use std::fmt;

use http::StatusCode;

use super::head_lines::{is_token, is_value};

/// How many hex digits a size may have: what fits in 64 bits.
const MAX_SIZE_DIGITS: u8 = 16;

/// How many bytes all chunk extensions of one body may have together. Nothing that we know sends
/// any (RFC 9112, 7.1.1, asks for a limit on the total: one a chunk would let a drip of
/// one-byte chunks go on for ever).
const MAX_EXTENSION_BYTES: usize = 1024;

/// How many bytes the trailers may have: a few digests and signatures.
const MAX_TRAILER_BYTES: usize = 4 * 1024;

/// How many trailers there may be.
const MAX_TRAILERS: usize = 32;

/// What [`Chunked::decode`] did with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// How many bytes of the input belong to the body and were used.
    pub(super) used: usize,
    /// Whether the body has ended; what follows is the next request.
    pub(super) complete: bool,
}

/// A decoder for one chunked body.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// How many bytes of payload the sizes so far announce: at most the caller's limit.
    announced: u64,
    /// How many bytes of extensions were seen: at most [`MAX_EXTENSION_BYTES`].
    extension_bytes: usize,
    /// How many bytes of trailers were seen: at most [`MAX_TRAILER_BYTES`].
    trailer_bytes: usize,
    /// How many trailers were begun: at most [`MAX_TRAILERS`].
    trailers: usize,
}

/// What is expected next. Only [`Chunked::enter`] assigns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A chunk size, of which so many digits were there.
    Size { size: u64, digits: u8 },
    /// The rest of a size line, after its semicolon.
    Extension { size: u64 },
    /// The LF of a size line.
    SizeEnd { size: u64 },
    /// So many bytes of payload, more than none.
    Payload { left: u64 },
    /// The CR after a chunk's payload.
    PayloadEnd,
    /// The LF after a chunk's payload.
    PayloadFeed,
    /// A trailer, or the blank line that ends the body.
    TrailerStart,
    /// The rest of a trailer's name.
    TrailerName,
    /// The rest of a trailer's line.
    TrailerValue,
    /// The LF of a trailer's line.
    TrailerFeed,
    /// The LF of the blank line.
    LastFeed,
    /// Nothing: the body has ended.
    Done,
}

impl Chunked {
    /// A decoder that stands before the first chunk.
    pub(super) const fn new() -> Self {
        Self {
            state: State::Size { size: 0, digits: 0 },
            announced: 0,
            extension_bytes: 0,
            trailer_bytes: 0,
            trailers: 0,
        }
    }

    /// Reads on in the body and appends its payload to `output`.
    ///
    /// `limit` is how many bytes of payload the whole body may have, the same in every call. A
    /// chunk that would exceed it is refused at its size, before any of it is taken. All of
    /// `input` is used unless the body ends in it; once it has ended, nothing is.
    ///
    /// # Errors
    ///
    /// The first rule that the bytes broke. The body is over then: where it would go on cannot
    /// be known, so the decoder may not be called again.
    pub(super) fn decode(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Decoded, ChunkFault> {
        let mut rest = input;
        while let Some((&byte, after)) = rest.split_first() {
            match self.state {
                State::Done => break,
                State::Payload { left } => {
                    let here =
                        usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    let (payload, after) = rest.split_at(here);
                    output.extend_from_slice(payload);
                    rest = after;
                    self.enter(match left - payload.len() as u64 {
                        0 => State::PayloadEnd,
                        left => State::Payload { left },
                    });
                }
                State::Size { .. }
                | State::Extension { .. }
                | State::SizeEnd { .. }
                | State::PayloadEnd
                | State::PayloadFeed
                | State::TrailerStart
                | State::TrailerName
                | State::TrailerValue
                | State::TrailerFeed
                | State::LastFeed => {
                    let next = self.take(byte, limit)?;
                    self.enter(next);
                    rest = after;
                }
            }
        }
        self.check_invariants(limit);
        Ok(Decoded { used: input.len() - rest.len(), complete: self.state == State::Done })
    }

    /// Takes one byte that is not payload and says what is expected after it.
    fn take(&mut self, byte: u8, limit: usize) -> Result<State, ChunkFault> {
        match (self.state, byte) {
            (State::Size { size, digits: 1.. }, b'\r') | (State::Extension { size }, b'\r') => {
                Ok(State::SizeEnd { size })
            }
            (State::Size { size, digits: 1.. }, b';') => self.take_extension(size),
            (State::Extension { size }, _) if is_value(byte) => self.take_extension(size),
            (State::Size { size, digits }, _) => self.take_digit(byte, size, digits, limit),
            (State::SizeEnd { size: 0 }, b'\n') => Ok(State::TrailerStart),
            (State::SizeEnd { size }, b'\n') => {
                self.announced += size;
                Ok(State::Payload { left: size })
            }
            (State::PayloadEnd, b'\r') => Ok(State::PayloadFeed),
            (State::PayloadFeed, b'\n') => Ok(State::Size { size: 0, digits: 0 }),
            (State::TrailerStart, b'\r') => Ok(State::LastFeed),
            (
                State::TrailerStart | State::TrailerName | State::TrailerValue | State::TrailerFeed,
                _,
            ) => self.take_trailer(byte),
            (State::LastFeed, b'\n') => Ok(State::Done),
            // The decoder asks for no byte in these two: they are here to be named.
            (State::Done, _) => Ok(State::Done),
            (State::Payload { left }, _) => Ok(State::Payload { left }),
            (State::Extension { .. }, found) => Err(stray(found, ChunkFault::Extension { found })),
            (State::PayloadEnd, found) => Err(stray(found, ChunkFault::PayloadEnd { found })),
            (State::SizeEnd { .. } | State::PayloadFeed | State::LastFeed, _) => {
                Err(ChunkFault::CarriageReturnAlone)
            }
        }
    }

    /// Takes one byte of a size that is neither its end nor the start of an extension.
    fn take_digit(
        &self,
        byte: u8,
        size: u64,
        digits: u8,
        limit: usize,
    ) -> Result<State, ChunkFault> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            found => return Err(stray(found, ChunkFault::Size { found })),
        };
        if digits == MAX_SIZE_DIGITS {
            return Err(ChunkFault::SizeTooLong { limit: MAX_SIZE_DIGITS });
        }
        // Sixteen digits fit, so nothing is shifted out.
        let size = (size << 4) | u64::from(digit);
        if size > (limit as u64).saturating_sub(self.announced) {
            return Err(ChunkFault::BodyTooLong { limit });
        }
        Ok(State::Size { size, digits: digits + 1 })
    }

    /// Takes one byte of an extension, the semicolon included.
    fn take_extension(&mut self, size: u64) -> Result<State, ChunkFault> {
        count(&mut self.extension_bytes, MAX_EXTENSION_BYTES)
            .ok_or(ChunkFault::ExtensionsTooLong { limit: MAX_EXTENSION_BYTES })?;
        Ok(State::Extension { size })
    }

    /// Takes one byte of a trailer (RFC 9112, 7.1.2, lets us discard them all).
    fn take_trailer(&mut self, byte: u8) -> Result<State, ChunkFault> {
        let next = match (self.state, byte) {
            (State::TrailerStart, _) if is_token(byte) => {
                count(&mut self.trailers, MAX_TRAILERS)
                    .ok_or(ChunkFault::TooManyTrailers { limit: MAX_TRAILERS })?;
                State::TrailerName
            }
            (State::TrailerName, _) if is_token(byte) => State::TrailerName,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerFeed,
            (State::TrailerValue, _) if is_value(byte) => State::TrailerValue,
            (State::TrailerFeed, b'\n') => State::TrailerStart,
            (State::TrailerFeed, _) => return Err(ChunkFault::CarriageReturnAlone),
            (_, found) => return Err(stray(found, ChunkFault::Trailer { found })),
        };
        count(&mut self.trailer_bytes, MAX_TRAILER_BYTES)
            .ok_or(ChunkFault::TrailersTooLong { limit: MAX_TRAILER_BYTES })?;
        Ok(next)
    }

    /// Assigns the state.
    fn enter(&mut self, next: State) {
        self.state = next;
    }

    /// What must hold after every input.
    fn check_invariants(&self, limit: usize) {
        debug_assert!(self.announced <= limit as u64);
        debug_assert!(self.extension_bytes <= MAX_EXTENSION_BYTES);
        debug_assert!(self.trailer_bytes <= MAX_TRAILER_BYTES);
        debug_assert!(self.trailers <= MAX_TRAILERS);
        debug_assert!(self.state != State::Payload { left: 0 });
    }
}

/// Counts one more, unless that would exceed `limit`.
fn count(counter: &mut usize, limit: usize) -> Option<()> {
    if *counter == limit {
        return None;
    }
    *counter += 1;
    Some(())
}

/// The fault of a byte out of place: a line end is named as such wherever it stands.
fn stray(found: u8, otherwise: ChunkFault) -> ChunkFault {
    match found {
        b'\n' => ChunkFault::LineFeedAlone,
        _ => otherwise,
    }
}

/// The first rule that a chunked body broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkFault {
    /// A chunk size is empty or holds a byte that is no hex digit.
    Size {
        /// The first such byte.
        found: u8,
    },
    /// A chunk size has more digits than fit in 64 bits.
    SizeTooLong {
        /// How many it may have.
        limit: u8,
    },
    /// A chunk extension holds a control.
    Extension {
        /// The first such byte.
        found: u8,
    },
    /// The extensions of all chunks together are longer than we take.
    ExtensionsTooLong {
        /// How many bytes they may have.
        limit: usize,
    },
    /// A chunk goes on after the bytes that its size announced.
    PayloadEnd {
        /// The first byte after them.
        found: u8,
    },
    /// The payload is longer than the caller takes.
    BodyTooLong {
        /// How many bytes it may have.
        limit: usize,
    },
    /// A trailer is malformed (RFC 9112, 5).
    Trailer {
        /// The first byte out of place.
        found: u8,
    },
    /// The trailers are longer than we take.
    TrailersTooLong {
        /// How many bytes they may have.
        limit: usize,
    },
    /// There are more trailers than we take.
    TooManyTrailers {
        /// How many there may be.
        limit: usize,
    },
    /// A line ended in LF with no CR before it.
    LineFeedAlone,
    /// A CR was not followed by LF.
    CarriageReturnAlone,
}

impl ChunkFault {
    /// The status that answers it; the connection closes after the reply.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::BodyTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TrailersTooLong { .. } | Self::TooManyTrailers { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Size { .. }
            | Self::SizeTooLong { .. }
            | Self::Extension { .. }
            | Self::ExtensionsTooLong { .. }
            | Self::PayloadEnd { .. }
            | Self::Trailer { .. }
            | Self::LineFeedAlone
            | Self::CarriageReturnAlone => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for ChunkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { found } => write!(f, "byte {found:#04x} in a chunk size"),
            Self::SizeTooLong { limit } => write!(f, "chunk size of more than {limit} digits"),
            Self::Extension { found } => write!(f, "byte {found:#04x} in a chunk extension"),
            Self::ExtensionsTooLong { limit } => write!(f, "chunk extensions exceed {limit} bytes"),
            Self::PayloadEnd { found } => write!(f, "byte {found:#04x} where a chunk should end"),
            Self::BodyTooLong { limit } => write!(f, "request body exceeds {limit} bytes"),
            Self::Trailer { found } => write!(f, "byte {found:#04x} in a trailer"),
            Self::TrailersTooLong { limit } => write!(f, "trailers exceed {limit} bytes"),
            Self::TooManyTrailers { limit } => write!(f, "more than {limit} trailers"),
            Self::LineFeedAlone => f.write_str("a line ends in a line feed alone"),
            Self::CarriageReturnAlone => f.write_str("a carriage return without a line feed"),
        }
    }
}

impl std::error::Error for ChunkFault {}

#[cfg(test)]
#[path = "chunked_tests.rs"]
mod tests;
