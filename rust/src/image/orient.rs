//! EXIF orientation: reading the tag and turning pixels upright.
//!
//! Source: EXIF 2.32 (CIPA DC-008), tag 0x0112. The value says where the first stored row and column are seen:
//! 1 top-left, 2 top-right, 3 bottom-right, 4 bottom-left, 5 left-top, 6 right-top, 7 right-bottom, 8 left-bottom.

use super::memory;
use super::pixels::{Pixels, Plane, Planes, Raster};
use crate::error::Result;

/// One of the eight EXIF orientations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    /// Stored upright.
    pub const UPRIGHT: Self = Self(1);

    /// From the tag's value; anything but 1 to 8 counts as upright, as viewers do.
    pub fn from_tag(value: u16) -> Self {
        match value {
            1..=8 => Self(value as u8),
            _ => Self::UPRIGHT,
        }
    }

    /// The tag's value, 1 to 8.
    pub fn tag(self) -> u8 {
        self.0
    }

    /// Whether turning upright exchanges width and height.
    pub fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// Width and height of the upright picture, given those of the stored one.
    pub fn upright_size(self, width: u32, height: u32) -> (u32, u32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// This, and then a quarter turn against the clock.
    pub fn then_turned_left(self) -> Self {
        self.then_transposed().then_upside_down()
    }

    /// This, and then an exchange of left and right.
    pub fn then_mirrored(self) -> Self {
        Self([2, 1, 4, 3, 6, 5, 8, 7][usize::from(self.0) - 1])
    }

    /// This, and then an exchange of top and bottom.
    pub fn then_upside_down(self) -> Self {
        Self([4, 3, 2, 1, 8, 7, 6, 5][usize::from(self.0) - 1])
    }

    /// This, and then an exchange of rows and columns.
    fn then_transposed(self) -> Self {
        Self([5, 8, 7, 6, 1, 4, 3, 2][usize::from(self.0) - 1])
    }

    /// How upright rows and columns walk through stored ones.
    fn walk(self) -> Walk {
        let (flip_x, flip_y) = match self.0 {
            2 | 6 => (true, false),
            3 | 7 => (true, true),
            4 | 8 => (false, true),
            _ => (false, false),
        };
        // For 5 to 8 the flips act on the upright picture after the exchange of sides.
        Walk {
            swap: self.swaps_sides(),
            flip_x,
            flip_y,
        }
    }
}

/// An orientation as an optional exchange of sides followed by mirrors of the upright picture.
#[derive(Clone, Copy)]
struct Walk {
    swap: bool,
    flip_x: bool,
    flip_y: bool,
}

/// The picture turned upright.
///
/// # Errors
/// `oom` when the memory for the copy cannot be had.
pub fn upright(raster: Raster, orientation: Orientation) -> Result<Raster> {
    match raster {
        Raster::Pixels(pixels) => Ok(Raster::Pixels(upright_pixels(pixels, orientation)?)),
        Raster::Planes(planes) => Ok(Raster::Planes(Planes {
            y: upright_plane(planes.y, orientation)?,
            u: upright_plane(planes.u, orientation)?,
            v: upright_plane(planes.v, orientation)?,
            range: planes.range,
        })),
    }
}

/// Interleaved pixels turned upright.
///
/// # Errors
/// `oom` when the memory for the copy cannot be had.
pub fn upright_pixels(pixels: Pixels, orientation: Orientation) -> Result<Pixels> {
    if orientation == Orientation::UPRIGHT {
        return Ok(pixels);
    }
    let (width, height) = orientation.upright_size(pixels.width, pixels.height);
    let mut data = memory::zeroed(pixels.data.len())?;
    let size = (pixels.width as usize, pixels.height as usize);
    let walk = orientation.walk();
    match pixels.layout.channels() {
        1 => turn::<1>(&pixels.data, &mut data, size, walk),
        3 => turn::<3>(&pixels.data, &mut data, size, walk),
        _ => turn::<4>(&pixels.data, &mut data, size, walk),
    }
    Ok(Pixels {
        width,
        height,
        layout: pixels.layout,
        data,
    })
}

fn upright_plane(plane: Plane, orientation: Orientation) -> Result<Plane> {
    if orientation == Orientation::UPRIGHT {
        return Ok(plane);
    }
    let (width, height) = orientation.upright_size(plane.width, plane.height);
    let mut data = memory::zeroed(plane.data.len())?;
    let size = (plane.width as usize, plane.height as usize);
    turn::<1>(&plane.data, &mut data, size, orientation.walk());
    Ok(Plane {
        width,
        height,
        data,
    })
}

/// Side of the square blocks in which sides are exchanged, so that both walks stay in the cache.
const BLOCK: usize = 32;

/// Copy `source` (`size` = columns, rows of `N`-byte pixels) into `target` turned by `walk`.
fn turn<const N: usize>(source: &[u8], target: &mut [u8], size: (usize, usize), walk: Walk) {
    let (source, _) = source.as_chunks::<N>();
    let (target, _) = target.as_chunks_mut::<N>();
    if walk.swap {
        transpose(source, target, size, walk);
    } else {
        mirror(source, target, size, walk);
    }
}

fn mirror<T: Copy>(source: &[T], target: &mut [T], (columns, rows): (usize, usize), walk: Walk) {
    for (y, line) in target.chunks_exact_mut(columns).enumerate() {
        let from = if walk.flip_y { rows - 1 - y } else { y };
        line.copy_from_slice(&source[from * columns..][..columns]);
        if walk.flip_x {
            line.reverse();
        }
    }
}

fn transpose<T: Copy>(source: &[T], target: &mut [T], (columns, rows): (usize, usize), walk: Walk) {
    for top in (0..rows).step_by(BLOCK) {
        for left in (0..columns).step_by(BLOCK) {
            for y in top..(top + BLOCK).min(rows) {
                let to_x = if walk.flip_x { rows - 1 - y } else { y };
                for x in left..(left + BLOCK).min(columns) {
                    let to_y = if walk.flip_y { columns - 1 - x } else { x };
                    target[to_y * rows + to_x] = source[y * columns + x];
                }
            }
        }
    }
}

/// The orientation in a TIFF structure (the payload of an EXIF block, after `Exif\0\0`); upright if there is none.
pub fn from_exif(exif: &[u8]) -> Orientation {
    stated(exif).unwrap_or(Orientation::UPRIGHT)
}

/// The orientation that a TIFF structure states, if it states a legal one.
pub fn stated(exif: &[u8]) -> Option<Orientation> {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    find_tag(exif)
        .filter(|value| (1..=8).contains(value))
        .map(Orientation::from_tag)
}

/// Tag 0x0112 of the first directory, as SHORT or LONG, in the byte order of the structure.
fn find_tag(exif: &[u8]) -> Option<u16> {
    let little = match exif.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| -> Option<u16> {
        let bytes = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let u32_at = |at: usize| -> Option<u32> {
        let (first, second) = (
            u32::from(u16_at(at)?),
            u32::from(u16_at(at.checked_add(2)?)?),
        );
        Some(if little {
            second << 16 | first
        } else {
            first << 16 | second
        })
    };
    let directory = u32_at(4)? as usize;
    let count = usize::from(u16_at(directory)?);
    for index in 0..count {
        let entry = directory.checked_add(2 + index * 12)?;
        if u16_at(entry)? == 0x0112 {
            return match u16_at(entry + 2)? {
                4 => u16::try_from(u32_at(entry + 8)?).ok(),
                _ => u16_at(entry + 8),
            };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::pixels::Layout;

    /// What each orientation makes of the 3 x 2 picture `abc / def`.
    const TURNED: [(u8, &[u8], (u32, u32)); 8] = [
        (1, b"abcdef", (3, 2)),
        (2, b"cbafed", (3, 2)),
        (3, b"fedcba", (3, 2)),
        (4, b"defabc", (3, 2)),
        (5, b"adbecf", (2, 3)),
        (6, b"daebfc", (2, 3)),
        (7, b"fcebda", (2, 3)),
        (8, b"cfbead", (2, 3)),
    ];

    #[test]
    fn all_eight_orientations() {
        for (tag, expected, size) in TURNED {
            let picture = Raster::Pixels(Pixels {
                width: 3,
                height: 2,
                layout: Layout::Gray,
                data: b"abcdef".to_vec(),
            });
            let turned = upright(picture, Orientation::from_tag(tag.into())).expect("small");
            assert_eq!((turned.width(), turned.height()), size, "tag {tag}");
            let Raster::Pixels(pixels) = turned else {
                panic!("pixels stay pixels")
            };
            assert_eq!(pixels.data, expected, "tag {tag}");
        }
    }

    #[test]
    fn turns_after_turns_are_one_turn() {
        let stored = Pixels {
            width: 3,
            height: 2,
            layout: Layout::Gray,
            data: b"abcdef".to_vec(),
        };
        let turned = |pixels: &Pixels, by| upright_pixels(pixels.clone(), by).expect("small");
        for (tag, _, _) in TURNED {
            let first = Orientation::from_tag(tag.into());
            let half = turned(&stored, first);
            for (second, both) in [
                (8, first.then_turned_left()),
                (2, first.then_mirrored()),
                (4, first.then_upside_down()),
            ] {
                let expected = turned(&half, Orientation::from_tag(second));
                assert_eq!(turned(&stored, both), expected, "{tag} then {second}");
            }
        }
    }

    #[test]
    fn blocks_larger_than_one_cache_block_are_turned_whole() {
        let (width, height) = (70u32, 45u32);
        let data: Vec<u8> = (0..width * height).map(|i| (i % 251) as u8).collect();
        let plane = Plane {
            width,
            height,
            data,
        };
        let there = upright_plane(plane.clone(), Orientation(6)).expect("small");
        let back = upright_plane(there, Orientation(8)).expect("small");
        assert_eq!(back, plane);
    }

    #[test]
    fn the_tag_is_read_in_both_byte_orders() {
        let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";
        assert_eq!(from_exif(little).tag(), 6);
        assert_eq!(from_exif(big).tag(), 8);
    }

    #[test]
    fn damaged_exif_counts_as_upright() {
        let whole = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        for length in 0..whole.len() - 3 {
            assert_eq!(from_exif(&whole[..length]).tag(), 1, "cut at {length}");
        }
        assert_eq!(from_exif(b"II*\0\xff\xff\xff\xff").tag(), 1);
        assert_eq!(Orientation::from_tag(9).tag(), 1);
    }
}
