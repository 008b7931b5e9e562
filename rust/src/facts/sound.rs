//! Sound: MPEG audio with ID3, FLAC, Ogg, AIFF.

use super::date::Stamp;
use super::source::{Source, be16, be32, be64, le16, le32, le64};
use super::{Facts, Rank};

const MAX_TAG: usize = 64 << 10;
const MAX_PARTS: usize = 200;

// MPEG audio ----------------------------------------------------------------------------------------------------------

pub fn mpeg(source: &mut Source<'_>, facts: &mut Facts) {
    let head = source.bytes(0, 10);
    let mut start = 0;
    if head.starts_with(b"ID3") {
        let length = head.get(6..).and_then(safe).unwrap_or_default();
        start = 10
            + u64::from(length)
            + if head.get(5).is_some_and(|flags| flags & 0x10 != 0) {
                10
            } else {
                0
            };
        id3(
            source,
            head.get(3).copied().unwrap_or_default(),
            length,
            facts,
        );
    }
    facts.codecs.push("mp3".to_owned());
    if facts.duration.is_none() {
        facts.duration = length_of_mpeg(source, start);
    }
}

/// 28 bits in four bytes.
fn safe(bytes: &[u8]) -> Option<u32> {
    let bytes = bytes.first_chunk::<4>()?;
    Some(
        bytes
            .iter()
            .fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f)),
    )
}

fn id3(source: &mut Source<'_>, version: u8, length: u32, facts: &mut Facts) {
    let (header, name) = if version < 3 { (6, 3) } else { (10, 4) };
    let end = 10 + u64::from(length);
    let mut at = 10;
    let mut year = None;
    let mut day = None;
    for _ in 0..MAX_PARTS {
        if at + header > end {
            break;
        }
        let head = source.bytes(at, header as usize);
        let Some(id) = head.get(..name).filter(|id| id[0] != 0) else {
            break;
        };
        let size = match version {
            ..3 => head.get(3..6).map(|bytes| {
                bytes
                    .iter()
                    .fold(0, |number, byte| number << 8 | u32::from(*byte))
            }),
            3 => be32(&head, 4),
            _ => safe(&head[4..]),
        };
        let Some(size) = size else { break };
        let mut text = || latin(&source.bytes(at + header, (size as usize).min(256)));
        match id {
            b"TDRC" | b"TDOR" | b"TDRL" => {
                if let Some(stamp) = Stamp::iso(text().as_bytes()) {
                    let rank = if id == b"TDRC" {
                        Rank::Original
                    } else {
                        Rank::Listed
                    };
                    facts.date(rank, stamp, "tags");
                }
            }
            b"TYER" | b"TYE" => year = Some(text()),
            b"TDAT" | b"TDA" => day = Some(text()),
            b"TLEN" | b"TLE" => {
                let ms = text().trim().parse::<f64>().ok();
                facts.duration = ms
                    .map(|ms| ms / 1e3)
                    .filter(|seconds| *seconds > 0.0 && *seconds < 1e8);
            }
            _ => {}
        }
        at += header + u64::from(size);
    }
    if let Some(year) = year {
        // Day and month, in this order.
        let full = day
            .filter(|day| day.len() == 4 && day.is_ascii())
            .map(|day| format!("{year}-{}-{}", &day[2..], &day[..2]));
        let stamp = full
            .and_then(|text| Stamp::iso(text.as_bytes()))
            .or_else(|| Stamp::iso(year.as_bytes()));
        if let Some(stamp) = stamp {
            facts.date(Rank::Original, stamp, "tags");
        }
    }
}

/// The text of a frame: its letters are plain ones, in whichever of the four codings.
fn latin(frame: &[u8]) -> String {
    let text = frame.get(1..).unwrap_or_default();
    text.iter()
        .filter(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .map(|byte| *byte as char)
        .collect()
}

/// From the header of the first frame, and the table that most encoders put into it.
fn length_of_mpeg(source: &mut Source<'_>, start: u64) -> Option<f64> {
    const RATES: [[u32; 3]; 2] = [[44_100, 48_000, 32_000], [22_050, 24_000, 16_000]];
    const BITRATES: [[u32; 15]; 5] = [
        [
            0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
        ],
        [
            0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
        ],
        [
            0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
        [
            0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
        ],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let data = source.bytes(start, 8192);
    let (at, header) = (0..data.len().saturating_sub(4)).find_map(|at| {
        let header = be32(&data, at)?;
        let fits = header >> 21 == 0x7ff
            && header >> 19 & 3 != 1
            && header >> 17 & 3 != 0
            && !matches!(header >> 12 & 15, 0 | 15)
            && header >> 10 & 3 != 3;
        fits.then_some((at, header))
    })?;
    let version = header >> 19 & 3;
    let layer = 4 - (header >> 17 & 3);
    let low = version != 3;
    let mut rate = RATES[usize::from(low)][(header >> 10 & 3) as usize];
    if version == 0 {
        rate /= 2;
    }
    let samples = match (layer, low) {
        (1, _) => 384,
        (3, true) => 576,
        _ => 1152,
    };
    let row = match (low, layer) {
        (false, layer) => layer as usize - 1,
        (true, 1) => 3,
        (true, _) => 4,
    };
    let bitrate = BITRATES[row][(header >> 12 & 15) as usize];
    let mono = header >> 6 & 3 == 3;
    let side = match (low, mono) {
        (false, false) => 32,
        (false, true) | (true, false) => 17,
        (true, true) => 9,
    };
    let table = at + 4 + side;
    let frames = match data.get(table..table + 4) {
        Some(b"Xing" | b"Info") if be32(&data, table + 4)? & 1 == 1 => be32(&data, table + 8),
        _ if data.get(at + 36..at + 40) == Some(b"VBRI") => be32(&data, at + 50),
        _ => None,
    };
    if let Some(frames) = frames.filter(|frames| *frames > 0) {
        return Some(f64::from(frames) * f64::from(samples) / f64::from(rate));
    }
    let mut end = source.size;
    if end > 128 && source.bytes(end - 128, 3) == b"TAG" {
        end -= 128;
    }
    let bytes = end.checked_sub(start + at as u64)?;
    (bitrate > 0).then(|| bytes as f64 * 8.0 / (f64::from(bitrate) * 1000.0))
}

// FLAC and Ogg --------------------------------------------------------------------------------------------------------

pub fn flac(source: &mut Source<'_>, facts: &mut Facts) {
    facts.codecs.push("flac".to_owned());
    let mut at = 4;
    for _ in 0..MAX_PARTS {
        let Some(head) = source.exactly(at, 4) else {
            return;
        };
        let length = (be32(&head, 0).unwrap_or_default() & 0xff_ffff) as usize;
        match head[0] & 0x7f {
            0 => {
                let data = source.bytes(at + 4, 34);
                let rate = be32(&data, 10).map(|bits| bits >> 12).unwrap_or_default();
                let samples = be64(&data, 10)
                    .map(|bits| bits & 0xf_ffff_ffff)
                    .unwrap_or_default();
                if rate > 0 && samples > 0 {
                    facts.duration = Some(samples as f64 / f64::from(rate));
                }
            }
            4 => comments(&source.bytes(at + 4, length.min(MAX_TAG)), facts),
            _ => {}
        }
        if head[0] & 0x80 != 0 {
            return;
        }
        at += 4 + length as u64;
    }
}

/// Vorbis comments: little-endian lengths before texts of the form `NAME=value`.
fn comments(data: &[u8], facts: &mut Facts) {
    let Some(vendor) = le32(data, 0).map(|length| length as usize) else {
        return;
    };
    let mut at = vendor.saturating_add(4);
    let Some(count) = le32(data, at) else { return };
    at += 4;
    for _ in 0..count.min(1000) {
        let Some(length) = le32(data, at).map(|length| length as usize) else {
            return;
        };
        let Some(text) = data.get(at + 4..(at + 4).saturating_add(length)) else {
            return;
        };
        at += 4 + length;
        let Some(equals) = memchr::memchr(b'=', text) else {
            continue;
        };
        let (name, value) = (&text[..equals], &text[equals + 1..]);
        let rank = if name.eq_ignore_ascii_case(b"DATE") {
            Rank::Original
        } else if name.eq_ignore_ascii_case(b"YEAR") {
            Rank::Listed
        } else {
            continue;
        };
        if let Some(stamp) = Stamp::iso(value) {
            facts.date(rank, stamp, "tags");
        }
    }
}

pub fn ogg(source: &mut Source<'_>, facts: &mut Facts) {
    let head = source.bytes(0, MAX_TAG);
    let segments = usize::from(head.get(26).copied().unwrap_or_default());
    let first = head.get(27 + segments..).unwrap_or_default();
    let serial = head.get(14..18).map(<[u8]>::to_vec).unwrap_or_default();
    // (name, units of time in a second, units before the first sound)
    let (codec, rate, skipped) = if first.starts_with(b"\x01vorbis") {
        ("vorbis", le32(first, 12), 0)
    } else if first.starts_with(b"OpusHead") {
        ("opus", Some(48_000), le16(first, 10).map_or(0, u64::from))
    } else if first.starts_with(b"Speex   ") {
        ("speex", le32(first, 36), 0)
    } else if first.starts_with(b"\x7fFLAC") {
        ("flac", be32(first, 27).map(|bits| bits >> 12), 0)
    } else if first.starts_with(b"\x80theora") {
        let side = |at: usize| {
            first.get(at..at + 3).map(|bytes| {
                bytes
                    .iter()
                    .fold(0, |number, byte| number << 8 | u32::from(*byte))
            })
        };
        facts.stored = side(14).zip(side(17));
        ("theora", None, 0)
    } else {
        return;
    };
    facts.codecs.push(codec.to_owned());
    for mark in [&b"\x03vorbis"[..], b"OpusTags"] {
        if let Some(at) = memchr::memmem::find(&head, mark) {
            comments(&without_page_heads(&head, at + mark.len()), facts);
        }
    }
    let Some(rate) = rate.filter(|rate| *rate > 0) else {
        return;
    };
    let from = source.size.saturating_sub(MAX_TAG as u64);
    let tail = source.bytes(from, MAX_TAG);
    let last = memchr::memmem::rfind_iter(&tail, b"OggS").find(|at| {
        tail.get(at + 14..at + 18) == Some(&serial) && le64(&tail, at + 6) != Some(u64::MAX)
    });
    let units = last
        .and_then(|at| le64(&tail, at + 6))
        .unwrap_or_default()
        .saturating_sub(skipped);
    let seconds = units as f64 / f64::from(rate);
    facts.duration = Some(seconds).filter(|seconds| *seconds > 0.0 && *seconds < 1e8);
}

/// What follows a place, without the heads of pages that begin in it.
fn without_page_heads(data: &[u8], start: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = data.get(start..).unwrap_or_default();
    while let Some(at) = memchr::memmem::find(rest, b"OggS\0") {
        out.extend_from_slice(&rest[..at]);
        let segments = usize::from(rest.get(at + 26).copied().unwrap_or_default());
        rest = rest.get(at + 27 + segments..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

// AIFF ----------------------------------------------------------------------------------------------------------------

pub fn aiff(source: &mut Source<'_>, facts: &mut Facts) {
    let mut at = 12;
    for _ in 0..MAX_PARTS {
        let Some(head) = source.exactly(at, 8) else {
            return;
        };
        let length = be32(&head, 4).unwrap_or_default();
        match &head[..4] {
            b"COMM" => {
                let data = source.bytes(at + 8, 22);
                let rate = data.get(8..18).and_then(extended);
                if let (Some(frames), Some(rate)) =
                    (be32(&data, 2), rate.filter(|rate| *rate >= 1.0))
                {
                    facts.duration = Some(f64::from(frames) / rate);
                }
                let codec = data
                    .get(18..22)
                    .filter(|_| length > 18)
                    .and_then(super::text);
                facts.codecs.push(codec.unwrap_or_else(|| "pcm".to_owned()));
            }
            b"ID3 " => {
                let tag = source.bytes(at + 8, 10);
                let version = tag.get(3).copied().unwrap_or_default();
                // The frames of a tag count from its start.
                let data = source.bytes(at + 8, (length as usize).min(MAX_TAG));
                let mut nothing = |_: u64, _: &mut [u8]| 0;
                let mut inner = Source::new(&data, data.len() as u64, &mut nothing);
                let size = tag.get(6..).and_then(safe).unwrap_or_default();
                id3(&mut inner, version, size, facts);
            }
            _ => {}
        }
        at += 8 + u64::from(length) + u64::from(length % 2);
    }
}

/// A number of 80 bits.
fn extended(bytes: &[u8]) -> Option<f64> {
    let exponent = i32::from(be16(bytes, 0)? & 0x7fff) - 16_383 - 63;
    let value = be64(bytes, 2)? as f64 * 2f64.powi(exponent);
    value.is_finite().then_some(value)
}
