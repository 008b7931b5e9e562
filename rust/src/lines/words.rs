//! The dictionaries of a model: graphs of words, of numbers, and of the marks around both.

use std::rc::Rc;

use super::characters::Character;
use super::reader::{Parts, Reader, corrupt};
use crate::error::Result;

const MAGIC: i16 = 42;
const MAX_EDGES: usize = 50_000_000;
/// Stands for a word among marks, and for any digit in numbers.
const PATTERN: u32 = 0;

/// How a word was come by, from the least to the most (`PermuterType`, ccstruct/ratngs.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Nothing,
    Marks,
    Top,
    Number,
    Word,
}

/// A graph in one array: edges of a node after one another, the last of them marked. An edge is a number of a character,
/// three flags (last of its node, backwards, end of a word) and the node it leads to (dict/dawg.h).
struct Graph {
    edges: Vec<u64>,
    first: usize,
    letters: u32,
    kind: Kind,
}

type Edge = u32;

impl Graph {
    fn read(part: &[u8], kind: Kind) -> Result<Option<Self>> {
        if part.is_empty() {
            return Ok(None);
        }
        let mut reader = Reader(part);
        if reader.i16()? != MAGIC {
            return Err(corrupt("a dictionary does not begin like one"));
        }
        let characters = reader.u32()?;
        let count = reader.size(MAX_EDGES)?;
        if characters == 0 || characters > 1 << 24 || count == 0 || count > part.len() / 8 {
            return Err(corrupt("the size of a dictionary is beyond all bounds"));
        }
        let edges = (0..count)
            .map(|_| reader.u64())
            .collect::<Result<Vec<_>>>()?;
        let letters = u32::BITS - (characters - 1).leading_zeros();
        let mut graph = Self {
            edges,
            first: 0,
            letters,
            kind,
        };
        graph.first = 1
            + (0..count as u32)
                .position(|edge| graph.is_last(edge))
                .ok_or_else(|| corrupt("a dictionary has no end"))?;
        let is_sound = |edge: Edge| graph.is_empty(edge) || graph.node_after(edge) < count;
        if !(0..count as u32).all(is_sound) {
            return Err(corrupt("an edge of a dictionary leads nowhere"));
        }
        Ok(Some(graph))
    }

    fn flag(&self, edge: Edge, number: u32) -> bool {
        self.edges[edge as usize] >> (self.letters + number) & 1 != 0
    }

    fn is_last(&self, edge: Edge) -> bool {
        self.flag(edge, 0)
    }

    fn ends_word(&self, edge: Edge) -> bool {
        self.flag(edge, 2)
    }

    fn is_empty(&self, edge: Edge) -> bool {
        self.edges[edge as usize] == u64::MAX << (self.letters + 3)
    }

    fn node_after(&self, edge: Edge) -> usize {
        (self.edges[edge as usize] >> (self.letters + 3)) as usize
    }

    fn letter(&self, edge: Edge) -> u32 {
        (self.edges[edge as usize] & !(u64::MAX << self.letters)) as u32
    }

    /// The edge with a letter from where an edge leads, or from the first node; none where that is the end.
    fn follow(&self, from: Option<Edge>, letter: u32) -> Option<Edge> {
        match from.map(|edge| self.node_after(edge)) {
            Some(0) => None,
            Some(node) => {
                for edge in node..self.edges.len() {
                    let edge = edge as Edge;
                    if self.is_empty(edge) {
                        return None;
                    }
                    if self.letter(edge) == letter {
                        return Some(edge);
                    }
                    if self.is_last(edge) {
                        return None;
                    }
                }
                None
            }
            None => {
                // These are in order, all edges with a letter beside each other.
                let (mut low, mut high) = (0, self.first);
                while low < high {
                    let middle = (low + high) / 2;
                    match self.letter(middle as Edge).cmp(&letter) {
                        std::cmp::Ordering::Less => low = middle + 1,
                        std::cmp::Ordering::Equal => return Some(middle as Edge),
                        std::cmp::Ordering::Greater => high = middle,
                    }
                }
                None
            }
        }
    }
}

/// Where a word may be: in a graph of words or numbers, in one of marks, or between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    graph: Option<u8>,
    edge: Option<Edge>,
    marks: bool,
    mark: Option<Edge>,
    behind: bool,
}

pub(super) type Positions = Rc<[Position]>;

/// What a further letter makes of a word: where it may be then, how it was come by, and whether it may end there.
pub(super) struct Further {
    pub positions: Positions,
    pub kind: Kind,
    pub is_word: bool,
}

/// The dictionaries of a model.
pub(super) struct Words {
    marks: Option<Graph>,
    graphs: Vec<Graph>,
}

impl Words {
    /// None where the model has no dictionary.
    pub fn read(parts: &Parts) -> Result<Option<Self>> {
        let marks = Graph::read(parts.punctuation, Kind::Marks)?;
        let words = Graph::read(parts.words, Kind::Word)?;
        let numbers = Graph::read(parts.numbers, Kind::Number)?;
        let graphs: Vec<_> = words.into_iter().chain(numbers).collect();
        Ok((marks.is_some() || !graphs.is_empty()).then_some(Self { marks, graphs }))
    }

    /// Where words begin.
    pub fn start(&self) -> Positions {
        let nowhere = Position {
            graph: None,
            edge: None,
            marks: false,
            mark: None,
            behind: false,
        };
        let mut positions = Vec::new();
        let has_words = self
            .marks
            .as_ref()
            .is_some_and(|marks| marks.follow(None, PATTERN).is_some());
        if self.marks.is_some() {
            positions.push(Position {
                marks: true,
                ..nowhere
            });
        }
        if !has_words {
            let graphs = 0..self.graphs.len() as u8;
            positions.extend(graphs.map(|graph| Position {
                graph: Some(graph),
                ..nowhere
            }));
        }
        positions.into()
    }

    /// What a further letter makes of a word; none if it is none of any dictionary. The steps are those of
    /// `Dict::def_letter_is_okay` (dict/dict.cpp).
    pub fn further(
        &self,
        positions: &[Position],
        letter: u32,
        known: &Character,
    ) -> Option<Further> {
        if letter == PATTERN {
            return None;
        }
        let mut found: Vec<Position> = Vec::new();
        let mut kind = Kind::Nothing;
        let mut is_word = false;
        let mut add = |position: Position, of: Kind, ends: bool| {
            if !found.contains(&position) {
                found.push(position);
            }
            kind = kind.max(of);
            is_word |= ends;
        };
        let in_graph = |graph: &Graph| {
            if graph.kind == Kind::Number && known.digit {
                PATTERN
            } else {
                letter
            }
        };
        for &position in positions {
            let marks = self.marks.as_ref().filter(|_| position.marks);
            let Some(number) = position.graph else {
                let Some(marks) = marks else { continue };
                if let Some(mark) = marks.follow(position.mark, PATTERN) {
                    for (number, graph) in self.graphs.iter().enumerate() {
                        if let Some(edge) = graph.follow(None, in_graph(graph)) {
                            let at = Position {
                                graph: Some(number as u8),
                                edge: Some(edge),
                                mark: Some(mark),
                                ..position
                            };
                            add(
                                at,
                                graph.kind,
                                graph.ends_word(edge) && marks.ends_word(mark),
                            );
                        }
                    }
                }
                if let Some(mark) = marks.follow(position.mark, letter) {
                    add(
                        Position {
                            mark: Some(mark),
                            ..position
                        },
                        Kind::Marks,
                        marks.ends_word(mark),
                    );
                }
                continue;
            };
            let graph = &self.graphs[usize::from(number)];
            if let (Some(marks), Some(edge)) = (marks, position.edge)
                && graph.ends_word(edge)
                && let Some(mark) = marks.follow(position.mark, letter)
            {
                let at = Position {
                    mark: Some(mark),
                    behind: true,
                    ..position
                };
                add(at, graph.kind, marks.ends_word(mark));
            }
            if position.behind {
                continue;
            }
            if let Some(edge) = graph.follow(position.edge, in_graph(graph)) {
                let closed = match (marks, position.mark) {
                    (Some(marks), Some(mark)) => marks.ends_word(mark),
                    _ => true,
                };
                let at = Position {
                    edge: Some(edge),
                    behind: false,
                    ..position
                };
                add(at, graph.kind, graph.ends_word(edge) && closed);
            }
        }
        (kind != Kind::Nothing).then(|| Further {
            positions: found.into(),
            kind,
            is_word,
        })
    }
}
