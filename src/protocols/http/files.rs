//! A folder, served: from the path of a request to an open file, and from that to a reply.
//!
//! This is the one file outside the drivers that touches the file system. It must never open
//! what is outside the root, nor anything that is no regular file: a FIFO would block the thread,
//! a device might do anything. A path goes through four gates, and one that is stopped at any
//! of the first three is answered 404, which does not tell why:
//! 1. Its names, decoded one by one (so that an encoded `/` splits nothing), are each an ordinary
//!    name that may be served: `is_servable`.
//! 2. What it leads to, all symbolic links resolved, is below the resolved root.
//! 3. That is a regular file, or a folder, which is never opened.
//! 4. What was then opened is what was looked at, not something put there in between.
//!
//! Whoever may write in the folder can still swap a folder for a link between gates 2 and 3, or
//! a file for a FIFO between 3 and 4: serve no folder that someone untrusted writes to.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ::http::StatusCode;
use percent_encoding::percent_decode_str;

use super::reply::Reply;
use super::request::Request;
use super::server::Handler;
use crate::sansio::FileRange;

/// A handler that serves a folder: made by [`files`].
#[derive(Clone, Debug)]
pub struct Files {
    /// Absolute, and free of symbolic links when this was made.
    root: PathBuf,
}

/// A handler that serves the folder `root` and what is below it.
///
/// ```no_run
/// use switchboard::{EventLoop, http};
///
/// let mut event_loop = EventLoop::new()?;
/// event_loop.listen("127.0.0.1:8000", http::serve(http::files("public")?))?;
/// event_loop.run(&mut ())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In a closure that serves more than files, [`Files::answer`] does the same.
///
/// * GET and HEAD are answered, OPTIONS says so, other methods get 405.
/// * A folder's path ends in `/`, and its `index.html` is what is served; without the `/` it is
///   redirected there. Folders are not listed.
/// * The media type goes by the name's extension; text is announced as UTF-8.
/// * Names that begin with a dot are not served, except `.well-known` (RFC 8615).
/// * Symbolic links are followed as long as they stay below `root`. A `root` that is a link
///   itself is resolved here, once.
///
/// Files are sent as they are on disk, in bounded steps, never read into memory whole. The disk
/// is read by the thread that serves: **one that is slow or asleep holds up a whole event loop**
/// while a file is looked up or read. A file that becomes shorter while it is being sent resets
/// the connection, because the client was promised bytes that no longer exist: replace files by
/// renaming, do not rewrite them.
///
/// # Errors
///
/// `root` is missing, is not a folder, or cannot be looked at. The message names it.
pub fn files(root: impl AsRef<Path>) -> io::Result<Files> {
    let named = root.as_ref();
    let refuse = |kind, problem: &dyn std::fmt::Display| {
        io::Error::new(kind, format!("cannot serve {}: {problem}", named.display()))
    };
    let root = named.canonicalize().map_err(|error| refuse(error.kind(), &error))?;
    let metadata = fs::metadata(&root).map_err(|error| refuse(error.kind(), &error))?;
    if metadata.is_dir() {
        Ok(Files { root })
    } else {
        Err(refuse(io::ErrorKind::NotADirectory, &"it is not a folder"))
    }
}

impl<S: 'static> Handler<S> for Files {
    fn handle(&self, request: &Request<'_>, reply: Reply<'_, S>, _: &mut S) {
        self.answer(request, reply);
    }
}

impl Files {
    /// Answers `request` from the folder, for a closure that serves other things beside it:
    ///
    /// ```no_run
    /// use switchboard::http;
    ///
    /// let files = http::files("public")?;
    /// let factory = http::server(move |request, reply, _: &mut ()| match request.path() {
    ///     "/health" => reply.text("well"),
    ///     _ => files.answer(request, reply),
    /// });
    /// # let _: Box<dyn FnMut(()) -> _> = Box::new(factory);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn answer<S>(&self, request: &Request<'_>, reply: Reply<'_, S>) {
        if !request.is_read() {
            return match request.method().as_str() {
                "OPTIONS" => reply.status(StatusCode::NO_CONTENT).header("allow", ALLOWED).empty(),
                _ => reply
                    .status(StatusCode::METHOD_NOT_ALLOWED)
                    .header("allow", ALLOWED)
                    .text("only GET and HEAD are answered here"),
            };
        }
        match self.find(request.path()) {
            Ok(Target::File(found)) => found.answer(reply),
            Ok(Target::Folder) => redirect(request, reply),
            Err(refusal) => refusal.answer(request, reply),
        }
    }

    /// What `path`, still percent-encoded, leads to.
    fn find(&self, path: &str) -> Result<Target, Refusal> {
        let mut wanted = self.locate(path).ok_or(Refusal::NotFound)?;
        let is_folder_meant = path.ends_with('/');
        if is_folder_meant {
            wanted.push("index.html");
        }
        let real = wanted.canonicalize().map_err(Refusal::of_unresolved)?;
        if !real.starts_with(&self.root) {
            return Err(Refusal::NotFound);
        }
        // The last link is resolved as well, so there should be none to follow.
        let checked = fs::symlink_metadata(&real)?;
        if checked.is_dir() && !is_folder_meant {
            return Ok(Target::Folder);
        }
        let (file, metadata) = open(&real, &checked)?;
        Ok(Target::File(Found {
            file,
            length: metadata.len(),
            modified: metadata.modified().ok(),
            media_type: media_type(&wanted),
        }))
    }

    /// Where `path` is, before links: the root with the path's decoded names. None where one of
    /// them may not be served.
    fn locate(&self, path: &str) -> Option<PathBuf> {
        let mut wanted = self.root.clone();
        let names = path.strip_prefix('/')?;
        if names.is_empty() {
            return Some(wanted);
        }
        for name in names.strip_suffix('/').unwrap_or(names).split('/') {
            let name = Cow::from(percent_decode_str(name));
            if !is_servable(&name) {
                return None;
            }
            wanted.push(file_name(&name)?);
        }
        Some(wanted)
    }
}

/// The methods that are answered with a file.
const ALLOWED: &str = "GET, HEAD";

/// What a path leads to.
#[derive(Debug)]
enum Target {
    File(Found),
    /// A folder, asked for as if it were a file.
    Folder,
}

/// An open file with all that a reply says about it.
#[derive(Debug)]
struct Found {
    file: File,
    length: u64,
    /// None where the file system does not keep it.
    modified: Option<SystemTime>,
    media_type: Cow<'static, str>,
}

impl Found {
    fn answer<S>(self, reply: Reply<'_, S>) {
        // Without `nosniff` a browser may take for a page what was declared not to be one.
        let mut head =
            reply.content_type(&self.media_type).header("x-content-type-options", "nosniff");
        if let Some(modified) = self.modified.and_then(http_date) {
            head = head.header("last-modified", modified);
        }
        head.file(FileRange::new(self.file, 0, self.length));
    }
}

/// Why there is no file to send.
#[derive(Debug)]
enum Refusal {
    /// It is not there, or whoever asks need not know that it is.
    NotFound,
    /// The system keeps it from us.
    Forbidden,
    /// The system cannot now, for want of descriptors perhaps. That may pass.
    Failed(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        if kind == io::ErrorKind::PermissionDenied {
            Self::Forbidden
        } else if kind == io::ErrorKind::NotFound
            || kind == io::ErrorKind::NotADirectory
            // The name is too long.
            || kind == io::ErrorKind::InvalidFilename
        {
            Self::NotFound
        } else {
            Self::Failed(error)
        }
    }
}

impl Refusal {
    /// A path that leads nowhere, such as round in a circle of links, names no file.
    fn of_unresolved(error: io::Error) -> Self {
        match Self::from(error) {
            Self::Forbidden => Self::Forbidden,
            Self::NotFound | Self::Failed(_) => Self::NotFound,
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn answer<S>(&self, request: &Request<'_>, reply: Reply<'_, S>) {
        let text = match self {
            Self::NotFound => "no such file",
            Self::Forbidden => "this file is not for reading",
            Self::Failed(error) => {
                log::warn!("cannot open {:?}: {error}", request.path());
                "this file cannot be opened now, try again"
            }
        };
        reply.status(self.status()).text(text);
    }
}

/// Sends who asked for a folder to the same path with `/` at its end.
///
/// The location is the path as it was asked for. It begins with one slash, as `//host` would be
/// another server: an empty name is not found, so it is not redirected.
fn redirect<S>(request: &Request<'_>, reply: Reply<'_, S>) {
    let mut location = format!("{}/", request.path());
    if let Some(query) = request.query() {
        location.push('?');
        location.push_str(query);
    }
    reply
        .status(StatusCode::MOVED_PERMANENTLY)
        .header("location", location)
        .text("this folder's path ends in a slash");
}

/// Opens `path`, which was found to be `checked`.
fn open(path: &Path, checked: &Metadata) -> Result<(File, Metadata), Refusal> {
    if !checked.is_file() {
        return Err(Refusal::NotFound);
    }
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if opened.is_file() && is_same_file(checked, &opened) {
        Ok((file, opened))
    } else {
        Err(Refusal::NotFound)
    }
}

#[cfg(unix)]
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// The standard library cannot tell on these systems.
#[cfg(not(unix))]
fn is_same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Whether `name`, decoded, is that of something below the folder it is looked for in, and may
/// be served. What begins with a dot is hidden on Unix; `.` and `..` do as well.
fn is_servable(name: &[u8]) -> bool {
    let is_hidden = name.first() == Some(&b'.') && name != b".well-known";
    let is_several = name.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0));
    let is_reserved = cfg!(windows) && is_reserved_on_windows(name);
    !(name.is_empty() || is_hidden || is_several || is_reserved)
}

/// Whether Windows takes `name` for something else than a name in a folder: a drive or a stream
/// (`c:`, `a.txt:b`), a device (`nul`, `com1.txt`), or a file called differently (it drops dots
/// and blanks at the end).
fn is_reserved_on_windows(name: &[u8]) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let is_odd = |byte: &u8| byte.is_ascii_control() || br#":*?"<>|"#.contains(byte);
    if name.iter().any(is_odd) || name.ends_with(b".") || name.ends_with(b" ") {
        return true;
    }
    let stem = name.split(|&byte| byte == b'.').next().unwrap_or(name);
    let stem = String::from_utf8_lossy(stem).trim_end().to_ascii_lowercase();
    // Superscript digits count as digits here.
    let is_port = |digit: &str| "123456789¹²³".contains(digit) && digit.chars().count() == 1;
    DEVICES.contains(&stem.as_str())
        || stem.strip_prefix("com").is_some_and(is_port)
        || stem.strip_prefix("lpt").is_some_and(is_port)
}

/// On Unix a name is any bytes.
#[cfg(unix)]
fn file_name(bytes: &[u8]) -> Option<&OsStr> {
    use std::os::unix::ffi::OsStrExt;
    Some(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn file_name(bytes: &[u8]) -> Option<&OsStr> {
    std::str::from_utf8(bytes).ok().map(OsStr::new)
}

/// The media type that the extension of `path` stands for.
fn media_type(path: &Path) -> Cow<'static, str> {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or("");
    let media_type = match extension.to_ascii_lowercase().as_str() {
        // RFC 9239: all three, whatever they were called before.
        "js" | "mjs" | "cjs" => "text/javascript",
        // Also a container for video, but on a web server TypeScript is the commoner, no browser
        // runs it, no type is registered for it, and players of that video ignore its type.
        "ts" => "text/plain",
        _ => mime_guess::from_ext(extension).first_raw().unwrap_or("application/octet-stream"),
    };
    if media_type.starts_with("text/") {
        format!("{media_type}; charset=utf-8").into()
    } else {
        media_type.into()
    }
}

/// `time` as headers have it. None for a year that they cannot have, which a file may.
fn http_date(time: SystemTime) -> Option<String> {
    // 1 January 10000. `httpdate` panics there, and before 1970.
    const END: Duration = Duration::from_secs(253_402_300_800);
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since < END).then(|| httpdate::fmt_http_date(time))
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
