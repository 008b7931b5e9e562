//! JPEG inside TIFF by technical note 2 (compression 7). The old style of TIFF 6.0 is in `old_jpeg`.

use super::colour::{self, Alpha, Model};
use super::directory::{Directory, tag};
use super::grid::Grid;
use super::{corrupt, stored, unsupported};
use crate::error::Result;
use crate::image::memory::Limits;
use crate::image::pixels::{Layout, Pixels};
use crate::image::{Want, jpeg, jxl, webp};

/// An APP14 segment saying that the components are what they are, for libjpeg takes three unnamed ones for YCbCr.
pub const ADOBE_RGB: &[u8] = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";

/// Start of image.
pub const SOI: &[u8] = b"\xff\xd8";

/// End of image.
pub const EOI: &[u8] = b"\xff\xd9";

/// Decode a picture whose strips or tiles are JPEG streams with common tables; whether one of them ends early.
pub fn decode(directory: &Directory<'_>, grid: &Grid, limits: &Limits) -> Result<(Pixels, bool)> {
    if directory.number_or(tag::PLANAR_CONFIGURATION, 1) == 2 && stored::channels(directory)? > 1 {
        return Err(unsupported("a TIFF of JPEG-compressed planes"));
    }
    let tables = directory.bytes(tag::JPEG_TABLES).unwrap_or_default();
    let tables = tables.strip_prefix(SOI).unwrap_or(tables);
    let tables = tables.strip_suffix(EOI).unwrap_or(tables);
    let model = stored::model(directory)?;
    let adobe = if model == Model::YCbCr {
        b""
    } else {
        ADOBE_RGB
    };
    let mut whole: Option<Pixels> = None;
    let mut truncated = false;
    for index in 0..grid.count() {
        let chunk = grid.chunk(directory, 0, index)?;
        if chunk.is_blank {
            continue;
        }
        let body = chunk.data.strip_prefix(SOI);
        let body = body.ok_or_else(|| corrupt("a strip of the TIFF is not a JPEG"))?;
        let stream = [SOI, adobe, tables, body].concat();
        let part = jpeg::decode(&stream, Want::Full, limits)?;
        truncated |= part.truncated;
        let mut part = part.raster;
        if part.layout == Layout::Cmyk {
            // In TIFF 0 is no ink, also here; Adobe's way is that of JPEG files (TIFF 6.0, section 16).
            for ink in &mut part.data {
                *ink = 255 - *ink;
            }
        }
        let whole = match &mut whole {
            Some(whole) => whole,
            None => whole.insert(blank((grid.width, grid.height), part.layout, limits)?),
        };
        paste(&part, whole, chunk.left, chunk.top)?;
    }
    let whole = whole.ok_or_else(|| corrupt("the TIFF has no strips"))?;
    Ok((coloured(directory, whole, &model, limits)?, truncated))
}

/// Decode a picture whose strips or tiles are files of their own, WebP (compression 50001) or JPEG XL (50002).
pub fn decode_embedded(
    directory: &Directory<'_>,
    grid: &Grid,
    limits: &Limits,
) -> Result<(Pixels, bool)> {
    let mut whole = None;
    let mut truncated = false;
    for index in 0..grid.count() {
        let chunk = grid.chunk(directory, 0, index)?;
        if chunk.is_blank {
            continue;
        }
        let part = match directory.number_or(tag::COMPRESSION, 0) {
            50_001 => webp::decode(chunk.data, Want::Full, limits)?,
            _ => jxl::decode(chunk.data, limits)?,
        };
        truncated |= part.truncated;
        let part = part.raster;
        let whole = match &mut whole {
            Some(whole) => whole,
            None => whole.insert(blank((grid.width, grid.height), part.layout, limits)?),
        };
        paste(&part, whole, chunk.left, chunk.top)?;
    }
    let whole = whole.ok_or_else(|| corrupt("the TIFF has no strips"))?;
    Ok((whole, truncated))
}

/// Colours of samples that libjpeg took for something else.
fn coloured(
    directory: &Directory<'_>,
    pixels: Pixels,
    model: &Model,
    limits: &Limits,
) -> Result<Pixels> {
    let channels = pixels.layout.channels();
    let rgb = match model {
        Model::YCbCr => &Model::Rgb,
        model => model,
    };
    let is_right = match pixels.layout {
        Layout::Gray => !matches!(rgb, Model::WhiteIsZero | Model::Palette(_)),
        Layout::Rgb => !matches!(rgb, Model::Lab { .. }),
        Layout::Cmyk | Layout::Rgba => *rgb == Model::Cmyk,
    };
    if is_right {
        return Ok(pixels);
    }
    let alpha = match pixels.layout {
        Layout::Cmyk => stored::alpha(directory, channels, rgb),
        _ => Alpha::None,
    };
    let size = (pixels.width, pixels.height);
    colour::pixels(pixels.data, size, channels, rgb, alpha, limits)
}

fn blank((width, height): (u32, u32), layout: Layout, limits: &Limits) -> Result<Pixels> {
    let pixels = u64::from(width) * u64::from(height);
    limits.check_bytes(pixels * layout.channels() as u64)?;
    Pixels::zeroed(width, height, layout)
}

/// The picture cut, or filled up with blank pixels, to a size.
pub fn fitted(pixels: Pixels, size: (u32, u32), limits: &Limits) -> Result<Pixels> {
    if (pixels.width, pixels.height) == size {
        return Ok(pixels);
    }
    let mut whole = blank(size, pixels.layout, limits)?;
    paste(&pixels, &mut whole, 0, 0)?;
    Ok(whole)
}

/// Copy `part` to (left, top) of `whole`; what lies outside is padding.
fn paste(part: &Pixels, whole: &mut Pixels, left: usize, top: usize) -> Result<()> {
    if part.layout != whole.layout {
        return Err(corrupt("the strips of the TIFF differ in colour model"));
    }
    let channels = whole.layout.channels();
    let stride = whole.stride();
    let length = part.stride().min(stride - left * channels);
    let rows = whole.data.chunks_exact_mut(stride).skip(top);
    for (source, target) in part.data.chunks_exact(part.stride()).zip(rows) {
        target[left * channels..][..length].copy_from_slice(&source[..length]);
    }
    Ok(())
}
