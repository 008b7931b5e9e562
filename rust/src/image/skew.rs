//! By how much lines of print are turned: the angle at which their projection has the sharpest edges.
//!
//! After Postl, "Detection of linear oblique structures and skew scan in digitized documents", 1986: at the right angle
//! the ink of a line falls into few bins, and neighbouring bins differ most.

use crate::rounding;

/// The largest angle looked for, in degrees.
pub const MOST: f32 = 15.0;
const COARSE: f32 = 0.5;
const FINE: f32 = 0.05;
/// Fewer points of ink than this say nothing about an angle.
const FEWEST_POINTS: usize = 200;
const MOST_POINTS: usize = 40_000;
/// Points that are counted one after the other are so many apart in their row.
const APART: usize = 61;
/// How much sharper than across the page the projection has to be for lines to run downwards.
const SIDEWAYS: f64 = 1.3;
/// How much sharper an angle has to be than none: drawings and scattered words have no angle of their own.
const CLEARLY: f64 = 1.1;

/// How lines of print lie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Skew {
    /// Degrees clockwise by which the lines are turned from the nearest axis, -15 to 15.
    pub degrees: f32,
    /// Whether the lines run downwards or upwards instead of across.
    pub sideways: bool,
}

/// The skew of ink at these places (x, y) of a picture of this size.
pub fn of_points(points: &[(u16, u16)], size: (usize, usize)) -> Skew {
    if points.len() < FEWEST_POINTS {
        return Skew::default();
    }
    let step = points.len().div_ceil(MOST_POINTS);
    // Points beside each other fall into the same bin: counted one after the other they wait for each other.
    let kept: Vec<(f32, f32)> = (0..APART * step)
        .step_by(step)
        .flat_map(|first| points.iter().skip(first).step_by(APART * step))
        .map(|&(x, y)| (f32::from(x), f32::from(y)))
        .collect();
    let turned: Vec<(f32, f32)> = kept.iter().map(|&(x, y)| (-y, x)).collect();
    let mut bins = vec![0_u32; 2 * (size.0 + size.1) + 4];
    let mut sharpest = |points: &[(f32, f32)], from: f32, to: f32, by: f32| {
        let mut best = (0.0_f32, -1.0_f64);
        let count = ((to - from) / by).round() as i32;
        for index in 0..=count {
            let degrees = from + index as f32 * by;
            let sharpness = sharpness(points, degrees, &mut bins);
            if sharpness > best.1 {
                best = (degrees, sharpness);
            }
        }
        best
    };
    let across = sharpest(&kept, -MOST, MOST, COARSE);
    let down = sharpest(&turned, -MOST, MOST, COARSE);
    let sideways = down.1 > SIDEWAYS * across.1;
    let (points, near) = if sideways {
        (&turned, down.0)
    } else {
        (&kept, across.0)
    };
    let (degrees, found) = sharpest(points, near - COARSE, near + COARSE, FINE);
    let (_, level) = sharpest(points, 0.0, 0.0, FINE);
    let degrees = if found > CLEARLY * level {
        degrees
    } else {
        0.0
    };
    Skew { degrees, sideways }
}

/// The sum of squared differences of neighbouring bins, when lines at this angle are projected along themselves.
fn sharpness(points: &[(f32, f32)], degrees: f32, bins: &mut [u32]) -> f64 {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let middle = (bins.len() / 2) as f32;
    bins.fill(0);
    let mut places = [0_u32; 64];
    for some in points.chunks(places.len()) {
        for (place, &(x, y)) in places.iter_mut().zip(some) {
            *place = rounding::down(y * cos - x * sin + middle);
        }
        for &place in &places[..some.len()] {
            if let Some(bin) = bins.get_mut(place as usize) {
                *bin += 1;
            }
        }
    }
    // No more points than a square of 32 bits holds.
    let apart = |pair: &[u32]| u64::from(pair[0].abs_diff(pair[1]).pow(2));
    bins.windows(2).map(apart).sum::<u64>() as f64
}
