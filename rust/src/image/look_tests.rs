//! Drawn pages, landscapes of noise, and what the look makes of them.

use super::*;

const SIZE: (usize, usize) = (900, 1100);

fn dice(x: u32, y: u32) -> u32 {
    let mut value = x.wrapping_mul(0x9E37_79B9) ^ y.wrapping_mul(0x85EB_CA6B);
    value = (value ^ (value >> 15)).wrapping_mul(0x2C1B_3C6D);
    value = (value ^ (value >> 12)).wrapping_mul(0x297A_2D39);
    value ^ (value >> 15)
}

/// Lines of strokes on paper, turned clockwise: each letter two or three short bars.
fn page(degrees: f32, sideways: bool, ink: u8, paper: impl Fn(usize, usize) -> u8) -> Vec<u8> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let mut data = Vec::with_capacity(SIZE.0 * SIZE.1);
    for y in 0..SIZE.1 {
        for x in 0..SIZE.0 {
            let (a, b) = (x as f32 - 450.0, y as f32 - 550.0);
            let (u, v) = (a * cos + b * sin + 450.0, b * cos - a * sin + 550.0);
            let (u, v) = if sideways { (v, u) } else { (u, v) };
            let inside = u > 120.0 && u < 780.0 && v > 120.0 && v < 780.0;
            let in_line = v.rem_euclid(20.0) < 9.0;
            let line = (v / 20.0).floor();
            let letter = (u / 9.0).floor();
            // Each letter has its bars somewhere else, so that nothing but the lines is in a row.
            let dice = dice(line as u32, letter as u32);
            let is_space = dice.is_multiple_of(7);
            let phase = u.rem_euclid(9.0);
            let first = (dice % 5) as f32;
            let bar = (first..first + 2.0).contains(&phase);
            let bow = v.rem_euclid(20.0) - 1.0 - (dice / 64 % 6) as f32;
            let stroke = bar || (bow.abs() < 1.0 && phase < 7.0);
            data.push(if inside && in_line && !is_space && stroke {
                ink
            } else {
                paper(x, y)
            });
        }
    }
    data
}

fn seen(data: &[u8]) -> Look {
    Glance::of(Gray::new(SIZE.0, SIZE.1, data).expect("the size fits")).look()
}

#[test]
fn a_page_is_paper_and_lies_straight() {
    let found = seen(&page(0.0, false, 30, |_, _| 250));
    assert!(found.is_paper(), "{found:?}");
    assert!(
        found.skew.degrees.abs() < 0.1 && !found.skew.sideways,
        "{found:?}"
    );
    assert!((0.1..0.6).contains(&found.density), "{found:?}");
    let [left, top, right, bottom] = found.area;
    assert!(
        left < 125 && top < 125 && right > 770 && bottom > 760,
        "{found:?}"
    );
    assert!(
        left > 90 && top > 90 && right < 810 && bottom < 810,
        "{found:?}"
    );
}

#[test]
fn skew_is_found_within_a_tenth_of_a_degree() {
    for degrees in [-12.0, -5.0, -0.6, 1.3, 4.0, 9.7] {
        let found = seen(&page(degrees, false, 30, |_, _| 250));
        assert!(
            (found.skew.degrees - degrees).abs() <= 0.15,
            "{degrees}: {found:?}"
        );
        assert!(!found.skew.sideways);
    }
}

#[test]
fn lines_that_run_downwards() {
    let found = seen(&page(2.0, true, 30, |_, _| 250));
    assert!(found.skew.sideways && found.is_paper(), "{found:?}");
    assert!((found.skew.degrees - 2.0).abs() <= 0.15, "{found:?}");
}

#[test]
fn white_on_black_is_paper() {
    let found = seen(&page(1.0, false, 230, |_, _| 20));
    assert!(found.is_paper(), "{found:?}");
    assert!((found.skew.degrees - 1.0).abs() <= 0.15, "{found:?}");
}

#[test]
fn uneven_light_is_measured() {
    let found = seen(&page(0.0, false, 20, |x, _| (120 + x / 9) as u8));
    assert!(
        found.is_paper() && (40.0..110.0).contains(&found.uneven),
        "{found:?}"
    );
    let even = seen(&page(0.0, false, 20, |_, _| 240));
    assert!(even.uneven < 5.0, "{even:?}");
}

/// Smooth noise of several sizes, as leaves and gravel have it.
fn landscape(seed: u32) -> Vec<u8> {
    let hash = |x: u32, y: u32| (dice(x + 977 * seed, y) & 255) as f32;
    let smooth = |x: f32, y: f32| {
        let (column, row) = (x as u32, y as u32);
        let (a, b) = (x.fract(), y.fract());
        let upper = hash(column, row) * (1.0 - a) + hash(column + 1, row) * a;
        let lower = hash(column, row + 1) * (1.0 - a) + hash(column + 1, row + 1) * a;
        upper * (1.0 - b) + lower * b
    };
    let mut data = Vec::with_capacity(SIZE.0 * SIZE.1);
    for y in 0..SIZE.1 {
        for x in 0..SIZE.0 {
            let (x, y) = (x as f32, y as f32);
            let value = 0.5 * smooth(x / 90.0, y / 90.0)
                + 0.3 * smooth(x / 17.0, y / 17.0)
                + 0.2 * smooth(x / 5.0, y / 5.0);
            data.push(value as u8);
        }
    }
    data
}

#[test]
fn a_landscape_is_no_paper() {
    for seed in 0..4 {
        let found = seen(&landscape(seed));
        assert!(!found.is_paper(), "{seed}: {found:?}");
    }
}

#[test]
fn nothing_at_all_is_an_empty_page() {
    let found = seen(&vec![200; SIZE.0 * SIZE.1]);
    assert!(found.is_paper() && found.density == 0.0, "{found:?}");
    assert_eq!(found.area, [0; 4]);
    for (width, height) in [(1, 1), (3, 900), (2000, 2), (25, 23)] {
        let data = vec![7; width * height];
        let found = Glance::of(Gray::new(width, height, &data).expect("the size fits")).look();
        assert!(found.is_paper());
    }
}
