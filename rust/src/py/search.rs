//! Bindings of search: the index of words, the file of vectors, and perceptual hashes.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tantivy::query::Occur;

use super::detached;
use super::image::pixels_of;
use crate::error::Result;
use crate::image;
use crate::image::likeness::{self, HASH_BYTES, Likeness};
use crate::parallel::thread_count;
use crate::search::vectors::{self, Content, Contents};
use crate::search::words::{self, Among, Choice, Clause, Marker, Sort};
use crate::search::{fold, tokens};

/// Add the functions and classes to the module.
pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<WordIndex>()?;
    m.add_class::<VectorFile>()?;
    m.add_function(wrap_pyfunction!(folded, m)?)?;
    m.add_function(wrap_pyfunction!(search_marks, m)?)?;
    m.add_function(wrap_pyfunction!(search_stems, m)?)?;
    m.add_function(wrap_pyfunction!(likeness_hash, m)?)?;
    m.add_function(wrap_pyfunction!(likeness_pairs, m)?)?;
    m.add_function(wrap_pyfunction!(likeness_distances, m)?)?;
    Ok(())
}

/// (must: 1, should: 0, must not: -1; sort; text)
type ClauseTuple = (i8, String, String);

fn clauses_of(tuples: Vec<ClauseTuple>) -> PyResult<Vec<Clause>> {
    tuples
        .into_iter()
        .map(|(occur, sort, text)| {
            let occur = match occur {
                0 => Occur::Should,
                1 => Occur::Must,
                -1 => Occur::MustNot,
                _ => return Err(PyValueError::new_err("a clause is 1, 0 or -1")),
            };
            let sort = match sort.as_str() {
                "word" => Sort::Word,
                "prefix" => Sort::Prefix,
                "phrase" => Sort::Phrase,
                _ => return Err(PyValueError::new_err("there is no such sort of clause")),
            };
            Ok(Clause { occur, sort, text })
        })
        .collect()
}

fn among_of(names: bool) -> Among {
    if names { Among::Names } else { Among::Passages }
}

type FoundTuple = (u32, u32, String, f32);

/// (text with the mark of its language, place, text, marks)
type MarkedTuple = (String, String, String, Vec<words::Marked>);

/// The index of words. One thread at a time uses it.
#[pyclass(frozen, module = "pillion._core")]
struct WordIndex(Mutex<words::WordIndex>);

impl WordIndex {
    fn lock(&self) -> MutexGuard<'_, words::WordIndex> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[pymethods]
impl WordIndex {
    #[new]
    #[pyo3(signature = (folder, *, writable = false, fresh = false, memory = 30_000_000))]
    fn new(
        py: Python<'_>,
        folder: PathBuf,
        writable: bool,
        fresh: bool,
        memory: usize,
    ) -> PyResult<Self> {
        let opened = detached(py, || {
            if writable {
                words::WordIndex::open_writable(&folder, fresh, memory)
            } else {
                words::WordIndex::open(&folder)
            }
        })?;
        Ok(Self(Mutex::new(opened)))
    }

    fn payload(&self, py: Python<'_>) -> PyResult<Option<String>> {
        detached(py, || self.lock().payload())
    }

    fn __len__(&self) -> usize {
        self.lock().len() as usize
    }

    fn reload(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.lock().reload())
    }

    fn delete(&self, py: Python<'_>, key: &str) -> PyResult<()> {
        detached(py, || self.lock().delete(key))
    }

    fn add(
        &self,
        py: Python<'_>,
        key: &str,
        text: &str,
        language: &str,
        place: &str,
    ) -> PyResult<Option<&'static str>> {
        detached(py, || self.lock().add(key, text, language, place))
    }

    fn add_names(
        &self,
        py: Python<'_>,
        key: &str,
        names: &str,
        folders: &str,
        digest: u64,
    ) -> PyResult<()> {
        detached(py, || self.lock().add_names(key, names, folders, digest))
    }

    fn commit(&self, py: Python<'_>, payload: &str) -> PyResult<()> {
        detached(py, || self.lock().commit(payload))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.lock().close())
    }

    fn digests(&self, py: Python<'_>) -> PyResult<Vec<(String, u64)>> {
        detached(py, || self.lock().digests())
    }

    fn counts(&self, py: Python<'_>) -> PyResult<Vec<(String, usize)>> {
        detached(py, || {
            Ok(self.lock().counts_of_keys()?.into_iter().collect())
        })
    }

    fn damaged(&self, py: Python<'_>) -> PyResult<Vec<PathBuf>> {
        detached(py, || self.lock().damaged())
    }

    #[allow(clippy::too_many_arguments)] // keywords in Python
    #[pyo3(signature = (
        clauses, limit, *, names = false, languages = Vec::new(), contents = None, letters = "", typos = false
    ))]
    fn search(
        &self,
        py: Python<'_>,
        clauses: Vec<ClauseTuple>,
        limit: usize,
        names: bool,
        languages: Vec<String>,
        contents: Option<Vec<String>>,
        letters: &str,
        typos: bool,
    ) -> PyResult<Vec<FoundTuple>> {
        let clauses = clauses_of(clauses)?;
        let found = detached(py, || {
            let choice = contents.map(|all| Choice::new(&all, letters)).transpose()?;
            self.lock().search(
                &clauses,
                among_of(names),
                &languages,
                limit,
                choice.as_ref(),
                typos,
            )
        })?;
        Ok(found
            .into_iter()
            .map(|one| (one.address.0, one.address.1, one.key, one.score))
            .collect())
    }

    #[pyo3(signature = (groups, contents, *, languages = Vec::new()))]
    fn having(
        &self,
        py: Python<'_>,
        groups: Vec<Vec<ClauseTuple>>,
        contents: Vec<String>,
        languages: Vec<String>,
    ) -> PyResult<Vec<Vec<String>>> {
        let groups = groups
            .into_iter()
            .map(clauses_of)
            .collect::<PyResult<Vec<_>>>()?;
        detached(py, || {
            let choice = Choice::new(&contents, "")?;
            self.lock().having(&groups, &choice, &languages)
        })
    }

    fn stored(
        &self,
        py: Python<'_>,
        addresses: Vec<(u32, u32)>,
    ) -> PyResult<Vec<(String, String)>> {
        let found = detached(py, || self.lock().stored_of(&addresses, |_| ()))?;
        Ok(found
            .into_iter()
            .map(|(stored, ())| (stored.text, stored.place))
            .collect())
    }

    #[pyo3(signature = (addresses, clauses, *, languages = Vec::new(), typos = false))]
    fn marked(
        &self,
        py: Python<'_>,
        addresses: Vec<(u32, u32)>,
        clauses: Vec<ClauseTuple>,
        languages: Vec<String>,
        typos: bool,
    ) -> PyResult<Vec<MarkedTuple>> {
        let clauses = clauses_of(clauses)?;
        let found = detached(py, || {
            let marker = Marker::new(&clauses, &languages, typos);
            self.lock()
                .stored_of(&addresses, |stored| marker.marks(&stored.text))
        })?;
        Ok(found
            .into_iter()
            .map(|(stored, (plain, marks))| (stored.text, stored.place, plain, marks))
            .collect())
    }

    fn rarities(&self, py: Python<'_>, stems: Vec<String>) -> PyResult<Vec<f32>> {
        detached(py, || self.lock().rarities(&stems))
    }
}

#[pyfunction]
fn folded(text: &str) -> String {
    fold::folded(text)
}

#[pyfunction]
#[pyo3(signature = (text, clauses, *, languages = Vec::new(), typos = false))]
fn search_marks(
    py: Python<'_>,
    text: &str,
    clauses: Vec<ClauseTuple>,
    languages: Vec<String>,
    typos: bool,
) -> PyResult<(String, Vec<words::Marked>)> {
    let clauses = clauses_of(clauses)?;
    detached(py, || Ok(words::marks(text, &clauses, &languages, typos)))
}

#[pyfunction]
#[pyo3(signature = (text, languages=None))]
fn search_stems(
    py: Python<'_>,
    text: &str,
    languages: Option<Vec<String>>,
) -> PyResult<Vec<String>> {
    detached(py, || {
        Ok(match languages {
            Some(languages) => tokens::stems(text, &languages),
            None => tokens::marked_words(text)
                .into_iter()
                .map(|word| word.stem)
                .collect(),
        })
    })
}

// vectors --------------------------------------------------------------------------------------------------------------

fn content_of(bytes: &[u8]) -> PyResult<Content> {
    bytes
        .try_into()
        .map_err(|_| PyValueError::new_err("a content has 16 bytes"))
}

fn contents_of(all: Vec<Vec<u8>>) -> PyResult<Contents> {
    all.iter().map(|bytes| content_of(bytes)).collect()
}

type RowTuple<'py> = (usize, Bound<'py, PyBytes>, usize, f32);

/// The file of vectors. One thread at a time uses it.
#[pyclass(frozen, module = "pillion._core")]
struct VectorFile(Mutex<vectors::VectorFile>);

impl VectorFile {
    fn lock(&self) -> MutexGuard<'_, vectors::VectorFile> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[pymethods]
impl VectorFile {
    #[new]
    #[pyo3(signature = (path, *, writable = false, fresh = None))]
    fn new(py: Python<'_>, path: PathBuf, writable: bool, fresh: Option<usize>) -> PyResult<Self> {
        let opened = detached(py, || {
            if let Some(dimensions) = fresh {
                vectors::VectorFile::create(&path, dimensions)
            } else {
                vectors::VectorFile::open(&path, writable)
            }
        })?;
        Ok(Self(Mutex::new(opened)))
    }

    #[getter]
    fn dimensions(&self) -> usize {
        self.lock().dimensions()
    }

    fn stamp(&self) -> String {
        self.lock().stamp().to_owned()
    }

    fn counts(&self) -> (usize, usize) {
        self.lock().counts()
    }

    fn append(
        &self,
        py: Python<'_>,
        content: &[u8],
        vectors: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<()> {
        let content = content_of(content)?;
        let dimensions = self.lock().dimensions();
        if vectors.shape()[1] != dimensions {
            return Err(PyValueError::new_err(format!(
                "the vectors must have {dimensions} dimensions"
            )));
        }
        let vectors = vectors.as_slice()?.to_vec();
        detached(py, || self.lock().append(&content, &vectors))
    }

    fn remove(&self, py: Python<'_>, contents: Vec<Vec<u8>>) -> PyResult<usize> {
        let contents = contents_of(contents)?;
        detached(py, || self.lock().remove(&contents))
    }

    fn commit(&self, py: Python<'_>, stamp: &str) -> PyResult<()> {
        detached(py, || self.lock().commit(stamp))
    }

    fn compacted(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || self.lock().compacted(&path))
    }

    fn contents<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyBytes>, usize)>> {
        let found = detached(py, || Ok(self.lock().contents()))?;
        Ok(found
            .into_iter()
            .map(|(content, number)| (PyBytes::new(py, &content), number))
            .collect())
    }

    #[pyo3(signature = (query, limit, *, among = None, threads = 0))]
    fn scan<'py>(
        &self,
        py: Python<'py>,
        query: PyReadonlyArray1<'_, f32>,
        limit: usize,
        among: Option<Vec<Vec<u8>>>,
        threads: usize,
    ) -> PyResult<Vec<RowTuple<'py>>> {
        let query = query.as_slice()?.to_vec();
        let among = among.map(contents_of).transpose()?;
        let found = detached(py, || {
            Ok(self
                .lock()
                .scan(&query, limit, among.as_ref(), thread_count(threads)))
        })?;
        Ok(found
            .into_iter()
            .map(|row| {
                (
                    row.row,
                    PyBytes::new(py, &row.content),
                    row.chunk,
                    row.score,
                )
            })
            .collect())
    }

    fn scores(
        &self,
        py: Python<'_>,
        query: PyReadonlyArray1<'_, f32>,
        rows: Vec<usize>,
    ) -> PyResult<Vec<f32>> {
        let query = query.as_slice()?.to_vec();
        let dimensions = self.lock().dimensions();
        if query.len() != dimensions {
            return Err(PyValueError::new_err(format!(
                "the query must have {dimensions} dimensions"
            )));
        }
        detached(py, || Ok(self.lock().scores(&query, &rows)))
    }

    fn vector<'py>(&self, py: Python<'py>, row: usize) -> Bound<'py, PyArray1<f32>> {
        PyArray1::from_vec(py, self.lock().vector(row))
    }

    fn rows_of(&self, py: Python<'_>, content: &[u8]) -> PyResult<Vec<usize>> {
        let content = content_of(content)?;
        detached(py, || Ok(self.lock().rows_of(&content)))
    }
}

// pictures -------------------------------------------------------------------------------------------------------------

fn likeness_of(bytes: &[u8]) -> PyResult<Likeness> {
    let bytes: &[u8; HASH_BYTES] = bytes
        .try_into()
        .map_err(|_| PyValueError::new_err("a hash has 32 bytes"))?;
    Ok(likeness::from_bytes(bytes))
}

fn likenesses_of(all: Vec<Vec<u8>>) -> PyResult<Vec<Likeness>> {
    all.iter().map(|bytes| likeness_of(bytes)).collect()
}

#[pyfunction]
fn likeness_hash<'py>(
    py: Python<'py>,
    pixels: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let pixels = pixels_of(pixels)?;
    let hash = detached(py, || image::likeness_from_pixels(pixels))?;
    Ok(PyBytes::new(py, &hash))
}

#[pyfunction]
fn likeness_pairs(
    py: Python<'_>,
    hashes: Vec<Vec<u8>>,
    most: u32,
    most_low: u32,
) -> PyResult<Vec<(usize, usize, u32, u32)>> {
    let hashes = likenesses_of(hashes)?;
    detached(py, || {
        Ok(likeness::alike(&hashes, most, most_low, thread_count(0))) as Result<_>
    })
}

#[pyfunction]
fn likeness_distances(py: Python<'_>, hash: &[u8], others: Vec<Vec<u8>>) -> PyResult<Vec<u32>> {
    let hash = likeness_of(hash)?;
    let others = likenesses_of(others)?;
    detached(py, || Ok(likeness::distances(&hash, &others)))
}
