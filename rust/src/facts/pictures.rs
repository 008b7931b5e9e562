//! Pictures without boxes: JPEG, PNG, GIF, BMP, QOI, PSD, TIFF and the raw files built on it, Fujifilm's raw.

use flate2::bufread::ZlibDecoder;
use std::io::Read as _;

use super::date::Stamp;
use super::exif::{Kind, Tiff};
use super::source::{Source, be16, be32, le16, le32};
use super::{Facts, MAX_PACKET, Rank, from_hexadecimal, iptc, xmp};

/// Segments of a JPEG, or chunks of a PNG, that are looked at.
const MAX_PARTS: usize = 500;

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// What does not fit into a packet; behind it stand 32 digits and two numbers of four bytes.
const MORE_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const EXIF: &[u8] = b"Exif\0\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

pub fn jpeg(source: &mut Source<'_>, facts: &mut Facts) {
    jpeg_at(source, 0, facts);
    if facts.film_length.is_some() {
        film_inside(source, facts);
    } else {
        samsung_film(source, facts);
    }
}

/// The JPEG at a place in the file.
pub fn jpeg_at(source: &mut Source<'_>, start: u64, facts: &mut Facts) {
    let mut at = start + 2;
    for _ in 0..MAX_PARTS {
        let head = source.bytes(at, 64);
        // Some programs leave bytes between segments that belong to none.
        let Some(skipped) = memchr::memchr(0xff, &head) else {
            return;
        };
        if skipped > 0 {
            at += skipped as u64;
            continue;
        }
        let Some(&marker) = head.get(1) else { return };
        match marker {
            0xff => {
                at += 1;
                continue;
            }
            0 | 1 | 0xd0..=0xd8 => {
                at += 2;
                continue;
            }
            0xd9 | 0xda => return,
            _ => {}
        }
        let Some(length) = be16(&head, 2).map(usize::from) else {
            return;
        };
        let payload = head.get(4..).unwrap_or_default();
        let inside = length.saturating_sub(2);
        match marker {
            0xe1 if payload.starts_with(EXIF) => {
                let base = at + 4 + EXIF.len() as u64;
                if let Some(tiff) = Tiff::open(source, base) {
                    tiff.read(source, Kind::Picture, false, facts);
                }
            }
            0xe1 if payload.starts_with(XMP) => {
                let packet =
                    source.bytes(at + 4 + XMP.len() as u64, inside.saturating_sub(XMP.len()));
                xmp::read(&packet, facts);
            }
            0xe1 if payload.starts_with(MORE_XMP) => {
                let skip = MORE_XMP.len() + 40;
                let packet = source.bytes(at + 4 + skip as u64, inside.saturating_sub(skip));
                xmp::read(&packet, facts);
            }
            0xed if payload.starts_with(PHOTOSHOP) => {
                let skip = PHOTOSHOP.len();
                let data = source.bytes(at + 4 + skip as u64, inside.saturating_sub(skip));
                iptc::resources(&data, facts);
            }
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) && facts.stored.is_none() => {
                facts.stored = be16(payload, 3)
                    .zip(be16(payload, 1))
                    .map(|(width, height)| (width.into(), height.into()));
            }
            _ => {}
        }
        at += 2 + length.max(2) as u64;
    }
}

/// Make the claim of a packet the place of a film, if there is one.
pub fn film_inside(source: &mut Source<'_>, facts: &mut Facts) {
    let Some(length) = facts.film_length.filter(|length| *length < source.size) else {
        return;
    };
    let offset = source.size - length;
    if source.bytes(offset + 4, 4) == b"ftyp" {
        facts.motion = Some((offset, length));
    }
}

/// The trailer of Samsung's cameras: a directory at the end of the file, of which one entry is a film.
fn samsung_film(source: &mut Source<'_>, facts: &mut Facts) {
    const FILM: u16 = 0x0a30;
    if source.size < 64 {
        return;
    }
    let end = source.bytes(source.size - 8, 8);
    if end.get(4..) != Some(b"SEFT") {
        return;
    }
    let length = u64::from(le32(&end, 0).unwrap_or_default());
    let Some(start) = (source.size - 8).checked_sub(length) else {
        return;
    };
    let directory = source.bytes(start, length.min(4096) as usize);
    if !directory.starts_with(b"SEFH") {
        return;
    }
    for row in directory.get(12..).unwrap_or_default().chunks_exact(12) {
        let (Some(kind), Some(back), Some(length)) = (le16(row, 2), le32(row, 4), le32(row, 8))
        else {
            return;
        };
        if kind != FILM {
            continue;
        }
        let Some(place) = start.checked_sub(back.into()) else {
            continue;
        };
        let Some(name) = source
            .exactly(place + 4, 4)
            .and_then(|bytes| le32(&bytes, 0))
        else {
            continue;
        };
        let header = 8 + u64::from(name);
        let film = place + header;
        if u64::from(length) > header && source.bytes(film + 4, 4) == b"ftyp" {
            facts.motion = Some((film, u64::from(length) - header));
        }
    }
}

pub fn tiff(source: &mut Source<'_>, facts: &mut Facts) {
    if let Some(tiff) = Tiff::open(source, 0) {
        tiff.read(source, Kind::Picture, true, facts);
    }
}

/// Fujifilm: a JPEG with the EXIF, and a directory of the sensor's data, at places named at the start.
pub fn raf(source: &mut Source<'_>, facts: &mut Facts) {
    let head = source.bytes(0, 0x70);
    if let Some(at) = be32(&head, 0x54) {
        jpeg_at(source, at.into(), facts);
    }
    let Some(directory) = be32(&head, 0x5c) else {
        return;
    };
    let rows = source.bytes(directory.into(), 4096);
    let mut at = 4;
    let mut full = None;
    for _ in 0..be32(&rows, 0).unwrap_or_default().min(100) {
        let (Some(tag), Some(length)) = (be16(&rows, at), be16(&rows, at + 2)) else {
            break;
        };
        let size = be16(&rows, at + 6)
            .zip(be16(&rows, at + 4))
            .map(|(width, height)| (width.into(), height.into()));
        match tag {
            0x100 => full = size,
            0x111 => {
                full = size;
                break;
            }
            _ => {}
        }
        at += 4 + usize::from(length);
    }
    facts.stored = full.or(facts.stored);
}

pub fn png(source: &mut Source<'_>, facts: &mut Facts) {
    let mut at = 8;
    let mut changed = None;
    for _ in 0..MAX_PARTS {
        let Some(head) = source.exactly(at, 8) else {
            break;
        };
        let length = be32(&head, 0).unwrap_or_default();
        let inside = at + 8;
        let mut payload = |most: usize| source.bytes(inside, (length as usize).min(most));
        match &head[4..] {
            b"IHDR" => {
                let size = payload(8);
                facts.stored = be32(&size, 0).zip(be32(&size, 4));
            }
            b"eXIf" => {
                if let Some(tiff) = Tiff::open(source, inside) {
                    tiff.read(source, Kind::Picture, false, facts);
                }
            }
            b"tEXt" => png_text(&payload(MAX_PACKET), facts),
            b"zTXt" => {
                let data = payload(MAX_PACKET);
                if let Some((name, rest)) = split(&data)
                    && let Some(text) = rest.get(1..).and_then(unpacked)
                {
                    png_field(name, &text, facts);
                }
            }
            b"iTXt" => png_unicode(&payload(MAX_PACKET), facts),
            b"tIME" => {
                let time = payload(7);
                if let (Some(year), Some([month, day, hour, minute, second])) = (
                    be16(&time, 0),
                    time.get(2..7).and_then(|rest| rest.first_chunk::<5>()),
                ) {
                    let text =
                        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
                    changed = Stamp::digits(text.as_bytes());
                }
            }
            b"IEND" => break,
            _ => {}
        }
        at = inside + u64::from(length) + 4;
    }
    if let Some(stamp) = changed {
        facts.date(Rank::Changed, stamp, "text");
    }
}

fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, data)?;
    Some((&data[..end], &data[end + 1..]))
}

fn unpacked(data: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    ZlibDecoder::new(data)
        .take(MAX_PACKET as u64)
        .read_to_end(&mut out)
        .ok()?;
    Some(out)
}

fn png_text(data: &[u8], facts: &mut Facts) {
    if let Some((name, text)) = split(data) {
        png_field(name, text, facts);
    }
}

fn png_unicode(data: &[u8], facts: &mut Facts) {
    let Some((name, rest)) = split(data) else {
        return;
    };
    let Some(([packed, _method], rest)) = rest.split_first_chunk::<2>() else {
        return;
    };
    let Some((_, rest)) = split(rest) else { return };
    let Some((_, text)) = split(rest) else { return };
    if *packed == 1 {
        if let Some(text) = unpacked(text) {
            png_field(name, &text, facts);
        }
    } else {
        png_field(name, text, facts);
    }
}

fn png_field(name: &[u8], text: &[u8], facts: &mut Facts) {
    match name {
        b"XML:com.adobe.xmp" => xmp::read(text, facts),
        b"Creation Time" | b"create-date" => {
            let stamp = Stamp::exif(text.trim_ascii())
                .or_else(|| Stamp::iso(text))
                .or_else(|| rfc_date(text));
            if let Some(stamp) = stamp {
                facts.date(Rank::Digitized, stamp, "text");
            }
        }
        b"Raw profile type exif" | b"Raw profile type APP1" => {
            if let Some(bytes) = raw_profile(text) {
                block(&bytes, facts);
            }
        }
        b"Raw profile type xmp" => {
            if let Some(bytes) = raw_profile(text) {
                xmp::read(&bytes, facts);
            }
        }
        _ => {}
    }
}

/// `Fri, 31 May 2024 14:03:22 +0200`, as the standard of PNG asks for.
fn rfc_date(text: &[u8]) -> Option<Stamp> {
    let text = std::str::from_utf8(text).ok()?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let start = words.iter().position(|word| word.parse::<u8>().is_ok())?;
    let [day, month, year, time, ..] = words[start..] else {
        return None;
    };
    let stamp = Stamp::asctime(format!("x {month} {day} {time} {year}").as_bytes())?;
    Some(
        words
            .get(start + 4)
            .map_or(stamp, |offset| stamp.with_offset(offset.as_bytes())),
    )
}

/// ImageMagick's form: a name, a length, and hexadecimal digits.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let (_, _) = (lines.next()?, lines.next()?);
    Some(from_hexadecimal(lines.flatten()))
}

/// A block of EXIF in memory.
pub fn block(bytes: &[u8], facts: &mut Facts) {
    if let Some(packet) = bytes.strip_prefix(XMP) {
        xmp::read(packet, facts);
        return;
    }
    let bytes = bytes.strip_prefix(EXIF).unwrap_or(bytes);
    let mut nothing = |_: u64, _: &mut [u8]| 0;
    let mut source = Source::new(bytes, bytes.len() as u64, &mut nothing);
    if let Some(tiff) = Tiff::open(&mut source, 0) {
        tiff.read(&mut source, Kind::Picture, false, facts);
    }
}

pub fn gif(source: &mut Source<'_>, facts: &mut Facts) {
    let head = source.bytes(0, 10);
    facts.stored = le16(&head, 6)
        .zip(le16(&head, 8))
        .map(|(width, height)| (width.into(), height.into()));
    // XMP is an application block whose text stands there as it is.
    let head = source.head();
    if let Some(at) = memchr::memmem::find(head, b"XMP DataXMP") {
        xmp::read(&head[at..head.len().min(at + MAX_PACKET)], facts);
    }
}

pub fn bmp(source: &mut Source<'_>, facts: &mut Facts) {
    let head = source.bytes(0, 26);
    facts.stored = match le32(&head, 14) {
        Some(12) => le16(&head, 18)
            .zip(le16(&head, 20))
            .map(|(width, height)| (width.into(), height.into())),
        _ => le32(&head, 18)
            .zip(le32(&head, 22))
            .map(|(width, height)| (width, (height as i32).unsigned_abs())),
    };
}

pub fn qoi(source: &mut Source<'_>, facts: &mut Facts) {
    let head = source.bytes(0, 12);
    facts.stored = be32(&head, 4).zip(be32(&head, 8));
}

pub fn psd(source: &mut Source<'_>, facts: &mut Facts) {
    let head = source.bytes(0, 30);
    facts.stored = be32(&head, 18).zip(be32(&head, 14));
    let colours = be32(&head, 26).unwrap_or_default();
    let at = 30 + u64::from(colours);
    let Some(length) = source.exactly(at, 4).and_then(|bytes| be32(&bytes, 0)) else {
        return;
    };
    // Each resource is read by itself: a thumbnail among them may be large.
    let (mut at, end) = (at + 4, at + 4 + u64::from(length));
    while at < end {
        let head = source.bytes(at, 264);
        if !head.starts_with(b"8BIM") {
            return;
        }
        let id = be16(&head, 4).unwrap_or_default();
        let name = usize::from(head.get(6).copied().unwrap_or_default());
        let named = 6 + (name + 2) / 2 * 2;
        let Some(length) = be32(&head, named) else {
            return;
        };
        let inside = at + named as u64 + 4;
        match id {
            0x0404 => iptc::read(
                &source.bytes(inside, (length as usize).min(MAX_PACKET)),
                facts,
            ),
            0x0424 => xmp::read(
                &source.bytes(inside, (length as usize).min(MAX_PACKET)),
                facts,
            ),
            0x0422 => {
                if let Some(tiff) = Tiff::open(source, inside) {
                    tiff.read(source, Kind::Picture, false, facts);
                }
            }
            _ => {}
        }
        at = inside + u64::from(length) + u64::from(length % 2);
    }
}
