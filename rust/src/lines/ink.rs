//! Where the ink of each word is: what a network says of places is only about right.

use super::picture::Page;

/// The box of a line's ink, and from where to where it is read: pixels of the page, with room for all letters.
#[derive(Clone, Copy)]
pub struct Line {
    /// Left, top, right and bottom.
    pub area: [i32; 4],
    /// Rows above and below what is read.
    pub rows: [i32; 2],
}

/// The columns of a line, and which have ink.
struct Columns<'a> {
    page: Page<'a>,
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    ground: u8,
    contrast: u8,
    inked: Vec<bool>,
}

/// The boxes around the ink of words that reach from about `sides.0` to `sides.1`.
pub(super) fn areas(page: Page, line: Line, sides: &[(i32, i32)]) -> Vec<[i32; 4]> {
    let [_, top, _, bottom] = line.area;
    let Some(columns) = Columns::of(page, line.area) else {
        return sides
            .iter()
            .map(|&(left, right)| [left, top, right, bottom])
            .collect();
    };
    let mut cuts = vec![columns.left as i32];
    cuts.extend(
        sides
            .windows(2)
            .map(|two| columns.gap_at(i32::midpoint(two[0].1, two[1].0))),
    );
    cuts.push(columns.right as i32);
    let words = sides.iter().zip(cuts.windows(2));
    words
        .map(|(&(left, right), cut)| {
            columns
                .ink(cut[0], cut[1])
                .unwrap_or([left, top, right, bottom])
        })
        .collect()
}

impl<'a> Columns<'a> {
    fn of(page: Page<'a>, [left, top, right, bottom]: [i32; 4]) -> Option<Self> {
        let bound = |side: i32, size: usize| usize::try_from(side).unwrap_or(0).min(size);
        let (left, right) = (bound(left, page.width), bound(right, page.width));
        let (top, bottom) = (bound(top, page.height), bound(bottom, page.height));
        if left >= right || top >= bottom {
            return None;
        }
        let mut columns = Self {
            page,
            left,
            top,
            right,
            bottom,
            ground: 0,
            contrast: 0,
            inked: Vec::new(),
        };
        let mut counts = [0_usize; 256];
        for y in top..bottom {
            for &value in columns.row(y) {
                counts[usize::from(value)] += 1;
            }
        }
        let all = (right - left) * (bottom - top);
        let reaches = |share: usize| {
            let mut sum = 0;
            counts.iter().position(|&count| {
                sum += count;
                sum > all * share / 100
            })
        };
        let level = |share: usize| reaches(share).unwrap_or(255) as u8;
        columns.ground = level(50);
        let furthest = level(2)
            .abs_diff(columns.ground)
            .max(level(98).abs_diff(columns.ground));
        columns.contrast = (furthest / 2).max(8);
        let mut inked = vec![false; right - left];
        for y in top..bottom {
            for (inked, &value) in inked.iter_mut().zip(columns.row(y)) {
                *inked |= columns.is_ink(value);
            }
        }
        columns.inked = inked;
        Some(columns)
    }

    fn row(&self, y: usize) -> &'a [u8] {
        &self.page.data[y * self.page.width + self.left..y * self.page.width + self.right]
    }

    fn is_ink(&self, value: u8) -> bool {
        value.abs_diff(self.ground) > self.contrast
    }

    /// The number of the column at a place in the page, or of the nearest one.
    fn within(&self, at: i32) -> usize {
        usize::try_from(at - self.left as i32)
            .unwrap_or(0)
            .min(self.inked.len())
    }

    /// The middle of the widest gap near a place: within the height of the line.
    fn gap_at(&self, place: i32) -> i32 {
        let reach = (self.bottom - self.top) as i32 / 2 + 1;
        let (from, to) = (self.within(place - reach), self.within(place + reach));
        let mut best = (0, place);
        let mut start = from;
        for at in from..=to {
            if at == to || self.inked[at] {
                if at > start && at - start > best.0 {
                    best = (at - start, (self.left + usize::midpoint(start, at)) as i32);
                }
                start = at + 1;
            }
        }
        best.1
    }

    /// The box around the ink between two columns.
    fn ink(&self, from: i32, to: i32) -> Option<[i32; 4]> {
        let (from, to) = (self.within(from), self.within(to));
        let inked = self.inked.get(from..to)?;
        let left = from + inked.iter().position(|&inked| inked)?;
        let right = from + inked.iter().rposition(|&inked| inked)? + 1;
        let has_ink = |&y: &usize| {
            self.row(y)[left..right]
                .iter()
                .any(|&value| self.is_ink(value))
        };
        let top = (self.top..self.bottom).find(has_ink)?;
        let bottom = (self.top..self.bottom).rfind(has_ink)? + 1;
        Some([left + self.left, top, right + self.left, bottom].map(|side| side as i32))
    }
}
