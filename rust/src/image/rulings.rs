//! The ruling lines of a page: thin runs of dark pixels, far longer than any stroke of a letter.
//!
//! They are looked for where lines of text are about thirteen pixels high, in rows and, turned, in columns: first what
//! is far darker than the ground of the page, then what is a little darker than what is on both its sides.

use super::gray::{Gray, GrayBuf, median, transposed};

/// A ruling is so much darker than the ground; a faint one, or one in a shaded cell, than what is beside it.
const CONTRAST: u8 = 48;
const LEAST_CONTRAST: u8 = 20;
/// Rulings are looked for where lines are about so many pixels high.
const SMALL_LINE: f64 = 13.0;
/// Rulings are so many heights of a line long at least: longer than dashes and than the stems of letters.
const LEAST_ACROSS: f64 = 3.0;
const LEAST_DOWN: f64 = 1.6;
/// Thicker than so many heights of a line is a bar or a shaded cell.
const THICK: f64 = 0.5;
/// A bar around a line of white letters is less than so many heights high.
const BAR: f64 = 4.0;
/// The share of its height in which there are letters.
const FEWEST_LETTERS: f64 = 0.15;
const MOST_LETTERS: f64 = 0.8;
/// A faint ruling is darker than what is so many heights of a line above and below it.
const BESIDE: f64 = 0.2;
/// A picture with more runs of dark pixels has hatchings, no rulings.
const MOST_RUNS: usize = 20_000;

/// Left, top, right, bottom in whole pixels; right and bottom are outside.
pub type Area = [usize; 4];

/// Thin lines that run across a picture and down it, and the gray of its ground.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rulings {
    /// From left to right.
    pub across: Vec<Area>,
    /// From above to below.
    pub down: Vec<Area>,
    /// The median of its pixels.
    pub ground: u8,
}

/// The rulings of a picture. `height`: of its lines of text in pixels.
pub fn rulings(gray: Gray<'_>, height: f64) -> Rulings {
    let factor = (height / SMALL_LINE) as usize;
    let factor = factor.clamp(1, gray.width.min(gray.height));
    let small = darkest(gray, factor);
    let ground = median(small.as_gray(), 4);
    let height = height / factor as f64;
    let across = thin_lines(small.as_gray(), ground, LEAST_ACROSS, height);
    let turned = transposed(small.as_gray());
    let down = thin_lines(turned.as_gray(), ground, LEAST_DOWN, height);
    let enlarged = |area: Area| area.map(|side| side * factor);
    Rulings {
        across: across.into_iter().map(enlarged).collect(),
        down: down
            .into_iter()
            .map(|[left, top, right, bottom]| enlarged([top, left, bottom, right]))
            .collect(),
        ground,
    }
}

/// The picture so many times smaller, of which thin lines stay as dark as they are.
fn darkest(gray: Gray<'_>, factor: usize) -> GrayBuf {
    let (width, height) = (gray.width / factor, gray.height / factor);
    let mut data = Vec::with_capacity(width * height);
    let mut least = vec![0; gray.width];
    for y in 0..height {
        least.copy_from_slice(gray.row(y * factor));
        for row in y * factor + 1..(y + 1) * factor {
            for (value, &other) in least.iter_mut().zip(gray.row(row)) {
                *value = other.min(*value);
            }
        }
        if factor == 2 {
            let (pairs, _) = least.as_chunks::<2>();
            data.extend(pairs.iter().map(|&[one, two]| one.min(two)));
        } else {
            let parts = least.chunks_exact(factor);
            data.extend(parts.map(|part| part.iter().copied().min().unwrap_or(0)));
        }
    }
    GrayBuf {
        width,
        height,
        data,
    }
}

/// Thin lines from left to right, `least` heights of a line long at least.
fn thin_lines(gray: Gray<'_>, ground: u8, least: f64, height: f64) -> Vec<Area> {
    let room = rounded(BESIDE * height).max(1);
    if gray.width.min(gray.height) <= 2 * room {
        return Vec::new();
    }
    let length = rounded(least * height).max(1);
    let bound = ground.saturating_sub(CONTRAST);
    let mut found = lines_of(gray, length, height, |y, dark| {
        for (is_dark, &value) in dark.iter_mut().zip(gray.row(y)) {
            *is_dark = value < bound;
        }
    });
    found.retain(|&area| {
        (area[2] - area[0]) as f64 > BAR * height || !is_between_letters(gray, area)
    });
    found.extend(lines_of(gray, length, height, |y, dark| {
        if y < room || y + room >= gray.height {
            dark.fill(false);
            return;
        }
        let beside = gray.row(y - room).iter().zip(gray.row(y + room));
        for ((is_dark, &value), (&above, &below)) in dark.iter_mut().zip(gray.row(y)).zip(beside) {
            *is_dark = value < above.min(below).saturating_sub(LEAST_CONTRAST);
        }
    }));
    found
}

/// To the nearest whole number, halves to the even one.
fn rounded(value: f64) -> usize {
    value.round_ties_even() as usize
}

/// Areas of runs of `length` dark pixels and more that touch in neighbouring rows, and are thin together; none where
/// there are too many for a page. `darkness`: fills in which pixels of a row are dark.
fn lines_of(
    gray: Gray<'_>,
    length: usize,
    height: f64,
    darkness: impl Fn(usize, &mut [bool]),
) -> Vec<Area> {
    let mut runs = Vec::new();
    let mut dark = vec![false; gray.width];
    for y in 0..gray.height {
        darkness(y, &mut dark);
        runs_in(&dark, length, |left, right| {
            runs.push([left, y, right, y + 1]);
        });
    }
    if runs.len() > MOST_RUNS {
        return Vec::new();
    }
    let thickest = (THICK * height).max(3.0);
    let mut found = joined(runs);
    found.retain(|area| (area[3] - area[1]) as f64 <= thickest);
    found
}

/// Calls back with where each run of `length` or more begins and ends. Most of a row is not looked at: a run has a dark
/// pixel at every place that is a multiple of its length away from its begin.
fn runs_in(dark: &[bool], length: usize, mut found: impl FnMut(usize, usize)) {
    // No run that counts begins before `from`.
    let mut from = 0;
    while from + length <= dark.len() {
        let probe = from + length - 1;
        if !dark[probe] {
            from = probe + 1;
            continue;
        }
        let begin = dark[from..probe]
            .iter()
            .rposition(|&is_dark| !is_dark)
            .map_or(from, |place| from + place + 1);
        let rest = &dark[probe..];
        let end = probe
            + rest
                .iter()
                .position(|&is_dark| !is_dark)
                .unwrap_or(rest.len());
        if end - begin >= length {
            found(begin, end);
        }
        from = end + 1;
    }
}

/// Runs of pixels, from above, those joined that touch in rows next to each other, or with one row between them.
fn joined(runs: Vec<Area>) -> Vec<Area> {
    let mut done = Vec::new();
    let mut open: Vec<Area> = Vec::new();
    for mut area in runs {
        let (row, [left, _, right, _]) = (area[1], area);
        done.extend(open.extract_if(.., |other| other[3] + 1 < row));
        for other in open.extract_if(.., |other| other[0] <= right && left <= other[2]) {
            area[0] = area[0].min(other[0]);
            area[1] = area[1].min(other[1]);
            area[2] = area[2].max(other[2]);
            area[3] = area[3].max(other[3]);
        }
        open.push(area);
    }
    done.append(&mut open);
    done
}

/// Whether it is far lighter beside a part of a thin line, on both sides: in a bar, between white letters.
fn is_between_letters(gray: Gray<'_>, [left, top, right, bottom]: Area) -> bool {
    if top < 2 || bottom + 1 >= gray.height {
        return false;
    }
    let darkest = |column: usize| {
        let values = (top..bottom).map(|row| gray.row(row)[column]);
        values.min().unwrap_or(u8::MAX)
    };
    let share = |row: usize| {
        let lighter = (left..right).filter(|&column| {
            i16::from(gray.row(row)[column]) - i16::from(darkest(column)) >= i16::from(CONTRAST)
        });
        lighter.count() as f64 / (right - left) as f64
    };
    [top - 2, bottom + 1]
        .into_iter()
        .all(|row| (FEWEST_LETTERS..MOST_LETTERS).contains(&share(row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, dark: &[Area]) -> GrayBuf {
        let mut data = vec![250; width * height];
        for &[left, top, right, bottom] in dark {
            for row in top..bottom {
                data[row * width + left..row * width + right].fill(30);
            }
        }
        GrayBuf {
            width,
            height,
            data,
        }
    }

    #[test]
    fn long_thin_lines_are_found_both_ways_and_dashes_are_none() {
        let gray = picture(
            400,
            300,
            &[
                [20, 50, 380, 52],
                [20, 50, 22, 250],
                [100, 150, 130, 152],
                [200, 100, 300, 140],
            ],
        );
        let found = rulings(gray.as_gray(), 13.0);
        assert_eq!(found.ground, 250);
        assert_eq!(found.across[0], [20, 50, 380, 52]);
        assert!(
            found
                .across
                .iter()
                .all(|area| area[1] == 50 || area[1] == 51),
            "{found:?}"
        );
        assert!(found.down.contains(&[20, 50, 22, 250]), "{found:?}");
    }

    #[test]
    fn a_faint_line_is_one_where_it_is_darker_than_both_its_sides() {
        let mut gray = picture(400, 300, &[]);
        for (row, value) in [(100, 220), (200, 235)] {
            gray.data[row * 400 + 20..row * 400 + 380].fill(value);
        }
        let found = rulings(gray.as_gray(), 13.0);
        assert_eq!(found.across, [[20, 100, 380, 101]]);
    }

    #[test]
    fn runs_are_all_those_that_a_plain_search_finds() {
        let mut state = 7_u32;
        for length in [1, 2, 3, 5, 9] {
            for _ in 0..200 {
                let dark: Vec<bool> = (0..64)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        state >> 30 != 0
                    })
                    .collect();
                let mut found = Vec::new();
                runs_in(&dark, length, |left, right| found.push((left, right)));
                let mut plain = Vec::new();
                let mut begin = 0;
                for part in dark.split(|&is_dark| !is_dark) {
                    if part.len() >= length {
                        plain.push((begin, begin + part.len()));
                    }
                    begin += part.len() + 1;
                }
                assert_eq!(found, plain);
            }
        }
    }

    #[test]
    fn lines_are_as_dark_where_the_picture_is_made_smaller() {
        let gray = picture(300, 300, &[[30, 101, 270, 102]]);
        let found = rulings(gray.as_gray(), 39.0);
        // Once as far darker than the ground, once as darker than what is beside it.
        assert_eq!(found.across, [[30, 99, 270, 102]; 2]);
    }

    #[test]
    fn hatchings_are_no_rulings() {
        let lines: Vec<Area> = (0..300)
            .flat_map(|row| {
                (0..80).map(move |column| [column * 50, 2 * row, column * 50 + 45, 2 * row + 1])
            })
            .collect();
        let gray = picture(4000, 600, &lines);
        assert!(rulings(gray.as_gray(), 13.0).across.is_empty());
    }
}
