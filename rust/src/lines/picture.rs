//! The picture of a line as the network takes it: cut out, scaled, and black and white made equal in all.

use super::network::Values;

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
    let data = (top..bottom)
        .flat_map(|y| &page.data[y * page.width + left..y * page.width + right])
        .copied();
    let whole = Cut {
        left,
        factor: 1.0,
        width: right - left,
        height: bottom - top,
        data: data.collect(),
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
        sharpened(&data, width, 1, 0.2)
    } else if (0.7..1.4).contains(&factor) {
        sharpened(&data, width, 2, 0.4)
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
    let mut data = Vec::with_capacity(width * height);
    for &(y, down) in &rows[..height] {
        let y = y.min(cut.height - 1);
        let upper = &cut.data[y * cut.width..][..cut.width];
        let below = (y + 1).min(cut.height - 1);
        let lower = &cut.data[below * cut.width..][..cut.width];
        data.extend(columns[..width].iter().map(|&(x, across)| {
            let x = x.min(cut.width - 1);
            let next = (x + 1).min(cut.width - 1);
            let top = (16 - across) * u32::from(upper[x]) + across * u32::from(upper[next]);
            let bottom = (16 - across) * u32::from(lower[x]) + across * u32::from(lower[next]);
            (((16 - down) * top + down * bottom + 128) / 256) as u8
        }));
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

/// The difference to the mean of the neighbours, `half` to each side, added `share` times. Not at the edges.
fn sharpened(data: &[u8], width: usize, half: usize, share: f32) -> Vec<u8> {
    let height = data.len() / width.max(1);
    let mut sharp = data.to_vec();
    let side = 2 * half + 1;
    if width < side || height < side {
        return sharp;
    }
    let norm = 1.0 / (side * side) as f32;
    let mut across = vec![0_u16; data.len()];
    for (sums, row) in across.chunks_exact_mut(width).zip(data.chunks_exact(width)) {
        for (sum, window) in sums[half..].iter_mut().zip(row.windows(side)) {
            *sum = window.iter().map(|&value| u16::from(value)).sum();
        }
    }
    for y in half..height - half {
        for x in half..width - half {
            let sum: u16 = (y - half..=y + half).map(|y| across[y * width + x]).sum();
            let value = f32::from(data[y * width + x]);
            let new = value + share * (value - norm * f32::from(sum));
            sharp[y * width + x] = (f64::from(new) + 0.5).clamp(0.0, 255.0) as u8;
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
