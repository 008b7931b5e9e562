//! ThumbHash: a picture in at most 25 bytes, to show something at once while the thumbnail is on its way.
//!
//! The format is Evan Wallace's (<https://evanw.github.io/thumbhash/>): the lowest cosine frequencies of luminance,
//! two colour differences and alpha, four bits each, behind their means and scales. A header of 24 bits holds the
//! means (6 bits each), the scale of the luminance (5) and whether there is alpha; one of 16 bits the number of
//! luminance frequencies along the shorter side (3), the scales of the differences (6 each) and the orientation.

use std::f64::consts::PI;

use super::pixels::{Layout, Pixels, Planes, Raster};

/// Longest side of the picture that is hashed, in pixels; more would add nothing to so few frequencies.
pub const MAX_SIDE: u32 = 100;

/// Frequencies of luminance along the longer side, without and with alpha.
const LUMINANCE: [usize; 2] = [7, 5];

/// Frequencies of each colour difference, and of alpha, along both sides.
const DIFFERENCE: usize = 3;
const ALPHA: usize = 5;

/// The decoder gives back a little more colour than quantisation left over.
const SATURATION: f64 = 1.25;

/// One channel as frequencies: the mean, the others divided by the largest of them, and that.
struct Channel {
    mean: f64,
    others: Vec<f64>,
    scale: f64,
}

/// The hash of an upright sRGB picture, at most 25 bytes. `raster` should be at most [`MAX_SIDE`] pixels large.
pub fn encode(raster: &Raster) -> Vec<u8> {
    let (width, height) = (raster.width() as usize, raster.height() as usize);
    let pixels = colours(raster);
    let (samples, has_alpha) = split(&pixels);
    let [along_x, along_y] = luminance_counts(width, height, has_alpha);
    let rows = transformed_rows(&samples, width, along_x.max(ALPHA));
    let channel = |lane, across, down| columns_of(&rows, lane, (width, height), across, down);
    let luminance = channel(0, along_x.max(3), along_y.max(3));
    let first = channel(1, DIFFERENCE, DIFFERENCE);
    let second = channel(2, DIFFERENCE, DIFFERENCE);
    let alpha = has_alpha.then(|| channel(3, ALPHA, ALPHA));

    let is_landscape = width > height;
    let counts = if is_landscape { along_y } else { along_x };
    let mut hash = Vec::with_capacity(25);
    let head = quantised(63.0 * luminance.mean)
        | quantised(31.5 + 31.5 * first.mean) << 6
        | quantised(31.5 + 31.5 * second.mean) << 12
        | quantised(31.0 * luminance.scale) << 18
        | u32::from(has_alpha) << 23;
    let shape = counts as u32
        | quantised(63.0 * first.scale) << 3
        | quantised(63.0 * second.scale) << 9
        | u32::from(is_landscape) << 15;
    hash.extend_from_slice(&head.to_le_bytes()[..3]);
    hash.extend_from_slice(&shape.to_le_bytes()[..2]);
    if let Some(alpha) = &alpha {
        hash.push((quantised(15.0 * alpha.mean) | quantised(15.0 * alpha.scale) << 4) as u8);
    }
    let channels = [Some(luminance), Some(first), Some(second), alpha];
    let others = channels.into_iter().flatten().flat_map(|channel| {
        let scale = channel.scale;
        let level = move |value| {
            if scale > 0.0 {
                0.5 + 0.5 / scale * value
            } else {
                value
            }
        };
        channel.others.into_iter().map(level)
    });
    for (index, level) in others.enumerate() {
        let nibble = quantised(15.0 * level) as u8;
        match hash.last_mut() {
            Some(last) if index % 2 == 1 => *last |= nibble << 4,
            _ => hash.push(nibble),
        }
    }
    hash
}

/// To the nearest whole number; the values are 0 or more. Frequencies that are not there lie halfway between two
/// numbers: the tiny addend lets no rounding error decide.
fn quantised(value: f64) -> u32 {
    (value + 0.5 + 1e-9).floor() as u32
}

/// Frequencies of luminance along both sides of a picture.
fn luminance_counts(width: usize, height: usize, has_alpha: bool) -> [usize; 2] {
    let limit = LUMINANCE[usize::from(has_alpha)] as f64;
    let longest = width.max(height) as f64;
    [width, height].map(|side| (limit * side as f64 / longest).round().max(1.0) as usize)
}

/// RGBA of any raster.
fn colours(raster: &Raster) -> Vec<[u8; 4]> {
    match raster {
        Raster::Planes(planes) => colours_of_planes(planes),
        Raster::Pixels(Pixels { layout, data, .. }) => match layout {
            Layout::Gray => data.iter().map(|&grey| [grey, grey, grey, 255]).collect(),
            Layout::Rgba => data.as_chunks().0.to_vec(),
            // Inks are gone by now: all rasters that get here are sRGB.
            Layout::Rgb | Layout::Cmyk => {
                let pixels = data.chunks_exact(layout.channels());
                pixels.map(|p| [p[0], p[1], p[2], 255]).collect()
            }
        },
    }
}

/// RGB of BT.601 planes. The nearest chroma sample is near enough.
fn colours_of_planes(planes: &Planes) -> Vec<[u8; 4]> {
    let (offset, luma, chroma) = planes.range.scales();
    let (width, height) = (planes.y.width as usize, planes.y.height as usize);
    let (columns, rows) = (planes.u.width as usize, planes.u.height as usize);
    let mut colours = Vec::with_capacity(width * height);
    for y in 0..height {
        let row = y * rows / height * columns;
        for x in 0..width {
            let light = (f64::from(planes.y.data[y * width + x]) - offset) * luma;
            let place = row + x * columns / width;
            let blue = (f64::from(planes.u.data[place]) - 128.0) * chroma;
            let red = (f64::from(planes.v.data[place]) - 128.0) * chroma;
            let green = light - 0.344_136 * blue - 0.714_136 * red;
            let [r, g, b] = [light + 1.402 * red, green, light + 1.772 * blue]
                .map(|value| (value + 0.5).clamp(0.0, 255.0) as u8);
            colours.push([r, g, b, 255]);
        }
    }
    colours
}

/// Luminance, two colour differences and alpha, over the mean colour where it is transparent; whether some pixel is.
fn split(pixels: &[[u8; 4]]) -> (Vec<Lanes>, bool) {
    let opacity = |pixel: &[u8; 4]| f64::from(pixel[3]) / 255.0;
    let mut sums = [0.0; 4];
    for pixel in pixels {
        let alpha = opacity(pixel);
        for (sum, &value) in sums.iter_mut().zip(pixel) {
            *sum += alpha / 255.0 * f64::from(value);
        }
    }
    let weight: f64 = pixels.iter().map(opacity).sum();
    let mean = sums.map(|sum| if weight > 0.0 { sum / weight } else { sum });
    let lanes = |pixel: &[u8; 4]| {
        let alpha = opacity(pixel);
        let over =
            |index: usize| mean[index] * (1.0 - alpha) + alpha / 255.0 * f64::from(pixel[index]);
        let (red, green, blue) = (over(0), over(1), over(2));
        [
            (red + green + blue) / 3.0,
            (red + green) / 2.0 - blue,
            red - green,
            alpha,
        ]
    };
    let has_alpha = pixels.iter().any(|pixel| pixel[3] < 255);
    (pixels.iter().map(lanes).collect(), has_alpha)
}

/// The four channels of one pixel, or of one frequency: side by side, so that one instruction works on several.
type Lanes = [f64; 4];

/// cos(pi / n * k * (i + 1/2)) for the `count` lowest k and all i below n.
fn waves(length: usize, count: usize) -> Vec<Vec<f64>> {
    let wave = |k: usize| {
        let step = PI / length as f64 * k as f64;
        (0..length)
            .map(|i| (step * (i as f64 + 0.5)).cos())
            .collect()
    };
    (0..count).map(wave).collect()
}

/// The `count` lowest frequencies along each row: all rows of the first frequency, of the second...
fn transformed_rows(samples: &[Lanes], width: usize, count: usize) -> Vec<Vec<Lanes>> {
    let along = |wave: &[f64], row: &[Lanes]| {
        let mut sums = [0.0; 4];
        for (sample, wave) in row.iter().zip(wave) {
            for (sum, value) in sums.iter_mut().zip(sample) {
                *sum += value * wave;
            }
        }
        sums
    };
    let rows = |wave: Vec<f64>| {
        samples
            .chunks_exact(width)
            .map(|row| along(&wave, row))
            .collect()
    };
    waves(width, count).into_iter().map(rows).collect()
}

/// One channel's frequencies below the diagonal from (`across`, 0) to (0, `down`), row by row.
fn columns_of(
    rows: &[Vec<Lanes>],
    lane: usize,
    (width, height): (usize, usize),
    across: usize,
    down: usize,
) -> Channel {
    let mut values = Vec::with_capacity(across * down);
    for (j, wave) in waves(height, down).iter().enumerate() {
        for row in rows.iter().take(row_length(across, down, j)) {
            let sum: f64 = row
                .iter()
                .zip(wave)
                .map(|(lanes, wave)| lanes[lane] * wave)
                .sum();
            values.push(sum / (width * height) as f64);
        }
    }
    let mean = values.remove(0);
    let scale = values
        .iter()
        .fold(0.0, |most: f64, value| most.max(value.abs()));
    Channel {
        mean,
        others: values,
        scale,
    }
}

/// What a hash shows: RGBA pixels, 32 on the longer side. `None` for bytes that are no ThumbHash.
pub fn decode(hash: &[u8]) -> Option<Pixels> {
    let head = hash.get(..5)?;
    let bits = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    let shape = u32::from_le_bytes([head[3], head[4], 0, 0]);
    let has_alpha = bits >> 23 == 1;
    let is_landscape = shape >> 15 == 1;
    let longer = LUMINANCE[usize::from(has_alpha)];
    let shorter = (shape & 7) as usize;
    let [along_x, along_y] = if is_landscape {
        [longer, shorter]
    } else {
        [shorter, longer]
    };
    let (alpha_mean, alpha_scale, rest) = match (has_alpha, hash.get(5)) {
        (false, _) => (1.0, 0.0, hash.get(5..)?),
        (true, Some(&byte)) => (
            f64::from(byte & 15) / 15.0,
            f64::from(byte >> 4) / 15.0,
            hash.get(6..)?,
        ),
        (true, None) => return None,
    };
    let mut nibbles = rest.iter().flat_map(|&byte| [byte & 15, byte >> 4]);
    let mut read = |mean: f64, scale: f64, across: usize, down: usize| -> Option<Spectrum> {
        let mut values = vec![mean];
        let count: usize = (0..down).map(|j| row_length(across, down, j)).sum();
        for _ in 1..count {
            // The mean was written once; the others count double in the sum over both signs of a frequency.
            values.push((f64::from(nibbles.next()?) / 7.5 - 1.0) * scale * 2.0);
        }
        Some(Spectrum {
            values,
            across,
            down,
        })
    };
    let sixth = |value: u32| f64::from(value & 63);
    let luminance = read(
        sixth(bits) / 63.0,
        f64::from(bits >> 18 & 31) / 31.0,
        along_x.max(3),
        along_y.max(3),
    )?;
    let first_scale = sixth(shape >> 3) / 63.0 * SATURATION;
    let first = read(
        sixth(bits >> 6) / 31.5 - 1.0,
        first_scale,
        DIFFERENCE,
        DIFFERENCE,
    )?;
    let second_scale = sixth(shape >> 9) / 63.0 * SATURATION;
    let second = read(
        sixth(bits >> 12) / 31.5 - 1.0,
        second_scale,
        DIFFERENCE,
        DIFFERENCE,
    )?;
    let alpha = if has_alpha {
        read(alpha_mean, alpha_scale, ALPHA, ALPHA)?
    } else {
        Spectrum {
            values: vec![1.0],
            across: 1,
            down: 1,
        }
    };
    Some(drawn(
        &luminance,
        &first,
        &second,
        &alpha,
        [along_x, along_y],
    ))
}

/// Frequencies in the order they are stored.
struct Spectrum {
    values: Vec<f64>,
    across: usize,
    down: usize,
}

/// Frequencies of row `j` below the diagonal.
fn row_length(across: usize, down: usize, j: usize) -> usize {
    (across * (down - j)).div_ceil(down)
}

impl Spectrum {
    /// The sum of all waves at a place, both coordinates from 0 to 1.
    fn at(&self, x: f64, y: f64) -> f64 {
        let mut values = self.values.iter();
        let mut sum = 0.0;
        for j in 0..self.down {
            let vertical = (PI * y * j as f64).cos();
            for i in 0..row_length(self.across, self.down, j) {
                let value = values.next().copied().unwrap_or(0.0);
                sum += value * (PI * x * i as f64).cos() * vertical;
            }
        }
        sum
    }
}

/// Side of the longer side of a decoded picture, in pixels.
const DRAWN_SIDE: f64 = 32.0;

fn drawn(
    luminance: &Spectrum,
    first: &Spectrum,
    second: &Spectrum,
    alpha: &Spectrum,
    counts: [usize; 2],
) -> Pixels {
    let ratio = counts[0].max(1) as f64 / counts[1].max(1) as f64;
    let side = |share: f64| (DRAWN_SIDE * share.min(1.0)).round().max(1.0) as u32;
    let (width, height) = (side(ratio), side(1.0 / ratio));
    let mut data = Vec::with_capacity(width as usize * height as usize * 4);
    for row in 0..height {
        let y = (f64::from(row) + 0.5) / f64::from(height);
        for column in 0..width {
            let x = (f64::from(column) + 0.5) / f64::from(width);
            let [light, p, q] = [luminance, first, second].map(|spectrum| spectrum.at(x, y));
            let blue = light - 2.0 / 3.0 * p;
            let red = (3.0 * light - blue + q) / 2.0;
            let values = [red, red - q, blue, alpha.at(x, y)];
            data.extend(values.map(|value| (255.0 * value.clamp(0.0, 1.0)) as u8));
        }
    }
    Pixels {
        width,
        height,
        layout: Layout::Rgba,
        data,
    }
}
