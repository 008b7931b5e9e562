//! Binding of watch.

use std::time::{Duration, Instant};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::detached;
use super::files::AnyPath;
use crate::ignores::Ignores;
use crate::watch::{Event, Limit, Rules, Watcher};

/// How often a waiting call looks for Ctrl-C.
const LOOK: Duration = Duration::from_secs(1);

/// A call with a longer timeout waits this long.
const LONGEST: f64 = 1e6;

pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyWatcher>()
}

#[pyclass(frozen, name = "Watcher", module = "pillion._core")]
struct PyWatcher(Watcher);

#[pymethods]
impl PyWatcher {
    #[new]
    #[pyo3(signature = (*, most_folders = None))]
    fn new(most_folders: Option<u64>) -> Self {
        Self(Watcher::new(most_folders.unwrap_or(u64::MAX)))
    }

    #[pyo3(signature = (number, root, *, ignore = Vec::new(), exclude = Vec::new(), hidden = false, system = false))]
    // One argument for each keyword of the Python function.
    #[allow(clippy::too_many_arguments)]
    fn add<'py>(
        &self,
        py: Python<'py>,
        number: u64,
        root: AnyPath,
        ignore: Vec<String>,
        mut exclude: Vec<Vec<u8>>,
        hidden: bool,
        system: bool,
    ) -> PyResult<(u64, Bound<'py, PyList>, Option<&'static str>)> {
        exclude.sort_unstable();
        let rules = Rules {
            ignores: Ignores::new(&ignore)?,
            hidden,
            system,
            exclude,
        };
        let added = detached(py, || self.0.add(number, &root.0, rules))?;
        let unwatched = added.unwatched.iter().map(|path| PyBytes::new(py, path));
        let limit = added.limit.map(|limit| match limit {
            Limit::Watches => "watches",
            Limit::Instances => "instances",
        });
        Ok((added.folders, PyList::new(py, unwatched)?, limit))
    }

    fn remove(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        detached(py, || {
            self.0.remove(number);
            Ok(())
        })
    }

    #[getter]
    fn folders(&self, py: Python<'_>) -> PyResult<u64> {
        detached(py, || Ok(self.0.folders()))
    }

    fn wake(&self) {
        self.0.wake();
    }

    fn next<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Bound<'py, PyList>> {
        if timeout.is_nan() || timeout < 0.0 {
            return Err(PyValueError::new_err(
                "the timeout must be seconds, at least 0",
            ));
        }
        let until = Instant::now() + Duration::from_secs_f64(timeout.min(LONGEST));
        let events: Vec<Event> = loop {
            let left = until.saturating_duration_since(Instant::now());
            let found = detached(py, || Ok(self.0.next(left.min(LOOK))))?;
            py.check_signals()?;
            match found {
                Some(events) => break events,
                None if left.is_zero() => break Vec::new(),
                None => {}
            }
        };
        PyList::new(
            py,
            events
                .iter()
                .map(|(number, path, what)| (*number, PyBytes::new(py, path), what.as_str())),
        )
    }

    fn __repr__(&self) -> String {
        "<Watcher>".to_owned()
    }
}
