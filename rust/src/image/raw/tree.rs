//! Raw files made of TIFF directories: the chain from the first one, and what hangs from its tags.

use std::collections::{HashSet, VecDeque};

use super::{Contents, Preview, notes};
use crate::image::tiff::{self, Directory, Endian, tag};

const SUB_DIRECTORIES: u16 = 330;
const EXIF: u16 = 34_665;
const MAKER_NOTE: u16 = 37_500;
const DNG_VERSION: u16 = 50_706;
/// Panasonic: a whole JPEG file.
const JPEG_FROM_RAW: u16 = 0x2e;

/// No camera writes more; a damaged file could say it has millions.
const MAX_DIRECTORIES: usize = 64;
/// Most directories that one tag leads to.
const MAX_CHILDREN: usize = 16;

/// Samples as a colour filter array gave them, and the same after interpolation (TIFF/EP, DNG).
const PHOTOMETRIC_RAW: [u64; 2] = [32_803, 34_892];
/// Compressions that only raw samples have: Sony, Samsung, Nikon, Pentax.
const COMPRESSION_RAW: [u64; 6] = [32_767, 32_769, 32_770, 34_713, 34_892, 65_535];

fn endian(data: &[u8]) -> Endian {
    match data.first() {
        Some(b'I') => Endian::Little,
        _ => Endian::Big,
    }
}

/// All directories of a TIFF, each once, the first one first.
fn directories(data: &[u8]) -> Vec<Directory<'_>> {
    let endian = endian(data);
    let first = data.get(4..8).map_or(0, |bytes| endian.number(bytes));
    let mut waiting = VecDeque::from([first]);
    let mut seen = HashSet::from([0]);
    let mut found = Vec::new();
    while let Some(offset) = waiting.pop_front() {
        if found.len() == MAX_DIRECTORIES {
            break;
        }
        if !seen.insert(offset) {
            continue;
        }
        let Some(directory) = Directory::at(data, endian, offset) else {
            continue;
        };
        waiting.push_back(directory.next);
        for tag in [SUB_DIRECTORIES, EXIF] {
            waiting.extend(offsets(&directory, tag));
        }
        found.push(directory);
    }
    found
}

fn offsets(directory: &Directory<'_>, tag: u16) -> Vec<u64> {
    let bytes = directory.bytes(tag).unwrap_or_default();
    let numbers = bytes.chunks_exact(4).take(MAX_CHILDREN);
    numbers
        .map(|bytes| directory.endian.number(bytes))
        .collect()
}

/// Whether a TIFF holds raw samples. BigTIFF, which no camera writes, is laid out otherwise and does not.
pub fn is_raw(data: &[u8]) -> bool {
    let version = data.get(2..4).map(|bytes| endian(data).number(bytes));
    let is_camera =
        |directory: &Directory<'_>| directory.has(DNG_VERSION) || has_raw_samples(directory);
    version == Some(42) && directories(data).iter().any(is_camera)
}

fn has_raw_samples(directory: &Directory<'_>) -> bool {
    PHOTOMETRIC_RAW.contains(&directory.number_or(tag::PHOTOMETRIC, 0))
        || COMPRESSION_RAW.contains(&directory.number_or(tag::COMPRESSION, 0))
}

/// The previews of a raw file that is built as a TIFF.
pub fn contents(data: &[u8]) -> Contents<'_> {
    let directories = directories(data);
    let mut contents = Contents {
        orientation: directories.first().and_then(tiff::stated_orientation),
        ..Contents::default()
    };
    for directory in directories {
        let found = jpegs(&directory);
        let is_picture = found.is_empty() && is_shown(&directory);
        let stated = tiff::stated_orientation(&directory);
        contents
            .previews
            .extend(found.into_iter().map(|preview| preview.or_turned(stated)));
        if let Some(place) = directory.place(MAKER_NOTE) {
            contents
                .previews
                .extend(notes::previews(data, directory.endian, place));
        }
        if is_picture {
            contents.others.push(directory);
        }
    }
    contents
}

/// The JPEGs that a directory points to.
fn jpegs<'data>(directory: &Directory<'data>) -> Vec<Preview<'data>> {
    if has_raw_samples(directory) {
        return Vec::new();
    }
    let whole = directory.bytes(JPEG_FROM_RAW).and_then(Preview::new);
    [whole, interchange(directory), single_strip(directory)]
        .into_iter()
        .flatten()
        .collect()
}

/// The JPEG at the offset and of the length that two tags name.
pub fn interchange<'data>(directory: &Directory<'data>) -> Option<Preview<'data>> {
    let offset = directory.number_or(tag::JPEG_INTERCHANGE, 0);
    let length = directory.number_or(tag::JPEG_INTERCHANGE_LENGTH, u64::MAX);
    Preview::new(directory.slice_up_to(offset, length))
}

/// The only strip, when that is a JPEG file of its own.
fn single_strip<'data>(directory: &Directory<'data>) -> Option<Preview<'data>> {
    let (_, bytes) = directory.place(tag::STRIP_OFFSETS)?;
    if bytes > 4 || !matches!(directory.number_or(tag::COMPRESSION, 0), 6 | 7) {
        return None;
    }
    let offset = directory.number_or(tag::STRIP_OFFSETS, 0);
    let length = directory.number_or(tag::STRIP_BYTE_COUNTS, u64::MAX);
    Preview::new(directory.slice_up_to(offset, length))
}

/// Whether a directory holds a picture of ordinary 8-bit RGB or YCbCr.
fn is_shown(directory: &Directory<'_>) -> bool {
    let depths = directory.bytes(tag::BITS_PER_SAMPLE).unwrap_or_default();
    let mut depths = depths.chunks_exact(2);
    let is_colour = matches!(directory.number_or(tag::PHOTOMETRIC, 0), 2 | 6);
    is_colour
        && !has_raw_samples(directory)
        && depths.len() == 3
        && depths.all(|depth| directory.endian.number(depth) == 8)
        && tiff::size(directory).is_ok()
}
