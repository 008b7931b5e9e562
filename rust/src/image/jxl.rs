//! JPEG XL by the jxl crate: still pictures, and the first frame of an animation.

use std::sync::LazyLock;

use jxl::api::{
    AlphaMode, Endianness, Event, ExtraChannel, JxlBasicInfo, JxlColorEncoding, JxlColorProfile,
    JxlColorType, JxlDataFormat, JxlDecoder, JxlDecoderOptions, JxlOutputBuffer, JxlPixelFormat,
    JxlTransferFunction, ProfileLevel,
};
use jxl::error::Error;

use super::memory::{self, Limits};
use super::orient::Orientation;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture};
use crate::error::{CoreError, ErrorClass, Result};

/// Most channels of one pixel that are decoded, those of colour included.
const MAX_CHANNELS: usize = 16;

/// Bytes that the decoder holds for a pixel and channel where it must keep the whole picture: 32 bits. Mostly it works
/// on a few rows of groups at a time and needs a fraction of that.
const WORKING_BYTES: u64 = 4;

/// Size and orientation.
///
/// # Errors
/// `corrupt` or `unsupported`.
pub fn header(data: &[u8], limits: &Limits) -> Result<Header> {
    let (_, info) = begin(&mut &*data, limits)?;
    let (width, height) = size(&info)?;
    Ok(Header {
        format: Format::Jxl,
        width,
        height,
        orientation: orientation(&info),
    })
}

/// Decode to 8 bits a sample.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], limits: &Limits) -> Result<Picture<Pixels>> {
    let mut input = data;
    let (mut decoder, info) = begin(&mut input, limits)?;
    let (width, height) = size(&info)?;
    limits.check_size(width, height)?;
    let colours = colours(&decoder, &info);
    let channels = 3 + info.extra_channels.len();
    if channels > MAX_CHANNELS {
        return Err(CoreError::new(
            ErrorClass::Unsupported,
            format!("a JPEG XL of {channels} channels"),
        ));
    }
    let area = memory::area(width, height);
    limits.check_bytes(area as u64 * (channels as u64 * WORKING_BYTES + 4))?;
    let profile = decoder.output_color_profile().cloned();
    let is_light = profile.as_ref().is_some_and(is_linear);
    decoder
        .set_pixel_format(JxlPixelFormat {
            color_type: colours,
            color_data_format: Some(match is_light {
                true => JxlDataFormat::U16 {
                    endianness: Endianness::native(),
                    bit_depth: 16,
                },
                false => JxlDataFormat::U8 { bit_depth: 8 },
            }),
            extra_channel_format: vec![None; info.extra_channels.len()],
        })
        .map_err(explain)?;
    let count = area * colours.samples_per_pixel();
    let samples = if is_light {
        let mut light = zeroed_words(count)?;
        // SAFETY: any bytes are samples of 16 bits, and the slice covers exactly those of the vector.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(light.as_mut_ptr().cast::<u8>(), 2 * light.len())
        };
        first_frame(&mut decoder, &mut input, bytes, height)?;
        coded(&light, colours)
    } else {
        let mut samples = memory::zeroed(count)?;
        first_frame(&mut decoder, &mut input, &mut samples, height)?;
        samples
    };
    let profile = profile.map(|profile| match is_light {
        true => with_curve_of_srgb(profile),
        false => profile,
    });
    let profile = profile.and_then(|profile| profile.try_as_icc().map(|icc| icc.into_owned()));
    let pixels = pixels((width, height), colours, samples);
    Ok(Picture::unscaled(pixels, orientation(&info)).with_profile(profile))
}

/// Whether the numbers are light itself: 8 bits would leave too few steps for the dark.
fn is_linear(profile: &JxlColorProfile) -> bool {
    profile.transfer_function() == Some(&JxlTransferFunction::Linear)
}

/// The same colour space with numbers coded as sRGB does it.
fn with_curve_of_srgb(mut profile: JxlColorProfile) -> JxlColorProfile {
    if let JxlColorProfile::Simple(
        JxlColorEncoding::RgbColorSpace {
            transfer_function, ..
        }
        | JxlColorEncoding::GrayscaleColorSpace {
            transfer_function, ..
        },
    ) = &mut profile
    {
        *transfer_function = JxlTransferFunction::SRGB;
    }
    profile
}

/// Light of 16 bits coded as sRGB does it; alpha is no light.
fn coded(light: &[u16], colours: JxlColorType) -> Vec<u8> {
    let channels = colours.samples_per_pixel();
    let alpha = if colours.has_alpha() {
        channels - 1
    } else {
        channels
    };
    let byte = |(index, &sample): (usize, &u16)| match index % channels == alpha {
        true => ((u32::from(sample) + 128) / 257) as u8,
        false => SRGB_OF_LIGHT[usize::from(sample)],
    };
    light.iter().enumerate().map(byte).collect()
}

/// Source: IEC 61966-2-1.
static SRGB_OF_LIGHT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let coded = |light: f64| match light {
        0.0..=0.003_130_8 => light * 12.92,
        _ => 1.055 * light.powf(1.0 / 2.4) - 0.055,
    };
    let byte = |sample: u16| (coded(f64::from(sample) / 65_535.0) * 255.0).round() as u8;
    (0..=u16::MAX).map(byte).collect()
});

fn zeroed_words(count: usize) -> Result<Vec<u16>> {
    let mut words = Vec::new();
    words
        .try_reserve_exact(count)
        .map_err(|_| CoreError::new(ErrorClass::Oom, "no memory for a deep JPEG XL"))?;
    words.resize(count, 0);
    Ok(words)
}

/// A decoder that has read all that comes before the first frame.
fn begin(input: &mut &[u8], limits: &Limits) -> Result<(JxlDecoder, JxlBasicInfo)> {
    let mut options = JxlDecoderOptions::default();
    options.adjust_orientation = false;
    options.alpha_mode = AlphaMode::Unpremultiplied;
    options.max_profile_level = ProfileLevel::Main10;
    let samples = limits.max_pixels.saturating_mul(MAX_CHANNELS as u64);
    options.sample_limit = usize::try_from(samples).ok();
    let mut decoder = JxlDecoder::new(options);
    loop {
        match decoder.process(input, None, None).map_err(explain)? {
            Event::BasicInfo => break,
            Event::NeedMoreInput { .. } | Event::Complete => return Err(ends_early()),
            Event::FrameHeader | Event::FrameComplete { .. } => {}
        }
    }
    let info = decoder.basic_info().cloned().ok_or_else(ends_early)?;
    Ok((decoder, info))
}

fn first_frame(
    decoder: &mut JxlDecoder,
    input: &mut &[u8],
    samples: &mut [u8],
    height: u32,
) -> Result<()> {
    let rows = height as usize;
    let stride = samples.len() / rows;
    loop {
        let mut buffer = [JxlOutputBuffer::new(samples, rows, stride)];
        let event = decoder.process(input, Some(&mut buffer), None);
        match event.map_err(explain)? {
            Event::FrameComplete { .. } => return Ok(()),
            Event::NeedMoreInput { .. } | Event::Complete => return Err(ends_early()),
            Event::BasicInfo | Event::FrameHeader => {}
        }
    }
}

/// The samples to ask for.
fn colours(decoder: &JxlDecoder, info: &JxlBasicInfo) -> JxlColorType {
    let has = |kind| {
        info.extra_channels
            .iter()
            .any(|extra| extra.ec_type == kind)
    };
    let profile = decoder.embedded_color_profile();
    let has_inks = profile.is_some_and(|profile| profile.is_cmyk()) && has(ExtraChannel::Black);
    let is_grey = profile.is_some_and(|profile| profile.channels() == 1);
    match (has_inks, is_grey, has(ExtraChannel::Alpha)) {
        (true, ..) => JxlColorType::Cmyk,
        (_, true, false) => JxlColorType::Grayscale,
        (_, true, true) => JxlColorType::GrayscaleAlpha,
        (_, false, false) => JxlColorType::Rgb,
        (_, false, true) => JxlColorType::Rgba,
    }
}

fn pixels((width, height): (u32, u32), colours: JxlColorType, mut samples: Vec<u8>) -> Pixels {
    let layout = match colours {
        JxlColorType::Grayscale => Layout::Gray,
        JxlColorType::Cmyk => Layout::Cmyk,
        JxlColorType::Rgb | JxlColorType::Bgr => Layout::Rgb,
        _ => Layout::Rgba,
    };
    if layout == Layout::Cmyk {
        // 0 is full ink in the file.
        for ink in &mut samples {
            *ink = 255 - *ink;
        }
    }
    if colours == JxlColorType::GrayscaleAlpha {
        let (pairs, _) = samples.as_chunks::<2>();
        samples = pairs
            .iter()
            .flat_map(|&[grey, alpha]| [grey, grey, grey, alpha])
            .collect();
    }
    Pixels {
        width,
        height,
        layout,
        data: samples,
    }
}

fn size(info: &JxlBasicInfo) -> Result<(u32, u32)> {
    match (u32::try_from(info.size.0), u32::try_from(info.size.1)) {
        (Ok(width), Ok(height)) => Ok((width, height)),
        _ => Err(CoreError::new(
            ErrorClass::TooLarge,
            "a JPEG XL of more than 2^32 rows or columns",
        )),
    }
}

fn orientation(info: &JxlBasicInfo) -> Orientation {
    Orientation::from_tag(info.orientation as u16)
}

fn ends_early() -> CoreError {
    CoreError::new(ErrorClass::Corrupt, "the JPEG XL ends early")
}

fn explain(error: Error) -> CoreError {
    let class = match &error {
        Error::OutOfMemory(_) | Error::ImageOutOfMemory(..) => ErrorClass::Oom,
        Error::ImageSizeTooLarge(..) | Error::ImageDimensionTooLarge(_) => ErrorClass::TooLarge,
        _ => ErrorClass::Corrupt,
    };
    CoreError::new(class, format!("JPEG XL: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zune_core::bit_depth::BitDepth;
    use zune_core::colorspace::ColorSpace;
    use zune_core::options::EncoderOptions;
    use zune_jpegxl::JxlSimpleEncoder;

    const SIDE: usize = 40;

    /// A lossless file of an encoder that shares no code with libjxl.
    fn encoded(samples: &[u8], colours: ColorSpace, depth: BitDepth) -> Vec<u8> {
        let options = EncoderOptions::new(SIDE, SIDE, colours, depth).set_num_threads(1);
        let mut data = Vec::new();
        JxlSimpleEncoder::new(samples, options)
            .encode(&mut data)
            .expect("encodes");
        data
    }

    fn decoded(data: &[u8]) -> Result<(Layout, Vec<u8>)> {
        decode(data, &Limits::with_max_pixels(10_000))
            .map(|picture| (picture.raster.layout, picture.raster.data))
    }

    fn ramp(channels: usize) -> Vec<u8> {
        let count = SIDE * SIDE * channels;
        (0..count).map(|index| (index * 7 % 251) as u8).collect()
    }

    #[test]
    fn files_of_another_encoder_come_out_as_they_went_in() {
        for (colours, layout) in [
            (ColorSpace::Luma, Layout::Gray),
            (ColorSpace::RGB, Layout::Rgb),
            (ColorSpace::RGBA, Layout::Rgba),
        ] {
            let samples = ramp(layout.channels());
            let data = encoded(&samples, colours, BitDepth::Eight);
            assert_eq!(decoded(&data), Ok((layout, samples)), "{colours:?}");
        }
        let samples = ramp(3);
        let deep: Vec<u8> = samples.iter().flat_map(|&sample| [sample; 2]).collect();
        let data = encoded(&deep, ColorSpace::RGB, BitDepth::Sixteen);
        assert_eq!(decoded(&data), Ok((Layout::Rgb, samples)));
    }

    #[test]
    fn damage_has_its_class() {
        let data = encoded(&ramp(3), ColorSpace::RGB, BitDepth::Eight);
        let class = |data: &[u8]| decoded(data).map_err(|error| error.class);
        for length in [3, 10, data.len() / 2] {
            assert_eq!(class(&data[..length]), Err(ErrorClass::Corrupt));
        }
        let few = Limits::with_max_pixels(100);
        let made = decode(&data, &few).map_err(|error| error.class);
        assert_eq!(made.err(), Some(ErrorClass::TooLarge));
    }
}
