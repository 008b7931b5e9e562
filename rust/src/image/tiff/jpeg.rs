//! JPEG inside TIFF: technical note 2 (compression 7) and the old style of TIFF 6.0 (compression 6).

use super::directory::{Directory, tag};
use super::grid::Grid;
use super::{corrupt, unsupported};
use crate::error::Result;
use crate::image::memory::Limits;
use crate::image::pixels::{Layout, Pixels};
use crate::image::{Want, jpeg};

/// An APP14 segment saying that the components are RGB, for libjpeg takes three unnamed ones for YCbCr.
const ADOBE_RGB: &[u8] = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";

/// Start of image.
const SOI: &[u8] = b"\xff\xd8";

/// End of image.
const EOI: &[u8] = b"\xff\xd9";

/// Decode a picture whose strips or tiles are JPEG streams with common tables.
pub fn decode(directory: &Directory<'_>, grid: &Grid, limits: &Limits) -> Result<Pixels> {
    if directory.number_or(tag::PLANAR_CONFIGURATION, 1) == 2 {
        return Err(unsupported("a TIFF of JPEG-compressed planes"));
    }
    let tables = directory.bytes(tag::JPEG_TABLES).unwrap_or_default();
    let tables = tables.strip_prefix(SOI).unwrap_or(tables);
    let tables = tables.strip_suffix(EOI).unwrap_or(tables);
    let is_rgb = directory.number_or(tag::PHOTOMETRIC, 6) == 2;
    let mut whole: Option<Pixels> = None;
    for index in 0..grid.count() {
        let chunk = grid.chunk(directory, 0, index)?;
        let body = chunk.data.strip_prefix(SOI);
        let body = body.ok_or_else(|| corrupt("a strip of the TIFF is not a JPEG"))?;
        let adobe = if is_rgb { ADOBE_RGB } else { b"" };
        let stream = [SOI, adobe, tables, body].concat();
        let part = jpeg::decode(&stream, Want::Full, limits)?;
        if part.truncated {
            return Err(corrupt("a strip of the TIFF ends early"));
        }
        let part = part.raster;
        let whole = match &mut whole {
            Some(whole) => whole,
            None => whole.insert(blank(grid, part.layout, limits)?),
        };
        paste(&part, whole, chunk.left, chunk.top)?;
    }
    whole.ok_or_else(|| corrupt("the TIFF has no strips"))
}

fn blank(grid: &Grid, layout: Layout, limits: &Limits) -> Result<Pixels> {
    let pixels = u64::from(grid.width) * u64::from(grid.height);
    limits.check_bytes(pixels * layout.channels() as u64)?;
    Pixels::zeroed(grid.width, grid.height, layout)
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

/// Decode the one JPEG stream that most old-style files hold; whether it ends early.
pub fn decode_old_style(directory: &Directory<'_>, limits: &Limits) -> Result<(Pixels, bool)> {
    let offset = directory.number_or(tag::JPEG_INTERCHANGE, 0);
    let length = directory.number_or(tag::JPEG_INTERCHANGE_LENGTH, u64::MAX);
    let stream = directory.slice_up_to(offset, length);
    if offset == 0 || !stream.starts_with(SOI) {
        return Err(unsupported("a TIFF of old-style JPEG compression in parts"));
    }
    let picture = jpeg::decode(stream, Want::Full, limits)?;
    Ok((picture.raster, picture.truncated))
}
