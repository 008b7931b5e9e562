//! A gray picture to be looked at, and made smaller by whole numbers.

/// Eight-bit gray, row after row without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Gray<'a> {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` values.
    pub data: &'a [u8],
}

impl<'a> Gray<'a> {
    /// `None` unless `data` has exactly the size.
    pub fn new(width: usize, height: usize, data: &'a [u8]) -> Option<Self> {
        let fits = width > 0 && height > 0 && width.checked_mul(height) == Some(data.len());
        fits.then_some(Self {
            width,
            height,
            data,
        })
    }

    /// One row.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.data[y * self.width..][..self.width]
    }
}

/// A gray picture of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrayBuf {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` values.
    pub data: Vec<u8>,
}

impl GrayBuf {
    /// To be looked at.
    pub fn as_gray(&self) -> Gray<'_> {
        Gray {
            width: self.width,
            height: self.height,
            data: &self.data,
        }
    }
}

/// The brightness of pixels of `CHANNELS` bytes, of which the first three are red, green and blue: ITU-R BT.601 in
/// 256ths, rounded down.
pub fn luma<const CHANNELS: usize>(pixels: &[u8]) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has these instructions.
        return unsafe { luma_avx2::<CHANNELS>(pixels) };
    }
    luma_here::<CHANNELS>(pixels)
}

#[inline(always)]
fn luma_here<const CHANNELS: usize>(pixels: &[u8]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks::<CHANNELS>();
    let weighted = |value: u8, weight: u16| u16::from(value) * weight;
    pixels
        .iter()
        .map(|pixel| {
            let sum = weighted(pixel[0], 77) + weighted(pixel[1], 150) + weighted(pixel[2], 29);
            (sum >> 8) as u8
        })
        .collect()
}

/// The same: the compiler parts the three colours of many pixels at once.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn luma_avx2<const CHANNELS: usize>(pixels: &[u8]) -> Vec<u8> {
    luma_here::<CHANNELS>(pixels)
}

/// Pixels that are counted at once where they are the same.
const SAME: usize = 16;

/// How often each value is there, of every `step`th pixel of every `step`th row.
pub fn histogram(gray: Gray<'_>, step: usize) -> [u32; 256] {
    // Neighbours are mostly equal: in tables of their own they do not wait for each other.
    let mut tables = [[0_u32; 256]; 4];
    for y in (0..gray.height).step_by(step) {
        let row = gray.row(y);
        if step > 1 {
            for (place, &value) in row.iter().step_by(step).enumerate() {
                tables[place % 4][usize::from(value)] += 1;
            }
            continue;
        }
        let (blocks, rest) = row.as_chunks::<SAME>();
        for block in blocks {
            // Most of a page is its ground.
            if *block == [block[0]; SAME] {
                tables[0][usize::from(block[0])] += SAME as u32;
                continue;
            }
            for values in block.as_chunks::<4>().0 {
                for (table, &value) in tables.iter_mut().zip(values) {
                    table[usize::from(value)] += 1;
                }
            }
        }
        for &value in rest {
            tables[0][usize::from(value)] += 1;
        }
    }
    std::array::from_fn(|value| tables.iter().map(|table| table[value]).sum())
}

/// The median of every `step`th pixel of every `step`th row; of two in the middle their mean, rounded down.
pub fn median(gray: Gray<'_>, step: usize) -> u8 {
    let counts = histogram(gray, step);
    let total: u32 = counts.iter().sum();
    let ranked = |rank: u32| {
        let mut seen = 0;
        let place = counts.iter().position(|&count| {
            seen += count;
            seen > rank
        });
        place.unwrap_or(0)
    };
    (ranked(total.saturating_sub(1) / 2).midpoint(ranked(total / 2))) as u8
}

/// Rows as columns.
pub fn transposed(gray: Gray<'_>) -> GrayBuf {
    /// Such squares fit the cache, those of the picture and of the result.
    const SQUARE: usize = 32;
    let (width, height) = (gray.height, gray.width);
    let mut data = vec![0; width * height];
    for top in (0..gray.height).step_by(SQUARE) {
        for left in (0..gray.width).step_by(SQUARE) {
            let bottom = gray.height.min(top + SQUARE);
            for x in left..gray.width.min(left + SQUARE) {
                let column = gray.data[top * gray.width + x..].iter().step_by(gray.width);
                let line = &mut data[x * width..][top..bottom];
                for (value, &other) in line.iter_mut().zip(column) {
                    *value = other;
                }
            }
        }
    }
    GrayBuf {
        width,
        height,
        data,
    }
}

/// Each pixel the mean of `factor` x `factor` of the picture; what is left over at the right and below is dropped, but
/// never all of it.
pub fn reduced(gray: Gray<'_>, factor: usize) -> GrayBuf {
    let factor = factor.clamp(1, gray.width.min(gray.height));
    let (width, height) = (gray.width / factor, gray.height / factor);
    let mut data = Vec::with_capacity(width * height);
    let mut sums = vec![0_u32; width];
    let area = (factor * factor) as u32;
    for y in 0..height {
        sums.fill(0);
        for row in y * factor..(y + 1) * factor {
            if factor == 2 {
                let (pairs, _) = gray.row(row).as_chunks::<2>();
                for (sum, &[one, two]) in sums.iter_mut().zip(pairs) {
                    *sum += u32::from(one) + u32::from(two);
                }
                continue;
            }
            for (sum, pixels) in sums.iter_mut().zip(gray.row(row).chunks_exact(factor)) {
                *sum += pixels.iter().map(|&value| u32::from(value)).sum::<u32>();
            }
        }
        data.extend(sums.iter().map(|&sum| ((sum + area / 2) / area) as u8));
    }
    GrayBuf {
        width,
        height,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(width: usize, height: usize) -> GrayBuf {
        let data = (0..width * height).map(|place| (place % 251) as u8);
        GrayBuf {
            width,
            height,
            data: data.collect(),
        }
    }

    #[test]
    fn brightness_leaves_the_fourth_channel_out() {
        assert_eq!(
            luma::<3>(&[255, 255, 255, 0, 0, 0, 200, 10, 30]),
            [255, 0, 69]
        );
        assert_eq!(luma::<4>(&[200, 10, 30, 7, 200, 10, 30, 255]), [69, 69]);
    }

    #[test]
    fn brightness_is_the_same_by_any_instructions() {
        let pixels: Vec<u8> = (0..4 * 333).map(|place| (place * 7 % 256) as u8).collect();
        assert_eq!(luma::<3>(&pixels), luma_here::<3>(&pixels));
        assert_eq!(luma::<4>(&pixels), luma_here::<4>(&pixels));
    }

    #[test]
    fn values_are_counted_and_halved() {
        let gray = counted(10, 3);
        let counts = histogram(gray.as_gray(), 1);
        assert_eq!(counts[..30], [1; 30]);
        assert_eq!(counts[30..].iter().sum::<u32>(), 0);
        assert_eq!(median(gray.as_gray(), 1), 14);
        let even = GrayBuf {
            width: 2 * SAME + 3,
            height: 2,
            data: [[7; 2 * SAME + 3], [9; 2 * SAME + 3]].concat(),
        };
        let counts = histogram(even.as_gray(), 1);
        assert_eq!((counts[7], counts[9]), (35, 35));
        // Of 0, 4 and 8.
        assert_eq!(median(gray.as_gray(), 4), 4);
    }

    #[test]
    fn rows_become_columns_and_rows_again() {
        let gray = counted(70, 33);
        let turned = transposed(gray.as_gray());
        assert_eq!((turned.width, turned.height), (33, 70));
        assert_eq!(turned.as_gray().row(5)[2], gray.as_gray().row(2)[5]);
        assert_eq!(transposed(turned.as_gray()), gray);
    }
}
