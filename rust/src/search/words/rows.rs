//! Words in a row: documents that have all of them, looked through for whether they stand side by side.
//!
//! The index keeps no places of words in passages, which would take a quarter of it: their texts are kept as the numbers
//! of their words. A row counts as often as its rarest word is there, so what a document scores is known before its text
//! is looked at, and only the best need to be: whoever searches takes all that have the words ([`RowQuery::loose`]) and
//! looks at them in the order of their scores.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::{Postings, SegmentPostings};
use tantivy::query::{Bm25Weight, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::schema::document::{DeserializeError, DocumentDeserialize, DocumentDeserializer};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::store::StoreReader;
use tantivy::{DocId, DocSet, Score, SeekDangerResult, SegmentReader, TERMINATED, Term};

use crate::search::language::LANGUAGES;
use crate::search::tokens::{each_word, mark_number};
use crate::search::vocabulary::{self, Part, Vocabulary};

/// A longer row is found by its first words.
pub(super) const LONGEST: usize = 64;

/// Unpacked blocks of texts that are kept: documents are gone through in order.
const BLOCKS: usize = 2;

/// Words that are looked for in a row.
#[derive(Clone, Debug)]
pub(super) struct RowQuery {
    /// The stems of the words, in each language; all are as long.
    pub(super) rows: Vec<Vec<String>>,
    /// Of each of these what documents have that have its common words side by side, unless they are `unpaired`.
    pub(super) pairs: Vec<Vec<Term>>,
    pub(super) unpaired: Term,
    /// The field of stems.
    pub(super) field: Field,
    /// What every document has, too: pairs of characters.
    pub(super) needed: Vec<Term>,
    /// The last word as it is written, if only its beginning is meant.
    pub(super) beginning: Option<String>,
    pub(super) vocabulary: Arc<Vocabulary>,
    /// Documents that have all of the words, in a row or not. They score as if they had them in a row.
    pub(super) is_loose: bool,
}

impl RowQuery {
    /// What has the words anywhere: all that matches, and more.
    pub(super) fn loose(&self) -> Self {
        Self {
            is_loose: true,
            ..self.clone()
        }
    }

    /// The terms of a row: not that of a word of which only the beginning is known.
    fn terms(&self, row: &[String]) -> Vec<Term> {
        let whole = row.len() - usize::from(self.beginning.is_some());
        let terms = row[..whole].iter();
        terms
            .map(|stem| Term::from_field_text(self.field, stem))
            .collect()
    }
}

impl Query for RowQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let mut rows = Vec::new();
        for (row, pairs) in self.rows.iter().zip(&self.pairs) {
            let terms = self.terms(row);
            let rarity = match scoring {
                EnableScoring::Enabled {
                    statistics_provider,
                    ..
                } if !terms.is_empty() => Some(Bm25Weight::for_terms(statistics_provider, &terms)?),
                _ => None,
            };
            let pairs = pairs.clone();
            rows.push(WeightedRow {
                terms,
                pairs,
                rarity,
            });
        }
        Ok(Box::new(RowWeight {
            rows,
            needed: self.needed.clone(),
            unpaired: self.unpaired.clone(),
            field: self.field,
            pattern: Arc::new(Pattern::new(self)),
            is_loose: self.is_loose,
        }))
    }
}

/// The first thing that is stored of a document, its text; the others are not read.
struct Body(Vec<u8>);

impl DocumentDeserialize for Body {
    fn deserialize<'de, D>(mut stored: D) -> Result<Self, DeserializeError>
    where
        D: DocumentDeserializer<'de>,
    {
        let first = stored.next_field::<Vec<u8>>()?;
        Ok(Self(first.map(|(_, text)| text).unwrap_or_default()))
    }
}

/// A letter as it is compared: a stem has "i" for many a "y".
const fn plain_letter(letter: u8) -> u8 {
    match letter.to_ascii_lowercase() {
        b'y' => b'i',
        other => other,
    }
}

/// What the words of a text are compared with.
struct Pattern {
    /// The places in the row that a stem may have, a bit for each.
    places: HashMap<String, u64>,
    beginning: Option<(String, u64)>,
    /// The bit of the last place.
    last: u64,
    vocabulary: Arc<Vocabulary>,
    /// What was looked at in other segments, of which some are gone through at a time.
    looked: Mutex<Vec<HashMap<usize, Looked>>>,
}

impl Pattern {
    fn new(query: &RowQuery) -> Self {
        let mut places: HashMap<String, u64> = HashMap::new();
        let length = query.rows.first().map_or(0, Vec::len).min(LONGEST);
        let last = 1 << length.saturating_sub(1);
        let whole = length - usize::from(query.beginning.is_some());
        for row in &query.rows {
            for (at, stem) in row.iter().take(whole).enumerate() {
                *places.entry(stem.clone()).or_default() |= 1 << at;
            }
        }
        Self {
            places,
            beginning: query.beginning.clone().map(|text| (text, last)),
            last,
            vocabulary: Arc::clone(&query.vocabulary),
            looked: Mutex::default(),
        }
    }

    fn looked(&self) -> MutexGuard<'_, Vec<HashMap<usize, Looked>>> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places of each word of a part of a text in this language.
    fn of_part(&self, part: &str, language: usize, places: &mut Vec<u64>) {
        places.clear();
        if part.is_ascii() {
            let word = part
                .as_bytes()
                .first()
                .is_some_and(u8::is_ascii_alphanumeric);
            if !word || !self.may_have(part.as_bytes()) {
                places.extend(word.then_some(0));
                return;
            }
        }
        let language = language.checked_sub(1).and_then(|at| LANGUAGES.get(at));
        each_word(part, language, |word| {
            let mut at = self.places.get(&word.stem).copied().unwrap_or(0);
            if let Some((beginning, last)) = &self.beginning
                && (word.folded.starts_with(beginning) || word.stem.starts_with(beginning))
            {
                at |= last;
            }
            places.push(at);
        });
    }

    /// Whether a part may have a word with one of the stems: most have none, and are not cut to stems to see it.
    ///
    /// Stems change the ends of words. A word of ASCII begins as its stem does, but for "dying", which is "die".
    fn may_have(&self, part: &[u8]) -> bool {
        let begins = |stem: &str| {
            let same = |(one, other): (&u8, &u8)| plain_letter(*one) == plain_letter(*other);
            let both = part.len().min(stem.len());
            let compared = both.saturating_sub(2).clamp(both.min(2), 5);
            let mut letters = part.iter().zip(stem.as_bytes()).take(compared);
            stem.len() <= part.len() + 1 && letters.all(same)
        };
        self.places.keys().any(|stem| begins(stem))
            || self
                .beginning
                .as_ref()
                .is_some_and(|(text, _)| begins(text))
    }
}

/// What is known of the parts with numbers in one language: each was looked at once.
struct Looked {
    /// For each number 0, or one more than its place in `lists`.
    known: Vec<u32>,
    lists: Vec<Box<[u64]>>,
}

impl Looked {
    fn new(parts: usize) -> Self {
        Self {
            known: vec![0; parts],
            lists: Vec::new(),
        }
    }

    fn places(&self, number: usize) -> Option<&[u64]> {
        let known = *self.known.get(number)? as usize;
        self.lists.get(known.checked_sub(1)?).map(|list| &**list)
    }

    fn keep(&mut self, number: usize, places: &[u64]) {
        let at = self.lists.iter().position(|list| **list == *places);
        let at = at.unwrap_or_else(|| {
            self.lists.push(places.into());
            self.lists.len() - 1
        });
        if let Some(known) = self.known.get_mut(number) {
            *known = at as u32 + 1;
        }
    }
}

struct WeightedRow {
    terms: Vec<Term>,
    pairs: Vec<Term>,
    rarity: Option<Bm25Weight>,
}

struct RowWeight {
    rows: Vec<WeightedRow>,
    needed: Vec<Term>,
    unpaired: Term,
    field: Field,
    pattern: Arc<Pattern>,
    is_loose: bool,
}

impl RowWeight {
    /// A scorer that stands on its first candidate, which was not looked at.
    fn begun(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<RowScorer> {
        let mut rows = Vec::new();
        for WeightedRow {
            terms,
            pairs,
            rarity,
        } in &self.rows
        {
            let mut lists = Vec::new();
            for term in terms {
                lists.push(List::of(segment, term, None, true)?);
            }
            for term in &self.needed {
                lists.push(List::of(segment, term, None, false)?);
            }
            for term in pairs {
                lists.push(List::of(segment, term, Some(&self.unpaired), false)?);
            }
            let Some(mut lists) = lists.into_iter().collect::<Option<Vec<_>>>() else {
                continue;
            };
            if !lists.is_empty() {
                lists.sort_by_key(List::size);
                let mut row = Row {
                    lists,
                    rarity: rarity.as_ref().map(|rarity| rarity.boost_by(boost)),
                    doc: 0,
                };
                row.align();
                rows.push(row);
            }
        }
        let norms = segment.fieldnorms_readers().get_field(self.field)?;
        let mut begun = RowScorer {
            rows,
            norms: norms.unwrap_or_else(|| FieldNormReader::constant(segment.max_doc(), 1)),
            texts: match self.is_loose {
                true => None,
                false => Some(segment.get_store_reader(BLOCKS)?),
            },
            looked: self.pattern.looked().pop().unwrap_or_default(),
            pattern: Arc::clone(&self.pattern),
            found: Vec::new(),
            doc: TERMINATED,
        };
        begun.doc = begun.candidate();
        Ok(begun)
    }
}

impl Weight for RowWeight {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut scorer = self.begun(segment, boost)?;
        scorer.find();
        Ok(Box::new(scorer))
    }

    fn scorer_danger(
        &self,
        segment: &SegmentReader,
        target: DocId,
        boost: Score,
    ) -> tantivy::Result<(SeekDangerResult, Box<dyn Scorer>)> {
        let mut scorer = self.begun(segment, boost)?;
        let found = scorer.seek_danger(target);
        Ok((found, Box::new(scorer)))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let (_, mut scorer) = self.scorer_danger(segment, doc, 1.0)?;
        Ok(Explanation::new("words in a row", scorer.score()))
    }
}

/// The documents of a term.
struct List {
    postings: SegmentPostings,
    /// Those of another term, which are as good.
    other: Option<SegmentPostings>,
    /// Whether it is known how often each has it.
    counted: bool,
}

impl List {
    /// None if the segment has none.
    fn of(
        segment: &SegmentReader,
        term: &Term,
        other: Option<&Term>,
        counted: bool,
    ) -> tantivy::Result<Option<Self>> {
        let option = match counted {
            true => IndexRecordOption::WithFreqs,
            false => IndexRecordOption::Basic,
        };
        let of = |term: &Term| -> tantivy::Result<_> {
            let index = segment.inverted_index(term.field())?;
            Ok(index.read_postings(term, option)?)
        };
        let other = other.map(of).transpose()?.flatten();
        let (postings, other) = match (of(term)?, other) {
            (Some(postings), other) => (postings, other),
            (None, Some(other)) => (other, None),
            (None, None) => return Ok(None),
        };
        Ok(Some(Self {
            postings,
            other,
            counted,
        }))
    }

    fn doc(&self) -> DocId {
        let doc = self.postings.doc();
        self.other
            .as_ref()
            .map_or(doc, |other| other.doc().min(doc))
    }

    /// The first document from `target` on.
    fn seek(&mut self, target: DocId) -> DocId {
        for one in std::iter::once(&mut self.postings).chain(&mut self.other) {
            if one.doc() < target {
                one.seek(target);
            }
        }
        self.doc()
    }

    fn size(&self) -> u32 {
        let other = self.other.as_ref().map_or(0, SegmentPostings::size_hint);
        self.postings.size_hint() + other
    }
}

/// The documents that have all words of a row.
struct Row {
    /// The rarest first.
    lists: Vec<List>,
    rarity: Option<Bm25Weight>,
    doc: DocId,
}

impl Row {
    /// Go to the first document from where the lists stand that is in all of them.
    fn align(&mut self) {
        let mut target = self.lists.iter().map(List::doc).max().unwrap_or(TERMINATED);
        'again: while target < TERMINATED {
            for list in &mut self.lists {
                let doc = list.seek(target);
                if doc > target {
                    target = doc;
                    continue 'again;
                }
            }
            break;
        }
        self.doc = target;
    }

    fn seek(&mut self, target: DocId) {
        if self.doc < target {
            if target >= TERMINATED {
                self.doc = TERMINATED;
                return;
            }
            if let Some(first) = self.lists.first_mut() {
                first.seek(target);
            }
            self.align();
        }
    }
}

/// See [`RowQuery`].
struct RowScorer {
    rows: Vec<Row>,
    norms: FieldNormReader,
    /// None if texts are not looked at.
    texts: Option<StoreReader>,
    pattern: Arc<Pattern>,
    looked: HashMap<usize, Looked>,
    found: Vec<u64>,
    doc: DocId,
}

impl Drop for RowScorer {
    fn drop(&mut self) {
        let looked = std::mem::take(&mut self.looked);
        self.pattern.looked().push(looked);
    }
}

impl RowScorer {
    fn candidate(&self) -> DocId {
        self.rows
            .iter()
            .map(|row| row.doc)
            .min()
            .unwrap_or(TERMINATED)
    }

    /// Go to the next candidate.
    fn pass(&mut self) {
        let next = self.doc + 1;
        self.go(next);
    }

    fn go(&mut self, target: DocId) {
        for row in &mut self.rows {
            row.seek(target);
        }
        self.doc = self.candidate();
    }

    /// Go from this candidate to the first one that has the row.
    fn find(&mut self) {
        while self.doc != TERMINATED && !self.looks() {
            self.pass();
        }
    }

    /// Look through the text of this candidate. One that cannot be read has no row.
    fn looks(&mut self) -> bool {
        self.texts.is_none() || self.has_row().unwrap_or(false)
    }

    fn has_row(&mut self) -> Option<bool> {
        let Body(coded) = self.texts.as_ref()?.get(self.doc).ok()?;
        let (pattern, vocabulary) = (&self.pattern, &self.pattern.vocabulary);
        let mut parts = vocabulary::parts(&coded);
        // The mark of the language stands first.
        let language = mark_number(vocabulary.letters(parts.next()?.ok()?).ok()?);
        let looked = self.looked.entry(language);
        let looked = looked.or_insert_with(|| Looked::new(vocabulary.len()));
        let mut state = 0_u64;
        for part in parts {
            let part = part.ok()?;
            let known = match part {
                Part::Known(number) => looked.places(number),
                Part::Literal(_) => None,
            };
            if known.is_none() {
                pattern.of_part(vocabulary.letters(part).ok()?, language, &mut self.found);
                if let Part::Known(number) = part {
                    looked.keep(number, &self.found);
                }
            }
            let places = match part {
                Part::Known(number) => looked.places(number)?,
                Part::Literal(_) => &self.found,
            };
            for place in places {
                state = (state << 1 | 1) & place;
                if state & pattern.last != 0 {
                    return Some(true);
                }
            }
        }
        Some(false)
    }
}

impl DocSet for RowScorer {
    fn advance(&mut self) -> DocId {
        if self.doc != TERMINATED {
            self.pass();
            self.find();
        }
        self.doc
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if self.doc < target {
            self.go(target);
            self.find();
        }
        self.doc
    }

    fn seek_danger(&mut self, target: DocId) -> SeekDangerResult {
        self.go(target);
        if self.doc != target || target >= TERMINATED {
            return SeekDangerResult::SeekLowerBound(self.doc.max(target));
        }
        if self.looks() {
            return SeekDangerResult::Found;
        }
        self.pass();
        SeekDangerResult::SeekLowerBound(self.doc)
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        let lists = self.rows.iter().filter_map(|row| row.lists.first());
        lists.map(List::size).sum()
    }

    fn cost(&self) -> u64 {
        // Each has to be unpacked.
        u64::from(self.size_hint()) * 20
    }
}

impl Scorer for RowScorer {
    fn score(&mut self) -> Score {
        let norm = self.norms.fieldnorm_id(self.doc);
        let here = self.rows.iter().filter(|row| row.doc == self.doc);
        here.map(|row| {
            let counted = row.lists.iter().filter(|list| list.counted);
            let times = counted.map(|list| list.postings.term_freq()).min();
            let rarity = row.rarity.as_ref();
            rarity.map_or(1.0, |rarity| rarity.score(norm, times.unwrap_or(1)))
        })
        .fold(0.0, Score::max)
    }
}
