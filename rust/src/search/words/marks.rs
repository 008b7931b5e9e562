//! Where a query matches a text that was found, for whoever shows it.

use tantivy::query::Occur;

use super::clauses::{Clause, LONG_RUN, Sort, forgiving, rows};
use crate::search::tokens::{self, Word, mark_length, marked_words, stems, words};

/// A stretch of a text that matches a part of a query: characters, and the number of that part.
pub type Marked = (usize, usize, usize);

/// A clause that is looked for in texts: its words, and the stems that they may have.
struct Sought<'a> {
    number: usize,
    clause: &'a Clause,
    typed: Vec<Word>,
    /// Of a single word all forms, of several the row in each language.
    forms: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// What is looked for in texts, made ready once.
pub struct Marker<'a> {
    sought: Vec<Sought<'a>>,
    typos: bool,
}

/// Where the clauses of a query match a text, in order; characters are counted without the mark of the language.
#[must_use]
pub fn marks(
    marked: &str,
    clauses: &[Clause],
    languages: &[String],
    typos: bool,
) -> (String, Vec<Marked>) {
    Marker::new(clauses, languages, typos).marks(marked)
}

impl<'a> Marker<'a> {
    /// What these clauses look for.
    #[must_use]
    pub fn new(clauses: &'a [Clause], languages: &[String], typos: bool) -> Self {
        let mut sought = Vec::new();
        for (number, clause) in clauses.iter().enumerate() {
            let typed = words(&clause.text, None);
            if clause.occur == Occur::MustNot || typed.is_empty() {
                continue;
            }
            let (mut forms, mut rows_) = (Vec::new(), Vec::new());
            if let [word] = typed.as_slice() {
                forms = stems(&clause.text, languages);
                forms.extend(stems(&word.folded, languages));
            } else if clause.sort == Sort::Word {
                rows_ = rows(&clause.text, languages);
            }
            sought.push(Sought {
                number,
                clause,
                typed,
                forms,
                rows: rows_,
            });
        }
        Self { sought, typos }
    }

    /// Where they match a text; see [`marks`].
    #[must_use]
    pub fn marks(&self, marked: &str) -> (String, Vec<Marked>) {
        let found = marked_words(marked);
        let text = &marked[mark_length(marked)..];
        let mut spans: Vec<Marked> = Vec::new();
        for sought in &self.sought {
            let of_clause = sought.in_words(&found, self.typos);
            spans.extend(
                of_clause
                    .into_iter()
                    .map(|(start, end)| (start, end, sought.number)),
            );
        }
        spans.sort_unstable();
        (text.to_owned(), in_characters(text, spans))
    }
}

impl Sought<'_> {
    fn in_words(&self, found: &[Word], typos: bool) -> Vec<(usize, usize)> {
        if let [word] = self.typed.as_slice() {
            let matching = found.iter().filter(|one| self.matches(one, word, typos));
            return matching.map(|one| (one.start, one.end)).collect();
        }
        let in_a_row = self.in_a_row(found);
        if in_a_row.is_empty()
            && self.clause.sort == Sort::Word
            && self.typed.len() > LONG_RUN
            && self.typed[0].unspaced
        {
            return self.in_pairs(found);
        }
        in_a_row
    }

    fn matches(&self, one: &Word, word: &Word, typos: bool) -> bool {
        match self.clause.sort {
            Sort::Phrase => one.folded == word.folded,
            Sort::Prefix => {
                one.folded.starts_with(&word.folded) || one.stem.starts_with(&word.folded)
            }
            Sort::Word => {
                one.folded == word.folded
                    || self.forms.contains(&one.stem)
                    || (!word.unspaced && tokens::mixed_parts(&one.folded).contains(&word.folded))
                    || (typos && forgiving(word) && within_one(&one.folded, &word.folded))
            }
        }
    }

    fn in_a_row(&self, found: &[Word]) -> Vec<(usize, usize)> {
        let last = self.typed.len() - 1;
        let mut of_clause = Vec::new();
        for window in found.windows(self.typed.len()) {
            let mut both = window.iter().zip(&self.typed).enumerate();
            let same = both.all(|(at, (one, word))| {
                one.folded == word.folded
                    || (self.clause.sort == Sort::Prefix
                        && at == last
                        && one.folded.starts_with(&word.folded))
            });
            let stem = || {
                let same =
                    |row: &Vec<String>| window.iter().zip(row).all(|(one, stem)| one.stem == *stem);
                self.rows.iter().any(same)
            };
            if same || stem() {
                of_clause.push((window[0].start, window[last].end));
            }
        }
        of_clause
    }

    fn in_pairs(&self, found: &[Word]) -> Vec<(usize, usize)> {
        let mut of_clause = Vec::new();
        for pair in self.typed.windows(2) {
            let same =
                |two: &&[Word]| two[0].folded == pair[0].folded && two[1].folded == pair[1].folded;
            let matching = found.windows(2).filter(same);
            of_clause.extend(matching.map(|two| (two[0].start, two[1].end)));
        }
        of_clause
    }
}

fn in_characters(text: &str, spans: Vec<Marked>) -> Vec<Marked> {
    let mut ends: Vec<usize> = spans
        .iter()
        .flat_map(|&(start, end, _)| [start, end])
        .collect();
    ends.sort_unstable();
    ends.dedup();
    let (mut at, mut number) = (0, 0);
    let mut characters = Vec::with_capacity(ends.len());
    for &end in &ends {
        number += text[at..end].chars().count();
        at = end;
        characters.push(number);
    }
    let of = |byte: usize| ends.binary_search(&byte).map_or(0, |at| characters[at]);
    spans
        .into_iter()
        .map(|(start, end, clause)| (of(start), of(end), clause))
        .collect()
}

/// Whether two words differ by at most one letter that is added, left out, another, or changed places with the next.
#[must_use]
pub fn within_one(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() {
        (&one, &other)
    } else {
        (&other, &one)
    };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same = short
        .iter()
        .zip(long.iter())
        .take_while(|(a, b)| a == b)
        .count();
    let (short, long) = (&short[same..], &long[same..]);
    if short.len() < long.len() {
        return *short == long[1..];
    }
    short.is_empty()
        || short[1..] == long[1..]
        || (short.len() > 1
            && short[0] == long[1]
            && short[1] == long[0]
            && short[2..] == long[2..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::language::named;
    use crate::search::tokens::mark;

    fn word(text: &str) -> Clause {
        Clause {
            occur: Occur::Should,
            sort: Sort::Word,
            text: text.to_owned(),
        }
    }

    #[test]
    fn marks_are_counted_in_characters() {
        let text = format!("{}é Running to Tōkyō 東京", mark(named("en")));
        let clauses = [word("run"), word("tokyo"), word("京")];
        let (plain, found) = marks(&text, &clauses, &["en".to_owned()], false);
        assert_eq!(plain, "é Running to Tōkyō 東京");
        assert_eq!(found, [(2, 9, 0), (13, 18, 1), (20, 21, 2)]);
    }

    #[test]
    fn one_typo_is_one_letter() {
        for (one, other) in [
            ("library", "libary"),
            ("library", "librarry"),
            ("library", "lirbary"),
            ("library", "librery"),
            ("a", "a"),
        ] {
            assert!(
                within_one(one, other) && within_one(other, one),
                "{one} {other}"
            );
        }
        for (one, other) in [
            ("library", "libraray2"),
            ("library", "bilrary"),
            ("harbour", "harvest"),
        ] {
            assert!(
                !within_one(one, other) && !within_one(other, one),
                "{one} {other}"
            );
        }
    }
}
