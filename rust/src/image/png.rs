//! PNG: all colour types and depths, interlaced or not; of an animation the default image.

use std::io::Cursor;

use png::{ColorType, Decoder, DecodingError, Transformations};

use super::memory::{self, Limits};
use super::orient::{self, Orientation};
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture};
use crate::error::{CoreError, ErrorClass, Result};

/// Size, from the first chunk, and orientation, if its chunk comes before the picture.
///
/// # Errors
/// `corrupt` or `too_large`.
pub fn header(data: &[u8], limits: &Limits) -> Result<Header> {
    let mut decoder = decoder(data, limits);
    let info = decoder.read_header_info().map_err(explain)?;
    let (width, height) = (info.width, info.height);
    let orientation = decoder
        .read_info()
        .map_or(Orientation::UPRIGHT, |reader| orientation(reader.info()));
    Ok(Header {
        format: Format::Png,
        width,
        height,
        orientation,
    })
}

/// Decode to 8 bits a sample.
///
/// # Errors
/// `corrupt`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let mut decoder = decoder(data, limits);
    let info = decoder.read_header_info().map_err(explain)?;
    let (width, height) = (info.width, info.height);
    limits.check_size(width, height)?;
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(explain)?;
    let (colour, _) = reader.output_color_type();
    let bytes = memory::area(width, height) as u64 * colour.samples() as u64;
    limits.check_bytes(bytes)?;
    let mut samples = memory::zeroed(bytes as usize)?;
    reader.next_frame(&mut samples).map_err(explain)?;
    let (layout, samples) = match colour {
        ColorType::Grayscale => (Layout::Gray, samples),
        ColorType::Rgb => (Layout::Rgb, samples),
        ColorType::Rgba => (Layout::Rgba, samples),
        ColorType::GrayscaleAlpha => {
            limits.check_bytes(bytes * 3)?;
            (Layout::Rgba, rgba_from_gray_alpha(&samples))
        }
        ColorType::Indexed => {
            return Err(CoreError::new(
                ErrorClass::Crash,
                "the PNG decoder did not apply the palette",
            ));
        }
    };
    let pixels = Pixels {
        width,
        height,
        layout,
        data: samples,
    };
    Ok(Picture::unscaled(pixels, orientation(reader.info())))
}

fn decoder<'data>(data: &'data [u8], limits: &Limits) -> Decoder<Cursor<&'data [u8]>> {
    let bytes = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(data), png::Limits { bytes });
    decoder.set_ignore_text_chunk(true);
    decoder
}

fn orientation(info: &png::Info<'_>) -> Orientation {
    info.exif_metadata
        .as_deref()
        .map_or(Orientation::UPRIGHT, orient::from_exif)
}

fn rgba_from_gray_alpha(samples: &[u8]) -> Vec<u8> {
    samples
        .chunks_exact(2)
        .flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])
        .collect()
}

/// The class and words for what the png crate reports.
fn explain(error: DecodingError) -> CoreError {
    match error {
        DecodingError::LimitsExceeded => {
            CoreError::new(ErrorClass::TooLarge, "the PNG needs too much memory")
        }
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            CoreError::new(ErrorClass::Corrupt, "the PNG ends early")
        }
        DecodingError::IoError(error) => error.into(),
        DecodingError::Format(error) => {
            CoreError::new(ErrorClass::Corrupt, format!("damaged PNG: {error}"))
        }
        DecodingError::Parameter(error) => {
            CoreError::new(ErrorClass::Corrupt, format!("damaged PNG: {error}"))
        }
    }
}
