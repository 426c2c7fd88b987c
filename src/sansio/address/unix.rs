//! What a Unix socket is called: a path, an abstract name, or nothing.
//!
//! Names come from peers too, who may call themselves whatever they like. So they are printed
//! in plain ASCII, with everything else as `%XX`, and a name in the log is one word. How long a
//! name may be differs between systems (107 bytes on Linux, see unix(7)); that is found out when
//! it is used.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::error::Misuse;

/// What a Unix socket is called.
///
/// A plain value: nothing is opened, and cloning copies no bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnixAddress {
    name: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Unnamed,
    /// Neither empty nor with a NUL inside.
    Path(Arc<Path>),
    Abstract(Arc<[u8]>),
}

impl UnixAddress {
    /// A socket in the file system.
    ///
    /// # Errors
    ///
    /// [`Misuse::Address`] for an empty path, and for one with a NUL inside.
    pub fn path(path: impl AsRef<Path>) -> Result<Self, Misuse> {
        let path = path.as_ref();
        let found = |problem| Misuse::Address { text: format!("unix:{}", path.display()), problem };
        let bytes = path.as_os_str().as_encoded_bytes();
        if bytes.is_empty() {
            return Err(found("the path is missing"));
        }
        if bytes.contains(&0) {
            return Err(found("a path cannot contain a NUL"));
        }
        Ok(Self { name: Name::Path(path.into()) })
    }

    /// A name of Linux that is in no file system and goes with its socket. Any bytes will do,
    /// none at all too; everybody in the same network namespace may connect to it.
    #[must_use]
    pub fn abstract_name(name: impl AsRef<[u8]>) -> Self {
        Self { name: Name::Abstract(name.as_ref().into()) }
    }

    /// No name, as a socket that connects has unless it was bound.
    #[must_use]
    pub const fn unnamed() -> Self {
        Self { name: Name::Unnamed }
    }

    /// The path, if it is one.
    #[must_use]
    pub fn as_path(&self) -> Option<&Path> {
        match &self.name {
            Name::Path(path) => Some(path),
            Name::Abstract(_) | Name::Unnamed => None,
        }
    }

    /// The abstract name, if it is one, without the NUL that the system puts in front.
    #[must_use]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match &self.name {
            Name::Abstract(name) => Some(name),
            Name::Path(_) | Name::Unnamed => None,
        }
    }

    /// Whether it has no name.
    #[must_use]
    pub const fn is_unnamed(&self) -> bool {
        matches!(self.name, Name::Unnamed)
    }

    /// Reads what comes after `unix:`. A fault is said without the text around it.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(Self::unnamed());
        }
        if let Some(name) = text.strip_prefix('@') {
            return Ok(Self::abstract_name(decoded(name)?));
        }
        let path = match text.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            Some(path) if path.starts_with('@') => {
                return Err("an abstract name has no // before @");
            }
            Some("") => return Err("the path is missing"),
            Some(_) => return Err("a path after // begins with a third slash"),
            None => text,
        };
        let bytes = decoded(path)?;
        if bytes.contains(&0) {
            return Err("a path cannot contain a NUL");
        }
        let path = PathBuf::from(os_string(bytes)?);
        Ok(Self { name: Name::Path(path.into()) })
    }
}

/// Prints what comes after `unix:`.
impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Unnamed => Ok(()),
            Name::Abstract(name) => {
                f.write_char('@')?;
                name.iter().try_for_each(|byte| encode(*byte, f))
            }
            Name::Path(path) => {
                if path.has_root() {
                    f.write_str("//")?;
                }
                let bytes = path.as_os_str().as_encoded_bytes();
                let mut bytes = bytes.iter().copied();
                match bytes.next() {
                    // Else it would read as an abstract name.
                    Some(b'@') => f.write_str("%40")?,
                    first => first.into_iter().try_for_each(|byte| encode(byte, f))?,
                }
                bytes.try_for_each(|byte| encode(byte, f))
            }
        }
    }
}

fn encode(byte: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if byte.is_ascii_graphic() && byte != b'%' {
        f.write_char(char::from(byte))
    } else {
        write!(f, "%{byte:02X}")
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            return Err("a % is not followed by two hexadecimal digits (% itself is %25)");
        };
        bytes.push((high * 16 + low) as u8);
        rest = &after[2..];
    }
    Ok(bytes)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere not all bytes make a path")]
fn os_string(bytes: Vec<u8>) -> Result<OsString, &'static str> {
    Ok(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> Result<OsString, &'static str> {
    String::from_utf8(bytes).map(OsString::from).map_err(|_| "the path is not UTF-8")
}
