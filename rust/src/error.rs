//! The one error type of the core: a class the engine can act on, and a sentence for people.

use std::fmt;
use std::io;

/// Why one item failed. The same names as `pillion.errors.ErrorClass`; a test compares the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The bytes are not what their format demands.
    Corrupt,
    /// A format, or a sort of file, that Pillion does not handle.
    Unsupported,
    /// Beyond a limit on pixels, bytes or length.
    TooLarge,
    /// The deadline passed.
    Timeout,
    /// Memory ran out.
    Oom,
    /// A bug: a panic, or a child that died.
    Crash,
    /// An engine or model is not installed.
    MissingTool,
    /// The source is not there, or may not be read.
    MissingSource,
    /// The source is not what it was when it was found.
    ChangedSource,
    /// An I/O error that another try may not meet.
    IoTransient,
    /// No space, or no quota, left.
    DiskFull,
}

impl ErrorClass {
    /// Every class, in the order of `pillion.errors.ErrorClass`.
    pub const ALL: [Self; 11] = [
        Self::Corrupt,
        Self::Unsupported,
        Self::TooLarge,
        Self::Timeout,
        Self::Oom,
        Self::Crash,
        Self::MissingTool,
        Self::MissingSource,
        Self::ChangedSource,
        Self::IoTransient,
        Self::DiskFull,
    ];

    /// The name that the catalog stores and the command line prints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Oom => "oom",
            Self::Crash => "crash",
            Self::MissingTool => "missing_tool",
            Self::MissingSource => "missing_source",
            Self::ChangedSource => "changed_source",
            Self::IoTransient => "io_transient",
            Self::DiskFull => "disk_full",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What every fallible function of the core returns.
pub type Result<T> = std::result::Result<T, CoreError>;

/// One item could not be processed. Becomes `pillion.errors.ItemError` in Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreError {
    /// What the engine acts on.
    pub class: ErrorClass,
    /// One sentence without the path (the caller knows the path).
    pub message: String,
}

impl CoreError {
    /// An error of `class`, explained by `message`.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }

    /// The same error, its message led by what was being done: `"cannot open: permission denied"`.
    #[must_use]
    pub fn context(mut self, doing: &str) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl fmt::Display for CoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message)
    }
}

impl std::error::Error for CoreError {}

impl From<io::Error> for CoreError {
    /// Classes of I/O errors:
    ///
    /// * not found, not a folder, a loop of links, permission denied: `missing_source` (we cannot have it, and trying
    ///   again right away will not help; the next index run looks anew),
    /// * no space, no quota: `disk_full`,
    /// * no memory: `oom`; file too big: `too_large`,
    /// * a folder where a file should be, a name too long or with a NUL in it: `unsupported`,
    /// * invalid data or an early end, as decoders report them: `corrupt`,
    /// * all others (EIO, ESTALE, EMFILE, timeouts of network file systems...): `io_transient`.
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        if error.raw_os_error() == Some(libc::ENXIO) {
            // A socket, or a device that is not there: what has no bytes to be opened for.
            return Self::new(ErrorClass::Unsupported, "not a regular file");
        }
        let class = match error.kind() {
            Kind::NotFound | Kind::NotADirectory | Kind::PermissionDenied => {
                ErrorClass::MissingSource
            }
            Kind::StorageFull | Kind::QuotaExceeded => ErrorClass::DiskFull,
            Kind::OutOfMemory => ErrorClass::Oom,
            Kind::FileTooLarge => ErrorClass::TooLarge,
            Kind::IsADirectory | Kind::InvalidFilename | Kind::InvalidInput | Kind::Unsupported => {
                ErrorClass::Unsupported
            }
            Kind::InvalidData | Kind::UnexpectedEof => ErrorClass::Corrupt,
            _ if error.raw_os_error() == Some(libc::ELOOP) => ErrorClass::MissingSource,
            _ => ErrorClass::IoTransient,
        };
        Self::new(class, sentence(&error))
    }
}

#[cfg(unix)]
impl From<rustix::io::Errno> for CoreError {
    fn from(errno: rustix::io::Errno) -> Self {
        io::Error::from(errno).into()
    }
}

/// The caller gave an argument that makes no sense. Becomes `ValueError` in Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// The error's text without Rust's "(os error 2)", starting in lower case.
fn sentence(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text
        .split_once(" (os error")
        .map_or(text.as_str(), |(head, _)| head);
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(errno: i32) -> ErrorClass {
        CoreError::from(io::Error::from_raw_os_error(errno)).class
    }

    #[test]
    fn system_errors_get_their_class() {
        for (errno, class) in [
            (libc::ENOENT, ErrorClass::MissingSource),
            (libc::ENOTDIR, ErrorClass::MissingSource),
            (libc::EACCES, ErrorClass::MissingSource),
            (libc::EPERM, ErrorClass::MissingSource),
            (libc::ELOOP, ErrorClass::MissingSource),
            (libc::ENOSPC, ErrorClass::DiskFull),
            (libc::EDQUOT, ErrorClass::DiskFull),
            (libc::ENOMEM, ErrorClass::Oom),
            (libc::EISDIR, ErrorClass::Unsupported),
            (libc::ENXIO, ErrorClass::Unsupported),
            (libc::ENAMETOOLONG, ErrorClass::Unsupported),
            (libc::EIO, ErrorClass::IoTransient),
            (libc::ESTALE, ErrorClass::IoTransient),
            (libc::EMFILE, ErrorClass::IoTransient),
        ] {
            assert_eq!(class_of(errno), class, "errno {errno}");
        }
    }

    #[test]
    fn decoder_errors_are_corrupt() {
        let error = CoreError::from(io::Error::new(io::ErrorKind::InvalidData, "bad chunk"));
        assert_eq!(error, CoreError::new(ErrorClass::Corrupt, "bad chunk"));
    }

    #[test]
    fn messages_are_sentences_for_people() {
        let error = CoreError::from(io::Error::from_raw_os_error(libc::EACCES));
        assert_eq!(
            error.context("cannot open").message,
            "cannot open: permission denied"
        );
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<_> = ErrorClass::ALL.iter().map(|class| class.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorClass::ALL.len());
    }
}
