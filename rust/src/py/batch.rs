//! Binding of the batch: an iterator over what comes of many pictures.

use std::collections::HashMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyIterator;

use super::TICK;
use super::image::{SpecTuple, Thumbnail, specs};
use crate::image::{self, Batch, Limits, Waited};
use crate::parallel::thread_count;

/// Add the function and the class to the module.
pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<ThumbnailBatch>()?;
    m.add_function(wrap_pyfunction!(thumbnail_batch, m)?)
}

/// The iterator. It takes paths from the caller's iterable only as threads get free for them.
#[pyclass(module = "pillion._core")]
struct ThumbnailBatch {
    /// None once it has ended or was interrupted.
    batch: Option<Batch>,
    /// None once it is exhausted.
    paths: Option<Py<PyIterator>>,
    /// The caller's own path objects of what is in flight, by number.
    in_flight: HashMap<u64, Py<PyAny>>,
    next_number: u64,
}

#[pymethods]
impl ThumbnailBatch {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
        let next = self.next(py);
        if !matches!(next, Ok(Some(_))) {
            self.close(py);
        }
        next
    }

    /// Stop: each thread ends the picture it is at; what was not handed out is dropped.
    fn close(&mut self, py: Python<'_>) {
        let batch = self.batch.take();
        py.detach(|| drop(batch));
        self.paths = None;
        self.in_flight.clear();
    }
}

impl ThumbnailBatch {
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<(Py<PyAny>, Py<PyAny>)>> {
        self.feed(py)?;
        let Some(batch) = self.batch.as_ref().filter(|_| !self.in_flight.is_empty()) else {
            return Ok(None);
        };
        let (number, made) = loop {
            match py.detach(|| batch.wait(TICK))? {
                Waited::Done(outcome) => break outcome,
                Waited::NotYet => py.check_signals()?,
            }
        };
        py.check_signals()?;
        let Some(path) = self.in_flight.remove(&number) else {
            return Ok(None);
        };
        let made = match made {
            Ok(made) => Thumbnail::wrap(py, made).into_pyobject(py)?.unbind(),
            Err(error) => PyErr::from(error).into_value(py).into_any(),
        };
        Ok(Some((path, made)))
    }

    /// Give the threads work up to the capacity.
    fn feed(&mut self, py: Python<'_>) -> PyResult<()> {
        let (Some(batch), Some(paths)) = (&self.batch, &self.paths) else {
            return Ok(());
        };
        let mut paths = paths.bind(py).clone();
        while self.in_flight.len() < batch.capacity() {
            let Some(path) = paths.next().transpose()? else {
                self.paths = None;
                return Ok(());
            };
            batch.give(self.next_number, path.extract::<PathBuf>()?);
            self.in_flight.insert(self.next_number, path.unbind());
            self.next_number += 1;
        }
        Ok(())
    }
}

#[pyfunction]
#[pyo3(signature = (
    paths, specs, *, threads = 0, max_pixels = 268_435_456, method = image::DEFAULT_METHOD
))]
fn thumbnail_batch(
    paths: &Bound<'_, PyAny>,
    specs: Vec<SpecTuple>,
    threads: usize,
    max_pixels: u64,
    method: u8,
) -> PyResult<ThumbnailBatch> {
    let specs = self::specs(specs, method)?;
    let paths = paths.try_iter()?.unbind();
    let limits = Limits::with_max_pixels(max_pixels);
    Ok(ThumbnailBatch {
        batch: Some(Batch::start(thread_count(threads), specs, limits)?),
        paths: Some(paths),
        in_flight: HashMap::new(),
        next_number: 0,
    })
}
