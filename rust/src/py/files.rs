//! Bindings of walk, identify, sniff, paths, exists, sync and schedule.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyList, PyString, PyTuple, PyType};

use super::{detached, interruptible};
use crate::error::Invalid;
use crate::hash::{ContentHash, SAMPLE_ABOVE};
use crate::identify::{Progress, Seen};
use crate::ignores::Ignores;
use crate::schedule::Job;
use crate::{exists, facts, hash, identify, paths, schedule, sniff, sync, walk};

// The signatures below spell the number out, for Python's help() and the check of the stubs.
const _: () = assert!(SAMPLE_ABOVE == 67_108_864);

pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<FoundFiles>()?;
    m.add_class::<WalkResult>()?;
    m.add_class::<HashResult>()?;
    m.add_function(wrap_pyfunction!(py_walk, m)?)?;
    m.add_function(wrap_pyfunction!(hash_file, m)?)?;
    m.add_function(wrap_pyfunction!(hash_bytes, m)?)?;
    m.add_function(wrap_pyfunction!(identify_files, m)?)?;
    m.add("FACTS_VERSION", facts::VERSION)?;
    m.add_function(wrap_pyfunction!(file_facts, m)?)?;
    m.add_function(wrap_pyfunction!(py_sniff, m)?)?;
    m.add_function(wrap_pyfunction!(sniff_file, m)?)?;
    m.add_function(wrap_pyfunction!(claimed_type, m)?)?;
    m.add_function(wrap_pyfunction!(mime_from_name, m)?)?;
    m.add_function(wrap_pyfunction!(media_class, m)?)?;
    m.add_function(wrap_pyfunction!(content_uuid, m)?)?;
    m.add_function(wrap_pyfunction!(sidecar_path, m)?)?;
    m.add_function(wrap_pyfunction!(exists_many, m)?)?;
    m.add_function(wrap_pyfunction!(sync_filesystem, m)?)?;
    m.add_function(wrap_pyfunction!(plan_batches, m)?)
}

impl From<Invalid> for PyErr {
    fn from(invalid: Invalid) -> Self {
        PyValueError::new_err(invalid.0)
    }
}

/// A path given as `str`, `bytes` or `os.PathLike`, byte for byte.
pub(super) struct AnyPath(pub(super) PathBuf);

impl FromPyObject<'_, '_> for AnyPath {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let plain = object
            .py()
            .import("os")?
            .call_method1("fspath", (object,))?;
        let path = match plain.cast::<PyBytes>() {
            Ok(bytes) => OsString::from_vec(bytes.as_bytes().to_vec()),
            Err(_) => plain.extract::<OsString>()?,
        };
        if path.as_encoded_bytes().contains(&0) {
            return Err(PyValueError::new_err("embedded null byte in a path"));
        }
        Ok(Self(path.into()))
    }
}

/// A Python function to call with counters now and then.
fn report(progress: Option<&Py<PyAny>>, counters: &[&AtomicU64], py: Python<'_>) -> PyResult<()> {
    if let Some(progress) = progress {
        let counts = counters
            .iter()
            .map(|counter| counter.load(Ordering::Relaxed));
        progress.call1(py, PyTuple::new(py, counts.collect::<Vec<_>>())?)?;
    }
    Ok(())
}

/// A file as Python sees it: path, size, mtime, inode and ctime.
type FoundFile<'py> = (Bound<'py, PyBytes>, u64, i64, u64, i64);

/// Files by their paths, in a small part of the memory that a list of tuples takes.
#[pyclass(module = "pillion._core", sequence)]
#[derive(Default)]
struct FoundFiles {
    files: Vec<walk::Entry>,
    /// Where the last search ended: the next path asked for is mostly the next one.
    at: AtomicUsize,
}

impl FoundFiles {
    fn from_sorted(files: Vec<walk::Entry>) -> Self {
        let at = AtomicUsize::new(0);
        Self { files, at }
    }

    fn file<'py>(&self, py: Python<'py>, at: usize) -> Option<FoundFile<'py>> {
        let file = self.files.get(at)?;
        let path = PyBytes::new(py, &file.path);
        Some((path, file.size, file.mtime_ns, file.inode, file.ctime_ns))
    }

    /// Where a path is.
    fn place(&self, path: &[u8]) -> Option<usize> {
        let at = self.at.load(Ordering::Relaxed);
        let found = if self.files.get(at).is_some_and(|file| file.path == path) {
            at
        } else {
            let files = &self.files;
            files
                .binary_search_by(|file| file.path.as_slice().cmp(path))
                .ok()?
        };
        self.at.store(found + 1, Ordering::Relaxed);
        Some(found)
    }
}

#[pymethods]
impl FoundFiles {
    #[new]
    #[pyo3(signature = (files = Vec::new()))]
    fn new(files: Vec<(Vec<u8>, u64, i64, u64, i64)>) -> Self {
        let mut found = Self::default();
        for file in files {
            found.append(file);
        }
        found.sort();
        found
    }

    fn append(&mut self, file: (Vec<u8>, u64, i64, u64, i64)) {
        let (path, size, mtime_ns, inode, ctime_ns) = file;
        self.files.push(walk::Entry {
            path,
            size,
            mtime_ns,
            inode,
            ctime_ns,
        });
    }

    fn extend(&mut self, prefix: &[u8], other: &Self) {
        self.files.reserve(other.files.len());
        for file in &other.files {
            let path = [prefix, &file.path].concat();
            self.files.push(walk::Entry { path, ..*file });
        }
    }

    fn sort(&mut self) {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
    }

    fn find(&self, path: &[u8]) -> Option<(usize, u64, i64, u64, i64)> {
        let at = self.place(path)?;
        let file = &self.files[at];
        Some((at, file.size, file.mtime_ns, file.inode, file.ctime_ns))
    }

    fn __len__(&self) -> usize {
        self.files.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<FoundFile<'py>> {
        // Python has added the length to a negative index before.
        usize::try_from(index)
            .ok()
            .and_then(|at| self.file(py, at))
            .ok_or_else(|| PyIndexError::new_err("no such file"))
    }

    fn __iter__(files: Py<Self>) -> FileIterator {
        FileIterator { files, at: 0 }
    }

    fn __repr__(&self) -> String {
        format!("FoundFiles({} files)", self.files.len())
    }
}

#[pyclass(module = "pillion._core")]
struct FileIterator {
    files: Py<FoundFiles>,
    at: usize,
}

#[pymethods]
impl FileIterator {
    fn __iter__(iterator: Py<Self>) -> Py<Self> {
        iterator
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> Option<FoundFile<'py>> {
        let file = self.files.borrow(py).file(py, self.at)?;
        self.at += 1;
        Some(file)
    }
}

/// What a walk found, sorted by path.
#[pyclass(frozen, module = "pillion._core")]
struct WalkResult {
    files: Py<FoundFiles>,
    rest: walk::Walk,
}

#[pymethods]
impl WalkResult {
    #[getter]
    fn files(&self, py: Python<'_>) -> Py<FoundFiles> {
        self.files.clone_ref(py)
    }

    #[getter]
    fn problems<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let problems = self.rest.problems.iter();
        PyList::new(
            py,
            problems.map(|problem| {
                let path = PyBytes::new(py, &problem.path);
                (path, problem.error.class.as_str(), &problem.error.message)
            }),
        )
    }

    #[getter]
    fn libraries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            py,
            self.rest
                .libraries
                .iter()
                .map(|path| PyBytes::new(py, path)),
        )
    }

    #[getter]
    fn links<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            py,
            self.rest.links.iter().map(|path| PyBytes::new(py, path)),
        )
    }

    #[getter]
    fn file_links<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            py,
            self.rest
                .file_links
                .iter()
                .map(|path| PyBytes::new(py, path)),
        )
    }

    #[getter]
    fn system<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            py,
            self.rest.system.iter().map(|path| PyBytes::new(py, path)),
        )
    }

    #[getter]
    fn folders(&self) -> u64 {
        self.rest.folders
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let files = self.files.borrow(py).files.len();
        let (folders, problems) = (self.rest.folders, self.rest.problems.len());
        format!("WalkResult({files} files, {folders} folders, {problems} problems)")
    }
}

#[pyfunction]
#[pyo3(name = "walk", signature = (root, *, ignore = Vec::new(), exclude = Vec::new(), hidden = false, system = false, parts = None, threads = 0, progress = None))]
// One argument for each keyword of the Python function.
#[allow(clippy::too_many_arguments)]
fn py_walk(
    py: Python<'_>,
    root: AnyPath,
    ignore: Vec<String>,
    mut exclude: Vec<Vec<u8>>,
    hidden: bool,
    system: bool,
    parts: Option<Vec<Vec<u8>>>,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<WalkResult> {
    exclude.sort_unstable();
    let ignores = Ignores::new(&ignore)?;
    let found = AtomicU64::new(0);
    let options = walk::Options {
        ignores: &ignores,
        hidden,
        system,
        exclude: &exclude,
        threads,
    };
    let mut rest = interruptible(
        py,
        |cancel| match parts {
            None => walk::walk(&root.0, options, cancel, &found),
            Some(paths) => walk::walk_parts(&root.0, paths, options, cancel, &found),
        },
        |py| report(progress.as_ref(), &[&found], py),
    )?;
    let files = Py::new(
        py,
        FoundFiles::from_sorted(std::mem::take(&mut rest.entries)),
    )?;
    Ok(WalkResult { files, rest })
}

/// A content's identity.
#[pyclass(frozen, eq, module = "pillion._core")]
#[derive(PartialEq)]
struct HashResult(ContentHash);

#[pymethods]
impl HashResult {
    #[new]
    fn new(hash: &str, size: u64, sampled: bool) -> PyResult<Self> {
        ContentHash::from_hex(hash, size, sampled)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("hash is not 64 hex digits"))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (String, u64, bool)) {
        let content = slf.get().0;
        (
            slf.get_type(),
            (content.hex(), content.size, content.sampled),
        )
    }

    #[getter]
    fn content_uuid(&self) -> String {
        self.0.uuid()
    }

    #[getter]
    fn hash(&self) -> String {
        self.0.hex()
    }

    #[getter]
    fn sampled(&self) -> bool {
        self.0.sampled
    }

    #[getter]
    fn size(&self) -> u64 {
        self.0.size
    }

    fn __repr__(&self) -> String {
        let sampled = if self.0.sampled { ", sampled" } else { "" };
        format!(
            "HashResult({}, {} bytes{sampled})",
            self.0.uuid(),
            self.0.size
        )
    }
}

#[pyfunction]
#[pyo3(signature = (path, *, sample_above = 67_108_864))]
fn hash_file(py: Python<'_>, path: AnyPath, sample_above: u64) -> PyResult<HashResult> {
    let work = |cancel: &_| identify::hash_file(&path.0, sample_above, cancel);
    interruptible(py, work, |_| Ok(())).map(HashResult)
}

#[pyfunction]
#[pyo3(signature = (data, *, sample_above = 67_108_864))]
fn hash_bytes(py: Python<'_>, data: &[u8], sample_above: u64) -> PyResult<HashResult> {
    detached(py, || Ok(HashResult(hash::hash_bytes(data, sample_above))))
}

#[pyfunction]
#[pyo3(signature = (root, files, *, sample_above = 67_108_864, follow = false, threads = 0, progress = None))]
fn identify_files<'py>(
    py: Python<'py>,
    root: AnyPath,
    files: Vec<(PyBackedBytes, u64, i64)>,
    sample_above: u64,
    follow: bool,
    threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    let seen = |(path, size, mtime_ns)| Seen {
        path,
        size,
        mtime_ns,
    };
    let files: Vec<_> = files.into_iter().map(seen).collect();
    let done = Progress::default();
    let results = interruptible(
        py,
        |cancel| {
            identify::identify_files(
                &root.0,
                &files,
                sample_above,
                follow,
                threads,
                cancel,
                &done,
            )
        },
        |py| report(progress.as_ref(), &[&done.files, &done.bytes], py),
    )?;
    let list = PyList::empty(py);
    for result in results.into_iter().flatten() {
        list.append(match result {
            Ok(found) => {
                let mime = PyString::intern(py, found.mime);
                let facts = said(&found.facts);
                (found.content.uuid(), found.content.hex(), mime, facts).into_pyobject(py)?
            }
            Err(error) => (error.class.as_str(), error.message).into_pyobject(py)?,
        })?;
    }
    Ok(list)
}

/// The capture date in ms, and the object with all that is known.
type Said = Option<(Option<i64>, String)>;

fn said(facts: &facts::Facts) -> Said {
    facts.json().map(|json| (facts.taken_at(), json))
}

#[pyfunction]
fn file_facts(py: Python<'_>, path: AnyPath) -> PyResult<(&'static str, Said)> {
    detached(py, || {
        let (mime, found) = identify::facts_of(&path.0)?;
        Ok((mime, said(&found)))
    })
}

#[pyfunction]
#[pyo3(name = "sniff", signature = (head, name = b"".as_slice()), text_signature = "(head, name=b'')")]
fn py_sniff(head: &[u8], name: &[u8]) -> &'static str {
    sniff::sniff(head, name)
}

#[pyfunction]
fn sniff_file(py: Python<'_>, path: AnyPath) -> PyResult<&'static str> {
    detached(py, || identify::sniff_path(&path.0))
}

#[pyfunction]
fn claimed_type(name: &[u8]) -> Option<&'static str> {
    sniff::claimed(name)
}

#[pyfunction]
fn mime_from_name(name: &[u8]) -> &'static str {
    sniff::mime_from_name(name)
}

#[pyfunction]
fn media_class(mime: &str) -> &'static str {
    sniff::media_class(mime)
}

#[pyfunction]
fn content_uuid(hash: &str) -> PyResult<String> {
    Ok(paths::content_uuid(hash)?)
}

#[pyfunction]
fn sidecar_path(
    content_uuid: &str,
    kind_dir: &str,
    variant: &str,
    extension: &str,
) -> PyResult<String> {
    Ok(paths::sidecar_path(
        content_uuid,
        kind_dir,
        variant,
        extension,
    )?)
}

#[pyfunction]
#[pyo3(signature = (root, relative, *, threads = 0))]
fn exists_many(
    py: Python<'_>,
    root: AnyPath,
    relative: Vec<PyBackedStr>,
    threads: usize,
) -> PyResult<Vec<bool>> {
    let work = |cancel: &_| exists::exists_many(&root.0, &relative, threads, cancel);
    interruptible(py, work, |_| Ok(()))
}

#[pyfunction]
fn sync_filesystem(py: Python<'_>, path: AnyPath) -> PyResult<()> {
    detached(py, || sync::sync_filesystem(&path.0))
}

#[pyfunction]
#[pyo3(signature = (jobs, *, max_items = 16, max_cost = 1.0))]
fn plan_batches(
    py: Python<'_>,
    jobs: Vec<(i64, i64, i64, f64)>,
    max_items: usize,
    max_cost: f64,
) -> PyResult<Vec<Vec<i64>>> {
    let job = |(id, priority, kind, cost)| Job {
        id,
        priority,
        kind,
        cost,
    };
    let jobs: Vec<_> = jobs.into_iter().map(job).collect();
    let batches = detached(py, || {
        Ok(schedule::plan_batches(&jobs, max_items, max_cost))
    })??;
    Ok(batches)
}
