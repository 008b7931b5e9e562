//! Windows bitmaps and icons, by the image crate.

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, ico::IcoDecoder};
use image::error::{ImageError, LimitErrorKind};
use image::{ColorType, DynamicImage, ImageDecoder};

use super::memory::Limits;
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture};
use crate::error::{CoreError, ErrorClass, Result};

/// Size; of an icon that of its best picture.
///
/// # Errors
/// `corrupt` or `unsupported`.
pub fn header(data: &[u8], format: Format) -> Result<Header> {
    let (width, height) = match format {
        Format::Ico => IcoDecoder::new(Cursor::new(data)).map(|decoder| decoder.dimensions()),
        _ => BmpDecoder::new(Cursor::new(data)).map(|decoder| decoder.dimensions()),
    }
    .map_err(explain)?;
    Ok(Header {
        format,
        width,
        height,
        orientation: Orientation::UPRIGHT,
    })
}

/// Decode; of an icon the largest, deepest picture.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], format: Format, limits: &Limits) -> Result<Picture<Pixels>> {
    let pixels = match format {
        Format::Ico => pixels(IcoDecoder::new(Cursor::new(data)).map_err(explain)?, limits),
        _ => pixels(BmpDecoder::new(Cursor::new(data)).map_err(explain)?, limits),
    }?;
    Ok(Picture::unscaled(pixels, Orientation::UPRIGHT))
}

fn pixels(mut decoder: impl ImageDecoder, limits: &Limits) -> Result<Pixels> {
    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    limits.check_bytes(decoder.total_bytes())?;
    let mut budget = image::Limits::no_limits();
    budget.max_alloc = Some(limits.max_bytes);
    decoder.set_limits(budget).map_err(explain)?;
    let deep = !matches!(
        decoder.color_type(),
        ColorType::L8 | ColorType::Rgb8 | ColorType::Rgba8
    );
    let picture = DynamicImage::from_decoder(decoder).map_err(explain)?;
    let picture = if deep {
        DynamicImage::ImageRgba8(picture.into_rgba8())
    } else {
        picture
    };
    let layout = match picture.color() {
        ColorType::L8 => Layout::Gray,
        ColorType::Rgb8 => Layout::Rgb,
        _ => Layout::Rgba,
    };
    Ok(Pixels {
        width,
        height,
        layout,
        data: picture.into_bytes(),
    })
}

fn explain(error: ImageError) -> CoreError {
    let class = match &error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::InsufficientMemory | LimitErrorKind::DimensionError => {
                ErrorClass::TooLarge
            }
            _ => ErrorClass::Unsupported,
        },
        ImageError::Unsupported(_) => ErrorClass::Unsupported,
        _ => ErrorClass::Corrupt,
    };
    CoreError::new(class, format!("bitmap: {error}"))
}
