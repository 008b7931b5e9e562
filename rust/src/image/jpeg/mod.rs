//! JPEG: header first, then one decode at the smallest scale that is enough, by libjpeg-turbo or, for the usual sort of
//! file, by the decoder in `baseline`.

mod baseline;
mod frame;
mod huffman;
mod idct;
mod info;
mod turbo;

use info::{Colour, Info, Scale, Verdict};
use turbo::Decompressor;

use super::memory::{self, Limits};
use super::orient::{self, Orientation};
use super::partial;
use super::pixels::{Layout, Pixels, Planes, Raster};
use super::{Format, Header, Picture, Want, colour};
use crate::error::{CoreError, ErrorClass, Result};
pub use crate::sniff::jpeg_segments as segments;

/// Scales worth choosing, in eighths, smallest first: libjpeg-turbo has SIMD inverse transforms for these only.
const SCALES: [Scale; 4] = [Scale(1), Scale(2), Scale(4), Scale::FULL];

/// End of image.
const END: [u8; 2] = [0xff, 0xd9];

/// Size and orientation.
///
/// # Errors
/// `corrupt` or `unsupported`, from the headers.
pub fn header(data: &[u8], limits: &Limits) -> Result<Header> {
    let info = Decompressor::new(limits.max_bytes)?.read_header(data)?;
    Ok(Header {
        format: Format::Jpeg,
        width: info.width,
        height: info.height,
        orientation: orientation(data),
    })
}

/// Decode to interleaved samples, as stored (not turned upright), at the smallest sufficient scale.
///
/// # Errors
/// `corrupt`, `too_large`, `unsupported` or `oom`.
pub fn decode(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Pixels>> {
    ended(data, |data| {
        let mut job = Job::new(data, want, limits)?;
        let (pixels, truncated) = job.pixels()?;
        Ok(job.picture(pixels, truncated))
    })
}

/// Decode as [`decode`], but leave YCbCr in its planes: neither upsampling nor conversion is needed to scale them and
/// to hand them to an encoder that wants planes again.
///
/// # Errors
/// As [`decode`].
pub fn decode_raster(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Raster>> {
    ended(data, |data| {
        let mut job = Job::new(data, want, limits)?;
        let is_srgb = !colour::needs_conversion(profile(data).as_deref(), Layout::Rgb);
        let is_plain = job.info.colour == Colour::Ycc && job.info.precision == 8;
        Ok(if is_plain && job.info.sampling.is_known() && is_srgb {
            let (planes, truncated) = job.planes()?;
            job.picture(Raster::Planes(planes), truncated)
        } else {
            let (pixels, truncated) = job.pixels()?;
            job.picture(Raster::Pixels(pixels), truncated)
        })
    })
}

/// What `decode` makes of the file. Of one that ends early the marker of the end may be all that is missing: then nothing
/// of the picture is, and libjpeg has nothing to say about the file with the marker.
fn ended<T>(data: &[u8], decode: impl Fn(&[u8]) -> Result<Picture<T>>) -> Result<Picture<T>> {
    let picture = decode(data)?;
    if !picture.truncated {
        return Ok(picture);
    }
    let mut with_end = memory::zeroed(data.len() + END.len())?;
    let (whole, end) = with_end.split_at_mut(data.len());
    whole.copy_from_slice(data);
    end.copy_from_slice(&END);
    match decode(&with_end) {
        Ok(whole) if !whole.truncated => Ok(whole),
        _ => Ok(picture),
    }
}

/// A decompression whose header has been read and found acceptable.
struct Job<'data> {
    data: &'data [u8],
    decompressor: Decompressor,
    info: Info,
    scale: Scale,
    /// Width and height at that scale.
    size: (u32, u32),
}

impl<'data> Job<'data> {
    fn new(data: &'data [u8], want: Want, limits: &Limits) -> Result<Self> {
        let mut decompressor = Decompressor::new(limits.max_bytes)?;
        let info = decompressor.read_header(data)?;
        limits.check_size(info.width, info.height)?;
        if !(8..=16).contains(&info.precision) {
            return Err(CoreError::new(
                ErrorClass::Unsupported,
                format!("a JPEG of {} bits per sample", info.precision),
            ));
        }
        let scale = choose_scale(&info, want);
        let size = (scale.apply(info.width), scale.apply(info.height));
        limits.check_bytes(bytes_needed(&info, size))?;
        decompressor.set_scale(scale)?;
        Ok(Self {
            data,
            decompressor,
            info,
            scale,
            size,
        })
    }

    /// The samples, and whether the file ends early.
    fn pixels(&mut self) -> Result<(Pixels, bool)> {
        let target = match self.info.colour {
            Colour::Gray => Layout::Gray,
            Colour::Ycc | Colour::Rgb => Layout::Rgb,
            Colour::Cmyk => Layout::Cmyk,
        };
        let (width, height) = self.size;
        let mut samples = memory::zeroed(memory::area(width, height) * target.channels())?;
        let verdict = match self.info.precision {
            8 => self
                .decompressor
                .decompress(self.data, &mut samples, self.size, target)?,
            precision => self.decompressor.decompress_deep(
                self.data,
                &mut samples,
                self.size,
                target,
                precision,
            )?,
        };
        let stride = width as usize * target.channels();
        let rows = rows_of_part(verdict, height, || partial::rows_of_jpeg(&samples, stride))?;
        if target == Layout::Cmyk {
            // Adobe stores inks inverted (255 is none), and hardly anything else writes CMYK JPEGs.
            for ink in &mut samples {
                *ink = 255 - *ink;
            }
        }
        let mut pixels = Pixels {
            width,
            height,
            layout: target,
            data: samples,
        };
        if let Some(rows) = rows {
            partial::blank_from(&mut pixels, rows);
        }
        Ok((pixels, rows.is_some()))
    }

    /// The planes, and whether the file ends early.
    fn planes(&mut self) -> Result<(Planes, bool)> {
        if let Some(planes) = self.baseline_planes() {
            return Ok((planes, false));
        }
        let sampling = self.info.sampling;
        let (planes, verdict) = self
            .decompressor
            .decompress_planes(self.data, self.size, sampling)?;
        let luma = &planes.y;
        let rows = rows_of_part(verdict, luma.height, || {
            partial::rows_of_jpeg(&luma.data, luma.width as usize)
        })?;
        Ok((planes, rows.is_some()))
    }

    /// The planes by the decoder for the usual sort of file, if this is one and sound.
    fn baseline_planes(&self) -> Option<Planes> {
        if self.scale == Scale::FULL {
            return None;
        }
        let size = (self.info.width, self.info.height);
        let planes = self.info.sampling.plane_sizes(self.size);
        baseline::planes(self.data, self.scale.0 as usize, size, planes)
    }

    fn picture<T>(&self, raster: T, truncated: bool) -> Picture<T> {
        let (width, height) = (self.info.width, self.info.height);
        Picture {
            raster,
            orientation: orientation(self.data),
            full_size: (width, height),
            profile: profile(self.data),
            extent: (self.scale.extent(width), self.scale.extent(height)),
            truncated,
            damage: None,
        }
    }
}

/// How many of the `height` rows are there if the file ends early, `rows` being what finds that out.
fn rows_of_part(verdict: Verdict, height: u32, rows: impl FnOnce() -> u32) -> Result<Option<u32>> {
    match verdict {
        Verdict::Sound => Ok(None),
        Verdict::EndsEarly => {
            let rows = rows();
            partial::check_rows(rows, height)?;
            Ok(Some(rows))
        }
        Verdict::Damaged(message) => Err(CoreError::new(ErrorClass::Corrupt, message)),
    }
}

/// The smallest scale whose longest side is at least what is wanted.
fn choose_scale(info: &Info, want: Want) -> Scale {
    let longest = info.width.max(info.height);
    match want.longest_side() {
        Some(side) if !info.lossless => SCALES
            .into_iter()
            .find(|scale| scale.apply(longest) >= side)
            .unwrap_or(Scale::FULL),
        _ => Scale::FULL,
    }
}

/// Bytes of decoded samples, of the same in 16 bits where there are more than 8, and of coefficients when they must all be kept: 16 bits for each sample of at most
/// three (four for CMYK) full-size components.
fn bytes_needed(info: &Info, (width, height): (u32, u32)) -> u64 {
    let components = match info.colour {
        Colour::Gray => 1,
        Colour::Ycc | Colour::Rgb => 3,
        Colour::Cmyk => 4,
    };
    let samples = u64::from(width) * u64::from(height) * components;
    let coefficients = u64::from(info.width) * u64::from(info.height) * components * 2;
    let deep = if info.precision > 8 { samples * 2 } else { 0 };
    samples + deep + if info.progressive { coefficients } else { 0 }
}

/// The orientation in the EXIF block, upright without one.
fn orientation(data: &[u8]) -> Orientation {
    stated_orientation(data).unwrap_or(Orientation::UPRIGHT)
}

/// The orientation in the EXIF block, if there is one that states it.
pub fn stated_orientation(data: &[u8]) -> Option<Orientation> {
    let (_, payload) = segments(data)
        .find(|(marker, payload)| *marker == 0xe1 && payload.starts_with(b"Exif\0\0"))?;
    orient::stated(payload)
}

/// The ICC profile, put together from its numbered parts (ICC.1, annex B.4).
fn profile(data: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, &[u8])> = segments(data)
        .filter(|(marker, _)| *marker == 0xe2)
        .filter_map(
            |(_, payload)| match payload.strip_prefix(b"ICC_PROFILE\0")? {
                [number, _, part @ ..] => Some((*number, part)),
                _ => None,
            },
        )
        .collect();
    parts.sort_by_key(|(number, _)| *number);
    let whole: Vec<u8> = parts.iter().flat_map(|(_, part)| *part).copied().collect();
    (!whole.is_empty()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_put_together_in_order() {
        let part = |number: u8, text: &[u8]| {
            let head = [0xff, 0xe2, 0, 16 + text.len() as u8];
            [&head, b"ICC_PROFILE\0".as_slice(), &[number, 2], text].concat()
        };
        let data = [b"\xff\xd8".as_slice(), &part(2, b"cd"), &part(1, b"ab")].concat();
        assert_eq!(profile(&data), Some(b"abcd".to_vec()));
        assert_eq!(profile(b"\xff\xd8"), None);
    }
}
