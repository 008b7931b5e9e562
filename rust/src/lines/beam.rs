//! The likeliest text of a line: a search over the network's outputs in steps, with the codes of characters and the
//! dictionaries. It is Tesseract's search (lstm/recodebeam.cpp), whose numbers the models were trained beside.

use super::characters::{Character, Codes, NONE, SPACE};
use super::network::Outputs;
use super::words::{Kind, Positions, Words};

/// What is not in a dictionary must be so much more certain (`kDictRatio`).
const DICTIONARY: f32 = 2.25;
const OFFSET: f32 = -0.085;
const LEAST: f32 = -20.0;
/// Below this a word of a dictionary is none.
const WORST_WORD: f32 = -25.0 / 7.0;
/// Certainties are compared on a scale so many times as large.
const SCALE: f32 = 7.0;
/// How many are kept at each step, by how many codes of a character have been read.
const WIDTHS: [usize; LENGTHS] = [5, 10, 16, 16, 16, 16, 16, 16, 16, 16];
const LENGTHS: usize = 10;
const BEAMS: usize = 2 * 3 * LENGTHS;
const START: u32 = u32::MAX;

/// What can follow: anything; only the same code again, because its share was added to another's; or anything else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Anything,
    Same,
    Other,
}

const AFTERS: [After; 3] = [After::Anything, After::Same, After::Other];

#[derive(Clone)]
struct Node {
    code: u32,
    character: u32,
    kind: Kind,
    /// A word of a dictionary may begin behind it.
    word_may_start: bool,
    word_starts: bool,
    word_may_end: bool,
    duplicate: bool,
    certainty: f32,
    score: f32,
    before: u32,
    /// In the tree of codes, for a character of which only some codes have been read.
    place: u32,
    positions: Option<Positions>,
    hash: u64,
}

/// A word that was read. `start` and `end`: in steps of the outputs. `confidence`: 0 to 100.
pub(super) struct Found {
    pub text: String,
    pub start: usize,
    pub end: usize,
    pub confidence: f32,
}

pub(super) struct Search<'a> {
    pub codes: &'a Codes,
    pub characters: &'a [Character],
    pub words: Option<&'a Words>,
    /// The class for no character.
    pub blank: u32,
}

fn beam_of(in_words: bool, after: After, length: usize) -> usize {
    (usize::from(in_words) * 3 + after as usize) * LENGTHS + length
}

fn certainty(share: f32) -> f32 {
    if share > 2.061_153_6e-9 {
        share.ln()
    } else {
        LEAST
    }
}

/// How a code does at a step: among the two likeliest or blank, among the five likeliest, or neither.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Two,
    Five,
    Rest,
}

/// The outputs at a step, and the ranks of the codes there.
struct Step<'a> {
    shares: &'a [f32],
    best: u32,
    second: u32,
    five: [u32; 5],
    blank: u32,
}

impl<'a> Step<'a> {
    fn new(shares: &'a [f32], blank: u32) -> Self {
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

    fn rank(&self, code: u32) -> Rank {
        if code == self.best || code == self.second || code == self.blank {
            Rank::Two
        } else if self.five.contains(&code) {
            Rank::Five
        } else {
            Rank::Rest
        }
    }

    /// The codes of a rank.
    fn codes(&self, rank: Rank) -> Vec<u32> {
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

    fn share(&self, code: u32) -> f32 {
        self.shares[code as usize]
    }
}

/// All nodes of the steps before, and those of the present one in their beams.
struct Lattice {
    done: Vec<Node>,
    beams: Vec<Vec<Node>>,
    /// The best node of each kind behind which a word may begin.
    starts: [Option<Node>; 3],
}

impl Lattice {
    fn score_before(&self, before: u32) -> f32 {
        if before == START {
            0.0
        } else {
            self.done[before as usize].score
        }
    }

    /// Adds a node if there is room, or if it is better than the worst.
    fn push(&mut self, beam: usize, width: usize, node: Node) {
        let nodes = &mut self.beams[beam];
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

impl Search<'_> {
    /// The words of a line in order.
    pub fn words(&self, outputs: &Outputs) -> Vec<Found> {
        let mut lattice = Lattice {
            done: Vec::new(),
            beams: vec![Vec::new(); BEAMS],
            starts: [const { None }; 3],
        };
        let mut last = Vec::new();
        let first = self.words.map(Words::start);
        for (t, shares) in outputs.steps().enumerate() {
            let step = Step::new(shares, self.blank);
            if t == 0 {
                self.go_on(
                    &mut lattice,
                    None,
                    beam_of(false, After::Anything, 0),
                    &step,
                    Rank::Two,
                    first.as_ref(),
                );
                if first.is_some() {
                    self.go_on(
                        &mut lattice,
                        None,
                        beam_of(true, After::Anything, 0),
                        &step,
                        Rank::Two,
                        first.as_ref(),
                    );
                }
            } else {
                for rank in [Rank::Two, Rank::Five, Rank::Rest] {
                    for &(beam, node) in last.iter().rev() {
                        self.go_on(&mut lattice, Some(node), beam, &step, rank, first.as_ref());
                    }
                    let open = |beam: usize| (beam / LENGTHS) % 3 == After::Anything as usize;
                    if (0..BEAMS).any(|beam| open(beam) && !lattice.beams[beam].is_empty()) {
                        break;
                    }
                }
                for after in AFTERS {
                    if let Some(node) = lattice.starts[after as usize].take() {
                        lattice.push(beam_of(true, after, 0), WIDTHS[0], node);
                    }
                }
            }
            lattice.starts = [const { None }; 3];
            last.clear();
            for beam in 0..BEAMS {
                let nodes = std::mem::take(&mut lattice.beams[beam]);
                for node in nodes {
                    last.push((beam, lattice.done.len() as u32));
                    lattice.done.push(node);
                }
            }
        }
        let best = self.best_end(&lattice, &last);
        best.map_or_else(Vec::new, |best| self.extracted(&lattice, best))
    }

    /// Adds what may follow a node in a beam, of the codes of a rank.
    fn go_on(
        &self,
        lattice: &mut Lattice,
        from: Option<u32>,
        beam: usize,
        step: &Step,
        rank: Rank,
        first: Option<&Positions>,
    ) {
        let (in_words, length) = (beam / (3 * LENGTHS) > 0, beam % LENGTHS);
        let after = AFTERS[(beam / LENGTHS) % 3];
        let before = from.unwrap_or(START);
        let previous = from.map(|from| &lattice.done[from as usize]);
        let place = previous.map_or(Codes::ROOT, |previous| previous.place);
        let code = previous.map_or(NONE, |previous| previous.code);
        let character = previous.map_or(NONE, |previous| previous.character);
        if from.is_some() {
            if step.rank(code) == rank {
                if after != After::Other {
                    let certain = certainty(step.share(code)) + OFFSET;
                    let again = Part {
                        length,
                        duplicate: true,
                        code,
                        character,
                        place,
                    };
                    self.push_part(lattice, again, certain, in_words, After::Anything, before);
                }
                if after == After::Anything && rank == Rank::Two && code != self.blank {
                    let certain = certainty(step.share(code) + step.share(self.blank)) + OFFSET;
                    let again = Part {
                        length,
                        duplicate: true,
                        code,
                        character,
                        place,
                    };
                    self.push_part(lattice, again, certain, in_words, After::Other, before);
                }
            }
            if after == After::Same {
                return;
            }
            if code != self.blank && length > 0 && rank == Rank::Two {
                let certain = certainty(step.share(self.blank)) + OFFSET;
                let blank = Part {
                    length,
                    duplicate: false,
                    code: self.blank,
                    character: NONE,
                    place,
                };
                self.push_part(lattice, blank, certain, in_words, After::Anything, before);
            }
        }
        let with_others = |next: u32| {
            let mut share = step.share(next) + step.share(self.blank);
            let both = (code == step.best && next == step.second)
                || (next == step.best && code == step.second);
            if from.is_some() && after == After::Anything && code != self.blank && both {
                share += step.share(code);
            }
            certainty(share) + OFFSET
        };
        for next in step.codes(rank) {
            if next == code {
                continue;
            }
            let Some(at) = self.codes.after(place, next) else {
                continue;
            };
            if let Some(read) = self.codes.character(at) {
                let certain = certainty(step.share(next)) + OFFSET;
                if certain >= LEAST || next == self.blank {
                    let is_blank = length == 0 && next == self.blank;
                    let read = if is_blank { NONE } else { read };
                    self.push_character(
                        lattice,
                        next,
                        read,
                        certain,
                        in_words,
                        After::Anything,
                        before,
                        first,
                    );
                    if rank == Rank::Two && next != self.blank {
                        let certain = with_others(next);
                        self.push_character(
                            lattice,
                            next,
                            read,
                            certain,
                            in_words,
                            After::Same,
                            before,
                            first,
                        );
                    }
                }
            }
            if self.codes.goes_on(at) && length + 1 < LENGTHS {
                let part = Part {
                    length: length + 1,
                    duplicate: false,
                    code: next,
                    character: NONE,
                    place: at,
                };
                let certain = certainty(step.share(next)) + OFFSET;
                self.push_part(lattice, part, certain, in_words, After::Anything, before);
                if rank == Rank::Two && next != self.blank {
                    self.push_part(
                        lattice,
                        part,
                        with_others(next),
                        in_words,
                        After::Same,
                        before,
                    );
                }
            }
        }
    }

    /// A part of a character, a blank within it, or the same again.
    #[allow(clippy::too_many_arguments)]
    fn push_part(
        &self,
        lattice: &mut Lattice,
        part: Part,
        certain: f32,
        in_words: bool,
        after: After,
        before: u32,
    ) {
        let certain = if in_words {
            certain
        } else {
            certain * DICTIONARY
        };
        let enough = if in_words {
            certain > WORST_WORD
        } else {
            certain >= LEAST || part.code == self.blank
        };
        if !enough {
            return;
        }
        let kind = match before {
            START => {
                if in_words {
                    Kind::Nothing
                } else {
                    Kind::Top
                }
            }
            before => lattice.done[before as usize].kind,
        };
        let node = Node {
            duplicate: part.duplicate,
            place: part.place,
            ..self.node(
                lattice,
                part.code,
                part.character,
                kind,
                certain,
                before,
                part.duplicate,
            )
        };
        lattice.push(
            beam_of(in_words, after, part.length),
            WIDTHS[part.length],
            node,
        );
    }

    #[allow(clippy::too_many_arguments)]
    fn node(
        &self,
        lattice: &Lattice,
        code: u32,
        character: u32,
        kind: Kind,
        certain: f32,
        before: u32,
        duplicate: bool,
    ) -> Node {
        let mut hash = if before == START {
            0
        } else {
            lattice.done[before as usize].hash
        };
        if !duplicate && code != self.blank {
            hash = hash
                .wrapping_add(u64::from(code) + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(23);
        }
        Node {
            code,
            character,
            kind,
            word_may_start: false,
            word_starts: false,
            word_may_end: false,
            duplicate: false,
            certainty: certain,
            score: certain + lattice.score_before(before),
            before,
            place: Codes::ROOT,
            positions: None,
            hash,
        }
    }

    /// A whole character, or a blank between two.
    #[allow(clippy::too_many_arguments)]
    fn push_character(
        &self,
        lattice: &mut Lattice,
        code: u32,
        character: u32,
        certain: f32,
        in_words: bool,
        after: After,
        before: u32,
        first: Option<&Positions>,
    ) {
        if in_words {
            if certain > WORST_WORD
                && let (Some(words), Some(first)) = (self.words, first)
            {
                self.push_in_word(
                    lattice, code, character, certain, after, before, words, first,
                );
            }
            return;
        }
        let node = self.node(
            lattice,
            code,
            character,
            Kind::Top,
            certain * DICTIONARY,
            before,
            false,
        );
        lattice.push(beam_of(false, after, 0), WIDTHS[0], node);
        // Behind a space a word of a dictionary may begin. The certainty of the space is that of the word then, and
        // the blanks before it are forgotten, which have been made more certain already.
        if character == SPACE
            && certain > WORST_WORD
            && let Some(first) = first
        {
            let node = self.node(
                lattice,
                code,
                character,
                Kind::Nothing,
                certain,
                before,
                false,
            );
            push_start(lattice, node, after, first);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn push_in_word(
        &self,
        lattice: &mut Lattice,
        code: u32,
        character: u32,
        certain: f32,
        after: After,
        before: u32,
        words: &Words,
        first: &Positions,
    ) {
        let beam = beam_of(true, after, 0);
        if character == NONE {
            let node = self.node(
                lattice,
                code,
                character,
                Kind::Nothing,
                certain,
                before,
                false,
            );
            lattice.push(beam, WIDTHS[0], node);
            return;
        }
        let score = certain + lattice.score_before(before);
        let is_lost = |nodes: &[Node]| {
            nodes.len() >= WIDTHS[0] && nodes.iter().all(|node| score <= node.score)
        };
        let other = beam_of(false, after, 0);
        if is_lost(&lattice.beams[beam]) && is_lost(&lattice.beams[other]) {
            return;
        }
        let mut last = before;
        while last != START && !lattice.done[last as usize].is_whole() {
            last = lattice.done[last as usize].before;
        }
        let last = (last != START).then(|| lattice.done[last as usize].clone());
        if character == SPACE {
            if let Some(last) = last.filter(|last| last.word_may_end) {
                let node = self.node(lattice, code, character, last.kind, certain, before, false);
                push_start(lattice, node.clone(), after, first);
                lattice.push(other, WIDTHS[0], node);
            }
            return;
        }
        let (positions, word_starts) = match &last {
            None => (first.clone(), true),
            Some(last) if last.word_may_start && last.character != SPACE => return,
            Some(last) => match &last.positions {
                Some(positions) => (positions.clone(), last.word_may_start),
                None => return,
            },
        };
        let known = &self.characters[character as usize];
        if let Some(further) = words.further(&positions, character, known) {
            let node = Node {
                word_starts,
                word_may_end: further.is_word,
                positions: Some(further.positions),
                ..self.node(
                    lattice,
                    code,
                    character,
                    further.kind,
                    certain,
                    before,
                    false,
                )
            };
            lattice.push(beam, WIDTHS[0], node);
        }
    }

    /// The best node of the last step with which a line may end.
    fn best_end(&self, lattice: &Lattice, last: &[(usize, u32)]) -> Option<u32> {
        let may_end = |&&(beam, number): &&(usize, u32)| {
            if beam % LENGTHS != 0 || AFTERS[(beam / LENGTHS) % 3] == After::Same {
                return false;
            }
            if beam < 3 * LENGTHS {
                return true;
            }
            let mut at = number;
            while at != START && !lattice.done[at as usize].is_whole() {
                at = lattice.done[at as usize].before;
            }
            at != START && {
                let node = &lattice.done[at as usize];
                node.word_may_end || node.character == SPACE
            }
        };
        let ends = last.iter().filter(may_end).map(|&(_, number)| number);
        ends.reduce(|best, other| {
            if lattice.done[other as usize].score > lattice.done[best as usize].score {
                other
            } else {
                best
            }
        })
    }

    /// The words along the path to a node.
    fn extracted(&self, lattice: &Lattice, end: u32) -> Vec<Found> {
        let mut path = Vec::new();
        let mut at = end;
        while at != START {
            let node = &lattice.done[at as usize];
            path.push(node);
            at = node.before;
        }
        path.reverse();
        let read = characters_of(&path);
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
                .map(|one| self.characters[one.character as usize].text.as_str())
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
}

fn push_start(lattice: &mut Lattice, node: Node, after: After, first: &Positions) {
    let held = &mut lattice.starts[after as usize];
    if held.as_ref().is_none_or(|held| node.score > held.score) {
        *held = Some(Node {
            word_may_start: true,
            positions: Some(first.clone()),
            ..node
        });
    }
}

#[derive(Clone, Copy)]
struct Part {
    length: usize,
    duplicate: bool,
    code: u32,
    character: u32,
    place: u32,
}

impl Node {
    /// Whether it is a character's last code, for the first time.
    fn is_whole(&self) -> bool {
        self.character != NONE && !self.duplicate
    }
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
