//! Boxes of the ISO base media file format (ISO/IEC 14496-12): films, HEIF and AVIF pictures, CR3, JPEG XL, JPEG 2000.

use std::collections::HashMap;

use super::date::Stamp;
use super::exif::{Kind, Tiff};
use super::source::{Source, be16, be32, be64};
use super::{Facts, MAX_PACKET, Rank, keep, pictures, xmp};

const MAX_BOXES: usize = 1000;
const MAX_TRACKS: usize = 32;
const MAX_META: usize = 1 << 20;
/// Seconds from 1904, where QuickTime begins to count, to 1970.
const MAC: i64 = 2_082_844_800;
const XMP: &[u8] = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";
/// In `moov` of a CR3: `CMT1` to `CMT4`.
const CANON: &[u8] = b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";

/// A box: its name, and where its payload begins and ends.
type Found = ([u8; 4], u64, u64);

/// The boxes between two places in the file.
fn boxes(source: &mut Source<'_>, start: u64, end: u64) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = start;
    while at + 8 <= end && found.len() < MAX_BOXES {
        let head = source.bytes(at, 16);
        let (Some(length), Some(name)) = (
            be32(&head, 0),
            head.get(4..8).and_then(|name| name.first_chunk::<4>()),
        ) else {
            break;
        };
        let (header, length) = match length {
            0 => (8, end - at),
            1 => (16, be64(&head, 8).unwrap_or_default()),
            length => (8, length.into()),
        };
        if length < header {
            break;
        }
        let next = at.saturating_add(length).min(end);
        found.push((*name, (at + header).min(next), next));
        at = next;
    }
    found
}

fn child(source: &mut Source<'_>, (_, start, end): Found, name: &[u8; 4]) -> Option<Found> {
    boxes(source, start, end)
        .into_iter()
        .find(|found| found.0 == *name)
}

fn payload(source: &mut Source<'_>, (_, start, end): Found, most: usize) -> Vec<u8> {
    source.bytes(start, end.saturating_sub(start).min(most as u64) as usize)
}

// films ---------------------------------------------------------------------------------------------------------------

pub fn film(source: &mut Source<'_>, facts: &mut Facts) {
    for found in boxes(source, 0, source.size) {
        match &found.0 {
            b"moov" => movie(source, found, facts),
            b"uuid" => extension(source, found, facts),
            _ => {}
        }
    }
}

fn extension(source: &mut Source<'_>, found: Found, facts: &mut Facts) {
    let head = payload(source, found, 16);
    if head == XMP {
        let packet = payload(source, (found.0, found.1 + 16, found.2), MAX_PACKET);
        xmp::read(&packet, facts);
    } else if head == CANON {
        for inner in boxes(source, found.1 + 16, found.2) {
            let kind = match &inner.0 {
                b"CMT1" => Kind::Picture,
                b"CMT2" => Kind::Exif,
                b"CMT4" => Kind::Gps,
                _ => continue,
            };
            if let Some(tiff) = Tiff::open(source, inner.1) {
                tiff.read(source, kind, kind == Kind::Picture, facts);
            }
        }
    }
}

fn movie(source: &mut Source<'_>, movie: Found, facts: &mut Facts) {
    let mut tracks = 0;
    let mut header = None;
    for found in boxes(source, movie.1, movie.2) {
        match &found.0 {
            b"mvhd" => header = times(&payload(source, found, 32)),
            b"trak" if tracks < MAX_TRACKS => {
                tracks += 1;
                track(source, found, facts);
            }
            b"meta" => metadata(source, found, facts),
            b"udta" => user_data(source, found, facts),
            b"uuid" => extension(source, found, facts),
            b"mvex" => {
                if let Some(extent) = child(source, found, b"mehd") {
                    let data = payload(source, extent, 12);
                    let units = if data.first() == Some(&1) {
                        be64(&data, 4)
                    } else {
                        be32(&data, 4).map(u64::from)
                    };
                    if let (Some(units), Some((_, scale, 0))) = (units, header) {
                        header = Some((0, scale, units));
                    }
                }
            }
            _ => {}
        }
    }
    let Some((created, scale, units)) = header else {
        return;
    };
    if let Some(stamp) = counted(created) {
        let rank = if facts.stored.is_some() {
            Rank::Digitized
        } else {
            Rank::Written
        };
        facts.date(rank, stamp, "container");
    }
    if scale > 0 && units > 0 && facts.duration.is_none() && !facts.codecs.is_empty() {
        let seconds = units as f64 / f64::from(scale);
        facts.duration = Some(seconds).filter(|seconds| *seconds < 1e8);
    }
}

/// Creation, units in a second, and length, of `mvhd` and `mdhd`.
fn times(data: &[u8]) -> Option<(u64, u32, u64)> {
    match data.first()? {
        1 => Some((
            be64(data, 4)?,
            be32(data, 20)?,
            be64(data, 24)
                .filter(|units| *units != u64::MAX)
                .unwrap_or(0),
        )),
        _ => Some((
            be32(data, 4)?.into(),
            be32(data, 12)?,
            be32(data, 16)
                .filter(|units| *units != u32::MAX)
                .unwrap_or(0)
                .into(),
        )),
    }
}

/// From 1904; some programs count from 1970, which shows in dates before there were films of this kind.
fn counted(seconds: u64) -> Option<Stamp> {
    let seconds = i64::try_from(seconds).ok()?;
    // Nothing, with the years between the two epochs added twice.
    if seconds == 2 * MAC {
        return None;
    }
    Stamp::counted(seconds.checked_sub(MAC)?).or_else(|| Stamp::counted(seconds))
}

fn track(source: &mut Source<'_>, track: Found, facts: &mut Facts) {
    let inside = boxes(source, track.1, track.2);
    let find = |name: &[u8; 4]| inside.iter().find(|found| found.0 == *name).copied();
    let Some(media) = find(b"mdia") else { return };
    let media = boxes(source, media.1, media.2);
    let within = |name: &[u8; 4]| media.iter().find(|found| found.0 == *name).copied();
    let handler = within(b"hdlr").map(|found| payload(source, found, 12));
    let kind = handler
        .as_deref()
        .and_then(|data| data.get(8..12))
        .unwrap_or_default()
        .to_vec();
    if !matches!(&kind[..], b"vide" | b"soun") {
        return;
    }
    let sample = within(b"minf")
        .and_then(|found| child(source, found, b"stbl"))
        .and_then(|found| child(source, found, b"stsd"))
        .map(|found| payload(source, found, 64))
        .unwrap_or_default();
    if let Some(codec) = sample.get(12..16).and_then(super::text)
        && facts.codecs.len() < 8
        && !facts.codecs.contains(&codec)
    {
        facts.codecs.push(codec);
    }
    if kind == b"vide" && facts.stored.is_none() {
        let header = find(b"tkhd")
            .map(|found| payload(source, found, 96))
            .unwrap_or_default();
        facts.stored = shown_size(&header).or_else(|| {
            let size = be16(&sample, 40).zip(be16(&sample, 42));
            size.map(|(width, height)| (width.into(), height.into()))
        });
        facts.upright = true;
    }
}

/// The size of a track as its matrix turns it.
fn shown_size(header: &[u8]) -> Option<(u32, u32)> {
    let matrix = if header.first() == Some(&1) { 52 } else { 40 };
    let (width, height) = (
        be32(header, matrix + 36)? >> 16,
        be32(header, matrix + 40)? >> 16,
    );
    let [a, b, c, d] = [0, 4, 12, 16].map(|at| be32(header, matrix + at).unwrap_or_default());
    let turned = (a, d) == (0, 0) && b != 0 && c != 0;
    let size = if turned {
        (height, width)
    } else {
        (width, height)
    };
    (width > 0 && height > 0).then_some(size)
}

/// `udta`: QuickTime's texts, and iTunes' list in `meta`.
fn user_data(source: &mut Source<'_>, data: Found, facts: &mut Facts) {
    for found in boxes(source, data.1, data.2) {
        match &found.0 {
            b"meta" => metadata(source, found, facts),
            b"XMP_" => xmp::read(&payload(source, found, MAX_PACKET), facts),
            name if name[0] == 0xa9 => {
                let data = payload(source, found, 1024);
                // A length and a language stand before the text.
                let length = be16(&data, 0).map_or(0, usize::from);
                let text = data.get(4..4 + length).unwrap_or_default();
                named(name, text, facts);
            }
            // 3GPP's place is a name and three numbers.
            b"loci" => place_of_3gpp(&payload(source, found, 1024), facts),
            _ => {}
        }
    }
}

fn place_of_3gpp(data: &[u8], facts: &mut Facts) {
    let Some(name) = data.get(6..) else { return };
    let Some(end) = memchr::memchr(0, name) else {
        return;
    };
    let numbers = name.get(end + 2..).unwrap_or_default();
    let number = |at: usize| be32(numbers, at).map(|bits| f64::from(bits as i32) / 65_536.0);
    facts.place(number(4), number(0), number(8));
}

fn named(name: &[u8], text: &[u8], facts: &mut Facts) {
    match name {
        b"\xa9day" | b"com.apple.quicktime.creationdate" => {
            if let Some(stamp) = Stamp::iso(text).or_else(|| Stamp::exif(text)) {
                // A day or a year alone is when a song or a film came out.
                let rank = if stamp.has_time() {
                    Rank::Original
                } else {
                    Rank::Written
                };
                facts.date(rank, stamp, "container");
            }
        }
        b"\xa9xyz" | b"com.apple.quicktime.location.ISO6709" => {
            let (latitude, longitude, altitude) = place(text);
            facts.place(latitude, longitude, altitude);
        }
        b"\xa9mak" | b"com.apple.quicktime.make" | b"com.android.manufacturer" => {
            keep(&mut facts.make, super::text(text))
        }
        b"\xa9mod" | b"com.apple.quicktime.model" | b"com.android.model" => {
            keep(&mut facts.model, super::text(text))
        }
        b"com.apple.quicktime.camera.lens_model" => keep(&mut facts.lens, super::text(text)),
        b"com.apple.quicktime.content.identifier" => keep(&mut facts.live_id, super::text(text)),
        _ => {}
    }
}

/// ISO 6709: `+52.5083+013.4100+034.000/`.
fn place(text: &[u8]) -> (Option<f64>, Option<f64>, Option<f64>) {
    let mut numbers = Vec::new();
    let mut rest = text
        .split(|byte| matches!(byte, b'/' | b'C'))
        .next()
        .unwrap_or_default();
    while let Some(sign) = rest.first().filter(|byte| matches!(byte, b'+' | b'-')) {
        let end = rest[1..]
            .iter()
            .position(|byte| matches!(byte, b'+' | b'-'))
            .map_or(rest.len(), |at| at + 1);
        let number = std::str::from_utf8(&rest[1..end])
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        numbers.push(number.map(|number| if *sign == b'-' { -number } else { number }));
        rest = &rest[end..];
    }
    let at = |index: usize| numbers.get(index).copied().flatten();
    (at(0), at(1), at(2))
}

/// `meta` with `keys` and `ilst` (QuickTime), or with `ilst` alone (iTunes).
fn metadata(source: &mut Source<'_>, found: Found, facts: &mut Facts) {
    // ISO's has a version before its boxes, QuickTime's has none.
    let head = payload(source, found, 8);
    let start = if head.get(4..8) == Some(b"hdlr") {
        found.1
    } else {
        found.1 + 4
    };
    let inside = boxes(source, start, found.2);
    let mut keys = Vec::new();
    for found in &inside {
        match &found.0 {
            b"keys" => keys = key_names(&payload(source, *found, 64 << 10)),
            b"ilst" => {
                for item in boxes(source, found.1, found.2) {
                    let Some(value) = child(source, item, b"data") else {
                        continue;
                    };
                    let value = payload(source, value, 1024);
                    let text = value.get(8..).unwrap_or_default();
                    let index = u32::from_be_bytes(item.0) as usize;
                    match index.checked_sub(1).and_then(|index| keys.get(index)) {
                        Some(name) => named(name, text, facts),
                        None => named(&item.0, text, facts),
                    }
                }
            }
            _ => {}
        }
    }
}

fn key_names(data: &[u8]) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let mut at = 8;
    while names.len() < 200
        && let Some(length) = be32(data, at).map(|length| length as usize)
        && let Some(name) = data.get(at + 8..at.saturating_add(length))
    {
        names.push(name.to_vec());
        at += length;
    }
    names
}

// pictures ------------------------------------------------------------------------------------------------------------

pub fn heif(source: &mut Source<'_>, facts: &mut Facts) {
    let top = boxes(source, 0, source.size);
    for found in &top {
        match &found.0 {
            b"meta" => {
                let meta = payload(source, *found, MAX_META);
                items(source, &meta, found.1, facts);
            }
            // A sequence is a film without sound.
            b"moov" if facts.stored.is_none() => movie(source, *found, facts),
            b"uuid" => extension(source, *found, facts),
            b"mpvd" if source.bytes(found.1 + 4, 4) == b"ftyp" => {
                facts.motion = Some((found.1, found.2 - found.1));
            }
            _ => {}
        }
    }
    if facts.motion.is_none() {
        pictures::film_inside(source, facts);
    }
}

/// Boxes inside bytes in memory.
fn parts(data: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let mut found = Vec::new();
    let mut rest = data;
    while found.len() < MAX_BOXES
        && let (Some(length), Some(name)) = (
            be32(rest, 0),
            rest.get(4..8).and_then(|name| name.first_chunk::<4>()),
        )
    {
        let (header, length) = match length {
            0 => (8, rest.len()),
            1 => (
                16,
                be64(rest, 8)
                    .and_then(|length| usize::try_from(length).ok())
                    .unwrap_or_default(),
            ),
            length => (8, length as usize),
        };
        let end = length.min(rest.len());
        let Some(inside) = rest.get(header..end) else {
            break;
        };
        found.push((*name, inside));
        rest = &rest[end..];
    }
    found
}

fn part<'a>(data: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    parts(data)
        .into_iter()
        .find(|found| found.0 == *name)
        .map(|found| found.1)
}

/// The items of a picture: its main one for the size, and those with EXIF and XMP.
fn items(source: &mut Source<'_>, meta: &[u8], meta_at: u64, facts: &mut Facts) {
    let Some(inside) = meta.get(4..) else { return };
    let primary = part(inside, b"pitm").and_then(|data| match data.first()? {
        0 => be16(data, 4).map(u32::from),
        _ => be32(data, 4),
    });
    if let (Some(primary), Some(properties)) = (primary, part(inside, b"iprp")) {
        size_of(properties, primary, facts);
    }
    let wanted = part(inside, b"iinf").map(described).unwrap_or_default();
    let places = part(inside, b"iloc").map(places_of).unwrap_or_default();
    // Where `idat` is in the file, for items that lie in it.
    let data_at = part(inside, b"idat")
        .map(|data| meta_at + (data.as_ptr() as usize - meta.as_ptr() as usize) as u64);
    for (id, is_exif) in wanted {
        let Some(&(method, offset, length)) = places.get(&id) else {
            continue;
        };
        let offset = match (method, data_at) {
            (0, _) => offset,
            (1, Some(start)) => start.saturating_add(offset),
            _ => continue,
        };
        if is_exif {
            // Bytes to skip, then the structure.
            let skip = source
                .exactly(offset, 4)
                .and_then(|bytes| be32(&bytes, 0))
                .unwrap_or_default();
            let base = offset.saturating_add(4 + u64::from(skip));
            let tiff =
                Tiff::open(source, base).or_else(|| Tiff::open(source, offset.saturating_add(4)));
            if let Some(tiff) = tiff {
                tiff.read(source, Kind::Picture, false, facts);
            }
        } else {
            let packet = source.bytes(offset, length.min(MAX_PACKET as u64) as usize);
            xmp::read(&packet, facts);
        }
    }
}

/// Items with EXIF (true) and XMP.
fn described(data: &[u8]) -> Vec<(u32, bool)> {
    let entries = if data.first() == Some(&0) { 6 } else { 8 };
    let mut found = Vec::new();
    for (name, entry) in parts(data.get(entries..).unwrap_or_default()) {
        let version = entry.first().copied().unwrap_or_default();
        if name != *b"infe" || version < 2 {
            continue;
        }
        let (id, at) = match version {
            2 => (be16(entry, 4).map(u32::from), 8),
            _ => (be32(entry, 4), 10),
        };
        let kind = entry.get(at..at + 4).unwrap_or_default();
        let is_xmp =
            kind == b"mime" && memchr::memmem::find(entry, b"application/rdf+xml").is_some();
        if let Some(id) = id.filter(|_| kind == b"Exif" || is_xmp) {
            found.push((id, kind == b"Exif"));
        }
    }
    found
}

/// Item -> how it is stored, where its first extent is, and how long that is.
fn places_of(data: &[u8]) -> HashMap<u32, (u16, u64, u64)> {
    read_places(data).unwrap_or_default()
}

fn read_places(data: &[u8]) -> Option<HashMap<u32, (u16, u64, u64)>> {
    let version = *data.first()?;
    let sizes = be16(data, 4)?;
    let size = |shift: u16| usize::from(sizes >> shift & 15);
    let (offset_size, length_size, base_size) = (size(12), size(8), size(4));
    let index_size = if version > 0 { size(0) } else { 0 };
    let mut at = 6;
    let mut take = |count: usize| {
        let bytes = data.get(at..at + count)?;
        at += count;
        Some(
            bytes
                .iter()
                .fold(0u64, |number, byte| number << 8 | u64::from(*byte)),
        )
    };
    let wide = if version < 2 { 2 } else { 4 };
    let count = take(wide)?;
    let mut found = HashMap::new();
    for _ in 0..count.min(10_000) {
        let id = take(wide)? as u32;
        let method = if version > 0 { take(2)? as u16 & 15 } else { 0 };
        take(2)?;
        let base = take(base_size)?;
        let extents = take(2)?;
        for extent in 0..extents {
            take(index_size)?;
            let offset = take(offset_size)?;
            let length = take(length_size)?;
            if extent == 0 {
                found.insert(id, (method, base.saturating_add(offset), length));
            }
        }
    }
    Some(found)
}

/// The size of an item, after its turns.
fn size_of(properties: &[u8], primary: u32, facts: &mut Facts) {
    let Some(all) = part(properties, b"ipco").map(parts) else {
        return;
    };
    let mut turned = false;
    for (name, map) in parts(properties) {
        if name != *b"ipma" {
            continue;
        }
        for index in associated(map, primary).unwrap_or_default() {
            let Some((name, data)) = index.checked_sub(1).and_then(|index| all.get(index)) else {
                continue;
            };
            match name {
                b"ispe" => facts.stored = be32(data, 4).zip(be32(data, 8)),
                // The part of it that is shown.
                b"clap" => {
                    let side = |at| be32(data, at)?.checked_div(be32(data, at + 4)?);
                    facts.stored = side(0).zip(side(8)).or(facts.stored);
                }
                b"irot" => turned = data.first().is_some_and(|turns| turns & 1 == 1),
                _ => {}
            }
        }
    }
    if turned && let Some((width, height)) = facts.stored {
        facts.stored = Some((height, width));
    }
    facts.upright = true;
}

/// The numbers of an item's properties, from 1.
fn associated(map: &[u8], wanted: u32) -> Option<Vec<usize>> {
    let (version, flags) = (*map.first()?, be32(map, 0)? & 0xff_ffff);
    let mut at = 8;
    for _ in 0..be32(map, 4)?.min(10_000) {
        let id = if version < 1 {
            u32::from(be16(map, at)?)
        } else {
            be32(map, at)?
        };
        at += if version < 1 { 2 } else { 4 };
        let count = usize::from(*map.get(at)?);
        at += 1;
        let width = if flags & 1 == 1 { 2 } else { 1 };
        let rows = map.get(at..at + count * width)?;
        at += count * width;
        if id == wanted {
            return Some(match width {
                2 => rows
                    .chunks_exact(2)
                    .map(|row| usize::from(u16::from_be_bytes([row[0], row[1]]) & 0x7fff))
                    .collect(),
                _ => rows.iter().map(|row| usize::from(row & 0x7f)).collect(),
            });
        }
    }
    None
}

/// JPEG XL: bare, or in boxes with EXIF and XMP beside it.
pub fn jxl(source: &mut Source<'_>, facts: &mut Facts) {
    if source.bytes(0, 2) == b"\xff\x0a" {
        facts.stored = jxl_size(&source.bytes(2, 16));
        return;
    }
    for found in boxes(source, 0, source.size) {
        match &found.0 {
            b"jxlc" if facts.stored.is_none() => {
                facts.stored = jxl_size(&source.bytes(found.1 + 2, 16))
            }
            b"jxlp" if facts.stored.is_none() && source.bytes(found.1 + 4, 2) == b"\xff\x0a" => {
                facts.stored = jxl_size(&source.bytes(found.1 + 6, 16));
            }
            b"Exif" => {
                let skip = source
                    .exactly(found.1, 4)
                    .and_then(|bytes| be32(&bytes, 0))
                    .unwrap_or_default();
                if let Some(tiff) = Tiff::open(source, found.1 + 4 + u64::from(skip)) {
                    tiff.read(source, Kind::Picture, false, facts);
                }
            }
            b"xml " => xmp::read(&payload(source, found, MAX_PACKET), facts),
            _ => {}
        }
    }
    // How it is turned stands in the codestream, and is not read here: EXIF repeats it, and what it says is shown.
}

/// The size header of ISO/IEC 18181-1, and the orientation behind it.
fn jxl_size(data: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits { data, at: 0 };
    let small = bits.take(1)? == 1;
    let side = |bits: &mut Bits<'_>| -> Option<u32> {
        if small {
            return Some((bits.take(5)? + 1) * 8);
        }
        let width = [9, 13, 18, 30][bits.take(2)? as usize];
        Some(bits.take(width)? + 1)
    };
    let height = side(&mut bits)?;
    let ratio = bits.take(3)?;
    let of = |above: u64, below: u64| u32::try_from(u64::from(height) * above / below).ok();
    let width = match ratio {
        0 => side(&mut bits),
        1 => Some(height),
        2 => of(12, 10),
        3 => of(4, 3),
        4 => of(3, 2),
        5 => of(16, 9),
        6 => of(5, 4),
        _ => of(2, 1),
    }?;
    Some((width, height))
}

/// Bits from the lowest of each byte.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut number = 0;
        for place in 0..count {
            let byte = *self.data.get(self.at / 8)?;
            number |= u32::from(byte >> (self.at % 8) & 1) << place;
            self.at += 1;
        }
        Some(number)
    }
}

pub fn jp2(source: &mut Source<'_>, facts: &mut Facts) {
    for found in boxes(source, 0, source.size) {
        match &found.0 {
            b"jp2h" => {
                if let Some(header) = child(source, found, b"ihdr") {
                    let data = payload(source, header, 8);
                    facts.stored = be32(&data, 4).zip(be32(&data, 0));
                }
            }
            b"uuid" => {
                let head = payload(source, found, 16);
                if head == XMP {
                    extension(source, found, facts);
                } else if head == b"JpgTiffExif->JP2"
                    && let Some(tiff) = Tiff::open(source, found.1 + 16)
                {
                    tiff.read(source, Kind::Picture, false, facts);
                }
            }
            _ => {}
        }
    }
}
