//! A fast look at a gray picture: print or photograph, how much print, where, how skewed, on how even a ground.
//!
//! The picture is made small and cut into tiles. Print has two sides: nearly all pixels of a tile are either ground or
//! ink (Otsu's threshold explains most of the variance), the smaller side is small, and strokes follow each other along
//! rows and columns. Nature has gradual tones, and single edges. What share of the tiles with anything on them look like
//! print tells the one from the other.

use super::gray::{Gray, GrayBuf, reduced};
use super::skew::{self, Skew};

/// Longest side of what is looked at: body type of a page is then 8 to 12 pixels high.
const LOOK_SIDE: usize = 1200;
/// Side of a tile, about two lines of body type.
const TILE: usize = 24;
/// A tile with less contrast than this, and than 1.8 times that of the quieter tiles, has nothing on it.
const LEAST_CONTRAST: f32 = 20.0;
const MOST_NOISE: f32 = 90.0;
const OVER_NOISE: f32 = 1.8;
/// The share of the tiles that are taken for empty when the noise is measured.
const QUIET_SHARE: f32 = 0.3;
/// Otsu's measure: variance between the two sides, as a share of all. A slope has 0.75, normal noise 0.64.
const LEAST_TWO_SIDED: f32 = 0.78;
const LEAST_INK: f32 = 0.02;
const MOST_INK: f32 = 0.45;
/// Changes between ink and ground along a row or column that has ink: a single edge has one.
const LEAST_STROKES: f32 = 1.8;
const FEWEST_STROKES: f32 = 1.2;
/// Print of at least this share of all tiles with something on them is a page, not a photograph with a sign.
const PAPER: f32 = 0.35;

/// What the look found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// The share of the tiles with something on them that look like print, 0 to 1.
    pub print: f32,
    /// The share of all tiles that look like print, 0 to 1.
    pub density: f32,
    /// How the lines are turned, and whether they run downwards.
    pub skew: Skew,
    /// By how much the brightness of the ground differs between places with print, 0 to 255.
    pub uneven: f32,
    /// Around all print: left, top, right, bottom in pixels of the picture given.
    pub area: [usize; 4],
}

impl Look {
    /// Whether the picture is a scan, a screenshot or a page in a photograph. A picture with nothing on it is one too.
    pub fn is_paper(&self) -> bool {
        self.print >= PAPER
    }
}

/// A picture made small enough to be looked at.
#[derive(Clone, Debug)]
pub struct Glance {
    small: GrayBuf,
    factor: usize,
    width: usize,
    height: usize,
}

impl Glance {
    /// Of a picture, each pixel of which is read once.
    pub fn of(gray: Gray<'_>) -> Self {
        let factor = gray.width.max(gray.height).div_ceil(LOOK_SIDE);
        Self {
            small: reduced(gray, factor),
            factor,
            width: gray.width,
            height: gray.height,
        }
    }

    /// Look at it. A few milliseconds.
    pub fn look(&self) -> Look {
        let small = self.small.as_gray();
        let tiles = Tiles::cut(small);
        let threshold = tiles.busy_threshold();
        let busy = tiles.all.iter().filter(|tile| tile.contrast > threshold);
        let busy = busy.count();
        if busy == 0 {
            return Look {
                print: 1.0,
                ..Look::default()
            };
        }
        let print: Vec<&Tile> = tiles
            .all
            .iter()
            .filter(|tile| tile.contrast > threshold && tile.is_print())
            .collect();
        let points = ink_points(small, &print);
        Look {
            print: print.len() as f32 / busy as f32,
            density: print.len() as f32 / tiles.all.len() as f32,
            skew: skew::of_points(&points, (small.width, small.height)),
            uneven: spread(&print),
            area: self.around(&print),
        }
    }

    fn around(&self, print: &[&Tile]) -> [usize; 4] {
        let Some(first) = print.first() else {
            return [0; 4];
        };
        let mut area = [first.x, first.y, first.x, first.y];
        for tile in print {
            area[0] = area[0].min(tile.x);
            area[1] = area[1].min(tile.y);
            area[2] = area[2].max(tile.x);
            area[3] = area[3].max(tile.y);
        }
        let right = (area[2] + TILE) * self.factor;
        let bottom = (area[3] + TILE) * self.factor;
        [
            area[0] * self.factor,
            area[1] * self.factor,
            right.min(self.width),
            bottom.min(self.height),
        ]
    }
}

/// One tile: where it is, and how its pixels part in two sides.
#[derive(Clone, Copy, Debug)]
struct Tile {
    x: usize,
    y: usize,
    contrast: f32,
    threshold: u8,
    two_sided: f32,
    /// The share of pixels below the threshold.
    dark: f32,
    /// Mean of the larger side.
    ground: f32,
    along: f32,
    down: f32,
}

impl Tile {
    /// Nothing is on it, whatever the noise.
    fn empty(x: usize, y: usize, contrast: f32) -> Self {
        Self {
            x,
            y,
            contrast,
            threshold: 0,
            two_sided: 0.0,
            dark: 0.0,
            ground: 0.0,
            along: 0.0,
            down: 0.0,
        }
    }

    fn is_print(&self) -> bool {
        let ink = self.dark.min(1.0 - self.dark);
        self.two_sided > LEAST_TWO_SIDED
            && (LEAST_INK..MOST_INK).contains(&ink)
            && self.along.max(self.down) >= LEAST_STROKES
            && self.along.min(self.down) >= FEWEST_STROKES
    }
}

struct Tiles {
    all: Vec<Tile>,
}

impl Tiles {
    fn cut(gray: Gray<'_>) -> Self {
        let side = TILE.min(gray.width).min(gray.height);
        let mut all = Vec::with_capacity((gray.width / side) * (gray.height / side));
        for y in (0..=gray.height - side).step_by(side) {
            for x in (0..=gray.width - side).step_by(side) {
                all.push(tile(gray, x, y, side));
            }
        }
        Self { all }
    }

    /// Above it a tile has something on it. It follows the noise, by which every tile has contrast.
    fn busy_threshold(&self) -> f32 {
        let mut contrasts: Vec<f32> = self.all.iter().map(|tile| tile.contrast).collect();
        let place = ((contrasts.len() - 1) as f32 * QUIET_SHARE) as usize;
        let (_, floor, _) = contrasts.select_nth_unstable_by(place, f32::total_cmp);
        (*floor * OVER_NOISE).clamp(LEAST_CONTRAST, MOST_NOISE)
    }
}

fn tile(gray: Gray<'_>, x: usize, y: usize, side: usize) -> Tile {
    // Neighbours are mostly equal: in tables of their own they do not wait for each other.
    let mut tables = [[0_u16; 256]; 2];
    for row in y..y + side {
        for (place, &value) in gray.row(row)[x..x + side].iter().enumerate() {
            tables[place % 2][usize::from(value)] += 1;
        }
    }
    let histogram = std::array::from_fn(|value| u32::from(tables[0][value] + tables[1][value]));
    let count = (side * side) as u32;
    let contrast = percentile(&histogram, count * 49 / 50) - percentile(&histogram, count / 50);
    let contrast = contrast as f32;
    if contrast <= LEAST_CONTRAST {
        return Tile::empty(x, y, contrast);
    }
    let parted = otsu(&histogram, count);
    let (along, down) = strokes(gray, x, y, side, parted.threshold);
    Tile {
        x,
        y,
        contrast,
        threshold: parted.threshold,
        two_sided: parted.two_sided,
        dark: parted.dark,
        ground: if parted.dark > 0.5 {
            parted.dark_mean
        } else {
            parted.light_mean
        },
        along,
        down,
    }
}

/// The value that `rank` pixels are at or below.
fn percentile(histogram: &[u32; 256], rank: u32) -> usize {
    let mut seen = 0;
    for (value, &count) in histogram.iter().enumerate() {
        seen += count;
        if seen > rank {
            return value;
        }
    }
    255
}

struct Parted {
    threshold: u8,
    two_sided: f32,
    dark: f32,
    dark_mean: f32,
    light_mean: f32,
}

/// Otsu, "A threshold selection method from gray-level histograms", 1979. Values below the threshold are dark.
fn otsu(histogram: &[u32; 256], count: u32) -> Parted {
    let total = f64::from(count);
    let (mut sum, mut squares) = (0.0, 0.0);
    for (value, &number) in histogram.iter().enumerate() {
        let (value, number) = (value as f64, f64::from(number));
        sum += value * number;
        squares += value * value * number;
    }
    let variance = squares / total - (sum / total).powi(2);
    let mut best = Parted {
        threshold: 0,
        two_sided: 0.0,
        dark: 0.0,
        dark_mean: 0.0,
        light_mean: (sum / total) as f32,
    };
    let (mut below, mut below_sum, mut most) = (0.0, 0.0, 0.0);
    for (value, &count) in histogram.iter().enumerate().take(255) {
        // As between the same sides as before.
        if count == 0 {
            continue;
        }
        below += f64::from(count);
        below_sum += value as f64 * f64::from(count);
        let above = total - below;
        if above == 0.0 {
            break;
        }
        let (dark, light) = (below_sum / below, (sum - below_sum) / above);
        let between = below / total * (above / total) * (light - dark).powi(2);
        if between > most {
            most = between;
            best = Parted {
                threshold: value as u8 + 1,
                two_sided: 0.0,
                dark: (below / total) as f32,
                dark_mean: dark as f32,
                light_mean: light as f32,
            };
        }
    }
    best.two_sided = (most / variance.max(1e-3)) as f32;
    best
}

/// Changes between dark and light along rows and down columns, for each that has both.
fn strokes(gray: Gray<'_>, x: usize, y: usize, side: usize, threshold: u8) -> (f32, f32) {
    let mut rows = [0_u32; TILE];
    for (row, bits) in rows.iter_mut().enumerate().take(side) {
        for (column, &value) in gray.row(y + row)[x..x + side].iter().enumerate() {
            *bits |= u32::from(value < threshold) << column;
        }
    }
    let rows = &rows[..side];
    let within = (1_u32 << (side - 1)) - 1;
    let along = rows
        .iter()
        .map(|bits| ((bits ^ (bits >> 1)) & within).count_ones());
    let changes: Vec<u32> = rows.windows(2).map(|pair| pair[0] ^ pair[1]).collect();
    let down = (0..side).map(|column| changes.iter().map(|bits| bits >> column & 1).sum());
    (mean_of_some(along), mean_of_some(down))
}

/// The mean of those that are not 0.
fn mean_of_some(counts: impl Iterator<Item = u32>) -> f32 {
    let (mut sum, mut number) = (0, 0_u32);
    for count in counts.filter(|&count| count > 0) {
        sum += count;
        number += 1;
    }
    sum as f32 / number.max(1) as f32
}

/// The pixels of the smaller side of each tile of print.
fn ink_points(gray: Gray<'_>, print: &[&Tile]) -> Vec<(u16, u16)> {
    let side = TILE.min(gray.width).min(gray.height);
    let mut points = Vec::new();
    for tile in print {
        for y in tile.y..tile.y + side {
            for x in tile.x..tile.x + side {
                if (gray.row(y)[x] < tile.threshold) == (tile.dark <= 0.5) {
                    points.push((x as u16, y as u16));
                }
            }
        }
    }
    points
}

fn spread(print: &[&Tile]) -> f32 {
    if print.is_empty() {
        return 0.0;
    }
    let mut grounds: Vec<f32> = print.iter().map(|tile| tile.ground).collect();
    grounds.sort_unstable_by(f32::total_cmp);
    let last = grounds.len() - 1;
    grounds[last * 19 / 20] - grounds[last / 20]
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
