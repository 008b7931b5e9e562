//! Inverse transforms of JPEG blocks to four, two or one sample a side.
//!
//! The lowest coefficients of an eight-point cosine transform, scaled, are those of a shorter one over the same
//! stretch: transforming them back gives the block without the frequencies that the smaller size cannot show.

/// Bits of the fraction in the constants below.
const FRACTION: u32 = 9;

/// sqrt(2) * cos(pi / 8).
const COS_1: i32 = 669;

/// sqrt(2) * cos(3 pi / 8).
const COS_3: i32 = 277;

/// Bits of the fraction kept between the two passes.
const KEPT: u32 = 2;

/// Coefficients of one block, dequantised: those in use by columns, then a place for all others.
#[derive(Default)]
pub struct Block([i16; 32]);

/// Row and column of each place in zigzag order (T.81, figure A.6).
const ZIGZAG: [(u8, u8); 64] = zigzag();

const fn zigzag() -> [(u8, u8); 64] {
    let mut order = [(0, 0); 64];
    let (mut row, mut column) = (0u8, 0u8);
    let mut place = 0;
    while place < 64 {
        order[place] = (row, column);
        let rises = (row + column) % 2 == 0;
        match (rises, row, column) {
            (true, _, 7) => row += 1,
            (true, 0, _) => column += 1,
            (true, _, _) => (row, column) = (row - 1, column + 1),
            (false, 7, _) => column += 1,
            (false, _, 0) => row += 1,
            (false, _, _) => (row, column) = (row + 1, column - 1),
        }
        place += 1;
    }
    order
}

/// Where each place in zigzag order is kept for a transform to `SIDE` samples.
const fn places(side: usize) -> [u8; 64] {
    let mut places = [31; 64];
    let mut place = 0;
    while place < 64 {
        let (row, column) = (ZIGZAG[place].0 as usize, ZIGZAG[place].1 as usize);
        if row < side && column < side {
            places[place] = (column * side + row) as u8;
        }
        place += 1;
    }
    places
}

struct Places<const SIDE: usize>;

impl<const SIDE: usize> Places<SIDE> {
    const OF: [u8; 64] = places(SIDE);
}

impl Block {
    /// Set the coefficient at `place` (below 64) in zigzag order.
    #[inline(always)]
    pub fn put<const SIDE: usize>(&mut self, place: usize, value: i32, quantiser: u16) {
        let kept = usize::from(Places::<SIDE>::OF[place & 63]) & 31;
        // Larger products come from damaged files only; libjpeg-turbo's SIMD code wraps them too.
        self.0[kept] = value.wrapping_mul(quantiser.into()) as i16;
    }
}

/// Write `SIDE` rows of `SIDE` samples to `samples`, `stride` apart. None when they do not fit.
#[inline(always)]
pub fn transform<const SIDE: usize>(
    block: &Block,
    samples: &mut [u8],
    stride: usize,
) -> Option<()> {
    match SIDE {
        1 => *samples.first_mut()? = level((i32::from(block.0[0]) + 4) >> 3),
        2 => two(block, samples, stride)?,
        _ => four(block, samples, stride)?,
    }
    Some(())
}

/// The same for a block without any coefficient but the first.
#[inline(always)]
pub fn flat<const SIDE: usize>(block: &Block, samples: &mut [u8], stride: usize) -> Option<()> {
    let samples = samples.get_mut(..(SIDE - 1) * stride + SIDE)?;
    for row in 0..SIDE {
        samples[row * stride..][..SIDE].fill(level((i32::from(block.0[0]) + 4) >> 3));
    }
    Some(())
}

#[inline(always)]
fn level(value: i32) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

#[inline(always)]
fn two(block: &Block, samples: &mut [u8], stride: usize) -> Option<()> {
    let at = |place: usize| i32::from(block.0[place]);
    let (left, right) = (at(0) + at(1), at(2) + at(3));
    let (upper, lower) = (at(0) - at(1), at(2) - at(3));
    let samples = samples.get_mut(..stride + 2)?;
    samples[0] = level((left + right + 4) >> 3);
    samples[1] = level((left - right + 4) >> 3);
    samples[stride] = level((upper + lower + 4) >> 3);
    samples[stride + 1] = level((upper - lower + 4) >> 3);
    Some(())
}

/// Four numbers side by side: plain loops, which the compiler turns into vector instructions.
#[derive(Clone, Copy)]
struct Lanes([i32; 4]);

impl Lanes {
    #[inline(always)]
    fn with(mut self, other: Self, combine: impl Fn(i32, i32) -> i32) -> Self {
        for lane in 0..4 {
            self.0[lane] = combine(self.0[lane], other.0[lane]);
        }
        self
    }

    #[inline(always)]
    fn each(mut self, change: impl Fn(i32) -> i32) -> Self {
        for lane in 0..4 {
            self.0[lane] = change(self.0[lane]);
        }
        self
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    #[inline(always)]
    fn times(self, factor: i32) -> Self {
        self.each(|a| a * factor)
    }
}

/// Four-point transforms of four vectors side by side, in the constants' fixed point.
#[inline(always)]
fn pass([a, b, c, d]: [Lanes; 4]) -> [Lanes; 4] {
    let (sum, difference) = (
        a.plus(c).times(1 << FRACTION),
        a.minus(c).times(1 << FRACTION),
    );
    let outer = b.times(COS_1).plus(d.times(COS_3));
    let inner = b.times(COS_3).minus(d.times(COS_1));
    [
        sum.plus(outer),
        difference.plus(inner),
        difference.minus(inner),
        sum.minus(outer),
    ]
}

#[inline(always)]
fn transposed([a, b, c, d]: [Lanes; 4]) -> [Lanes; 4] {
    [
        Lanes([a.0[0], b.0[0], c.0[0], d.0[0]]),
        Lanes([a.0[1], b.0[1], c.0[1], d.0[1]]),
        Lanes([a.0[2], b.0[2], c.0[2], d.0[2]]),
        Lanes([a.0[3], b.0[3], c.0[3], d.0[3]]),
    ]
}

/// Column `index` of the block.
#[inline(always)]
fn column(block: &Block, index: usize) -> Lanes {
    let mut lanes = [0; 4];
    for (lane, &value) in lanes.iter_mut().zip(&block.0[index * 4..][..4]) {
        *lane = i32::from(value);
    }
    Lanes(lanes)
}

#[inline(always)]
fn four(block: &Block, samples: &mut [u8], stride: usize) -> Option<()> {
    const BETWEEN: u32 = FRACTION - KEPT;
    // One eighth: a half of each pass, and a half for the shorter transform.
    const SHIFT: u32 = FRACTION + KEPT + 3;
    let samples = samples.get_mut(..3 * stride + 4)?;
    // The vectors are columns of the block, so the lanes are rows: this pass runs along rows.
    let [a, b, c, d] = pass([
        column(block, 0),
        column(block, 1),
        column(block, 2),
        column(block, 3),
    ]);
    let half = |lanes: Lanes| lanes.each(|value| (value + (1 << (BETWEEN - 1))) >> BETWEEN);
    let rows = pass(transposed([half(a), half(b), half(c), half(d)]));
    for (row, lanes) in rows.into_iter().enumerate() {
        let lanes = lanes.each(|value| ((value + (1 << (SHIFT - 1))) >> SHIFT) + 128);
        let lanes = lanes.each(|value| value.clamp(0, 255));
        let mut line = [0; 4];
        for (sample, value) in line.iter_mut().zip(lanes.0) {
            *sample = value as u8;
        }
        samples[row * stride..][..4].copy_from_slice(&line);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by the formula, in floating point.
    fn expected(block: &[[f64; 8]; 8], side: usize) -> Vec<f64> {
        let basis = |place: usize, frequency: usize| {
            let angle = (2 * place + 1) as f64 * frequency as f64 * std::f64::consts::PI;
            let scale = if frequency == 0 { 1.0 } else { 2f64.sqrt() };
            scale * (angle / (2 * side) as f64).cos()
        };
        let mut samples = Vec::new();
        for y in 0..side {
            for x in 0..side {
                let mut sum = 0.0;
                for (v, row) in block.iter().take(side).enumerate() {
                    for (u, value) in row.iter().take(side).enumerate() {
                        sum += value * basis(y, v) * basis(x, u);
                    }
                }
                samples.push((sum / 8.0 + 128.0).clamp(0.0, 255.0));
            }
        }
        samples
    }

    fn compare<const SIDE: usize>(seed: u64) {
        let mut state = seed;
        let mut block = Block::default();
        let mut plain = [[0.0; 8]; 8];
        for (place, (row, column)) in ZIGZAG.into_iter().enumerate() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let value = (state >> 33) as i32 % 40 - 20;
            block.put::<SIDE>(place, value, 11);
            plain[usize::from(row)][usize::from(column)] = f64::from(value * 11);
        }
        let mut samples = [0; 64];
        transform::<SIDE>(&block, &mut samples, 8).expect("it fits");
        for (index, value) in expected(&plain, SIDE).into_iter().enumerate() {
            let sample = samples[index / SIDE * 8 + index % SIDE];
            assert!(
                (f64::from(sample) - value).abs() <= 1.0,
                "{SIDE}: {sample} for {value}"
            );
        }
    }

    #[test]
    fn transforms_follow_the_formula() {
        for seed in 0..200 {
            compare::<1>(seed);
            compare::<2>(seed);
            compare::<4>(seed);
        }
    }

    #[test]
    fn the_zigzag_is_that_of_the_standard() {
        assert_eq!(
            ZIGZAG[..6],
            [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2)]
        );
        assert_eq!(ZIGZAG[60..], [(5, 7), (6, 7), (7, 6), (7, 7)]);
    }
}
