//! Find out what files are: their content hash and their type, from one open and one read of each.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::{Errno, pread};
use rustix::path::Arg;

use crate::error::{CoreError, ErrorClass, Result};
use crate::facts::{self, Facts, Source};
use crate::hash::{BUFFER, ContentHash, hash_reader};
use crate::parallel::{fill, thread_count};
use crate::sniff::{HEAD, Rest, sniff_file};
use crate::walk::{mtime_ns, open_root};

/// Files that a thread takes at a time.
const GRAIN: usize = 8;

/// NONBLOCK: a file that was replaced by a named pipe must not hang us. NOCTTY: nor a terminal take us over.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// A file as the walk saw it.
#[derive(Clone, Debug)]
pub struct Seen<P> {
    /// Path relative to the root.
    pub path: P,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Its content.
    pub content: ContentHash,
    /// Its type, from its bytes.
    pub mime: &'static str,
    /// What it says of itself.
    pub facts: Facts,
}

/// How far [`identify_files`] has come.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files done, failed ones among them.
    pub files: AtomicU64,
    /// Bytes read.
    pub bytes: AtomicU64,
}

/// Hash and sniff `files` on `threads` threads (0: one per core). The results have the order of `files`; when `cancel`
/// is set, it returns soon and those not reached are `None`. A symbolic link in place of a file is a change, unless
/// `follow` says that links are followed.
///
/// # Errors
///
/// `missing_source` when `root` cannot be read. What happens to one file is that file's result: `changed_source` when
/// its size or mtime is not what the walk saw, before or after the read.
pub fn identify_files<P: AsRef<[u8]> + Sync>(
    root: &Path,
    files: &[Seen<P>],
    sample_above: u64,
    follow: bool,
    threads: usize,
    cancel: &AtomicBool,
    progress: &Progress,
) -> Result<Vec<Option<Result<Identity>>>> {
    let links = if follow {
        OFlags::empty()
    } else {
        OFlags::NOFOLLOW
    };
    let root = open_root(root)?;
    let mut results: Vec<_> = files.iter().map(|_| None).collect();
    fill(
        thread_count(threads),
        GRAIN,
        files,
        &mut results,
        cancel,
        || {
            let mut buffer = vec![0; BUFFER];
            let root = &root;
            move |seen: &Seen<P>, result: &mut Option<Result<Identity>>| {
                *result = Some(identify(
                    root,
                    seen,
                    links,
                    sample_above,
                    &mut buffer,
                    cancel,
                    progress,
                ));
                progress.files.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        },
    )?;
    Ok(results)
}

fn identify<P: AsRef<[u8]>>(
    root: &OwnedFd,
    seen: &Seen<P>,
    links: OFlags,
    sample_above: u64,
    buffer: &mut [u8],
    cancel: &AtomicBool,
    progress: &Progress,
) -> Result<Identity> {
    let path = seen.path.as_ref();
    let file = open_file(root, path, links).map_err(|errno| match errno {
        Errno::LOOP => changed(),
        errno => CoreError::from(errno).context("cannot open"),
    })?;
    let stat = fstat(&file)?;
    if !is_file(&stat) || stat.st_size as u64 != seen.size || mtime_ns(&stat) != seen.mtime_ns {
        return Err(changed());
    }
    let (content, mime, facts) = read(
        &file,
        &stat,
        path,
        sample_above,
        buffer,
        cancel,
        &progress.bytes,
    )?;
    Ok(Identity {
        content,
        mime,
        facts,
    })
}

/// Hash one file; a symbolic link is followed.
///
/// # Errors
///
/// `missing_source` when it cannot be opened, `unsupported` when it is not a regular file, `changed_source` when it
/// changes during the read.
pub fn hash_file(path: &Path, sample_above: u64, cancel: &AtomicBool) -> Result<ContentHash> {
    let (file, stat) = open_regular(path)?;
    let mut buffer = vec![0; BUFFER];
    let (content, ..) = read(
        &file,
        &stat,
        b"",
        sample_above,
        &mut buffer,
        cancel,
        &AtomicU64::new(0),
    )?;
    Ok(content)
}

/// Read and hash an open file, sniff its head, and make sure that it did not change meanwhile.
fn read(
    file: &OwnedFd,
    before: &Stat,
    name: &[u8],
    sample_above: u64,
    buffer: &mut [u8],
    cancel: &AtomicBool,
    bytes_read: &AtomicU64,
) -> Result<(ContentHash, &'static str, Facts)> {
    let (mut mime, mut facts) = ("", Facts::default());
    let content = hash_reader(
        before.st_size as u64,
        sample_above,
        buffer,
        cancel,
        bytes_read,
        |buffer, offset| loop {
            match pread(file, &mut *buffer, offset) {
                Err(Errno::INTR) => {}
                Err(errno) => return Err(CoreError::from(errno).context("cannot read")),
                Ok(count) => return Ok(count),
            }
        },
        |head| {
            let size = before.st_size as u64;
            mime = sniffed(file, size, head, name);
            facts = said(file, size, head, mime, name);
        },
    )?;
    let after = fstat(file)?;
    if after.st_size != before.st_size || mtime_ns(&after) != mtime_ns(before) {
        return Err(changed());
    }
    Ok((content, mime, facts))
}

/// The type of an open file of which `head` has been read.
fn sniffed(file: &OwnedFd, size: u64, head: &[u8], name: &[u8]) -> &'static str {
    let read = &mut |offset, buffer: &mut [u8]| read_at(file, offset, buffer);
    sniff_file(&head[..head.len().min(HEAD)], name, Rest { size, read })
}

/// What an open file of which `head` has been read says of itself.
fn said(file: &OwnedFd, size: u64, head: &[u8], mime: &str, name: &[u8]) -> Facts {
    let read = &mut |offset, buffer: &mut [u8]| read_at(file, offset, buffer);
    facts::read(mime, name, Source::new(head, size, read))
}

/// What one file says of itself, and its type; a symbolic link is followed.
///
/// # Errors
///
/// `missing_source` when it cannot be opened, `unsupported` when it is not a regular file.
pub fn facts_of(path: &Path) -> Result<(&'static str, Facts)> {
    let (file, stat) = open_regular(path)?;
    let size = stat.st_size as u64;
    let mut head = vec![0; HEAD.min(stat.st_size as usize)];
    let got = read_at(&file, 0, &mut head);
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let mime = sniffed(&file, size, &head[..got], name);
    Ok((mime, said(&file, size, &head[..got], mime, name)))
}

/// As many bytes as there are; fewer where the file cannot be read.
fn read_at(file: &OwnedFd, offset: u64, buffer: &mut [u8]) -> usize {
    let mut got = 0;
    while got < buffer.len() {
        match pread(file, &mut buffer[got..], offset + got as u64) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    got
}

/// The type of one file; a symbolic link is followed.
///
/// # Errors
///
/// `missing_source` when it cannot be opened, `unsupported` when it is not a regular file.
pub fn sniff_path(path: &Path) -> Result<&'static str> {
    let (file, stat) = open_regular(path)?;
    let mut head = vec![0; HEAD.min(stat.st_size as usize)];
    let got = read_at(&file, 0, &mut head);
    if got == 0 && stat.st_size > 0 {
        return Err(CoreError::new(ErrorClass::IoTransient, "cannot read"));
    }
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    Ok(sniffed(&file, stat.st_size as u64, &head[..got], name))
}

fn open_regular(path: &Path) -> Result<(OwnedFd, Stat)> {
    let file = open_file(CWD, path, OFlags::empty())
        .map_err(|errno| CoreError::from(errno).context("cannot open"))?;
    let stat = fstat(&file)?;
    if is_file(&stat) {
        Ok((file, stat))
    } else {
        Err(CoreError::new(
            ErrorClass::Unsupported,
            "not a regular file",
        ))
    }
}

/// Open without touching the access time where the system lets us (it does for our own files), else as usual.
fn open_file(
    folder: impl AsFd,
    path: impl Arg + Copy,
    extra: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let flags = FILE | extra;
    #[cfg(target_os = "linux")]
    match openat(&folder, path, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => {}
        result => return result,
    }
    openat(&folder, path, flags, Mode::empty())
}

fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_file()
}

fn changed() -> CoreError {
    CoreError::new(
        ErrorClass::ChangedSource,
        "the file changed since it was found",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::hash::{SAMPLE_ABOVE, hash_bytes};
    use crate::testing::Folder;

    fn seen(folder: &Folder, name: &str) -> Seen<Vec<u8>> {
        let meta = fs::symlink_metadata(folder.path().join(name)).unwrap();
        Seen {
            path: name.into(),
            size: meta.len(),
            mtime_ns: meta.mtime() * 1_000_000_000 + meta.mtime_nsec(),
        }
    }

    fn run(folder: &Folder, files: &[Seen<Vec<u8>>]) -> Vec<Result<Identity>> {
        let progress = Progress::default();
        let cancel = AtomicBool::new(false);
        let root = folder.path();
        let results = identify_files(root, files, SAMPLE_ABOVE, false, 2, &cancel, &progress);
        assert_eq!(progress.files.into_inner(), files.len() as u64);
        results.unwrap().into_iter().map(Option::unwrap).collect()
    }

    #[test]
    fn files_are_hashed_and_sniffed_in_order() {
        let folder = Folder::new(&[("a.md", "# hello"), ("b", ""), ("c/d.jpg", "not a picture")]);
        let files: Vec<_> = ["a.md", "b", "c/d.jpg"]
            .map(|name| seen(&folder, name))
            .into();
        let results: Vec<_> = run(&folder, &files)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(results[0].content, hash_bytes(b"# hello", SAMPLE_ABOVE));
        let mimes: Vec<_> = results.iter().map(|identity| identity.mime).collect();
        assert_eq!(
            mimes,
            ["text/markdown", "application/x-empty", "text/plain"]
        );
    }

    #[test]
    fn what_is_not_as_it_was_seen_has_changed() {
        let folder = Folder::new(&[
            ("size", "1"),
            ("mtime", "1"),
            ("link", "1"),
            ("folder", "1"),
        ]);
        let mut files: Vec<_> = ["size", "mtime", "link", "folder"]
            .map(|name| seen(&folder, name))
            .into();
        files[0].size += 1;
        files[1].mtime_ns -= 1;
        for name in ["link", "folder"] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        symlink("size", folder.path().join("link")).unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        for result in run(&folder, &files) {
            assert_eq!(result.unwrap_err().class, ErrorClass::ChangedSource);
        }
    }

    #[test]
    fn links_are_followed_where_that_is_asked() {
        let folder = Folder::new(&[("a.md", "# hello")]);
        symlink("a.md", folder.path().join("link.md")).unwrap();
        let mut files = [seen(&folder, "a.md")];
        files[0].path = "link.md".into();
        let (cancel, progress) = (AtomicBool::new(false), Progress::default());
        let root = folder.path();
        let results = identify_files(root, &files, SAMPLE_ABOVE, true, 1, &cancel, &progress);
        let found = results.unwrap().remove(0).unwrap().unwrap();
        assert_eq!(found.content, hash_bytes(b"# hello", SAMPLE_ABOVE));
        assert_eq!(found.mime, "text/markdown");
    }

    #[test]
    fn a_file_that_vanished_is_missing_and_the_others_are_done() {
        let folder = Folder::new(&[("a", "1"), ("b", "2")]);
        let files: Vec<_> = ["a", "b"].map(|name| seen(&folder, name)).into();
        fs::remove_file(folder.path().join("a")).unwrap();
        let results = run(&folder, &files);
        assert_eq!(
            results[0].as_ref().unwrap_err().class,
            ErrorClass::MissingSource
        );
        assert!(results[1].is_ok());
    }

    #[test]
    fn one_file_is_hashed_through_links_and_folders_are_refused() {
        let folder = Folder::new(&[("a", "1")]);
        symlink("a", folder.path().join("b")).unwrap();
        let cancel = AtomicBool::new(false);
        let hash = hash_file(&folder.path().join("b"), SAMPLE_ABOVE, &cancel).unwrap();
        assert_eq!(hash, hash_bytes(b"1", SAMPLE_ABOVE));
        let error = hash_file(folder.path(), SAMPLE_ABOVE, &cancel).unwrap_err();
        assert_eq!(error.class, ErrorClass::Unsupported);
        let error = hash_file(&folder.path().join("c"), SAMPLE_ABOVE, &cancel).unwrap_err();
        assert_eq!(error.class, ErrorClass::MissingSource);
    }
}
