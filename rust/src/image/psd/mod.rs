//! Photoshop documents (PSD, and PSB above 30,000 pixels): the merged picture that is stored beside the layers.
//!
//! Source: "Adobe Photoshop File Formats Specification". Read are grey, duotone (as grey), RGB, CMYK, indexed and
//! bilevel pictures of 1, 8, 16 or 32 bits a sample, raw or run-length coded. A document saved without the merged
//! picture ("maximise compatibility" off) holds a blank one.

mod channels;

use super::bytes::Reader;
use super::memory::{self, Limits};
use super::orient::{self, Orientation};
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture, colour};
use crate::error::{CoreError, ErrorClass, Result};

/// Image resources that matter here.
const ICC_PROFILE: u16 = 1039;
const EXIF: u16 = 1058;

/// What colours the channels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Bilevel,
    Grey,
    Indexed,
    Rgb,
    Cmyk,
}

impl Mode {
    /// Channels of colour; more are alpha or saved selections.
    const fn channels(self) -> usize {
        match self {
            Self::Bilevel | Self::Grey | Self::Indexed => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }

    const fn layout(self) -> Layout {
        match self {
            Self::Bilevel | Self::Grey => Layout::Gray,
            Self::Indexed | Self::Rgb => Layout::Rgb,
            Self::Cmyk => Layout::Cmyk,
        }
    }
}

/// The first 26 bytes.
#[derive(Clone, Copy, Debug)]
struct Start {
    is_large: bool,
    width: u32,
    height: u32,
    channels: usize,
    /// Bits of a sample.
    depth: u16,
    mode: Mode,
}

/// What lies between the header and the samples.
#[derive(Default)]
struct Between<'data> {
    palette: &'data [u8],
    profile: Option<&'data [u8]>,
    orientation: Option<Orientation>,
    /// Whether the first channel after the colours is the transparency of the merged picture.
    has_transparency: bool,
}

/// Size and orientation.
///
/// # Errors
/// `corrupt` or `unsupported`.
pub fn header(data: &[u8]) -> Result<Header> {
    let mut reader = Reader::new(data);
    let start = start(&mut reader)?;
    Ok(Header {
        format: Format::Psd,
        width: start.width,
        height: start.height,
        orientation: between(&mut reader, &start)?.upright_by(),
    })
}

/// Decode the merged picture to 8 bits a sample.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let mut reader = Reader::new(data);
    let start = start(&mut reader)?;
    limits.check_size(start.width, start.height)?;
    let area = memory::area(start.width, start.height);
    // The samples, the same with alpha or as colours of a palette, and one channel at a time.
    limits.check_bytes(area as u64 * (4 + 4 + 1))?;
    let between = between(&mut reader, &start)?;
    let colours = start.mode.channels();
    let wanted = colours + usize::from(between.has_transparency);
    let mut planes = channels::Planes::new(&mut reader, &start)?;
    let mut samples = memory::zeroed(area * wanted)?;
    for channel in 0..wanted {
        planes.next_into(&mut samples[channel..], wanted)?;
    }
    let profile = match start.depth {
        // Samples of linear light have been coded as sRGB, so that the curve of the profile, a straight line, is done.
        32 => between.profile.and_then(colour::with_srgb_curve),
        _ => between.profile.map(<[u8]>::to_vec),
    };
    let (pixels, profile) = assemble(&start, &between, samples, profile)?;
    Ok(Picture::unscaled(pixels, between.upright_by()).with_profile(profile))
}

impl Between<'_> {
    fn upright_by(&self) -> Orientation {
        self.orientation.unwrap_or(Orientation::UPRIGHT)
    }
}

/// Interleaved samples of the channels as they are stored, made a picture.
fn assemble(
    start: &Start,
    between: &Between<'_>,
    mut samples: Vec<u8>,
    profile: Option<Vec<u8>>,
) -> Result<(Pixels, Option<Vec<u8>>)> {
    if start.mode == Mode::Cmyk {
        // 0 is full ink in the file.
        let channels = samples.len() / memory::area(start.width, start.height);
        for pixel in samples.chunks_exact_mut(channels) {
            for ink in &mut pixel[..4] {
                *ink = 255 - *ink;
            }
        }
    }
    if start.mode == Mode::Indexed {
        samples = coloured(&samples, between.palette)?;
    }
    let picture = |layout, data| Pixels {
        width: start.width,
        height: start.height,
        layout,
        data,
    };
    if !between.has_transparency {
        return Ok((picture(start.mode.layout(), samples), profile));
    }
    let channels = start.mode.channels() + 1;
    let alpha: Vec<u8> = samples
        .iter()
        .skip(channels - 1)
        .step_by(channels)
        .copied()
        .collect();
    match start.mode {
        Mode::Cmyk => {
            // No layout holds inks and alpha: the inks become colours here.
            let inks = samples
                .chunks_exact(5)
                .flat_map(|pixel| &pixel[..4])
                .copied();
            let inks = picture(Layout::Cmyk, inks.collect());
            let colours = colour::to_srgb(inks, profile.as_deref())?.data;
            let (colours, _) = colours.as_chunks::<3>();
            Ok((
                picture(Layout::Rgba, with_alpha(colours.iter().copied(), &alpha)),
                None,
            ))
        }
        Mode::Rgb => {
            let (colours, _) = samples.as_chunks::<4>();
            let colours = colours
                .iter()
                .map(|&[red, green, blue, _]| [red, green, blue]);
            Ok((picture(Layout::Rgba, with_alpha(colours, &alpha)), profile))
        }
        Mode::Grey | Mode::Bilevel | Mode::Indexed => {
            let (greys, _) = samples.as_chunks::<2>();
            let colours = greys.iter().map(|&[grey, _]| [grey; 3]);
            Ok((picture(Layout::Rgba, with_alpha(colours, &alpha)), profile))
        }
    }
}

/// RGBA of colours that were laid over white, which is taken away again, and their alpha.
fn with_alpha(colours: impl Iterator<Item = [u8; 3]>, alpha: &[u8]) -> Vec<u8> {
    let pixel = |(colour, &alpha): ([u8; 3], &u8)| {
        let [red, green, blue] = colour.map(|value| match u32::from(alpha) {
            0 => value,
            alpha => {
                let missing = u32::from(255 - value) * 255;
                255 - ((missing + alpha / 2) / alpha).min(255) as u8
            }
        });
        [red, green, blue, alpha]
    };
    colours.zip(alpha).flat_map(pixel).collect()
}

/// The colours that indices stand for: 256 values of red, then of green, then of blue.
fn coloured(indices: &[u8], palette: &[u8]) -> Result<Vec<u8>> {
    if palette.len() < 768 {
        return Err(CoreError::new(
            ErrorClass::Corrupt,
            "a PSD without its palette",
        ));
    }
    let colour = |&index: &u8| [0, 256, 512].map(|plane| palette[plane + usize::from(index)]);
    Ok(indices.iter().flat_map(colour).collect())
}

fn start(reader: &mut Reader<'_>) -> Result<Start> {
    reader.take(4)?;
    let is_large = reader.u16()? == 2;
    reader.take(6)?;
    let channels = usize::from(reader.u16()?);
    let (height, width) = (reader.u32()?, reader.u32()?);
    let (depth, mode) = (reader.u16()?, reader.u16()?);
    let mode = match (mode, depth) {
        (0, 1) => Mode::Bilevel,
        (1 | 8, 8 | 16 | 32) => Mode::Grey,
        (2, 8) => Mode::Indexed,
        (3, 8 | 16 | 32) => Mode::Rgb,
        (4, 8 | 16) => Mode::Cmyk,
        _ => {
            return Err(CoreError::new(
                ErrorClass::Unsupported,
                format!("a Photoshop document of colour mode {mode} with {depth} bits"),
            ));
        }
    };
    if channels < mode.channels() || channels > 56 {
        return Err(CoreError::new(
            ErrorClass::Corrupt,
            format!("a Photoshop document of {channels} channels"),
        ));
    }
    Ok(Start {
        is_large,
        width,
        height,
        channels,
        depth,
        mode,
    })
}

fn between<'data>(reader: &mut Reader<'data>, start: &Start) -> Result<Between<'data>> {
    let mut between = Between::default();
    let length = reader.u32()?;
    between.palette = reader.take(length as usize)?;
    let length = reader.u32()?;
    resources(reader.take(length as usize)?, &mut between);
    let length = reader.sized(if start.is_large { 8 } else { 4 })?;
    let layers = reader.take_long(length)?;
    between.has_transparency = start.channels > start.mode.channels()
        && start.mode != Mode::Indexed
        && merged_transparency(layers, start.is_large);
    Ok(between)
}

/// A negative number of layers says that the first alpha channel is that of the merged picture.
fn merged_transparency(layers: &[u8], is_large: bool) -> bool {
    let mut reader = Reader::new(layers);
    let size = reader.sized(if is_large { 8 } else { 4 });
    matches!((size, reader.u16()), (Ok(2..), Ok(count)) if count >> 15 == 1)
}

/// Look through the image resources. A damaged list is read as far as it goes: nothing in it is needed.
fn resources<'data>(list: &'data [u8], between: &mut Between<'data>) {
    let mut reader = Reader::new(list);
    while let Ok((id, content)) = resource(&mut reader) {
        match id {
            ICC_PROFILE => between.profile = Some(content),
            EXIF => between.orientation = Some(orient::from_exif(content)),
            _ => {}
        }
    }
}

/// Signature, number, a name and the content, the last two padded to even lengths.
fn resource<'data>(reader: &mut Reader<'data>) -> Result<(u16, &'data [u8])> {
    reader.take(4)?;
    let id = reader.u16()?;
    let name = usize::from(reader.u8()?);
    reader.take(name + usize::from(name.is_multiple_of(2)))?;
    let length = reader.u32()? as usize;
    let content = reader.take(length)?;
    if length % 2 == 1 {
        reader.take(1)?;
    }
    Ok((id, content))
}

#[cfg(test)]
mod tests;
