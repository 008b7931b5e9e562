//! Baseline JPEG at a half, a quarter or an eighth of its size, straight to planes: the way most photographs go.
//!
//! Most of a scaled decode is the entropy decoder. This one takes a code and the value behind it from one table, reads
//! from a copy of the scan without stuffed bytes, and keeps only the coefficients that the scale needs. It knows one
//! sort of file, the one cameras write: sequential, Huffman, 8 bits, YCbCr in one scan. For any other, and at the first
//! thing that is odd, it gives up, and libjpeg-turbo decides what the file is worth.

use super::frame::{COMPONENTS, Frame, Scan};
use super::huffman::{Bits, END, STEPS, Table};
use super::idct;
use crate::image::memory;
use crate::image::pixels::{Plane, Planes, Range};

/// Decode at `side` samples for each block of eight (1, 2 or 4). `size` is the picture's, `planes` those of the three
/// planes wanted; both as libjpeg-turbo gives them. None for what is not the usual sort of file, or not sound.
pub fn planes(
    jpeg: &[u8],
    side: usize,
    size: (u32, u32),
    planes: [(u32, u32); COMPONENTS],
) -> Option<Planes> {
    let frame = Frame::parse(jpeg)?;
    if frame.size != size {
        return None;
    }
    let scan = Scan::unstuff(frame.scan)?;
    let [y, u, v] = decode(&frame, &scan, side)?;
    Some(Planes {
        y: y.cropped(planes[0])?,
        u: u.cropped(planes[1])?,
        v: v.cropped(planes[2])?,
        range: Range::Full,
    })
}

/// The samples of one component, whole blocks.
struct Canvas {
    width: usize,
    height: usize,
    samples: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Option<Self> {
        Some(Self {
            width,
            height,
            samples: memory::zeroed(width * height).ok()?,
        })
    }

    /// The left upper part, moved together in place.
    fn cropped(mut self, (width, height): (u32, u32)) -> Option<Plane> {
        let (columns, rows) = (width as usize, height as usize);
        if columns > self.width || rows > self.height {
            return None;
        }
        if columns < self.width {
            for row in 1..rows {
                let from = row * self.width;
                self.samples
                    .copy_within(from..from + columns, row * columns);
            }
        }
        self.samples.truncate(columns * rows);
        Some(Plane {
            width,
            height,
            data: self.samples,
        })
    }
}

fn decode(frame: &Frame<'_>, scan: &Scan, side: usize) -> Option<[Canvas; COMPONENTS]> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has both.
        return unsafe { decode_with_avx2(frame, scan, side) };
    }
    decode_at(frame, scan, side)
}

/// The same code, compiled for processors that shift and multiply vectors in one instruction; integers only, so the
/// results are the same too.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi2")]
fn decode_with_avx2(frame: &Frame<'_>, scan: &Scan, side: usize) -> Option<[Canvas; COMPONENTS]> {
    decode_at(frame, scan, side)
}

#[inline(always)]
fn decode_at(frame: &Frame<'_>, scan: &Scan, side: usize) -> Option<[Canvas; COMPONENTS]> {
    match side {
        1 => decode_blocks::<1>(frame, scan),
        2 => decode_blocks::<2>(frame, scan),
        4 => decode_blocks::<4>(frame, scan),
        _ => None,
    }
}

/// What decoding one component needs at hand.
struct Channel<'frame> {
    blocks: (usize, usize),
    quantiser: &'frame [u16; 64],
    dc: &'frame Table,
    ac: &'frame Table,
    canvas: Canvas,
}

#[inline(always)]
fn decode_blocks<const SIDE: usize>(
    frame: &Frame<'_>,
    scan: &Scan,
) -> Option<[Canvas; COMPONENTS]> {
    let (across, down) = frame.mcus();
    let channel = |index: usize| {
        let component = &frame.components[index];
        let (columns, rows) = component.blocks;
        Some(Channel {
            blocks: component.blocks,
            quantiser: frame.quantisers.get(component.quantiser)?.as_ref()?,
            dc: frame.dc.get(component.dc)?.as_ref()?,
            ac: frame.ac.get(component.ac)?.as_ref()?,
            canvas: Canvas::new(across * columns * SIDE, down * rows * SIDE)?,
        })
    };
    let mut channels = [channel(0)?, channel(1)?, channel(2)?];
    let total = across * down;
    let interval = match frame.restart_interval {
        0 => total,
        count => count,
    };
    if scan.intervals.len() != total.div_ceil(interval) {
        return None;
    }
    let mut mcu = 0;
    for range in &scan.intervals {
        let mut bits = Bits::new(&scan.data, range.clone());
        let mut predictions = [0i32; COMPONENTS];
        for _ in 0..interval.min(total - mcu) {
            let place = (mcu % across, mcu / across);
            for (channel, prediction) in channels.iter_mut().zip(&mut predictions) {
                channel.decode_mcu::<SIDE>(&mut bits, prediction, place)?;
            }
            mcu += 1;
        }
        if !bits.are_used_up() {
            return None;
        }
    }
    Some(channels.map(|channel| channel.canvas))
}

impl Channel<'_> {
    #[inline(always)]
    fn decode_mcu<const SIDE: usize>(
        &mut self,
        bits: &mut Bits<'_>,
        prediction: &mut i32,
        (x, y): (usize, usize),
    ) -> Option<()> {
        let (columns, rows) = self.blocks;
        let stride = self.canvas.width;
        for row in 0..rows {
            for column in 0..columns {
                let mut block = idct::Block::default();
                let last = self.decode_block::<SIDE>(bits, prediction, &mut block)?;
                let top = (y * rows + row) * SIDE;
                let left = (x * columns + column) * SIDE;
                let samples = self.canvas.samples.get_mut(top * stride + left..)?;
                match last {
                    0 => idct::flat::<SIDE>(&block, samples, stride)?,
                    _ => idct::transform::<SIDE>(&block, samples, stride)?,
                }
            }
        }
        Some(())
    }

    /// One block's coefficients, those that a transform to `SIDE` samples uses. Returns the place of the last.
    #[inline(always)]
    fn decode_block<const SIDE: usize>(
        &self,
        bits: &mut Bits<'_>,
        prediction: &mut i32,
        block: &mut idct::Block,
    ) -> Option<usize> {
        let mut local = *bits;
        local.refill();
        let step = local.step(self.dc);
        *prediction = prediction.wrapping_add(local.long_step(step, self.dc)?.value);
        block.put::<SIDE>(0, *prediction, self.quantiser[0]);
        let mut place = 0;
        'block: loop {
            local.refill();
            for _ in 0..STEPS {
                let before = local;
                let [first, second] = local.steps(self.ac);
                let end = place + first.advance + second.advance;
                if end < 63 {
                    place += first.advance;
                    block.put::<SIDE>(place, first.value, self.quantiser[place]);
                    place = end;
                    block.put::<SIDE>(place, second.value, self.quantiser[place]);
                    continue;
                }
                local = before;
                let step = local.step(self.ac);
                let step = local.long_step(step, self.ac)?;
                if step.advance == END {
                    break 'block;
                }
                place += step.advance;
                block.put::<SIDE>(place, step.value, *self.quantiser.get(place)?);
                if place == 63 {
                    break 'block;
                }
            }
        }
        *bits = local;
        Some(place)
    }
}

#[cfg(test)]
#[path = "baseline_tests.rs"]
mod tests;
