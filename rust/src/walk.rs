//! Find the regular files below a folder, in parallel.
//!
//! Folders are opened relative to the root and never through a symbolic link in their last part, so loops of links are
//! harmless. Names are bytes. What cannot be read becomes a [`Problem`]; the walk goes on.

use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, open, openat, statat};

use crate::error::{CoreError, ErrorClass, Result};
use crate::ignores::Ignores;
use crate::parallel::{lock, on_threads, thread_count};

/// A folder with more files than this is shared out between the threads.
const STAT_BATCH: usize = 1024;

/// A file in the folder of a library: no walk enters a folder that has it.
pub const LIBRARY_MARK: &[u8] = b".pillion-library";

/// Folders that a system or a NAS keeps for itself: thumbnails, deleted files, snapshots of everything else.
const SYSTEM_FOLDERS: [&[u8]; 10] = [
    b"@eaDir",
    b"@Recycle",
    b"@Recently-Snapshot",
    b"#recycle",
    b"#snapshot",
    b"$RECYCLE.BIN",
    b"System Volume Information",
    b"lost+found",
    b".Trashes",
    b".@__thumb",
];

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// A regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the root.
    pub path: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// Last change of the bytes, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode number.
    pub inode: u64,
    /// Last change of the bytes or of the inode, in nanoseconds since 1970: no program can set it.
    pub ctime_ns: i64,
}

/// Something that could not be read, or was left out with a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path relative to the root.
    pub path: Vec<u8>,
    /// Why.
    pub error: CoreError,
}

/// What a walk found, sorted by path.
#[derive(Debug, Default)]
pub struct Walk {
    /// The regular files.
    pub entries: Vec<Entry>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// How many folders were read, the root among them.
    pub folders: u64,
    /// Folders of libraries, which were not entered; the root's own path is empty.
    pub libraries: Vec<Vec<u8>>,
    /// Folders that the system keeps for itself, which were not entered.
    pub system: Vec<Vec<u8>>,
    /// Symbolic links to folders, which were not followed.
    pub links: Vec<Vec<u8>>,
    /// Symbolic links to regular files, which were not followed.
    pub file_links: Vec<Vec<u8>>,
}

/// How to walk.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What to leave out.
    pub ignores: &'a Ignores,
    /// Whether to take files and folders whose name starts with a dot.
    pub hidden: bool,
    /// Whether to enter the folders that a system or a NAS keeps for itself.
    pub system: bool,
    /// Folders not to enter, by their exact paths relative to the root, sorted.
    pub exclude: &'a [Vec<u8>],
    /// Threads; 0 means one per core.
    pub threads: usize,
}

impl Options<'_> {
    /// Whether a name starts with a dot and such names are left out.
    #[must_use]
    pub fn hides(&self, path: &[u8]) -> bool {
        !self.hidden && name_of(path).first() == Some(&b'.')
    }

    /// Whether a file or folder is left out by its own name and path; what lies above it is not looked at.
    #[must_use]
    pub fn leaves_out(&self, path: &[u8], is_folder: bool) -> bool {
        self.hides(path)
            || (!self.ignores.is_empty() && self.ignores.matches(path, is_folder))
            || (is_folder
                && ((!self.system && is_system_folder(name_of(path)))
                    || self
                        .exclude
                        .binary_search_by(|other| other.as_slice().cmp(path))
                        .is_ok()))
    }
}

/// Find the regular files below `root` (which may itself be a symbolic link to a folder).
///
/// `found` counts them as they are found. When `cancel` is set, it returns soon with what it has.
///
/// # Errors
///
/// `missing_source` when `root` is not a folder that can be read. Whatever happens below the root is a [`Problem`].
pub fn walk(
    root: &Path,
    options: Options<'_>,
    cancel: &AtomicBool,
    found: &AtomicU64,
) -> Result<Walk> {
    let everything = vec![Task::Folder(Vec::new())];
    Ok(run(
        open_root(root)?,
        everything,
        options,
        cancel,
        found,
        Walk::default(),
    ))
}

/// Find these files and what is below these folders, `paths` relative to `root`: what [`walk`] would find of them.
///
/// What is not there any more is left out without a word, and so is what lies below a link or in a library.
///
/// # Errors
///
/// As [`walk`].
pub fn walk_parts(
    root: &Path,
    mut paths: Vec<Vec<u8>>,
    options: Options<'_>,
    cancel: &AtomicBool,
    found: &AtomicU64,
) -> Result<Walk> {
    let root = open_root(root)?;
    let mut ways = Ways::new(&root, options);
    let mut whole = Walk::default();
    let mut tasks = Vec::new();
    // A folder comes before what is below it. Sorted as if "/" came first, so that nothing comes between.
    paths.sort_unstable_by(|a, b| order(a).cmp(order(b)));
    paths.dedup();
    let mut taken: Option<Vec<u8>> = None;
    for path in paths {
        if cancel.load(Ordering::Relaxed) {
            break;
        }
        if taken.as_ref().is_some_and(|folder| is_below(&path, folder)) {
            continue;
        }
        if path.is_empty() {
            taken = Some(path.clone());
            tasks.push(Task::Folder(path));
            continue;
        }
        if !ways.is_open(parent(&path)) {
            continue;
        }
        let stat = match statat(&root, path.as_slice(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => continue,
            Err(errno) => {
                let error = errno.into();
                whole.problems.push(Problem { path, error });
                continue;
            }
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Symlink || options.leaves_out(&path, kind == FileType::Directory) {
            continue;
        }
        match kind {
            FileType::Directory => {
                taken = Some(path.clone());
                tasks.push(Task::Folder(path));
            }
            FileType::RegularFile => {
                found.fetch_add(1, Ordering::Relaxed);
                whole.entries.push(entry_of(path, &stat));
            }
            special => whole.problems.push(Problem {
                path,
                error: CoreError::new(ErrorClass::Unsupported, special_name(special)),
            }),
        }
    }
    drop(ways);
    Ok(run(root, tasks, options, cancel, found, whole))
}

fn order(path: &[u8]) -> impl Iterator<Item = u8> + '_ {
    path.iter().map(|&byte| if byte == b'/' { 0 } else { byte })
}

/// Whether `path` is `folder` or lies below it; both relative to the root, which is empty.
#[must_use]
pub fn is_below(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

fn name_of(path: &[u8]) -> &[u8] {
    &path[memchr::memrchr(b'/', path).map_or(0, |at| at + 1)..]
}

/// The folder that holds `path`; the root is empty.
#[must_use]
pub fn parent(path: &[u8]) -> &[u8] {
    &path[..memchr::memrchr(b'/', path).unwrap_or(0)]
}

/// Which folders a walk from the root would come through.
struct Ways<'a> {
    root: &'a OwnedFd,
    options: Options<'a>,
    known: HashMap<Vec<u8>, bool>,
}

impl<'a> Ways<'a> {
    fn new(root: &'a OwnedFd, options: Options<'a>) -> Self {
        let known = HashMap::from([(Vec::new(), !has_library(root, b""))]);
        Self {
            root,
            options,
            known,
        }
    }

    fn is_open(&mut self, folder: &[u8]) -> bool {
        if let Some(&known) = self.known.get(folder) {
            return known;
        }
        let open = self.is_open(parent(folder))
            && statat(self.root, folder, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir())
            && !self.options.leaves_out(folder, true)
            && !has_library(self.root, folder);
        self.known.insert(folder.to_vec(), open);
        open
    }
}

/// Whether a folder is a library, by its mark or by what every library has.
fn has_library(root: &OwnedFd, folder: &[u8]) -> bool {
    let has = |name: &[u8]| {
        let path = join(folder, name);
        statat(root, path.as_slice(), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    };
    has(LIBRARY_MARK) || (has(b"catalog.sqlite") && has(b"sidecars"))
}

fn run(
    root: OwnedFd,
    tasks: Vec<Task>,
    options: Options<'_>,
    cancel: &AtomicBool,
    found: &AtomicU64,
    mut whole: Walk,
) -> Walk {
    let walker = Walker {
        root,
        options,
        cancel,
        found,
        queue: Queue::new(tasks),
    };
    let parts = on_threads(thread_count(options.threads), || {
        let mut part = Walk::default();
        while let Some(task) = walker.queue.take(cancel) {
            let _running = Running(&walker.queue);
            walker.run(task, &mut part);
        }
        part
    });
    for mut part in parts {
        whole.entries.append(&mut part.entries);
        whole.problems.append(&mut part.problems);
        whole.folders += part.folders;
        whole.libraries.append(&mut part.libraries);
        whole.system.append(&mut part.system);
        whole.links.append(&mut part.links);
        whole.file_links.append(&mut part.file_links);
    }
    whole.libraries.sort_unstable();
    whole.system.sort_unstable();
    whole.links.sort_unstable();
    whole.file_links.sort_unstable();
    whole.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    whole.problems.sort_by(|a, b| a.path.cmp(&b.path));
    whole
}

/// The modification time in nanoseconds since 1970.
///
/// Times beyond 64 bits (before 1677 and after 2262) become the first and the last that fit; `machine.mtime_ns` in Python
/// does the same.
#[must_use]
pub fn mtime_ns(stat: &Stat) -> i64 {
    nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64)
}

fn ctime_ns(stat: &Stat) -> i64 {
    nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64)
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

enum Task {
    /// List this folder.
    Folder(Vec<u8>),
    /// Look at these files of this folder.
    Files(Vec<u8>, Vec<CString>),
}

struct Walker<'a> {
    root: OwnedFd,
    options: Options<'a>,
    cancel: &'a AtomicBool,
    found: &'a AtomicU64,
    queue: Queue,
}

impl Walker<'_> {
    fn run(&self, task: Task, part: &mut Walk) {
        let (folder, done) = match task {
            Task::Folder(folder) => {
                let done = self.list(&folder, part);
                (folder, done)
            }
            Task::Files(folder, names) => {
                let done = self
                    .open(&folder)
                    .map(|fd| self.stat_all(&fd, &folder, &names, part));
                (folder, done)
            }
        };
        if let Err(error) = done {
            part.problems.push(Problem {
                path: folder,
                error: error.context("cannot read the folder"),
            });
        }
    }

    fn open(&self, folder: &[u8]) -> Result<OwnedFd> {
        let folder = if folder.is_empty() { b"." } else { folder };
        let flags = FOLDER | OFlags::NOFOLLOW;
        Ok(openat(&self.root, folder, flags, Mode::empty())?)
    }

    fn list(&self, folder: &[u8], part: &mut Walk) -> Result<()> {
        let mut dir = Dir::new(self.open(folder)?)?;
        let mut files = Vec::new();
        let mut folders = Vec::new();
        let mut system = Vec::new();
        let (mut links, mut file_links) = (Vec::new(), Vec::new());
        let mut library = LibrarySigns::default();
        part.folders += 1;
        while let Some(entry) = dir.read() {
            if self.cancel.load(Ordering::Relaxed) {
                return Ok(());
            }
            let entry = entry?;
            let name = entry.file_name();
            let bytes = name.to_bytes();
            library.see(bytes);
            if matches!(bytes, b"." | b"..") || (bytes[0] == b'.' && !self.options.hidden) {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say.
                FileType::Unknown => match statat(dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(errno) => {
                        part.problems.push(Problem {
                            path: join(folder, bytes),
                            error: errno.into(),
                        });
                        continue;
                    }
                },
                kind => kind,
            };
            let target = match kind {
                FileType::Symlink => match target(dir.fd()?, name) {
                    Some(target @ (FileType::Directory | FileType::RegularFile)) => target,
                    _ => continue,
                },
                kind => kind,
            };
            let ignores = self.options.ignores;
            let is_folder = target == FileType::Directory;
            if !ignores.is_empty() && ignores.matches(&join(folder, bytes), is_folder) {
                continue;
            }
            match kind {
                FileType::Symlink if is_folder => links.push(join(folder, bytes)),
                FileType::Symlink => file_links.push(join(folder, bytes)),
                FileType::Directory if !self.options.system && is_system_folder(bytes) => {
                    system.push(join(folder, bytes));
                }
                FileType::Directory => {
                    let path = join(folder, bytes);
                    if self.options.exclude.binary_search(&path).is_err() {
                        folders.push(Task::Folder(path));
                    }
                }
                FileType::RegularFile => files.push(name.to_owned()),
                special => part.problems.push(Problem {
                    path: join(folder, bytes),
                    error: CoreError::new(ErrorClass::Unsupported, special_name(special)),
                }),
            }
        }
        if library.are_there() {
            part.libraries.push(folder.to_vec());
            return Ok(());
        }
        part.system.append(&mut system);
        part.links.append(&mut links);
        part.file_links.append(&mut file_links);
        self.queue.add(folders);
        if files.len() > STAT_BATCH {
            let rest = files.split_off(STAT_BATCH);
            let batches = rest.chunks(STAT_BATCH);
            self.queue.add(
                batches
                    .map(|names| Task::Files(folder.to_vec(), names.to_vec()))
                    .collect(),
            );
        }
        self.stat_all(dir.fd()?, folder, &files, part);
        Ok(())
    }

    fn stat_all(
        &self,
        fd: impl std::os::fd::AsFd,
        folder: &[u8],
        names: &[CString],
        part: &mut Walk,
    ) {
        let before = part.entries.len();
        for name in names {
            if self.cancel.load(Ordering::Relaxed) {
                break;
            }
            let path = join(folder, name.to_bytes());
            match statat(&fd, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_file() => {
                    part.entries.push(entry_of(path, &stat));
                }
                Ok(_) => part.problems.push(Problem {
                    path,
                    error: CoreError::new(
                        ErrorClass::ChangedSource,
                        "replaced by something that is not a file during the walk",
                    ),
                }),
                Err(errno) => part.problems.push(Problem {
                    path,
                    error: errno.into(),
                }),
            }
        }
        let count = part.entries.len() - before;
        self.found.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// What tells that a folder is a library: its mark, or what every library has, marked or not.
#[derive(Default)]
pub(crate) struct LibrarySigns {
    mark: bool,
    catalog: bool,
    sidecars: bool,
}

impl LibrarySigns {
    pub(crate) fn see(&mut self, name: &[u8]) {
        self.mark |= name == LIBRARY_MARK;
        self.catalog |= name == b"catalog.sqlite";
        self.sidecars |= name == b"sidecars";
    }

    pub(crate) fn are_there(&self) -> bool {
        self.mark || (self.catalog && self.sidecars)
    }
}

/// What a symbolic link leads to; None where nothing is there.
fn target(fd: impl std::os::fd::AsFd, name: &std::ffi::CStr) -> Option<FileType> {
    let stat = statat(fd, name, AtFlags::empty()).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

fn is_system_folder(name: &[u8]) -> bool {
    name.starts_with(b".Trash-")
        || SYSTEM_FOLDERS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
}

fn entry_of(path: Vec<u8>, stat: &Stat) -> Entry {
    Entry {
        path,
        size: stat.st_size as u64,
        mtime_ns: mtime_ns(stat),
        inode: stat.st_ino,
        ctime_ns: ctime_ns(stat),
    }
}

/// The path of `name` in `folder`, both relative to the root.
#[must_use]
pub fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    if !folder.is_empty() {
        path.extend_from_slice(folder);
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

fn special_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "a named pipe, not a file",
        FileType::Socket => "a socket, not a file",
        FileType::CharacterDevice | FileType::BlockDevice => "a device, not a file",
        _ => "not a file",
    }
}

/// Work that is waiting, and how many threads may still add to it.
struct Queue {
    state: Mutex<(Vec<Task>, usize)>,
    changed: Condvar,
}

impl Queue {
    fn new(first: Vec<Task>) -> Self {
        Self {
            state: Mutex::new((first, 0)),
            changed: Condvar::new(),
        }
    }

    /// The newest task (depth first keeps the queue short), or None when all is done. Each task must be ended by
    /// dropping a [`Running`].
    fn take(&self, cancel: &AtomicBool) -> Option<Task> {
        let mut state = lock(&self.state);
        loop {
            if cancel.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(task) = state.0.pop() {
                state.1 += 1;
                return Some(task);
            }
            if state.1 == 0 {
                return None;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn add(&self, mut tasks: Vec<Task>) {
        if !tasks.is_empty() {
            lock(&self.state).0.append(&mut tasks);
            self.changed.notify_all();
        }
    }
}

/// A task being run. Ends it when dropped, in a panic too, so that no thread waits for ever.
struct Running<'a>(&'a Queue);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).1 -= 1;
        // Waiters also wake here to see a cancel.
        self.0.changed.notify_all();
    }
}

/// Open a folder to look below it; a symbolic link is followed.
///
/// # Errors
///
/// `missing_source` when it is not there, not a folder or not readable.
pub fn open_root(root: &Path) -> Result<OwnedFd> {
    open(root, FOLDER, Mode::empty())
        .map_err(|errno| CoreError::from(errno).context("cannot read the folder"))
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
