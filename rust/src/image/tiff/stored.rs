//! How the samples are stored, as the directory says: compression, colour model, channels, depth.

use super::codec::Codec;
use super::colour::{Alpha, Model};
use super::directory::{Directory, tag};
use super::fax;
use super::samples::{Kind, Packing};
use super::{corrupt, unsupported};
use crate::error::Result;

/// How chunks are compressed.
pub fn codec(directory: &Directory<'_>, compression: u64) -> Result<Codec> {
    Ok(match compression {
        1 => Codec::None,
        2 => Codec::Fax(fax::Fax::ModifiedHuffman),
        3 => Codec::Fax(fax::Fax::Group3 {
            two_dimensional: directory.number_or(tag::T4_OPTIONS, 0) & 1 == 1,
        }),
        4 => Codec::Fax(fax::Fax::Group4),
        5 => Codec::Lzw,
        8 | 32_946 => Codec::Deflate,
        32_773 => Codec::PackBits,
        other => return Err(unsupported(format!("a TIFF of compression {other}"))),
    })
}

/// Samples of one pixel.
pub fn channels(directory: &Directory<'_>) -> Result<usize> {
    match directory.number_or(tag::SAMPLES_PER_PIXEL, 1) {
        count @ 1..=64 => Ok(count as usize),
        count => Err(unsupported(format!("a TIFF of {count} samples per pixel"))),
    }
}

/// The colour model, with its palette where it has one.
pub fn model(directory: &Directory<'_>) -> Result<Model> {
    Ok(match directory.number_or(tag::PHOTOMETRIC, 1) {
        0 => Model::WhiteIsZero,
        1 | 4 => Model::BlackIsZero,
        2 => Model::Rgb,
        3 => Model::Palette(palette(directory)?),
        5 => Model::Cmyk,
        6 => Model::YCbCr,
        8 => Model::Lab { offset: 0 },
        9 => Model::Lab { offset: 128 },
        other => return Err(unsupported(format!("a TIFF of colour model {other}"))),
    })
}

/// The colour map: all reds, all greens, all blues, 16 bits each.
fn palette(directory: &Directory<'_>) -> Result<Vec<[u8; 3]>> {
    let map = directory
        .numbers(tag::COLOR_MAP)
        .ok_or_else(|| corrupt("the TIFF lacks its palette"))?;
    let count = map.len() / 3;
    // Some writers stored 8-bit values.
    let shift = if map.iter().all(|&value| value < 256) {
        0
    } else {
        8
    };
    let colour =
        |index: usize| [0, count, 2 * count].map(|start| (map[start + index] >> shift) as u8);
    Ok((0..count).map(colour).collect())
}

/// What the sample behind the colours means.
pub fn alpha(directory: &Directory<'_>, channels: usize, model: &Model) -> Alpha {
    let extra = directory.numbers(tag::EXTRA_SAMPLES).unwrap_or_default();
    match extra.first() {
        Some(1) => Alpha::Associated,
        Some(2) => Alpha::Straight,
        // RGB of four samples without a word about the fourth: alpha in practice.
        None if *model == Model::Rgb && channels == 4 => Alpha::Straight,
        _ => Alpha::None,
    }
}

/// How samples lie in their rows.
pub fn packing(directory: &Directory<'_>, channels: usize, model: &Model) -> Result<Packing> {
    let depths = directory.numbers(tag::BITS_PER_SAMPLE).unwrap_or_default();
    let bits = depths.first().copied().unwrap_or(1);
    if depths.iter().any(|&depth| depth != bits) || !matches!(bits, 1..=16 | 32 | 64) {
        return Err(unsupported(format!("a TIFF of {depths:?} bits per sample")));
    }
    let kind = match directory.number_or(tag::SAMPLE_FORMAT, 1) {
        2 => Kind::Signed,
        3 if matches!(bits, 16 | 32 | 64) => Kind::Float,
        3 => return Err(unsupported(format!("a TIFF of {bits}-bit floats"))),
        _ => Kind::Unsigned,
    };
    let predictor = directory.number_or(tag::PREDICTOR, 1);
    Ok(Packing {
        bits: bits as usize,
        channels,
        kind,
        endian: directory.endian,
        predictor,
        raw: matches!(model, Model::Palette(_)),
    })
}
