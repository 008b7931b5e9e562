//! How the samples are stored, as the directory says: compression, colour model, channels, depth.

use super::codec::Codec;
use super::colour::{Alpha, Model};
use super::directory::{Directory, Endian, tag};
use super::fax;
use super::logluv::Form;
use super::samples::{Kind, Packing};
use super::{corrupt, unsupported};
use crate::error::Result;
use crate::image::pixels::Pixels;

/// Zlib again, as the PixTIFF library numbers it.
const PIX_TIFF: u64 = 50_013;

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
        8 | 32_946 | PIX_TIFF => Codec::Deflate,
        32_809 => Codec::ThunderScan,
        32_773 => Codec::PackBits,
        34_676 => Codec::Logarithms(match directory.number_or(tag::PHOTOMETRIC, 0) {
            LOG_LUV => Form::Planes,
            _ => Form::Grey,
        }),
        34_677 => Codec::Logarithms(Form::Packed),
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

/// Colour models of logarithmic samples: grey, and luminance with u' and v'.
const LOG_L: u64 = 32_844;
const LOG_LUV: u64 = 32_845;

/// The number of the colour model; what is usual, where the file does not say.
pub fn photometric(directory: &Directory<'_>) -> u64 {
    if let Some(&stated) = directory
        .numbers(tag::PHOTOMETRIC)
        .as_deref()
        .and_then(<[u64]>::first)
    {
        return stated;
    }
    let compression = directory.number_or(tag::COMPRESSION, 1);
    match (directory.number_or(tag::SAMPLES_PER_PIXEL, 1), compression) {
        (1, 2..=4) => 0,
        (1, _) if directory.has(tag::COLOR_MAP) => 3,
        (3, 6 | 7) => 6,
        (3.., _) => 2,
        _ => 1,
    }
}

/// The colour model, with its palette where it has one.
pub fn model(directory: &Directory<'_>) -> Result<Model> {
    Ok(match photometric(directory) {
        0 => Model::WhiteIsZero,
        1 | 4 | LOG_L => Model::BlackIsZero,
        2 | LOG_LUV => Model::Rgb,
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

/// What luma is black and white in YCbCr, and how far chroma reaches, where that is not all of their range.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    black: f32,
    luma: f32,
    chroma: f32,
}

/// The levels of a YCbCr picture that does not use the whole range, such as that of video.
pub fn levels(directory: &Directory<'_>) -> Option<Levels> {
    if photometric(directory) != 6 {
        return None;
    }
    let stated = directory.fractions(tag::REFERENCE_BLACK_WHITE)?;
    let &[black, white, middle, most, ..] = stated.as_slice() else {
        return None;
    };
    let (luma, chroma) = (255.0 / (white - black), 127.0 / (most - middle));
    let is_usual = black.abs() < 2.0 && (luma - 1.0).abs() < 0.02;
    let makes_sense = (0.5..2.0).contains(&luma) && (0.5..2.0).contains(&chroma);
    (makes_sense && !is_usual && (0.0..64.0).contains(&black)).then_some(Levels {
        black: black as f32,
        luma: luma as f32,
        chroma: chroma as f32,
    })
}

impl Levels {
    /// RGB pixels that were made of YCbCr as if it used the whole range.
    pub fn applied(self, mut pixels: Pixels) -> Pixels {
        for pixel in pixels.data.as_chunks_mut::<3>().0 {
            let [red, green, blue] = pixel.map(f32::from);
            let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
            let grey = (luma - self.black) * self.luma;
            *pixel = [red, green, blue]
                .map(|value| (grey + (value - luma) * self.chroma + 0.5).clamp(0.0, 255.0) as u8);
        }
        pixels
    }
}

/// How samples lie in their rows.
pub fn packing(
    directory: &Directory<'_>,
    codec: Codec,
    channels: usize,
    model: &Model,
) -> Result<Packing> {
    if let Codec::Logarithms(form) = codec {
        return Ok(Packing {
            bits: form.size() * 8,
            channels: 1,
            kind: Kind::Unsigned,
            endian: Endian::Big,
            predictor: 1,
            raw: false,
            span: None,
        });
    }
    let depths = directory.numbers(tag::BITS_PER_SAMPLE).unwrap_or_default();
    let bits = depths.first().copied().unwrap_or(1);
    if depths.iter().any(|&depth| depth != bits) || !matches!(bits, 1..=16 | 24 | 32 | 64) {
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
        span: None,
    })
}
