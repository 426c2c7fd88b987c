//! What the headers of a request mean for its connection and its body: RFC 9110, 7.2 (Host),
//! 8.6 (Content-Length), 10.1.1 (Expect); RFC 9112, 6 (framing), 9.3 and 9.6 (Connection).

use super::head::{Framing, Version};
use super::head_fault::HeadFault;
use super::head_lines::is_authority;

/// What the headers read so far say.
#[derive(Default)]
pub(super) struct Meaning {
    /// A `Host` was there.
    pub(super) host: bool,
    pub(super) framing: Framing,
    /// `Connection` named `close`, which wins over `keep-alive`.
    pub(super) close: bool,
    /// `Connection` named `keep-alive`.
    pub(super) keep: bool,
    pub(super) expects_continue: bool,
}

impl Meaning {
    /// Takes one header into account.
    #[inline]
    pub(super) fn note(
        &mut self,
        name: &[u8],
        value: &[u8],
        version: Version,
    ) -> Result<(), HeadFault> {
        // Lengths first: they tell nearly all names apart without reading them.
        match name.len() {
            // Every request has this one, mostly so spelled: then it is one comparison.
            4 if name == b"Host" || name.eq_ignore_ascii_case(b"host") => {
                self.note_host(trim(value))
            }
            6 if name.eq_ignore_ascii_case(b"expect") => {
                if !trim(value).eq_ignore_ascii_case(b"100-continue") {
                    return Err(HeadFault::ExpectationUnknown);
                }
                self.expects_continue = true;
                Ok(())
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.note_connection(trim(value));
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.note_length(trim(value)),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.note_codings(trim(value), version)
            }
            _ => Ok(()),
        }
    }

    fn note_host(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if self.host {
            return Err(HeadFault::HostRepeated);
        }
        self.host = true;
        // Empty is what a client sends when its target has no authority (RFC 9112, 3.2).
        if value.is_empty() || is_authority(value) { Ok(()) } else { Err(HeadFault::HostInvalid) }
    }

    fn note_connection(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',').map(trim) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        match self.framing {
            Framing::None => {}
            Framing::Counted(_) => return Err(HeadFault::LengthRepeated),
            Framing::Chunked => return Err(HeadFault::LengthWithCoding),
        }
        self.framing = Framing::Counted(parse_length(value).ok_or(HeadFault::LengthInvalid)?);
        Ok(())
    }

    fn note_codings(&mut self, value: &[u8], version: Version) -> Result<(), HeadFault> {
        if version == Version::Http10 {
            return Err(HeadFault::CodingInOldVersion);
        }
        if let Framing::Counted(_) = self.framing {
            return Err(HeadFault::LengthWithCoding);
        }
        for coding in value.split(|&byte| byte == b',').map(trim) {
            if coding.is_empty() {
                return Err(HeadFault::CodingEmpty);
            }
            if !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(HeadFault::CodingUnknown);
            }
            if self.framing == Framing::Chunked {
                return Err(HeadFault::CodingRepeated);
            }
            self.framing = Framing::Chunked;
        }
        Ok(())
    }
}

/// Reads `1*DIGIT` (RFC 9110, 8.6) that fits in 64 bits.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |length, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}

/// Cuts the optional white space (RFC 9110, 5.6.3) off both ends.
#[inline]
pub(super) fn trim(value: &[u8]) -> &[u8] {
    match value {
        // As nearly all are: one blank in front.
        [b' ', first, .., last] if *first > b' ' && *last > b' ' => &value[1..],
        // Values hold no other white space that this could cut.
        _ => value.trim_ascii(),
    }
}
