//! RIFF: WebP, AVI and WAVE.

use super::date::Stamp;
use super::exif::{Kind, Tiff};
use super::source::{Source, le16, le32, le64};
use super::{Facts, MAX_PACKET, Rank, xmp};

const MAX_CHUNKS: usize = 500;

/// (name, start, length) of chunks between two places.
fn chunks(source: &mut Source<'_>, start: u64, end: u64) -> Vec<([u8; 4], u64, u32)> {
    let mut found = Vec::new();
    let mut at = start;
    while at + 8 <= end && found.len() < MAX_CHUNKS {
        let head = source.bytes(at, 8);
        let (Some(name), Some(length)) = (head.first_chunk::<4>(), le32(&head, 4)) else {
            break;
        };
        found.push((*name, at + 8, length));
        at += 8 + u64::from(length) + u64::from(length % 2);
    }
    found
}

pub fn webp(source: &mut Source<'_>, facts: &mut Facts) {
    for (name, at, length) in chunks(source, 12, source.size) {
        match &name {
            b"VP8X" => {
                let data = source.bytes(at, 10);
                let side = |at: usize| le32(&data, at).map(|number| (number & 0xff_ffff) + 1);
                // The last number ends with the chunk.
                let height = data
                    .get(7..10)
                    .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1);
                facts.stored = side(4).zip(height);
            }
            b"VP8 " if facts.stored.is_none() => {
                let data = source.bytes(at, 10);
                let side = |at: usize| le16(&data, at).map(|number| u32::from(number & 0x3fff));
                facts.stored = side(6).zip(side(8));
            }
            b"VP8L" if facts.stored.is_none() => {
                let bits = le32(&source.bytes(at + 1, 4), 0);
                facts.stored = bits.map(|bits| ((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1));
            }
            b"EXIF" => {
                let skip = if source.bytes(at, 6) == b"Exif\0\0" {
                    6
                } else {
                    0
                };
                if let Some(tiff) = Tiff::open(source, at + skip) {
                    tiff.read(source, Kind::Picture, false, facts);
                }
            }
            b"XMP " => xmp::read(&source.bytes(at, (length as usize).min(MAX_PACKET)), facts),
            _ => {}
        }
    }
}

pub fn film(source: &mut Source<'_>, facts: &mut Facts) {
    for (name, at, length) in chunks(source, 12, source.size) {
        if name == *b"LIST" {
            list(source, at, length, facts, 0);
        }
    }
}

fn list(source: &mut Source<'_>, at: u64, length: u32, facts: &mut Facts, depth: usize) {
    let kind = source.bytes(at, 4);
    if depth > 3 || !matches!(&kind[..], b"hdrl" | b"strl" | b"INFO" | b"ncdt") {
        return;
    }
    for (name, at, length) in chunks(source, at + 4, at + u64::from(length)) {
        match &name {
            b"LIST" => list(source, at, length, facts, depth + 1),
            b"avih" => {
                let data = source.bytes(at, 40);
                let frames = le32(&data, 0).zip(le32(&data, 16));
                facts.duration =
                    frames.map(|(micros, frames)| f64::from(micros) * f64::from(frames) / 1e6);
                facts.duration = facts.duration.filter(|seconds| *seconds > 0.0);
                facts.stored = le32(&data, 32).zip(le32(&data, 36));
            }
            b"strf" if facts.codecs.len() < 8 => {
                let data = source.bytes(at, 20);
                // A picture's header has its own length first, of 40 and more; of sound, the first number is its coding.
                let codec = match le32(&data, 0) {
                    Some(40..=4096) if data.len() == 20 => super::text(&data[16..20]),
                    _ => le16(&data, 0).map(|coding| wave_codec(coding).to_owned()),
                };
                facts.codecs.extend(codec);
            }
            b"IDIT" | b"ICRD" => {
                let text = source.bytes(at, (length as usize).min(64));
                date(&text, facts);
            }
            _ => {}
        }
    }
}

fn date(text: &[u8], facts: &mut Facts) {
    let text = text
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let stamp = Stamp::asctime(text)
        .or_else(|| Stamp::exif(text))
        .or_else(|| Stamp::iso(text));
    if let Some(stamp) = stamp.or_else(|| Stamp::digits(text)) {
        facts.date(Rank::Original, stamp, "container");
    }
}

fn wave_codec(coding: u16) -> &'static str {
    match coding {
        1 => "pcm",
        2 => "adpcm_ms",
        3 => "pcm_float",
        6 => "pcm_alaw",
        7 => "pcm_mulaw",
        0x11 => "adpcm_ima",
        0x31 => "gsm",
        0x50 => "mp2",
        0x55 => "mp3",
        0xff => "aac",
        0x160..=0x163 => "wma",
        0x2000 => "ac3",
        0xfffe => "pcm",
        _ => "unknown",
    }
}

pub fn sound(source: &mut Source<'_>, facts: &mut Facts) {
    let mut rate = 0;
    let mut long = None;
    for (name, at, length) in chunks(source, 12, source.size) {
        match &name {
            // RF64: the real lengths.
            b"ds64" => {
                long = le64(&source.bytes(at + 8, 8), 0);
            }
            b"fmt " => {
                let data = source.bytes(at, 12);
                rate = le32(&data, 8).unwrap_or_default();
                facts
                    .codecs
                    .extend(le16(&data, 0).map(|coding| wave_codec(coding).to_owned()));
            }
            b"data" => {
                let there = source.size - at;
                let length = match (length, long) {
                    (u32::MAX, Some(long)) => long.min(there),
                    (length, _) => u64::from(length).min(there),
                };
                if rate > 0 && length > 0 && facts.duration.is_none() {
                    facts.duration = Some(length as f64 / f64::from(rate));
                }
            }
            b"bext" => {
                let text = source.bytes(at + 320, 18);
                if let Some((day, time)) = text.split_at_checked(10)
                    && let Some(stamp) = Stamp::exif(day)
                {
                    facts.date(Rank::Original, stamp.at_time(time), "container");
                }
            }
            b"LIST" => list(source, at, length, facts, 0),
            _ => {}
        }
    }
}
