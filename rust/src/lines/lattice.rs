//! What a search for the text of a line keeps: the nodes of all steps that are done, and the best of the present step in
//! their beams.

use super::characters::{NONE, SPACE};
use super::words::{Kind, Positions};

/// How many codes of a character are read before it, at most.
pub(super) const LENGTHS: usize = 10;
/// How many are kept at each step, by how many codes of a character have been read.
const WIDTHS: [usize; LENGTHS] = [5, 10, 16, 16, 16, 16, 16, 16, 16, 16];
/// The number that stands for the beginning of the line.
pub(super) const START: u32 = u32::MAX;

/// What can follow: anything; only the same code again, because its share was added to another's; or anything else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Anything,
    Same,
    Other,
}

const AFTERS: [After; 3] = [After::Anything, After::Same, After::Other];

/// Nodes that compete with one another. `in_words`: only what is in a dictionary; `length`: how many codes have been
/// read of a character that needs more.
#[derive(Clone, Copy)]
pub(super) struct Beam {
    pub in_words: bool,
    pub after: After,
    pub length: usize,
}

impl Beam {
    const COUNT: usize = 2 * AFTERS.len() * LENGTHS;
    /// A bit for each of those that anything may follow.
    const OPEN: u64 = {
        let (mut open, mut number) = (0, 0);
        while number < Self::COUNT {
            if matches!(Self::numbered(number).after, After::Anything) {
                open |= 1 << number;
            }
            number += 1;
        }
        open
    };

    /// Of whole characters.
    pub fn whole(in_words: bool, after: After) -> Self {
        Self {
            in_words,
            after,
            length: 0,
        }
    }

    fn number(self) -> usize {
        (usize::from(self.in_words) * AFTERS.len() + self.after as usize) * LENGTHS + self.length
    }

    const fn numbered(number: usize) -> Self {
        Self {
            in_words: number >= AFTERS.len() * LENGTHS,
            after: AFTERS[number / LENGTHS % AFTERS.len()],
            length: number % LENGTHS,
        }
    }

    fn width(self) -> usize {
        WIDTHS[self.length]
    }
}

/// A code that may follow a node, and the beam that it would be kept in. `character`: the one that ends with it, or
/// [`NONE`]; `duplicate`: the code before it once more; `place`: in the tree of codes, for a character of which only
/// some codes have been read.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub code: u32,
    pub character: u32,
    pub certainty: f32,
    pub duplicate: bool,
    pub place: u32,
    pub before: u32,
    pub beam: Beam,
}

/// A candidate that is kept. `score`: the sum of the certainties on the path to it; `hash`: of the codes on that path.
#[derive(Clone)]
pub(super) struct Node {
    pub code: u32,
    pub character: u32,
    pub kind: Kind,
    /// A word of a dictionary may begin behind it.
    pub word_may_start: bool,
    pub word_starts: bool,
    pub word_may_end: bool,
    pub duplicate: bool,
    pub certainty: f32,
    pub score: f32,
    pub before: u32,
    /// In the tree of codes, for a character of which only some codes have been read.
    pub place: u32,
    pub positions: Option<Positions>,
    hash: u64,
}

impl Node {
    /// Whether it is a character's last code, for the first time.
    fn is_whole(&self) -> bool {
        self.character != NONE && !self.duplicate
    }
}

pub(super) struct Lattice {
    done: Vec<Node>,
    beams: Vec<Vec<Node>>,
    /// A bit for each beam of the present step that has nodes.
    filled: u64,
    /// The best node of each kind behind which a word may begin.
    starts: [Option<Node>; AFTERS.len()],
    blank: u32,
}

impl Lattice {
    pub fn new(blank: u32) -> Self {
        Self {
            done: Vec::new(),
            beams: vec![Vec::new(); Beam::COUNT],
            filled: 0,
            starts: [const { None }; AFTERS.len()],
            blank,
        }
    }

    /// A node of a step that is done; none for [`START`].
    pub fn get(&self, number: u32) -> Option<&Node> {
        (number != START).then(|| &self.done[number as usize])
    }

    /// The score of a candidate if it is kept.
    fn score(&self, candidate: &Candidate) -> f32 {
        let before = self.get(candidate.before).map_or(0.0, |node| node.score);
        candidate.certainty + before
    }

    /// The node of a candidate.
    pub fn node(&self, candidate: &Candidate, kind: Kind) -> Node {
        let mut hash = self.get(candidate.before).map_or(0, |node| node.hash);
        if !candidate.duplicate && candidate.code != self.blank {
            hash = hash
                .wrapping_add(u64::from(candidate.code) + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(23);
        }
        Node {
            code: candidate.code,
            character: candidate.character,
            kind,
            word_may_start: false,
            word_starts: false,
            word_may_end: false,
            duplicate: candidate.duplicate,
            certainty: candidate.certainty,
            score: self.score(candidate),
            before: candidate.before,
            place: candidate.place,
            positions: None,
            hash,
        }
    }

    /// Adds a node to a beam of the present step if there is room, or if it is better than the worst.
    pub fn push(&mut self, beam: Beam, node: Node) {
        let nodes = &mut self.beams[beam.number()];
        self.filled |= 1 << beam.number();
        let width = beam.width();
        let worst = worst_of(nodes);
        if nodes.len() >= width && worst.is_none_or(|worst| node.score <= nodes[worst].score) {
            return;
        }
        let same = nodes.iter_mut().find(|other| {
            other.code == node.code
                && other.hash == node.hash
                && other.kind == node.kind
                && other.word_may_start == node.word_may_start
        });
        if let Some(same) = same {
            if node.score > same.score {
                *same = node;
            }
        } else if nodes.len() < width {
            nodes.push(node);
        } else if let Some(worst) = worst {
            nodes[worst] = node;
        }
    }

    /// Whether a candidate would find no room in a beam.
    pub fn is_lost(&self, beam: Beam, candidate: &Candidate) -> bool {
        let (nodes, score) = (&self.beams[beam.number()], self.score(candidate));
        nodes.len() >= beam.width() && nodes.iter().all(|node| score <= node.score)
    }

    /// Keeps a node behind which a word of a dictionary may begin, if it is the best of its kind at this step.
    pub fn push_start(&mut self, node: Node, after: After, first: &Positions) {
        let held = &mut self.starts[after as usize];
        if held.as_ref().is_none_or(|held| node.score > held.score) {
            *held = Some(Node {
                word_may_start: true,
                positions: Some(first.clone()),
                ..node
            });
        }
    }

    /// Adds the nodes behind which a word of a dictionary may begin to their beams.
    pub fn add_starts(&mut self) {
        for after in AFTERS {
            if let Some(node) = self.starts[after as usize].take() {
                self.push(Beam::whole(true, after), node);
            }
        }
    }

    /// Whether the present step has a node that anything may follow.
    pub fn goes_on(&self) -> bool {
        self.filled & Beam::OPEN != 0
    }

    /// Ends the present step: the numbers of its nodes, with their beams.
    pub fn end_step(&mut self) -> Vec<(Beam, u32)> {
        self.starts = [const { None }; AFTERS.len()];
        let mut ended = Vec::new();
        while self.filled != 0 {
            let number = self.filled.trailing_zeros() as usize;
            self.filled &= self.filled - 1;
            for node in self.beams[number].drain(..) {
                ended.push((Beam::numbered(number), self.done.len() as u32));
                self.done.push(node);
            }
        }
        ended
    }

    /// The last whole character on the path to a node.
    pub fn last_whole(&self, number: u32) -> Option<&Node> {
        let mut last = self.get(number);
        while let Some(node) = last
            && !node.is_whole()
        {
            last = self.get(node.before);
        }
        last
    }

    /// The best of the nodes of the last step with which a line may end.
    pub fn best_end(&self, ended: &[(Beam, u32)]) -> Option<u32> {
        let may_end = |&&(beam, number): &&(Beam, u32)| {
            if beam.length != 0 || beam.after == After::Same {
                return false;
            }
            !beam.in_words
                || self
                    .last_whole(number)
                    .is_some_and(|node| node.word_may_end || node.character == SPACE)
        };
        let ends = ended.iter().filter(may_end).map(|&(_, number)| number);
        ends.reduce(|best, other| {
            if self.done[other as usize].score > self.done[best as usize].score {
                other
            } else {
                best
            }
        })
    }

    /// The nodes from the beginning of the line to one: one for each step.
    pub fn path_to(&self, end: u32) -> Vec<&Node> {
        let before = |node: &&Node| self.get(node.before);
        let mut path: Vec<&Node> = std::iter::successors(self.get(end), before).collect();
        path.reverse();
        path
    }
}

fn worst_of(nodes: &[Node]) -> Option<usize> {
    (0..nodes.len()).reduce(|worst, other| {
        if nodes[other].score < nodes[worst].score {
            other
        } else {
            worst
        }
    })
}
