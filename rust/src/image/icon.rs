//! Icons and cursors of Windows: the largest, deepest picture in the file, a PNG or a bitmap with a mask.

use super::bmp::Head;
use super::memory::Limits;
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture, png};
use crate::error::{CoreError, ErrorClass, Result};

const DIRECTORY: usize = 6;
const ENTRY: usize = 16;
/// A header of a bitmap has as many bytes.
const LEAST: usize = 40;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// One picture of the file.
struct Entry<'data> {
    data: &'data [u8],
    width: u32,
    height: u32,
    bits: usize,
}

/// Size of the best picture.
///
/// # Errors
/// `corrupt` or `unsupported`.
pub fn header(data: &[u8], limits: &Limits) -> Result<Header> {
    let entries = entries(data, limits)?;
    let best = entries.first().ok_or_else(empty)?;
    Ok(Header {
        format: Format::Ico,
        width: best.width,
        height: best.height,
        orientation: Orientation::UPRIGHT,
    })
}

/// Decode the best picture; where that is damaged, the next best.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let mut first = None;
    for entry in entries(data, limits)? {
        match entry.decode(limits) {
            Ok(picture) => return Ok(picture),
            Err(error) if error.class == ErrorClass::Oom => return Err(error),
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or_else(empty))
}

fn empty() -> CoreError {
    CoreError::new(ErrorClass::Corrupt, "the icon has no picture")
}

/// All pictures with a sound header, the best first. What the directory says of them is often wrong.
fn entries<'data>(data: &'data [u8], limits: &Limits) -> Result<Vec<Entry<'data>>> {
    let count = match data.get(4..DIRECTORY) {
        Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])),
        _ => return Err(empty()),
    };
    let directory = data[DIRECTORY..].chunks_exact(ENTRY).take(count);
    let mut failed = None;
    let mut found = Vec::new();
    for entry in directory {
        let number = |at: usize| {
            let bytes = [entry[at], entry[at + 1], entry[at + 2], entry[at + 3]];
            u32::from_le_bytes(bytes) as usize
        };
        let (length, start) = (number(8), number(12));
        let Some(there) = data.get(start..).filter(|there| !there.is_empty()) else {
            continue;
        };
        // Some directories have lengths of nothing, or of half.
        let part = match there.get(..length) {
            Some(part) if length > LEAST => part,
            _ => there,
        };
        match Entry::read(part, u32::from(entry[1]), limits) {
            Ok(entry) => found.push(entry),
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    // Stable, so that of equals the first in the file is taken.
    found.sort_by_key(|entry| {
        let area = u64::from(entry.width) * u64::from(entry.height);
        std::cmp::Reverse((area, entry.bits))
    });
    match failed {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

impl<'data> Entry<'data> {
    /// `stated` is the height in the directory, 0 for 256.
    fn read(data: &'data [u8], stated: u32, limits: &Limits) -> Result<Self> {
        if data.starts_with(PNG) {
            let header = png::header(data, limits)?;
            return Ok(Self {
                data,
                width: header.width,
                height: header.height,
                bits: 32,
            });
        }
        let head = Head::read(data, None)?;
        let stated = if stated == 0 { 256 } else { stated };
        // The height counts the mask too, but where a writer has left both out.
        let is_odd = !head.height.is_multiple_of(2);
        let is_alone = head.height == stated && (is_odd || head.width == stated);
        Ok(Self {
            data,
            width: head.width,
            height: if is_alone {
                head.height
            } else {
                head.height / 2
            },
            bits: head.bits,
        })
    }

    fn decode(&self, limits: &Limits) -> Result<Picture<Pixels>> {
        if self.data.starts_with(PNG) {
            return png::decode(self.data, limits);
        }
        limits.check_size(self.width, self.height)?;
        let mut head = Head::read(self.data, None)?;
        head.height = self.height;
        let body = self.data.get(head.pixels_at()..).unwrap_or_default();
        if head.bits == 32 {
            head.take_alpha();
        }
        let (pixels, truncated) = head.decode(body, limits)?;
        let mask = body.get(head.stride() * self.height as usize..);
        let pixels = masked(pixels, mask.unwrap_or_default());
        Ok(Picture::unscaled(pixels, Orientation::UPRIGHT).with_truncated(truncated))
    }
}

/// With the transparency of the mask, whose rows go up: 1 is clear. Not where the picture has its own. A mask that is
/// missing or cut hides nothing.
fn masked(pixels: Pixels, mask: &[u8]) -> Pixels {
    let has_own = pixels.layout == Layout::Rgba
        && pixels
            .data
            .iter()
            .skip(3)
            .step_by(4)
            .any(|&alpha| alpha != 255);
    if has_own {
        return pixels;
    }
    let width = pixels.width as usize;
    let stride = width.div_ceil(32) * 4;
    let height = pixels.height as usize;
    let is_whole = mask.len() >= stride * height;
    let is_clear = |at: usize| {
        let (column, row) = (at % width, height - 1 - at / width);
        is_whole && mask[row * stride + column / 8] & (0x80 >> (column % 8)) != 0
    };
    let channels = pixels.layout.channels();
    let colours = pixels.data.chunks_exact(channels);
    let data = colours
        .enumerate()
        .flat_map(|(at, colour)| {
            let alpha = if is_clear(at) { 0 } else { 255 };
            [colour[0], colour[1], colour[2], alpha]
        })
        .collect();
    Pixels {
        layout: Layout::Rgba,
        data,
        ..pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits::with_max_pixels(1 << 20);

    /// An icon of one bitmap of 2 x 1 pixels of 24 bits.
    fn icon(height: u32, mask: &[u8]) -> Vec<u8> {
        let mut bitmap = 40u32.to_le_bytes().to_vec();
        bitmap.extend(2u32.to_le_bytes());
        bitmap.extend(height.to_le_bytes());
        bitmap.extend([1, 0, 24, 0]);
        bitmap.resize(40, 0);
        bitmap.extend([0, 0, 255, 255, 0, 0, 0, 0]);
        bitmap.extend(mask);
        let mut data = vec![0, 0, 1, 0, 1, 0, 2, 1, 0, 0, 1, 0, 24, 0];
        data.extend((bitmap.len() as u32).to_le_bytes());
        data.extend(22u32.to_le_bytes());
        data.extend(bitmap);
        data
    }

    #[test]
    fn the_mask_is_alpha_and_may_be_missing() {
        let pixels = |data: &[u8]| decode(data, &LIMITS).expect("sound").raster.data;
        let red_and_blue = [255, 0, 0, 255, 0, 0, 255, 255];
        assert_eq!(
            pixels(&icon(2, &[0x40, 0, 0, 0])),
            [255, 0, 0, 255, 0, 0, 255, 0]
        );
        assert_eq!(pixels(&icon(2, &[])), red_and_blue);
        // Neither the mask nor its rows in the height.
        assert_eq!(pixels(&icon(1, &[])), red_and_blue);
        let header = header(&icon(2, &[]), &LIMITS).expect("sound");
        assert_eq!((header.width, header.height), (2, 1));
    }

    #[test]
    fn an_icon_of_nothing_is_refused() {
        assert!(decode(&[0, 0, 1, 0, 1, 0], &LIMITS).is_err());
        assert!(decode(&icon(2, &[])[..30], &LIMITS).is_err());
    }
}
