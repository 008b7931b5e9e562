//! The network's outputs at one step of a line, and which codes do well there.

use super::characters::NONE;

/// How a code does at a step: among the two likeliest or blank, among the five likeliest, or neither.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    Two,
    Five,
    Rest,
}

/// The outputs at a step, and the ranks of the codes there.
pub(super) struct Step<'a> {
    shares: &'a [f32],
    /// The likeliest code, and the one after it.
    pub best: u32,
    pub second: u32,
    five: [u32; 5],
    blank: u32,
}

impl<'a> Step<'a> {
    pub fn new(shares: &'a [f32], blank: u32) -> Self {
        let mut five = [NONE; 5];
        let mut held = [f32::NEG_INFINITY; 5];
        for (code, &share) in shares.iter().enumerate() {
            if share > held[4] {
                let mut place = 4;
                while place > 0 && share > held[place - 1] {
                    held[place] = held[place - 1];
                    five[place] = five[place - 1];
                    place -= 1;
                }
                held[place] = share;
                five[place] = code as u32;
            }
        }
        Self {
            shares,
            best: five[0],
            second: five[1],
            five,
            blank,
        }
    }

    pub fn rank(&self, code: u32) -> Rank {
        if code == self.best || code == self.second || code == self.blank {
            Rank::Two
        } else if self.five.contains(&code) {
            Rank::Five
        } else {
            Rank::Rest
        }
    }

    /// The codes of a rank.
    pub fn codes(&self, rank: Rank) -> Vec<u32> {
        let all = self.shares.len() as u32;
        match rank {
            Rank::Two => {
                let mut codes = vec![self.best, self.second];
                if !codes.contains(&self.blank) {
                    codes.push(self.blank);
                }
                codes.retain(|&code| code < all);
                codes
            }
            Rank::Five => self
                .five
                .into_iter()
                .filter(|&code| code < all && self.rank(code) == Rank::Five)
                .collect(),
            Rank::Rest => (0..all)
                .filter(|&code| self.rank(code) == Rank::Rest)
                .collect(),
        }
    }

    pub fn share(&self, code: u32) -> f32 {
        self.shares[code as usize]
    }
}
