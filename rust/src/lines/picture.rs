//! The picture of a line as the network takes it: cut out, scaled, and black and white made equal in all.

use super::network::Values;
use crate::rounding;

/// Tesseract leaves so many pixels around a line.
const MARGIN: i32 = 4;

/// A gray picture. `data`: rows of `width` bytes.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// Its rows, one after the other.
    pub data: &'a [u8],
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

#[derive(Clone)]
pub(super) struct Cut {
    pub left: usize,
    pub factor: f32,
    pub width: usize,
    height: usize,
    data: Vec<u8>,
}

/// A line with the margin around it, `height` pixels high; none where it is empty or too small.
pub(super) fn cut(
    page: Page,
    [left, top, right, bottom]: [i32; 4],
    height: usize,
    least: usize,
) -> Option<Cut> {
    let bound = |side: i32, size: usize| usize::try_from(side).unwrap_or(0).min(size);
    let (left, right) = (
        bound(left.saturating_sub(MARGIN), page.width),
        bound(right.saturating_add(MARGIN), page.width),
    );
    let (top, bottom) = (
        bound(top.saturating_sub(MARGIN), page.height),
        bound(bottom.saturating_add(MARGIN), page.height),
    );
    if right <= left || bottom <= top {
        return None;
    }
    let rows = (top..bottom).map(|y| &page.data[y * page.width + left..y * page.width + right]);
    let whole = Cut {
        left,
        factor: 1.0,
        width: right - left,
        height: bottom - top,
        data: rows.collect::<Vec<_>>().concat(),
    };
    let factor = height as f32 / whole.height as f32;
    let width = (factor * whole.width as f32 + 0.5) as usize;
    // Lines that are far longer than high are rules and rubbish: they would take all the memory.
    if width < least.max(1) || width > 1000 * height {
        return None;
    }
    let scaled = if whole.height == height {
        whole
    } else {
        scaled(&whole, factor, width, height)
    };
    (scaled.width > 0).then_some(scaled)
}

/// As leptonica's `pixScale` does (scale1.c), which the networks were trained with: the mean over an area where it gets
/// much smaller, else linear between neighbours, and sharpened again.
fn scaled(cut: &Cut, factor: f32, width: usize, height: usize) -> Cut {
    let data = if factor < 0.7 {
        by_area(cut, width, height)
    } else {
        by_neighbours(cut, width, height)
    };
    let data = if factor < 0.7 && factor > 0.2 {
        sharpened::<1>(&data, width, 0.2)
    } else if (0.7..1.4).contains(&factor) {
        sharpened::<2>(&data, width, 0.4)
    } else {
        data
    };
    Cut {
        left: cut.left,
        factor,
        width,
        height,
        data,
    }
}

/// Places in sixteenths of a pixel: the whole pixel, and the rest.
fn places(from: usize, to: usize) -> Vec<(usize, u32)> {
    let step = 16.0 * from as f32 / to as f32;
    let place = |number: usize| {
        let sixteenths = (step * number as f32) as usize;
        (sixteenths / 16, (sixteenths % 16) as u32)
    };
    (0..=to).map(place).collect()
}

fn by_neighbours(cut: &Cut, width: usize, height: usize) -> Vec<u8> {
    let (columns, rows) = (places(cut.width, width), places(cut.height, height));
    let last = cut.width - 1;
    let columns: Vec<_> = columns[..width]
        .iter()
        .map(|&(x, across)| (x.min(last), (x + 1).min(last), across as u16))
        .collect();
    // Each row of the page across, in sixteenths: with those down, at most 255 x 256, within 16 bits.
    let mut across = Vec::with_capacity(cut.height * width);
    for row in cut.data.chunks_exact(cut.width) {
        across.extend(columns.iter().map(|&(x, next, across)| {
            (16 - across) * u16::from(row[x]) + across * u16::from(row[next])
        }));
    }
    let mut data = Vec::with_capacity(width * height);
    for &(y, down) in &rows[..height] {
        let y = y.min(cut.height - 1);
        let below = (y + 1).min(cut.height - 1);
        let [upper, lower] = [y, below].map(|y| &across[y * width..][..width]);
        let down = down as u16;
        let blend = |(&top, &bottom)| (((16 - down) * top + down * bottom + 128) / 256) as u8;
        data.extend(upper.iter().zip(lower).map(blend));
    }
    data
}

fn by_area(cut: &Cut, width: usize, height: usize) -> Vec<u8> {
    let (columns, rows) = (places(cut.width, width), places(cut.height, height));
    let mut data = Vec::with_capacity(width * height);
    let part = |number: usize, (first, before): (usize, u32), (last, behind): (usize, u32)| {
        // Both where it lies in one pixel: as leptonica counts it.
        let mut share = if number == first { 16 - before } else { 0 };
        if number == last {
            share = if first == last {
                share + behind - 16
            } else {
                behind
            };
        } else if number > first {
            share = 16;
        }
        share
    };
    for row in rows.windows(2) {
        let (from_y, to_y) = (row[0], row[1]);
        for column in columns.windows(2) {
            let (from_x, to_x) = (column[0], column[1]);
            if to_x.0 + 2 > cut.width || to_y.0 + 2 > cut.height {
                let (x, y) = (from_x.0.min(cut.width - 1), from_y.0.min(cut.height - 1));
                data.push(cut.data[y * cut.width + x]);
                continue;
            }
            let (mut sum, mut area) = (128, 0);
            for y in from_y.0..=to_y.0 {
                let down = part(y, from_y, to_y);
                for x in from_x.0..=to_x.0 {
                    let share = down * part(x, from_x, to_x);
                    sum += share * u32::from(cut.data[y * cut.width + x]);
                    area += share;
                }
            }
            data.push((sum / area.max(1)).min(255) as u8);
        }
    }
    data
}

/// The difference to the mean of the neighbours, `HALF` to each side, added `share` times. Not at the edges.
fn sharpened<const HALF: usize>(data: &[u8], width: usize, share: f32) -> Vec<u8> {
    let height = data.len() / width.max(1);
    let mut sharp = data.to_vec();
    let side = 2 * HALF + 1;
    if width < side || height < side {
        return sharp;
    }
    let norm = 1.0 / (side * side) as f32;
    let inner = width - 2 * HALF;
    let mut across = vec![0_u16; height * inner];
    for (sums, row) in across.chunks_exact_mut(inner).zip(data.chunks_exact(width)) {
        for shift in 0..side {
            for (sum, &value) in sums.iter_mut().zip(&row[shift..]) {
                *sum += u16::from(value);
            }
        }
    }
    let mut sums = vec![0_u16; inner];
    for y in HALF..height - HALF {
        sums.fill(0);
        for row in across[(y - HALF) * inner..].chunks_exact(inner).take(side) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
        let from = y * width + HALF;
        let values = data[from..from + inner].iter().zip(&sums);
        for (sharp, (&value, &sum)) in sharp[from..from + inner].iter_mut().zip(values) {
            let value = f32::from(value);
            let new = (value + share * (value - norm * f32::from(sum))).clamp(0.0, 255.0);
            *sharp = rounding::half_up(new);
        }
    }
    sharp
}

impl Cut {
    /// White for black.
    pub fn inverted(&self) -> Self {
        Self {
            data: self.data.iter().map(|value| !value).collect(),
            ..self.clone()
        }
    }

    /// Values for the network: from black, -1, to white, 1. What these are tell the extremes along the middle row
    /// (lstm/networkio.cpp).
    pub fn values(&self) -> Values {
        let (black, white) = extremes(&self.data[self.height / 2 * self.width..][..self.width]);
        let contrast = (white - black) / 2.0;
        let contrast = if contrast <= 0.0 { 1.0 } else { contrast };
        let table: Vec<i8> = (0..=255_u8)
            .map(|value| {
                let scaled = (f32::from(value) - black) / contrast - 1.0;
                (128.0 * scaled).round().clamp(-127.0, 127.0) as i8
            })
            .collect();
        let data = self
            .data
            .iter()
            .map(|&value| table[usize::from(value)])
            .collect();
        Values {
            height: self.height,
            width: self.width,
            features: 1,
            data,
        }
    }
}

/// The lower quartile of the valleys along a row, and the upper one of the hills.
fn extremes(row: &[u8]) -> (f32, f32) {
    let (mut valleys, mut hills) = ([0_u32; 256], [0_u32; 256]);
    for three in row.windows(3) {
        let (before, here, after) = (three[0], three[1], three[2]);
        if (here < before && here <= after) || (here <= before && here < after) {
            valleys[usize::from(here)] += 1;
        }
        if (here > before && here >= after) || (here >= before && here > after) {
            hills[usize::from(here)] += 1;
        }
    }
    (
        quantile(&valleys, 0.25).unwrap_or(1.0),
        quantile(&hills, 0.75).unwrap_or(256.0),
    )
}

/// As `STATS::ile` (ccstruct/statistc.cpp) counts: within a value, too.
fn quantile(counts: &[u32; 256], share: f64) -> Option<f32> {
    let all: u32 = counts.iter().sum();
    if all == 0 {
        return None;
    }
    let target = (share * f64::from(all)).clamp(1.0, f64::from(all));
    let mut sum = 0.0;
    for (value, &count) in counts.iter().enumerate() {
        sum += f64::from(count);
        if sum >= target {
            return Some((value as f64 + 1.0 - (sum - target) / f64::from(count)) as f32);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As leptonica does it, one pixel after the other.
    #[test]
    fn pictures_are_sharpened_by_the_mean_of_their_neighbours() {
        let (width, height, share) = (61, 19, 0.4);
        let data: Vec<u8> = (0..width * height)
            .map(|place| (place * place * 7 % 251) as u8)
            .collect();
        let sharp = sharpened::<2>(&data, width, share);
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                let is_inside = (2..width - 2).contains(&x) && (2..height - 2).contains(&y);
                if !is_inside {
                    assert_eq!(sharp[at], data[at]);
                    continue;
                }
                let rows = (y - 2..=y + 2).map(|y| &data[y * width + x - 2..][..5]);
                let sum: u16 = rows.flatten().map(|&value| u16::from(value)).sum();
                let value = f32::from(data[at]);
                let new = value + share * (value - 1.0 / 25.0 * f32::from(sum));
                let want = (f64::from(new) + 0.5).clamp(0.0, 255.0) as u8;
                assert_eq!(sharp[at], want, "{x}, {y}");
            }
        }
    }
}
