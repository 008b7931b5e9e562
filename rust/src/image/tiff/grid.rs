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
    /// Nothing is stored: all samples are 0.
    pub is_blank: bool,
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
                [tag::TILE_OFFSETS, tag::STRIP_OFFSETS],
                [tag::TILE_BYTE_COUNTS, tag::STRIP_BYTE_COUNTS],
            )
        } else {
            let rows = match directory.number_or(tag::ROWS_PER_STRIP, 0) {
                0 => height,
                rows => rows.min(height.into()) as u32,
            };
            (
                width,
                rows,
                [tag::STRIP_OFFSETS, tag::TILE_OFFSETS],
                [tag::STRIP_BYTE_COUNTS, tag::TILE_BYTE_COUNTS],
            )
        };
        // Some writers use the tags of strips for tiles.
        let either = |tags: [u16; 2]| tags.into_iter().find_map(|tag| directory.numbers(tag));
        if chunk_width == 0 || chunk_height == 0 {
            return Err(corrupt("the TIFF has empty strips or tiles"));
        }
        let offsets =
            either(offsets).ok_or_else(|| corrupt("the TIFF does not say where its pixels are"))?;
        let lengths = lengths_of(&offsets, either(lengths).unwrap_or_default());
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

    /// The strips are as long as their samples, whatever the file says.
    pub fn set_uncompressed(&mut self, stride: usize) {
        for (index, length) in self.lengths.iter_mut().enumerate() {
            let count = self.width.div_ceil(self.chunk_width) as usize
                * self.height.div_ceil(self.chunk_height) as usize;
            let top = (index % count) as u64 * u64::from(self.chunk_height);
            let rows = if self.is_tiled {
                u64::from(self.chunk_height)
            } else {
                u64::from(self.chunk_height).min(u64::from(self.height).saturating_sub(top))
            };
            if *length > 0 {
                *length = rows.saturating_mul(stride as u64);
            }
        }
    }

    /// Where the chunks lie in the file: offset and length.
    pub fn places(&self) -> impl Iterator<Item = (u64, u64)> {
        self.offsets
            .iter()
            .copied()
            .zip(self.lengths.iter().copied())
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
        let (offset, length) = match (self.offsets.get(stored), self.lengths.get(stored)) {
            (Some(&offset), Some(&length)) => (offset, length),
            _ if self.is_tiled || plane > 0 || index == 0 => {
                return Err(corrupt("the TIFF lacks strips or tiles"));
            }
            // Like a strip that the end of the file cuts off.
            _ => (u64::MAX, u64::MAX - 1),
        };
        let top = (index / self.across()) as u32 * self.chunk_height;
        let rows = if self.is_tiled {
            self.chunk_height
        } else {
            self.chunk_height.min(self.height - top)
        };
        let data = directory.slice_up_to(offset, length);
        Ok(Chunk {
            is_blank: (offset, length) == (0, 0),
            is_cut: length != u64::MAX && (data.len() as u64) < length,
            data,
            left: index % self.across() * self.chunk_width as usize,
            top: top as usize,
            rows,
        })
    }
}

/// The lengths of chunks as the file gives them; where it gives none, or 0, up to the next chunk, or to the end.
fn lengths_of(offsets: &[u64], stated: Vec<u64>) -> Vec<u64> {
    if stated.len() >= offsets.len() && !stated.contains(&0) {
        return stated;
    }
    let mut starts: Vec<u64> = offsets.to_vec();
    starts.sort_unstable();
    let up_to_next = |offset: u64| {
        let next = starts.partition_point(|&start| start <= offset);
        starts.get(next).map_or(u64::MAX, |next| next - offset)
    };
    let length = |(index, &offset): (usize, &u64)| match stated.get(index) {
        Some(0) if offset == 0 => 0,
        Some(0) | None => up_to_next(offset),
        Some(&length) => length,
    };
    offsets.iter().enumerate().map(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_are_missing_reach_to_the_next_chunk() {
        assert_eq!(lengths_of(&[8, 20], vec![12, 5]), [12, 5]);
        assert_eq!(lengths_of(&[20, 8], vec![0, 0]), [u64::MAX, 12]);
        assert_eq!(lengths_of(&[8], Vec::new()), [u64::MAX]);
        // A tile that is not stored.
        assert_eq!(lengths_of(&[0, 8], vec![0, 7]), [0, 7]);
    }
}
