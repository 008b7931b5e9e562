//! Bindings of what OCR asks about pages: the look, level ground, straight lines. Pictures are gray, two dimensions.

use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::detached;
use crate::guard::catch;
use crate::image::{self, Gray, GrayBuf};

/// Add the functions and classes to the module.
pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Look>()?;
    m.add_function(wrap_pyfunction!(look, m)?)?;
    m.add_function(wrap_pyfunction!(luma, m)?)?;
    m.add_function(wrap_pyfunction!(gray_histogram, m)?)?;
    m.add_function(wrap_pyfunction!(binarised, m)?)?;
    m.add_function(wrap_pyfunction!(print_of, m)?)?;
    m.add_function(wrap_pyfunction!(rulings, m)?)?;
    m.add_function(wrap_pyfunction!(levelled, m)?)?;
    m.add_function(wrap_pyfunction!(enlarged, m)?)?;
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

/// The array where it lies, for work that does not let the interpreter go: memory for a copy costs as much as to read
/// the picture once.
fn borrowed<'a>(array: &'a PyReadonlyArray2<'_, u8>) -> PyResult<Gray<'a>> {
    let (height, width) = (array.shape()[0], array.shape()[1]);
    Gray::new(width, height, array.as_slice()?)
        .ok_or_else(|| PyValueError::new_err("a picture must have rows and columns"))
}

/// Run work of a few milliseconds without letting the interpreter go; panics become Python exceptions.
fn attached<T>(work: impl FnOnce() -> T) -> PyResult<T> {
    catch(|| Ok(work())).map_err(PyErr::from)
}

fn array_of(py: Python<'_>, gray: GrayBuf) -> PyResult<Bound<'_, PyArray2<u8>>> {
    PyArray1::from_vec(py, gray.data).reshape([gray.height, gray.width])
}

#[pyfunction]
fn look(py: Python<'_>, gray: PyReadonlyArray2<'_, u8>) -> PyResult<Look> {
    let gray = borrowed(&gray)?;
    let small = attached(|| image::Glance::of(gray))?;
    detached(py, || Ok(small.look())).map(Look)
}

#[pyfunction]
fn luma<'py>(
    py: Python<'py>,
    pixels: PyReadonlyArray3<'py, u8>,
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let [height, width, channels] = *pixels.shape() else {
        return Err(PyValueError::new_err("pixels must have three dimensions"));
    };
    let values = pixels.as_slice()?;
    let gray = match channels {
        3 => attached(|| image::luma::<3>(values))?,
        4 => attached(|| image::luma::<4>(values))?,
        _ => {
            return Err(PyValueError::new_err("pixels must have 3 or 4 channels"));
        }
    };
    PyArray1::from_vec(py, gray).reshape([height, width])
}

#[pyfunction]
fn gray_histogram<'py>(
    py: Python<'py>,
    gray: PyReadonlyArray2<'py, u8>,
) -> PyResult<Bound<'py, PyArray1<u32>>> {
    let gray = borrowed(&gray)?;
    let counts = attached(|| image::histogram(gray, 1))?;
    Ok(PyArray1::from_slice(py, &counts))
}

#[pyfunction]
fn binarised<'py>(
    py: Python<'py>,
    gray: PyReadonlyArray2<'py, u8>,
) -> PyResult<(usize, Bound<'py, PyBytes>)> {
    let gray = borrowed(&gray)?;
    let (stride, bits) = attached(|| image::binarised(gray))?;
    Ok((stride, PyBytes::new(py, &bits)))
}

type Mask<'py> = Bound<'py, PyArray2<bool>>;

#[pyfunction]
fn print_of<'py>(
    py: Python<'py>,
    gray: PyReadonlyArray2<'py, u8>,
) -> PyResult<(Mask<'py>, Mask<'py>, usize)> {
    let gray = copied(&gray)?;
    let found = detached(py, || Ok(image::print(gray.as_gray())))?;
    let size = [found.rows, found.columns];
    let ink = PyArray1::from_vec(py, found.ink).reshape(size.map(|side| side * image::TILE))?;
    let tiles = PyArray1::from_vec(py, found.tiles).reshape(size)?;
    Ok((ink, tiles, found.factor))
}

type Boxes<'py> = Bound<'py, PyArray2<f64>>;

#[pyfunction]
fn rulings<'py>(
    py: Python<'py>,
    gray: PyReadonlyArray2<'py, u8>,
    height: f64,
) -> PyResult<(Boxes<'py>, Boxes<'py>, u8)> {
    let gray = borrowed(&gray)?;
    let found = attached(|| image::rulings(gray, height))?;
    let boxes = |areas: Vec<[usize; 4]>| {
        let sides: Vec<f64> = areas
            .as_flattened()
            .iter()
            .map(|&side| side as f64)
            .collect();
        PyArray1::from_vec(py, sides).reshape([areas.len(), 4])
    };
    Ok((boxes(found.across)?, boxes(found.down)?, found.ground))
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
fn enlarged<'py>(
    py: Python<'py>,
    gray: PyReadonlyArray2<'py, u8>,
    size: (usize, usize),
) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let (height, width) = checked(size)?;
    let gray = copied(&gray)?;
    let made = detached(py, || Ok(image::enlarged(gray.as_gray(), width, height)))?;
    array_of(py, made)
}

/// The rows and columns of a picture to make. Raises `ValueError` for none, and for more pixels than a picture may have.
fn checked(size: (usize, usize)) -> PyResult<(usize, usize)> {
    let pixels = size.0.checked_mul(size.1);
    if pixels.is_none_or(|pixels| pixels == 0 || pixels > 1 << 28) {
        return Err(PyValueError::new_err(
            "the size must be 1 to 268,435,456 pixels",
        ));
    }
    Ok(size)
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
    let (height, width) = checked(size)?;
    let gray = copied(&gray)?;
    let made = detached(py, || {
        Ok(image::warped(gray.as_gray(), &map, width, height, ground))
    })?;
    array_of(py, made)
}
