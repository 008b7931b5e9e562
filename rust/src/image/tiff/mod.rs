//! TIFF: the first picture of the file, in strips or tiles, of any depth, planar or not.
//!
//! Follows TIFF 6.0 (Adobe, 1992), its supplements 1 and 2, and BigTIFF. Read here and not by a crate, for the ones
//! there are leave out palettes, fax Group 3 and odd depths.

mod codec;
mod colour;
mod directory;
mod fax;
mod grid;
mod jpeg;
mod reader;
mod samples;
mod stored;
mod subsampled;

pub use directory::{Directory, Endian, tag};

use colour::{Alpha, Model};
use grid::Grid;
use reader::Reader;
use samples::Kind;

use super::colour::Deep;
use super::memory::{self, Limits};
use super::orient::Orientation;
use super::partial;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture};
use crate::error::{CoreError, ErrorClass, Result};

/// Size and orientation.
///
/// # Errors
/// `corrupt`.
pub fn header(data: &[u8]) -> Result<Header> {
    let directory = Directory::first(data)?;
    let (width, height) = size(&directory)?;
    Ok(Header {
        format: Format::Tiff,
        width,
        height,
        orientation: orientation(&directory),
    })
}

/// Decode to 8 bits a sample.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    decode_directory(&Directory::first(data)?, limits)
}

/// Decode the picture of one directory, as [`decode`].
///
/// # Errors
/// As [`decode`].
pub fn decode_directory(directory: &Directory<'_>, limits: &Limits) -> Result<Picture<Pixels>> {
    let (width, height) = size(directory)?;
    limits.check_size(width, height)?;
    let orientation = orientation(directory);
    let mut is_srgb = false;
    let (pixels, truncated) = match directory.number_or(tag::COMPRESSION, 1) {
        6 => jpeg::decode_old_style(directory, limits)?,
        7 => {
            let grid = Grid::new(directory, width, height)?;
            (jpeg::decode(directory, &grid, limits)?, false)
        }
        compression => {
            let source = Source::new(directory, compression, (width, height), limits)?;
            is_srgb = source.reader.deep.is_some();
            source.decode((width, height))?
        }
    };
    if (pixels.width, pixels.height) != (width, height) {
        return Err(corrupt("the TIFF and the picture in it differ in size"));
    }
    // L*a*b* is absolute: it has been converted already.
    let is_lab = matches!(directory.number_or(tag::PHOTOMETRIC, 1), 8 | 9);
    let profile = directory
        .bytes(tag::ICC_PROFILE)
        .filter(|_| !is_lab && !is_srgb);
    let profile = profile.map(<[u8]>::to_vec);
    Ok(Picture::unscaled(pixels, orientation)
        .with_profile(profile)
        .with_truncated(truncated))
}

/// Width and height of the picture of a directory.
///
/// # Errors
/// `corrupt` when it does not say.
pub fn size(directory: &Directory<'_>) -> Result<(u32, u32)> {
    Ok((
        directory.size(tag::WIDTH, "width")?,
        directory.size(tag::HEIGHT, "height")?,
    ))
}

fn corrupt(message: &str) -> CoreError {
    CoreError::new(ErrorClass::Corrupt, message)
}

fn unsupported(message: impl Into<String>) -> CoreError {
    CoreError::new(ErrorClass::Unsupported, message)
}

/// The orientation that a directory states, if it is one of the eight.
pub fn stated_orientation(directory: &Directory<'_>) -> Option<Orientation> {
    match directory.number_or(tag::ORIENTATION, 0) {
        value @ 1..=8 => Some(Orientation::from_tag(value as u16)),
        _ => None,
    }
}

fn orientation(directory: &Directory<'_>) -> Orientation {
    stated_orientation(directory).unwrap_or(Orientation::UPRIGHT)
}

/// A picture of byte-wise compressed samples, its directory read.
struct Source<'a, 'data> {
    reader: Reader<'a, 'data>,
    model: Model,
    channels: usize,
    alpha: Alpha,
    is_planar: bool,
}

impl<'a, 'data> Source<'a, 'data> {
    fn new(
        directory: &'a Directory<'data>,
        compression: u64,
        (width, height): (u32, u32),
        limits: &'a Limits,
    ) -> Result<Self> {
        let codec = stored::codec(directory, compression)?;
        let grid = Grid::new(directory, width, height)?;
        let model = stored::model(directory)?;
        let channels = stored::channels(directory)?;
        let alpha = stored::alpha(directory, channels, &model);
        let is_planar = directory.number_or(tag::PLANAR_CONFIGURATION, 1) == 2 && channels > 1;
        let packing = stored::packing(directory, if is_planar { 1 } else { channels }, &model)?;
        limits.check_bytes(memory::area(width, height) as u64 * channels as u64)?;
        let layout = match (&model, channels) {
            (Model::Rgb, 3) if !is_planar => Some(Layout::Rgb),
            (Model::BlackIsZero, 1) => Some(Layout::Gray),
            _ => None,
        };
        let is_deep = packing.bits == 16 && packing.kind == Kind::Unsigned;
        let profile = directory.bytes(tag::ICC_PROFILE);
        let deep = layout.filter(|_| is_deep);
        let reader = Reader {
            directory,
            grid,
            codec,
            packing,
            reversed: directory.number_or(tag::FILL_ORDER, 1) == 2,
            limits,
            deep: deep.and_then(|layout| Deep::new(profile, layout)),
        };
        Ok(Self {
            reader,
            model,
            channels,
            alpha,
            is_planar,
        })
    }

    /// The pixels, and whether the file ends before the last.
    fn decode(&self, (width, height): (u32, u32)) -> Result<(Pixels, bool)> {
        let Self {
            reader,
            model,
            is_planar,
            ..
        } = self;
        let halved = reader.directory.numbers(tag::YCBCR_SUBSAMPLING);
        let factors = match (model, halved.as_deref()) {
            (Model::YCbCr, Some(&[across, down])) if (across, down) != (1, 1) => {
                Some((across, down))
            }
            (Model::YCbCr, None) => Some((2, 2)),
            _ => None,
        };
        let (samples, rows) = match factors {
            Some(factors) => (subsampled::read(reader, factors, *is_planar)?, height),
            None => reader.read(self.channels, *is_planar)?,
        };
        if rows < height {
            partial::check_rows(rows, height)?;
        }
        let (size, limits) = ((width, height), reader.limits);
        let mut pixels = colour::pixels(samples, size, self.channels, model, self.alpha, limits)?;
        partial::blank_from(&mut pixels, rows);
        Ok((pixels, rows < height))
    }
}
