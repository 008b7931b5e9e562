//! Where the strips or tiles of a picture lie, in the file and in the picture.

use super::corrupt;
use super::directory::{Directory, tag};
use crate::error::Result;

/// The strips or tiles of the picture.
pub struct Grid {
    pub width: u32,
    pub height: u32,
    /// Pixels in a row of a full chunk.
    pub chunk_width: u32,
    /// Rows of a full chunk.
    pub chunk_height: u32,
    /// Tiles are stored whole, strips end with the picture.
    pub is_tiled: bool,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

/// Where one chunk lies in the picture.
pub struct Chunk<'data> {
    pub data: &'data [u8],
    /// The file ends before the chunk does.
    pub is_cut: bool,
    pub left: usize,
    pub top: usize,
    /// Stored rows.
    pub rows: u32,
}

/// Size of the uncompressed rows of one strip or tile.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Pixels in a row.
    pub width: usize,
    /// Bytes in a row.
    pub stride: usize,
    /// Rows.
    pub rows: usize,
}

impl Extent {
    /// Bytes of all rows.
    pub fn bytes(&self) -> usize {
        self.stride * self.rows
    }
}

impl Grid {
    /// The strips or tiles of a picture of this size, by its directory.
    pub fn new(directory: &Directory<'_>, width: u32, height: u32) -> Result<Self> {
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
    pub fn count(&self) -> usize {
        self.across() * self.height.div_ceil(self.chunk_height) as usize
    }

    /// Chunk `index` of plane `plane`.
    pub fn chunk<'data>(
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
