//! TIFF: the first picture of the file, in strips or tiles, of any depth, planar or not.
//!
//! Follows TIFF 6.0 (Adobe, 1992), its supplements 1 and 2, and BigTIFF. Read here and not by a crate, for the ones
//! there are leave out palettes, fax Group 3 and odd depths.

mod codec;
mod colour;
mod directory;
mod fax;
mod jpeg;
mod samples;
mod subsampled;

pub use directory::{Directory, Endian, tag};

use codec::{Codec, Extent};
use colour::{Alpha, Model};
use samples::{Kind, Packing};

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

fn orientation(directory: &Directory<'_>) -> Orientation {
    Orientation::from_tag(directory.number_or(tag::ORIENTATION, 1).min(9) as u16)
}

/// The strips or tiles of the picture.
struct Grid {
    width: u32,
    height: u32,
    /// Pixels in a row of a full chunk.
    chunk_width: u32,
    /// Rows of a full chunk.
    chunk_height: u32,
    /// Tiles are stored whole, strips end with the picture.
    is_tiled: bool,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

/// Where one chunk lies in the picture.
struct Chunk<'data> {
    data: &'data [u8],
    /// The file ends before the chunk does.
    is_cut: bool,
    left: usize,
    top: usize,
    /// Stored rows.
    rows: u32,
}

impl Grid {
    fn new(directory: &Directory<'_>, width: u32, height: u32) -> Result<Self> {
        let is_tiled = directory.bytes(tag::TILE_WIDTH).is_some();
        let (chunk_width, chunk_height, offsets, lengths) = if is_tiled {
            (
                directory.size(tag::TILE_WIDTH, "tile width")?,
                directory.size(tag::TILE_LENGTH, "tile length")?,
                tag::TILE_OFFSETS,
                tag::TILE_BYTE_COUNTS,
            )
        } else {
            let rows = directory.number_or(tag::ROWS_PER_STRIP, height.into());
            let rows = rows.min(height.into()) as u32;
            (width, rows, tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)
        };
        if chunk_width == 0 || chunk_height == 0 {
            return Err(corrupt("the TIFF has empty strips or tiles"));
        }
        let offsets = directory
            .numbers(offsets)
            .ok_or_else(|| corrupt("the TIFF does not say where its pixels are"))?;
        // Writers of old left the counts out of files with one uncompressed strip.
        let lengths = directory
            .numbers(lengths)
            .unwrap_or_else(|| vec![u64::MAX; offsets.len()]);
        Ok(Self {
            width,
            height,
            chunk_width,
            chunk_height,
            is_tiled,
            offsets,
            lengths,
        })
    }

    fn across(&self) -> usize {
        self.width.div_ceil(self.chunk_width) as usize
    }

    /// Chunks of one plane.
    fn count(&self) -> usize {
        self.across() * self.height.div_ceil(self.chunk_height) as usize
    }

    /// Chunk `index` of plane `plane`.
    fn chunk<'data>(
        &self,
        directory: &Directory<'data>,
        plane: usize,
        index: usize,
    ) -> Result<Chunk<'data>> {
        let stored = plane * self.count() + index;
        let (Some(&offset), Some(&length)) = (self.offsets.get(stored), self.lengths.get(stored))
        else {
            return Err(corrupt("the TIFF lacks strips or tiles"));
        };
        let top = (index / self.across()) as u32 * self.chunk_height;
        let rows = if self.is_tiled {
            self.chunk_height
        } else {
            self.chunk_height.min(self.height - top)
        };
        let data = directory.slice_up_to(offset, length);
        Ok(Chunk {
            is_cut: length != u64::MAX && (data.len() as u64) < length,
            data,
            left: index % self.across() * self.chunk_width as usize,
            top: top as usize,
            rows,
        })
    }
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
        let codec = codec(directory, compression)?;
        let grid = Grid::new(directory, width, height)?;
        let model = model(directory)?;
        let channels = channels(directory)?;
        let alpha = alpha(directory, channels, &model);
        let is_planar = directory.number_or(tag::PLANAR_CONFIGURATION, 1) == 2 && channels > 1;
        let packing = packing(directory, if is_planar { 1 } else { channels }, &model)?;
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

/// All that is needed to read the samples of a picture.
struct Reader<'a, 'data> {
    directory: &'a Directory<'data>,
    grid: Grid,
    codec: Codec,
    packing: Packing,
    /// Bits of compressed bytes are in reverse order.
    reversed: bool,
    limits: &'a Limits,
    /// How to convert rows before they are rounded to 8 bits.
    deep: Option<Deep>,
}

impl Reader<'_, '_> {
    /// Interleaved 8-bit samples of the whole picture, and how many of its rows are there.
    fn read(&self, channels: usize, is_planar: bool) -> Result<(Vec<u8>, u32)> {
        let size = (self.grid.width as usize, self.grid.height as usize);
        let mut samples = memory::zeroed(size.0 * size.1 * channels)?;
        let planes = if is_planar { channels } else { 1 };
        let mut line = Vec::new();
        let mut rows_there = size.1;
        for plane in 0..planes {
            for index in 0..self.grid.count() {
                let chunk = self.grid.chunk(self.directory, plane, index)?;
                let mut extent = self.extent(chunk.rows)?;
                // Of planes or tiles the parts that are there make no picture.
                let is_last = chunk.is_cut && !is_planar && !self.grid.is_tiled;
                if is_last {
                    extent.rows = match self.codec {
                        Codec::None => chunk.data.len() / extent.stride,
                        _ => 0,
                    };
                    rows_there = chunk.top + extent.rows;
                }
                if extent.rows == 0 {
                    return Ok((samples, rows_there as u32));
                }
                let mut bytes = self.bytes(chunk.data, extent)?;
                let columns = (size.0 - chunk.left).min(extent.width);
                let rows = bytes.chunks_exact_mut(extent.stride);
                for (row, y) in rows.zip(chunk.top..size.1) {
                    line.clear();
                    match &self.deep {
                        Some(deep) => self.packing.unpack_deep(row, deep, &mut line),
                        None => self.packing.unpack(row, &mut line),
                    }
                    let start = (y * size.0 + chunk.left) * channels;
                    let target = &mut samples[start..][..columns * channels];
                    place(&line, target, plane, planes);
                }
                if is_last {
                    return Ok((samples, rows_there as u32));
                }
            }
        }
        Ok((samples, self.grid.height))
    }

    /// The stored size of a chunk of `rows` rows.
    fn extent(&self, rows: u32) -> Result<Extent> {
        let width = self.grid.chunk_width as usize;
        let stride = self.packing.stride(width);
        let bytes = stride.and_then(|stride| stride.checked_mul(rows as usize));
        let (Some(stride), Some(bytes)) = (stride, bytes) else {
            return Err(corrupt("the TIFF has strips or tiles of absurd size"));
        };
        self.limits.check_bytes(bytes as u64)?;
        Ok(Extent {
            width,
            stride,
            rows: rows as usize,
        })
    }

    /// The uncompressed bytes of a chunk.
    fn bytes(&self, data: &[u8], extent: Extent) -> Result<Vec<u8>> {
        if self.reversed {
            let data: Vec<u8> = data.iter().map(|byte| byte.reverse_bits()).collect();
            codec::decompress(self.codec, &data, extent)
        } else {
            codec::decompress(self.codec, data, extent)
        }
    }
}

/// Copy the samples of one row: all of them, or those of one plane among `planes`.
fn place(line: &[u8], target: &mut [u8], plane: usize, planes: usize) {
    if planes == 1 {
        target.copy_from_slice(&line[..target.len()]);
        return;
    }
    for (pixel, &sample) in target.chunks_exact_mut(planes).zip(line) {
        pixel[plane] = sample;
    }
}

fn codec(directory: &Directory<'_>, compression: u64) -> Result<Codec> {
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

fn channels(directory: &Directory<'_>) -> Result<usize> {
    match directory.number_or(tag::SAMPLES_PER_PIXEL, 1) {
        count @ 1..=64 => Ok(count as usize),
        count => Err(unsupported(format!("a TIFF of {count} samples per pixel"))),
    }
}

fn model(directory: &Directory<'_>) -> Result<Model> {
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

fn alpha(directory: &Directory<'_>, channels: usize, model: &Model) -> Alpha {
    let extra = directory.numbers(tag::EXTRA_SAMPLES).unwrap_or_default();
    match extra.first() {
        Some(1) => Alpha::Associated,
        Some(2) => Alpha::Straight,
        // RGB of four samples without a word about the fourth: alpha in practice.
        None if *model == Model::Rgb && channels == 4 => Alpha::Straight,
        _ => Alpha::None,
    }
}

fn packing(directory: &Directory<'_>, channels: usize, model: &Model) -> Result<Packing> {
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
