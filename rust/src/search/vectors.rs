//! The file of vectors: one-bit codes to choose by, int8 codes to rank by, scanned whole. There is no index to build.
//!
//! Rows stand in blocks of [`BLOCK`], each part of them together: the bits, the codes, the contents with their scales.
//! A row is 450 bytes for 384 dimensions; the file says how many it has. The first page holds two headers that are written in turn, so that a kill
//! leaves the older one: rows beyond its number do not exist, and are written over. A removed row has no content
//! (zeros); the rows of a content stand in a row, in the order of its chunks.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasherDefault, Hasher};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use memmap2::Mmap;

use super::codes::{block_distances, coded, dot, is_known, scale_of, words_of};
use crate::error::{CoreError, ErrorClass, Result};
use crate::parallel::on_threads;

/// Rows in a block.
pub const BLOCK: usize = 64;
const META: usize = 18;
const PAGE: usize = 4096;
const SLOT: usize = 512;
const MAGIC: &[u8; 8] = b"PILVEC\0\x01";
const STAMP: usize = 200;
/// How many rows the one-bit codes choose for each that is asked for, and at least how many.
const CHOSEN_FOR_EACH: usize = 10;
const CHOSEN: usize = 1500;
/// Rows that a thread takes at a time.
const SHARE: usize = 16_384;
/// Files of fewer rows are scanned by one thread: starting another takes longer.
const SHARED: usize = 50_000;

/// The first 16 bytes of a content's uuid, which are all of it.
pub type Content = [u8; 16];

/// Contents are made of hashes: their first bytes are as good as any hash of them.
#[derive(Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}

/// A set of contents.
pub type Contents = HashSet<Content, BuildHasherDefault<FirstBytes>>;

/// A row that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub row: usize,
    /// The content.
    pub content: Content,
    /// The number of the chunk in its content.
    pub chunk: usize,
    /// The cosine, nearly.
    pub score: f32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    dimensions: usize,
    turn: u64,
    rows: usize,
    dead: usize,
    stamp: String,
}

/// An open file of vectors.
pub struct VectorFile {
    file: File,
    map: Option<Mmap>,
    header: Header,
    /// Rows written since the last commit.
    written: usize,
    dead: usize,
    writable: bool,
}

/// More than any library has: what a file says of itself must not decide how much memory a search takes.
const MOST_ROWS: usize = 1 << 28;

fn corrupt(message: &str) -> CoreError {
    CoreError::new(
        ErrorClass::Corrupt,
        format!("the file of vectors {message}"),
    )
}

/// Where the parts of rows stand in a file of so many dimensions.
#[derive(Clone, Copy)]
struct Layout {
    dimensions: usize,
}

impl Layout {
    /// The bytes of a one-bit code.
    fn bits(self) -> usize {
        self.dimensions / 8
    }

    fn block_bytes(self) -> usize {
        BLOCK * (self.bits() + self.dimensions + META)
    }

    fn block_at(self, row: usize) -> u64 {
        (PAGE + row / BLOCK * self.block_bytes()) as u64
    }

    fn bits_at(self, row: usize) -> u64 {
        self.block_at(row) + (row % BLOCK * self.bits()) as u64
    }

    fn codes_at(self, row: usize) -> u64 {
        self.block_at(row) + (BLOCK * self.bits() + row % BLOCK * self.dimensions) as u64
    }

    fn meta_at(self, row: usize) -> u64 {
        self.block_at(row) + (BLOCK * (self.bits() + self.dimensions) + row % BLOCK * META) as u64
    }
}

impl Header {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SLOT);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(self.dimensions as u64).to_le_bytes());
        bytes.extend_from_slice(&self.turn.to_le_bytes());
        bytes.extend_from_slice(&(self.rows as u64).to_le_bytes());
        bytes.extend_from_slice(&(self.dead as u64).to_le_bytes());
        bytes.extend_from_slice(&(self.stamp.len() as u64).to_le_bytes());
        bytes.extend_from_slice(self.stamp.as_bytes());
        bytes.resize(SLOT - 32, 0);
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(SLOT - 32)?;
        if blake3::hash(body).as_bytes().as_slice() != sum || !body.starts_with(MAGIC) {
            return None;
        }
        let number = |at: usize| {
            body.get(at..at + 8)?
                .first_chunk()
                .map(|bytes| u64::from_le_bytes(*bytes))
        };
        let dimensions = usize::try_from(number(8)?)
            .ok()
            .filter(|&dimensions| is_known(dimensions))?;
        let length = usize::try_from(number(40)?)
            .ok()
            .filter(|&length| length <= STAMP)?;
        let rows = usize::try_from(number(24)?)
            .ok()
            .filter(|&rows| rows <= MOST_ROWS)?;
        Some(Self {
            dimensions,
            turn: number(16).filter(|&turn| turn < u64::MAX / 2)?,
            rows,
            dead: usize::try_from(number(32)?)
                .ok()
                .filter(|&dead| dead <= rows)?,
            stamp: String::from_utf8(body.get(48..48 + length)?.to_vec()).ok()?,
        })
    }
}

impl VectorFile {
    /// Open a file. `missing_source` if there is none, `corrupt` if it is none of ours or shorter than it says.
    pub fn open(path: &Path, writable: bool) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(writable).open(path)?;
        let mut page = vec![0; 2 * SLOT];
        file.read_exact_at(&mut page, 0)
            .map_err(|_| corrupt("has no header"))?;
        let header = [&page[..SLOT], &page[SLOT..]]
            .into_iter()
            .filter_map(Header::parse)
            .max_by_key(|header| header.turn)
            .ok_or_else(|| corrupt("has no header"))?;
        let mut opened = Self {
            file,
            map: None,
            written: header.rows,
            dead: header.dead,
            header,
            writable,
        };
        opened.remap()?;
        Ok(opened)
    }

    /// Make an empty file for vectors of so many dimensions, in the place of any that is there. `unsupported` for a number
    /// that no file can have.
    pub fn create(path: &Path, dimensions: usize) -> Result<Self> {
        if !is_known(dimensions) {
            return Err(CoreError::new(
                ErrorClass::Unsupported,
                "vectors have 64 to 4096 dimensions, in steps of 64",
            ));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        let header = Header {
            dimensions,
            turn: 1,
            rows: 0,
            dead: 0,
            stamp: String::new(),
        };
        file.set_len(PAGE as u64)?;
        file.write_all_at(&header.bytes(), SLOT as u64)?;
        file.sync_all()?;
        Ok(Self {
            file,
            map: None,
            written: 0,
            dead: 0,
            header,
            writable: true,
        })
    }

    fn remap(&mut self) -> Result<()> {
        let rows = self.header.rows;
        if rows == 0 {
            self.map = None;
            return Ok(());
        }
        let layout = self.layout();
        let wanted = layout.block_at(rows - 1) + layout.block_bytes() as u64;
        if self.file.metadata()?.len() < wanted {
            return Err(corrupt("is shorter than it says"));
        }
        // SAFETY: committed rows change only where a row is removed, which zeroes its content; a reader sees the row or
        // none. The file is never cut: a smaller one takes its place by its name.
        self.map = Some(unsafe { Mmap::map(&self.file)? });
        Ok(())
    }

    fn layout(&self) -> Layout {
        Layout {
            dimensions: self.header.dimensions,
        }
    }

    /// What each vector has.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.header.dimensions
    }

    /// The stamp of the last commit.
    #[must_use]
    pub fn stamp(&self) -> &str {
        &self.header.stamp
    }

    /// (rows, of them removed), as of the last commit.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.header.rows, self.header.dead)
    }

    /// Add the vectors of a content, of unit length, in the order of its chunks.
    pub fn append(&mut self, content: &Content, vectors: &[f32]) -> Result<()> {
        if !self.writable {
            return Err(CoreError::new(
                ErrorClass::Unsupported,
                "the file was opened to be read",
            ));
        }
        let layout = self.layout();
        for vector in vectors.chunks_exact(layout.dimensions) {
            let row = self.written;
            if row.is_multiple_of(BLOCK) {
                self.grow(row)?;
            }
            let (bits, codes, scale) = coded(vector);
            self.file.write_all_at(&bits, layout.bits_at(row))?;
            self.file.write_all_at(&codes, layout.codes_at(row))?;
            let mut meta = [0; META];
            meta[..16].copy_from_slice(content);
            meta[16..].copy_from_slice(&scale);
            self.file.write_all_at(&meta, layout.meta_at(row))?;
            self.written += 1;
        }
        Ok(())
    }

    /// Room for the block that a row begins.
    fn grow(&self, row: usize) -> Result<()> {
        let layout = self.layout();
        let length = layout.block_at(row) + layout.block_bytes() as u64;
        Ok(self.file.set_len(length)?)
    }

    /// Remove the rows of contents, also those added since the last commit; returns how many.
    pub fn remove(&mut self, contents: &Contents) -> Result<usize> {
        let layout = self.layout();
        let mut number = 0;
        let mut block = vec![0; BLOCK * META];
        for first in (0..self.written).step_by(BLOCK) {
            self.file.read_exact_at(&mut block, layout.meta_at(first))?;
            for row in first..self.written.min(first + BLOCK) {
                let at = row % BLOCK * META;
                let Some(content) = block[at..].first_chunk::<16>() else {
                    continue;
                };
                if contents.contains(content) {
                    self.file.write_all_at(&[0; 16], layout.meta_at(row))?;
                    number += 1;
                }
            }
        }
        self.dead += number;
        Ok(number)
    }

    /// Make what was added and removed durable and visible. `stamp`: the caller's, at most 200 bytes.
    pub fn commit(&mut self, stamp: &str) -> Result<()> {
        if stamp.len() > STAMP {
            return Err(CoreError::new(
                ErrorClass::TooLarge,
                "the stamp is too long",
            ));
        }
        self.file.sync_data()?;
        let header = Header {
            dimensions: self.header.dimensions,
            turn: self.header.turn + 1,
            rows: self.written,
            dead: self.dead,
            stamp: stamp.to_owned(),
        };
        self.file
            .write_all_at(&header.bytes(), header.turn % 2 * SLOT as u64)?;
        self.file.sync_data()?;
        self.header = header;
        self.remap()
    }

    /// Write what is not removed to a new file, which must then be given this one's name.
    pub fn compacted(&self, path: &Path) -> Result<()> {
        let layout = self.layout();
        let mut made = Self::create(path, layout.dimensions)?;
        for row in 0..self.header.rows {
            let (content, _) = self.meta(row);
            if content == [0; 16] {
                continue;
            }
            let to = made.written;
            if to.is_multiple_of(BLOCK) {
                made.grow(to)?;
            }
            for (from, length, into) in [
                (layout.bits_at(row), layout.bits(), layout.bits_at(to)),
                (layout.codes_at(row), layout.dimensions, layout.codes_at(to)),
                (layout.meta_at(row), META, layout.meta_at(to)),
            ] {
                made.file.write_all_at(self.slice(from, length), into)?;
            }
            made.written += 1;
        }
        made.commit(&self.header.stamp)
    }

    fn slice(&self, at: u64, length: usize) -> &[u8] {
        let at = at as usize;
        self.map.as_ref().map_or(&[], |map| &map[at..at + length])
    }

    fn meta(&self, row: usize) -> (Content, f32) {
        let meta = self.slice(self.layout().meta_at(row), META);
        let mut content = [0; 16];
        content.copy_from_slice(&meta[..16]);
        (content, scale_of([meta[16], meta[17]]))
    }

    /// Every content with how many rows it has.
    #[must_use]
    pub fn contents(&self) -> Vec<(Content, usize)> {
        let mut found: Vec<(Content, usize)> = Vec::new();
        for row in 0..self.header.rows {
            let (content, _) = self.meta(row);
            match found.last_mut() {
                Some((last, number)) if *last == content => *number += 1,
                _ => found.push((content, 1)),
            }
        }
        found.retain(|(content, _)| *content != [0; 16]);
        found
    }

    /// The `limit` rows nearest to a query of unit length, best first; `among`: only rows of these contents.
    #[must_use]
    pub fn scan(
        &self,
        query: &[f32],
        limit: usize,
        among: Option<&Contents>,
        threads: usize,
    ) -> Vec<Row> {
        let rows = self.header.rows;
        if rows == 0 || query.len() != self.dimensions() {
            return Vec::new();
        }
        let wanted = CHOSEN.max(limit.saturating_mul(CHOSEN_FOR_EACH));
        let (bits, _, _) = coded(query);
        let bits = words_of(&bits);
        let threads = if rows < SHARED { 1 } else { threads.max(1) };
        let mut distances = vec![u16::MAX; rows.next_multiple_of(BLOCK)];
        let shares = Mutex::new(distances.chunks_mut(SHARE).enumerate());
        let take = || {
            let mut shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
            shares.next()
        };
        let counts = on_threads(threads, || {
            let mut counts = vec![0_usize; self.dimensions() + 1];
            while let Some((number, part)) = take() {
                self.distances(&bits, number * SHARE, among, part);
                for &distance in &*part {
                    if let Some(count) = counts.get_mut(usize::from(distance)) {
                        *count += 1;
                    }
                }
            }
            counts
        });
        let mut sum = 0;
        let border = (0..=self.dimensions()).find(|&distance| {
            sum += counts.iter().map(|one| one[distance]).sum::<usize>();
            sum >= wanted
        });
        let border = border.unwrap_or(self.dimensions()) as u16;
        let shares = Mutex::new(distances[..rows].chunks(SHARE).enumerate());
        let take = || {
            let mut shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
            shares.next()
        };
        let rated = on_threads(threads, || {
            let mut rated: Vec<(f32, usize)> = Vec::new();
            while let Some((number, part)) = take() {
                let near = part.iter().enumerate().filter(|one| *one.1 <= border);
                for row in near.map(|(at, _)| number * SHARE + at) {
                    rated.push((self.score(query, row), row));
                }
            }
            rated
        });
        let mut found = rated.concat();
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found.truncate(limit);
        found
            .into_iter()
            .map(|(score, row)| self.row(row, score))
            .collect()
    }

    fn row(&self, row: usize, score: f32) -> Row {
        let (content, _) = self.meta(row);
        let mut first = row;
        while first > 0 && self.meta(first - 1).0 == content {
            first -= 1;
        }
        Row {
            row,
            content,
            chunk: row - first,
            score,
        }
    }

    fn score(&self, query: &[f32], row: usize) -> f32 {
        let codes = self.slice(self.layout().codes_at(row), self.dimensions());
        let (_, scale) = self.meta(row);
        scale * dot(query, codes)
    }

    /// The cosines of rows with a query.
    #[must_use]
    pub fn scores(&self, query: &[f32], rows: &[usize]) -> Vec<f32> {
        rows.iter()
            .map(|&row| {
                if row < self.header.rows {
                    self.score(query, row)
                } else {
                    0.0
                }
            })
            .collect()
    }

    /// The vector of a row, as it is stored.
    #[must_use]
    pub fn vector(&self, row: usize) -> Vec<f32> {
        if row >= self.header.rows {
            return vec![0.0; self.dimensions()];
        }
        let (_, scale) = self.meta(row);
        self.slice(self.layout().codes_at(row), self.dimensions())
            .iter()
            .map(|&code| f32::from(code as i8) * scale)
            .collect()
    }

    /// The rows of a content, by number.
    #[must_use]
    pub fn rows_of(&self, content: &Content) -> Vec<usize> {
        (0..self.header.rows)
            .filter(|&row| self.meta(row).0 == *content)
            .collect()
    }

    fn distances(&self, query: &[u64], first: usize, among: Option<&Contents>, out: &mut [u16]) {
        let layout = self.layout();
        let mut last: (Content, bool) = ([0; 16], false);
        for (number, part) in out.chunks_mut(BLOCK).enumerate() {
            let row = first + number * BLOCK;
            if row >= self.header.rows {
                return;
            }
            let bits = self.slice(layout.block_at(row), BLOCK * layout.bits());
            block_distances(query, bits, part);
            for (at, distance) in part.iter_mut().enumerate() {
                if row + at >= self.header.rows {
                    *distance = u16::MAX;
                    continue;
                }
                let meta = self.slice(layout.meta_at(row + at), 16);
                let Some(content) = meta.first_chunk::<16>() else {
                    continue;
                };
                if last.0 != *content {
                    last = (*content, among.is_none_or(|among| among.contains(content)));
                }
                if *content == [0; 16] || !last.1 {
                    *distance = u16::MAX;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const DIMENSIONS: usize = 384;

    fn vectors(number: usize) -> Vec<f32> {
        vectors_of(number, DIMENSIONS)
    }

    /// Vectors of unit length, the same each time.
    fn vectors_of(number: usize, dimensions: usize) -> Vec<f32> {
        let mut state = 12345_u64;
        let mut all = Vec::with_capacity(number * dimensions);
        for _ in 0..number {
            let one: Vec<f32> = (0..dimensions)
                .map(|_| {
                    state = state
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    ((state >> 40) as f32 / (1 << 24) as f32) - 0.5
                })
                .collect();
            let length = one.iter().map(|value| value * value).sum::<f32>().sqrt();
            all.extend(one.iter().map(|value| value / length));
        }
        all
    }

    fn content(number: u8) -> Content {
        let mut content = [7; 16];
        content[0] = number;
        content
    }

    #[test]
    fn rows_are_found_and_removed() {
        let folder = Folder::new(&[]);
        let path = folder.path().join("v");
        let all = vectors(200);
        let mut file = VectorFile::create(&path, DIMENSIONS).unwrap();
        for number in 0..100 {
            file.append(&content(number), &all[usize::from(number) * 768..][..768])
                .unwrap();
        }
        file.commit("one").unwrap();
        let read = VectorFile::open(&path, false).unwrap();
        for at in [0, 63, 64, 131, 199] {
            let query = &all[at * DIMENSIONS..][..DIMENSIONS];
            let best = read.scan(query, 3, None, 2)[0];
            assert_eq!(
                (best.row, best.content, best.chunk),
                (at, content(at as u8 / 2), at % 2)
            );
            assert!((best.score - 1.0).abs() < 0.01, "{}", best.score);
        }
        let only: Contents = [content(3), content(50)].into_iter().collect();
        let found = read.scan(&all[..DIMENSIONS], 10, Some(&only), 1);
        assert_eq!(
            found.iter().map(|row| row.row / 2).collect::<HashSet<_>>(),
            HashSet::from([3, 50])
        );
        assert_eq!(file.remove(&only).unwrap(), 4);
        file.commit("two").unwrap();
        let read = VectorFile::open(&path, false).unwrap();
        assert!(
            read.scan(&all[..DIMENSIONS], 200, Some(&only), 1)
                .is_empty()
        );
        assert_eq!((read.counts(), read.stamp()), ((200, 4), "two"));
        let other = folder.path().join("w");
        read.compacted(&other).unwrap();
        let small = VectorFile::open(&other, false).unwrap();
        assert_eq!(
            (small.counts(), small.contents()),
            ((196, 0), read.contents())
        );
    }

    #[test]
    fn what_was_not_committed_is_written_over() {
        let folder = Folder::new(&[]);
        let path = folder.path().join("v");
        let all = vectors(3);
        let mut file = VectorFile::create(&path, DIMENSIONS).unwrap();
        file.append(&content(1), &all[..DIMENSIONS]).unwrap();
        file.commit("one").unwrap();
        file.append(&content(2), &all[DIMENSIONS..]).unwrap();
        drop(file);
        let mut file = VectorFile::open(&path, true).unwrap();
        assert_eq!(file.counts(), (1, 0));
        file.append(&content(3), &all[2 * DIMENSIONS..]).unwrap();
        file.commit("two").unwrap();
        assert_eq!(file.contents(), [(content(1), 1), (content(3), 1)]);
    }

    #[test]
    fn a_damaged_file_is_known() {
        let folder = Folder::new(&[]);
        let path = folder.path().join("v");
        let mut file = VectorFile::create(&path, DIMENSIONS).unwrap();
        file.append(&content(1), &vectors(1)).unwrap();
        file.commit("one").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(
            VectorFile::open(&path, false).err().unwrap().class,
            ErrorClass::Corrupt
        );
        std::fs::write(&path, vec![1; PAGE]).unwrap();
        assert_eq!(
            VectorFile::open(&path, false).err().unwrap().class,
            ErrorClass::Corrupt
        );
        assert_eq!(
            VectorFile::open(&folder.path().join("none"), false)
                .err()
                .unwrap()
                .class,
            ErrorClass::MissingSource
        );
    }

    #[test]
    fn files_of_other_dimensions_say_which() {
        let folder = Folder::new(&[]);
        let path = folder.path().join("v");
        for dimensions in [64, 512, 768, 1152] {
            let all = vectors_of(150, dimensions);
            let mut file = VectorFile::create(&path, dimensions).unwrap();
            for number in 0..150 {
                file.append(
                    &content(number),
                    &all[usize::from(number) * dimensions..][..dimensions],
                )
                .unwrap();
            }
            file.commit("one").unwrap();
            file.remove(&[content(3)].into_iter().collect()).unwrap();
            file.commit("two").unwrap();
            let other = folder.path().join("w");
            file.compacted(&other).unwrap();
            let read = VectorFile::open(&other, false).unwrap();
            assert_eq!((read.dimensions(), read.counts()), (dimensions, (149, 0)));
            for at in [0, 64, 149] {
                let query = &all[at * dimensions..][..dimensions];
                let best = read.scan(query, 1, None, 2)[0];
                assert_eq!(best.content, content(at as u8));
                assert!((best.score - 1.0).abs() < 0.01, "{}", best.score);
            }
            assert!(
                read.scan(&vec![0.0; dimensions + 64], 1, None, 1)
                    .is_empty()
            );
        }
        for dimensions in [0, 65, 8192] {
            let made = VectorFile::create(&path, dimensions);
            assert_eq!(made.err().unwrap().class, ErrorClass::Unsupported);
        }
    }
}
