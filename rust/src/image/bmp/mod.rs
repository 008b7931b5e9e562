//! Bitmaps of Windows and OS/2.
//!
//! Sources: Microsoft, "Bitmap Storage" ([MS-WMF] 2.2.2.9 for the headers); the OS/2 2.x header as Encyclopedia of
//! Graphics File Formats (Murray, vanRyper, 2nd edition) has it. Read here and not by a crate, because what programs
//! wrote is wider than what is documented: headers of every length, palettes cut short, pixels left out of runs.

use super::memory::{self, Limits};
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::tiff::{self, Extent, Fax};
use super::{Format, Header, Picture, Want, jpeg, partial, png};
use crate::error::{CoreError, ErrorClass, Result};

mod packed;
mod runs;

use packed::Masks;

/// Bytes before the header: "BM", the file's size, where the pixels begin.
const FILE_HEADER: usize = 14;

/// The length of the second header in Windows since version 3, with which it begins.
const INFO_HEADER: u32 = 40;

/// How the pixels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storage {
    /// Rows of packed samples.
    Rows,
    /// Runs of indices of 4 or 8 bits, or of colours of 24.
    Runs,
    /// Group 3 fax (OS/2).
    Fax,
    /// A JPEG file.
    Jpeg,
    /// A PNG file.
    Png,
}

/// What stands before the pixels.
pub struct Head<'data> {
    pub width: u32,
    /// Rows; in an icon those of the picture and of its mask.
    pub height: u32,
    is_top_down: bool,
    pub bits: usize,
    storage: Storage,
    /// Red, green, blue.
    palette: Vec<[u8; 3]>,
    masks: Masks,
    profile: Option<&'data [u8]>,
    /// Where the pixels begin.
    pixels: usize,
}

/// Size.
///
/// # Errors
/// `corrupt` or `unsupported`.
pub fn header(data: &[u8]) -> Result<Header> {
    let head = Head::of_file(data)?;
    Ok(Header {
        format: Format::Bmp,
        width: head.width,
        height: head.height,
        orientation: Orientation::UPRIGHT,
    })
}

/// Decode. Pixels that runs leave out are transparent.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let head = Head::of_file(data)?;
    limits.check_size(head.width, head.height)?;
    let body = data.get(head.pixels..).unwrap_or_default();
    match head.storage {
        Storage::Jpeg => return jpeg::decode(body, Want::Full, limits),
        Storage::Png => return png::decode(body, limits),
        Storage::Rows | Storage::Runs | Storage::Fax => {}
    }
    let (pixels, truncated) = head.decode(body, limits)?;
    let profile = head.profile.map(<[u8]>::to_vec);
    Ok(Picture::unscaled(pixels, Orientation::UPRIGHT)
        .with_profile(profile)
        .with_truncated(truncated))
}

fn corrupt(message: &str) -> CoreError {
    CoreError::new(ErrorClass::Corrupt, message)
}

/// Little-endian fields of a header, 0 where it ends before them.
struct Fields<'data>(&'data [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> u16 {
        let bytes = self.0.get(at..at + 2);
        bytes.map_or(0, |bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }
}

impl<'data> Head<'data> {
    /// The header of a file, or of what was on a clipboard, which has only the second header.
    fn of_file(data: &'data [u8]) -> Result<Self> {
        if !data.starts_with(b"BM") && Fields(data).u32(0) == INFO_HEADER {
            return Self::read(data, None);
        }
        let stated = Fields(data).u32(10) as usize;
        let info = data.get(FILE_HEADER..).unwrap_or_default();
        let pixels = stated.checked_sub(FILE_HEADER);
        let mut head = Self::read(info, pixels)?;
        head.pixels += FILE_HEADER;
        Ok(head)
    }

    /// The header at the start of `info`; `pixels` is where the pixels begin there, where that is stated.
    pub fn read(info: &'data [u8], pixels: Option<usize>) -> Result<Self> {
        let size = Fields(info).u32(0) as usize;
        if size < 12 || info.len() < 12 {
            return Err(corrupt("the bitmap has no header"));
        }
        let fields = Fields(&info[..size.min(info.len())]);
        let is_core = size == 12;
        let (width, height, is_top_down, bits) = if is_core {
            let (width, height) = (fields.u16(4), fields.u16(6));
            (width.into(), height.into(), false, fields.u16(10))
        } else {
            let (width, height) = (fields.u32(4) as i32, fields.u32(8) as i32);
            // Some writers mirror pictures by a negative width.
            let sides = (width.unsigned_abs(), height.unsigned_abs());
            (sides.0, sides.1, height < 0, fields.u16(14))
        };
        let bits = usize::from(bits);
        let compression = if is_core { 0 } else { fields.u32(16) };
        let is_os2 = matches!(size, 16..40 | 64) && size != 40;
        let storage = match (compression, bits) {
            (0 | 11, 1 | 2 | 4 | 8 | 16 | 24 | 32 | 64) => Storage::Rows,
            (1, 8) | (2, 4) | (12, 8) | (13, 4) => Storage::Runs,
            (4, 24) if is_os2 => Storage::Runs,
            (3, 1) if is_os2 => Storage::Fax,
            (3 | 6, 16 | 32) => Storage::Rows,
            (4, 0 | 24 | 32) => Storage::Jpeg,
            (5, 0 | 24 | 32) => Storage::Png,
            _ => {
                return Err(CoreError::new(
                    ErrorClass::Unsupported,
                    format!("a bitmap of {bits} bits with compression {compression}"),
                ));
            }
        };
        let has_masks = matches!(compression, 3 | 6) && storage == Storage::Rows;
        let mut end = size;
        let mask_bytes = match compression {
            3 if has_masks && size < 52 => 12,
            6 if has_masks && size < 56 => 16,
            _ => 0,
        };
        end += mask_bytes;
        let mask_fields = Fields(&info[..end.min(info.len())]);
        let masks = if has_masks {
            let has_alpha = size >= 56 || mask_bytes == 16;
            let alpha = if has_alpha { mask_fields.u32(52) } else { 0 };
            let stated = [40, 44, 48].map(|at| mask_fields.u32(at));
            Masks::stated(stated, alpha, bits)
        } else {
            Masks::usual(bits)
        };
        let entry = if is_core { 3 } else { 4 };
        let palette = match bits {
            1..=8 => {
                let most = 1 << bits;
                let used = if size >= 36 {
                    fields.u32(32) as usize
                } else {
                    0
                };
                let count = if used == 0 { most } else { used.min(most) };
                // Files cut short in their palette, and OS/2's of three bytes an entry in a Windows header.
                let room = pixels
                    .filter(|&pixels| pixels > end)
                    .map_or(info.len(), |pixels| pixels.min(info.len()))
                    .saturating_sub(end);
                let entries = info.get(end..).unwrap_or_default();
                let entries = &entries[..entries.len().min(room)];
                entries
                    .chunks_exact(entry)
                    .take(count)
                    .map(|colour| [colour[2], colour[1], colour[0]])
                    .collect()
            }
            _ => Vec::new(),
        };
        let used = if size >= 36 && bits <= 32 {
            fields.u32(32) as usize
        } else {
            0
        };
        let colours = if bits <= 8 {
            palette.len()
        } else {
            used.min(256)
        };
        let behind = end + colours * entry;
        let row = (width as usize).saturating_mul(bits).div_ceil(32) * 4;
        let is_whole_behind =
            info.len().saturating_sub(behind) + row >= row.saturating_mul(height as usize);
        let pixels = pixels.filter(|&pixels| {
            let is_in_palette = pixels < behind && storage == Storage::Rows && is_whole_behind;
            pixels >= size && pixels < info.len() && !is_in_palette
        });
        Ok(Self {
            width,
            height,
            is_top_down,
            bits,
            storage,
            palette,
            masks,
            profile: profile(info, &fields, size),
            pixels: pixels.unwrap_or(behind),
        })
    }

    /// Take the fourth byte of 32 bits for alpha, as icons have it.
    pub fn take_alpha(&mut self) {
        self.masks = Masks::WITH_ALPHA;
    }

    /// Where the pixels begin, in what the header was read from.
    pub fn pixels_at(&self) -> usize {
        self.pixels
    }

    /// The pixels of the rows in `body`, and whether it ends before the last.
    pub fn decode(&self, body: &[u8], limits: &Limits) -> Result<(Pixels, bool)> {
        let area = memory::area(self.width, self.height) as u64;
        limits.check_bytes(area * 4)?;
        let (mut pixels, rows) = match self.storage {
            Storage::Runs => self.run_length(body)?,
            Storage::Fax => (self.fax(body)?, self.height),
            _ => self.rows(body)?,
        };
        if self.storage == Storage::Rows && pixels.layout == Layout::Rgba {
            // Alpha that is 0 everywhere is not meant.
            let mut alphas = pixels.data.iter_mut().skip(3).step_by(4);
            if alphas.all(|alpha| *alpha == 0) {
                pixels
                    .data
                    .iter_mut()
                    .skip(3)
                    .step_by(4)
                    .for_each(|alpha| *alpha = 255);
            }
        }
        if rows < self.height {
            partial::check_rows(rows, self.height)?;
            partial::blank_from(&mut pixels, rows);
        }
        // The first row that is stored is the lowest.
        if !self.is_top_down {
            let stride = pixels.stride();
            let (mut low, mut high) = (0, self.height as usize);
            while low + 1 < high {
                high -= 1;
                let (head, tail) = pixels.data.split_at_mut(high * stride);
                head[low * stride..][..stride].swap_with_slice(&mut tail[..stride]);
                low += 1;
            }
        }
        Ok((pixels, rows < self.height))
    }

    /// Bytes of a row of packed samples, which are padded to four.
    pub fn stride(&self) -> usize {
        (self.width as usize * self.bits).div_ceil(32) * 4
    }

    /// Packed rows as they come, and how many are there.
    fn rows(&self, body: &[u8]) -> Result<(Pixels, u32)> {
        let layout = match self.bits {
            1..=8 => Layout::Rgb,
            _ if self.masks.has_alpha() => Layout::Rgba,
            _ => Layout::Rgb,
        };
        let mut pixels = Pixels::zeroed(self.width, self.height, layout)?;
        let stride = pixels.stride();
        let width = (self.width as usize * self.bits).div_ceil(8);
        let mut rows = 0;
        let mut rest = body;
        for target in pixels.data.chunks_exact_mut(stride) {
            // The last row may lack its padding.
            let Some(row) = rest.get(..width) else {
                break;
            };
            rest = rest.get(self.stride()..).unwrap_or_default();
            match self.bits {
                1..=8 => packed::indices(row, self.bits, |index, column| {
                    if let Some(pixel) = target.get_mut(column * 3..column * 3 + 3) {
                        pixel.copy_from_slice(&self.colour(index));
                    }
                }),
                64 => packed::halves(row, target),
                bits => self.masks.unpack(row, bits / 8, target),
            }
            rows += 1;
        }
        Ok((pixels, rows))
    }

    /// The colour of an index; black where the palette has none.
    fn colour(&self, index: u8) -> [u8; 3] {
        let colour = self.palette.get(usize::from(index));
        colour.copied().unwrap_or_default()
    }

    fn run_length(&self, body: &[u8]) -> Result<(Pixels, u32)> {
        let mut pixels = Pixels::zeroed(self.width, self.height, Layout::Rgba)?;
        let width = self.width as usize;
        let rows = runs::decode(
            body,
            self.bits,
            (width, self.height as usize),
            |column, row, value| {
                let [red, green, blue] = match value {
                    runs::Value::Index(index) => self.colour(index),
                    runs::Value::Colour(colour) => colour,
                };
                let at = (row * width + column) * 4;
                pixels.data[at..at + 4].copy_from_slice(&[red, green, blue, 255]);
            },
        );
        Ok((pixels.drop_opaque_alpha(), rows as u32))
    }

    fn fax(&self, body: &[u8]) -> Result<Pixels> {
        let width = self.width as usize;
        let extent = Extent {
            width,
            stride: width.div_ceil(8),
            rows: self.height as usize,
        };
        let variant = Fax::Group3 {
            two_dimensional: false,
        };
        let decoded = tiff::fax(variant, body, extent);
        let decoded = decoded.ok_or_else(|| corrupt("the bitmap's fax is damaged"))?;
        let mut pixels = Pixels::zeroed(self.width, self.height, Layout::Rgb)?;
        let rows = pixels.data.chunks_exact_mut(width * 3);
        for (source, target) in decoded.rows.chunks_exact(extent.stride).zip(rows) {
            packed::indices(source, 1, |index, column| {
                if let Some(pixel) = target.get_mut(column * 3..column * 3 + 3) {
                    pixel.copy_from_slice(&self.colour(index));
                }
            });
        }
        Ok(pixels)
    }
}

/// The ICC profile in a header of version 5.
fn profile<'data>(info: &'data [u8], fields: &Fields<'_>, size: usize) -> Option<&'data [u8]> {
    const EMBEDDED: u32 = u32::from_be_bytes(*b"MBED");
    if size < 124 || fields.u32(56) != EMBEDDED {
        return None;
    }
    let (start, length) = (fields.u32(112) as usize, fields.u32(116) as usize);
    info.get(start..start.checked_add(length)?)
}

#[cfg(test)]
mod tests;
