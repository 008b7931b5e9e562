//! Reading a picture's file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::memory::MAX_FILE_BYTES;
use crate::error::{CoreError, ErrorClass, Result};

/// The whole file, read once. Not mapped into memory: a file that shrinks while it is mapped kills the process.
///
/// # Errors
/// `missing_source`, `io_transient`, `unsupported` for what is not a regular file, `too_large` above
/// [`MAX_FILE_BYTES`], `oom`.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let mut file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(CoreError::new(
            ErrorClass::Unsupported,
            "not a regular file",
        ));
    }
    let size = metadata.len();
    if size > MAX_FILE_BYTES {
        return Err(CoreError::new(
            ErrorClass::TooLarge,
            format!(
                "the file has {} MiB, more than the limit of {} MiB",
                size >> 20,
                MAX_FILE_BYTES >> 20
            ),
        ));
    }
    let mut data = Vec::new();
    // One byte more than the size, so that the end is seen without growing.
    data.try_reserve_exact(size as usize + 1)
        .map_err(|_| CoreError::new(ErrorClass::Oom, "no memory to read the file"))?;
    file.by_ref().take(MAX_FILE_BYTES).read_to_end(&mut data)?;
    Ok(data)
}

/// Open without waiting for a pipe's writer, and without touching the access time where the system lets us (it does for
/// our own files).
fn open(path: &Path) -> io::Result<File> {
    let with = |flags| {
        OpenOptions::new()
            .read(true)
            .custom_flags(flags | libc::O_NONBLOCK)
            .open(path)
    };
    #[cfg(target_os = "linux")]
    match with(libc::O_NOATIME) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
        result => return result,
    }
    with(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_missing_files_have_their_class() {
        let class = |path: &str| read_file(Path::new(path)).map_err(|error| error.class);
        assert_eq!(class("/"), Err(ErrorClass::Unsupported));
        assert_eq!(class("/nonexistent/file"), Err(ErrorClass::MissingSource));
    }
}
