//! YCbCr samples of up to 16 bits, and the way from them to RGB.

use super::items::Coded;
use crate::error::{CoreError, ErrorClass, Result};
use crate::image::memory;

/// One plane of samples, rows from the top, no padding.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    pub width: u32,
    pub height: u32,
    pub data: Vec<u16>,
}

impl Samples {
    pub fn zeroed(width: u32, height: u32) -> Result<Self> {
        let count = memory::area(width, height);
        let mut data = Vec::new();
        data.try_reserve_exact(count)
            .map_err(|_| CoreError::new(ErrorClass::Oom, "no memory for the samples of an AVIF"))?;
        data.resize(count, 0);
        Ok(Self {
            width,
            height,
            data,
        })
    }

    fn row(&self, y: usize) -> &[u16] {
        let width = self.width as usize;
        &self.data[y * width..][..width]
    }

    /// Copy what fits of `tile` to a place in this plane.
    pub fn paste(&mut self, tile: &Self, left: u32, top: u32) {
        let columns = tile.width.min(self.width.saturating_sub(left)) as usize;
        let rows = tile.height.min(self.height.saturating_sub(top)) as usize;
        let width = self.width as usize;
        if columns == 0 {
            return;
        }
        for y in 0..rows {
            let start = (top as usize + y) * width + left as usize;
            self.data[start..][..columns].copy_from_slice(&tile.row(y)[..columns]);
        }
    }
}

/// A decoded picture: luma, and two planes of chroma unless it is grey.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Bits of a sample.
    pub depth: u32,
    pub halves_columns: bool,
    pub halves_rows: bool,
    pub planes: Vec<Samples>,
    /// What the stream says of its colours.
    pub coded: Coded,
}

impl Frame {
    pub fn size(&self) -> (u32, u32) {
        (self.planes[0].width, self.planes[0].height)
    }

    pub fn is_grey(&self) -> bool {
        self.planes.len() == 1
    }

    /// Luma as 8 bits of full range.
    pub fn luma(&self, is_full_range: bool) -> Vec<u8> {
        let range = LumaRange::new(self.depth, is_full_range);
        let samples = self.planes[0].data.iter();
        samples
            .map(|&sample| to_byte(range.value(sample)))
            .collect()
    }

    /// Interleaved RGB of 8 bits, for numbers that mean what `coded` says.
    ///
    /// # Errors
    /// `oom`, or `unsupported` for a matrix that is not known.
    pub fn rgb(&self, coded: Coded) -> Result<Vec<u8>> {
        // One loop for each kind of matrix, so that none has to ask for it at every pixel.
        match Matrix::new(coded)? {
            Matrix::Identity => self.converted(coded, true, |y, u, v| [v, y, u]),
            Matrix::GreenOrange => {
                self.converted(coded, false, |y, u, v| [y - u + v, y + u, y - u - v])
            }
            Matrix::Weights(kr, kb) => {
                let kg = 1.0 - kr - kb;
                let (to_red, to_blue) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
                let (red_in_green, blue_in_green) = (kr * to_red / kg, kb * to_blue / kg);
                self.converted(coded, false, |y, u, v| {
                    let green = y - blue_in_green * u - red_in_green * v;
                    [y + to_red * v, green, y + to_blue * u]
                })
            }
        }
    }

    /// RGB by a formula for luma, blue difference and red difference; `is_light`: all three have the range of luma.
    fn converted(
        &self,
        coded: Coded,
        is_light: bool,
        formula: impl Fn(f32, f32, f32) -> [f32; 3],
    ) -> Result<Vec<u8>> {
        let (width, height) = self.size();
        let mut target = memory::zeroed(memory::area(width, height) * 3)?;
        let luma = LumaRange::new(self.depth, coded.is_full_range);
        let chroma = ChromaRange::new(self.depth, coded.is_full_range, is_light);
        let columns = width as usize;
        let (mut blue, mut red) = (vec![0.0; columns], vec![0.0; columns]);
        let mut mixed = Vec::new();
        for (y, row) in target.chunks_exact_mut(columns * 3).enumerate() {
            self.chroma_row(&self.planes[1], y, chroma, &mut mixed, &mut blue);
            self.chroma_row(&self.planes[2], y, chroma, &mut mixed, &mut red);
            let samples = self.planes[0].row(y).iter().zip(blue.iter().zip(&red));
            let (pixels, _) = row.as_chunks_mut::<3>();
            for (pixel, (&sample, (&blue, &red))) in pixels.iter_mut().zip(samples) {
                *pixel = formula(luma.value(sample), blue, red).map(to_byte);
            }
        }
        Ok(target)
    }

    /// Chroma for each column of row `y`. Where it is halved, three quarters come from the nearest sample and one from
    /// the next nearest. `mixed` is scratch space.
    fn chroma_row(
        &self,
        plane: &Samples,
        y: usize,
        range: ChromaRange,
        mixed: &mut Vec<f32>,
        target: &mut [f32],
    ) {
        let (near, far) = match self.halves_rows {
            true => neighbours(y, plane.height as usize),
            false => (y, y),
        };
        let rows = plane.row(near).iter().zip(plane.row(far));
        let mix = |(&near, &far): (&u16, &u16)| (3.0 * f32::from(near) + f32::from(far)) / 4.0;
        mixed.clear();
        mixed.extend(rows.map(|pair| range.value(mix(pair))));
        if self.halves_columns {
            spread(mixed, target);
        } else {
            target.copy_from_slice(mixed);
        }
    }
}

/// Twice as many columns, or one less.
fn spread(source: &[f32], target: &mut [f32]) {
    let last = source.len() - 1;
    let between = |near: usize, far: usize| (3.0 * source[near] + source[far]) / 4.0;
    let (pairs, rest) = target.as_chunks_mut::<2>();
    for (x, pair) in pairs.iter_mut().enumerate() {
        *pair = [
            between(x, x.saturating_sub(1)),
            between(x, (x + 1).min(last)),
        ];
    }
    if let [odd] = rest {
        *odd = between(last, last.saturating_sub(1));
    }
}

/// The nearest and the next nearest of `count` halved samples.
fn neighbours(place: usize, count: usize) -> (usize, usize) {
    let near = place / 2;
    let far = if place.is_multiple_of(2) {
        near.saturating_sub(1)
    } else {
        (near + 1).min(count - 1)
    };
    (near, far)
}

/// Luma to 0...255.
#[derive(Clone, Copy)]
struct LumaRange {
    black: f32,
    scale: f32,
}

impl LumaRange {
    fn new(depth: u32, is_full: bool) -> Self {
        let unit = (1u32 << (depth - 8)) as f32;
        if is_full {
            Self {
                black: 0.0,
                scale: 255.0 / (256.0 * unit - 1.0),
            }
        } else {
            Self {
                black: 16.0 * unit,
                scale: 255.0 / (219.0 * unit),
            }
        }
    }

    fn value(self, sample: u16) -> f32 {
        (f32::from(sample) - self.black) * self.scale
    }
}

/// Chroma to -127.5...127.5; with the identity matrix it is light like luma.
#[derive(Clone, Copy)]
struct ChromaRange {
    middle: f32,
    scale: f32,
}

impl ChromaRange {
    fn new(depth: u32, is_full: bool, is_light: bool) -> Self {
        let unit = (1u32 << (depth - 8)) as f32;
        if is_light {
            let LumaRange { black, scale } = LumaRange::new(depth, is_full);
            return Self {
                middle: black,
                scale,
            };
        }
        Self {
            middle: 128.0 * unit,
            scale: if is_full {
                255.0 / (256.0 * unit - 1.0)
            } else {
                255.0 / (224.0 * unit)
            },
        }
    }

    fn value(self, sample: f32) -> f32 {
        (sample - self.middle) * self.scale
    }
}

/// How red, green and blue were made luma and chroma. Source: ITU-T H.273, table 4 and equations 11 ff.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Matrix {
    /// Green, blue, red.
    Identity,
    /// YCgCo.
    GreenOrange,
    /// Weights of red and of blue in luma.
    Weights(f32, f32),
}

impl Matrix {
    fn new(coded: Coded) -> Result<Self> {
        Ok(match coded.matrix {
            0 => Self::Identity,
            1 => Self::Weights(0.2126, 0.0722),
            // Unspecified: what the encoders that write it mean.
            2 | 5 | 6 => Self::Weights(0.299, 0.114),
            4 => Self::Weights(0.30, 0.11),
            7 => Self::Weights(0.212, 0.087),
            8 => Self::GreenOrange,
            // Constant luminance (10) is taken for the other, which is close.
            9 | 10 => Self::Weights(0.2627, 0.0593),
            // Derived from the primaries.
            12 if coded.primaries == 9 => Self::Weights(0.2627, 0.0593),
            12 if matches!(coded.primaries, 11 | 12) => Self::Weights(0.228_97, 0.079_29),
            12 => Self::Weights(0.2126, 0.0722),
            matrix => {
                return Err(CoreError::new(
                    ErrorClass::Unsupported,
                    format!("an AVIF with the matrix {matrix}"),
                ));
            }
        })
    }
}

fn to_byte(value: f32) -> u8 {
    // The conversion saturates.
    (value + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(matrix: u8, is_full_range: bool) -> Coded {
        Coded {
            primaries: 1,
            transfer: 13,
            matrix,
            is_full_range,
        }
    }

    fn frame(depth: u32, values: [u16; 3]) -> Frame {
        let plane = |value| Samples {
            width: 1,
            height: 1,
            data: vec![value],
        };
        Frame {
            depth,
            halves_columns: false,
            halves_rows: false,
            planes: values.map(plane).into(),
            coded: coded(6, true),
        }
    }

    #[test]
    fn black_white_and_red_are_found_in_every_range() {
        for (depth, values, code, rgb) in [
            (8, [0, 128, 128], coded(6, true), [0, 0, 0]),
            (8, [255, 128, 128], coded(1, true), [255, 255, 255]),
            (8, [16, 128, 128], coded(1, false), [0, 0, 0]),
            (10, [940, 512, 512], coded(9, false), [255, 255, 255]),
            (12, [4095, 2048, 2048], coded(9, true), [255, 255, 255]),
            // BT.601: Y 76, Cb 85, Cr 255 is JPEG's red; BT.709 of limited range: 63, 102, 240.
            (8, [76, 85, 255], coded(6, true), [254, 0, 0]),
            (8, [63, 102, 240], coded(1, false), [255, 1, 0]),
            (8, [10, 20, 30], coded(0, true), [30, 10, 20]),
            (10, [512, 512, 512], coded(8, true), [128, 128, 128]),
        ] {
            let made = frame(depth, values).rgb(code).expect("small");
            let close = made.iter().zip(rgb).all(|(&a, b)| a.abs_diff(b) <= 1);
            assert!(close, "{values:?} {code:?}: {made:?}");
        }
        assert!(frame(8, [0; 3]).rgb(coded(14, true)).is_err());
    }

    #[test]
    fn halved_chroma_is_spread_between_its_samples() {
        assert_eq!(neighbours(0, 3), (0, 0));
        assert_eq!(neighbours(1, 3), (0, 1));
        assert_eq!(neighbours(2, 3), (1, 0));
        assert_eq!(neighbours(5, 3), (2, 2));
        let mut row = [0.0; 5];
        spread(&[0.0, 4.0, 8.0], &mut row);
        assert_eq!(row, [0.0, 1.0, 3.0, 5.0, 7.0]);
        spread(&[7.0], &mut row[..1]);
        assert_eq!(row[0], 7.0);
    }

    #[test]
    fn tiles_are_cut_at_the_edge() {
        let mut canvas = Samples::zeroed(3, 2).expect("small");
        let tile = Samples {
            width: 2,
            height: 2,
            data: vec![7; 4],
        };
        canvas.paste(&tile, 2, 1);
        assert_eq!(canvas.data, [0, 0, 0, 0, 0, 7]);
        canvas.paste(&tile, 9, 0);
        assert_eq!(canvas.data, [0, 0, 0, 0, 0, 7]);
    }
}
