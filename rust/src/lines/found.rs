//! The words along the path that a search found best: their texts, where they are, and how certain they are.

use super::characters::{Character, NONE, SPACE};
use super::lattice::Node;
use super::words::Kind;

/// Certainties are compared on a scale so many times as large.
const SCALE: f32 = 7.0;

/// A word that was read. `start` and `end`: in steps of the outputs. `confidence`: 0 to 100.
pub(super) struct Found {
    pub text: String,
    pub start: usize,
    pub end: usize,
    pub confidence: f32,
}

/// The words along a path, which has a node for each step. `characters`: those of the model.
pub(super) fn words_along(path: &[&Node], characters: &[Character]) -> Vec<Found> {
    let read = characters_of(path);
    let mut found = Vec::new();
    let mut space_before = 0.0_f32;
    let mut start = 0;
    while start < read.len() {
        let ends = |one: &&Read| one.character == SPACE || path[one.step].word_starts;
        let count = read[start + 1..].iter().position(|one| ends(&one));
        let end = count.map_or(read.len(), |count| start + 1 + count);
        let is_space = read.get(end).is_some_and(|one| one.character == SPACE);
        let space_after = if is_space { read[end].certainty } else { 0.0 };
        let word = &read[start..end];
        let least = word
            .iter()
            .map(|one| one.certainty)
            .fold(space_before.min(space_after), f32::min);
        let text: String = word
            .iter()
            .map(|one| characters[one.character as usize].text.as_str())
            .collect();
        if !text.trim().is_empty() {
            found.push(Found {
                text: text.trim().to_owned(),
                start: word[0].from,
                end: word[word.len() - 1].to,
                confidence: (100.0 + 5.0 * SCALE * least).clamp(0.0, 100.0),
            });
        }
        space_before = space_after;
        start = if is_space { end + 1 } else { end };
    }
    found
}

/// A character on the path. `step`: where it is read; `from` and `to`: to the middles between it and its neighbours.
struct Read {
    character: u32,
    certainty: f32,
    step: usize,
    from: usize,
    to: usize,
}

fn characters_of(path: &[&Node]) -> Vec<Read> {
    let mut read: Vec<Read> = Vec::new();
    let mut ends: Vec<usize> = Vec::new();
    let mut t = 0;
    while t < path.len() {
        let mut least = 0.0_f32;
        while t < path.len() && path[t].character == NONE {
            least = least.min(path[t].certainty);
            t += 1;
        }
        let Some(&node) = path.get(t) else {
            if let Some(last) = read.last_mut() {
                last.certainty = last.certainty.min(least);
            }
            break;
        };
        let is_space = node.character == SPACE;
        if is_space
            && node.kind != Kind::Nothing
            && let Some(last) = read.last_mut()
        {
            last.certainty = last.certainty.min(least);
            least = 0.0;
        }
        let step = t;
        loop {
            let forget = is_space && path[t].kind == Kind::Nothing;
            if forget || path[t].certainty < least {
                least = path[t].certainty;
            }
            t += 1;
            if t >= path.len() || !path[t].duplicate {
                break;
            }
        }
        ends.push(t);
        read.push(Read {
            character: node.character,
            certainty: least,
            step,
            from: 0,
            to: path.len(),
        });
    }
    for number in 1..read.len() {
        let middle = ends[number - 1] + (read[number].step - ends[number - 1]) / 2;
        read[number - 1].to = middle;
        read[number].from = middle;
    }
    read
}
