//! Where a picture looks like print, and the ink of it: in each tile nearly all pixels are ground or ink, and strokes
//! follow each other along its rows.

use super::gray::Gray;

/// Longest side of what is looked at: body type of a page is then 8 to 12 pixels high.
const LOOK_SIDE: usize = 1200;
/// Side of a tile, about two lines of body type.
pub const TILE: usize = 24;
const PIXELS: usize = TILE * TILE;
/// A tile whose darkest and lightest pixels, but for a fiftieth of each, differ by less has nothing on it.
const EXTREMES: usize = PIXELS / 50;
const LEAST_CONTRAST: u8 = 40;
/// The variance between the two sides as a share of all.
const LEAST_TWO_SIDED: f64 = 0.7;
const LEAST_INK: f64 = 0.02;
const MOST_INK: f64 = 0.45;
/// Changes between ink and ground along a row that has both.
const LEAST_STROKES: f64 = 1.8;

/// The ink of what looks like print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// A pixel for each square of `factor` of the picture, row after row.
    pub ink: Vec<bool>,
    /// Which squares of [`TILE`] such pixels look like print, row after row.
    pub tiles: Vec<bool>,
    /// Tiles beside each other.
    pub columns: usize,
    /// Tiles below each other.
    pub rows: usize,
    /// The side of a square of the picture that became a pixel.
    pub factor: usize,
}

/// The print of a picture. What does not fill a tile at the right and below is left out, but never all of it.
pub fn print(gray: Gray<'_>) -> Print {
    let factor = gray.width.max(gray.height).div_ceil(LOOK_SIDE);
    let (columns, rows) = (
        (gray.width / (factor * TILE)).max(1),
        (gray.height / (factor * TILE)).max(1),
    );
    let width = columns * TILE;
    let mut found = Print {
        ink: vec![false; width * rows * TILE],
        tiles: Vec::with_capacity(columns * rows),
        columns,
        rows,
        factor,
    };
    let mut sums = vec![0_u32; width * TILE];
    for row in 0..rows {
        for (line, sums) in sums.chunks_exact_mut(width).enumerate() {
            sum_squares(gray, factor, row * TILE + line, sums);
        }
        for column in 0..columns {
            let left = column * TILE;
            let ink = inked(&sums, width, left, (factor * factor) as u32);
            found.tiles.push(ink.is_some());
            for (line, bits) in ink.into_iter().flatten().enumerate() {
                let pixels = &mut found.ink[(row * TILE + line) * width + left..][..TILE];
                for (place, pixel) in pixels.iter_mut().enumerate() {
                    *pixel = bits >> place & 1 == 1;
                }
            }
        }
    }
    found
}

/// The sums of the squares of a line of pixels; white where the picture has none.
fn sum_squares(gray: Gray<'_>, factor: usize, line: usize, sums: &mut [u32]) {
    sums.fill(0);
    for y in line * factor..(line + 1) * factor {
        let row = if y < gray.height { gray.row(y) } else { &[] };
        if factor == 2 && row.len() >= 2 * sums.len() {
            let (pairs, _) = row.as_chunks::<2>();
            for (sum, &[one, two]) in sums.iter_mut().zip(pairs) {
                *sum += u32::from(one) + u32::from(two);
            }
            continue;
        }
        for (column, sum) in sums.iter_mut().enumerate() {
            let begin = (column * factor).min(row.len());
            let values = &row[begin..row.len().min(begin + factor)];
            *sum += values.iter().map(|&value| u32::from(value)).sum::<u32>();
            *sum += 255 * (factor - values.len()) as u32;
        }
    }
}

/// The ink of a tile, a bit for each pixel of a line; `None` where it does not look like print. `area`: how many pixels
/// are in each sum.
fn inked(sums: &[u32], width: usize, left: usize, area: u32) -> Option<[u32; TILE]> {
    let lines = || {
        sums.chunks_exact(width)
            .map(|line| &line[left..left + TILE])
    };
    let mut histograms = [[0_u16; 256]; 2];
    for line in lines() {
        for (place, &sum) in line.iter().enumerate() {
            histograms[place % 2][(sum / area) as usize & 255] += 1;
        }
    }
    let low = ranked(&histograms, EXTREMES);
    let high = ranked(&histograms, PIXELS - EXTREMES - 1);
    if high - low < LEAST_CONTRAST {
        return None;
    }
    let bound = (u32::from(low) + u32::from(high)) * area;
    let mut dark = [0_u32; TILE];
    let (mut count, mut dark_sum, mut all, mut squares) = (0_u32, 0_u64, 0_u64, 0_u64);
    for (line, bits) in lines().zip(&mut dark) {
        for (place, &sum) in line.iter().enumerate() {
            let is_dark = 2 * sum < bound;
            *bits |= u32::from(is_dark) << place;
            count += u32::from(is_dark);
            dark_sum += u64::from(sum * u32::from(is_dark));
            all += u64::from(sum);
            squares += u64::from(sum) * u64::from(sum);
        }
    }
    let pixels = PIXELS as f64;
    let share = f64::from(count) / pixels;
    if !(LEAST_INK..=MOST_INK).contains(&share.min(1.0 - share)) {
        return None;
    }
    let mean = all as f64 / pixels;
    let variance = squares as f64 / pixels - mean * mean;
    let apart = dark_sum as f64 / f64::from(count) - mean;
    let changes = dark.map(|bits| ((bits ^ bits >> 1) & ((1 << (TILE - 1)) - 1)).count_ones());
    let changing = changes.iter().filter(|&&count| count > 0).count();
    let strokes = f64::from(changes.iter().sum::<u32>()) / changing.max(1) as f64;
    let is_print = share / (1.0 - share) * apart * apart >= LEAST_TWO_SIDED * variance
        && strokes >= LEAST_STROKES;
    let turned = if share <= 0.5 { 0 } else { (1 << TILE) - 1 };
    is_print.then(|| dark.map(|bits| bits ^ turned))
}

/// The value that so many pixels are below, or at.
fn ranked(histograms: &[[u16; 256]; 2], rank: usize) -> u8 {
    let mut seen = 0;
    for value in 0..=u8::MAX {
        let place = usize::from(value);
        seen += usize::from(histograms[0][place] + histograms[1][place]);
        if seen > rank {
            return value;
        }
    }
    u8::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::GrayBuf;

    /// Strokes two pixels wide, four apart, in the left half.
    fn striped(width: usize, height: usize, ink: u8, ground: u8) -> GrayBuf {
        let data = (0..width * height)
            .map(|place| {
                let is_ink = place % width < width / 2 && (place % width) % 6 < 2;
                if is_ink { ink } else { ground }
            })
            .collect();
        GrayBuf {
            width,
            height,
            data,
        }
    }

    #[test]
    fn strokes_are_print_and_their_pixels_ink_in_either_colour() {
        for (ink, ground) in [(20, 240), (240, 20)] {
            let gray = striped(96, 50, ink, ground);
            let found = print(gray.as_gray());
            assert_eq!((found.columns, found.rows, found.factor), (4, 2, 1));
            assert_eq!(found.tiles, [true, true, false, false].repeat(2));
            let first = &found.ink[..96];
            assert!(
                first
                    .iter()
                    .enumerate()
                    .all(|(x, &is_ink)| is_ink == (x < 48 && x % 6 < 2))
            );
        }
    }

    #[test]
    fn a_single_edge_and_an_empty_tile_are_no_print() {
        let data = (0..48 * 24).map(|place| if place % 48 < 10 { 0 } else { 255 });
        let gray = GrayBuf {
            width: 48,
            height: 24,
            data: data.collect(),
        };
        assert_eq!(print(gray.as_gray()).tiles, [false, false]);
    }

    #[test]
    fn a_picture_smaller_than_a_tile_is_filled_up_with_white() {
        let gray = striped(30, 5, 0, 255);
        let found = print(gray.as_gray());
        assert_eq!((found.columns, found.rows), (1, 1));
        assert!(found.ink[TILE * 5..].iter().all(|&is_ink| !is_ink));
    }

    #[test]
    fn a_large_picture_is_made_smaller_first() {
        let gray = striped(2400, 96, 10, 250);
        let found = print(gray.as_gray());
        assert_eq!((found.columns, found.rows, found.factor), (50, 2, 2));
    }
}
