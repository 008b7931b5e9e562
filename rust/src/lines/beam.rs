//! The likeliest text of a line: a search over the network's outputs in steps, with the codes of characters and the
//! dictionaries. It is Tesseract's search (lstm/recodebeam.cpp), whose numbers the models were trained beside.

use super::characters::{Character, Codes, NONE, SPACE};
use super::found::{Found, words_along};
use super::lattice::{After, Beam, Candidate, LENGTHS, Lattice, Node, START};
use super::network::Outputs;
use super::step::{LEAST, Rank, Step};
use super::words::{Kind, Positions, Words};

/// What is not in a dictionary must be so much more certain (`kDictRatio`).
const DICTIONARY: f32 = 2.25;
/// Below this a word of a dictionary is none.
const WORST_WORD: f32 = -25.0 / 7.0;

pub(super) struct Search<'a> {
    pub codes: &'a Codes,
    pub characters: &'a [Character],
    pub words: Option<&'a Words>,
    /// The class for no character.
    pub blank: u32,
}

impl Search<'_> {
    /// The words of a line in order.
    pub fn words(&self, outputs: &Outputs) -> Vec<Found> {
        let mut run = Run {
            search: self,
            lattice: Lattice::new(self.blank),
            first: self.words.map(Words::start),
        };
        let mut ended = Vec::new();
        for (t, shares) in outputs.steps().enumerate() {
            let step = Step::new(shares, self.blank);
            if t == 0 {
                run.begin(&step);
            } else {
                run.go_on(&ended, &step);
            }
            ended = run.lattice.end_step();
        }
        let lattice = &run.lattice;
        let end = lattice.best_end(&ended);
        end.map_or_else(Vec::new, |end| {
            words_along(&lattice.path_to(end), self.characters)
        })
    }
}

/// A candidate by its own share of the outputs; and by its share with those of others, after
/// which only the same code may follow.
fn alone_and(with_others: Option<f32>, alone: Candidate) -> impl Iterator<Item = Candidate> {
    let together = with_others.map(|certainty| Candidate {
        certainty,
        beam: Beam {
            after: After::Same,
            ..alone.beam
        },
        ..alone
    });
    std::iter::once(alone).chain(together)
}

/// A node with what decides what may follow it; before the first step, the beginning of the line.
#[derive(Clone, Copy)]
struct Previous {
    number: u32,
    beam: Beam,
    code: u32,
    character: u32,
    place: u32,
}

impl Previous {
    fn start(in_words: bool) -> Self {
        Self {
            number: START,
            beam: Beam::whole(in_words, After::Anything),
            code: NONE,
            character: NONE,
            place: Codes::ROOT,
        }
    }

    fn node(number: u32, beam: Beam, node: &Node) -> Self {
        Self {
            number,
            beam,
            code: node.code,
            character: node.character,
            place: node.place,
        }
    }
}

/// A search in one line. `first`: where words begin in the dictionaries, if there are any.
struct Run<'a> {
    search: &'a Search<'a>,
    lattice: Lattice,
    first: Option<Positions>,
}

impl Run<'_> {
    /// The first step.
    fn begin(&mut self, step: &Step<'_>) {
        self.follow(Previous::start(false), step, Rank::Two);
        if self.first.is_some() {
            self.follow(Previous::start(true), step, Rank::Two);
        }
    }

    /// A step after another, whose nodes are given.
    fn go_on(&mut self, before: &[(Beam, u32)], step: &Step<'_>) {
        for rank in [Rank::Two, Rank::Five, Rank::Rest] {
            for &(beam, number) in before.iter().rev() {
                if let Some(node) = self.lattice.get(number) {
                    self.follow(Previous::node(number, beam, node), step, rank);
                }
            }
            if self.lattice.goes_on() {
                break;
            }
        }
        self.lattice.add_starts();
    }

    /// Adds what may follow a node, of the codes of a rank.
    fn follow(&mut self, from: Previous, step: &Step<'_>, rank: Rank) {
        if from.number != START {
            self.push_same(from, step, rank);
        }
        if from.beam.after != After::Same {
            self.push_others(from, step, rank);
        }
    }

    /// The same code again, alone or with the share of the blank.
    fn push_same(&mut self, from: Previous, step: &Step<'_>, rank: Rank) {
        if step.rank(from.code) != rank {
            return;
        }
        let again = |certainty: f32, after: After| Candidate {
            code: from.code,
            character: from.character,
            certainty,
            duplicate: true,
            place: from.place,
            before: from.number,
            beam: Beam { after, ..from.beam },
        };
        if from.beam.after != After::Other {
            self.push_part(again(step.certainty(from.code), After::Anything));
        }
        let blank = self.search.blank;
        if from.beam.after == After::Anything && rank == Rank::Two && from.code != blank {
            self.push_part(again(step.with_others(from.code, None), After::Other));
        }
    }

    /// A blank within a character, or another code.
    fn push_others(&mut self, from: Previous, step: &Step<'_>, rank: Rank) {
        let Search { blank, codes, .. } = *self.search;
        if from.number != START && from.code != blank && from.beam.length > 0 && rank == Rank::Two {
            self.push_part(Candidate {
                code: blank,
                character: NONE,
                certainty: step.certainty(blank),
                duplicate: false,
                place: from.place,
                before: from.number,
                beam: Beam {
                    after: After::Anything,
                    ..from.beam
                },
            });
        }
        for &next in step.codes(rank).iter() {
            if next == from.code {
                continue;
            }
            if let Some(place) = codes.after(from.place, next) {
                self.push_next(from, next, place, step, rank);
            }
        }
    }

    /// A code that leads to a place in the tree of codes: as the last of a character, and as a part of longer ones.
    fn push_next(&mut self, from: Previous, code: u32, place: u32, step: &Step<'_>, rank: Rank) {
        let Search { blank, codes, .. } = *self.search;
        let in_words = from.beam.in_words;
        let with_others =
            (rank == Rank::Two && code != blank).then(|| self.with_others(from, code, step));
        let part = Candidate {
            code,
            character: NONE,
            certainty: step.certainty(code),
            duplicate: false,
            place,
            before: from.number,
            beam: Beam {
                in_words,
                after: After::Anything,
                length: from.beam.length + 1,
            },
        };
        if let Some(character) = codes.character(place)
            && (part.certainty >= LEAST || code == blank)
        {
            let is_blank = from.beam.length == 0 && code == blank;
            let whole = Candidate {
                character: if is_blank { NONE } else { character },
                place: Codes::ROOT,
                beam: Beam::whole(in_words, After::Anything),
                ..part
            };
            for candidate in alone_and(with_others, whole) {
                self.push_character(candidate);
            }
        }
        if codes.goes_on(place) && part.beam.length < LENGTHS {
            for candidate in alone_and(with_others, part) {
                self.push_part(candidate);
            }
        }
    }

    /// The certainty of a code together with the blank, and with the code before it if both are the likeliest.
    fn with_others(&self, from: Previous, next: u32, step: &Step<'_>) -> f32 {
        let is_open = from.number != START && from.beam.after == After::Anything;
        let is_before = is_open && from.code != self.search.blank;
        step.with_others(next, is_before.then_some(from.code))
    }

    /// A part of a character, a blank within it, or the same again.
    fn push_part(&mut self, part: Candidate) {
        let certainty = if part.beam.in_words {
            part.certainty
        } else {
            part.certainty * DICTIONARY
        };
        let enough = if part.beam.in_words {
            certainty > WORST_WORD
        } else {
            certainty >= LEAST || part.code == self.search.blank
        };
        if !enough {
            return;
        }
        let kind = match self.lattice.get(part.before) {
            Some(before) => before.kind,
            None if part.beam.in_words => Kind::Nothing,
            None => Kind::Top,
        };
        let node = self.lattice.node(&Candidate { certainty, ..part }, kind);
        self.lattice.push(part.beam, node);
    }

    /// A whole character, or a blank between two.
    fn push_character(&mut self, whole: Candidate) {
        if whole.beam.in_words {
            if whole.certainty > WORST_WORD {
                self.push_in_word(whole);
            }
            return;
        }
        let less = Candidate {
            certainty: whole.certainty * DICTIONARY,
            ..whole
        };
        let node = self.lattice.node(&less, Kind::Top);
        self.lattice.push(whole.beam, node);
        // Behind a space a word of a dictionary may begin. The certainty of the space is that of the word then, and
        // the blanks before it are forgotten, which have been made more certain already.
        if whole.character == SPACE
            && whole.certainty > WORST_WORD
            && let Some(first) = &self.first
        {
            let node = self.lattice.node(&whole, Kind::Nothing);
            self.lattice.push_start(node, whole.beam.after, first);
        }
    }

    /// The same, of a word in a dictionary.
    fn push_in_word(&mut self, whole: Candidate) {
        let (Some(words), Some(first)) = (self.search.words, &self.first) else {
            return;
        };
        let lattice = &mut self.lattice;
        if whole.character == NONE {
            let node = lattice.node(&whole, Kind::Nothing);
            lattice.push(whole.beam, node);
            return;
        }
        let outside = Beam {
            in_words: false,
            ..whole.beam
        };
        if lattice.is_lost(whole.beam, &whole) && lattice.is_lost(outside, &whole) {
            return;
        }
        let last = lattice.last_whole(whole.before);
        if whole.character == SPACE {
            if let Some(last) = last.filter(|last| last.word_may_end) {
                let node = lattice.node(&whole, last.kind);
                lattice.push_start(node.clone(), whole.beam.after, first);
                lattice.push(outside, node);
            }
            return;
        }
        let (positions, word_starts) = match last {
            None => (first, true),
            Some(last) if last.word_may_start && last.character != SPACE => return,
            Some(last) => match &last.positions {
                Some(positions) => (positions, last.word_may_start),
                None => return,
            },
        };
        let known = &self.search.characters[whole.character as usize];
        if let Some(further) = words.further(positions, whole.character, known) {
            let mut node = lattice.node(&whole, further.kind);
            node.word_starts = word_starts;
            node.word_may_end = further.is_word;
            node.positions = Some(further.positions);
            lattice.push(whole.beam, node);
        }
    }
}
