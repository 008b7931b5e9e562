//! From uncompressed rows of any depth to 8-bit samples: byte order, prediction, unpacking, scaling.

use super::directory::Endian;
use super::logluv::Form;
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

/// The numbers that become black and white, where those are not the least and the largest that the bits can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Black.
    pub least: f64,
    /// White.
    pub most: f64,
}

impl Span {
    fn scaled(self, number: f64) -> u8 {
        let share = (number - self.least) / (self.most - self.least);
        (share.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
    }
}

/// What numbers a picture holds.
#[derive(Clone, Copy, Debug)]
pub struct Census {
    count: u64,
    above_one: u64,
    below_zero: u64,
    least: f64,
    most: f64,
}

impl Census {
    /// Of no numbers.
    pub const EMPTY: Self = Self {
        count: 0,
        above_one: 0,
        below_zero: 0,
        least: f64::INFINITY,
        most: f64::NEG_INFINITY,
    };

    fn add(&mut self, number: f64) {
        if number.is_finite() && number != 0.0 {
            self.count += 1;
            self.above_one += u64::from(number > 1.0);
            self.below_zero += u64::from(number < 0.0);
        }
        if number.is_finite() {
            self.least = self.least.min(number);
            self.most = self.most.max(number);
        }
    }

    /// How to show numbers that are measurements and no light: floats that are mostly above 1 or often below 0, and
    /// whole numbers with a sign or with 24 bits and more of which the highest are not used.
    pub fn span(&self, kind: Kind, bits: usize) -> Option<Span> {
        let is_measured = match kind {
            Kind::Float => self.above_one > self.count / 2 || self.below_zero > self.count / 20,
            Kind::Signed => bits >= 16,
            Kind::Unsigned => bits >= 24 && self.most < (1u64 << (bits - 8)) as f64,
        };
        // Bytes in larger samples are bytes still.
        let is_bytes = self.least >= 0.0 && self.most > 127.0 && self.most <= 255.0;
        let span = if is_bytes {
            Span {
                least: 0.0,
                most: 255.0,
            }
        } else {
            Span {
                least: self.least,
                most: self.most,
            }
        };
        (is_measured && span.least < span.most).then_some(span)
    }
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
    /// Which numbers are black and white, if that is not the rule.
    pub span: Option<Span>,
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
            16 | 24 | 32 | 64 => self.unpack_words(row, out),
            _ => self.unpack_bits(row, out),
        }
    }

    /// Samples of 1 to 15 bits, highest bit first, scaled so that the largest becomes 255.
    fn unpack_bits(&self, row: &[u8], out: &mut Vec<u8>) {
        let largest = (1u32 << self.bits) - 1;
        let mut before = vec![
            0;
            if self.predictor == 2 {
                self.channels
            } else {
                0
            }
        ];
        let mut channel = 0;
        each_bits(row, self.bits, |number| {
            let number = match before.get_mut(channel) {
                Some(last) => {
                    *last = (*last + number) & largest;
                    channel = (channel + 1) % self.channels;
                    *last
                }
                None => number,
            };
            out.push(if self.raw {
                number.min(255) as u8
            } else {
                ((number * 255 + largest / 2) / largest) as u8
            });
        });
    }

    fn undo_byte_prediction(&self, row: &mut [u8]) {
        if self.predictor == 2 {
            for index in self.channels..row.len() {
                row[index] = row[index].wrapping_add(row[index - self.channels]);
            }
        }
    }

    fn unpack_bytes(&self, row: &mut [u8], out: &mut Vec<u8>) {
        self.undo_byte_prediction(row);
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
        match self.span {
            Some(span) => self.numbers(row, |number| out.push(span.scaled(self.value(number)))),
            None => self.numbers(row, |number| out.push(self.scaled(number))),
        }
    }

    /// Decode one row in place of prediction and count its numbers. For samples of whole words only.
    pub fn count(&self, row: &mut [u8], census: &mut Census) {
        if self.predictor == 3 {
            self.undo_float_prediction(row);
        }
        self.numbers(row, |number| census.add(self.value(number)));
    }

    /// Whether signed bytes make a smoother picture than unsigned ones would: some writers say one and mean the other.
    /// Counts for a row; positive where they do.
    pub fn smoother_signed(&self, row: &mut [u8]) -> i64 {
        self.undo_byte_prediction(row);
        let mut gain = 0;
        for (&left, &right) in row.iter().zip(row.iter().skip(self.channels)) {
            let signed = (left ^ 0x80).abs_diff(right ^ 0x80);
            gain += i64::from(left.abs_diff(right)) - i64::from(signed);
        }
        gain
    }

    /// Append the colours of a row of indices with more than 8 bits.
    pub fn look_up(&self, row: &[u8], palette: &[[u8; 3]], out: &mut Vec<u8>) {
        let mut colour = |number: u64| {
            let colour = usize::try_from(number)
                .ok()
                .and_then(|index| palette.get(index));
            out.extend(colour.copied().unwrap_or_default());
        };
        if self.bits == 16 {
            self.numbers(row, colour);
        } else {
            each_bits(row, self.bits, |number| colour(number.into()));
        }
    }

    /// Append the colours of a row of logarithmic samples, one or three bytes each.
    pub fn unpack_log(&self, row: &[u8], form: Form, scale: f32, out: &mut Vec<u8>) {
        for sample in row.chunks_exact(form.size()) {
            let [red, green, blue] = form.colour(Endian::Big.number(sample) as u32, scale);
            match form {
                Form::Grey => out.push(red),
                Form::Packed | Form::Planes => out.extend([red, green, blue]),
            }
        }
    }

    /// What a sample of 16, 24, 32 or 64 bits says.
    fn value(&self, number: u64) -> f64 {
        match (self.kind, self.bits) {
            (Kind::Float, 16) => half(number as u16).into(),
            (Kind::Float, 32) => f32::from_bits(number as u32).into(),
            (Kind::Float, _) => f64::from_bits(number),
            (Kind::Signed, bits) => ((number << (64 - bits)) as i64 >> (64 - bits)) as f64,
            (Kind::Unsigned, _) => number as f64,
        }
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

fn each_bits(row: &[u8], bits: usize, mut take: impl FnMut(u32)) {
    let largest = (1u32 << bits) - 1;
    let (mut window, mut filled) = (0u32, 0);
    for &byte in row {
        window = window << 8 | u32::from(byte);
        filled += 8;
        while filled >= bits {
            filled -= bits;
            take(window >> filled & largest);
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
            span: None,
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
    fn measurements_are_shown_from_the_least_to_the_most() {
        let census = |numbers: &[f64]| {
            let mut census = Census::EMPTY;
            numbers.iter().for_each(|&number| census.add(number));
            census
        };
        let light = census(&[0.0, 0.2, 0.9, 1.0, 7.0, f64::NAN]);
        assert_eq!(light.span(Kind::Float, 32), None);
        let heights = census(&[-12.0, 400.0, 2000.0]);
        let span = heights.span(Kind::Float, 32).expect("no light");
        assert_eq!(
            [-12.0, 994.0, 2000.0].map(|number| span.scaled(number)),
            [0, 128, 255]
        );
        assert_eq!(census(&[3.0, 90.0]).span(Kind::Unsigned, 16), None);
        assert!(census(&[3.0, 90.0]).span(Kind::Unsigned, 32).is_some());
        assert_eq!(census(&[5.0, 5.0]).span(Kind::Signed, 16), None);
        let bytes = census(&[3.0, 200.0]).span(Kind::Float, 32);
        assert_eq!(bytes.map(|span| span.most), Some(255.0));
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
