//! Previews that only the maker's notes lead to: Nikon, Olympus, Pentax, Samsung, Sony.
//!
//! A note is a TIFF directory behind a header of its maker. Its offsets count from the file's start, the note's start or
//! a header in the note; makers changed their minds. So an offset is tried from each, and only what is a JPEG counts.
//! Source: the tables of ExifTool (Phil Harvey) for the numbers of the tags.

use super::Preview;
use crate::image::tiff::{self, Directory, Endian, tag};

/// Nikon's and Samsung's directory of the preview.
const PREVIEW_DIRECTORIES: [u16; 2] = [0x0011, 0x0035];
/// Olympus: the directory of the camera's settings.
const OLYMPUS_SETTINGS: u16 = 0x2020;
/// (offset, length) of a JPEG: Olympus' settings, Olympus before it had these, Pentax.
const PREVIEW_PLACES: [(u16, u16); 3] = [(0x0101, 0x0102), (0x0088, 0x0089), (0x0004, 0x0003)];
/// Sony: the JPEG itself.
const SONY_PREVIEW: u16 = 0x2001;

/// Where a note's directory begins and what its offsets count from, both from the start of the file.
struct Layout {
    directory: u64,
    base: u64,
    endian: Endian,
}

/// The previews that the note at `place` (offset, length) of the file leads to.
pub fn previews(data: &[u8], endian: Endian, place: (u64, u64)) -> Vec<Preview<'_>> {
    read(data, endian, place).unwrap_or_default()
}

fn read(data: &[u8], endian: Endian, (start, length): (u64, u64)) -> Option<Vec<Preview<'_>>> {
    let from = usize::try_from(start).ok()?;
    let note = data.get(from..)?;
    let note = &note[..note.len().min(usize::try_from(length).ok()?)];
    let layout = layout(note, start, endian)?;
    let based = data.get(usize::try_from(layout.base).ok()?..)?;
    let notes = Directory::at(based, layout.endian, layout.directory - layout.base)?;
    let bases = [layout.base, start, 0];
    let mut found: Vec<Preview<'_>> = Vec::new();
    found.extend(notes.bytes(SONY_PREVIEW).and_then(Preview::new));
    found.extend(places(data, &notes, &bases));
    for (offset, tag) in children(&notes) {
        let Some(child) = Directory::at(based, layout.endian, offset) else {
            continue;
        };
        if tag == OLYMPUS_SETTINGS {
            found.extend(places(data, &child, &bases));
        } else {
            found.extend(tree_places(data, &child, &bases));
        }
    }
    Some(found)
}

/// How the note of each maker begins.
fn layout(note: &[u8], start: u64, endian: Endian) -> Option<Layout> {
    let order = |at: usize| match note.get(at..at + 2) {
        Some(b"II") => Endian::Little,
        Some(b"MM") => Endian::Big,
        _ => endian,
    };
    let of = |directory: u64, base: u64, endian: Endian| Layout {
        directory: start + directory,
        base,
        endian,
    };
    Some(match note {
        // A TIFF header of its own, ten bytes in.
        [b'N', b'i', b'k', b'o', b'n', 0, 2, ..] => {
            let endian = order(10);
            let first = endian.number(note.get(14..18)?);
            of(first.checked_add(10)?, start + 10, endian)
        }
        [b'O', b'L', b'Y', b'M', b'P', b'U', b'S', 0, ..] => of(12, start, order(8)),
        [b'O', b'M', b' ', b'S', b'Y', b'S', b'T', b'E', b'M', ..] => of(16, start, order(12)),
        [b'O', b'L', b'Y', b'M', b'P', 0, ..] => of(8, 0, endian),
        [b'A', b'O', b'C', 0, ..] => of(6, 0, order(4)),
        [b'P', b'E', b'N', b'T', b'A', b'X', b' ', 0, ..] => of(10, start, order(8)),
        [b'S', b'O', b'N', b'Y', b' ', ..] => of(12, 0, endian),
        // Samsung's begins at once and counts from itself, Sony's later ones count from the file's start.
        _ if is_directory(note, endian, 0x0035) => of(0, start, endian),
        _ => of(0, 0, endian),
    })
}

/// Whether a note is a directory with this tag from its first byte on.
fn is_directory(note: &[u8], endian: Endian, tag: u16) -> bool {
    Directory::at(note, endian, 0).is_some_and(|directory| directory.has(tag))
}

/// The directories (offset from the base, tag) that lead to previews.
fn children(notes: &Directory<'_>) -> Vec<(u64, u16)> {
    let pointer = |tag: u16| {
        let (place, length) = notes.place(tag)?;
        // A pointer, or the directory itself as bytes.
        let offset = if length == 4 {
            notes.number_or(tag, 0)
        } else {
            place
        };
        Some((offset, tag))
    };
    let tags = PREVIEW_DIRECTORIES.into_iter().chain([OLYMPUS_SETTINGS]);
    tags.filter_map(pointer).collect()
}

fn places<'data>(
    data: &'data [u8],
    directory: &Directory<'_>,
    bases: &[u64],
) -> Vec<Preview<'data>> {
    let found = PREVIEW_PLACES
        .into_iter()
        .filter_map(|tags| at_place(data, directory, tags, bases));
    found.collect()
}

fn tree_places<'data>(
    data: &'data [u8],
    directory: &Directory<'_>,
    bases: &[u64],
) -> Option<Preview<'data>> {
    let tags = (tag::JPEG_INTERCHANGE, tag::JPEG_INTERCHANGE_LENGTH);
    let preview = at_place(data, directory, tags, bases)?;
    Some(preview.or_turned(tiff::stated_orientation(directory)))
}

/// The JPEG at the offset and of the length that two tags name, counted from one of `bases`.
fn at_place<'data>(
    data: &'data [u8],
    directory: &Directory<'_>,
    (offset, length): (u16, u16),
    bases: &[u64],
) -> Option<Preview<'data>> {
    if !directory.has(offset) || !directory.has(length) {
        return None;
    }
    let (offset, length) = (
        directory.number_or(offset, 0),
        directory.number_or(length, 0),
    );
    bases.iter().find_map(|base| {
        let start = usize::try_from(base.checked_add(offset)?).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        Preview::new(data.get(start..end.min(data.len()))?)
    })
}
