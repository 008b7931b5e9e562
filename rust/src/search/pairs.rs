//! Pairs of common words: documents of two words that very many have are found by a number for the two side by side.
//!
//! Which stems are common is chosen once for an index, from its first documents, and kept in the vocabulary. A pair has
//! one of [`NUMBERS`] numbers, so several share each: what is found by it still has to be looked at. Documents that were
//! added before the choice have a number of their own, [`unchosen`], and are looked at, too.

use std::collections::HashMap;

use super::language::is_common_stem;
use super::tokens::Word;

/// So many documents are counted before the stems are chosen; smaller indexes have no such pairs.
pub const COUNTED: usize = 4096;

/// A stem is common if one document of so many has it: 1,000,000 documents then have two rarer ones in some 6,000.
const ONE_OF: usize = 12;

/// So many stems at most are common.
const MOST: usize = 256;

const NUMBERS: u32 = 1024;

/// The first of the characters that stand for the numbers. U+F0000 to U+FFFFD are private, and part of no word.
const FIRST: u32 = 0xf_0000;

/// The stems that are common in an index, each with whether it is one of a function word: pairs of these are terms of
/// their own, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    stems: HashMap<Box<str>, bool>,
}

/// The term of documents that were added before stems were chosen.
#[must_use]
pub fn unchosen() -> char {
    of_number(NUMBERS)
}

fn of_number(number: u32) -> char {
    char::from_u32(FIRST + number).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// FNV-1a of both, with a byte between them that is in no word.
fn hashed(one: &str, other: &str) -> u32 {
    let bytes = one.bytes().chain([0]).chain(other.bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

impl Pairs {
    /// The stems with whether they are of function words, in no order.
    pub fn stems(&self) -> impl Iterator<Item = (&str, bool)> {
        self.stems
            .iter()
            .map(|(stem, function)| (&**stem, *function))
    }

    /// What [`Pairs::stems`] gave.
    pub fn of(stems: impl IntoIterator<Item = (String, bool)>) -> Self {
        let stems = stems.into_iter();
        Self {
            stems: stems
                .map(|(stem, function)| (stem.into(), function))
                .collect(),
        }
    }

    /// Whether a stem is common; if so, whether it is of a function word.
    #[must_use]
    pub fn common(&self, stem: &str) -> Option<bool> {
        self.stems.get(stem).copied()
    }

    /// The term for two stems side by side, if both are common and not both of function words.
    #[must_use]
    pub fn term(&self, one: &str, other: &str) -> Option<char> {
        let both_function = self.common(one)? & self.common(other)?;
        (!both_function).then(|| {
            let hash = hashed(one, other);
            of_number((hash ^ hash >> 16) % NUMBERS)
        })
    }
}

/// How many documents have each stem.
#[derive(Debug, Default)]
pub struct Counted {
    documents: usize,
    /// With the last document that has it.
    stems: HashMap<String, (usize, usize)>,
}

impl Counted {
    /// Count the words of a document; whether there are enough now.
    pub fn add(&mut self, words: &[Word]) -> bool {
        self.documents += 1;
        for word in words.iter().filter(|word| !word.unspaced) {
            match self.stems.get_mut(&word.stem) {
                Some((number, last)) => {
                    *number +=
                        usize::from(std::mem::replace(last, self.documents) != self.documents);
                }
                None => {
                    self.stems.insert(word.stem.clone(), (1, self.documents));
                }
            }
        }
        self.documents >= COUNTED
    }

    /// Count documents that have a stem.
    pub fn add_many(&mut self, stem: &str, number: usize) {
        self.stems.entry(stem.to_owned()).or_default().0 += number;
    }

    /// The stems that are common in `documents`, or in those that were added one by one.
    #[must_use]
    pub fn chosen(&self, documents: Option<usize>) -> Pairs {
        let least = documents.unwrap_or(self.documents) / ONE_OF;
        let mut common: Vec<(usize, &str)> = self
            .stems
            .iter()
            .map(|(stem, (number, _))| (*number, stem.as_str()))
            .filter(|(number, _)| *number > least)
            .collect();
        common.sort_unstable_by(|a, b| b.cmp(a));
        common.truncate(MOST);
        Pairs::of(
            common
                .into_iter()
                .map(|(_, stem)| (stem.to_owned(), is_common_stem(stem))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tokens::words;

    #[test]
    fn common_stems_are_those_that_many_documents_have() {
        let mut counted = Counted::default();
        for number in 0..COUNTED {
            let text = format!(
                "the the boat{} {number} 都",
                if number % 20 == 0 { "" } else { " sails" }
            );
            assert_eq!(counted.add(&words(&text, None)), number + 1 == COUNTED);
        }
        let chosen = counted.chosen(None);
        let mut stems: Vec<_> = chosen.stems().collect();
        stems.sort_unstable();
        assert_eq!(stems, [("boat", false), ("sails", false), ("the", true)]);
        assert_eq!(chosen.term("the", "the"), None, "a pair of function words");
        assert_eq!(chosen.term("the", "plum"), None);
        let (one, other) = (chosen.term("the", "boat"), chosen.term("boat", "the"));
        assert!(one.is_some() && other.is_some() && one != other);
        assert!(one != Some(unchosen()));
        let again = chosen
            .stems()
            .map(|(stem, function)| (stem.to_owned(), function));
        assert_eq!(Pairs::of(again), chosen);
    }
}
