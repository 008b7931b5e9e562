//! Lines of text read with Tesseract's models, many at once: its networks, pictures and search, in another program.
//!
//! Tesseract runs its network on one line after the other, a vector at a time. Here all lines of a page take each step
//! together, so that each weight is loaded once for many of them, and the functions of the gates are computed sixteen at a
//! time. The models are those that Tesseract has; the numbers of the network are its numbers, but for rounding.
//!
//! Sources: Tesseract 5 (src/lstm, src/ccutil, src/dict) and leptonica (scale1.c, enhance.c), read for their formats.

mod beam;
mod characters;
mod found;
mod ink;
mod kernel;
mod lattice;
mod network;
mod picture;
mod reader;
mod step;
mod words;

pub use ink::Line;
pub use picture::Page;

use crate::error::Result;
use beam::Search;
use characters::{Character, Codes};
use network::{Network, Outputs};
use reader::{Reader, corrupt, unsupported};
use words::Words;

/// Below this mean share of what is read, white is tried for black.
const DOUBTFUL: f32 = 0.7;
const RECODED: i32 = 64;
/// Lines of a page that are in memory together: their outputs are some MB.
const TOGETHER: usize = 64;

/// A model of one language, from a `.traineddata` file.
pub struct Model {
    network: Network,
    characters: Vec<Character>,
    codes: Codes,
    words: Option<Words>,
    blank: u32,
    seed: u64,
}

/// A word of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct LineWord {
    /// Its characters.
    pub text: String,
    /// 0 to 100, as Tesseract's: of the least certain of its characters.
    pub confidence: f32,
    /// Left, top, right and bottom, in pixels of the page: around its ink.
    pub area: [i32; 4],
}

impl Model {
    /// Raises `corrupt` for what is no model, and `unsupported` for one that only Tesseract can run: weights that are not
    /// int8, other layers, and scripts without spaces or from right to left.
    pub fn read(file: &[u8]) -> Result<Self> {
        let parts = reader::parts(file)?;
        if parts.lstm.is_empty() || parts.characters.is_empty() || parts.codes.is_empty() {
            return Err(unsupported("it has no network for lines"));
        }
        let mut reader = Reader(parts.lstm);
        let network = Network::read(&mut reader)?;
        reader.text()?; // the network's description
        let flags = reader.i32()?;
        reader.i32()?; // steps of training
        let sample = reader.i32()?;
        let blank = reader.i32()?;
        if flags & RECODED == 0 {
            return Err(unsupported("its characters have no codes"));
        }
        let blank = u32::try_from(blank)
            .ok()
            .filter(|&blank| (blank as usize) < network.classes);
        let blank = blank.ok_or_else(|| corrupt("it has no class for a blank"))?;
        let characters = characters::characters(parts.characters)?;
        let codes = Codes::read(parts.codes, characters.len(), network.classes)?;
        let words = Words::read(&parts)?;
        let seed = (i64::from(sample).wrapping_mul(0x1000_0001)) as u64;
        Ok(Self {
            network,
            characters,
            codes,
            words,
            blank,
            seed,
        })
    }

    /// The words of each of some lines.
    #[must_use]
    pub fn read_lines(&self, page: Page, lines: &[Line]) -> Vec<Vec<LineWord>> {
        let mut found: Vec<Vec<LineWord>> = vec![Vec::new(); lines.len()];
        let height = self.network.height;
        let mut cuts: Vec<_> = lines
            .iter()
            .enumerate()
            .filter_map(|(number, line)| {
                let [left, _, right, _] = line.area;
                let [above, below] = line.rows;
                let cut = picture::cut(
                    page,
                    [left, above, right, below],
                    height,
                    self.network.shrink,
                )?;
                Some((number, cut))
            })
            .collect();
        cuts.sort_by_key(|(number, cut)| (cut.width, *number));
        for some in cuts.chunks(TOGETHER) {
            let mut outputs = self.network.run(
                some.iter().map(|(_, cut)| cut.values()).collect(),
                self.seed,
            );
            let doubtful: Vec<usize> = (0..some.len())
                .filter(|&number| self.mean_share(&outputs[number]) < DOUBTFUL)
                .collect();
            let inverted = doubtful
                .iter()
                .map(|&number| some[number].1.inverted().values())
                .collect();
            for (&number, other) in doubtful.iter().zip(self.network.run(inverted, self.seed)) {
                if self.mean_share(&other) > self.mean_share(&outputs[number]) {
                    outputs[number] = other;
                }
            }
            let search = Search {
                codes: &self.codes,
                characters: &self.characters,
                words: self.words.as_ref(),
                blank: self.blank,
            };
            for ((number, cut), outputs) in some.iter().zip(&outputs) {
                let scale = self.network.shrink as f32 / cut.factor;
                let side = |step: f32| cut.left as i32 + step as i32;
                let words = search.words(outputs);
                let sides: Vec<_> = words
                    .iter()
                    .map(|word| {
                        (
                            side((word.start as f32 * scale).floor()),
                            side((word.end as f32 * scale).ceil()),
                        )
                    })
                    .collect();
                let areas = ink::areas(page, lines[*number], &sides);
                let words = words.into_iter().zip(areas);
                found[*number] = words
                    .map(|(word, area)| LineWord {
                        text: word.text,
                        confidence: word.confidence,
                        area,
                    })
                    .collect();
            }
        }
        found
    }

    /// The mean share of the likeliest class over all steps at which that is a character.
    fn mean_share(&self, outputs: &Outputs) -> f32 {
        let (mut sum, mut count) = (0.0, 0.0);
        for step in outputs.steps() {
            let best = (0..step.len()).reduce(|best, other| {
                if step[other] > step[best] {
                    other
                } else {
                    best
                }
            });
            if let Some(best) = best.filter(|&best| best as u32 != self.blank) {
                sum += (127.0 * step[best]).floor() / 127.0;
                count += 1.0;
            }
        }
        if count == 0.0 { 0.0 } else { sum / count }
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
