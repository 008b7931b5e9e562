//! WebP by libwebp: lossy and lossless, alpha, and the first frame of an animation.

use std::ffi::c_int;
use std::ptr::NonNull;

use libwebp_sys as sys;

use super::memory::{self, Limits};
use super::orient::{self, Orientation};
use super::partial;
use super::pixels::{Layout, Pixels};
use super::{Format, Header, Picture, Want, resize};
use crate::error::{CoreError, ErrorClass, Result};

/// The decoder scales (by averaging areas) when the picture is at least this many times what is wanted...
const SCALE_FROM: u32 = 4;

/// ...and leaves this many times what is wanted for the better filter.
const SCALE_TO: u32 = 2;

/// Size and orientation.
///
/// # Errors
/// `corrupt` or `unsupported`.
pub fn header(data: &[u8]) -> Result<Header> {
    let features = features(data)?;
    Ok(Header {
        format: Format::Webp,
        width: features.width as u32,
        height: features.height as u32,
        orientation: orientation(data),
    })
}

/// Decode, scaled down by the decoder where that is much cheaper.
///
/// # Errors
/// `corrupt`, `unsupported`, `too_large` or `oom`.
pub fn decode(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Pixels>> {
    let features = features(data)?;
    let full_size = (features.width as u32, features.height as u32);
    limits.check_size(full_size.0, full_size.1)?;
    let orientation = orientation(data);
    if features.has_animation != 0 {
        // The animation decoder holds two canvases and a frame.
        limits.check_bytes(memory::area(full_size.0, full_size.1) as u64 * 12)?;
        let pixels = first_frame(data, full_size)?;
        return Ok(Picture::unscaled(pixels, orientation).with_profile(profile(data)));
    }
    let layout = match features.has_alpha {
        0 => Layout::Rgb,
        _ => Layout::Rgba,
    };
    let size = match (want.longest_side(), layout) {
        // libwebp scales colours without regard to alpha.
        (Some(side), Layout::Rgb) if full_size.0.max(full_size.1) / SCALE_FROM >= side => {
            resize::fit(full_size.0, full_size.1, side.saturating_mul(SCALE_TO))
        }
        _ => full_size,
    };
    limits.check_bytes(memory::area(size.0, size.1) as u64 * layout.channels() as u64)?;
    let (pixels, truncated) = match still(data, full_size, size, layout)? {
        Some(pixels) => (pixels, false),
        None => (beginning(data, full_size, layout, limits)?, true),
    };
    Ok(Picture {
        extent: (pixels.width.into(), pixels.height.into()),
        raster: pixels,
        orientation,
        full_size,
        profile: profile(data),
        truncated,
        damage: None,
    })
}

fn features(data: &[u8]) -> Result<sys::WebPBitstreamFeatures> {
    let mut features = sys::WebPBitstreamFeatures {
        width: 0,
        height: 0,
        has_alpha: 0,
        has_animation: 0,
        format: 0,
        pad: [0; 5],
    };
    // SAFETY: pointer and length describe `data`; the structure is written before it is read.
    let status = unsafe { sys::WebPGetFeatures(data.as_ptr(), data.len(), &raw mut features) };
    check(status)?;
    if features.width <= 0 || features.height <= 0 {
        return Err(CoreError::new(
            ErrorClass::Corrupt,
            "the header announces an empty picture",
        ));
    }
    Ok(features)
}

/// Decode a still picture of `full_size` to `size`; `None` when the data ends early.
fn still(
    data: &[u8],
    full_size: (u32, u32),
    size: (u32, u32),
    layout: Layout,
) -> Result<Option<Pixels>> {
    let mut pixels = Pixels::zeroed(size.0, size.1, layout)?;
    let mut config = config_into(&mut pixels)?;
    if size != full_size {
        config.options.use_scaling = 1;
        config.options.scaled_width = size.0 as c_int;
        config.options.scaled_height = size.1 as c_int;
    }
    // SAFETY: `data` is read within its length; libwebp checks that the buffer, whose true size it was given, holds
    // the (scaled) picture before it writes, and keeps no pointer after the call.
    let status = unsafe { sys::WebPDecode(data.as_ptr(), data.len(), &raw mut config) };
    // SAFETY: the output is initialised; external memory is not freed.
    unsafe { sys::WebPFreeDecBuffer(&raw mut config.output) };
    if status == sys::VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY && memory_is_there(full_size) {
        return Err(damaged());
    }
    if matches!(
        status,
        sys::VP8StatusCode::VP8_STATUS_SUSPENDED | sys::VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA
    ) {
        return Ok(None);
    }
    check(status)?;
    Ok(Some(pixels))
}

/// A configuration that decodes into `pixels`, which must stay where they are until it is done with.
fn config_into(pixels: &mut Pixels) -> Result<sys::WebPDecoderConfig> {
    let mut config = sys::WebPDecoderConfig::new().map_err(|()| {
        CoreError::new(
            ErrorClass::Crash,
            "libwebp and its bindings are of different versions",
        )
    })?;
    config.output.colorspace = match pixels.layout {
        Layout::Rgba => sys::WEBP_CSP_MODE::MODE_RGBA,
        _ => sys::WEBP_CSP_MODE::MODE_RGB,
    };
    config.output.is_external_memory = 1;
    config.output.u.RGBA = sys::WebPRGBABuffer {
        rgba: pixels.data.as_mut_ptr(),
        stride: pixels.stride() as c_int,
        size: pixels.data.len(),
    };
    Ok(config)
}

/// What is there of a picture whose data ends early, at full size; the rest is blank.
fn beginning(
    data: &[u8],
    (width, height): (u32, u32),
    layout: Layout,
    limits: &Limits,
) -> Result<Pixels> {
    limits.check_bytes(memory::area(width, height) as u64 * layout.channels() as u64)?;
    let mut pixels = Pixels::zeroed(width, height, layout)?;
    let mut config = config_into(&mut pixels)?;
    let mut rows = 0;
    // SAFETY: `data` is read within its length. The decoder writes into the buffer whose true size it was given; it,
    // the configuration and the buffer outlive the decoder, which is deleted before the block ends.
    unsafe {
        let decoder = sys::WebPIDecode(data.as_ptr(), data.len(), &raw mut config);
        if !decoder.is_null() {
            sys::WebPIUpdate(decoder, data.as_ptr(), data.len());
            let null = std::ptr::null_mut();
            sys::WebPIDecGetRGB(decoder, &raw mut rows, null, null, null);
            sys::WebPIDelete(decoder);
        }
        sys::WebPFreeDecBuffer(&raw mut config.output);
    }
    let rows = u32::try_from(rows).unwrap_or(0).min(height);
    partial::check_rows(rows, height)?;
    partial::blank_from(&mut pixels, rows);
    Ok(pixels)
}

/// libwebp also says "out of memory" about streams whose damaged headers ask for absurd tables. Whether it is true:
/// 16 bytes a pixel and 64 MiB are more than a sound picture needs.
fn memory_is_there(size: (u32, u32)) -> bool {
    let need = memory::area(size.0, size.1).saturating_mul(16);
    Vec::<u8>::new()
        .try_reserve_exact(need.saturating_add(64 << 20))
        .is_ok()
}

/// An animation decoder that is deleted when dropped.
struct Animation(NonNull<sys::WebPAnimDecoder>);

impl Drop for Animation {
    fn drop(&mut self) {
        // SAFETY: the decoder is owned by this value alone and not used afterwards.
        unsafe { sys::WebPAnimDecoderDelete(self.0.as_ptr()) }
    }
}

/// The canvas of an animation after its first frame.
fn first_frame(data: &[u8], size: (u32, u32)) -> Result<Pixels> {
    let bytes = sys::WebPData {
        bytes: data.as_ptr(),
        size: data.len(),
    };
    // SAFETY: a structure of plain integers and an enum whose value 0 is MODE_RGB: zero is a valid value, and the
    // call below initialises it.
    let mut options: sys::WebPAnimDecoderOptions = unsafe { std::mem::zeroed() };
    // SAFETY: initialises the structure it is given.
    unsafe { sys::WebPAnimDecoderOptionsInit(&raw mut options) };
    options.color_mode = sys::WEBP_CSP_MODE::MODE_RGBA;
    options.use_threads = 0;
    // SAFETY: both structures are initialised; the decoder keeps pointers into `data`, which outlives it here.
    let decoder = unsafe { sys::WebPAnimDecoderNew(&raw const bytes, &raw const options) };
    let decoder = Animation(NonNull::new(decoder).ok_or_else(damaged)?);
    let mut frame = std::ptr::null_mut();
    let mut time = 0;
    // SAFETY: the decoder is live; on success `frame` points to a canvas that it owns.
    let ok =
        unsafe { sys::WebPAnimDecoderGetNext(decoder.0.as_ptr(), &raw mut frame, &raw mut time) };
    if ok == 0 || frame.is_null() {
        return Err(damaged());
    }
    let mut pixels = Pixels::zeroed(size.0, size.1, Layout::Rgba)?;
    // SAFETY: the canvas is `4 * width * height` bytes of the size in the header, which is `size`, and stays valid
    // until the decoder is used again or deleted.
    let canvas = unsafe { std::slice::from_raw_parts(frame, pixels.data.len()) };
    pixels.data.copy_from_slice(canvas);
    Ok(pixels)
}

fn damaged() -> CoreError {
    CoreError::new(ErrorClass::Corrupt, "damaged WebP")
}

fn check(status: sys::VP8StatusCode) -> Result<()> {
    use sys::VP8StatusCode as Code;
    let (class, message) = match status {
        Code::VP8_STATUS_OK => return Ok(()),
        Code::VP8_STATUS_OUT_OF_MEMORY => (ErrorClass::Oom, "no memory to decode the WebP"),
        Code::VP8_STATUS_UNSUPPORTED_FEATURE => {
            (ErrorClass::Unsupported, "a WebP feature that is not known")
        }
        Code::VP8_STATUS_SUSPENDED | Code::VP8_STATUS_NOT_ENOUGH_DATA => {
            (ErrorClass::Corrupt, "the WebP ends early")
        }
        _ => return Err(damaged()),
    };
    Err(CoreError::new(class, message))
}

/// The orientation in the EXIF chunk, upright without one.
fn orientation(data: &[u8]) -> Orientation {
    chunks(data)
        .find(|(name, _)| name == b"EXIF")
        .map_or(Orientation::UPRIGHT, |(_, payload)| {
            orient::from_exif(payload)
        })
}

/// The ICC profile, if there is one.
fn profile(data: &[u8]) -> Option<Vec<u8>> {
    let mut chunks = chunks(data);
    let (_, payload) = chunks.find(|(name, _)| name == b"ICCP")?;
    Some(payload.to_vec())
}

/// The chunks of a RIFF file: four-character name and payload, padded to even lengths.
fn chunks(data: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = data.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, tail) = rest.split_first_chunk::<4>()?;
        let (length, tail) = tail.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let payload = tail.get(..length)?;
        rest = tail.get(length + length % 2..).unwrap_or_default();
        Some((*name, payload))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_padded_and_cut_ones_left_out() {
        let file = b"RIFF\0\0\0\0WEBPabcd\x01\0\0\0x\0efgh\x02\0\0\0yzijkl\xff\0\0\0";
        let found: Vec<_> = chunks(file).collect();
        assert_eq!(found, [(*b"abcd", b"x".as_slice()), (*b"efgh", b"yz")]);
    }

    #[test]
    fn cut_files_are_corrupt() {
        let error = header(b"RIFF\x1a\0\0\0WEBPVP8 ").expect_err("no picture");
        assert_eq!(error.class, ErrorClass::Corrupt);
    }
}
