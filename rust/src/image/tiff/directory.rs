//! The container: byte order and the tags of the first image file directory, of TIFF 6.0 and BigTIFF.

use std::collections::{HashMap, HashSet};

use crate::error::{CoreError, ErrorClass, Result};

/// Tags that are read, by their numbers in TIFF 6.0 and its supplements.
pub mod tag {
    #![allow(missing_docs)]
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const SUBFILE_TYPE: u16 = 255;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR_CONFIGURATION: u16 = 284;
    pub const T4_OPTIONS: u16 = 292;
    pub const PREDICTOR: u16 = 317;
    pub const COLOR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const JPEG_INTERCHANGE: u16 = 513;
    pub const JPEG_INTERCHANGE_LENGTH: u16 = 514;
    pub const JPEG_RESTART_INTERVAL: u16 = 515;
    pub const JPEG_QUANTISERS: u16 = 519;
    pub const JPEG_DC_TABLES: u16 = 520;
    pub const JPEG_AC_TABLES: u16 = 521;
    pub const ICC_PROFILE: u16 = 34_675;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    pub const REFERENCE_BLACK_WHITE: u16 = 532;
}

/// Order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    /// `II`.
    Little,
    /// `MM`.
    Big,
}

impl Endian {
    /// An unsigned number of up to eight bytes.
    pub fn number(self, bytes: &[u8]) -> u64 {
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, join),
            Self::Big => bytes.iter().fold(0, join),
        }
    }
}

/// Most directories that are followed; a scan has a few hundred pages, a damaged file could say it has millions.
const MAX_DIRECTORIES: usize = 10_000;

/// One directory: for each tag its type and where its values lie in the file.
pub struct Directory<'data> {
    data: &'data [u8],
    /// Byte order of every number in the file.
    pub endian: Endian,
    entries: HashMap<u16, Entry>,
    /// Where the directory after this one lies, 0 for the last.
    pub next: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    kind: u16,
    count: u64,
    offset: u64,
}

/// Sizes that differ between TIFF and BigTIFF, in bytes.
struct Shape {
    count_of_entries: usize,
    entry: usize,
    number: usize,
}

const CLASSIC: Shape = Shape {
    count_of_entries: 2,
    entry: 12,
    number: 4,
};
const BIG: Shape = Shape {
    count_of_entries: 8,
    entry: 20,
    number: 8,
};

impl<'data> Directory<'data> {
    /// The first directory.
    ///
    /// # Errors
    /// `corrupt` when it lies outside the file.
    pub fn first(data: &'data [u8]) -> Result<Self> {
        Self::parse(data)
            .ok_or_else(|| CoreError::new(ErrorClass::Corrupt, "the TIFF's directory is damaged"))
    }

    /// All directories of the chain, each once, in their order.
    ///
    /// # Errors
    /// `corrupt` when the first lies outside the file.
    pub fn chain(data: &'data [u8]) -> Result<Vec<Self>> {
        let mut found = vec![Self::first(data)?];
        let mut seen = HashSet::new();
        while let Some(last) = found.last() {
            let next = last.next;
            if next == 0 || !seen.insert(next) || found.len() == MAX_DIRECTORIES {
                break;
            }
            let shape = if is_big(data, last.endian) {
                &BIG
            } else {
                &CLASSIC
            };
            match Self::read(data, last.endian, shape, next) {
                Some(directory) => found.push(directory),
                None => break,
            }
        }
        Ok(found)
    }

    fn parse(data: &'data [u8]) -> Option<Self> {
        let endian = match data.get(..2)? {
            b"II" => Endian::Little,
            _ => Endian::Big,
        };
        let number = |at: usize, length: usize| -> Option<u64> {
            Some(endian.number(data.get(at..at.checked_add(length)?)?))
        };
        let (shape, first) = if is_big(data, endian) {
            (BIG, number(8, 8)?)
        } else {
            (CLASSIC, number(4, 4)?)
        };
        Self::read(data, endian, &shape, first)
    }

    /// The directory at an offset of `data`, of a file that is not BigTIFF.
    pub fn at(data: &'data [u8], endian: Endian, offset: u64) -> Option<Self> {
        Self::read(data, endian, &CLASSIC, offset)
    }

    fn read(data: &'data [u8], endian: Endian, shape: &Shape, offset: u64) -> Option<Self> {
        let number = |at: usize, length: usize| -> Option<u64> {
            Some(endian.number(data.get(at..at.checked_add(length)?)?))
        };
        let start = usize::try_from(offset).ok()?;
        let count = number(start, shape.count_of_entries)?;
        let mut at = start.checked_add(shape.count_of_entries)?;
        let mut entries = HashMap::new();
        for _ in 0..count {
            let value = at.checked_add(4 + shape.number)?;
            // A directory that the end of the file cuts off may have all that matters.
            let (Some(kind), Some(count)) = (number(at + 2, 2), number(at + 4, shape.number))
            else {
                break;
            };
            let kind = kind as u16;
            let inline = count
                .checked_mul(size_of_kind(kind))
                .is_some_and(|bytes| bytes <= shape.number as u64);
            let Some(there) = number(value, shape.number) else {
                break;
            };
            let offset = if inline { value as u64 } else { there };
            let entry = Entry {
                kind,
                count,
                offset,
            };
            entries.entry(number(at, 2)? as u16).or_insert(entry);
            at = at.checked_add(shape.entry)?;
        }
        Some(Self {
            data,
            endian,
            entries,
            next: number(at, shape.number).unwrap_or(0),
        })
    }

    /// Whether the directory has a tag.
    pub fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }

    /// Where the bytes of a tag's values lie: offset and length.
    pub fn place(&self, tag: u16) -> Option<(u64, u64)> {
        let entry = self.entries.get(&tag)?;
        let length = entry.count.checked_mul(size_of_kind(entry.kind))?;
        Some((entry.offset, length))
    }

    /// The bytes of a tag's values.
    pub fn bytes(&self, tag: u16) -> Option<&'data [u8]> {
        let (offset, length) = self.place(tag)?;
        self.slice(offset, length)
    }

    /// A part of the file.
    pub fn slice(&self, offset: u64, length: u64) -> Option<&'data [u8]> {
        let start = usize::try_from(offset).ok()?;
        let end = usize::try_from(offset.checked_add(length)?).ok()?;
        self.data.get(start..end)
    }

    /// A part of the file, cut at its end.
    pub fn slice_up_to(&self, offset: u64, length: u64) -> &'data [u8] {
        let end = self.data.len() as u64;
        let start = offset.min(end);
        let stop = offset.saturating_add(length).clamp(start, end);
        &self.data[start as usize..stop as usize]
    }

    /// A tag's values as unsigned numbers.
    pub fn numbers(&self, tag: u16) -> Option<Vec<u64>> {
        let size = match self.entries.get(&tag)?.kind {
            kind @ (1 | 3 | 4 | 6..=9 | 13 | 16..=18) => size_of_kind(kind) as usize,
            _ => return None,
        };
        let bytes = self.bytes(tag)?;
        let values = bytes.chunks_exact(size);
        Some(values.map(|value| self.endian.number(value)).collect())
    }

    /// A tag's first value, or `default` when it is not there.
    pub fn number_or(&self, tag: u16, default: u64) -> u64 {
        self.numbers(tag)
            .and_then(|values| values.first().copied())
            .unwrap_or(default)
    }

    /// A tag's value as a positive fraction, or float.
    pub fn fraction(&self, tag: u16) -> Option<f64> {
        let bytes = self.bytes(tag)?;
        let value = match self.entries.get(&tag)?.kind {
            5 => {
                let part = |range| Some(self.endian.number(bytes.get(range)?) as f64);
                part(0..4)? / part(4..8)?
            }
            11 => f32::from_bits(self.endian.number(bytes.get(..4)?) as u32).into(),
            12 => f64::from_bits(self.endian.number(bytes.get(..8)?)),
            _ => *self.numbers(tag)?.first()? as f64,
        };
        (value.is_finite() && value > 0.0).then_some(value)
    }

    /// A tag's values as fractions, of which one may be without a denominator.
    pub fn fractions(&self, tag: u16) -> Option<Vec<f64>> {
        let bytes = self.bytes(tag)?;
        if self.entries.get(&tag)?.kind != 5 {
            let numbers = self.numbers(tag)?;
            return Some(numbers.into_iter().map(|number| number as f64).collect());
        }
        let number = |part: &[u8]| self.endian.number(part) as f64;
        let pairs = bytes.chunks_exact(8);
        Some(
            pairs
                .map(|pair| number(&pair[..4]) / number(&pair[4..]))
                .collect(),
        )
    }

    /// A tag's first value as a size.
    ///
    /// # Errors
    /// `corrupt` when it is not there or larger than any size.
    pub fn size(&self, tag: u16, name: &str) -> Result<u32> {
        self.numbers(tag)
            .and_then(|values| u32::try_from(*values.first()?).ok())
            .ok_or_else(|| CoreError::new(ErrorClass::Corrupt, format!("the TIFF has no {name}")))
    }
}

fn is_big(data: &[u8], endian: Endian) -> bool {
    data.get(2..4)
        .is_some_and(|bytes| endian.number(bytes) == 43)
}

/// Bytes of one value of a TIFF type; unknown types are taken as bytes.
fn size_of_kind(kind: u16) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_and_distant_values_are_read() {
        let mut file = b"II*\0\x08\0\0\0\x02\0".to_vec();
        file.extend(b"\0\x01\x03\0\x01\0\0\0\x07\0\0\0");
        file.extend(b"\x02\x01\x03\0\x03\0\0\0\x22\0\0\0");
        file.extend(b"\x08\0\x08\0\x09\0");
        let directory = Directory::first(&file).expect("whole");
        assert_eq!(directory.numbers(256), Some(vec![7]));
        assert_eq!(directory.numbers(258), Some(vec![8, 8, 9]));
        assert_eq!(directory.number_or(1000, 5), 5);
    }

    #[test]
    fn directories_and_values_outside_the_file_are_refused() {
        assert!(Directory::first(b"II*\0\xff\0\0\0").is_err());
        assert!(Directory::first(b"MM\0*\xff\xff\xff\xff").is_err());
        let mut file = b"II*\0\x08\0\0\0\x01\0".to_vec();
        file.extend(b"\0\x01\x03\0\xff\xff\xff\xff\x07\0\0\0");
        let directory = Directory::first(&file).expect("the entry is whole");
        assert_eq!(directory.numbers(256), None);
    }
}
