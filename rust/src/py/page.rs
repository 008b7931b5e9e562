//! Bindings of what OCR asks about pages: the look, level ground, straight lines. Pictures are gray, two dimensions.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::detached;
use crate::image::{self, GrayBuf};

/// Add the functions and classes to the module.
pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Look>()?;
    m.add_function(wrap_pyfunction!(look, m)?)?;
    m.add_function(wrap_pyfunction!(levelled, m)?)?;
    m.add_function(wrap_pyfunction!(warped, m)?)?;
    Ok(())
}

/// What a look at a picture found.
#[pyclass(frozen, module = "pillion._core")]
struct Look(image::Look);

#[pymethods]
impl Look {
    #[getter]
    fn is_paper(&self) -> bool {
        self.0.is_paper()
    }

    #[getter]
    fn print(&self) -> f32 {
        self.0.print
    }

    #[getter]
    fn density(&self) -> f32 {
        self.0.density
    }

    #[getter]
    fn skew(&self) -> f32 {
        self.0.skew.degrees
    }

    #[getter]
    fn sideways(&self) -> bool {
        self.0.skew.sideways
    }

    #[getter]
    fn uneven(&self) -> f32 {
        self.0.uneven
    }

    #[getter]
    fn area(&self) -> (usize, usize, usize, usize) {
        self.0.area.into()
    }

    fn __repr__(&self) -> String {
        let kind = if self.0.is_paper() {
            "paper"
        } else {
            "photograph"
        };
        let skew = self.0.skew;
        format!(
            "Look({kind}, print {:.2}, skew {:.2})",
            self.0.print, skew.degrees
        )
    }
}

/// A copy of the array: another thread may write to it once the interpreter is let go.
pub(super) fn copied(array: &PyReadonlyArray2<'_, u8>) -> PyResult<GrayBuf> {
    let (height, width) = (array.shape()[0], array.shape()[1]);
    if width == 0 || height == 0 || width.max(height) > usize::from(u16::MAX) * 16 {
        return Err(PyValueError::new_err(
            "a picture must have 1 to 1,000,000 rows and columns",
        ));
    }
    let data = array.as_slice()?.to_vec();
    Ok(GrayBuf {
        width,
        height,
        data,
    })
}

fn array_of(py: Python<'_>, gray: GrayBuf) -> PyResult<Bound<'_, PyArray2<u8>>> {
    PyArray1::from_vec(py, gray.data).reshape([gray.height, gray.width])
}

#[pyfunction]
fn look(py: Python<'_>, gray: PyReadonlyArray2<'_, u8>) -> PyResult<Look> {
    let gray = copied(&gray)?;
    detached(py, || Ok(image::look(gray.as_gray()))).map(Look)
}

#[pyfunction]
fn levelled<'py>(
    py: Python<'py>,
    gray: PyReadonlyArray2<'py, u8>,
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let gray = copied(&gray)?;
    let even = detached(py, || Ok(image::levelled(gray.as_gray())))?;
    array_of(py, even)
}

#[pyfunction]
#[pyo3(signature = (gray, map, size, *, ground = 255))]
fn warped<'py>(
    py: Python<'py>,
    gray: PyReadonlyArray2<'py, u8>,
    map: [f64; 8],
    size: (usize, usize),
    ground: u8,
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let (height, width) = size;
    if width
        .checked_mul(height)
        .is_none_or(|pixels| pixels == 0 || pixels > 1 << 28)
    {
        return Err(PyValueError::new_err(
            "the size must be 1 to 268,435,456 pixels",
        ));
    }
    let gray = copied(&gray)?;
    let made = detached(py, || {
        Ok(image::warped(gray.as_gray(), &map, width, height, ground))
    })?;
    array_of(py, made)
}
