//! WebP by libwebp's advanced interface.

use std::ffi::{c_int, c_void};
use std::slice;

use libwebp_sys as sys;

use super::pixels::{Layout, Pixels, Plane, Planes, Range, Raster};
use crate::error::{CoreError, ErrorClass, Result};

/// The encoder's effort unless a caller says otherwise. Method 2 takes half the time of libwebp's default 4 for about
/// 4 % more bytes at the same quality (docs/performance.md).
pub const DEFAULT_METHOD: u8 = 2;

/// The most effort libwebp knows.
pub const MAX_METHOD: u8 = 6;

/// The longest side a WebP file can have, in pixels.
pub const MAX_SIDE: u32 = 16_383;

/// Encode a whole lossy WebP file, without metadata.
///
/// `quality`: 0 to 100. `method`: effort, 0 to [`MAX_METHOD`]; above counts as that.
///
/// # Errors
/// `too_large` above [`MAX_SIDE`], `oom` when libwebp runs out of memory.
pub fn webp(raster: &Raster, quality: u8, method: u8) -> Result<Vec<u8>> {
    let (width, height) = (raster.width(), raster.height());
    if width.max(height) > MAX_SIDE || width.min(height) == 0 {
        return Err(CoreError::new(
            ErrorClass::TooLarge,
            format!("{width} x {height} pixels do not fit into a WebP file"),
        ));
    }
    let config = config(quality, method)?;
    let mut sink = Vec::new();
    match raster {
        Raster::Pixels(pixels) if pixels.layout == Layout::Gray => {
            encode_planes(&planes_from_gray(pixels), &config, &mut sink)?;
        }
        Raster::Pixels(pixels) => encode_pixels(pixels, &config, &mut sink)?,
        Raster::Planes(planes) if planes.range == Range::Limited => {
            encode_planes(planes, &config, &mut sink)?;
        }
        Raster::Planes(planes) => encode_planes(&limited(planes), &config, &mut sink)?,
    }
    Ok(sink)
}

fn config(quality: u8, method: u8) -> Result<sys::WebPConfig> {
    let mut config = sys::WebPConfig::new().map_err(|()| version_mismatch())?;
    config.quality = f32::from(quality.min(100));
    config.method = c_int::from(method.min(MAX_METHOD));
    // One thread: callers run many pictures at once, and the bytes must not depend on their number.
    config.thread_level = 0;
    Ok(config)
}

fn version_mismatch() -> CoreError {
    CoreError::new(
        ErrorClass::Crash,
        "libwebp and its bindings are of different versions",
    )
}

/// An initialised picture that frees what libwebp allocated for it.
struct Canvas(sys::WebPPicture);

impl Canvas {
    fn new(width: u32, height: u32, sink: &mut Vec<u8>) -> Result<Self> {
        let mut picture = sys::WebPPicture::new().map_err(|()| version_mismatch())?;
        picture.width = width as c_int;
        picture.height = height as c_int;
        picture.use_argb = 0;
        picture.writer = Some(append);
        picture.custom_ptr = std::ptr::from_mut(sink).cast();
        Ok(Self(picture))
    }

    /// Run the encoder. The sink given to [`Canvas::new`] must still be there and be borrowed by nobody.
    fn encode(&mut self, config: &sys::WebPConfig) -> Result<()> {
        // SAFETY: both structures are initialised; the planes the picture points to outlive the call (they are
        // libwebp's own, or borrowed by the caller across it), and so does the sink behind `custom_ptr`.
        if unsafe { sys::WebPEncode(config, &raw mut self.0) } != 0 {
            return Ok(());
        }
        Err(explain(self.0.error_code))
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        // SAFETY: frees only what libwebp allocated for this picture; borrowed planes are not among it.
        unsafe { sys::WebPPictureFree(&raw mut self.0) }
    }
}

fn explain(code: sys::WebPEncodingError) -> CoreError {
    use sys::WebPEncodingError as Code;
    let class = match code {
        Code::VP8_ENC_ERROR_OUT_OF_MEMORY | Code::VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY => {
            ErrorClass::Oom
        }
        Code::VP8_ENC_ERROR_BAD_DIMENSION
        | Code::VP8_ENC_ERROR_PARTITION0_OVERFLOW
        | Code::VP8_ENC_ERROR_PARTITION_OVERFLOW
        | Code::VP8_ENC_ERROR_FILE_TOO_BIG => ErrorClass::TooLarge,
        Code::VP8_ENC_ERROR_BAD_WRITE => ErrorClass::Oom,
        _ => ErrorClass::Crash,
    };
    CoreError::new(class, format!("WebP encoder: {code:?}"))
}

/// libwebp's writer: append to the `Vec<u8>` behind `custom_ptr`; 0 when there is no memory.
extern "C" fn append(data: *const u8, size: usize, picture: *const sys::WebPPicture) -> c_int {
    if size == 0 {
        return 1;
    }
    // SAFETY: libwebp calls this within WebPEncode with the picture given to it, whose `custom_ptr` Canvas::new set
    // to a live vector that nobody else touches during that call, and with `size` readable bytes at `data`.
    let (sink, bytes) = unsafe {
        let sink: *mut c_void = (*picture).custom_ptr;
        (
            &mut *sink.cast::<Vec<u8>>(),
            slice::from_raw_parts(data, size),
        )
    };
    if sink.try_reserve(size).is_err() {
        return 0;
    }
    sink.extend_from_slice(bytes);
    1
}

fn encode_pixels(pixels: &Pixels, config: &sys::WebPConfig, sink: &mut Vec<u8>) -> Result<()> {
    let mut canvas = Canvas::new(pixels.width, pixels.height, sink)?;
    let stride = pixels.stride() as c_int;
    let import = match pixels.layout {
        Layout::Rgba => sys::WebPPictureImportRGBA,
        _ => sys::WebPPictureImportRGB,
    };
    // SAFETY: `data` holds `height` rows of `stride` bytes of the layout imported; libwebp copies them.
    if unsafe { import(&raw mut canvas.0, pixels.data.as_ptr(), stride) } == 0 {
        return Err(explain(canvas.0.error_code));
    }
    canvas.encode(config)
}

/// Encode 4:2:0 planes of limited range without copying them.
fn encode_planes(planes: &Planes, config: &sys::WebPConfig, sink: &mut Vec<u8>) -> Result<()> {
    let Planes { y, u, v, .. } = planes;
    let half = (y.width.div_ceil(2), y.height.div_ceil(2));
    if (u.width, u.height) != half || (v.width, v.height) != half {
        return Err(CoreError::new(
            ErrorClass::Crash,
            "chroma planes of the wrong size",
        ));
    }
    let mut canvas = Canvas::new(y.width, y.height, sink)?;
    canvas.0.colorspace = sys::WebPEncCSP::WEBP_YUV420;
    // libwebp only reads the planes of a picture it encodes; its structure has no const pointers.
    canvas.0.y = y.data.as_ptr().cast_mut();
    canvas.0.u = u.data.as_ptr().cast_mut();
    canvas.0.v = v.data.as_ptr().cast_mut();
    canvas.0.y_stride = y.width as c_int;
    canvas.0.uv_stride = u.width as c_int;
    canvas.encode(config)
}

/// Luma of full range as limited range: round(16 + 219 * y / 255) (ITU-R BT.601). Sums in 16.16 fixed point, so that
/// the compiler makes vector code of it; the tests compare all values with the formula.
fn limited_luma(y: u8) -> u8 {
    (16 + ((u32::from(y) * 56_284 + 32_768) >> 16)) as u8
}

/// Chroma of full range as limited range: round(128 + 224 * (c - 128) / 255) (ITU-R BT.601), likewise.
fn limited_chroma(c: u8) -> u8 {
    ((u32::from(c) * 57_569 + ((128 << 16) + 32_768 - 128 * 57_569)) >> 16) as u8
}

fn mapped(plane: &Plane, map: impl Fn(u8) -> u8) -> Plane {
    Plane {
        width: plane.width,
        height: plane.height,
        data: plane.data.iter().map(|&value| map(value)).collect(),
    }
}

fn limited(planes: &Planes) -> Planes {
    Planes {
        y: mapped(&planes.y, limited_luma),
        u: mapped(&planes.u, limited_chroma),
        v: mapped(&planes.v, limited_chroma),
        range: Range::Limited,
    }
}

fn planes_from_gray(pixels: &Pixels) -> Planes {
    let (width, height) = (pixels.width.div_ceil(2), pixels.height.div_ceil(2));
    let neutral = Plane {
        width,
        height,
        data: vec![128; width as usize * height as usize],
    };
    Planes {
        y: Plane {
            width: pixels.width,
            height: pixels.height,
            data: pixels.data.iter().map(|&grey| limited_luma(grey)).collect(),
        },
        u: neutral.clone(),
        v: neutral,
        range: Range::Limited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_map_end_to_end() {
        assert_eq!([0, 255].map(limited_luma), [16, 235]);
        assert_eq!([0, 1, 128, 255].map(limited_chroma), [16, 16, 128, 240]);
        for value in 0..=255u8 {
            let luma = 16.0 + f64::from(value) * 219.0 / 255.0;
            assert_eq!(f64::from(limited_luma(value)), luma.round(), "luma {value}");
            let chroma = 128.0 + (f64::from(value) - 128.0) * 224.0 / 255.0;
            assert_eq!(
                f64::from(limited_chroma(value)),
                (chroma + 0.5).floor(),
                "chroma {value}"
            );
        }
    }

    #[test]
    fn a_side_beyond_the_format_is_too_large() {
        let wide = Pixels::zeroed(MAX_SIDE + 1, 1, Layout::Gray).expect("small");
        let error = webp(&Raster::Pixels(wide), 80, 2).expect_err("too wide");
        assert_eq!(error.class, ErrorClass::TooLarge);
    }

    #[test]
    fn every_layout_becomes_a_webp_file() {
        for layout in [Layout::Gray, Layout::Rgb, Layout::Rgba] {
            let pixels = Pixels::zeroed(33, 17, layout).expect("small");
            let file = webp(&Raster::Pixels(pixels), 80, 2).expect("encodes");
            assert_eq!(&file[..4], b"RIFF");
            assert_eq!(&file[8..12], b"WEBP");
        }
    }
}
