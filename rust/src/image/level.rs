//! Paper in uneven light made evenly white: each pixel is divided by the ground around it.

use super::gray::{Gray, GrayBuf};
use crate::rounding;

/// Tiles along the longer side, each as large as a few lines of type.
const TILES: usize = 48;
const LEAST_TILE: usize = 16;
/// What the ground becomes.
const WHITE: f32 = 245.0;
/// Darker ground than this is not made white: it is no paper.
const DARKEST: f32 = 40.0;
/// The ground of a tile is lighter than this share of it.
const GROUND_RANK: u32 = 85;

/// The picture with its ground made even. Ink keeps its share of the light that the ground has.
pub fn levelled(gray: Gray<'_>) -> GrayBuf {
    let tile = (gray.width.max(gray.height) / TILES).max(LEAST_TILE);
    let grounds = Grounds::of(gray, tile);
    let mut data = Vec::with_capacity(gray.data.len());
    let columns: Vec<_> = (0..gray.width)
        .map(|x| grounds.place(x, grounds.columns))
        .collect();
    for y in 0..gray.height {
        let factors = grounds.along(y);
        let mut row = gray.row(y);
        for some in columns.chunk_by(|one, other| one.0 == other.0) {
            let column = some[0].0;
            let left = factors[column];
            let more = factors[(column + 1).min(grounds.columns - 1)] - left;
            let (here, rest) = row.split_at(some.len());
            data.extend(here.iter().zip(some).map(|(&value, &(_, part))| {
                let factor = left + more * part;
                rounding::down((f32::from(value) * factor).min(255.0)) as u8
            }));
            row = rest;
        }
    }
    GrayBuf {
        width: gray.width,
        height: gray.height,
        data,
    }
}

/// By what to multiply, at the middle of each tile.
struct Grounds {
    tile: usize,
    columns: usize,
    rows: usize,
    factors: Vec<f32>,
}

impl Grounds {
    fn of(gray: Gray<'_>, tile: usize) -> Self {
        let (columns, rows) = (gray.width.div_ceil(tile), gray.height.div_ceil(tile));
        let mut light = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                light.push(ground(gray, column * tile, row * tile, tile));
            }
        }
        // A tile full of ink takes the ground of its neighbours; then steps between tiles are smoothed.
        let light = neighbours(&light, columns, rows, |around| {
            around.iter().copied().fold(0.0, f32::max)
        });
        let light = neighbours(&light, columns, rows, |around| {
            around.iter().sum::<f32>() / around.len() as f32
        });
        let factors = light
            .iter()
            .map(|&value| WHITE / value.max(DARKEST))
            .collect();
        Self {
            tile,
            columns,
            rows,
            factors,
        }
    }

    /// The factors at the middles of the tiles in one row of pixels.
    fn along(&self, y: usize) -> Vec<f32> {
        let (row, part) = self.place(y, self.rows);
        let below = (row + 1).min(self.rows - 1);
        let [upper, lower] =
            [row, below].map(|row| &self.factors[row * self.columns..][..self.columns]);
        let both = upper.iter().zip(lower);
        both.map(|(&upper, &lower)| upper + (lower - upper) * part)
            .collect()
    }

    /// The tile whose middle is at or before a pixel, and how far the pixel is on the way to the next.
    fn place(&self, pixel: usize, count: usize) -> (usize, f32) {
        let at = (pixel as f32 + 0.5) / self.tile as f32 - 0.5;
        let at = at.clamp(0.0, (count - 1) as f32);
        (at as usize, at.fract())
    }
}

fn ground(gray: Gray<'_>, x: usize, y: usize, tile: usize) -> f32 {
    let (right, bottom) = ((x + tile).min(gray.width), (y + tile).min(gray.height));
    let mut histogram = [0_u32; 256];
    for row in y..bottom {
        for &value in &gray.row(row)[x..right] {
            histogram[usize::from(value)] += 1;
        }
    }
    let rank = ((right - x) * (bottom - y)) as u32 * GROUND_RANK / 100;
    let mut seen = 0;
    for (value, &count) in histogram.iter().enumerate() {
        seen += count;
        if seen > rank {
            return value as f32;
        }
    }
    255.0
}

/// Each value replaced by what `of` makes of it and those around it.
fn neighbours(values: &[f32], columns: usize, rows: usize, of: impl Fn(&[f32]) -> f32) -> Vec<f32> {
    let mut result = Vec::with_capacity(values.len());
    let mut around = Vec::with_capacity(9);
    for row in 0..rows {
        for column in 0..columns {
            around.clear();
            for y in row.saturating_sub(1)..(row + 2).min(rows) {
                let from = y * columns + column.saturating_sub(1);
                let to = y * columns + (column + 2).min(columns);
                around.extend_from_slice(&values[from..to]);
            }
            result.push(of(&around));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ink at a third of the light of its ground, ground from 80 on the left to 240 on the right.
    #[test]
    fn uneven_light_becomes_even() {
        let (width, height) = (640, 320);
        let mut data = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let light = 80 + x * 160 / width;
                let is_ink = x % 8 == 0 && y % 16 < 8;
                data.push((if is_ink { light / 3 } else { light }) as u8);
            }
        }
        let gray = Gray::new(width, height, &data).expect("the size fits");
        let even = levelled(gray);
        assert_eq!((even.width, even.height), (width, height));
        for y in (12..height).step_by(16) {
            for x in 1..width - 1 {
                let value = even.data[y * width + x];
                assert!(value > 210, "ground at {x}, {y}: {value}");
            }
        }
        for y in (4..height).step_by(16) {
            for x in (0..width).step_by(8) {
                let value = even.data[y * width + x];
                assert!((60..105).contains(&value), "ink at {x}, {y}: {value}");
            }
        }
    }

    #[test]
    fn small_pictures_are_levelled_too() {
        let gray = Gray::new(1, 1, &[100]).expect("the size fits");
        assert_eq!(levelled(gray).data, [245]);
    }
}
