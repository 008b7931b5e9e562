//! YCbCr with fewer chroma than luma samples (TIFF 6.0, section 21), not compressed as JPEG.

use super::reader::Reader;
use super::{corrupt, unsupported};
use crate::error::Result;
use crate::image::memory;

/// Interleaved Y, Cb, Cr samples of the whole picture, chroma repeated.
///
/// Each chunk is rows of units: `across * down` luma samples (by rows), then one of Cb and one of Cr.
pub fn read(
    reader: &Reader<'_, '_>,
    (across, down): (u64, u64),
    is_planar: bool,
) -> Result<Vec<u8>> {
    let is_known = |factor| matches!(factor, 1 | 2 | 4);
    if is_planar || reader.packing.bits != 8 || reader.packing.channels != 3 {
        return Err(unsupported(
            "a TIFF of subsampled colours in planes or not of 8 bits",
        ));
    }
    if !is_known(across) || !is_known(down) {
        return Err(corrupt(
            "the TIFF's colours are subsampled by an illegal factor",
        ));
    }
    let unit = Unit {
        across: across as usize,
        down: down as usize,
    };
    let size = (reader.grid.width as usize, reader.grid.height as usize);
    let mut samples = memory::zeroed(size.0 * size.1 * 3)?;
    for index in 0..reader.grid.count() {
        let chunk = reader.grid.chunk(reader.directory, 0, index)?;
        let mut extent = reader.extent(chunk.rows)?;
        extent.stride = extent.width.div_ceil(unit.across) * unit.bytes();
        extent.rows = extent.rows.div_ceil(unit.down);
        reader.limits.check_bytes(extent.bytes() as u64)?;
        let bytes = reader.bytes(chunk.data, extent)?;
        for (row, units) in bytes.chunks_exact(extent.stride).enumerate() {
            for (column, stored) in units.chunks_exact(unit.bytes()).enumerate() {
                let left = chunk.left + column * unit.across;
                unit.spread(
                    stored,
                    &mut samples,
                    (left, chunk.top + row * unit.down),
                    size,
                );
            }
        }
    }
    Ok(samples)
}

struct Unit {
    across: usize,
    down: usize,
}

impl Unit {
    fn bytes(&self) -> usize {
        self.across * self.down + 2
    }

    /// Write a unit's pixels at (column, row); those outside the picture are padding.
    fn spread(&self, stored: &[u8], samples: &mut [u8], at: (usize, usize), size: (usize, usize)) {
        let (luma, chroma) = stored.split_at(self.across * self.down);
        for (index, &y) in luma.iter().enumerate() {
            let (x, row) = (at.0 + index % self.across, at.1 + index / self.across);
            if x < size.0 && row < size.1 {
                let pixel = &mut samples[(row * size.0 + x) * 3..][..3];
                pixel.copy_from_slice(&[y, chroma[0], chroma[1]]);
            }
        }
    }
}
