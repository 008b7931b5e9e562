//! A gray picture in black and white, as Tesseract makes it: by Otsu's threshold of the whole picture.
//!
//! After `otsuthr.cpp` and `thresholder.cpp` of Tesseract 5: the same bits for every picture. Handed over in black and
//! white it is not counted and cut there again, and no local thresholds are made of it, which only Tesseract's own
//! recogniser of shapes reads.

use super::gray::{Gray, histogram};

/// So many bytes a row, each of eight pixels, the first one in the highest bit; white pixels are ones.
pub fn binarised(gray: Gray<'_>) -> (usize, Vec<u8>) {
    let stride = gray.width.div_ceil(8);
    let Some(parting) = Parting::of(&histogram(gray, 1)) else {
        return (stride, vec![u8::MAX; stride * gray.height]);
    };
    let mut bits = Vec::with_capacity(stride * gray.height);
    let mut white = vec![0_u8; stride * 8];
    for y in 0..gray.height {
        for (bit, &value) in white.iter_mut().zip(gray.row(y)) {
            *bit = u8::from((value > parting.threshold) != parting.is_inverse);
        }
        let (eights, _) = white.as_chunks::<8>();
        bits.extend(eights.iter().map(|&eight| packed(eight)));
    }
    (stride, bits)
}

/// The lowest bits of eight bytes in one, the first in the highest.
fn packed(bits: [u8; 8]) -> u8 {
    // Each byte is moved to a bit of its own of the highest byte.
    (u64::from_le_bytes(bits).wrapping_mul(0x8040_2010_0804_0201) >> 56) as u8
}

/// Where dark and light pixels part. `is_inverse`: most are dark, so that the light ones are ink.
struct Parting {
    threshold: u8,
    is_inverse: bool,
}

impl Parting {
    /// None where all pixels are the same.
    fn of(counts: &[u32; 256]) -> Option<Self> {
        let total: u32 = counts.iter().sum();
        let weighted = |(value, &count): (usize, &u32)| value as f64 * f64::from(count);
        let sum: f64 = counts.iter().enumerate().map(weighted).sum();
        let (mut below, mut below_sum) = (0, 0.0);
        let mut best: Option<(f64, u8, u32)> = None;
        for (value, &count) in counts.iter().enumerate().take(255) {
            below += count;
            below_sum += weighted((value, &count));
            let above = total - below;
            if below == 0 {
                continue;
            }
            if above == 0 {
                break;
            }
            let mut between = (sum - below_sum) / f64::from(above) - below_sum / f64::from(below);
            between *= between * f64::from(below) * f64::from(above);
            if best.is_none_or(|(most, ..)| between > most) {
                best = Some((between, value as u8, below));
            }
        }
        let (_, threshold, dark) = best?;
        Some(Self {
            threshold,
            is_inverse: f64::from(dark) >= f64::from(total) * 0.5,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::GrayBuf;

    fn of_rows(rows: &[&[u8]]) -> (usize, Vec<u8>) {
        let gray = GrayBuf {
            width: rows[0].len(),
            height: rows.len(),
            data: rows.concat(),
        };
        binarised(gray.as_gray())
    }

    #[test]
    fn dark_pixels_are_black_and_the_first_is_the_highest_bit() {
        let row = [10, 200, 210, 220, 10, 230, 200, 10, 200, 10];
        let (stride, bits) = of_rows(&[&row]);
        assert_eq!(stride, 2);
        assert_eq!(bits, [0b0111_0110, 0b1000_0000]);
    }

    #[test]
    fn where_most_is_dark_light_pixels_are_black() {
        let (_, bits) = of_rows(&[&[10, 20, 240, 10, 20, 10, 10, 20]]);
        assert_eq!(bits, [0b1101_1111]);
    }

    #[test]
    fn a_picture_of_one_gray_is_white() {
        assert_eq!(of_rows(&[&[7; 9], &[7; 9]]), (2, vec![255; 4]));
    }
}
