//! Decoded pixels: interleaved 8-bit samples or planar YCbCr.

use super::memory;
use crate::error::Result;

/// What the samples of one interleaved pixel mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One luma sample.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and straight (not premultiplied) alpha.
    Rgba,
    /// Cyan, magenta, yellow, black: 0 is no ink.
    Cmyk,
}

impl Layout {
    /// Bytes of one pixel.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// Interleaved 8-bit pixels, rows from the top, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Meaning of the samples.
    pub layout: Layout,
    /// `width * height * layout.channels()` bytes.
    pub data: Vec<u8>,
}

impl Pixels {
    /// All-zero pixels (transparent or black).
    ///
    /// # Errors
    /// `oom` when the memory cannot be had.
    pub fn zeroed(width: u32, height: u32, layout: Layout) -> Result<Self> {
        let data = memory::zeroed(memory::area(width, height) * layout.channels())?;
        Ok(Self {
            width,
            height,
            layout,
            data,
        })
    }

    /// Bytes of one row.
    pub fn stride(&self) -> usize {
        self.width as usize * self.layout.channels()
    }

    /// A part of it, which must lie in it.
    pub fn cut(self, left: u32, top: u32, width: u32, height: u32) -> Self {
        let (stride, channels) = (self.stride(), self.layout.channels());
        let (start, length) = (left as usize * channels, width as usize * channels);
        let rows = self.data.chunks_exact(stride.max(1));
        let data = rows
            .skip(top as usize)
            .take(height as usize)
            .flat_map(|row| &row[start..start + length])
            .copied()
            .collect();
        Self {
            width,
            height,
            data,
            ..self
        }
    }

    /// The same picture without its alpha channel when every pixel is opaque.
    pub fn drop_opaque_alpha(self) -> Self {
        if self.layout != Layout::Rgba || !self.is_opaque() {
            return self;
        }
        let mut data = Vec::with_capacity(self.data.len() / 4 * 3);
        for pixel in self.data.chunks_exact(4) {
            data.extend_from_slice(&pixel[..3]);
        }
        Self {
            layout: Layout::Rgb,
            data,
            ..self
        }
    }

    /// Whether the alpha of every RGBA pixel is 255, looked up row by row.
    fn is_opaque(&self) -> bool {
        let row_is_opaque = |row: &[u8]| {
            let (pixels, _) = row.as_chunks::<4>();
            pixels.iter().fold(255, |all, pixel| all & pixel[3]) == 255
        };
        self.data.chunks(self.stride().max(4)).all(row_is_opaque)
    }

    /// RGB with alpha from a plane of its size; others as they are.
    pub fn with_alpha(self, alpha: &[u8]) -> Self {
        if self.layout != Layout::Rgb {
            return self;
        }
        let (colours, _) = self.data.as_chunks::<3>();
        let pixel = |(&[red, green, blue], &alpha): (&[u8; 3], &u8)| [red, green, blue, alpha];
        let data = colours.iter().zip(alpha).flat_map(pixel).collect();
        Self {
            layout: Layout::Rgba,
            data,
            ..self
        }
    }

    /// Grey repeated into three channels; RGB and RGBA as they are.
    pub fn with_colour(self) -> Self {
        if self.layout != Layout::Gray {
            return self;
        }
        let data = self.data.iter().flat_map(|&grey| [grey; 3]).collect();
        Self {
            layout: Layout::Rgb,
            data,
            ..self
        }
    }
}

/// One plane of samples, rows from the top, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` samples.
    pub data: Vec<u8>,
}

impl Plane {
    /// A plane with every sample 0.
    ///
    /// # Errors
    /// `oom` when the memory cannot be had.
    pub fn zeroed(width: u32, height: u32) -> Result<Self> {
        let data = memory::zeroed(memory::area(width, height))?;
        Ok(Self {
            width,
            height,
            data,
        })
    }
}

/// How the numbers of YCbCr planes map to light (both with the BT.601 matrix).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// JFIF: luma 0 to 255, chroma 0 to 255 around 128.
    Full,
    /// WebP: luma 16 to 235, chroma 16 to 240 around 128.
    Limited,
}

impl Range {
    /// The luma that is black, and what luma and chroma are to be multiplied with to reach from 0 to 255 and from
    /// -128 to 127 (ITU-R BT.601).
    pub fn scales(self) -> (f64, f64, f64) {
        match self {
            Self::Full => (0.0, 1.0, 1.0),
            Self::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
        }
    }
}

/// A picture as luma and two chroma planes; the chroma planes may be smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Luma; its size is the picture's size.
    pub y: Plane,
    /// Blue difference.
    pub u: Plane,
    /// Red difference, of the same size as `u`.
    pub v: Plane,
    /// Meaning of the numbers.
    pub range: Range,
}

/// A decoded picture in whichever form its decoder gives at least cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raster {
    /// Interleaved samples.
    Pixels(Pixels),
    /// Planar YCbCr.
    Planes(Planes),
}

impl Raster {
    /// Columns of the picture.
    pub fn width(&self) -> u32 {
        match self {
            Self::Pixels(pixels) => pixels.width,
            Self::Planes(planes) => planes.y.width,
        }
    }

    /// Rows of the picture.
    pub fn height(&self) -> u32 {
        match self {
            Self::Pixels(pixels) => pixels.height,
            Self::Planes(planes) => planes.y.height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(layout: Layout, data: &[u8]) -> Pixels {
        let width = (data.len() / layout.channels()) as u32;
        Pixels {
            width,
            height: 1,
            layout,
            data: data.to_vec(),
        }
    }

    #[test]
    fn opaque_alpha_is_dropped() {
        let opaque = pixels(Layout::Rgba, &[1, 2, 3, 255, 4, 5, 6, 255]).drop_opaque_alpha();
        assert_eq!(opaque, pixels(Layout::Rgb, &[1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn real_alpha_is_kept() {
        let glass = pixels(Layout::Rgba, &[1, 2, 3, 255, 4, 5, 6, 254]);
        assert_eq!(glass.clone().drop_opaque_alpha(), glass);
    }

    #[test]
    fn grey_becomes_three_equal_channels() {
        assert_eq!(
            pixels(Layout::Gray, &[7, 9]).with_colour(),
            pixels(Layout::Rgb, &[7, 7, 7, 9, 9, 9])
        );
    }
}
