//! Watch trees of folders for changes, by the system's own notices (inotify on Linux).
//!
//! Only folders are watched, and only those that a [walk](crate::walk) enters. What happens is kept, each path once, until
//! [`Watcher::next`] takes it; where more happens than is worth keeping, the folder that holds all of it is to be scanned
//! instead. So memory is bounded, whatever happens.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};
use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::error::{CoreError, ErrorClass, Result};
use crate::ignores::Ignores;
use crate::parallel::lock;
use crate::walk::{self, LibrarySigns, join};

/// Paths that are kept for one tree; beyond, the folder that holds them all is scanned.
const MOST_PENDING: usize = 1 << 16;

/// Subtrees that one call names as not watched; beyond, the folder that holds them all is named.
const MOST_UNWATCHED: usize = 64;

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Bytes are being written: the file was made or changed and not closed since.
    Writing,
    /// It was written and closed, moved here, or its times or rights were changed.
    Written,
    /// It is not there any more: removed, or moved away.
    Gone,
    /// A folder that is new here: all that is in it is to be looked at. It is watched by now.
    Folder,
    /// Notices were lost: all that is in this folder is to be looked at.
    Rescan,
    /// This folder and what is in it cannot be watched, because a limit of the system is reached.
    Unwatched,
}

impl What {
    /// The name in Python.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Writing => "writing",
            Self::Written => "written",
            Self::Gone => "gone",
            Self::Folder => "folder",
            Self::Rescan => "rescan",
            Self::Unwatched => "unwatched",
        }
    }
}

/// One thing that happened: the tree's number, the path relative to its root, and what.
pub type Event = (u64, Vec<u8>, What);

/// A limit of the system on watching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Folders that a user may watch: `fs.inotify.max_user_watches`.
    Watches,
    /// Trees that a user may watch: `fs.inotify.max_user_instances`.
    Instances,
}

/// What became of a tree that is to be watched.
#[derive(Debug, Default)]
pub struct Added {
    /// Folders that are watched.
    pub folders: u64,
    /// Folders that are not, with all that is in them, by their paths in the tree; the root is empty.
    pub unwatched: Vec<Vec<u8>>,
    /// The limit that was reached.
    pub limit: Option<Limit>,
}

/// What of a tree is watched: as in [`walk::Options`].
#[derive(Clone, Debug)]
pub struct Rules {
    /// What to leave out.
    pub ignores: Ignores,
    /// Whether to take names that start with a dot.
    pub hidden: bool,
    /// Whether to enter the folders that a system or a NAS keeps for itself.
    pub system: bool,
    /// Folders not to enter, sorted.
    pub exclude: Vec<Vec<u8>>,
}

impl Rules {
    fn options(&self) -> walk::Options<'_> {
        walk::Options {
            ignores: &self.ignores,
            hidden: self.hidden,
            system: self.system,
            exclude: &self.exclude,
            threads: 1,
        }
    }
}

struct Tree {
    root: PathBuf,
    rules: Arc<Rules>,
    watcher: RecommendedWatcher,
    /// Folders that could not be read: a change of their rights may make them readable.
    unreadable: HashSet<Vec<u8>>,
    folders: u64,
}

/// What happened in one tree and was not taken yet.
#[derive(Default)]
struct Pending {
    paths: HashMap<Vec<u8>, Seen>,
    rescans: BTreeSet<Vec<u8>>,
}

/// What a notice says. Whether a path that arrived is a file or a folder is looked at when it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Writing,
    Written,
    Touched,
    Gone,
    Folder,
    Arrived,
}

#[derive(Default)]
struct State {
    trees: HashMap<u64, Pending>,
    woken: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// Watches trees. Dropping it ends all watches.
pub struct Watcher {
    shared: Arc<Shared>,
    trees: Mutex<HashMap<u64, Tree>>,
    most: u64,
}

impl Watcher {
    /// Watches nothing yet. `most`: how many folders it may watch in all; beyond, it is as if the system's limit were
    /// reached.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self {
            shared: Arc::default(),
            trees: Mutex::default(),
            most,
        }
    }

    /// Watch the folders of a tree from now on, under a number of the caller's choice that is not in use.
    ///
    /// What happens while this runs is delivered too, so a scan that begins afterwards misses nothing.
    ///
    /// # Errors
    ///
    /// `missing_source` when the root is no readable folder; `io_transient` when the system's notices cannot be had.
    pub fn add(&self, number: u64, root: &Path, rules: Rules) -> Result<Added> {
        walk::open_root(root)?;
        let rules = Arc::new(rules);
        let shared = Arc::clone(&self.shared);
        let (top, seen_by) = (root.to_owned(), Arc::clone(&rules));
        let handler = move |event: notify::Result<notify::Event>| {
            shared.see(number, &top, &seen_by, event);
        };
        lock(&self.shared.state)
            .trees
            .insert(number, Pending::default());
        let watcher = match RecommendedWatcher::new(handler, Config::default()) {
            Ok(watcher) => watcher,
            Err(error) if is_too_many(&error) => {
                return Ok(Added {
                    folders: 0,
                    unwatched: vec![Vec::new()],
                    limit: Some(Limit::Instances),
                });
            }
            Err(error) => return Err(core_error(error)),
        };
        let mut tree = Tree {
            root: root.to_owned(),
            rules,
            watcher,
            unreadable: HashSet::new(),
            folders: 0,
        };
        let mut trees = lock(&self.trees);
        let watched = trees.values().map(|tree| tree.folders).sum();
        let added = tree.watch(Vec::new(), self.most.saturating_sub(watched))?;
        trees.insert(number, tree);
        Ok(added)
    }

    /// End the watches of a tree; what happened in it and was not taken is dropped.
    pub fn remove(&self, number: u64) {
        let tree = lock(&self.trees).remove(&number);
        // The thread of the watcher may be waiting for the state: it ends outside of it.
        drop(tree);
        lock(&self.shared.state).trees.remove(&number);
    }

    /// How many folders were watched when their trees, or they themselves, were added.
    #[must_use]
    pub fn folders(&self) -> u64 {
        lock(&self.trees).values().map(|tree| tree.folders).sum()
    }

    /// Let a call of [`Self::next`] return now, or the next one.
    pub fn wake(&self) {
        lock(&self.shared.state).woken = true;
        self.shared.changed.notify_all();
    }

    /// Wait until something happens, at most `timeout`, and return all that did, each path once, sorted.
    ///
    /// New folders are watched before they are returned. None: the time is over and nothing happened.
    #[must_use]
    pub fn next(&self, timeout: Duration) -> Option<Vec<Event>> {
        let taken = self.shared.take(timeout)?;
        let mut events = Vec::new();
        for (number, pending) in taken {
            self.look(number, pending, &mut events);
        }
        events.sort_unstable();
        Some(events)
    }

    fn look(&self, number: u64, pending: Pending, events: &mut Vec<Event>) {
        let mut trees = lock(&self.trees);
        let all: u64 = trees.values().map(|tree| tree.folders).sum();
        let Some(tree) = trees.get_mut(&number) else {
            return;
        };
        let others = all - tree.folders;
        let watch = |tree: &mut Tree, path: Vec<u8>, what: What, events: &mut Vec<Event>| {
            let mine = if path.is_empty() { 0 } else { tree.folders };
            let left = self.most.saturating_sub(others + mine);
            let added = tree.watch(path.clone(), left).unwrap_or_default();
            let unwatched = added.unwatched.into_iter();
            events.extend(unwatched.map(|path| (number, path, What::Unwatched)));
            events.push((number, path, what));
        };
        for path in pending.rescans {
            watch(tree, path, What::Rescan, events);
        }
        for (path, seen) in pending.paths {
            match seen {
                Seen::Gone => events.push((number, path, What::Gone)),
                Seen::Writing => events.push((number, path, What::Writing)),
                Seen::Written => events.push((number, path, What::Written)),
                Seen::Folder | Seen::Arrived | Seen::Touched => match tree.kind(&path) {
                    None => events.push((number, path, What::Gone)),
                    Some(true) if seen == Seen::Touched && !tree.unreadable.contains(&path) => {}
                    Some(true) => {
                        if !tree.rules.options().leaves_out(&path, true) {
                            watch(tree, path, What::Folder, events);
                        }
                    }
                    Some(false) => events.push((number, path, What::Written)),
                },
            }
        }
    }
}

impl Tree {
    fn absolute(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() {
            return self.root.clone();
        }
        self.root.join(OsStr::from_bytes(path))
    }

    /// Whether a path is a folder (and no link to one); None where nothing is there.
    fn kind(&self, path: &[u8]) -> Option<bool> {
        let found = fs::symlink_metadata(self.absolute(path)).ok()?;
        Some(found.is_dir())
    }

    /// Watch a folder and those in it, each before its names are read. `most`: how many more may be watched.
    fn watch(&mut self, top: Vec<u8>, most: u64) -> Result<Added> {
        let mut added = Added::default();
        if !cfg!(target_os = "linux") {
            // Elsewhere the system watches whole trees; what is left out is sorted out when it happens.
            if top.is_empty() {
                let watched = self.watcher.watch(&self.root, RecursiveMode::Recursive);
                watched.map_err(core_error)?;
                added.folders = 1;
            }
            return Ok(added);
        }
        if top.is_empty() {
            self.folders = 0;
        }
        let mut waiting = vec![top];
        while let Some(folder) = waiting.pop() {
            let path = self.absolute(&folder);
            let full = added.folders >= most;
            let watched = if full {
                Err(notify::Error::new(ErrorKind::MaxFilesWatch))
            } else {
                self.watcher.watch(&path, RecursiveMode::NonRecursive)
            };
            match watched {
                Ok(()) => {}
                Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => {
                    waiting.push(folder);
                    added.unwatched = reduced(waiting);
                    added.limit = Some(Limit::Watches);
                    break;
                }
                Err(error) if is_denied(&error) => {
                    self.unreadable.insert(folder);
                    continue;
                }
                // It went away meanwhile, which a notice tells, or the walk will say what is wrong with it.
                Err(_) => continue,
            }
            match self.folders_in(&folder, &path) {
                Some(folders) => {
                    added.folders += 1;
                    self.unreadable.remove(&folder);
                    waiting.extend(folders);
                }
                None => {
                    let _ = self.watcher.unwatch(&path);
                }
            }
        }
        self.folders += added.folders;
        Ok(added)
    }

    /// The folders in a folder that a walk enters; None if it is a library, or cannot be read.
    fn folders_in(&mut self, folder: &[u8], path: &Path) -> Option<Vec<Vec<u8>>> {
        let mut signs = LibrarySigns::default();
        let mut folders = Vec::new();
        let names = match fs::read_dir(path) {
            Ok(names) => names,
            Err(error) => {
                if error.kind() == std::io::ErrorKind::PermissionDenied {
                    // It stays watched: a change of its rights is a notice.
                    self.unreadable.insert(folder.to_vec());
                    return Some(folders);
                }
                return None;
            }
        };
        let rules = Arc::clone(&self.rules);
        let options = rules.options();
        for entry in names.flatten() {
            let name = entry.file_name();
            signs.see(name.as_bytes());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let child = join(folder, name.as_bytes());
                if !options.leaves_out(&child, true) {
                    folders.push(child);
                }
            }
        }
        (!signs.are_there()).then_some(folders)
    }
}

impl Shared {
    /// Keep what a notice says. Called in the thread of a tree's watcher.
    fn see(&self, number: u64, root: &Path, rules: &Rules, event: notify::Result<notify::Event>) {
        let mut state = lock(&self.state);
        let Some(pending) = state.trees.get_mut(&number) else {
            return;
        };
        let before = pending.paths.len() + pending.rescans.len();
        match event {
            Ok(event) if event.need_rescan() => pending.rescan(Vec::new()),
            Ok(event) if is_own_move(&event) && !event.paths.iter().any(|path| path == root) => {}
            Ok(event) => {
                let Some(seen) = meaning(event.kind) else {
                    return;
                };
                for path in &event.paths {
                    if let Ok(inside) = path.strip_prefix(root) {
                        pending.note(inside.as_os_str().as_bytes(), seen, rules);
                    }
                }
            }
            Err(_) => pending.rescan(Vec::new()),
        }
        if before == 0 && pending.paths.len() + pending.rescans.len() > 0 {
            drop(state);
            self.changed.notify_all();
        }
    }

    fn take(&self, timeout: Duration) -> Option<Vec<(u64, Pending)>> {
        let until = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            let woken = std::mem::take(&mut state.woken);
            let taken: Vec<_> = state
                .trees
                .iter_mut()
                .filter(|(_, pending)| !pending.is_empty())
                .map(|(&number, pending)| (number, std::mem::take(pending)))
                .collect();
            if woken || !taken.is_empty() {
                return Some(taken);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.rescans.is_empty()
    }

    fn note(&mut self, path: &[u8], seen: Seen, rules: &Rules) {
        if path.is_empty() && seen != Seen::Gone {
            return;
        }
        let options = rules.options();
        // A glob for files can match the name of a folder that is not left out: that is told apart when it is taken.
        let is_file = matches!(seen, Seen::Writing | Seen::Written);
        if options.hides(path) || (is_file && options.leaves_out(path, false)) {
            return;
        }
        if self
            .rescans
            .iter()
            .any(|folder| walk::is_below(path, folder))
        {
            return;
        }
        match self.paths.get_mut(path) {
            Some(before) => *before = merged(*before, seen),
            None => {
                self.paths.insert(path.to_vec(), seen);
            }
        }
        if self.paths.len() > MOST_PENDING {
            let folder = common(self.paths.keys().map(Vec::as_slice));
            self.paths.clear();
            self.rescan(folder);
        }
    }

    fn rescan(&mut self, folder: Vec<u8>) {
        self.paths.retain(|path, _| !walk::is_below(path, &folder));
        self.rescans.retain(|other| !walk::is_below(other, &folder));
        self.rescans.insert(folder);
    }
}

/// What two notices of one path mean together.
fn merged(before: Seen, seen: Seen) -> Seen {
    match (before, seen) {
        // New rights say nothing about what is still being written, or about what is gone.
        (_, Seen::Touched) => before,
        // What was made and moved here may be written to again: it is the last that counts.
        _ => seen,
    }
}

/// Whether a watched folder itself says that it moved: inotify's `IN_MOVE_SELF`, the only notice of a move without a
/// cookie. The folder that held it says so first; only a root has none that is watched.
fn is_own_move(event: &notify::Event) -> bool {
    cfg!(target_os = "linux")
        && event.kind == EventKind::Modify(ModifyKind::Name(RenameMode::From))
        && event.tracker().is_none()
}

/// None for what does not change a file.
fn meaning(kind: EventKind) -> Option<Seen> {
    match kind {
        EventKind::Create(CreateKind::Folder) => Some(Seen::Folder),
        EventKind::Create(CreateKind::File) => Some(Seen::Writing),
        EventKind::Create(_) => Some(Seen::Arrived),
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            Some(Seen::Gone)
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None,
        EventKind::Modify(ModifyKind::Name(_)) => Some(Seen::Arrived),
        EventKind::Modify(ModifyKind::Metadata(_)) => Some(Seen::Touched),
        EventKind::Modify(_) => Some(Seen::Writing),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Seen::Written),
        EventKind::Access(_) | EventKind::Any | EventKind::Other => None,
    }
}

/// These folders, or, if they are many, the one that holds them all.
fn reduced(folders: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    if folders.len() <= MOST_UNWATCHED {
        return folders;
    }
    vec![common(folders.iter().map(Vec::as_slice))]
}

/// The innermost folder that holds all of these paths.
fn common<'a>(paths: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut shared: Option<&[u8]> = None;
    for path in paths {
        let mut folder = shared.unwrap_or_else(|| walk::parent(path));
        while !walk::is_below(path, folder) {
            folder = walk::parent(folder);
        }
        shared = Some(folder);
    }
    shared.unwrap_or_default().to_vec()
}

fn is_too_many(error: &notify::Error) -> bool {
    matches!(&error.kind, ErrorKind::Io(error) if error.raw_os_error() == Some(libc::EMFILE))
}

fn is_denied(error: &notify::Error) -> bool {
    matches!(&error.kind, ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied)
}

fn core_error(error: notify::Error) -> CoreError {
    match error.kind {
        ErrorKind::Io(error) => CoreError::from(error).context("cannot watch"),
        _ => CoreError::new(ErrorClass::IoTransient, format!("cannot watch: {error}")),
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
