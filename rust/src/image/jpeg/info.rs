//! What a JPEG is, by its headers, how far it can be scaled, and what its decoder had to say.

use libc::c_int;
use turbojpeg_sys as sys;

/// The decompression scale in eighths: `ceil(side * eighths / 8)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(pub u32);

impl Scale {
    /// No scaling.
    pub const FULL: Self = Self(8);

    /// One side after scaling, as libjpeg rounds it.
    pub fn apply(self, side: u32) -> u32 {
        (u64::from(side) * u64::from(self.0)).div_ceil(8) as u32
    }

    /// How much of the scaled side the picture covers, in scaled pixels.
    pub fn extent(self, side: u32) -> f64 {
        f64::from(side) * f64::from(self.0) / 8.0
    }
}

/// Colour model of the compressed samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One component.
    Gray,
    /// Luma and two chroma components.
    Ycc,
    /// Three components stored as they are.
    Rgb,
    /// Four components, directly or as YCCK.
    Cmyk,
}

/// How often the chroma is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling(pub(super) c_int);

impl Sampling {
    /// Whether the planes can be had as they are: not when the factors are none of the usual ones.
    pub fn is_known(self) -> bool {
        self.0 >= 0 && self.0 != sys::TJSAMP_TJSAMP_GRAY as c_int
    }

    /// Columns and rows of each plane of a picture of this (scaled) size.
    pub fn plane_sizes(self, size: (u32, u32)) -> [(u32, u32); 3] {
        [0, 1, 2].map(|index| self.plane_size(index, size))
    }

    /// Columns and rows of component `index`'s plane of a picture of this (scaled) size.
    pub fn plane_size(self, index: c_int, (width, height): (u32, u32)) -> (u32, u32) {
        // SAFETY: both are pure functions of integers; impossible ones give -1 or 0.
        let (columns, rows) = unsafe {
            (
                sys::tj3YUVPlaneWidth(index, width as c_int, self.0),
                sys::tj3YUVPlaneHeight(index, height as c_int, self.0),
            )
        };
        (
            u32::try_from(columns).unwrap_or(0),
            u32::try_from(rows).unwrap_or(0),
        )
    }
}

/// What the headers up to the first scan say.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Colour model.
    pub colour: Colour,
    /// Chroma sampling.
    pub sampling: Sampling,
    /// Bits of one sample: 8, 12, or 2 to 16 when lossless.
    pub precision: u32,
    /// Whether all coefficients must be held in memory at once.
    pub progressive: bool,
    /// Lossless JPEG cannot be scaled while decoding.
    pub lossless: bool,
}

/// What the decoder had to say about data it got through to the end of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Sound,
    /// The data ends early; what is missing is mid-grey, or less sharp.
    EndsEarly,
    /// The data is damaged: the message of libjpeg.
    Damaged(String),
}
