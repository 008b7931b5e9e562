//! Whether files are there, for very many at once.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, open, statat};
use rustix::io::Errno;

use crate::error::{CoreError, Result};
use crate::parallel::{fill, thread_count};

/// Paths that a thread takes at a time.
const GRAIN: usize = 512;

/// Whether each of `paths`, relative to `root`, is a regular file, on `threads` threads (0: one per core).
///
/// A path that is absolute or has a `..` is not below `root`: false. The last part of a path is not followed where it
/// is a link. Nothing exists below a root that is not there.
///
/// # Errors
///
/// Any other error than "not there" (an I/O error, permission denied): absence is never claimed without knowing.
pub fn exists_many<P: AsRef<str> + Sync>(
    root: &Path,
    paths: &[P],
    threads: usize,
    cancel: &AtomicBool,
) -> Result<Vec<bool>> {
    let mut found = vec![false; paths.len()];
    // A bare handle is enough to look below: no right to list the folder is needed.
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | HANDLE;
    let root = match open(root, flags, Mode::empty()) {
        Err(errno) if is_absence(errno) => return Ok(found),
        other => other?,
    };
    fill(
        thread_count(threads),
        GRAIN,
        paths,
        &mut found,
        cancel,
        || {
            |path: &P, found: &mut bool| {
                let path = path.as_ref();
                if is_below(path) {
                    *found = match statat(&root, path, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(stat) => FileType::from_raw_mode(stat.st_mode).is_file(),
                        Err(errno) if is_absence(errno) => false,
                        Err(errno) => return Err(CoreError::from(errno).context("cannot look up")),
                    };
                }
                Ok(())
            }
        },
    )?;
    Ok(found)
}

#[cfg(target_os = "linux")]
const HANDLE: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const HANDLE: OFlags = OFlags::RDONLY;

/// Errors that say that there is no such file: its name may also be one that no file can have.
fn is_absence(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP | Errno::INVAL
    )
}

fn is_below(path: &str) -> bool {
    !(path.starts_with('/') || path.contains("..") && path.split('/').any(|part| part == ".."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::Folder;

    fn run(root: &Path, paths: &[&str]) -> Vec<bool> {
        exists_many(root, paths, 2, &AtomicBool::new(false)).unwrap()
    }

    #[test]
    fn only_regular_files_below_the_root_exist() {
        let folder = Folder::new(&[("a/b", ""), ("c..d", "")]);
        symlink("a/b", folder.path().join("link")).unwrap();
        let absolute = folder.path().join("a/b");
        let cases = [
            ("a/b", true),
            ("c..d", true),
            ("a", false),
            ("a/b/c", false),
            ("x/y", false),
            ("link", false),
            ("", false),
            ("a/../a/b", false),
            (absolute.to_str().unwrap(), false),
            ("a\0b", false),
        ];
        let (paths, want): (Vec<_>, Vec<_>) = cases.into_iter().unzip();
        assert_eq!(run(folder.path(), &paths), want);
    }

    #[test]
    fn nothing_is_below_a_root_that_is_not_there() {
        let folder = Folder::new(&[("file", "")]);
        for root in ["nothing", "file"] {
            assert_eq!(run(&folder.path().join(root), &["a"]), [false]);
        }
    }

    #[test]
    fn answers_keep_their_order() {
        let folder = Folder::new(&[("5", ""), ("1999", "")]);
        let names: Vec<_> = (0..2000).map(|number| number.to_string()).collect();
        let found = exists_many(folder.path(), &names, 3, &AtomicBool::new(false)).unwrap();
        let there: Vec<_> = (0..2000).filter(|&index| found[index]).collect();
        assert_eq!(there, [5, 1999]);
    }
}
