//! The best documents of a query, of all contents or of some; and which contents have what is asked for.
//!
//! Of some contents, the documents are looked up first and then asked one by one; of many, the best of all are gone
//! through, and what is of no chosen content is left out before it counts. Either way a choice costs no more than the
//! same query without it.

use std::sync::atomic::{AtomicUsize, Ordering};

use tantivy::columnar::BytesColumn;
use tantivy::query::{EnableScoring, Occur, Query, Scorer, Weight};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocId, Score, SeekDangerResult, SegmentReader};

use super::clauses::{Among, Clause, joined, loose};
use super::{Found, KEY_LENGTH, Stored, WordIndex, packed, unpacked};
use crate::error::Result;
use crate::parallel::{on_threads, thread_count};

/// A choice of more contents is tested in passing.
const LOOKED_UP: usize = 2000;

/// Indexes of fewer documents are searched by one thread: starting another takes longer.
const SHARED: u64 = 100_000;

/// Texts that one thread unpacks by itself.
const UNPACKED: usize = 16;

/// So many texts at least are looked at before it is seen whether there are enough.
const FIRST_LOOKED_AT: usize = 64;

const UUID: usize = KEY_LENGTH - 1;

/// Contents by the bytes of their uuids, in order, and the letters of their keys that count; none: all of them.
pub struct Choice {
    uuids: Vec<[u8; UUID]>,
    letters: Vec<u8>,
}

impl Choice {
    /// Of uuids as they are written. `unsupported` for what is none.
    pub fn new(contents: &[String], letters: &str) -> Result<Self> {
        let mut uuids = Vec::with_capacity(contents.len());
        let mut key = String::new();
        for content in contents {
            key.clear();
            key.push_str(content);
            key.push('x');
            let bytes = packed(&key)?;
            uuids.extend(bytes.first_chunk::<UUID>());
        }
        uuids.sort_unstable();
        uuids.dedup();
        Ok(Self {
            uuids,
            letters: letters.bytes().collect(),
        })
    }

    fn has_letter(&self, key: &[u8]) -> bool {
        self.letters.is_empty() || key.last().is_some_and(|last| self.letters.contains(last))
    }
}

/// A query in parts, each ready to be asked.
struct Parts {
    must: Vec<Box<dyn Weight>>,
    should: Vec<Box<dyn Weight>>,
    must_not: Vec<Box<dyn Weight>>,
}

/// The same in one segment.
struct Asked {
    must: Vec<Test>,
    should: Vec<Test>,
    must_not: Vec<Test>,
}

/// Whether documents match a query, asked for in order. What lies between them is not looked at.
struct Test {
    scorer: Box<dyn Scorer>,
    /// The last document that was asked for, and whether it matches.
    doc: DocId,
    matches: bool,
}

impl Test {
    fn new(weight: &dyn Weight, segment: &SegmentReader, first: DocId) -> Result<Self> {
        let (found, scorer) = weight.scorer_danger(segment, first, 1.0)?;
        Ok(Self {
            scorer,
            doc: first,
            matches: matches!(found, SeekDangerResult::Found),
        })
    }

    fn matches(&mut self, doc: DocId) -> bool {
        if self.doc < doc {
            self.doc = doc;
            self.matches = matches!(self.scorer.seek_danger(doc), SeekDangerResult::Found);
        }
        self.matches
    }

    /// The score of the document that matches.
    fn score(&mut self) -> Score {
        self.scorer.score()
    }
}

impl Parts {
    fn new(parts: &[(Occur, Box<dyn Query>)], scoring: EnableScoring<'_>) -> Result<Self> {
        let mut found = Self {
            must: Vec::new(),
            should: Vec::new(),
            must_not: Vec::new(),
        };
        for (occur, query) in parts {
            let weight = query.weight(scoring)?;
            match occur {
                Occur::Must => found.must.push(weight),
                Occur::Should => found.should.push(weight),
                Occur::MustNot => found.must_not.push(weight),
            }
        }
        Ok(found)
    }

    /// `first`: the first document that will be asked for.
    fn in_segment(&self, segment: &SegmentReader, first: DocId) -> Result<Asked> {
        let all = |weights: &[Box<dyn Weight>]| -> Result<Vec<Test>> {
            weights
                .iter()
                .map(|weight| Test::new(weight.as_ref(), segment, first))
                .collect()
        };
        Ok(Asked {
            must: all(&self.must)?,
            should: all(&self.should)?,
            must_not: all(&self.must_not)?,
        })
    }
}

impl Asked {
    /// The score of a document; None if it does not match.
    fn score(&mut self, doc: DocId) -> Option<Score> {
        if self.must_not.iter_mut().any(|one| one.matches(doc)) {
            return None;
        }
        let mut score = 0.0;
        let mut matched = false;
        for one in &mut self.must {
            if !one.matches(doc) {
                return None;
            }
            score += one.score();
            matched = true;
        }
        for one in &mut self.should {
            if one.matches(doc) {
                score += one.score();
                matched = true;
            }
        }
        matched.then_some(score)
    }
}

/// The best documents so far.
struct Best {
    limit: usize,
    found: Vec<(Score, DocAddress)>,
    /// Only better ones count from now on.
    threshold: Score,
}

impl Best {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            found: Vec::new(),
            threshold: Score::MIN,
        }
    }

    fn add(&mut self, score: Score, address: DocAddress) {
        if score <= self.threshold {
            return;
        }
        self.found.push((score, address));
        if self.found.len() >= 2 * self.limit {
            self.cut();
            self.threshold = self.found[self.limit - 1].0;
        }
    }

    /// Let only what is better than so many as are wanted count, if there are so many.
    fn tighten(&mut self) {
        if self.found.len() >= self.limit {
            self.cut();
            self.threshold = self.found[self.limit - 1].0;
        }
    }

    fn cut(&mut self) {
        self.found
            .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.found.truncate(self.limit);
    }
}

/// A set of small numbers.
struct Numbers(Vec<u64>);

impl Numbers {
    fn new(most: usize) -> Self {
        Self(vec![0; most.div_ceil(64)])
    }

    fn add(&mut self, number: u64) {
        if let Some(word) = self.0.get_mut((number / 64) as usize) {
            *word |= 1 << (number % 64);
        }
    }

    fn has(&self, number: u64) -> bool {
        self.0
            .get((number / 64) as usize)
            .is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// The numbers that the keys of chosen contents have in a segment. Both are in order, so they are gone through together.
fn numbers_of(column: &BytesColumn, choice: &Choice) -> Result<Numbers> {
    let mut found = Numbers::new(column.num_terms());
    let mut chosen = choice.uuids.iter().peekable();
    let mut keys = column.dictionary().stream()?;
    while keys.advance() {
        let key = keys.key();
        let Some(uuid) = key.first_chunk::<UUID>() else {
            continue;
        };
        while chosen.next_if(|one| *one < uuid).is_some() {}
        match chosen.peek() {
            None => break,
            Some(one) if *one == uuid && choice.has_letter(key) => found.add(keys.term_ord()),
            Some(_) => {}
        }
    }
    Ok(found)
}

impl WordIndex {
    /// The best documents, best first. `choice`: only documents of these contents. `typos`: forgive one in each long word.
    pub fn search(
        &self,
        clauses: &[Clause],
        among: Among,
        languages: &[String],
        limit: usize,
        choice: Option<&Choice>,
        typos: bool,
    ) -> Result<Vec<Found>> {
        let parts = self.parts(clauses, among, languages, typos);
        if parts.iter().all(|(occur, _)| *occur == Occur::MustNot) || limit == 0 {
            return Ok(Vec::new());
        }
        let scoring = EnableScoring::enabled_from_searcher(&self.searcher);
        let best = match choice {
            Some(choice) if choice.uuids.len() <= LOOKED_UP => {
                let parts = Parts::new(&parts, scoring)?;
                self.in_all(limit, |number, segment, best| {
                    let documents = self.documents_of(segment, choice)?;
                    let Some(&(first, _)) = documents.first() else {
                        return Ok(());
                    };
                    let mut asked = parts.in_segment(segment, first)?;
                    for (doc, _) in documents {
                        if let Some(score) = asked.score(doc) {
                            best.add(score, DocAddress::new(number, doc));
                        }
                    }
                    Ok(())
                })?
            }
            _ => {
                let exact = match loose(&parts) {
                    Some(loose) => {
                        let exact = Parts::new(&parts, scoring)?;
                        Some((exact, joined(loose).weight(scoring)?))
                    }
                    None => None,
                };
                match exact {
                    Some((exact, weight)) => self.in_all(limit, |number, segment, best| {
                        best_looked_at(weight.as_ref(), &exact, number, segment, choice, best)
                    })?,
                    None => {
                        let weight = joined(parts).weight(scoring)?;
                        self.in_all(limit, |number, segment, best| {
                            best_of(weight.as_ref(), number, segment, choice, best)
                        })?
                    }
                }
            }
        };
        self.found(best)
    }

    /// Which of the chosen contents have a document that matches any clause of each group, in their text or names.
    pub fn having(
        &self,
        groups: &[Vec<Clause>],
        choice: &Choice,
        languages: &[String],
    ) -> Result<Vec<Vec<String>>> {
        let scoring = EnableScoring::disabled_from_searcher(&self.searcher);
        let mut weights: Vec<Vec<Box<dyn Weight>>> = Vec::new();
        for clauses in groups {
            let mut any = Vec::new();
            for among in [Among::Passages, Among::Names] {
                for (_, query) in self.parts(clauses, among, languages, false) {
                    any.push(query.weight(scoring)?);
                }
            }
            weights.push(any);
        }
        let mut has = vec![vec![false; choice.uuids.len()]; groups.len()];
        for segment in self.searcher.segment_readers() {
            let documents = self.documents_of(segment, choice)?;
            if documents.is_empty() {
                continue;
            }
            for (any, has) in weights.iter().zip(&mut has) {
                for weight in any {
                    let mut test = Test::new(weight.as_ref(), segment, documents[0].0)?;
                    for &(doc, content) in &documents {
                        if !has[content] && test.matches(doc) {
                            has[content] = true;
                        }
                    }
                }
            }
        }
        let uuid = |number: usize| {
            let mut key = choice.uuids[number].to_vec();
            key.push(b'x');
            let mut text = unpacked(&key);
            text.pop();
            text
        };
        let of_group = |has: Vec<bool>| (0..has.len()).filter(|&at| has[at]).map(uuid).collect();
        Ok(has.into_iter().map(of_group).collect())
    }

    /// The documents of chosen contents in a segment, in order, each with the number of its content.
    fn documents_of(
        &self,
        segment: &SegmentReader,
        choice: &Choice,
    ) -> Result<Vec<(DocId, usize)>> {
        let inverted = segment.inverted_index(self.fields.key)?;
        let mut found = Vec::new();
        for (number, uuid) in choice.uuids.iter().enumerate() {
            let mut end = [0xff; KEY_LENGTH];
            end[..UUID].copy_from_slice(uuid);
            let mut keys = inverted.terms().range().ge(uuid).lt(end).into_stream()?;
            while keys.advance() {
                if !choice.has_letter(keys.key()) {
                    continue;
                }
                let mut postings = inverted
                    .read_block_postings_from_terminfo(keys.value(), IndexRecordOption::Basic)?;
                while !postings.docs().is_empty() {
                    found.extend(postings.docs().iter().map(|&doc| (doc, number)));
                    postings.advance();
                }
            }
        }
        found.retain(|&(doc, _)| !segment.is_deleted(doc));
        found.sort_unstable();
        Ok(found)
    }

    /// Ask every segment, on as many threads as there are cores, and join what each found.
    fn in_all(
        &self,
        limit: usize,
        ask: impl Fn(u32, &SegmentReader, &mut Best) -> Result<()> + Sync,
    ) -> Result<Vec<(Score, DocAddress)>> {
        let segments = self.searcher.segment_readers();
        let mut order: Vec<usize> = (0..segments.len()).collect();
        order.sort_by_key(|&number| std::cmp::Reverse(segments[number].num_docs()));
        let threads = if self.searcher.num_docs() < SHARED {
            1
        } else {
            thread_count(0).clamp(1, segments.len().max(1))
        };
        let next = AtomicUsize::new(0);
        let found = on_threads(threads, || -> Result<Best> {
            let mut best = Best::new(limit);
            while let Some(&number) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                ask(number as u32, &segments[number], &mut best)?;
            }
            Ok(best)
        });
        let mut all = Best::new(limit);
        for best in found {
            all.found.extend(best?.found);
        }
        all.cut();
        Ok(all.found)
    }

    /// The texts of documents that [`WordIndex::search`] found in this state of the index, in the order asked for, each
    /// with what `see` makes of it.
    pub fn stored_of<T: Send>(
        &self,
        addresses: &[(u32, u32)],
        see: impl Fn(&Stored) -> T + Sync,
    ) -> Result<Vec<(Stored, T)>> {
        // Neighbours are packed together.
        let mut order: Vec<usize> = (0..addresses.len()).collect();
        order.sort_by_key(|&at| addresses[at]);
        let threads = thread_count(0).clamp(1, addresses.len().div_ceil(UNPACKED).max(1));
        let next = AtomicUsize::new(0);
        let found = on_threads(threads, || -> Result<Vec<(usize, (Stored, T))>> {
            let mut found = Vec::new();
            loop {
                let begin = next.fetch_add(UNPACKED, Ordering::Relaxed);
                let Some(some) = order.get(begin..order.len().min(begin + UNPACKED)) else {
                    return Ok(found);
                };
                if some.is_empty() {
                    return Ok(found);
                }
                for &at in some {
                    let stored = self.stored(addresses[at])?;
                    let seen = see(&stored);
                    found.push((at, (stored, seen)));
                }
            }
        });
        let mut all = Vec::with_capacity(addresses.len());
        for some in found {
            all.extend(some?);
        }
        all.sort_by_key(|(at, _)| *at);
        Ok(all.into_iter().map(|(_, one)| one).collect())
    }
}

/// Which documents of a segment count: those that were not deleted, with a choice only those of its contents.
fn counting<'a>(
    segment: &'a SegmentReader,
    choice: Option<&Choice>,
) -> Result<impl Fn(DocId) -> bool + use<'a>> {
    let chosen = match (choice, segment.fast_fields().bytes("key")?) {
        (None, _) => None,
        // No key, no content.
        (Some(_), None) => Some(None),
        (Some(choice), Some(column)) => {
            let numbers = numbers_of(&column, choice)?;
            Some(Some((column, numbers)))
        }
    };
    let alive = segment.alive_bitset();
    Ok(move |doc| {
        alive.is_none_or(|alive| alive.is_alive(doc))
            && chosen.as_ref().is_none_or(|chosen| {
                chosen.as_ref().is_some_and(|(column, numbers)| {
                    column.ords().first(doc).is_some_and(|ord| numbers.has(ord))
                })
            })
    })
}

/// Add the best documents of a segment; with a choice, only those of its contents.
fn best_of(
    weight: &dyn Weight,
    number: u32,
    segment: &SegmentReader,
    choice: Option<&Choice>,
    best: &mut Best,
) -> Result<()> {
    let counts = counting(segment, choice)?;
    weight.for_each_pruning(best.threshold, segment, &mut |doc, score| {
        if counts(doc) {
            best.add(score, DocAddress::new(number, doc));
        }
        best.threshold
    })?;
    Ok(())
}

/// The same of a query that looks at texts. `loose` finds all that it may find, at no lower a score: the best of these
/// are looked at first, and the others no more once there are enough better ones.
fn best_looked_at(
    loose: &dyn Weight,
    exact: &Parts,
    number: u32,
    segment: &SegmentReader,
    choice: Option<&Choice>,
    best: &mut Best,
) -> Result<()> {
    let counts = counting(segment, choice)?;
    let mut left: Vec<(Score, DocId)> = Vec::new();
    loose.for_each(segment, &mut |doc, score| {
        if score > best.threshold && counts(doc) {
            left.push((score, doc));
        }
    })?;
    let mut at_once = best.limit.max(FIRST_LOOKED_AT);
    while !left.is_empty() {
        let later = left.len().saturating_sub(at_once);
        if later > 0 {
            left.select_nth_unstable_by(later, |a, b| {
                a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1))
            });
        }
        let mut some = left.split_off(later);
        // Neighbours are packed together.
        some.sort_unstable_by_key(|&(_, doc)| doc);
        let mut asked = exact.in_segment(segment, some[0].1)?;
        for (_, doc) in some {
            if let Some(score) = asked.score(doc) {
                best.add(score, DocAddress::new(number, doc));
            }
        }
        best.tighten();
        left.retain(|&(score, _)| score > best.threshold);
        at_once *= 2;
    }
    Ok(())
}
