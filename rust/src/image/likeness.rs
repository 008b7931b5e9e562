//! Perceptual hashes: pictures that look alike have hashes that differ in few bits, also turned or mirrored.
//!
//! A picture is averaged to 64 x 64, and its hash holds the signs of the lowest frequencies of its cosine transform but
//! for the constant ones. A picture of one colour has a hash of zeros: it has no looks to compare. A turned or mirrored picture has the same frequencies with other signs, or with the two
//! directions exchanged, so its hash is made from the hash.

use std::f32::consts::PI;

use super::gray::{Gray, GrayBuf};
use super::pixels::{Layout, Pixels, Planes, Raster};

/// Frequencies in each direction.
pub const FREQUENCIES: usize = 16;
/// Bytes of a hash.
pub const HASH_BYTES: usize = FREQUENCIES * FREQUENCIES / 8;
const SIDE: usize = 64;

/// A picture whose gray levels have a smaller standard deviation counts as one of one colour.
const FLAT: f64 = 1.5;

/// The signs of the frequencies: a row for each vertical one, its bits for the horizontal ones.
pub type Likeness = [u16; FREQUENCIES];

/// The hash of an upright sRGB picture, as bytes. What is transparent is white.
#[must_use]
pub fn encode(raster: &Raster) -> [u8; HASH_BYTES] {
    let gray = gray_of(raster);
    if deviation(&gray.data) < FLAT {
        return [0; HASH_BYTES];
    }
    to_bytes(&likeness(gray.as_gray()))
}

fn deviation(data: &[u8]) -> f64 {
    let count = data.len().max(1) as f64;
    let sum: u64 = data.iter().map(|&value| u64::from(value)).sum();
    let squares: u64 = data.iter().map(|&value| u64::from(value).pow(2)).sum();
    let mean = sum as f64 / count;
    (squares as f64 / count - mean * mean).max(0.0).sqrt()
}

fn gray_of(raster: &Raster) -> GrayBuf {
    let data = match raster {
        Raster::Planes(planes) => gray_of_planes(planes),
        Raster::Pixels(pixels) => gray_of_pixels(pixels),
    };
    GrayBuf {
        width: raster.width() as usize,
        height: raster.height() as usize,
        data,
    }
}

fn gray_of_planes(planes: &Planes) -> Vec<u8> {
    let (offset, luma, _) = planes.range.scales();
    let levels: [u8; 256] =
        std::array::from_fn(|value| ((value as f64 - offset) * luma + 0.5).clamp(0.0, 255.0) as u8);
    let samples = planes.y.data.iter();
    samples.map(|&value| levels[usize::from(value)]).collect()
}

fn gray_of_pixels(pixels: &Pixels) -> Vec<u8> {
    let Pixels { layout, data, .. } = pixels;
    match layout {
        Layout::Gray => data.clone(),
        Layout::Rgba => data.as_chunks().0.iter().map(gray_on_white).collect(),
        // Inks are gone by now: all rasters that get here are sRGB.
        Layout::Rgb | Layout::Cmyk => {
            let pixels = data.chunks_exact(layout.channels());
            pixels.map(|p| light(p[0], p[1], p[2]) as u8).collect()
        }
    }
}

/// The luma of ITU-R BT.601, 0 to 255.
fn light(red: u8, green: u8, blue: u8) -> u32 {
    (u32::from(red) * 77 + u32::from(green) * 150 + u32::from(blue) * 29) >> 8
}

fn gray_on_white(&[red, green, blue, alpha]: &[u8; 4]) -> u8 {
    let alpha = u32::from(alpha);
    ((light(red, green, blue) * alpha + 255 * (255 - alpha)) / 255) as u8
}

/// The hash of a picture.
#[must_use]
pub fn likeness(gray: Gray<'_>) -> Likeness {
    let small = averaged(gray);
    let cosines = cosines();
    let mut across = [[0.0_f32; FREQUENCIES]; SIDE];
    for (row, out) in small.iter().zip(&mut across) {
        for (cosines, out) in cosines.iter().zip(out) {
            *out = row
                .iter()
                .zip(cosines)
                .map(|(value, cosine)| value * cosine)
                .sum();
        }
    }
    let mut hash = [0; FREQUENCIES];
    for (cosines, bits) in cosines.iter().zip(&mut hash) {
        for column in 0..FREQUENCIES {
            let sum: f32 = across
                .iter()
                .zip(cosines)
                .map(|(row, cosine)| row[column] * cosine)
                .sum();
            *bits |= u16::from(sum > 0.0) << column;
        }
    }
    hash
}

fn cosines() -> [[f32; SIDE]; FREQUENCIES] {
    let mut table = [[0.0; SIDE]; FREQUENCIES];
    for (frequency, row) in table.iter_mut().enumerate() {
        for (at, value) in row.iter_mut().enumerate() {
            *value = (PI * (frequency + 1) as f32 * (at as f32 + 0.5) / SIDE as f32).cos();
        }
    }
    table
}

/// The mean of each of 64 x 64 fields of the picture, whose borders may cut pixels.
fn averaged(gray: Gray<'_>) -> [[f32; SIDE]; SIDE] {
    let columns = shares(gray.width);
    let rows = shares(gray.height);
    let mut out = [[0.0; SIDE]; SIDE];
    for (row, line) in gray
        .data
        .chunks_exact(gray.width.max(1))
        .enumerate()
        .take(gray.height)
    {
        let mut narrow = [0.0_f32; SIDE];
        for (&value, share) in line.iter().zip(&columns) {
            for &(field, weight) in share {
                narrow[field] += f32::from(value) * weight;
            }
        }
        for &(field, weight) in &rows[row] {
            for (out, value) in out[field].iter_mut().zip(narrow) {
                *out += value * weight;
            }
        }
    }
    out
}

/// The fields that each pixel of a line belongs to, with its share of their mean.
fn shares(length: usize) -> Vec<Vec<(usize, f32)>> {
    let width = length as f32 / SIDE as f32;
    (0..length)
        .map(|at| {
            let (start, end) = (at as f32, at as f32 + 1.0);
            let first = (start / width) as usize;
            let last = ((end / width).ceil() as usize).min(SIDE);
            (first..last)
                .filter_map(|field| {
                    let inside =
                        end.min((field + 1) as f32 * width) - start.max(field as f32 * width);
                    (inside > 0.0).then_some((field, inside / width))
                })
                .collect()
        })
        .collect()
}

fn mirrored(hash: &Likeness) -> Likeness {
    hash.map(|bits| bits ^ 0x5555)
}

fn upside_down(hash: &Likeness) -> Likeness {
    let mut out = *hash;
    out.iter_mut().step_by(2).for_each(|bits| *bits = !*bits);
    out
}

fn transposed(hash: &Likeness) -> Likeness {
    let mut out = [0; FREQUENCIES];
    for (row, bits) in hash.iter().enumerate() {
        for (column, out) in out.iter_mut().enumerate() {
            *out |= (bits >> column & 1) << row;
        }
    }
    out
}

/// The hashes of the picture as it is, mirrored, and turned in all ways.
#[must_use]
pub fn turned(hash: &Likeness) -> [Likeness; 8] {
    let other = transposed(hash);
    [
        *hash,
        mirrored(hash),
        upside_down(hash),
        upside_down(&mirrored(hash)),
        other,
        mirrored(&other),
        upside_down(&other),
        upside_down(&mirrored(&other)),
    ]
}

fn packed(hash: &Likeness) -> [u64; 4] {
    let mut out = [0; 4];
    for (at, bits) in hash.iter().enumerate() {
        out[at / 4] |= u64::from(*bits) << (at % 4 * 16);
    }
    out
}

fn apart(one: &[u64; 4], other: &[u64; 4]) -> u32 {
    one.iter()
        .zip(other)
        .map(|(a, b)| (a ^ b).count_ones())
        .sum()
}

/// Of the first 8 rows, in two words, the bits of the 8 lowest frequencies: cutting a picture shifts these the least.
const LOW: u64 = 0x00ff_00ff_00ff_00ff;

fn apart_low(one: &[u64; 4], other: &[u64; 4]) -> u32 {
    one.iter()
        .zip(other)
        .take(2)
        .map(|(a, b)| ((a ^ b) & LOW).count_ones())
        .sum()
}

/// The pairs of hashes that differ in at most `most` bits, or in at most `most_low` of the 64 of the lowest frequencies,
/// turned in any way: (first, second, bits, low bits).
#[must_use]
pub fn alike(
    hashes: &[Likeness],
    most: u32,
    most_low: u32,
    threads: usize,
) -> Vec<(usize, usize, u32, u32)> {
    let plain: Vec<[u64; 4]> = hashes.iter().map(packed).collect();
    let threads = threads.max(1);
    let mut found: Vec<_> = std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let plain = &plain;
                scope.spawn(move || {
                    let mut found = Vec::new();
                    for first in (part..hashes.len()).step_by(threads) {
                        let mine = turned(&hashes[first]).map(|hash| packed(&hash));
                        for (second, other) in plain.iter().enumerate().skip(first + 1) {
                            let mut bits = u32::MAX;
                            let mut low = u32::MAX;
                            for mine in &mine {
                                bits = bits.min(apart(mine, other));
                                low = low.min(apart_low(mine, other));
                            }
                            if bits <= most || low <= most_low {
                                found.push((first, second, bits, low));
                            }
                        }
                    }
                    found
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_default())
            .collect()
    });
    found.sort_unstable();
    found
}

/// The number of bits in which each hash differs from one, turned in the nearest way.
#[must_use]
pub fn distances(hash: &Likeness, others: &[Likeness]) -> Vec<u32> {
    let mine = turned(hash).map(|hash| packed(&hash));
    others
        .iter()
        .map(|other| {
            let other = packed(other);
            mine.iter()
                .map(|mine| apart(mine, &other))
                .min()
                .unwrap_or(u32::MAX)
        })
        .collect()
}

/// A hash as bytes.
#[must_use]
pub fn to_bytes(hash: &Likeness) -> [u8; HASH_BYTES] {
    let mut out = [0; HASH_BYTES];
    for (bytes, bits) in out.as_chunks_mut::<2>().0.iter_mut().zip(hash) {
        *bytes = bits.to_le_bytes();
    }
    out
}

/// A hash from its bytes.
#[must_use]
pub fn from_bytes(bytes: &[u8; HASH_BYTES]) -> Likeness {
    let mut out = [0; FREQUENCIES];
    for (bits, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *bits = u16::from_le_bytes(*bytes);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::pixels::{Plane, Range};

    fn scene(width: usize, height: usize, turn: impl Fn(f32, f32) -> (f32, f32)) -> GrayBuf {
        let mut data = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let (x, y) = turn(
                    (x as f32 + 0.5) / width as f32,
                    (y as f32 + 0.5) / height as f32,
                );
                let value = 128.0
                    + 60.0 * (7.0 * x + 3.0 * y * y).sin()
                    + 40.0 * (11.0 * y * x - x).cos()
                    + 20.0 * x;
                data.push(value as u8);
            }
        }
        GrayBuf {
            width,
            height,
            data,
        }
    }

    fn apart_of(one: &GrayBuf, other: &GrayBuf) -> u32 {
        distances(&likeness(one.as_gray()), &[likeness(other.as_gray())])[0]
    }

    #[test]
    fn size_and_turns_do_not_matter() {
        let scene_of = |width, height, turn: fn(f32, f32) -> (f32, f32)| scene(width, height, turn);
        let plain = scene_of(300, 200, |x, y| (x, y));
        for other in [
            scene_of(90, 60, |x, y| (x, y)),
            scene_of(300, 200, |x, y| (1.0 - x, y)),
            scene_of(300, 200, |x, y| (1.0 - x, 1.0 - y)),
            scene_of(200, 300, |x, y| (y, 1.0 - x)),
            scene_of(200, 300, |x, y| (1.0 - y, x)),
        ] {
            assert!(
                apart_of(&plain, &other) <= 24,
                "{}",
                apart_of(&plain, &other)
            );
        }
        let other = scene_of(300, 200, |x, y| (x * x * 3.0, 1.0 - y * 2.0));
        assert!(
            apart_of(&plain, &other) > 60,
            "{}",
            apart_of(&plain, &other)
        );
    }

    #[test]
    fn a_picture_has_one_hash_in_whatever_form_it_was_decoded() {
        let gray = scene(96, 64, |x, y| (x, y));
        let (width, height) = (96, 64);
        let pixels = |layout, data| {
            Raster::Pixels(Pixels {
                width,
                height,
                layout,
                data,
            })
        };
        let repeated = |with: fn(u8) -> Vec<u8>| gray.data.iter().flat_map(|&v| with(v)).collect();
        let chroma = || Plane {
            width: 1,
            height: 1,
            data: vec![128],
        };
        let planes = Raster::Planes(Planes {
            y: Plane {
                width,
                height,
                data: gray.data.clone(),
            },
            u: chroma(),
            v: chroma(),
            range: Range::Full,
        });
        let hash = to_bytes(&likeness(gray.as_gray()));
        assert_eq!(encode(&pixels(Layout::Gray, gray.data.clone())), hash);
        assert_eq!(
            encode(&pixels(Layout::Rgb, repeated(|v| vec![v, v, v]))),
            hash
        );
        let opaque = repeated(|v| vec![v, v, v, 255]);
        assert_eq!(encode(&pixels(Layout::Rgba, opaque)), hash);
        assert_eq!(encode(&planes), hash);
    }

    #[test]
    fn what_is_of_one_colour_or_transparent_has_a_hash_of_zeros() {
        let nothing = Pixels::zeroed(30, 20, Layout::Rgba).expect("small");
        assert_eq!(encode(&Raster::Pixels(nothing)), [0; HASH_BYTES]);
        let black = Pixels::zeroed(30, 20, Layout::Rgb).expect("small");
        assert_eq!(encode(&Raster::Pixels(black)), [0; HASH_BYTES]);
    }

    #[test]
    fn a_hash_survives_its_bytes_and_four_turns() {
        let hash = likeness(scene(64, 64, |x, y| (x, y)).as_gray());
        assert_eq!(from_bytes(&to_bytes(&hash)), hash);
        assert_eq!(transposed(&transposed(&hash)), hash);
        let turn = |hash: &Likeness| mirrored(&transposed(hash));
        assert_eq!(turn(&turn(&turn(&turn(&hash)))), hash);
    }

    #[test]
    fn pairs_are_found_once() {
        let one = likeness(scene(64, 64, |x, y| (x, y)).as_gray());
        let other = likeness(scene(64, 64, |x, y| (x * 4.0, 1.0 - y)).as_gray());
        let found = alike(&[one, other, mirrored(&one)], 20, 0, 2);
        assert_eq!(found, [(0, 2, 0, 0)]);
        let mut higher = one;
        higher[12] ^= 0xffff;
        higher[13] ^= 0xffff;
        assert_eq!(alike(&[one, higher], 20, 0, 1), [(0, 1, 32, 0)]);
    }
}
