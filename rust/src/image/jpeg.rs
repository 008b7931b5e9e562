//! JPEG by libjpeg-turbo: header first, then one decode at the smallest scale that is enough.

use super::memory::{self, Limits};
use super::orient::{self, Orientation};
use super::pixels::{Layout, Pixels, Planes, Raster};
use super::turbo::{Colour, Decompressor, Info, Scale, Target, Verdict};
use super::{Format, Header, Picture, Want};
use crate::error::{CoreError, ErrorClass, Result};

/// Scales worth choosing, in eighths, smallest first: libjpeg-turbo has SIMD inverse transforms for these only.
const SCALES: [Scale; 4] = [Scale(1), Scale(2), Scale(4), Scale::FULL];

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
    let mut job = Job::new(data, want, limits)?;
    let pixels = job.pixels()?;
    Ok(job.picture(pixels))
}

/// Decode as [`decode`], but leave YCbCr in its planes: neither upsampling nor conversion is needed to scale them and
/// to hand them to an encoder that wants planes again.
///
/// # Errors
/// As [`decode`].
pub fn decode_raster(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Raster>> {
    let mut job = Job::new(data, want, limits)?;
    let raster = if job.info.colour == Colour::Ycc && job.info.sampling.is_known() {
        Raster::Planes(job.planes()?)
    } else {
        Raster::Pixels(job.pixels()?)
    };
    Ok(job.picture(raster))
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
        if info.precision != 8 {
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

    fn pixels(&mut self) -> Result<Pixels> {
        let target = match self.info.colour {
            Colour::Gray => Target::Layout(Layout::Gray),
            Colour::Ycc | Colour::Rgb => Target::Layout(Layout::Rgb),
            Colour::Cmyk => Target::Cmyk,
        };
        let (width, height) = self.size;
        let mut samples = memory::zeroed(memory::area(width, height) * target.channels())?;
        let verdict = self
            .decompressor
            .decompress(self.data, &mut samples, self.size, target)?;
        refuse_damage(verdict)?;
        let (layout, data) = match target {
            Target::Layout(layout) => (layout, samples),
            Target::Cmyk => (Layout::Rgb, rgb_from_inverted_cmyk(&samples)),
        };
        Ok(Pixels {
            width,
            height,
            layout,
            data,
        })
    }

    fn planes(&mut self) -> Result<Planes> {
        let sampling = self.info.sampling;
        let (planes, verdict) = self
            .decompressor
            .decompress_planes(self.data, self.size, sampling)?;
        refuse_damage(verdict)?;
        Ok(planes)
    }

    fn picture<T>(&self, raster: T) -> Picture<T> {
        let (width, height) = (self.info.width, self.info.height);
        Picture {
            raster,
            orientation: orientation(self.data),
            full_size: (width, height),
            extent: (self.scale.extent(width), self.scale.extent(height)),
        }
    }
}

fn refuse_damage(verdict: Verdict) -> Result<()> {
    match verdict {
        Verdict::Sound => Ok(()),
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

/// Bytes of decoded samples, and of coefficients when they must all be kept: 16 bits for each sample of at most
/// three (four for CMYK) full-size components.
fn bytes_needed(info: &Info, (width, height): (u32, u32)) -> u64 {
    let components = match info.colour {
        Colour::Gray => 1,
        Colour::Ycc | Colour::Rgb => 3,
        Colour::Cmyk => 4,
    };
    let samples = u64::from(width) * u64::from(height) * components;
    let coefficients = u64::from(info.width) * u64::from(info.height) * components * 2;
    samples + if info.progressive { coefficients } else { 0 }
}

/// Adobe's CMYK is stored inverted (255 is no ink), and no other software writes CMYK JPEGs in numbers.
/// Without a profile, ink multiplies: R = C * K / 255.
fn rgb_from_inverted_cmyk(samples: &[u8]) -> Vec<u8> {
    samples
        .chunks_exact(4)
        .flat_map(|ink| {
            let black = u32::from(ink[3]);
            [ink[0], ink[1], ink[2]].map(|c| ((u32::from(c) * black + 127) / 255) as u8)
        })
        .collect()
}

/// The orientation in the EXIF block, upright without one.
fn orientation(data: &[u8]) -> Orientation {
    segments(data)
        .find(|(marker, payload)| *marker == 0xe1 && payload.starts_with(b"Exif\0\0"))
        .map_or(Orientation::UPRIGHT, |(_, payload)| {
            orient::from_exif(payload)
        })
}

/// Marker segments (marker byte, payload) up to the first scan (T.81, annex B).
fn segments(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let start = rest.iter().position(|&byte| byte != 0xff)?;
        let marker = rest[start];
        if start == 0 || marker == 0xda || marker == 0xd9 {
            return None;
        }
        let length = rest.get(start + 1..start + 3)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let payload = rest.get(start + 3..start + 1 + length.max(2))?;
        rest = &rest[start + 1 + length.max(2)..];
        Some((marker, payload))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_end_at_the_scan_and_survive_nonsense() {
        let data = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xe1\0\x02\xff\xda\0\x02rest";
        let found: Vec<_> = segments(data).collect();
        assert_eq!(found, [(0xe0, b"ab".as_slice()), (0xe1, b"")]);
        assert_eq!(segments(b"\xff\xd8\xff\xe0\xff\xff").count(), 0);
        assert_eq!(segments(b"").count(), 0);
    }

    #[test]
    fn inverted_inks_multiply() {
        assert_eq!(
            rgb_from_inverted_cmyk(&[255, 128, 0, 255, 255, 255, 255, 51]),
            [255, 128, 0, 51, 51, 51]
        );
    }
}
