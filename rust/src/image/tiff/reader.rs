//! Reading the samples of a picture, strip by strip or tile by tile.

use std::cell::Cell;

use super::codec::{self, Codec};
use super::corrupt;
use super::directory::Directory;
use super::grid::{Extent, Grid};
use super::logluv::Form;
use super::samples::Packing;
use crate::error::Result;
use crate::image::colour::Deep;
use crate::image::memory::{self, Limits};

/// All that is needed to read the samples of a picture.
pub struct Reader<'a, 'data> {
    pub directory: &'a Directory<'data>,
    pub grid: Grid,
    pub codec: Codec,
    pub packing: Packing,
    /// Bits of compressed bytes are in reverse order.
    pub reversed: bool,
    pub limits: &'a Limits,
    /// How to convert rows before they are rounded to 8 bits.
    pub deep: Option<Deep>,
    /// The colours of indices with more than 8 bits.
    pub palette: Option<Vec<[u8; 3]>>,
    /// Samples are logarithms of this form; light is multiplied with this.
    pub logarithmic: Option<(Form, f32)>,
    /// Lines that are damaged, so far.
    pub damaged: Cell<usize>,
}

impl Reader<'_, '_> {
    /// Interleaved 8-bit samples of the whole picture, and how many of its rows are there.
    pub fn read(&self, channels: usize, is_planar: bool) -> Result<(Vec<u8>, u32)> {
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
                if chunk.is_blank {
                    continue;
                }
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
                    self.unpack(row, &mut line);
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

    /// Append the samples of a row.
    fn unpack(&self, row: &mut [u8], line: &mut Vec<u8>) {
        match (&self.deep, &self.palette, self.logarithmic) {
            (Some(deep), ..) => self.packing.unpack_deep(row, deep, line),
            (_, Some(palette), _) => self.packing.look_up(row, palette, line),
            (.., Some((form, scale))) => self.packing.unpack_log(row, form, scale, line),
            _ => self.packing.unpack(row, line),
        }
    }

    /// Show every row of the picture that is there, uncompressed, to `look`.
    pub fn each_row(&self, planes: usize, mut look: impl FnMut(&mut [u8])) -> Result<()> {
        for plane in 0..planes {
            for index in 0..self.grid.count() {
                let chunk = self.grid.chunk(self.directory, plane, index)?;
                if chunk.is_blank || chunk.is_cut {
                    continue;
                }
                let extent = self.extent(chunk.rows)?;
                let mut bytes = self.bytes(chunk.data, extent)?;
                bytes.chunks_exact_mut(extent.stride).for_each(&mut look);
            }
        }
        Ok(())
    }

    /// The stored size of a chunk of `rows` rows.
    pub fn extent(&self, rows: u32) -> Result<Extent> {
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
    pub fn bytes(&self, data: &[u8], extent: Extent) -> Result<Vec<u8>> {
        let (bytes, damaged) = if self.reversed {
            let data: Vec<u8> = data.iter().map(|byte| byte.reverse_bits()).collect();
            codec::decompress(self.codec, &data, extent)
        } else {
            codec::decompress(self.codec, data, extent)
        }?;
        self.damaged.set(self.damaged.get() + damaged);
        Ok(bytes)
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
