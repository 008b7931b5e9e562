//! Bindings of sandbox.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::detached;
use super::files::AnyPath;
use crate::sandbox::{self, Action, Call, Grant, Holds, Right, Test, calls};

pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(confine, m)?)?;
    m.add_function(wrap_pyfunction!(sandbox_support, m)?)
}

/// (Landlock's version, whether calls are filtered, what is missing).
type Answer = (i32, bool, String);

fn answer(holds: Holds) -> Answer {
    (holds.landlock, holds.filter, holds.missing)
}

#[pyfunction]
fn sandbox_support() -> Answer {
    answer(sandbox::support())
}

/// (call, action, tests); a test: (argument, mask, values, whether only these are allowed).
type NamedCall = (String, String, Vec<(u8, u32, Vec<u32>, bool)>);

#[pyfunction]
#[pyo3(signature = (grants, calls, newest))]
fn confine(
    py: Python<'_>,
    grants: Vec<(AnyPath, Vec<String>)>,
    calls: Vec<NamedCall>,
    newest: i32,
) -> PyResult<Answer> {
    let grants = grants
        .into_iter()
        .map(granted)
        .collect::<PyResult<Vec<_>>>()?;
    let mut here = Vec::with_capacity(calls.len());
    for call in calls {
        here.extend(numbered(call)?);
    }
    detached(py, || sandbox::confine(&grants, &here, newest)).map(answer)
}

fn granted((path, rights): (AnyPath, Vec<String>)) -> PyResult<Grant> {
    let rights = rights.iter().map(|name| {
        Right::named(name).ok_or_else(|| PyValueError::new_err(format!("no right '{name}'")))
    });
    Ok(Grant {
        path: path.0,
        rights: rights.collect::<PyResult<_>>()?,
    })
}

/// None for a call that this architecture does not have.
fn numbered((name, action, tests): NamedCall) -> PyResult<Option<Call>> {
    let unknown =
        || PyValueError::new_err(format!("no system call '{name}', or no action '{action}'"));
    let found = calls::number(&name).ok_or_else(unknown)?;
    let action = Action::named(&action).ok_or_else(unknown)?;
    if tests
        .iter()
        .any(|(argument, _, values, _)| *argument > 5 || values.len() > 9)
        || tests.len() > 9
    {
        return Err(PyValueError::new_err(format!("too many tests of '{name}'")));
    }
    let tests = tests
        .into_iter()
        .map(|(argument, mask, values, only)| Test {
            argument,
            mask,
            values,
            only,
        });
    Ok(found.map(|number| Call {
        number,
        action,
        tests: tests.collect(),
    }))
}
