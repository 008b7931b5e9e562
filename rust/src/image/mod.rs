//! Pictures: probe, decode, orient, resize, encode. One read and one decode serve all thumbnails of a picture.
//!
//! Nothing here trusts a file: the size a header announces is checked before anything is allocated for it, decoders
//! get a memory budget, and every failure has a class.

mod avif;
mod batch;
mod binary;
mod bmp;
mod bytes;
mod cicp;
mod colour;
mod encode;
mod enlarge;
mod format;
mod gamma;
mod gif;
mod gray;
mod hdr;
mod icon;
mod jpeg;
mod jxl;
mod level;
pub mod likeness;
mod look;
mod memory;
mod netpbm;
mod orient;
mod partial;
mod pixels;
mod png;
mod print;
mod psd;
mod qoi;
mod raw;
mod resize;
mod rulings;
mod skew;
mod source;
mod svg;
mod thumbhash;
mod thumbnail;
mod tiff;
mod warp;
mod webp;

pub use batch::{Batch, Outcome, Waited};
pub use binary::binarised;
pub use encode::{DEFAULT_METHOD, MAX_METHOD};
pub use enlarge::enlarged;
pub use format::{About, Format};
pub use gray::{Gray, GrayBuf, histogram, luma};
pub use level::levelled;
pub use look::{Glance, Look};
pub use memory::Limits;
pub use orient::Orientation;
pub use pixels::{Layout, Pixels, Raster};
pub use print::{Print, TILE, print};
pub use rulings::{Rulings, rulings};
pub use source::read_file;
pub use thumbhash::decode as thumbhash_pixels;
pub use thumbnail::{Spec, Thumbnail, likeness_from_pixels, thumbhash, thumbhash_from_pixels};
pub use thumbnail::{thumbnails, thumbnails_from_pixels};
pub use tiff::Endian;
pub use warp::warped;

use crate::error::{CoreError, ErrorClass, Result};

/// What a file's header says about its (first) picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format, by magic bytes.
    pub format: Format,
    /// Stored columns.
    pub width: u32,
    /// Stored rows.
    pub height: u32,
    /// How to turn the stored picture upright.
    pub orientation: Orientation,
}

impl Header {
    /// Width and height of the upright picture.
    pub fn upright_size(&self) -> (u32, u32) {
        self.orientation.upright_size(self.width, self.height)
    }
}

/// How large a decoded picture has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Every pixel.
    Full,
    /// A longest side of at least this many pixels; decoders that can yield a smaller picture at less cost may.
    AtLeast(u32),
}

impl Want {
    fn longest_side(self) -> Option<u32> {
        match self {
            Self::Full => None,
            Self::AtLeast(side) => Some(side),
        }
    }
}

/// A decoded picture, as stored, and how to turn it upright.
#[derive(Clone, Debug)]
pub struct Picture<T> {
    /// The samples.
    pub raster: T,
    /// How to turn them upright.
    pub orientation: Orientation,
    /// Stored width and height before any scaling by the decoder, in pixels.
    pub full_size: (u32, u32),
    /// The ICC profile of the samples, if the file has one.
    pub profile: Option<Vec<u8>>,
    /// How much of the raster the picture covers, in its pixels: scaling decoders round sides up.
    pub extent: (f64, f64),
    /// Whether the file ends early and only what is there is shown.
    pub truncated: bool,
    /// What is damaged, in words, where the picture is worth showing all the same.
    pub damage: Option<String>,
}

impl Picture<Pixels> {
    /// A picture that was decoded without scaling.
    fn unscaled(pixels: Pixels, orientation: Orientation) -> Self {
        Self {
            full_size: (pixels.width, pixels.height),
            extent: (pixels.width.into(), pixels.height.into()),
            raster: pixels,
            orientation,
            profile: None,
            truncated: false,
            damage: None,
        }
    }

    /// The same, marked as a part of the picture.
    fn with_truncated(self, truncated: bool) -> Self {
        Self { truncated, ..self }
    }

    /// The same with an ICC profile.
    fn with_profile(self, profile: Option<Vec<u8>>) -> Self {
        Self { profile, ..self }
    }

    /// The same with a raster that may be planar.
    fn into_raster(self) -> Picture<Raster> {
        Picture {
            raster: Raster::Pixels(self.raster.drop_opaque_alpha()),
            orientation: self.orientation,
            full_size: self.full_size,
            profile: self.profile,
            extent: self.extent,
            truncated: self.truncated,
            damage: self.damage,
        }
    }
}

/// Read the header only, of a page of the file: 0 for the first, and for formats without pages.
///
/// # Errors
/// `unsupported` for a format that is not read here, `corrupt` for a damaged header.
pub fn probe(data: &[u8], page: usize) -> Result<Header> {
    let limits = Limits::with_max_pixels(u64::MAX);
    let header = match sniff(data)? {
        Format::Jpeg => jpeg::header(data, &limits),
        Format::Png => png::header(data, &limits),
        Format::Gif => gif::header(data),
        Format::Bmp => bmp::header(data),
        Format::Ico => icon::header(data, &limits),
        Format::Tiff => tiff::header(data, page),
        Format::Webp => webp::header(data),
        Format::Raw => raw::header(data),
        Format::Avif => avif::header(data),
        Format::Jxl => jxl::header(data, &limits),
        Format::Svg => svg::header(data),
        Format::Qoi => qoi::header(data),
        Format::Pnm => netpbm::header(data),
        Format::Psd => psd::header(data),
    }?;
    if header.width == 0 || header.height == 0 {
        return Err(CoreError::new(
            ErrorClass::Corrupt,
            "the header announces an empty picture",
        ));
    }
    Ok(header)
}

/// Decode the (first) picture as stored, to interleaved samples.
///
/// # Errors
/// Any class of [`ErrorClass`] that a file can cause: `unsupported`, `corrupt`, `too_large`, `oom`.
pub fn decode(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Pixels>> {
    match sniff(data)? {
        Format::Jpeg => jpeg::decode(data, want, limits),
        Format::Png => png::decode(data, limits),
        Format::Gif => gif::decode(data, limits),
        Format::Bmp => bmp::decode(data, limits),
        Format::Ico => icon::decode(data, limits),
        Format::Tiff => tiff::decode(data, 0, limits),
        Format::Webp => webp::decode(data, want, limits),
        Format::Raw => raw::decode(data, want, limits),
        Format::Avif => avif::decode(data, limits),
        Format::Jxl => jxl::decode(data, limits),
        Format::Svg => svg::decode(data, want, limits),
        Format::Qoi => qoi::decode(data, limits),
        Format::Pnm => netpbm::decode(data, limits),
        Format::Psd => psd::decode(data, limits),
    }
}

/// Whether the decoder of this picture gives other pixels when less is wanted.
fn scales_while_decoding(data: &[u8]) -> bool {
    matches!(
        Format::sniff(data),
        Some(Format::Jpeg | Format::Webp | Format::Raw | Format::Svg)
    )
}

/// Decode the (first) picture as stored, in whichever form is cheapest to make thumbnails of.
///
/// # Errors
/// As [`decode`].
pub fn decode_raster(data: &[u8], want: Want, limits: &Limits) -> Result<Picture<Raster>> {
    match sniff(data)? {
        Format::Jpeg => jpeg::decode_raster(data, want, limits),
        Format::Raw => raw::decode_raster(data, want, limits),
        Format::Avif => avif::decode_raster(data, limits),
        _ => decode(data, want, limits).map(Picture::into_raster),
    }
}

/// Decode upright RGB or RGBA pixels of sRGB whose longest side is at most `max_side`. Alpha is there when some pixel is
/// not opaque.
///
/// # Errors
/// As [`decode`]; `corrupt` also when only a part is there, for pixels carry no mark.
pub fn decode_upright(data: &[u8], max_side: Option<u32>, limits: &Limits) -> Result<Pixels> {
    decode_page(data, 0, max_side, limits)
}

/// Decode a page as [`decode_upright`]: 0 for the first, and for formats without pages.
///
/// # Errors
/// As [`decode_upright`].
pub fn decode_page(
    data: &[u8],
    page: usize,
    max_side: Option<u32>,
    limits: &Limits,
) -> Result<Pixels> {
    let want = max_side.map_or(Want::Full, Want::AtLeast);
    let picture = match page {
        0 => decode(data, want, limits)?,
        page => tiff::decode(data, page, limits)?,
    };
    if picture.truncated {
        return Err(CoreError::new(ErrorClass::Corrupt, "the file ends early"));
    }
    let (width, height) = picture.full_size;
    let size = resize::fit(width, height, max_side.unwrap_or(u32::MAX));
    let pixels = resize::pixels(&picture.raster, picture.extent, size)?;
    let pixels = colour::to_srgb(pixels, picture.profile.as_deref())?;
    let pixels = orient::upright_pixels(pixels, picture.orientation)?;
    Ok(pixels.drop_opaque_alpha().with_colour())
}

/// Pixels that another decoder gave, upright already: scaled down to `max_side`, and to sRGB from the colours of an ICC
/// profile, or else of H.273's code points for primaries and transfer.
///
/// # Errors
/// `oom` when the memory for the result cannot be had.
pub fn srgb_from_pixels(
    pixels: Pixels,
    profile: Option<&[u8]>,
    code_points: Option<(u8, u8)>,
    max_side: Option<u32>,
) -> Result<Pixels> {
    let extent = (pixels.width.into(), pixels.height.into());
    let size = resize::fit(pixels.width, pixels.height, max_side.unwrap_or(u32::MAX));
    let pixels = resize::pixels(&pixels, extent, size)?;
    let named = match (profile, code_points) {
        (None, Some((primaries, transfer))) => cicp::profile(primaries, transfer),
        _ => None,
    };
    let pixels = colour::to_srgb(pixels, profile.or(named.as_deref()))?;
    Ok(pixels.drop_opaque_alpha().with_colour())
}

/// The pages of a file, by the numbers that [`decode_page`] takes: several in a TIFF, one in all others.
///
/// # Errors
/// As [`probe`].
pub fn pages(data: &[u8]) -> Result<Vec<usize>> {
    match sniff(data)? {
        Format::Tiff => tiff::pages(data),
        _ => Ok(vec![0]),
    }
}

/// What is damaged in a page that is decoded all the same, in words.
///
/// # Errors
/// As [`decode`].
pub fn damage(data: &[u8], page: usize, limits: &Limits) -> Result<Option<String>> {
    match sniff(data)? {
        Format::Tiff => tiff::damage(data, page, limits),
        _ => Ok(None),
    }
}

fn sniff(data: &[u8]) -> Result<Format> {
    if data.is_empty() {
        return Err(CoreError::new(ErrorClass::Corrupt, "the file is empty"));
    }
    Format::sniff(data).ok_or_else(|| {
        CoreError::new(
            ErrorClass::Unsupported,
            "not a picture of a format that is read here",
        )
    })
}
