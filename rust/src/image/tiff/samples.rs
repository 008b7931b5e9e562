//! From uncompressed rows of any depth to 8-bit samples: byte order, prediction, unpacking, scaling.

use super::directory::Endian;
use crate::image::colour::Deep;

/// What the bits of a sample mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned integer.
    Unsigned,
    /// Two's complement integer.
    Signed,
    /// IEEE 754.
    Float,
}

/// How samples lie in a row.
#[derive(Clone, Copy, Debug)]
pub struct Packing {
    /// Bits of a sample: 1 to 16, 32 or 64.
    pub bits: usize,
    /// Samples of one pixel in this row.
    pub channels: usize,
    /// Meaning of the bits.
    pub kind: Kind,
    /// Order of the bytes of samples above 8 bits.
    pub endian: Endian,
    /// Horizontal prediction: 1 none, 2 integer differences, 3 floating point.
    pub predictor: u64,
    /// Keep the numbers (palette indices) instead of scaling them to 0 to 255.
    pub raw: bool,
}

impl Packing {
    /// Bytes of a row of `width` pixels, padded to whole bytes.
    pub fn stride(&self, width: usize) -> Option<usize> {
        let bits = width.checked_mul(self.channels)?.checked_mul(self.bits)?;
        Some(bits.div_ceil(8))
    }

    /// Decode one row in place of prediction, then append its samples as bytes.
    pub fn unpack(&self, row: &mut [u8], out: &mut Vec<u8>) {
        if self.predictor == 3 {
            self.undo_float_prediction(row);
        }
        match self.bits {
            8 => self.unpack_bytes(row, out),
            16 | 32 | 64 => self.unpack_words(row, out),
            bits => unpack_bits(row, bits, self.raw, out),
        }
    }

    fn unpack_bytes(&self, row: &mut [u8], out: &mut Vec<u8>) {
        if self.predictor == 2 {
            for index in self.channels..row.len() {
                row[index] = row[index].wrapping_add(row[index - self.channels]);
            }
        }
        match self.kind {
            Kind::Signed => out.extend(row.iter().map(|&byte| byte ^ 0x80)),
            _ => out.extend_from_slice(row),
        }
    }

    /// Append the samples of a row of unsigned 16-bit ones, converted to sRGB.
    pub fn unpack_deep(&self, row: &[u8], deep: &Deep, out: &mut Vec<u8>) {
        let mut numbers = Vec::with_capacity(row.len() / 2);
        self.numbers(row, |number| numbers.push(number as u16));
        out.resize(numbers.len(), 0);
        deep.convert(&numbers, out);
    }

    fn unpack_words(&self, row: &[u8], out: &mut Vec<u8>) {
        self.numbers(row, |number| out.push(self.scaled(number)));
    }

    /// The numbers of a row of whole words, without prediction.
    fn numbers(&self, row: &[u8], mut take: impl FnMut(u64)) {
        let size = self.bits / 8;
        let mut before = vec![0u64; self.channels];
        // Floating-point prediction leaves bytes in big-endian order.
        let endian = if self.predictor == 3 {
            Endian::Big
        } else {
            self.endian
        };
        for (index, word) in row.chunks_exact(size).enumerate() {
            let mut number = endian.number(word);
            if self.predictor == 2 {
                let last = &mut before[index % self.channels];
                number = number.wrapping_add(*last) & (u64::MAX >> (64 - self.bits));
                *last = number;
            }
            take(number);
        }
    }

    /// One 16, 32 or 64-bit sample scaled to a byte.
    fn scaled(&self, number: u64) -> u8 {
        match (self.kind, self.bits) {
            (Kind::Float, 16) => linear_to_srgb(half(number as u16)),
            (Kind::Float, 32) => linear_to_srgb(f32::from_bits(number as u32)),
            (Kind::Float, _) => linear_to_srgb(f64::from_bits(number) as f32),
            (Kind::Signed, bits) => ((number >> (bits - 8)) as u8) ^ 0x80,
            (Kind::Unsigned, 16) if self.raw => number.min(255) as u8,
            (Kind::Unsigned, 16) => ((number * 255 + 32_767) / 65_535) as u8,
            (Kind::Unsigned, bits) => (number >> (bits - 8)) as u8,
        }
    }

    /// Adobe Photoshop TIFF Technical Note 3: bytes are differences, and the planes of equally significant bytes
    /// follow each other, the highest first.
    fn undo_float_prediction(&self, row: &mut [u8]) {
        for index in self.channels..row.len() {
            row[index] = row[index].wrapping_add(row[index - self.channels]);
        }
        let size = (self.bits / 8).max(1);
        let count = row.len() / size;
        let planes = row.to_vec();
        for index in 0..count {
            for byte in 0..size {
                row[index * size + byte] = planes[byte * count + index];
            }
        }
    }
}

/// Samples of 1 to 15 bits, highest bit first, scaled so that the largest becomes 255.
fn unpack_bits(row: &[u8], bits: usize, raw: bool, out: &mut Vec<u8>) {
    let largest = (1u32 << bits) - 1;
    let (mut window, mut filled) = (0u32, 0);
    for &byte in row {
        window = window << 8 | u32::from(byte);
        filled += 8;
        while filled >= bits {
            filled -= bits;
            let number = window >> filled & largest;
            out.push(if raw {
                number.min(255) as u8
            } else {
                ((number * 255 + largest / 2) / largest) as u8
            });
        }
    }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f32::from(bits & 1023) / 1024.0;
    match exponent {
        0 => sign * fraction * 2f32.powi(-14),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1.0 + fraction) * 2f32.powi(exponent - 15),
    }
}

/// Floating-point samples hold linear light, 1 being white; the curve is that of IEC 61966-2-1.
pub fn linear_to_srgb(light: f32) -> u8 {
    let light = if light.is_nan() {
        0.0
    } else {
        light.clamp(0.0, 1.0)
    };
    let coded = if light <= 0.003_130_8 {
        12.92 * light
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    };
    (coded * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packing(bits: usize, channels: usize, predictor: u64) -> Packing {
        Packing {
            bits,
            channels,
            kind: Kind::Unsigned,
            endian: Endian::Little,
            predictor,
            raw: false,
        }
    }

    fn unpacked(packing: Packing, row: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        packing.unpack(&mut row.to_vec(), &mut out);
        out
    }

    #[test]
    fn every_depth_reaches_black_and_white() {
        assert_eq!(
            unpacked(packing(1, 1, 1), &[0b1010_0000])[..4],
            [255, 0, 255, 0]
        );
        assert_eq!(
            unpacked(packing(2, 1, 1), &[0b0001_1011]),
            [0, 85, 170, 255]
        );
        assert_eq!(unpacked(packing(4, 1, 1), &[0x0f]), [0, 255]);
        assert_eq!(unpacked(packing(12, 1, 1), &[0xff, 0xf0, 0x00]), [255, 0]);
        assert_eq!(unpacked(packing(16, 1, 1), &[0, 0, 0xff, 0xff]), [0, 255]);
        assert_eq!(unpacked(packing(32, 1, 1), &[0xff; 4]), [255]);
    }

    #[test]
    fn differences_are_added_up_per_channel() {
        assert_eq!(
            unpacked(packing(8, 2, 2), &[10, 20, 1, 2, 255, 1]),
            [10, 20, 11, 22, 10, 23]
        );
        let words = [0x00, 0x80, 0x00, 0x80, 0x00, 0x40];
        assert_eq!(unpacked(packing(16, 1, 2), &words), [128, 0, 64]);
    }

    #[test]
    fn float_prediction_is_undone() {
        // 1.0f32 is 3f 80 00 00; two equal samples as byte planes of differences.
        let float = Packing {
            kind: Kind::Float,
            ..packing(32, 1, 3)
        };
        let planes = [0x3f, 0x00, 0x41, 0x00, 0x80, 0x00, 0x00, 0x00];
        assert_eq!(unpacked(float, &planes), [255, 255]);
    }

    #[test]
    fn halves_are_numbers() {
        assert_eq!([0x3c00, 0xc000, 0x0000].map(half), [1.0, -2.0, 0.0]);
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn light_is_coded_as_srgb() {
        assert_eq!(
            [0.0, 0.215_861, 1.0, 9.0, f32::NAN].map(linear_to_srgb),
            [0, 128, 255, 255, 0]
        );
    }
}
