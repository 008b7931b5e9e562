//! Bindings of the reading of lines with Tesseract's models.

use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::detached;
use super::page::copied;
use crate::lines::{Line, Model, Page};

/// Add the class to the module.
pub(super) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<LineModel>()
}

/// A model of Tesseract's, for lines of one language.
#[pyclass(frozen, module = "pillion._core")]
struct LineModel(Model);

type Word = (String, f32, [i32; 4]);

#[pymethods]
impl LineModel {
    #[new]
    fn new(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        detached(py, || Model::read(data)).map(Self)
    }

    fn read(
        &self,
        py: Python<'_>,
        gray: PyReadonlyArray2<'_, u8>,
        lines: PyReadonlyArray2<'_, i32>,
    ) -> PyResult<Vec<Vec<Word>>> {
        if lines.shape()[1] != 6 {
            return Err(PyValueError::new_err("lines must have the shape (n, 6)"));
        }
        let (rows, _) = lines.as_slice()?.as_chunks::<6>();
        let lines = rows
            .iter()
            .map(|&[left, top, right, bottom, above, below]| Line {
                area: [left, top, right, bottom],
                rows: [above, below],
            });
        let lines: Vec<_> = lines.collect();
        let gray = copied(&gray)?;
        detached(py, || {
            let page = Page {
                data: &gray.data,
                width: gray.width,
                height: gray.height,
            };
            let read = self.0.read_lines(page, &lines);
            let words = read.into_iter().map(|line| {
                let words = line
                    .into_iter()
                    .map(|word| (word.text, word.confidence, word.area));
                words.collect()
            });
            Ok(words.collect())
        })
    }
}
