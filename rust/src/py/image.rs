//! Bindings of the picture functions: formats, headers, thumbnails, pixels, hashes. The batch has a file of its own.

use std::path::PathBuf;

use numpy::{PyArray1, PyArray3, PyArrayMethods};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::detached;
use crate::error::Result;
use crate::image::{self, About, Format, Header, Layout, Limits, Pixels, Spec};

/// Add the functions and classes to the module.
pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<FormatInfo>()?;
    m.add_class::<ImageInfo>()?;
    m.add_class::<Thumbnail>()?;
    m.add_function(wrap_pyfunction!(formats, m)?)?;
    m.add_function(wrap_pyfunction!(image_format, m)?)?;
    m.add_function(wrap_pyfunction!(probe, m)?)?;
    m.add_function(wrap_pyfunction!(pages, m)?)?;
    m.add_function(wrap_pyfunction!(damage, m)?)?;
    m.add_function(wrap_pyfunction!(thumbnails, m)?)?;
    m.add_function(wrap_pyfunction!(thumbnails_from_pixels, m)?)?;
    m.add_function(wrap_pyfunction!(thumbnails_from_decoded, m)?)?;
    m.add_function(wrap_pyfunction!(decode, m)?)?;
    m.add_function(wrap_pyfunction!(srgb_from_pixels, m)?)?;
    m.add_function(wrap_pyfunction!(thumbhash, m)?)?;
    m.add_function(wrap_pyfunction!(thumbhash_pixels, m)?)?;
    Ok(())
}

/// A row of the table of formats.
#[pyclass(frozen, module = "pillion._core")]
struct FormatInfo(&'static About);

#[pymethods]
impl FormatInfo {
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name
    }

    #[getter]
    fn mime_types(&self) -> Vec<&'static str> {
        self.0.mime_types.to_vec()
    }

    #[getter]
    fn extensions(&self) -> Vec<&'static str> {
        self.0.extensions.to_vec()
    }

    #[getter]
    fn decoder(&self) -> &'static str {
        self.0.decoder
    }

    #[getter]
    fn alpha(&self) -> bool {
        self.0.alpha
    }

    #[getter]
    fn icc(&self) -> bool {
        self.0.icc
    }

    #[getter]
    fn note(&self) -> &'static str {
        self.0.note
    }

    fn __repr__(&self) -> String {
        format!("FormatInfo({}, by {})", self.0.name, self.0.decoder)
    }
}

/// What a picture's header says.
#[pyclass(frozen, module = "pillion._core")]
struct ImageInfo(Header);

#[pymethods]
impl ImageInfo {
    #[getter]
    fn format(&self) -> &'static str {
        self.0.format.name()
    }

    #[getter]
    fn width(&self) -> u32 {
        self.0.upright_size().0
    }

    #[getter]
    fn height(&self) -> u32 {
        self.0.upright_size().1
    }

    #[getter]
    fn orientation(&self) -> u8 {
        self.0.orientation.tag()
    }

    fn __repr__(&self) -> String {
        let (width, height) = self.0.upright_size();
        format!("ImageInfo({}, {width} x {height})", self.0.format.name())
    }
}

/// One thumbnail: its name, size and WebP file.
#[pyclass(frozen, module = "pillion._core")]
pub(super) struct Thumbnail {
    #[pyo3(get)]
    name: String,
    #[pyo3(get)]
    width: u32,
    #[pyo3(get)]
    height: u32,
    #[pyo3(get)]
    data: Py<PyBytes>,
    #[pyo3(get)]
    thumbhash: Py<PyBytes>,
    #[pyo3(get)]
    likeness: Py<PyBytes>,
    #[pyo3(get)]
    truncated: bool,
    #[pyo3(get)]
    damaged: bool,
}

#[pymethods]
impl Thumbnail {
    fn __repr__(&self) -> String {
        format!("Thumbnail({}, {} x {})", self.name, self.width, self.height)
    }
}

impl Thumbnail {
    pub(super) fn wrap(py: Python<'_>, made: Vec<image::Thumbnail>) -> Vec<Self> {
        let wrap_one = |thumbnail: image::Thumbnail| Self {
            name: thumbnail.name,
            width: thumbnail.width,
            height: thumbnail.height,
            data: PyBytes::new(py, &thumbnail.data).unbind(),
            thumbhash: PyBytes::new(py, &thumbnail.thumbhash).unbind(),
            likeness: PyBytes::new(py, &thumbnail.likeness).unbind(),
            truncated: thumbnail.truncated,
            damaged: thumbnail.damaged,
        };
        made.into_iter().map(wrap_one).collect()
    }
}

/// A file's path, or its contents.
#[derive(FromPyObject)]
enum Source {
    Contents(PyBackedBytes),
    Path(PathBuf),
}

impl Source {
    /// Call `work` with the contents, reading the file if there is one to read.
    fn with<T>(&self, work: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        match self {
            Self::Contents(data) => work(data),
            Self::Path(path) => work(&image::read_file(path)?),
        }
    }
}

/// (name, longest side, quality) or the same with a method.
#[derive(FromPyObject)]
pub(super) enum SpecTuple {
    WithMethod((String, u32, u8, u8)),
    Plain((String, u32, u8)),
}

/// Specs from Python; `method` is for those that name none.
pub(super) fn specs(specs: Vec<SpecTuple>, method: u8) -> PyResult<Vec<Spec>> {
    let check = |tuple: SpecTuple| {
        let (name, max_side, quality, method) = match tuple {
            SpecTuple::WithMethod(spec) => spec,
            SpecTuple::Plain((name, max_side, quality)) => (name, max_side, quality, method),
        };
        if max_side == 0 || quality > 100 || method > image::MAX_METHOD {
            let limit = image::MAX_METHOD;
            return Err(PyValueError::new_err(format!(
                "{name}: the longest side must be at least 1, the quality at most 100, the method at most {limit}"
            )));
        }
        Ok(Spec {
            name,
            max_side,
            quality,
            method,
        })
    };
    specs.into_iter().map(check).collect()
}

#[pyfunction]
fn formats() -> Vec<FormatInfo> {
    Format::ALL.map(|format| FormatInfo(format.about())).into()
}

#[pyfunction]
fn image_format(py: Python<'_>, source: Source) -> PyResult<Option<&'static str>> {
    let found = detached(py, || source.with(|data| Ok(Format::sniff(data))))?;
    Ok(found.map(Format::name))
}

#[pyfunction]
#[pyo3(signature = (source, *, page = 0))]
fn probe(py: Python<'_>, source: Source, page: usize) -> PyResult<ImageInfo> {
    detached(py, || source.with(|data| image::probe(data, page))).map(ImageInfo)
}

#[pyfunction]
fn pages(py: Python<'_>, source: Source) -> PyResult<Vec<usize>> {
    detached(py, || source.with(image::pages))
}

#[pyfunction]
#[pyo3(signature = (source, *, page = 0, max_pixels = 268_435_456))]
fn damage(
    py: Python<'_>,
    source: Source,
    page: usize,
    max_pixels: u64,
) -> PyResult<Option<String>> {
    let limits = Limits::with_max_pixels(max_pixels);
    detached(py, || {
        source.with(|data| image::damage(data, page, &limits))
    })
}

#[pyfunction]
#[pyo3(name = "thumbnails", signature = (source, specs, *, max_pixels = 268_435_456, method = image::DEFAULT_METHOD))]
fn thumbnails(
    py: Python<'_>,
    source: Source,
    specs: Vec<SpecTuple>,
    max_pixels: u64,
    method: u8,
) -> PyResult<Vec<Thumbnail>> {
    let specs = self::specs(specs, method)?;
    let limits = Limits::with_max_pixels(max_pixels);
    let made = detached(py, || {
        source.with(|data| image::thumbnails(data, &specs, &limits))
    })?;
    Ok(Thumbnail::wrap(py, made))
}

#[pyfunction]
#[pyo3(signature = (pixels, specs, *, method = image::DEFAULT_METHOD))]
fn thumbnails_from_pixels(
    py: Python<'_>,
    pixels: &Bound<'_, PyAny>,
    specs: Vec<SpecTuple>,
    method: u8,
) -> PyResult<Vec<Thumbnail>> {
    let specs = self::specs(specs, method)?;
    let pixels = pixels_of(pixels)?;
    let made = detached(py, || image::thumbnails_from_pixels(pixels, &specs))?;
    Ok(Thumbnail::wrap(py, made))
}

#[pyfunction]
#[pyo3(signature = (
    pixels, specs, *, icc = None, cicp = None, max_side = None, method = image::DEFAULT_METHOD, damaged = false
))]
#[allow(clippy::too_many_arguments)] // keywords in Python
fn thumbnails_from_decoded(
    py: Python<'_>,
    pixels: &Bound<'_, PyAny>,
    specs: Vec<SpecTuple>,
    icc: Option<PyBackedBytes>,
    cicp: Option<(u8, u8)>,
    max_side: Option<u32>,
    method: u8,
    damaged: bool,
) -> PyResult<Vec<Thumbnail>> {
    let specs = self::specs(specs, method)?;
    let max_side = checked_side(max_side)?;
    let pixels = pixels_of(pixels)?;
    let made = detached(py, || {
        let pixels = image::srgb_from_pixels(pixels, icc.as_deref(), cicp, max_side)?;
        image::thumbnails_from_pixels(pixels, &specs)
    })?;
    let mark = |thumbnail| image::Thumbnail {
        damaged,
        ..thumbnail
    };
    Ok(Thumbnail::wrap(py, made.into_iter().map(mark).collect()))
}

fn checked_side(max_side: Option<u32>) -> PyResult<Option<u32>> {
    match max_side {
        Some(0) => Err(PyValueError::new_err("max_side must be at least 1")),
        _ => Ok(max_side),
    }
}

/// A copy of the array or other buffer: another thread may write to it once the interpreter is let go.
pub(super) fn pixels_of(source: &Bound<'_, PyAny>) -> PyResult<Pixels> {
    let buffer: PyBuffer<u8> = PyBuffer::get(source)
        .map_err(|_| PyTypeError::new_err("pixels must be an array or buffer of unsigned bytes"))?;
    let &[height, width, channels] = buffer.shape() else {
        return Err(PyValueError::new_err(
            "pixels must have rows, columns and channels",
        ));
    };
    if !buffer.is_c_contiguous() {
        return Err(PyValueError::new_err(
            "pixels must be contiguous, row by row",
        ));
    }
    let layout = match channels {
        3 => Layout::Rgb,
        4 => Layout::Rgba,
        _ => return Err(PyValueError::new_err("pixels must have 3 or 4 channels")),
    };
    let side = |length: usize| match u32::try_from(length) {
        Ok(length) if length > 0 => Ok(length),
        _ => Err(PyValueError::new_err(
            "pixels must have 1 to 2**32 - 1 rows and columns",
        )),
    };
    Ok(Pixels {
        width: side(width)?,
        height: side(height)?,
        layout,
        data: buffer.to_vec(source.py())?,
    })
}

#[pyfunction]
#[pyo3(signature = (source, *, max_side = None, max_pixels = 268_435_456, page = 0))]
fn decode(
    py: Python<'_>,
    source: Source,
    max_side: Option<u32>,
    max_pixels: u64,
    page: usize,
) -> PyResult<Bound<'_, PyArray3<u8>>> {
    let max_side = checked_side(max_side)?;
    let limits = Limits::with_max_pixels(max_pixels);
    let pixels = detached(py, || {
        source.with(|data| image::decode_page(data, page, max_side, &limits))
    })?;
    array_of(py, pixels)
}

#[pyfunction]
#[pyo3(signature = (pixels, *, icc = None, cicp = None, max_side = None))]
fn srgb_from_pixels<'py>(
    py: Python<'py>,
    pixels: &Bound<'py, PyAny>,
    icc: Option<PyBackedBytes>,
    cicp: Option<(u8, u8)>,
    max_side: Option<u32>,
) -> PyResult<Bound<'py, PyArray3<u8>>> {
    let max_side = checked_side(max_side)?;
    let pixels = pixels_of(pixels)?;
    let pixels = detached(py, || {
        image::srgb_from_pixels(pixels, icc.as_deref(), cicp, max_side)
    })?;
    array_of(py, pixels)
}

/// The pixels as an array of rows, columns and channels.
fn array_of(py: Python<'_>, pixels: Pixels) -> PyResult<Bound<'_, PyArray3<u8>>> {
    let shape = [
        pixels.height as usize,
        pixels.width as usize,
        pixels.layout.channels(),
    ];
    PyArray1::from_vec(py, pixels.data).reshape(shape)
}

#[pyfunction]
#[pyo3(signature = (source, *, max_pixels = 268_435_456))]
fn thumbhash<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    max_pixels: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let limits = Limits::with_max_pixels(max_pixels);
    let hash = match source.extract::<Source>() {
        Ok(file) => detached(py, || file.with(|data| image::thumbhash(data, &limits))),
        Err(_) => {
            let pixels = pixels_of(source)?;
            detached(py, || image::thumbhash_from_pixels(pixels))
        }
    }?;
    Ok(PyBytes::new(py, &hash))
}

#[pyfunction]
fn thumbhash_pixels<'py>(py: Python<'py>, hash: &[u8]) -> PyResult<Bound<'py, PyArray3<u8>>> {
    match detached(py, || Ok(image::thumbhash_pixels(hash)))? {
        Some(pixels) => array_of(py, pixels),
        None => Err(PyValueError::new_err("these bytes are no ThumbHash")),
    }
}
