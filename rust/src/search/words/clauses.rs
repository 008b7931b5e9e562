//! What is asked for, and the queries of the index that find it.
//!
//! A word is looked for by its stems in all languages that the index holds, as it is written where stems find little,
//! and with one typo if that is wanted. Several words are looked for in a row.

use std::sync::Arc;

use tantivy::Term;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, DisjunctionMaxQuery, FuzzyTermQuery, Occur,
    PhrasePrefixQuery, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::WordIndex;
use super::rows::{LONGEST, RowQuery};
use crate::search::language::{is_common, named};
use crate::search::pairs::unchosen;
use crate::search::tokens::{Word, stand_together, stems, words};

/// Letters that a word has at least for a typo in it to be forgiven.
const TYPO_LETTERS: usize = 5;
/// A stem may be so much shorter than its word where a typo in it is forgiven: of one that lost more, too little is left
/// to tell one word from another (some language has "quartz" as the stem of "quartzite", and "quart" of "quarto").
const TYPO_ENDING: usize = 2;
/// A run of more characters without spaces is taken for a sentence: its pairs are looked for, not the run as it is.
pub(super) const LONG_RUN: usize = 4;
/// A word of which there are fewer documents is also looked for as it is written: its stem may be of another language.
const FEW: u64 = 20;
/// Scores of matches that have no frequency: of a typo, and of the beginning of a word.
const TYPO_SCORE: f32 = 2.0;
const PREFIX_SCORE: f32 = 4.0;
/// How much a run of words that was typed as one counts beside its words alone.
const PHRASE_BOOST: f32 = 1.0;

/// What a part of a query asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A word in any form, or several that stand in a row.
    Word,
    /// The beginning of a word.
    Prefix,
    /// Words in a row as they are written.
    Phrase,
}

/// One part of a query.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Must, should or must not be there.
    pub occur: Occur,
    /// What it asks for.
    pub sort: Sort,
    /// As it was typed.
    pub text: String,
}

/// Which documents are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// Passages of text.
    Passages,
    /// Names of files and folders.
    Names,
}

impl WordIndex {
    /// The queries that the clauses ask. What should be there is in parts: whatever matches one of them is found.
    pub(super) fn parts(
        &self,
        clauses: &[Clause],
        among: Among,
        languages: &[String],
        typos: bool,
    ) -> Vec<(Occur, Box<dyn Query>)> {
        let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for clause in clauses {
            let mut any: Vec<Box<dyn Query>> = Vec::new();
            match among {
                Among::Passages => {
                    self.alternatives(clause, self.fields.stem, 1.0, languages, typos, &mut any)
                }
                Among::Names => {
                    self.alternatives(clause, self.fields.name, 1.0, languages, typos, &mut any);
                    self.alternatives(clause, self.fields.folder, 0.5, languages, false, &mut any);
                }
            }
            match (clause.occur, any.len()) {
                (_, 0) => {}
                // Flat, so that the scorer may skip what cannot be among the best.
                (occur, 1) | (occur @ Occur::Should, _) => {
                    parts.extend(any.into_iter().map(|query| (occur, query)))
                }
                (occur, _) => parts.push((occur, Box::new(BooleanQuery::union(any)))),
            }
        }
        parts
    }

    /// Queries of one field for a word in any of its forms. All forms are as rare as the commonest of them: a form that
    /// only a few documents have says no more than the word itself. A document with two forms of a rare word counts by
    /// the better one; those of common words are left apart, so that the scorer may skip what cannot be among the best.
    fn of_word(
        &self,
        stems: &[String],
        folded: &str,
        field: Field,
        fuzzy: bool,
    ) -> Vec<Box<dyn Query>> {
        let passages = field == self.fields.stem;
        let mut terms = Vec::new();
        let mut documents = 0;
        for stem in stems {
            let term = Term::from_field_text(field, stem);
            let number = self.searcher.doc_freq(&term).unwrap_or(0);
            documents += number;
            terms.push((term, number, IndexRecordOption::WithFreqs));
        }
        let few = documents < FEW;
        if passages && few {
            let term = Term::from_field_text(self.fields.form, folded);
            let number = self.searcher.doc_freq(&term).unwrap_or(0);
            terms.push((term, number, IndexRecordOption::Basic));
        }
        let all = self.searcher.num_docs();
        let most = terms.iter().map(|(_, number, _)| *number).max();
        let least_rarity = rarity(most.unwrap_or(0), all);
        let mut found: Vec<Box<dyn Query>> = Vec::new();
        for (term, number, option) in terms.into_iter().filter(|(_, number, _)| *number > 0) {
            let query = Box::new(TermQuery::new(term, option));
            found.push(boosted(query, least_rarity / rarity(number, all)));
        }
        if fuzzy {
            let own = stems.iter().map(|stem| (field, stem.as_str()));
            for (field, text) in own.chain(passages.then_some((self.fields.form, folded))) {
                if text.chars().count()
                    >= TYPO_LETTERS.max(folded.chars().count().saturating_sub(TYPO_ENDING))
                {
                    let query = FuzzyTermQuery::new(Term::from_field_text(field, text), 1, true);
                    found.push(constant(Box::new(query), TYPO_SCORE));
                }
            }
        }
        if found.len() > 1 && (few || fuzzy) {
            return vec![Box::new(DisjunctionMaxQuery::new(found))];
        }
        found
    }

    /// Queries of one field, any of which matches the clause.
    fn alternatives(
        &self,
        clause: &Clause,
        field: Field,
        boost: f32,
        languages: &[String],
        typos: bool,
        out: &mut Vec<Box<dyn Query>>,
    ) {
        let typed = words(&clause.text, None);
        let mut add = |query: Box<dyn Query>, factor: f32| {
            out.push(boosted(query, factor * boost));
        };
        let passages = field == self.fields.stem;
        match typed.as_slice() {
            [] => {}
            [word] if clause.sort == Sort::Prefix && !word.unspaced => {
                for field in [field]
                    .into_iter()
                    .chain(passages.then_some(self.fields.form))
                {
                    let term = Term::from_field_text(field, &word.folded);
                    add(
                        constant(
                            Box::new(FuzzyTermQuery::new_prefix(term, 0, true)),
                            PREFIX_SCORE,
                        ),
                        1.0,
                    );
                }
            }
            [word] => {
                let forms = stems(&word.folded, if word.unspaced { &[] } else { languages });
                let mut all: Vec<String> = forms;
                for stem in stems(&clause.text, languages) {
                    if !all.contains(&stem) {
                        all.push(stem);
                    }
                }
                let fuzzy = typos && forgiving(word);
                for query in self.of_word(&all, &word.folded, field, fuzzy) {
                    add(query, 1.0);
                }
            }
            several if passages => add(self.in_a_row(clause, several, languages), PHRASE_BOOST),
            several if clause.sort == Sort::Prefix => {
                let terms = several
                    .iter()
                    .map(|word| Term::from_field_text(field, &word.folded))
                    .collect();
                add(Box::new(PhrasePrefixQuery::new(terms)), 1.0);
            }
            _ => {
                for row in rows(&clause.text, languages) {
                    let terms = row
                        .iter()
                        .map(|stem| Term::from_field_text(field, stem))
                        .collect();
                    add(Box::new(PhraseQuery::new(terms)), PHRASE_BOOST);
                }
            }
        }
        if clause.sort == Sort::Word && passages && typed.len() > LONG_RUN {
            for text in joined_characters(&clause.text, &typed) {
                let term = Term::from_field_text(self.fields.form, &text);
                let query = Box::new(TermQuery::new(term, IndexRecordOption::Basic));
                out.push(boosted(query, boost));
            }
        }
    }

    /// The query for words that stand in a row in a passage; for two that are indexed as a pair that of the pair.
    fn in_a_row(&self, clause: &Clause, typed: &[Word], languages: &[String]) -> Box<dyn Query> {
        let form = |text: &String| Term::from_field_text(self.fields.form, text);
        let last = typed
            .last()
            .filter(|word| !word.unspaced && typed.len() <= LONGEST)
            .filter(|_| clause.sort == Sort::Prefix);
        let whole = &typed[..typed.len() - usize::from(last.is_some())];
        let mut needed = joined_characters(&clause.text, whole);
        needed.extend(common_pairs(whole));
        let needed: Vec<Term> = needed.iter().map(form).collect();
        if let ([pair], [_, _], None) = (needed.as_slice(), typed, last) {
            return Box::new(TermQuery::new(pair.clone(), IndexRecordOption::Basic));
        }
        let rows = rows(&clause.text, languages);
        let pairs = rows
            .iter()
            .map(|row| self.pairs_of(&row[..whole.len()], whole))
            .collect();
        Box::new(RowQuery {
            rows,
            pairs,
            field: self.fields.stem,
            needed,
            unpaired: self.unpaired(),
            beginning: last.map(|word| word.folded.clone()),
            vocabulary: Arc::clone(&self.vocabulary),
            is_loose: false,
        })
    }
}

impl WordIndex {
    /// The terms of the pairs of common stems in a row.
    fn pairs_of(&self, row: &[String], typed: &[Word]) -> Vec<Term> {
        let Some(pairs) = self.vocabulary.pairs() else {
            return Vec::new();
        };
        let both = row.windows(2).zip(typed.windows(2)).take(LONGEST - 1);
        both.filter(|(_, words)| !words.iter().any(|word| word.unspaced))
            .filter_map(|(stems, _)| pairs.term(&stems[0], &stems[1]))
            .map(|number| Term::from_field_text(self.fields.form, &number.to_string()))
            .collect()
    }

    /// The term of documents that have no terms of such pairs.
    fn unpaired(&self) -> Term {
        Term::from_field_text(self.fields.form, &unchosen().to_string())
    }
}

/// The pairs of characters without a space between them that stand together.
fn joined_characters(text: &str, typed: &[Word]) -> Vec<String> {
    typed
        .windows(2)
        .filter(|pair| pair[0].unspaced && pair[1].unspaced)
        .filter(|pair| stand_together(text, pair[0].end, pair[1].start))
        .map(|pair| format!("{}{}", pair[0].folded, pair[1].folded))
        .collect()
}

/// The pairs of words that hardly any text does without.
fn common_pairs(typed: &[Word]) -> Vec<String> {
    typed
        .windows(2)
        .filter(|pair| {
            pair.iter()
                .all(|word| !word.unspaced && is_common(&word.folded))
        })
        .map(|pair| format!("{} {}", pair[0].folded, pair[1].folded))
        .collect()
}

/// The parts as one query.
pub(super) fn joined(parts: Vec<(Occur, Box<dyn Query>)>) -> Box<dyn Query> {
    match <[_; 1]>::try_from(parts) {
        Ok([(Occur::Must | Occur::Should, query)]) => query,
        Ok(one) => Box::new(BooleanQuery::new(one.into())),
        Err(parts) => Box::new(BooleanQuery::new(parts)),
    }
}

/// The parts with words anywhere where they have words in a row; None if none has.
pub(super) fn loose(parts: &[(Occur, Box<dyn Query>)]) -> Option<Vec<(Occur, Box<dyn Query>)>> {
    let mut any = false;
    let mut of = |(occur, query): &(Occur, Box<dyn Query>)| {
        let row = query.downcast_ref::<RowQuery>();
        // What must not be there has to be certain.
        let row = row.filter(|_| *occur != Occur::MustNot);
        any |= row.is_some();
        let query: Box<dyn Query> = match row {
            Some(row) => Box::new(row.loose()),
            None => query.box_clone(),
        };
        (*occur, query)
    };
    let found = parts.iter().map(&mut of).collect();
    any.then_some(found)
}

/// How much the rarity of a term counts in BM25.
pub(super) fn rarity(documents: u64, all: u64) -> f32 {
    let (number, all) = (documents as f32, all as f32);
    (1.0 + (all - number + 0.5).max(0.0) / (number + 0.5)).ln()
}

fn boosted(query: Box<dyn Query>, factor: f32) -> Box<dyn Query> {
    if (factor - 1.0).abs() < f32::EPSILON {
        query
    } else {
        Box::new(BoostQuery::new(query, factor))
    }
}

fn constant(query: Box<dyn Query>, score: f32) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, score))
}

/// Whether a typo in the word is forgiven.
pub(super) fn forgiving(word: &Word) -> bool {
    !word.unspaced
        && word.folded.chars().count() >= TYPO_LETTERS
        && !word.folded.bytes().any(|b| b.is_ascii_digit())
}

/// The stems of words in a row, in each language; each row once.
pub(super) fn rows(text: &str, languages: &[String]) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    for language in std::iter::once(None).chain(languages.iter().map(|code| named(code))) {
        let row: Vec<String> = words(text, language)
            .into_iter()
            .map(|word| word.stem)
            .collect();
        if !found.contains(&row) {
            found.push(row);
        }
    }
    found
}
