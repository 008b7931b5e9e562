//! Rows of packed samples: indices of up to 8 bits, colours by bit masks.

use super::super::tiff::linear_to_srgb;

/// Where the bits of a colour are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Masks {
    /// Red, green, blue, alpha; 0 for no alpha.
    masks: [u32; 4],
}

impl Masks {
    /// As the file has them; the usual ones where it has none.
    pub fn stated([red, green, blue]: [u32; 3], alpha: u32, bits: usize) -> Self {
        if red | green | blue == 0 {
            return Self::usual(bits);
        }
        Self {
            masks: [red, green, blue, alpha],
        }
    }

    /// 5 bits each in 16, and 8 in 24 and 32, whose fourth byte means nothing.
    pub fn usual(bits: usize) -> Self {
        Self {
            masks: match bits {
                16 => [0x7c00, 0x03e0, 0x001f, 0],
                _ => [0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0],
            },
        }
    }

    /// The fourth byte of 32 bits is alpha, as in icons.
    pub const WITH_ALPHA: Self = Self {
        masks: [0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0xff00_0000],
    };

    pub fn has_alpha(self) -> bool {
        self.masks[3] != 0
    }

    /// The pixels of a row of samples of `size` bytes, to RGB or RGBA.
    pub fn unpack(self, row: &[u8], size: usize, target: &mut [u8]) {
        let channels = if self.has_alpha() { 4 } else { 3 };
        let scales = self.masks.map(Scale::of);
        for (pixel, sample) in target
            .chunks_exact_mut(channels)
            .zip(row.chunks_exact(size))
        {
            let number = sample
                .iter()
                .rev()
                .fold(0u32, |number, &byte| number << 8 | u32::from(byte));
            for (value, scale) in pixel.iter_mut().zip(scales) {
                *value = scale.apply(number);
            }
        }
    }
}

/// From the bits of a mask to 0 to 255.
#[derive(Clone, Copy)]
struct Scale {
    mask: u32,
    shift: u32,
    most: u32,
}

impl Scale {
    fn of(mask: u32) -> Self {
        let shift = mask.trailing_zeros() & 31;
        Self {
            mask,
            shift,
            most: (mask >> shift).max(1),
        }
    }

    fn apply(self, number: u32) -> u8 {
        let value = u64::from((number & self.mask) >> self.shift);
        let most = u64::from(self.most);
        ((value * 255 + most / 2) / most) as u8
    }
}

/// Call `take` with each index of a row, and its column. The last byte may hold more than the row has.
pub fn indices(row: &[u8], bits: usize, mut take: impl FnMut(u8, usize)) {
    let each = 8 / bits;
    let mask = (1u16 << bits) - 1;
    for (place, &byte) in row.iter().enumerate() {
        for index in 0..each {
            let value = u16::from(byte) >> (8 - bits * (index + 1)) & mask;
            take(value as u8, place * each + index);
        }
    }
}

/// Pixels of 64 bits: blue, green, red and alpha of 16 in linear light, 8192 being 1 (GDI+).
pub fn halves(row: &[u8], target: &mut [u8]) {
    for (pixel, sample) in target.chunks_exact_mut(3).zip(row.chunks_exact(8)) {
        for (value, at) in pixel.iter_mut().zip([4, 2, 0]) {
            let light = i16::from_le_bytes([sample[at], sample[at + 1]]);
            *value = linear_to_srgb(f32::from(light) / 8192.0);
        }
    }
}
