//! From 8-bit samples to grey, RGB or RGBA pixels, by TIFF's photometric interpretations.

use crate::error::{CoreError, ErrorClass, Result};
use crate::image::memory::{self, Limits};
use crate::image::pixels::{Layout, Pixels};

/// How samples become colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// 0 is white.
    WhiteIsZero,
    /// 0 is black.
    BlackIsZero,
    /// Red, green, blue.
    Rgb,
    /// Indices into colours.
    Palette(Vec<[u8; 3]>),
    /// Inks, 0 being none.
    Cmyk,
    /// Luma and chroma of full range, BT.601.
    YCbCr,
    /// CIE L*a*b* (D50); `offset` is 128 when a and b are stored with it (ICC), else 0 (two's complement).
    Lab {
        /// What is added to a* and b*.
        offset: i16,
    },
}

impl Model {
    /// Samples of one pixel that carry colour; alpha and others follow.
    pub fn channels(&self) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr | Self::Lab { .. } => 3,
            Self::Cmyk => 4,
        }
    }
}

/// What the first extra sample holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpha {
    /// No alpha.
    None,
    /// Colours are premultiplied.
    Associated,
    /// Colours are not.
    Straight,
}

/// Pixels from `samples`, `channels` for each pixel.
///
/// # Errors
/// `corrupt` when there are fewer channels than the model needs; `too_large` or `oom`.
pub fn pixels(
    samples: Vec<u8>,
    (width, height): (u32, u32),
    channels: usize,
    model: &Model,
    alpha: Alpha,
    limits: &Limits,
) -> Result<Pixels> {
    let colours = model.channels();
    let has_alpha = alpha != Alpha::None && channels > colours;
    if channels < colours {
        return Err(CoreError::new(
            ErrorClass::Corrupt,
            "the TIFF has too few samples for its colour model",
        ));
    }
    let layout = match (has_alpha, colours, model) {
        (true, ..) => Layout::Rgba,
        (false, 1, Model::WhiteIsZero | Model::BlackIsZero) => Layout::Gray,
        _ => Layout::Rgb,
    };
    let as_they_are = matches!(model, Model::Rgb | Model::BlackIsZero)
        && channels == layout.channels()
        && alpha != Alpha::Associated;
    let data = if as_they_are {
        samples
    } else {
        let length = memory::area(width, height) * layout.channels();
        limits.check_bytes((samples.len() + length) as u64)?;
        let mut data = memory::zeroed(length)?;
        for (source, target) in samples
            .chunks_exact(channels)
            .zip(data.chunks_exact_mut(layout.channels()))
        {
            convert(source, target, model, alpha);
        }
        data
    };
    Ok(Pixels {
        width,
        height,
        layout,
        data,
    })
}

/// One pixel.
fn convert(source: &[u8], target: &mut [u8], model: &Model, alpha: Alpha) {
    let rgb = colour(source, model);
    match target {
        [grey] => *grey = rgb[0],
        [r, g, b] => [*r, *g, *b] = rgb,
        [r, g, b, a] => {
            *a = source[model.channels()];
            [*r, *g, *b] = match alpha {
                Alpha::Associated => rgb.map(|c| unpremultiplied(c, *a)),
                _ => rgb,
            };
        }
        _ => {}
    }
}

fn unpremultiplied(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha).max(1));
    ((colour * 255 + alpha / 2) / alpha).min(255) as u8
}

fn colour(source: &[u8], model: &Model) -> [u8; 3] {
    match model {
        Model::WhiteIsZero => [255 - source[0]; 3],
        Model::BlackIsZero => [source[0]; 3],
        Model::Rgb => [source[0], source[1], source[2]],
        Model::Palette(map) => map.get(usize::from(source[0])).copied().unwrap_or_default(),
        Model::Cmyk => {
            let light = 255 - u32::from(source[3]);
            [source[0], source[1], source[2]]
                .map(|ink| (((255 - u32::from(ink)) * light + 127) / 255) as u8)
        }
        Model::YCbCr => ycbcr(source[0], source[1], source[2]),
        Model::Lab { offset } => {
            let centred = |value: u8| match offset {
                0 => f32::from(value as i8),
                offset => f32::from(i16::from(value) - offset),
            };
            lab(
                f32::from(source[0]) / 2.55,
                centred(source[1]),
                centred(source[2]),
            )
        }
    }
}

/// Full-range BT.601 (JFIF 1.02) to RGB.
pub fn ycbcr(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
    .map(|value| (value + 0.5) as u8)
}

/// CIE L*a*b* of D50 to sRGB: CIE 15:2004 for XYZ, the Bradford-adapted matrix of Lindbloom, IEC 61966-2-1.
fn lab(l: f32, a: f32, b: f32) -> [u8; 3] {
    const WHITE: [f32; 3] = [0.9642, 1.0, 0.8249];
    let fy = (l + 16.0) / 116.0;
    let cube = |t: f32| {
        if t > 6.0 / 29.0 {
            t * t * t
        } else {
            3.0 * (6.0f32 / 29.0).powi(2) * (t - 4.0 / 29.0)
        }
    };
    let x = WHITE[0] * cube(fy + a / 500.0);
    let y = WHITE[1] * cube(fy);
    let z = WHITE[2] * cube(fy - b / 200.0);
    [
        3.133_856 * x - 1.616_867 * y - 0.490_615 * z,
        -0.978_768 * x + 1.916_141 * y + 0.033_454 * z,
        0.071_945 * x - 0.228_991 * y + 1.405_243 * z,
    ]
    .map(super::samples::linear_to_srgb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours() {
        assert_eq!(ycbcr(255, 128, 128), [255; 3]);
        assert_eq!(ycbcr(76, 85, 255), [254, 0, 0]);
        assert_eq!(colour(&[0, 0, 0, 0], &Model::Cmyk), [255; 3]);
        assert_eq!(colour(&[255, 0, 0, 0], &Model::Cmyk), [0, 255, 255]);
        assert_eq!(lab(100.0, 0.0, 0.0), [255; 3]);
        assert_eq!(lab(0.0, 0.0, 0.0), [0; 3]);
        // sRGB red is L* 54.29, a* 80.81, b* 69.89 under D50.
        let [r, g, b] = lab(54.29, 80.81, 69.89);
        assert!(r >= 254 && g <= 3 && b <= 3, "{r} {g} {b}");
    }

    #[test]
    fn associated_alpha_is_divided_out() {
        let limits = Limits::with_max_pixels(10);
        let half = vec![64, 32, 0, 128];
        let made = pixels(half, (1, 1), 4, &Model::Rgb, Alpha::Associated, &limits);
        assert_eq!(made.expect("small").data, [128, 64, 0, 128]);
    }

    #[test]
    fn palettes_shorter_than_their_indices_give_black() {
        let model = Model::Palette(vec![[1, 2, 3]]);
        assert_eq!(colour(&[0], &model), [1, 2, 3]);
        assert_eq!(colour(&[9], &model), [0, 0, 0]);
    }
}
