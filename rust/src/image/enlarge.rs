//! Small print made larger, for the layout analysis.

use super::gray::{Gray, GrayBuf};
use crate::rounding;

/// The pixel at or before a place, the one after it, and how far the place is on the way to that.
type Place = (usize, usize, f32);

/// The picture in another size, between the two nearest pixels in both directions, to the nearest gray, of two the even one.
pub fn enlarged(gray: Gray<'_>, width: usize, height: usize) -> GrayBuf {
    let columns = places(gray.width, width);
    let across = |y: usize| Across {
        y,
        values: along(gray.row(y), &columns),
    };
    let mut data = Vec::with_capacity(width * height);
    let mut upper = across(0);
    let mut lower = across(0);
    for (y, next, part) in places(gray.height, height) {
        if lower.y == y {
            std::mem::swap(&mut upper, &mut lower);
        }
        if upper.y != y {
            upper = across(y);
        }
        if lower.y != next {
            lower = across(next);
        }
        let before = 1.0 - part;
        let values = upper.values.iter().zip(&lower.values);
        data.extend(
            values.map(|(&upper, &lower)| rounding::half_even(upper * before + lower * part)),
        );
    }
    GrayBuf {
        width,
        height,
        data,
    }
}

/// A row of the picture, at the columns of the new one.
struct Across {
    y: usize,
    values: Vec<f32>,
}

fn along(row: &[u8], columns: &[Place]) -> Vec<f32> {
    let value =
        |&(x, next, part): &Place| f32::from(row[x]) * (1.0 - part) + f32::from(row[next]) * part;
    columns.iter().map(value).collect()
}

/// For each new pixel where its middle is among the old ones.
fn places(old: usize, new: usize) -> Vec<Place> {
    let (ratio, last) = ((old as f64 / new as f64) as f32, old - 1);
    let place = |number: usize| {
        let centre = ((number as f32 + 0.5) * ratio - 0.5).clamp(0.0, last as f32);
        let first = centre as usize;
        (first, (first + 1).min(last), centre - first as f32)
    };
    (0..new).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_becomes_a_slope() {
        let gray = Gray::new(2, 2, &[0, 100, 200, 255]).expect("the size fits");
        let made = enlarged(gray, 4, 4);
        assert_eq!((made.width, made.height), (4, 4));
        assert_eq!(made.data[..4], [0, 25, 75, 100]);
        assert_eq!(made.data[4..8], [50, 72, 117, 139]);
        assert_eq!(made.data[12..], [200, 214, 241, 255]);
    }

    #[test]
    fn the_same_size_gives_the_same_picture() {
        let data: Vec<u8> = (0..70).collect();
        let gray = Gray::new(10, 7, &data).expect("the size fits");
        assert_eq!(enlarged(gray, 10, 7).data, data);
    }
}
