//! The network's outputs at one step of a line, and which codes do well there.

use std::borrow::Cow;

use super::characters::NONE;

/// How a code does at a step: among the two likeliest or blank, among the five likeliest, or neither.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    Two,
    Five,
    Rest,
}

/// No certainty is far below this.
pub(super) const LEAST: f32 = -20.0;
const OFFSET: f32 = -0.085;
/// Outputs among which one that is among the likeliest is looked for together.
const TOGETHER: usize = 16;

/// A code of the first rank: how certain it is alone, together with the blank, and with the other of the two likeliest too.
#[derive(Clone, Copy, Default)]
struct Likely {
    alone: f32,
    with_blank: f32,
    with_both: f32,
}

/// The outputs at a step, and the ranks of the codes there.
pub(super) struct Step<'a> {
    shares: &'a [f32],
    /// The likeliest code, and the one after it.
    pub best: u32,
    pub second: u32,
    /// Those of the first rank, and those of the second: so many of them.
    two: ([u32; 3], usize),
    five: ([u32; 5], usize),
    likely: [Likely; 3],
    blank: u32,
}

impl<'a> Step<'a> {
    pub fn new(shares: &'a [f32], blank: u32) -> Self {
        let likeliest = likeliest(shares);
        let [best, second, ..] = likeliest;
        let all = shares.len() as u32;
        let mut step = Self {
            shares,
            best,
            second,
            two: ([NONE; 3], 0),
            five: ([NONE; 5], 0),
            likely: [Likely::default(); 3],
            blank,
        };
        for code in [best, second, blank] {
            if code < all && !step.codes(Rank::Two).contains(&code) {
                step.two.0[step.two.1] = code;
                step.two.1 += 1;
            }
        }
        for code in likeliest {
            if code < all && !step.codes(Rank::Two).contains(&code) {
                step.five.0[step.five.1] = code;
                step.five.1 += 1;
            }
        }
        let share = |code: u32| shares.get(code as usize).copied().unwrap_or(0.0);
        for (code, likely) in step
            .two
            .0
            .into_iter()
            .zip(&mut step.likely)
            .take(step.two.1)
        {
            let with_blank = share(code) + share(blank);
            let other = share(if code == best { second } else { best });
            *likely = Likely {
                alone: certainty(share(code)),
                with_blank: certainty(with_blank),
                with_both: certainty(with_blank + other),
            };
        }
        step
    }

    pub fn rank(&self, code: u32) -> Rank {
        if code == self.best || code == self.second || code == self.blank {
            Rank::Two
        } else if self.five.0.contains(&code) {
            Rank::Five
        } else {
            Rank::Rest
        }
    }

    /// The codes of a rank.
    pub fn codes(&self, rank: Rank) -> Cow<'_, [u32]> {
        match rank {
            Rank::Two => self.two.0[..self.two.1].into(),
            Rank::Five => self.five.0[..self.five.1].into(),
            Rank::Rest => (0..self.shares.len() as u32)
                .filter(|&code| self.rank(code) == Rank::Rest)
                .collect(),
        }
    }

    /// How certain a code is.
    pub fn certainty(&self, code: u32) -> f32 {
        let likely = self.likely(code).map(|likely| likely.alone);
        likely.unwrap_or_else(|| certainty(self.shares[code as usize]))
    }

    /// How certain a code of the first rank is together with the blank, and with the other of the two likeliest if both
    /// are read: one of the two, `before`, came before it.
    pub fn with_others(&self, code: u32, before: Option<u32>) -> f32 {
        let likely = self.likely(code).copied().unwrap_or_default();
        let is_other = |before: u32| {
            (before == self.best && code == self.second)
                || (code == self.best && before == self.second)
        };
        if before.is_some_and(is_other) {
            likely.with_both
        } else {
            likely.with_blank
        }
    }

    fn likely(&self, code: u32) -> Option<&Likely> {
        let place = self.two.0[..self.two.1]
            .iter()
            .position(|&other| other == code);
        place.map(|place| &self.likely[place])
    }
}

/// How certain a code with a share of the outputs is: a logarithm, at most slightly below 0.
fn certainty(share: f32) -> f32 {
    let logarithm = if share > 2.061_153_6e-9 {
        share.ln()
    } else {
        LEAST
    };
    logarithm + OFFSET
}

/// The five likeliest codes, in order; of equals the first.
fn likeliest(shares: &[f32]) -> [u32; 5] {
    let mut five = [NONE; 5];
    let mut held = [f32::NEG_INFINITY; 5];
    for (number, some) in shares.chunks(TOGETHER).enumerate() {
        if some.iter().filter(|&&share| share > held[4]).count() == 0 {
            continue;
        }
        for (place, &share) in some.iter().enumerate() {
            if share > held[4] {
                let code = (number * TOGETHER + place) as u32;
                let mut place = 4;
                while place > 0 && share > held[place - 1] {
                    held[place] = held[place - 1];
                    five[place] = five[place - 1];
                    place -= 1;
                }
                held[place] = share;
                five[place] = code;
            }
        }
    }
    five
}
