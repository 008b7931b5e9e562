//! `pillion._core`: the only user of pyo3. Each binding extracts its arguments, detaches from the interpreter, calls
//! one function of the core and wraps what comes back.

mod batch;
mod files;
mod image;
mod lines;
mod page;
mod sandbox;
mod search;
mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

use crate::error::{CoreError, ErrorClass, Result};
use crate::guard::{catch, note_panics};

/// How often a long call looks for Ctrl-C and reports progress.
const TICK: Duration = Duration::from_millis(50);

#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    note_panics();
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add(
        "ERROR_CLASSES",
        ErrorClass::ALL.map(ErrorClass::as_str).to_vec(),
    )?;
    m.add("SUMS_INT8_EXACTLY", sums_int8_exactly())?;
    batch::register(m)?;
    files::register(m)?;
    image::register(m)?;
    lines::register(m)?;
    page::register(m)?;
    sandbox::register(m)?;
    search::register(m)?;
    watch::register(m)?;
    Ok(())
}

/// Whether libraries can multiply 8-bit numbers without cutting sums of two products to 16 bits, as the instructions
/// of x86 before VNNI do.
fn sums_int8_exactly() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        has!("avx512vnni") || has!("avxvnni")
    }
    #[cfg(not(target_arch = "x86_64"))]
    true
}

impl From<CoreError> for PyErr {
    /// The one way from a [`CoreError`] to Python: `pillion.errors.ItemError(class, message)`.
    fn from(error: CoreError) -> Self {
        static ITEM_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        Python::attach(
            |py| match ITEM_ERROR.import(py, "pillion.errors", "ItemError") {
                Ok(class) => Self::from_type(class.clone(), (error.class.as_str(), error.message)),
                Err(import_error) => import_error,
            },
        )
    }
}

/// Run short work detached from the interpreter; panics and errors become Python exceptions.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    py.detach(|| catch(work)).map_err(PyErr::from)
}

/// Run long work on a thread of its own, detached from the interpreter, and come back about every 50 ms to see to
/// signals and to call `progress`; `progress` is called once more at the end.
///
/// When a signal handler (Ctrl-C) or `progress` raises, `cancel` is set, the work is waited for, what it returned is
/// dropped, and that exception is raised. The work must look at `cancel` often enough to end within a second.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&AtomicBool) -> Result<T> + Send,
    progress: impl Fn(Python<'_>) -> PyResult<()> + Send + Sync,
) -> PyResult<T> {
    let cancel = AtomicBool::new(false);
    let tick = |py: Python<'_>| py.check_signals().and_then(|()| progress(py));
    let (outcome, raised) = py.detach(|| {
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::sync_channel(1);
            let cancel = &cancel;
            scope.spawn(move || {
                // The receiver outlives this thread: a failed send cannot happen.
                let _ = sender.send(catch(|| work(cancel)));
            });
            let mut raised = None;
            loop {
                match receiver.recv_timeout(TICK) {
                    Ok(outcome) => return (outcome, raised),
                    Err(RecvTimeoutError::Disconnected) => {
                        let lost = CoreError::new(ErrorClass::Crash, "a worker thread was lost");
                        return (Err(lost), raised);
                    }
                    Err(RecvTimeoutError::Timeout) if raised.is_none() => {
                        raised = Python::attach(tick).err();
                        cancel.store(raised.is_some(), Ordering::Relaxed);
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
        })
    });
    if let Some(error) = raised {
        return Err(error);
    }
    let value = outcome?;
    tick(py)?;
    Ok(value)
}
