//! Documents: the dates and the number of pages of PDFs and of office documents in zip files; files of XMP alone.

use std::io::Read as _;

use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use memchr::memmem;

use super::date::Stamp;
use super::source::{Source, le16, le32};
use super::{Facts, MAX_PACKET, Rank, from_hexadecimal, xmp};

/// Most of a part that is unpacked.
const MAX_PART: usize = 256 << 10;

/// A file of XMP alone.
pub fn xmp_file(source: &mut Source<'_>, facts: &mut Facts) {
    let data = source.bytes(0, MAX_PACKET);
    if memmem::find(&data, b"adobe:ns:meta").is_some()
        || memmem::find(&data, b"ns.adobe.com/").is_some()
    {
        xmp::read(&data, facts);
    }
}

// PDF -----------------------------------------------------------------------------------------------------------------

/// How many tables of places are followed, the newest first.
const MAX_TABLES: usize = 64;
const MAX_OBJECTS: u64 = 200_000;
/// How many places of objects are kept: packed tables of a few KB could name any number.
const MAX_PLACES: usize = 1 << 20;
const TAIL: usize = 2048;
const OBJECT: usize = 4096;

/// Where an object is.
#[derive(Clone, Copy)]
enum Place {
    At(u64),
    /// The number of the stream that holds it, and its number in that.
    In(u64, u64),
}

struct Pdf<'s, 'a> {
    source: &'s mut Source<'a>,
    places: std::collections::HashMap<u64, Place>,
    trailer: Vec<u8>,
}

pub fn pdf(source: &mut Source<'_>, facts: &mut Facts) {
    let tail_at = source.size.saturating_sub(TAIL as u64);
    let tail = source.bytes(tail_at, TAIL);
    let start = memmem::rfind(&tail, b"startxref").and_then(|at| number(&tail[at + 9..]));
    Pdf::opened(source, start).read(facts);
}

impl<'s, 'a> Pdf<'s, 'a> {
    /// With the places and trailers of the newest table, if there is one, and of those before it.
    fn opened(source: &'s mut Source<'a>, newest: Option<u64>) -> Self {
        let mut pdf = Self {
            source,
            places: std::collections::HashMap::new(),
            trailer: Vec::new(),
        };
        let mut next = newest;
        let mut seen = Vec::new();
        while let Some(at) = next.filter(|at| !seen.contains(at) && seen.len() < MAX_TABLES) {
            seen.push(at);
            next = pdf.table(at);
        }
        pdf
    }

    /// Read the table at a place into the places; the place of the one before it.
    fn table(&mut self, at: u64) -> Option<u64> {
        let head = self.source.bytes(at, 64);
        let skipped = head.iter().position(|byte| !byte.is_ascii_whitespace())? as u64;
        if head[skipped as usize..].starts_with(b"xref") {
            self.plain_table(at + skipped + 4)
        } else {
            self.packed_table(at)
        }
    }

    fn plain_table(&mut self, at: u64) -> Option<u64> {
        let mut at = at;
        for _ in 0..1000 {
            let line = self.source.bytes(at, 64);
            let skipped = line.iter().position(|byte| !byte.is_ascii_whitespace())?;
            let line = &line[skipped..];
            if line.starts_with(b"trailer") {
                let trailer = self.source.bytes(at + skipped as u64, OBJECT);
                let end = memmem::find(&trailer, b"startxref").unwrap_or(trailer.len());
                let trailer = trailer[..end].to_vec();
                return self.follow(trailer);
            }
            let (first, rest) = digits(line)?;
            let (count, rest) = digits(rest.trim_ascii_start())?;
            let lines = rest.trim_ascii_start();
            let begin = at + skipped as u64 + (line.len() - lines.len()) as u64;
            let count = count.min(MAX_OBJECTS);
            let rows = self.source.bytes(begin, count as usize * 20);
            for (index, row) in (first..).zip(rows.chunks_exact(20)) {
                if row.get(17) == Some(&b'n')
                    && let Some((place, _)) = digits(row)
                {
                    self.keep(index, Place::At(place));
                }
            }
            at = begin + count * 20;
        }
        None
    }

    fn packed_table(&mut self, at: u64) -> Option<u64> {
        let (dictionary, data) = self.stream(at)?;
        let widths = list(value(&dictionary, b"/W")?);
        let [a, b, c] = *widths.first_chunk::<3>()?;
        if a > 8 || b > 8 || c > 8 || a + b + c == 0 {
            return None;
        }
        let size = value(&dictionary, b"/Size")
            .and_then(number)
            .unwrap_or_default();
        let index = value(&dictionary, b"/Index").map_or_else(|| vec![0, size], list);
        let mut rows = data.chunks_exact((a + b + c) as usize);
        for pair in index.chunks_exact(2).take(1000) {
            for id in pair[0]..pair[0].saturating_add(pair[1].min(MAX_OBJECTS)) {
                let Some(row) = rows.next() else { break };
                let field = |from: u64, width: u64| {
                    row[from as usize..(from + width) as usize]
                        .iter()
                        .fold(0u64, |number, byte| number << 8 | u64::from(*byte))
                };
                let kind = if a == 0 { 1 } else { field(0, a) };
                let place = match kind {
                    1 => Place::At(field(a, b)),
                    2 => Place::In(field(a, b), field(a + b, c)),
                    _ => continue,
                };
                self.keep(id, place);
            }
        }
        self.follow(dictionary)
    }

    /// Keep the place of an object, unless a newer table has named one.
    fn keep(&mut self, id: u64, place: Place) {
        if self.places.len() < MAX_PLACES {
            self.places.entry(id).or_insert(place);
        }
    }

    /// Keep a trailer, and find the table before it.
    fn follow(&mut self, trailer: Vec<u8>) -> Option<u64> {
        // A file for both kinds of programs has a packed table beside the plain one.
        if let Some(at) = value(&trailer, b"/XRefStm").and_then(number) {
            self.packed_table(at);
        }
        let before = value(&trailer, b"/Prev").and_then(number);
        self.trailer.extend_from_slice(&trailer);
        self.trailer.push(b'\n');
        before
    }

    /// The dictionary of a stream at a place, and its bytes, unpacked.
    fn stream(&mut self, at: u64) -> Option<(Vec<u8>, Vec<u8>)> {
        let head = self.source.bytes(at, OBJECT);
        let end = memmem::find(&head, b"stream")?;
        let dictionary = head[..end].to_vec();
        let skip = match head.get(end + 6..end + 8)? {
            b"\r\n" => 2,
            [b'\n' | b'\r', _] => 1,
            _ => 0,
        };
        let length = value(&dictionary, b"/Length")
            .and_then(number)
            .unwrap_or(MAX_PACKET as u64);
        let data = self.source.bytes(
            at + (end + 6 + skip) as u64,
            length.min(2 * MAX_PACKET as u64) as usize,
        );
        if value(&dictionary, b"/Filter").is_none() {
            return Some((dictionary, data));
        }
        value(&dictionary, b"/Filter").filter(|filter| {
            memmem::find(&filter[..filter.len().min(32)], b"FlateDecode").is_some()
        })?;
        let mut out = Vec::new();
        // What can be unpacked of a stream that is cut off is enough.
        let _ = ZlibDecoder::new(&data[..])
            .take(8 * MAX_PACKET as u64)
            .read_to_end(&mut out);
        let columns = value(&dictionary, b"/Columns")
            .and_then(number)
            .unwrap_or(1);
        let predictor = value(&dictionary, b"/Predictor")
            .and_then(number)
            .unwrap_or(1);
        if predictor >= 10 && (1..=64).contains(&columns) {
            out = unpredicted(&out, columns as usize);
        }
        Some((dictionary, out))
    }

    /// The text of an object: what is between `obj` and `endobj`, or its part of a stream of objects.
    fn object(&mut self, id: u64) -> Option<Vec<u8>> {
        match *self.places.get(&id)? {
            Place::At(at) => {
                let bytes = self.source.bytes(at, OBJECT);
                let start = memmem::find(&bytes[..bytes.len().min(64)], b"obj")? + 3;
                let end = memmem::find(&bytes, b"endobj").unwrap_or(bytes.len());
                Some(bytes.get(start..end)?.to_vec())
            }
            Place::In(stream, index) => {
                let Place::At(at) = *self.places.get(&stream)? else {
                    return None;
                };
                let (dictionary, data) = self.stream(at)?;
                let first = value(&dictionary, b"/First").and_then(number)? as usize;
                let mut heads = data.get(..first)?;
                let mut numbers = Vec::new();
                while let Some((found, rest)) = digits(heads.trim_ascii_start()) {
                    numbers.push(found);
                    heads = rest;
                }
                let (pairs, _) = numbers.as_chunks::<2>();
                let index = usize::try_from(index).ok()?;
                let [_, start] = *pairs.get(index)?;
                let start = first.checked_add(usize::try_from(start).ok()?)?;
                let end = pairs[index + 1..]
                    .first()
                    .map(|[_, end]| end)
                    .map_or(data.len(), |end| first.saturating_add(*end as usize));
                Some(data.get(start..end.min(data.len()))?.to_vec())
            }
        }
    }

    fn reference(&self, bytes: &[u8], name: &[u8]) -> Option<u64> {
        value(bytes, name).and_then(number)
    }

    fn read(&mut self, facts: &mut Facts) {
        let trailer = std::mem::take(&mut self.trailer);
        if value(&trailer, b"/Encrypt").is_none()
            && let Some(info) = self
                .reference(&trailer, b"/Info")
                .and_then(|id| self.object(id))
            && let Some(date) = value(&info, b"/CreationDate")
            && let Some(stamp) = literal(date).and_then(|text| Stamp::pdf(&text))
        {
            facts.date(Rank::Written, stamp, "document");
        }
        let root = self
            .reference(&trailer, b"/Root")
            .and_then(|id| self.object(id));
        let pages = root
            .and_then(|root| self.reference(&root, b"/Pages"))
            .and_then(|id| self.object(id));
        let count = pages.and_then(|pages| value(&pages, b"/Count").and_then(number));
        facts.pages = count
            .filter(|count| (1..1_000_000).contains(count))
            .map(|count| count as u32);
    }
}

/// What follows a name in a dictionary.
fn value<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    memmem::find_iter(bytes, name)
        .map(|at| &bytes[at + name.len()..])
        .find(|rest| {
            !rest
                .first()
                .is_some_and(|byte| byte.is_ascii_alphanumeric())
        })
        .map(<[u8]>::trim_ascii_start)
}

fn digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let count = bytes
        .iter()
        .take(18)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = bytes.split_at(count);
    (count > 0).then(|| {
        (
            digits
                .iter()
                .fold(0, |number, byte| number * 10 + u64::from(byte - b'0')),
            rest,
        )
    })
}

fn number(bytes: &[u8]) -> Option<u64> {
    digits(bytes.trim_ascii_start()).map(|(number, _)| number)
}

/// `[1 2 3]`
fn list(bytes: &[u8]) -> Vec<u64> {
    let mut rest = bytes.strip_prefix(b"[").unwrap_or_default();
    let mut found = Vec::new();
    while let Some((number, after)) = digits(rest.trim_ascii_start()) {
        found.push(number);
        rest = after;
    }
    found
}

/// `(text)` or `<hexadecimal>`, of plain letters.
fn literal(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = &bytes[..bytes.len().min(256)];
    let raw = match bytes.split_first()? {
        (b'(', rest) => rest[..memchr::memchr(b')', rest)?].to_vec(),
        (b'<', rest) => from_hexadecimal(&rest[..memchr::memchr(b'>', rest)?]),
        _ => return None,
    };
    // In 16 bits, every other byte of plain letters is 0.
    Some(
        raw.into_iter()
            .filter(|byte| byte.is_ascii_graphic() && *byte != b'\\')
            .collect(),
    )
}

/// PNG's predictors, of which only "up" is in use here; rows of others stay as they are.
fn unpredicted(data: &[u8], columns: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut above = vec![0; columns];
    for row in data.chunks_exact(columns + 1) {
        let up = row[0] == 2;
        let line: Vec<u8> = row[1..]
            .iter()
            .zip(&above)
            .map(|(byte, above)| if up { byte.wrapping_add(*above) } else { *byte })
            .collect();
        out.extend_from_slice(&line);
        above = line;
    }
    out
}

// zip -----------------------------------------------------------------------------------------------------------------

/// Office documents: their properties are small parts of a zip file.
pub fn package(source: &mut Source<'_>, facts: &mut Facts) {
    let tail_at = source.size.saturating_sub(1024);
    let tail = source.bytes(tail_at, 1024);
    let Some(end) = memmem::rfind(&tail, b"PK\x05\x06") else {
        return;
    };
    let (Some(size), Some(offset)) = (le32(&tail, end + 12), le32(&tail, end + 16)) else {
        return;
    };
    let directory = source.bytes(offset.into(), (size as usize).min(1 << 20));
    let mut at = 0;
    while let Some(entry) = directory
        .get(at..at + 46)
        .filter(|entry| entry.starts_with(b"PK\x01\x02"))
    {
        let length = |at: usize| usize::from(le16(entry, at).unwrap_or_default());
        let name = directory
            .get(at + 46..at + 46 + length(28))
            .unwrap_or_default();
        if matches!(
            name,
            b"docProps/core.xml" | b"docProps/app.xml" | b"meta.xml"
        ) {
            let part = unpacked(
                source,
                le32(entry, 42).unwrap_or_default(),
                le32(entry, 20).unwrap_or_default(),
                length(10),
            );
            if let Some(part) = part {
                properties(&part, facts);
            }
        }
        at += 46 + length(28) + length(30) + length(32);
    }
}

fn unpacked(source: &mut Source<'_>, offset: u32, packed: u32, method: usize) -> Option<Vec<u8>> {
    let head = source.exactly(offset.into(), 30)?;
    let skip = 30 + u64::from(le16(&head, 26)?) + u64::from(le16(&head, 28)?);
    let data = source.bytes(u64::from(offset) + skip, (packed as usize).min(MAX_PACKET));
    match method {
        0 => Some(data),
        8 => {
            let mut out = Vec::new();
            let _ = DeflateDecoder::new(&data[..])
                .take(MAX_PART as u64)
                .read_to_end(&mut out);
            Some(out)
        }
        _ => None,
    }
}

fn properties(xml: &[u8], facts: &mut Facts) {
    let element = |name: &[u8]| {
        let at = memmem::find(xml, name)? + name.len();
        let start = at + memchr::memchr(b'>', &xml[at..])? + 1;
        let end = start + memchr::memchr(b'<', &xml[start..])?;
        Some(&xml[start..end])
    };
    for name in [&b"<dcterms:created"[..], b"<meta:creation-date"] {
        if let Some(stamp) = element(name).and_then(Stamp::iso) {
            facts.date(Rank::Written, stamp, "document");
        }
    }
    let counted = element(b"<Pages")
        .or_else(|| element(b"<Slides"))
        .or_else(|| {
            let at = memmem::find(xml, b"meta:page-count=\"")? + 17;
            let end = memchr::memchr(b'"', &xml[at..])?;
            Some(&xml[at..at + end])
        });
    if let Some(pages) = counted
        .and_then(number)
        .filter(|pages| (1..1_000_000).contains(pages))
    {
        facts.pages = Some(pages as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pdf_cannot_name_objects_without_bound() {
        use std::io::Write as _;

        // Each byte of a packed table is an object, and such tables are packed a thousandfold.
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![1; 2 << 20]).unwrap();
        let packed = packer.finish().unwrap();
        let mut data = b"%PDF-1.5\n".to_vec();
        let mut before = 0;
        for table in 0..2u64 {
            let at = data.len();
            let index: String = (0..11)
                .map(|part| format!("{} 200000 ", (table * 11 + part) * 200_000))
                .collect();
            let head = format!(
                "1 0 obj<</W [1 0 0]/Index [{index}]/Filter/FlateDecode/Length {}/Prev {before}>>stream\n",
                packed.len()
            );
            data.extend(head.as_bytes());
            data.extend(&packed);
            before = at;
        }
        let mut nothing = |_: u64, _: &mut [u8]| 0;
        let mut source = Source::new(&data, data.len() as u64, &mut nothing);
        let pdf = Pdf::opened(&mut source, Some(before as u64));
        assert_eq!(pdf.places.len(), MAX_PLACES);
    }
}
