//! A gray picture seen through a projective map: turned, straightened, scaled, cut, in one pass.

use super::gray::{Gray, GrayBuf};

/// Maps pixels of the result to the picture: `[a, b, c, d, e, f, g, h]` gives for (x, y) the place
/// ((a x + b y + c) / w, (d x + e y + f) / w) with w = g x + h y + 1. Places are of pixel corners: the middle of the
/// first pixel is at (0.5, 0.5).
pub type Map = [f64; 8];

/// The picture through `map`, `width` x `height`, between the four nearest pixels; `ground` where there is none.
pub fn warped(gray: Gray<'_>, map: &Map, width: usize, height: usize, ground: u8) -> GrayBuf {
    let mut data = Vec::with_capacity(width * height);
    // Nothing has to be divided where it is turned and scaled alone.
    let is_even = map[6] == 0.0 && map[7] == 0.0;
    for row in 0..height {
        let y = row as f64 + 0.5;
        let [down, aside, away] = [map[1], map[4], map[7]].map(|factor| factor * y);
        data.extend((0..width).map(|column| {
            let x = column as f64 + 0.5;
            let u = map[0] * x + down + map[2];
            let v = map[3] * x + aside + map[5];
            let (u, v) = if is_even {
                (u, v)
            } else {
                let w = map[6] * x + away + 1.0;
                (u / w, v / w)
            };
            between(gray, u - 0.5, v - 0.5, ground)
        }));
    }
    GrayBuf {
        width,
        height,
        data,
    }
}

/// The value at a place between the middles of pixels.
#[inline(always)]
fn between(gray: Gray<'_>, u: f64, v: f64, ground: u8) -> u8 {
    let (right, bottom) = (gray.width as f64 - 0.5, gray.height as f64 - 0.5);
    if !(u > -0.5 && v > -0.5 && u < right && v < bottom) {
        return ground;
    }
    let (u, v) = (u.max(0.0), v.max(0.0));
    let (x, y) = (u as u32, v as u32);
    let (across, down) = (
        ((u - f64::from(x)) * 256.0) as u32,
        ((v - f64::from(y)) * 256.0) as u32,
    );
    let (x, y) = (x as usize, y as usize);
    let next = (x + 1).min(gray.width - 1);
    let (upper, lower) = (gray.row(y), gray.row((y + 1).min(gray.height - 1)));
    let mix = |row: &[u8]| u32::from(row[x]) * (256 - across) + u32::from(row[next]) * across;
    ((mix(upper) * (256 - down) + mix(lower) * down + (1 << 15)) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: Map = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];

    fn step() -> Vec<u8> {
        (0..60).map(|place| (place * 4) as u8).collect()
    }

    #[test]
    fn the_same_map_gives_the_same_picture() {
        let data = step();
        let gray = Gray::new(10, 6, &data).expect("the size fits");
        assert_eq!(warped(gray, &SAME, 10, 6, 255).data, data);
    }

    #[test]
    fn what_lies_outside_is_ground() {
        let data = step();
        let gray = Gray::new(10, 6, &data).expect("the size fits");
        let moved = [1.0, 0.0, -3.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        let made = warped(gray, &moved, 10, 6, 255);
        assert_eq!(made.data[..4], [255, 255, 255, data[0]]);
        assert!(warped(gray, &[f64::NAN; 8], 2, 2, 7).data == [7; 4]);
    }

    #[test]
    fn a_quarter_turn() {
        let data = step();
        let gray = Gray::new(10, 6, &data).expect("the size fits");
        // Result (x, y) shows picture (y, 6 - x): turned clockwise.
        let turn = [0.0, 1.0, 0.0, -1.0, 0.0, 6.0, 0.0, 0.0];
        let made = warped(gray, &turn, 6, 10, 255);
        assert_eq!(made.data[0], data[50]);
        assert_eq!(made.data[5], data[0]);
        assert_eq!(made.data[59], data[9]);
    }

    #[test]
    fn halfway_between_two_pixels() {
        let gray = Gray::new(2, 1, &[0, 200]).expect("the size fits");
        let half = [1.0, 0.0, 0.5, 0.0, 1.0, 0.0, 0.0, 0.0];
        assert_eq!(warped(gray, &half, 1, 1, 255).data, [100]);
    }
}
