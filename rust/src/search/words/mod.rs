//! The index of words: passages of text and the names of files, in tantivy.
//!
//! A document is a passage, or all the names of a content; its key is the content's uuid and a letter for its kind, by
//! which it is deleted (17 bytes in the index, see [`packed`]). The payload of a commit is the caller's: it says which
//! events the index holds.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tantivy::directory::MmapDirectory;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::tokenizer::{RawTokenizer, TokenizerManager};
use tantivy::{
    DocAddress, Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher,
    SegmentMeta, SegmentReader, TantivyDocument, TantivyError, Term,
};

mod clauses;
mod finding;
mod marks;
mod reading;
mod rows;
#[cfg(test)]
mod tests;

use self::clauses::rarity;
pub use self::clauses::{Among, Clause, Sort};
pub use self::finding::Choice;
pub use self::marks::{Marked, Marker, marks, within_one};
use self::reading::Reading;
use super::fold::is_unspaced;
use super::language::{Language, guessed, named};
use super::pairs::{COUNTED, Counted};
use super::tokens::{Chosen, FormTokenizer, StemTokenizer, mark, words};
use super::vocabulary::{self, Vocabulary};
use crate::error::{CoreError, ErrorClass, Result};
use crate::parallel::thread_count;

/// Threads that write, at most: each takes a share of the memory, and makes segments of its own.
const MOST_WRITERS: usize = 2;

/// Bytes that tantivy wants for each of them, at least.
const LEAST_MEMORY: usize = 15_000_000;
const STORE_LEVEL: i32 = 9;
/// Texts in numbers: of some 30,000 letters. Larger blocks pack little better, and take longer to unpack for one text.
const STORE_BLOCK: usize = 1 << 13;

/// A document that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its number in this state of the index.
    pub address: (u32, u32),
    /// The content's uuid and the letter of its kind.
    pub key: String,
    /// BM25.
    pub score: f32,
}

/// The text of a document and its place, as it was added.
#[derive(Clone, Debug)]
pub struct Stored {
    /// With the mark of its language before it.
    pub text: String,
    /// The caller's own.
    pub place: String,
}

#[derive(Clone, Copy)]
struct Fields {
    key: Field,
    stem: Field,
    form: Field,
    name: Field,
    folder: Field,
    body: Field,
    place: Field,
    digest: Field,
}

/// An open index.
pub struct WordIndex {
    index: Index,
    fields: Fields,
    reader: IndexReader,
    searcher: Searcher,
    writer: Option<IndexWriter>,
    folder: PathBuf,
    vocabulary: Arc<Vocabulary>,
    /// What the threads of the writer see of the choice of common stems.
    chosen: Chosen,
    counted: Counted,
}

const KEY_LENGTH: usize = 17;

/// The 17 bytes of a key: those of its uuid, and its letter. `unsupported` for what is no such key.
fn packed(key: &str) -> Result<[u8; KEY_LENGTH]> {
    let mut bytes = [0; KEY_LENGTH];
    let mut digits = 0;
    let letter = key.bytes().next_back().filter(u8::is_ascii);
    let uuid = letter.map_or("", |_| &key[..key.len() - 1]);
    for digit in uuid.chars().filter(|&c| c != '-') {
        let (Some(value), true) = (digit.to_digit(16), digits < 32) else {
            digits = 0;
            break;
        };
        bytes[digits / 2] |= (value as u8) << (4 * (1 - digits % 2));
        digits += 1;
    }
    match letter {
        Some(letter) if digits == 32 => bytes[KEY_LENGTH - 1] = letter,
        _ => {
            return Err(CoreError::new(
                ErrorClass::Unsupported,
                "a key is a uuid and a letter",
            ));
        }
    }
    Ok(bytes)
}

/// What [`packed`] was given; empty for bytes that are no key.
fn unpacked(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut key = String::new();
    if let [uuid @ .., letter] = bytes
        && uuid.len() + 1 == KEY_LENGTH
    {
        for (at, byte) in uuid.iter().enumerate() {
            let hyphen = if matches!(at, 4 | 6 | 8 | 10) {
                "-"
            } else {
                ""
            };
            let _ = write!(key, "{hyphen}{byte:02x}");
        }
        key.push(char::from(*letter));
    }
    key
}

fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let indexed = |tokenizer: &str, option| {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(option),
        )
    };
    let positions = IndexRecordOption::WithFreqsAndPositions;
    let form = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer("form")
            .set_index_option(IndexRecordOption::Basic)
            .set_fieldnorms(false),
    );
    let fields = Fields {
        key: builder.add_bytes_field("key", INDEXED | FAST),
        // Where words stand in a passage is seen in its text.
        stem: builder.add_text_field("stem", indexed("stem", IndexRecordOption::WithFreqs)),
        form: builder.add_text_field("form", form),
        name: builder.add_text_field("name", indexed("stem", positions)),
        folder: builder.add_text_field("folder", indexed("stem", positions)),
        body: builder.add_bytes_field("body", STORED),
        place: builder.add_text_field("place", STORED),
        digest: builder.add_u64_field("digest", FAST | INDEXED),
    };
    (builder.build(), fields)
}

fn tokenizers(chosen: &Chosen) -> TokenizerManager {
    let manager = TokenizerManager::new();
    // Asked for, never used: fields that are only stored name it.
    manager.register("default", RawTokenizer::default());
    manager.register("stem", StemTokenizer(Arc::clone(chosen)));
    manager.register("form", FormTokenizer(Arc::clone(chosen)));
    manager
}

/// What went wrong in tantivy, as a class: a full disk, an index that others write, or one that is not to be read.
impl From<TantivyError> for CoreError {
    fn from(error: TantivyError) -> Self {
        let io = match &error {
            TantivyError::IoError(io) => Some(io.clone()),
            TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, .. })
            | TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. })
            | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error, .. })
            | TantivyError::LockFailure(LockError::IoError(io_error), _) => Some(io_error.clone()),
            _ => None,
        };
        if let Some(io) = io {
            let code = io.raw_os_error();
            let mut same = code.map_or_else(
                || Self::from(io::Error::new(io.kind(), io.to_string())),
                |code| Self::from(io::Error::from_raw_os_error(code)),
            );
            if same.class == ErrorClass::IoTransient
                && code.is_none()
                && io.to_string().contains("os error 28")
            {
                same.class = ErrorClass::DiskFull;
            }
            return same.context("the index of words");
        }
        let class = match &error {
            TantivyError::LockFailure(..) => ErrorClass::IoTransient,
            TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_))
            | TantivyError::OpenDirectoryError(OpenDirectoryError::DoesNotExist(_)) => {
                ErrorClass::MissingSource
            }
            // An error in one of its threads keeps no class, but its words.
            _ if error.to_string().contains("No space left")
                || error.to_string().contains("os error 28") =>
            {
                ErrorClass::DiskFull
            }
            _ => ErrorClass::Corrupt,
        };
        Self::new(class, format!("the index of words: {error}"))
    }
}

impl WordIndex {
    /// Open the index in a folder to read it. `missing_source` if there is none, `corrupt` if it cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let directory = Reading(MmapDirectory::open(folder).map_err(TantivyError::from)?);
        let index = Index::open(directory)?;
        Self::of(index, folder, |folder| Vocabulary::open(folder, false))
    }

    /// Open the index in a folder to write it; with `fresh`, make an empty one (the folder must be empty).
    pub fn open_writable(folder: &Path, fresh: bool, memory: usize) -> Result<Self> {
        let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
        let index = if fresh {
            let settings = IndexSettings {
                docstore_compression: Compressor::Zstd(ZstdCompressor {
                    compression_level: Some(STORE_LEVEL),
                }),
                docstore_blocksize: STORE_BLOCK,
                ..IndexSettings::default()
            };
            Vocabulary::create(folder)?;
            Index::create(directory, schema().0, settings)?
        } else {
            Index::open(directory)?
        };
        let mut made = Self::of(index, folder, |folder| Vocabulary::open(folder, true))?;
        match made.vocabulary.pairs() {
            Some(pairs) => made.chosen = Arc::new(OnceLock::from(Arc::clone(pairs))),
            None if made.len() >= COUNTED as u64 => made.choose_by_index()?,
            None => {}
        }
        let tokenizers = tokenizers(&made.chosen);
        made.index.set_tokenizers(tokenizers);
        let room = (memory / LEAST_MEMORY).max(1);
        let threads = thread_count(0).clamp(1, MOST_WRITERS.min(room));
        made.writer = Some(made.index.writer_with_num_threads(threads, memory)?);
        Ok(made)
    }

    fn of(
        mut index: Index,
        folder: &Path,
        vocabulary: impl FnOnce(&Path) -> Result<Vocabulary>,
    ) -> Result<Self> {
        let chosen = Chosen::default();
        index.set_tokenizers(tokenizers(&chosen));
        index.set_fast_field_tokenizers(tokenizers(&chosen));
        let (wanted, fields) = schema();
        if index.schema() != wanted {
            return Err(CoreError::new(
                ErrorClass::Corrupt,
                "the index of words is of another version",
            ));
        }
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let searcher = reader.searcher();
        Ok(Self {
            index,
            fields,
            reader,
            searcher,
            writer: None,
            folder: folder.to_owned(),
            // Read after what needs it: it may be ahead, never behind.
            vocabulary: Arc::new(vocabulary(folder)?),
            chosen,
            counted: Counted::default(),
        })
    }

    /// Choose the common stems by the documents that are there.
    fn choose_by_index(&mut self) -> Result<()> {
        let mut counted = Counted::default();
        for segment in self.searcher.segment_readers() {
            let inverted = segment.inverted_index(self.fields.stem)?;
            let mut terms = inverted.terms().stream()?;
            while terms.advance() {
                let number = terms.value().doc_freq;
                // What few have in one segment is not common, or some other knows it.
                if number > segment.max_doc() / 32
                    && let Ok(stem) = std::str::from_utf8(terms.key())
                    && !stem.chars().any(is_unspaced)
                {
                    counted.add_many(stem, number as usize);
                }
            }
        }
        let documents = usize::try_from(self.len()).unwrap_or(usize::MAX);
        self.choose(&counted, Some(documents));
        Ok(())
    }

    fn choose(&mut self, counted: &Counted, documents: Option<usize>) {
        let pairs = Arc::new(counted.chosen(documents));
        Arc::make_mut(&mut self.vocabulary).choose(Arc::clone(&pairs));
        // Documents that are added from now on have numbers of pairs; the others say that they have none.
        let _ = self.chosen.set(pairs);
    }

    fn count(&mut self, text: &str, language: Option<&'static Language>) {
        if self.vocabulary.pairs().is_none() && self.counted.add(&words(text, language)) {
            let counted = std::mem::take(&mut self.counted);
            self.choose(&counted, None);
        }
    }

    fn writer(&self) -> Result<&IndexWriter> {
        self.writer.as_ref().ok_or_else(|| {
            CoreError::new(ErrorClass::Unsupported, "the index was opened to be read")
        })
    }

    /// The payload of the last commit; None before the first.
    pub fn payload(&self) -> Result<Option<String>> {
        Ok(self.index.load_metas()?.payload)
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.searcher.num_docs()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// See the state of the last commit from now on. What did not change stays open, with the texts that it unpacked.
    pub fn reload(&mut self) -> Result<()> {
        let there = self.index.searchable_segment_metas()?;
        let same = |one: &SegmentReader, meta: &SegmentMeta| {
            one.segment_id() == meta.id() && one.delete_opstamp() == meta.delete_opstamp()
        };
        let open = self.searcher.segment_readers();
        let unchanged = there.len() == open.len()
            && there
                .iter()
                .all(|meta| open.iter().any(|one| same(one, meta)));
        if !unchanged {
            self.reader.reload()?;
            self.searcher = self.reader.searcher();
        }
        if self.writer.is_none()
            && let Some(newer) = self.vocabulary.newer(&self.folder)?
        {
            self.vocabulary = Arc::new(newer);
        }
        Ok(())
    }

    /// Delete the documents with this key, also those added since the last commit.
    pub fn delete(&self, key: &str) -> Result<()> {
        let term = Term::from_field_bytes(self.fields.key, &packed(key)?);
        self.writer()?.delete_term(term);
        Ok(())
    }

    /// Add a passage. `language`: a code of two or three letters; without one it is guessed. Returns the code it has.
    pub fn add(
        &mut self,
        key: &str,
        text: &str,
        language: &str,
        place: &str,
    ) -> Result<Option<&'static str>> {
        let language = named(language).or_else(|| guessed(text));
        let marked = format!("{}{text}", mark(language));
        self.writer()?;
        self.count(text, language);
        let mut document = TantivyDocument::default();
        document.add_bytes(self.fields.key, &packed(key)?);
        document.add_text(self.fields.stem, &marked);
        document.add_text(self.fields.form, &marked);
        document.add_bytes(self.fields.body, &self.coded(&marked)?);
        document.add_text(self.fields.place, place);
        self.writer()?.add_document(document)?;
        Ok(language.map(|language| language.code))
    }

    fn coded(&mut self, text: &str) -> Result<Vec<u8>> {
        self.writer()?;
        Ok(Arc::make_mut(&mut self.vocabulary).coded(text))
    }

    /// Add the names of a content, one in each line, and the folders that they are in. `digest`: the caller's own.
    pub fn add_names(&mut self, key: &str, names: &str, folders: &str, digest: u64) -> Result<()> {
        let mut document = TantivyDocument::default();
        document.add_bytes(self.fields.key, &packed(key)?);
        document.add_text(self.fields.name, names);
        document.add_text(self.fields.folder, folders);
        document.add_bytes(
            self.fields.body,
            &self.coded(&format!("{}{names}", mark(None)))?,
        );
        document.add_u64(self.fields.digest, digest);
        self.writer()?.add_document(document)?;
        Ok(())
    }

    /// Make all that was added and deleted durable and visible, with a payload of the caller's.
    pub fn commit(&mut self, payload: &str) -> Result<()> {
        let writer = self.writer.as_mut().ok_or_else(|| {
            CoreError::new(ErrorClass::Unsupported, "the index was opened to be read")
        })?;
        Arc::make_mut(&mut self.vocabulary).save(&self.folder)?;
        let mut prepared = writer.prepare_commit()?;
        prepared.set_payload(payload);
        prepared.commit()?;
        self.reload()
    }

    /// Wait until segments that are being merged are merged, and let others write.
    pub fn close(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            writer.wait_merging_threads()?;
        }
        Ok(())
    }

    /// The digest of the names of each content, by key.
    pub fn digests(&self) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for segment in self.searcher.segment_readers() {
            let Some(keys) = segment.fast_fields().bytes("key")? else {
                continue;
            };
            let digests = segment.fast_fields().u64("digest")?;
            for doc in 0..segment.max_doc() {
                if segment.is_deleted(doc) {
                    continue;
                }
                if let (Some(digest), Some(ord)) = (digests.first(doc), keys.term_ords(doc).next())
                {
                    let mut key = Vec::new();
                    keys.ord_to_bytes(ord, &mut key)?;
                    found.push((unpacked(&key), digest));
                }
            }
        }
        Ok(found)
    }

    /// Every document's key, with how many documents have it.
    pub fn counts_of_keys(&self) -> Result<BTreeMap<String, usize>> {
        let mut found = BTreeMap::new();
        for segment in self.searcher.segment_readers() {
            let Some(keys) = segment.fast_fields().bytes("key")? else {
                continue;
            };
            let mut key = Vec::new();
            for doc in (0..segment.max_doc()).filter(|&doc| !segment.is_deleted(doc)) {
                if let Some(ord) = keys.term_ords(doc).next() {
                    key.clear();
                    keys.ord_to_bytes(ord, &mut key)?;
                    *found.entry(unpacked(&key)).or_default() += 1;
                }
            }
        }
        Ok(found)
    }

    /// The files whose bytes are not those that were written.
    pub fn damaged(&self) -> Result<Vec<PathBuf>> {
        let mut damaged: Vec<PathBuf> = self.index.validate_checksum()?.into_iter().collect();
        if !Vocabulary::is_whole(&self.folder)? {
            damaged.push(vocabulary::FILE.into());
        }
        Ok(damaged)
    }

    fn found(&self, best: Vec<(f32, DocAddress)>) -> Result<Vec<Found>> {
        let mut columns = Vec::new();
        for segment in self.searcher.segment_readers() {
            columns.push(segment.fast_fields().bytes("key")?);
        }
        let mut found = Vec::with_capacity(best.len());
        for (score, address) in best {
            let mut key = Vec::new();
            if let Some(column) = &columns[address.segment_ord as usize]
                && let Some(ord) = column.term_ords(address.doc_id).next()
            {
                column.ord_to_bytes(ord, &mut key)?;
            }
            found.push(Found {
                address: (address.segment_ord, address.doc_id),
                key: unpacked(&key),
                score,
            });
        }
        Ok(found)
    }

    /// The text of a document that [`WordIndex::search`] found in this state of the index.
    pub fn stored(&self, address: (u32, u32)) -> Result<Stored> {
        let document: TantivyDocument = self.searcher.doc(DocAddress::new(address.0, address.1))?;
        let body = document.get_first(self.fields.body);
        let place = document.get_first(self.fields.place);
        Ok(Stored {
            text: self
                .vocabulary
                .text(body.and_then(|value| value.as_bytes()).unwrap_or_default())?,
            place: place
                .and_then(|value| value.as_str())
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// The rarity of each stem, as BM25 counts it.
    pub fn rarities(&self, stems: &[String]) -> Result<Vec<f32>> {
        let all = self.searcher.num_docs();
        stems
            .iter()
            .map(|stem| {
                let term = Term::from_field_text(self.fields.stem, stem);
                Ok(rarity(self.searcher.doc_freq(&term)?, all))
            })
            .collect()
    }
}
