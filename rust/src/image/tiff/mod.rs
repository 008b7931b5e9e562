//! TIFF: the pages of the file, in strips or tiles, of any depth, planar or not.
//!
//! Follows TIFF 6.0 (Adobe, 1992), its supplements 1 and 2, and BigTIFF. Read here and not by a crate, for the ones
//! there are leave out palettes, fax Group 3 and odd depths.

mod codec;
mod colour;
mod directory;
mod fax;
mod grid;
mod jpeg;
mod logluv;
mod old_jpeg;
mod reader;
mod samples;
mod stored;
mod subsampled;

pub use directory::{Directory, Endian, tag};
pub use fax::{Fax, decode as fax};
pub use grid::Extent;
pub use samples::linear_to_srgb;

use std::cell::Cell;

use codec::Codec;
use colour::{Alpha, Model};
use grid::Grid;
use logluv::Form;
use reader::Reader;
use samples::{Census, Kind};

use super::colour::{Deep, to_srgb};
use super::memory::{self, Limits};
use super::orient::Orientation;
use super::partial;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture};
use crate::error::{CoreError, ErrorClass, Result};

/// Size as shown, and orientation, of a page.
///
/// # Errors
/// `corrupt`.
pub fn header(data: &[u8], page: usize) -> Result<Header> {
    let directory = directory_of(data, page)?;
    let (width, height) = shown_size(&directory, size(&directory)?);
    Ok(Header {
        format: Format::Tiff,
        width,
        height,
        orientation: orientation(&directory),
    })
}

/// The directories that are pages, by their place in the file: not those of thumbnails, masks and smaller copies.
///
/// # Errors
/// `corrupt`.
pub fn pages(data: &[u8]) -> Result<Vec<usize>> {
    let chain = Directory::chain(data)?;
    let is_page = |directory: &Directory<'_>| is_page(directory, chain.first());
    let pages: Vec<usize> = (0..chain.len())
        .filter(|&index| is_page(&chain[index]))
        .collect();
    Ok(if pages.is_empty() { vec![0] } else { pages })
}

/// Bits of NewSubfileType: a smaller copy of another picture, a mask.
const SMALLER_OR_MASK: u64 = 1 | 4;

fn is_page(directory: &Directory<'_>, first: Option<&Directory<'_>>) -> bool {
    let kind = directory.number_or(tag::NEW_SUBFILE_TYPE, 0);
    let is_marked = kind & SMALLER_OR_MASK != 0 || directory.number_or(tag::SUBFILE_TYPE, 0) == 2;
    let Ok((width, height)) = size(directory) else {
        return false;
    };
    // Some writers of pyramids leave out the mark.
    let is_smaller = directory.has(tag::TILE_WIDTH)
        && first
            .and_then(|first| size(first).ok())
            .is_some_and(|whole| {
                let is_near = |a: u32, b: u32| a.abs_diff(b) <= 1;
                (1..=10).any(|power| {
                    is_near(whole.0 >> power, width) && is_near(whole.1 >> power, height)
                })
            });
    width > 0 && height > 0 && !is_marked && !is_smaller
}

/// The directory of a page; for 0 the first that is one.
fn directory_of(data: &[u8], page: usize) -> Result<Directory<'_>> {
    let first = Directory::first(data)?;
    if page == 0 && (first.next == 0 || is_page(&first, None)) {
        return Ok(first);
    }
    let page = match page {
        0 => pages(data)?.first().copied().unwrap_or(0),
        page => page,
    };
    Directory::chain(data)?
        .into_iter()
        .nth(page)
        .ok_or_else(|| corrupt("the TIFF has no such page"))
}

/// Decode a page to 8 bits a sample.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], page: usize, limits: &Limits) -> Result<Picture<Pixels>> {
    decode_directory(&directory_of(data, page)?, limits)
}

/// What is damaged in a page that is shown all the same, in words. Looks at faxes only; for others nothing is decoded.
///
/// # Errors
/// As [`decode`].
pub fn damage(data: &[u8], page: usize, limits: &Limits) -> Result<Option<String>> {
    let directory = directory_of(data, page)?;
    if !matches!(directory.number_or(tag::COMPRESSION, 1), 2..=4) {
        return Ok(None);
    }
    decode_directory(&directory, limits).map(|picture| picture.damage)
}

/// Decode the picture of one directory, as [`decode`].
///
/// # Errors
/// As [`decode`].
pub fn decode_directory(directory: &Directory<'_>, limits: &Limits) -> Result<Picture<Pixels>> {
    let (width, height) = size(directory)?;
    limits.check_size(width, height)?;
    let shown = shown_size(directory, (width, height));
    limits.check_size(shown.0, shown.1)?;
    let orientation = orientation(directory);
    let mut is_srgb = false;
    let mut damage = None;
    let (pixels, truncated) = match directory.number_or(tag::COMPRESSION, 1) {
        6 => {
            let grid = Grid::new(directory, width, height)?;
            old_jpeg::decode(directory, &grid, limits)?
        }
        50_001 | 50_002 => {
            let grid = Grid::new(directory, width, height)?;
            jpeg::decode_embedded(directory, &grid, limits)?
        }
        7 => {
            let grid = Grid::new(directory, width, height)?;
            jpeg::decode(directory, &grid, limits)?
        }
        compression => {
            let source = Source::new(directory, compression, (width, height), limits)?;
            let decoded = source.decode((width, height))?;
            is_srgb = source.reader.deep.is_some() || source.has_clear_inks();
            let lines = source.reader.damaged.get();
            damage = (lines > 0).then(|| {
                format!("{lines} of {height} lines of the picture are damaged or missing")
            });
            decoded
        }
    };
    let pixels = match stored::levels(directory) {
        Some(levels) if pixels.layout == Layout::Rgb => levels.applied(pixels),
        _ => pixels,
    };
    // L*a*b* is absolute: it has been converted already.
    let is_lab = matches!(stored::photometric(directory), 8 | 9);
    let profile = directory
        .bytes(tag::ICC_PROFILE)
        .filter(|_| !is_lab && !is_srgb);
    let profile = profile.map(<[u8]>::to_vec);
    Ok(Picture {
        full_size: shown,
        damage,
        ..Picture::unscaled(pixels, orientation)
            .with_profile(profile)
            .with_truncated(truncated)
    })
}

/// Faxes have half as many dots down as across, or twice as many: how much more there may be, and from where on it shows.
const ASPECTS: std::ops::RangeInclusive<f64> = 1.1..=4.2;

/// The size of a picture of this size whose pixels are square: that of faxes is told by their resolutions.
fn shown_size(directory: &Directory<'_>, (width, height): (u32, u32)) -> (u32, u32) {
    let is_bilevel = directory.number_or(tag::BITS_PER_SAMPLE, 1) == 1
        && directory.number_or(tag::SAMPLES_PER_PIXEL, 1) == 1;
    let across = directory.fraction(tag::X_RESOLUTION);
    let down = directory.fraction(tag::Y_RESOLUTION);
    let Some(ratio) = across.zip(down).map(|(across, down)| across / down) else {
        return (width, height);
    };
    let times = |side: u32, ratio: f64| (f64::from(side) * ratio).round() as u32;
    if is_bilevel && ASPECTS.contains(&ratio) {
        (width, times(height, ratio))
    } else if is_bilevel && ASPECTS.contains(&(1.0 / ratio)) {
        (times(width, 1.0 / ratio), height)
    } else {
        (width, height)
    }
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
        let logarithms = match codec {
            Codec::Logarithms(form) => Some(form),
            _ => None,
        };
        let mut grid = Grid::new(directory, width, height)?;
        // Logarithmic samples are pixels, and it is their form that says of which model.
        let (mut model, mut channels) = match logarithms {
            None => (stored::model(directory)?, stored::channels(directory)?),
            Some(Form::Grey) => (Model::BlackIsZero, 1),
            Some(Form::Packed | Form::Planes) => (Model::Rgb, 3),
        };
        let alpha = stored::alpha(directory, channels, &model);
        let is_planar = directory.number_or(tag::PLANAR_CONFIGURATION, 1) == 2
            && channels > 1
            && logarithms.is_none();
        let stored_channels = if is_planar { 1 } else { channels };
        let packing = stored::packing(directory, codec, stored_channels, &model)?;
        if codec == Codec::None
            && model != Model::YCbCr
            && let Some(stride) = packing.stride(grid.chunk_width as usize)
        {
            grid.set_uncompressed(stride);
        }
        let palette = match &mut model {
            Model::Palette(colours) if packing.bits > 8 && channels == 1 => {
                Some(std::mem::take(colours))
            }
            _ => None,
        };
        if palette.is_some() {
            (model, channels) = (Model::Rgb, 3);
        }
        limits.check_bytes(memory::area(width, height) as u64 * channels as u64)?;
        let layout = match (&model, channels) {
            (Model::Rgb, 3) if !is_planar && palette.is_none() => Some(Layout::Rgb),
            (Model::BlackIsZero, 1) => Some(Layout::Gray),
            _ => None,
        };
        let is_deep = packing.bits == 16 && packing.kind == Kind::Unsigned && logarithms.is_none();
        let profile = directory.bytes(tag::ICC_PROFILE);
        let deep = layout.filter(|_| is_deep);
        let mut reader = Reader {
            directory,
            grid,
            codec,
            packing,
            reversed: directory.number_or(tag::FILL_ORDER, 1) == 2,
            limits,
            deep: deep.and_then(|layout| Deep::new(profile, layout)),
            palette,
            logarithmic: None,
            damaged: Cell::new(0),
        };
        if let Some(form) = logarithms {
            reader.logarithmic = Some((form, light_scale(&reader, form)?));
        } else if packing.kind == Kind::Signed && packing.bits == 8 {
            let mut gain = 0;
            let planes = if is_planar { channels } else { 1 };
            reader.each_row(planes, |row| gain += reader.packing.smoother_signed(row))?;
            if gain < 0 {
                reader.packing.kind = Kind::Unsigned;
            }
        } else if packing.bits >= 16
            && (packing.kind != Kind::Unsigned || packing.bits > 16)
            && !matches!(model, Model::Palette(_) | Model::Lab { .. })
        {
            let planes = if is_planar { channels } else { 1 };
            let mut census = Census::EMPTY;
            reader.each_row(planes, |row| reader.packing.count(row, &mut census))?;
            reader.packing.span = census.span(packing.kind, packing.bits);
        }
        Ok(Self {
            reader,
            model,
            channels,
            alpha,
            is_planar,
        })
    }

    /// Whether inks have transparency: then they become sRGB here, for no layout has both.
    fn has_clear_inks(&self) -> bool {
        self.model == Model::Cmyk && self.alpha != Alpha::None && self.channels > 4
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
        let alpha: Vec<u8> = if self.has_clear_inks() {
            samples
                .iter()
                .skip(4)
                .step_by(self.channels)
                .copied()
                .collect()
        } else {
            Vec::new()
        };
        let mut pixels = colour::pixels(samples, size, self.channels, model, self.alpha, limits)?;
        if self.has_clear_inks() {
            limits.check_bytes(alpha.len() as u64 * 12)?;
            let profile = reader.directory.bytes(tag::ICC_PROFILE);
            pixels = to_srgb(pixels, profile)?.with_alpha(&alpha);
        }
        partial::blank_from(&mut pixels, rows);
        Ok((pixels, rows < height))
    }
}

/// What to multiply the light of a picture of logarithmic samples with.
fn light_scale(reader: &Reader<'_, '_>, form: Form) -> Result<f32> {
    let mut lights = Vec::new();
    reader.each_row(1, |row| {
        let samples = row.chunks_exact(form.size()).step_by(7);
        lights.extend(samples.filter_map(|sample| form.light(Endian::Big.number(sample) as u32)));
    })?;
    Ok(logluv::scale(lights))
}
