//! Make written files durable, all at once.

use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

use crate::error::{CoreError, Result};

/// Make all that was written to the file system that holds `path` durable: one call for any number of files.
///
/// On Linux this is `syncfs`, which also reports earlier write errors that nobody was told of yet (5.8 and later);
/// elsewhere it is `sync`, which reports nothing.
///
/// # Errors
///
/// `missing_source` when `path` cannot be opened, `disk_full` or `io_transient` when writing failed.
pub fn sync_filesystem(path: &Path) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = open(path, flags, Mode::empty())
        .map_err(|errno| CoreError::from(errno).context("cannot open"))?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&file).map_err(|errno| CoreError::from(errno).context("cannot sync"))?;
    #[cfg(not(target_os = "linux"))]
    rustix::fs::sync();
    drop(file);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorClass;
    use crate::testing::Folder;

    #[test]
    fn files_and_folders_name_their_file_system() {
        let folder = Folder::new(&[("a", "1")]);
        sync_filesystem(folder.path()).unwrap();
        sync_filesystem(&folder.path().join("a")).unwrap();
        let error = sync_filesystem(&folder.path().join("b")).unwrap_err();
        assert_eq!(error.class, ErrorClass::MissingSource);
    }
}
