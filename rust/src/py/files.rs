//! Bindings of walk, identify, sniff, paths, exists, sync and schedule.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

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

/// What a walk found: parallel columns, sorted by path.
#[pyclass(frozen, module = "pillion._core")]
struct WalkResult(walk::Walk);

#[pymethods]
impl WalkResult {
    #[getter]
    fn entries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let entries = self.0.entries.iter();
        PyList::new(
            py,
            entries.map(|entry| {
                let path = PyBytes::new(py, &entry.path);
                (
                    path,
                    entry.size,
                    entry.mtime_ns,
                    entry.inode,
                    entry.ctime_ns,
                )
            }),
        )
    }

    #[getter]
    fn problems<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let problems = self.0.problems.iter();
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
            self.0.libraries.iter().map(|path| PyBytes::new(py, path)),
        )
    }

    #[getter]
    fn links<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.links.iter().map(|path| PyBytes::new(py, path)))
    }

    #[getter]
    fn file_links<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            py,
            self.0.file_links.iter().map(|path| PyBytes::new(py, path)),
        )
    }

    #[getter]
    fn system<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.system.iter().map(|path| PyBytes::new(py, path)))
    }

    #[getter]
    fn folders(&self) -> u64 {
        self.0.folders
    }

    fn __repr__(&self) -> String {
        let walk::Walk {
            entries,
            problems,
            folders,
            ..
        } = &self.0;
        let (files, problems) = (entries.len(), problems.len());
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
    let result = interruptible(
        py,
        |cancel| match parts {
            None => walk::walk(&root.0, options, cancel, &found),
            Some(paths) => walk::walk_parts(&root.0, paths, options, cancel, &found),
        },
        |py| report(progress.as_ref(), &[&found], py),
    )?;
    Ok(WalkResult(result))
}

/// A content's identity.
#[pyclass(frozen, eq, module = "pillion._core")]
#[derive(PartialEq)]
struct HashResult(ContentHash);

#[pymethods]
impl HashResult {
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
