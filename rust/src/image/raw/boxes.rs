//! Canon's CR3: boxes of the ISO base media file format (ISO/IEC 14496-12) with Canon's own among them.
//!
//! Three JPEGs: `THMB` (160 x 120) and `PRVW` (1620 x 1080) in boxes, and one of full size as the first track's sample.
//! The orientation is in `CMT1`, which is a TIFF. Source: the public notes of Laurent Clévy on the format.

use super::{Contents, Preview};
use crate::image::orient;
use crate::image::tiff::Endian;

/// More boxes than any camera writes.
const MAX_BOXES: usize = 4096;
const MAX_TRACKS: usize = 8;

/// Inside `moov`: `CMT1` to `CMT4`, `THMB`.
const CANON: &[u8] = b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
/// At the top: `PRVW`, after eight bytes.
const PREVIEW: &[u8] = b"\xea\xf4\x2b\x5e\x1c\x98\x4b\x88\xb9\xfb\xb7\xdc\x40\x6e\x4d\x16";
/// Bytes of `THMB` and `PRVW` before the JPEG.
const JPEG_HEADER: usize = 16;

/// The previews of a CR3 file.
pub fn contents(data: &[u8]) -> Contents<'_> {
    let mut contents = Contents::default();
    for (name, payload) in boxes(data) {
        match name {
            b"moov" => movie(data, payload, &mut contents),
            b"uuid" => {
                let inside = payload.strip_prefix(PREVIEW).and_then(|rest| rest.get(8..));
                let found = inside.and_then(|inside| find(inside, b"PRVW"));
                contents.previews.extend(found.and_then(jpeg));
            }
            _ => {}
        }
    }
    contents
}

fn movie<'data>(data: &'data [u8], payload: &'data [u8], contents: &mut Contents<'data>) {
    let mut tracks = 0;
    for (name, payload) in boxes(payload) {
        match name {
            b"uuid" => {
                let Some(inside) = payload.strip_prefix(CANON) else {
                    continue;
                };
                contents.orientation = find(inside, b"CMT1").and_then(orient::stated);
                contents
                    .previews
                    .extend(find(inside, b"THMB").and_then(jpeg));
            }
            b"trak" if tracks < MAX_TRACKS => {
                tracks += 1;
                let sample = first_sample(data, payload);
                contents.previews.extend(sample.and_then(Preview::new));
            }
            _ => {}
        }
    }
}

fn jpeg(payload: &[u8]) -> Option<Preview<'_>> {
    Preview::new(payload.get(JPEG_HEADER..)?)
}

/// The first sample of a track; its place is relative to the file.
fn first_sample<'data>(data: &'data [u8], track: &[u8]) -> Option<&'data [u8]> {
    let media = find(track, b"mdia")?;
    let table = find(find(media, b"minf")?, b"stbl")?;
    let sizes = find(table, b"stsz")?;
    // One size for all samples, or a list when it is 0.
    let size = match number(sizes, 4, 4)? {
        0 => number(sizes, 12, 4)?,
        size => size,
    };
    let offset = match find(table, b"co64") {
        Some(offsets) => number(offsets, 8, 8)?,
        None => number(find(table, b"stco")?, 8, 4)?,
    };
    data.get(offset..offset.checked_add(size)?.min(data.len()))
}

fn number(data: &[u8], at: usize, length: usize) -> Option<usize> {
    usize::try_from(Endian::Big.number(data.get(at..at + length)?)).ok()
}

/// The payload of the first box of this name.
fn find<'data>(data: &'data [u8], wanted: &[u8; 4]) -> Option<&'data [u8]> {
    let found = boxes(data).find(|(name, _)| *name == wanted);
    found.map(|(_, payload)| payload)
}

/// (name, payload) of boxes one after the other; the last may be cut off.
fn boxes(data: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = data;
    let step = move || {
        let name = rest.get(4..8)?.first_chunk::<4>()?;
        let (header, length) = match number(rest, 0, 4)? {
            0 => (8, rest.len()),
            1 => (16, number(rest, 8, 8)?),
            length => (8, length),
        };
        let payload = rest.get(header..length.min(rest.len()))?;
        rest = rest.get(length..).unwrap_or_default();
        Some((name, payload))
    };
    std::iter::from_fn(step).take(MAX_BOXES)
}
