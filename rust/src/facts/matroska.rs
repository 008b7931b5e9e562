//! Matroska and WebM: elements of EBML (RFC 8794, RFC 9559).

use super::date::Stamp;
use super::source::Source;
use super::{Facts, Rank};

const MAX_ELEMENTS: usize = 600;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CLUSTER: u32 = 0x1f43_b675;
const TAGS: u32 = 0x1254_c367;
const SEEK_HEAD: u32 = 0x114d_9b74;
/// Seconds from 1970 to 2001, where its dates begin.
const EPOCH: i64 = 978_307_200;

/// An element: its number, and where its payload begins and ends.
type Element = (u32, u64, u64);

fn elements(source: &mut Source<'_>, start: u64, end: u64) -> Vec<Element> {
    let mut found: Vec<Element> = Vec::new();
    let mut at = start;
    while at < end && found.len() < MAX_ELEMENTS {
        let head = source.bytes(at, 12);
        let Some((id, id_length)) = number(&head, false) else {
            break;
        };
        let Some((length, length_length)) = number(&head[id_length..], true) else {
            break;
        };
        let inside = at + (id_length + length_length) as u64;
        let unknown = length == (1 << (7 * length_length)) - 1;
        let next = if unknown {
            end
        } else {
            inside.saturating_add(length).min(end)
        };
        found.push((id as u32, inside.min(next), next));
        // Behind the first cluster there are only more of them, and what the directory points to.
        if id as u32 == CLUSTER {
            break;
        }
        at = next;
    }
    found
}

/// A number of one to eight bytes, whose first bits say how many, and how many there are.
fn number(bytes: &[u8], is_length: bool) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let count = first.leading_zeros() as usize + 1;
    if count > if is_length { 8 } else { 4 } {
        return None;
    }
    let all = bytes
        .get(..count)?
        .iter()
        .fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    Some((
        if is_length {
            all & ((1 << (7 * count)) - 1)
        } else {
            all
        },
        count,
    ))
}

fn payload(source: &mut Source<'_>, (_, start, end): Element, most: usize) -> Vec<u8> {
    source.bytes(start, (end - start).min(most as u64) as usize)
}

fn whole(source: &mut Source<'_>, element: Element) -> u64 {
    payload(source, element, 8)
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

pub fn read(source: &mut Source<'_>, facts: &mut Facts) {
    let Some(segment) = elements(source, 0, source.size)
        .into_iter()
        .find(|found| found.0 == SEGMENT)
    else {
        return;
    };
    let mut tags = None;
    for found in elements(source, segment.1, segment.2) {
        match found.0 {
            INFO => info(source, found, facts),
            TRACKS => tracks(source, found, facts),
            SEEK_HEAD => {
                tags = tags.or(tags_at(source, found).map(|at| segment.1.saturating_add(at)))
            }
            TAGS => tags = Some(found.1),
            _ => {}
        }
    }
    let Some(at) = tags else { return };
    for found in elements(source, at, segment.2).into_iter().take(1) {
        if found.0 == TAGS {
            read_tags(source, found, facts);
        }
    }
}

fn info(source: &mut Source<'_>, info: Element, facts: &mut Facts) {
    let (mut scale, mut units) = (1_000_000, None);
    for found in elements(source, info.1, info.2) {
        match found.0 {
            0x2a_d7b1 => scale = whole(source, found),
            0x4489 => units = float(&payload(source, found, 8)),
            0x4461 => {
                let since = whole(source, found) as i64;
                if since != 0
                    && let Some(stamp) =
                        Stamp::counted(EPOCH.saturating_add(since.div_euclid(1_000_000_000)))
                {
                    facts.date(Rank::Digitized, stamp, "container");
                }
            }
            _ => {}
        }
    }
    let seconds = units.map(|units| units * scale as f64 / 1e9);
    facts.duration = seconds.filter(|seconds| *seconds > 0.0 && *seconds < 1e8);
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => Some(f32::from_be_bytes(*bytes.first_chunk::<4>()?).into()),
        8 => Some(f64::from_be_bytes(*bytes.first_chunk::<8>()?)),
        _ => None,
    }
}

fn tracks(source: &mut Source<'_>, tracks: Element, facts: &mut Facts) {
    for track in elements(source, tracks.1, tracks.2)
        .into_iter()
        .filter(|found| found.0 == 0xae)
        .take(32)
    {
        for found in elements(source, track.1, track.2) {
            match found.0 {
                0x86 => {
                    let codec = super::text(&payload(source, found, 64));
                    if let Some(codec) =
                        codec.filter(|codec| !codec.starts_with("S_") && facts.codecs.len() < 8)
                    {
                        facts.codecs.push(codec);
                    }
                }
                0xe0 if facts.stored.is_none() => size(source, found, facts),
                _ => {}
            }
        }
    }
}

fn size(source: &mut Source<'_>, video: Element, facts: &mut Facts) {
    let mut stored = [0; 2];
    let mut shown = [0; 2];
    let mut unit = 0;
    for found in elements(source, video.1, video.2) {
        match found.0 {
            0xb0 => stored[0] = whole(source, found),
            0xba => stored[1] = whole(source, found),
            0x54b0 => shown[0] = whole(source, found),
            0x54ba => shown[1] = whole(source, found),
            0x54b2 => unit = whole(source, found),
            _ => {}
        }
    }
    let [width, height] = if unit == 0 && !shown.contains(&0) {
        shown
    } else {
        stored
    };
    facts.stored = u32::try_from(width).ok().zip(u32::try_from(height).ok());
}

/// Where the directory says that the tags are, from the start of the segment.
fn tags_at(source: &mut Source<'_>, directory: Element) -> Option<u64> {
    for seek in elements(source, directory.1, directory.2) {
        let (mut id, mut at) = (0, None);
        for found in elements(source, seek.1, seek.2) {
            match found.0 {
                0x53ab => id = whole(source, found),
                0x53ac => at = Some(whole(source, found)),
                _ => {}
            }
        }
        if id == u64::from(TAGS) {
            return at;
        }
    }
    None
}

/// `DATE_RECORDED`, and what phones write of themselves.
fn read_tags(source: &mut Source<'_>, tags: Element, facts: &mut Facts) {
    for tag in elements(source, tags.1, tags.2)
        .into_iter()
        .filter(|found| found.0 == 0x7373)
        .take(32)
    {
        for simple in elements(source, tag.1, tag.2)
            .into_iter()
            .filter(|found| found.0 == 0x67c8)
            .take(64)
        {
            let (mut name, mut value) = (Vec::new(), Vec::new());
            for found in elements(source, simple.1, simple.2) {
                match found.0 {
                    0x45a3 => name = payload(source, found, 64),
                    0x4487 => value = payload(source, found, 256),
                    _ => {}
                }
            }
            match &name[..] {
                b"DATE_RECORDED" | b"CREATION_TIME" | b"creation_time" => {
                    if let Some(stamp) = Stamp::iso(&value) {
                        facts.date(Rank::Original, stamp, "tags");
                    }
                }
                b"DATE_RELEASED" | b"DATE" => {
                    if let Some(stamp) = Stamp::iso(&value) {
                        facts.date(Rank::Listed, stamp, "tags");
                    }
                }
                _ => {}
            }
        }
    }
}
