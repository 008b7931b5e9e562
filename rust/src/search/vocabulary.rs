//! Texts as the numbers of their words: a third smaller when packed than packed letters, and quick to be looked through.
//!
//! A text is a row of words (runs of letters, digits and marks) and of what stands between them; one space between two
//! words is left out. What occurs a second time gets a number, for all texts of an index alike; the commonest come first
//! and take one byte. Numbers are kept in a file beside the index of words that only grows: what is added is written
//! before the texts that need it are committed, so the file may be ahead of them, never behind. The common stems of the
//! index ([`Pairs`]) are in it, too.
//!
//! | first byte | what follows |
//! |---|---|
//! | 0x00 to 0x9f | nothing: the number |
//! | 0xa0 to 0xef | one byte: numbers from 160 on |
//! | 0xf0 to 0xfd | two bytes: numbers from 20,640 on |
//! | 0xfe | a byte that says how many, and so many bytes: a part without a number |

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::fold::is_unspaced;
use super::pairs::Pairs;
use super::tokens::is_mark;
use crate::error::{CoreError, ErrorClass, Result};

/// The name of the file.
pub const FILE: &str = "vocabulary";

const ONE: usize = 0xa0;
const TWO: usize = ONE + 0x50 * 256;
/// So many parts get numbers.
const MOST: usize = TWO + 0xe * 65536;
const LITERAL: u8 = 0xfe;
/// Longer parts get no number.
const LONGEST: usize = 40;
/// Bytes of a part without a number; what is longer is parted.
const LONGEST_LITERAL: usize = 255;
/// So many parts that occurred once are remembered; then all are forgotten.
const MOST_SEEN: usize = 1 << 20;
/// The file begins with the mark of its sort, and with one of its own.
const MAGIC: &[u8; 8] = b"words v2";
const HEAD: usize = 24;
/// A block of common stems begins with this; one of parts with the length of its first, which is not empty.
const STEMS: u8 = 0;

/// A part of a text, as it is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// One with this number.
    Known(usize),
    /// One without.
    Literal(&'a str),
}

/// All parts that have numbers.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// What tells this file from one that was made anew.
    own: [u8; HEAD - MAGIC.len()],
    letters: String,
    /// Where each ends in `letters`.
    ends: Vec<u32>,
    /// Bytes of the file that hold them.
    saved: u64,
    /// How many of them those bytes hold.
    saved_parts: usize,
    pairs: Option<Arc<Pairs>>,
    /// Whether those bytes hold the pairs.
    saved_pairs: bool,
    writing: Option<Box<Writing>>,
}

/// What only a writer needs.
#[derive(Clone, Debug, Default)]
struct Writing {
    numbers: HashMap<Box<str>, u32>,
    seen: HashSet<u64>,
    hasher: RandomState,
}

fn damaged() -> CoreError {
    CoreError::new(
        ErrorClass::Corrupt,
        "the vocabulary of the index of words is damaged",
    )
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && (c.is_alphanumeric() || is_mark(c)))
}

/// Whether a part is a word; an empty one stands between words that nothing parts.
fn is_word(part: &str) -> bool {
    part.chars().next().is_some_and(is_of_word)
}

/// The first part of a text, which is not empty.
fn first_part(text: &str) -> &str {
    let word = is_word(text);
    let end = text.find(|c| is_of_word(c) != word).unwrap_or(text.len());
    if end <= LONGEST_LITERAL {
        return &text[..end];
    }
    // Marks stay with what they belong to, if it has not too many.
    let places = || {
        text.char_indices()
            .take_while(|(at, _)| *at <= LONGEST_LITERAL)
    };
    let whole =
        places().filter(|&(at, c)| at > 0 && !is_mark(c) && !matches!(c, '\u{ff9e}' | '\u{ff9f}'));
    let cut = whole.last().or_else(|| places().last());
    &text[..cut.map_or(end, |(at, _)| at)]
}

impl Vocabulary {
    /// Make an empty file in a folder, to be written.
    pub fn create(folder: &Path) -> Result<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |time| time.as_nanos());
        let digest = blake3::hash(format!("{now} {}", std::process::id()).as_bytes());
        let mut made = Self {
            saved: HEAD as u64,
            writing: Some(Box::default()),
            ..Self::default()
        };
        let length = made.own.len();
        made.own.copy_from_slice(&digest.as_bytes()[..length]);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(folder.join(FILE))?;
        file.write_all(MAGIC)?;
        file.write_all(&made.own)?;
        file.sync_data()?;
        Ok(made)
    }

    /// Read the file in a folder. `corrupt` if there is none, or it is none.
    pub fn open(folder: &Path, writable: bool) -> Result<Self> {
        let mut read = Self::default();
        let mut file = opened(folder)?;
        read.own = own_of(&mut file)?;
        read.saved = HEAD as u64;
        read.read_on(&file)?;
        if writable {
            let mut writing = Box::<Writing>::default();
            for number in 0..read.len() {
                if let Some(part) = read.part(number) {
                    writing.numbers.insert(part.into(), number as u32);
                }
            }
            read.writing = Some(writing);
        }
        Ok(read)
    }

    /// What was added to the file since; None if nothing was.
    pub fn newer(&self, folder: &Path) -> Result<Option<Self>> {
        let mut file = opened(folder)?;
        if own_of(&mut file)? != self.own {
            return Self::open(folder, false).map(Some);
        }
        if file.metadata()?.len() <= self.saved {
            return Ok(None);
        }
        let mut read = self.clone();
        read.read_on(&file)?;
        Ok(Some(read))
    }

    /// Whether the file in a folder is as it was written, to its end.
    pub fn is_whole(folder: &Path) -> Result<bool> {
        match Self::open(folder, false) {
            Ok(read) => Ok(opened(folder)?.metadata()?.len() == read.saved),
            Err(error) if error.class == ErrorClass::Corrupt => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Read the blocks after what was read. One that is not whole is the last: a writer is at it, or was killed.
    fn read_on(&mut self, file: &File) -> Result<()> {
        let end = file.metadata()?.len();
        let mut head = [0; 4];
        while self.saved + 4 <= end && self.ends.len() < MOST {
            file.read_exact_at(&mut head, self.saved)?;
            let length = u64::from(u32::from_le_bytes(head));
            if length > end - self.saved - 4 {
                break;
            }
            let mut packed = vec![0; length as usize];
            file.read_exact_at(&mut packed, self.saved + 4)?;
            let room = ((MOST - self.ends.len()) * (LONGEST + 1)) as u64;
            let mut plain = Vec::new();
            if GzDecoder::new(packed.as_slice())
                .take(room)
                .read_to_end(&mut plain)
                .is_err()
            {
                break;
            }
            self.take(&plain)?;
            self.saved += 4 + length;
        }
        self.saved_parts = self.ends.len();
        Ok(())
    }

    fn take(&mut self, plain: &[u8]) -> Result<()> {
        if let [STEMS, stems @ ..] = plain {
            self.pairs = Some(Arc::new(taken_stems(stems)?));
            self.saved_pairs = true;
            return Ok(());
        }
        let mut at = 0;
        while let Some(&length) = plain.get(at) {
            let part = plain
                .get(at + 1..at + 1 + usize::from(length))
                .ok_or_else(damaged)?;
            if self.ends.len() == MOST {
                return Err(damaged());
            }
            self.push(std::str::from_utf8(part).map_err(|_| damaged())?);
            at += 1 + usize::from(length);
        }
        Ok(())
    }

    fn push(&mut self, part: &str) {
        self.letters.push_str(part);
        self.ends.push(self.letters.len() as u32);
    }

    /// Write what has got numbers since, so that it is there whatever happens.
    pub fn save(&mut self, folder: &Path) -> Result<()> {
        let mut packed = Vec::new();
        if self.saved_parts < self.ends.len() {
            let mut plain = Vec::new();
            for part in (self.saved_parts..self.len()).filter_map(|number| self.part(number)) {
                push_letters(part, &mut plain);
            }
            push_block(&plain, &mut packed)?;
        }
        if let Some(pairs) = self.pairs.as_ref().filter(|_| !self.saved_pairs) {
            let mut plain = vec![STEMS];
            for (stem, function) in pairs.stems() {
                plain.push(u8::from(function));
                push_letters(stem, &mut plain);
            }
            push_block(&plain, &mut packed)?;
        }
        if packed.is_empty() {
            return Ok(());
        }
        let file = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(folder.join(FILE))?;
        // What a writer that was killed left behind is written over.
        file.set_len(self.saved)?;
        let written = file
            .write_all_at(&packed, self.saved)
            .and_then(|()| file.sync_data());
        if let Err(error) = written {
            let _ = file.set_len(self.saved);
            return Err(error.into());
        }
        self.saved += packed.len() as u64;
        self.saved_parts = self.ends.len();
        self.saved_pairs = self.pairs.is_some();
        Ok(())
    }

    /// The stems that are common in the index, if they were chosen.
    #[must_use]
    pub const fn pairs(&self) -> Option<&Arc<Pairs>> {
        self.pairs.as_ref()
    }

    /// Keep the choice of the common stems, which is made once.
    pub fn choose(&mut self, pairs: Arc<Pairs>) {
        self.pairs = Some(pairs);
    }

    /// How many parts have numbers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The part with a number.
    #[must_use]
    pub fn part(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)? as usize;
        let start = number
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        self.letters.get(start..end)
    }

    /// The number of a part, which it may get now.
    fn number_of(&mut self, part: &str) -> Option<usize> {
        let writing = self.writing.as_mut()?;
        if let Some(&number) = writing.numbers.get(part) {
            return Some(number as usize);
        }
        if part.is_empty()
            || part.len() > LONGEST
            || self.ends.len() == MOST
            || part.chars().any(is_unspaced)
        {
            return None;
        }
        if writing.seen.insert(writing.hasher.hash_one(part)) {
            if writing.seen.len() >= MOST_SEEN {
                writing.seen.clear();
            }
            return None;
        }
        let number = self.ends.len();
        writing.numbers.insert(part.into(), number as u32);
        self.push(part);
        Some(number)
    }

    /// A text in numbers. Parts get numbers only in a vocabulary that is written.
    pub fn coded(&mut self, text: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() / 2);
        let mut rest = text;
        // Whether the last part was a word, and whether a space after it was left out.
        let (mut after_word, mut spaced) = (false, false);
        while !rest.is_empty() {
            let part = first_part(rest);
            rest = &rest[part.len()..];
            let word = is_word(part);
            if part == " " && after_word && is_word(rest) {
                spaced = true;
                continue;
            }
            if word && after_word && !spaced {
                out.extend([LITERAL, 0]);
            }
            match self.number_of(part) {
                Some(number) => push_number(number, &mut out),
                None => {
                    out.extend([LITERAL, part.len() as u8]);
                    out.extend_from_slice(part.as_bytes());
                }
            }
            (after_word, spaced) = (word, false);
        }
        out
    }

    /// The letters of a part. `corrupt` if its number is of none.
    pub fn letters<'a>(&'a self, part: Part<'a>) -> Result<&'a str> {
        match part {
            Part::Known(number) => self.part(number).ok_or_else(damaged),
            Part::Literal(text) => Ok(text),
        }
    }

    /// The text that [`Vocabulary::coded`] was given. `corrupt` for what it did not give.
    pub fn text(&self, coded: &[u8]) -> Result<String> {
        let mut text = String::with_capacity(coded.len() * 3);
        let mut after_word = false;
        for part in parts(coded) {
            let letters = self.letters(part?)?;
            let word = is_word(letters);
            if word && after_word {
                text.push(' ');
            }
            text.push_str(letters);
            after_word = word;
        }
        Ok(text)
    }
}

fn push_letters(letters: &str, out: &mut Vec<u8>) {
    out.push(letters.len() as u8);
    out.extend_from_slice(letters.as_bytes());
}

fn push_block(plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let at = out.len();
    out.extend([0; 4]);
    let mut packer = GzEncoder::new(&mut *out, Compression::new(6));
    packer.write_all(plain)?;
    packer.finish()?;
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// The stems of a block without its first byte.
fn taken_stems(mut rest: &[u8]) -> Result<Pairs> {
    let mut stems = Vec::new();
    while let [function, length, after @ ..] = rest {
        let length = usize::from(*length);
        let letters = after.get(..length).ok_or_else(damaged)?;
        let stem = std::str::from_utf8(letters).map_err(|_| damaged())?;
        stems.push((stem.to_owned(), *function != 0));
        rest = &after[length..];
    }
    match rest {
        [] => Ok(Pairs::of(stems)),
        _ => Err(damaged()),
    }
}

/// The parts of a text in numbers. `corrupt` for what is none.
pub fn parts(coded: &[u8]) -> impl Iterator<Item = Result<Part<'_>>> {
    let mut rest = coded;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let found = next_part(&mut rest);
        if found.is_none() {
            rest = &[];
        }
        Some(found.ok_or_else(damaged))
    })
}

fn next_part<'a>(rest: &mut &'a [u8]) -> Option<Part<'a>> {
    let (&first, after) = rest.split_first()?;
    let at = usize::from(first);
    let (part, length) = match first {
        LITERAL => {
            let (&length, after) = after.split_first()?;
            let letters = after.get(..usize::from(length))?;
            (
                Part::Literal(std::str::from_utf8(letters).ok()?),
                1 + letters.len(),
            )
        }
        0..0xa0 => (Part::Known(at), 0),
        0xa0..0xf0 => {
            let second = usize::from(*after.first()?);
            (Part::Known(ONE + ((at - 0xa0) << 8 | second)), 1)
        }
        0xf0..LITERAL => {
            let [second, third, ..] = after else {
                return None;
            };
            let low = usize::from(*second) << 8 | usize::from(*third);
            (Part::Known(TWO + ((at - 0xf0) << 16 | low)), 2)
        }
        _ => return None,
    };
    *rest = &after[length..];
    Some(part)
}

fn push_number(number: usize, out: &mut Vec<u8>) {
    if number < ONE {
        out.push(number as u8);
    } else if number < TWO {
        let number = number - ONE;
        out.extend([0xa0 + (number >> 8) as u8, number as u8]);
    } else {
        let number = number - TWO;
        out.extend([
            0xf0 + (number >> 16) as u8,
            (number >> 8) as u8,
            number as u8,
        ]);
    }
}

fn opened(folder: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(folder.join(FILE))
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => damaged(),
            _ => error.into(),
        })
}

fn own_of(file: &mut File) -> Result<[u8; HEAD - MAGIC.len()]> {
    let mut head = [0; HEAD];
    file.read_exact(&mut head).map_err(|_| damaged())?;
    let (magic, own) = head.split_at(MAGIC.len());
    match own.try_into() {
        Ok(own) if magic == MAGIC => Ok(own),
        _ => Err(damaged()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const TEXTS: &[&str] = &[
        "",
        " ",
        "The harbour library, and the harbour.",
        "a  b\n\n c\td",
        "\u{e101}IMG_1234.jpg 12.50 € – 2024-03-05 ",
        "東京都の図書館 が東京tower 東京",
        "e\u{301}te\u{301} \u{301}x ﾊﾟﾊﾞ हिन्दी ภาษา",
        "\u{fe} \u{0} \u{10ffff}",
    ];

    fn long() -> Vec<String> {
        vec![
            "x".repeat(1000),
            "長".repeat(500),
            "ﾊﾟ".repeat(300),
            "e\u{301}".repeat(300),
            format!("a{}", "\u{301}".repeat(400)),
            " ".repeat(600),
            format!("one{}two", "-".repeat(256)),
        ]
    }

    #[test]
    fn every_text_comes_back() {
        let folder = Folder::new(&[]);
        let mut made = Vocabulary::create(folder.path()).unwrap();
        let mut texts: Vec<String> = TEXTS
            .iter()
            .map(|&text| text.to_owned())
            .chain(long())
            .collect();
        // Numbers of one, two and three bytes.
        let words: Vec<String> = (0..25_000).map(|number| format!("w{number}")).collect();
        texts.push(words.join(" "));
        let mut coded = Vec::new();
        for _ in 0..3 {
            coded.extend(texts.iter().map(|text| made.coded(text)));
        }
        made.save(folder.path()).unwrap();
        let read = Vocabulary::open(folder.path(), false).unwrap();
        assert!(read.len() > TWO);
        for (text, coded) in texts.iter().cycle().zip(&coded) {
            assert_eq!(read.text(coded).unwrap(), *text);
        }
        let last = coded.last().unwrap();
        assert!(last.len() < texts.last().unwrap().len() / 2);
    }

    #[test]
    fn the_file_only_grows() {
        let folder = Folder::new(&[]);
        let mut made = Vocabulary::create(folder.path()).unwrap();
        let one = [made.coded("plum jam"), made.coded("plum jam")];
        made.save(folder.path()).unwrap();
        let read = Vocabulary::open(folder.path(), false).unwrap();
        assert!(read.newer(folder.path()).unwrap().is_none());
        let mut again = Vocabulary::open(folder.path(), true).unwrap();
        let two = [again.coded("plum tree"), again.coded("the tree")];
        again.save(folder.path()).unwrap();
        again.save(folder.path()).unwrap();
        assert!(read.text(&two[1]).is_err(), "this number came later");
        let newer = read.newer(folder.path()).unwrap().unwrap();
        assert_eq!(newer.text(&one[1]).unwrap(), "plum jam");
        assert_eq!(newer.text(&two[0]).unwrap(), "plum tree");
        assert_eq!(newer.text(&two[1]).unwrap(), "the tree");
        assert!(Vocabulary::is_whole(folder.path()).unwrap());
        // Another index in its place is not taken for what was added to this one.
        let mut other = Vocabulary::create(folder.path()).unwrap();
        for _ in 0..2 {
            other.coded(
                "a quite different and much longer text than the one that stood here before it",
            );
        }
        other.save(folder.path()).unwrap();
        let newest = newer.newer(folder.path()).unwrap().unwrap();
        assert_eq!(newest.part(0), other.part(0));
    }

    #[test]
    fn what_was_written_in_part_is_written_over() {
        let folder = Folder::new(&[]);
        let path = folder.path().join(FILE);
        let mut made = Vocabulary::create(folder.path()).unwrap();
        let coded = [made.coded("plum jam"), made.coded("plum jam")];
        made.save(folder.path()).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for torn in [&[9, 0, 0, 0, 1][..], &[1, 0], &[3, 0, 0, 0, 1, 2, 3]] {
            std::fs::write(&path, [&whole, torn].concat()).unwrap();
            assert!(!Vocabulary::is_whole(folder.path()).unwrap());
            let mut again = Vocabulary::open(folder.path(), true).unwrap();
            assert_eq!(again.text(&coded[1]).unwrap(), "plum jam");
            let late = [again.coded("cherry"), again.coded("cherry")];
            again.save(folder.path()).unwrap();
            let read = Vocabulary::open(folder.path(), false).unwrap();
            assert_eq!(read.text(&late[1]).unwrap(), "cherry");
            assert!(Vocabulary::is_whole(folder.path()).unwrap());
        }
    }

    #[test]
    fn common_stems_are_kept() {
        let folder = Folder::new(&[]);
        let pairs = |stems: &[(&str, bool)]| {
            let stems = stems.iter();
            Arc::new(Pairs::of(
                stems.map(|&(stem, function)| (stem.to_owned(), function)),
            ))
        };
        for stems in [&[("the", true), ("boat", false)][..], &[]] {
            let mut made = Vocabulary::create(folder.path()).unwrap();
            made.save(folder.path()).unwrap();
            let read = Vocabulary::open(folder.path(), false).unwrap();
            assert!(read.pairs().is_none());
            made.choose(pairs(stems));
            let coded = [made.coded("plum"), made.coded("plum")];
            made.save(folder.path()).unwrap();
            let newer = read.newer(folder.path()).unwrap().unwrap();
            assert_eq!(newer.pairs(), Some(&pairs(stems)));
            assert_eq!(newer.text(&coded[1]).unwrap(), "plum");
            let mut again = Vocabulary::open(folder.path(), true).unwrap();
            assert_eq!(again.pairs(), Some(&pairs(stems)));
            again.save(folder.path()).unwrap();
            assert!(Vocabulary::is_whole(folder.path()).unwrap());
        }
        assert!(taken_stems(&[1, 3, 97]).is_err());
        assert!(taken_stems(&[1]).is_err());
    }

    #[test]
    fn what_is_none_is_told() {
        let folder = Folder::new(&[]);
        let class = |found: Result<Vocabulary>| found.err().map(|error| error.class);
        let corrupt = Some(ErrorClass::Corrupt);
        assert_eq!(class(Vocabulary::open(folder.path(), false)), corrupt);
        std::fs::write(
            folder.path().join(FILE),
            "no such file of ours, but long enough",
        )
        .unwrap();
        assert_eq!(class(Vocabulary::open(folder.path(), false)), corrupt);
        assert!(!Vocabulary::is_whole(folder.path()).unwrap());
        let empty = Vocabulary::create(folder.path()).unwrap();
        for wrong in [
            &[0][..],
            &[0xa0],
            &[0xf0, 0],
            &[LITERAL],
            &[LITERAL, 3, 97],
            &[LITERAL, 1, 0xff],
            &[0xff],
        ] {
            assert!(empty.text(wrong).is_err(), "{wrong:?}");
        }
    }
}
