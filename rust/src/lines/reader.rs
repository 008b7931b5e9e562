//! The bytes of a model, read from front to back, and the parts of a `.traineddata` file.

use crate::error::{CoreError, ErrorClass, Result};

/// More entries than this no file of any version has.
const MAX_ENTRIES: u32 = 1000;

pub(super) fn corrupt(message: &str) -> CoreError {
    CoreError::new(
        ErrorClass::Corrupt,
        format!("a model of Tesseract: {message}"),
    )
}

pub(super) fn unsupported(message: &str) -> CoreError {
    CoreError::new(
        ErrorClass::Unsupported,
        format!("a model of Tesseract: {message}"),
    )
}

/// Little-endian numbers. Each function raises `corrupt` beyond the end.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (head, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| corrupt("it ends too early"))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or_else(|| corrupt("it ends too early"))?;
        self.0 = rest;
        Ok(*head)
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub fn i16(&mut self) -> Result<i16> {
        self.array().map(i16::from_le_bytes)
    }

    pub fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub fn f64(&mut self) -> Result<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// A size or number that must not be negative, nor above `limit`.
    pub fn size(&mut self, limit: usize) -> Result<usize> {
        usize::try_from(self.i32()?)
            .ok()
            .filter(|&size| size <= limit)
            .ok_or_else(|| corrupt("a size is beyond all bounds"))
    }

    /// A text with its length before it.
    pub fn text(&mut self) -> Result<&'a [u8]> {
        let length = self.size(1 << 16)?;
        self.bytes(length)
    }
}

/// The parts of a file that the recogniser of lines is made from, by their number in the file's table of offsets
/// (`TessdataType` in Tesseract's ccutil/tessdatamanager.h); empty where there is none.
pub(super) struct Parts<'a> {
    pub lstm: &'a [u8],
    pub punctuation: &'a [u8],
    pub words: &'a [u8],
    pub numbers: &'a [u8],
    pub characters: &'a [u8],
    pub codes: &'a [u8],
}

/// A file is a count, that many offsets (int64, -1 for none) from the file's begin, and the parts in the same order.
pub(super) fn parts(file: &[u8]) -> Result<Parts<'_>> {
    let mut reader = Reader(file);
    let count = reader.u32()?;
    if count > MAX_ENTRIES {
        return Err(unsupported("it is not little-endian, or no model"));
    }
    let offsets = (0..count)
        .map(|_| reader.i64())
        .collect::<Result<Vec<_>>>()?;
    let part = |number: usize| -> Result<&[u8]> {
        let Some(&start) = offsets.get(number).filter(|&&offset| offset >= 0) else {
            return Ok(&[]);
        };
        let end = offsets[number + 1..].iter().find(|&&offset| offset >= 0);
        let end = end.map_or(Ok(file.len()), |&end| usize::try_from(end));
        let start =
            usize::try_from(start).map_err(|_| corrupt("an offset is beyond all bounds"))?;
        let end = end.map_err(|_| corrupt("an offset is beyond all bounds"))?;
        file.get(start..end)
            .ok_or_else(|| corrupt("a part lies beyond its end"))
    };
    Ok(Parts {
        lstm: part(17)?,
        punctuation: part(18)?,
        words: part(19)?,
        numbers: part(20)?,
        characters: part(21)?,
        codes: part(22)?,
    })
}
