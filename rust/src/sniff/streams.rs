//! Sound and video that is a row of frames with no file header: one mark proves nothing, two at the right distance do.

use super::mime_from_name;

/// MPEG audio, AAC and MPEG transport streams.
pub(super) fn sniff(head: &[u8], name: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"ID3") && head.get(3).is_some_and(|version| (2..=4).contains(version)) {
        return Some(match mime_from_name(name) {
            by_name @ ("audio/aac" | "audio/flac" | "audio/aiff") => by_name,
            _ => "audio/mpeg",
        });
    }
    frames(head, name, "audio/mpeg", mpeg_audio_length)
        .or_else(|| frames(head, name, "audio/aac", aac_length))
        .or_else(|| transport(head))
}

/// `mime` if the head is frames in a row: at least two, or one and a name that says the same where the head ends.
fn frames(
    head: &[u8],
    name: &[u8],
    mime: &'static str,
    length: impl Fn(&[u8]) -> Option<usize>,
) -> Option<&'static str> {
    let first = length(head)?;
    match head.get(first..) {
        Some(rest) if rest.len() >= 7 => length(rest).map(|_| mime),
        _ => (mime_from_name(name) == mime).then_some(mime),
    }
}

/// Bytes in the MPEG audio frame (layer I to III) that starts here.
fn mpeg_audio_length(head: &[u8]) -> Option<usize> {
    const V1: [[usize; 15]; 3] = [
        [
            0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
        ],
        [
            0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
        ],
        [
            0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
    ];
    const V2: [[usize; 15]; 3] = [
        [
            0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
        ],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let [0xff, flags, rates, _, ..] = *head else {
        return None;
    };
    if flags & 0xe0 != 0xe0 {
        return None;
    }
    // 0 is version 2.5, 2 is version 2, 3 is version 1; layer bits 3, 2, 1 are layers I, II, III.
    let (version, layer) = (flags >> 3 & 3, usize::from(flags >> 1 & 3));
    let (bitrate, rate) = (usize::from(rates >> 4), usize::from(rates >> 2 & 3));
    if version == 1 || layer == 0 || !(1..15).contains(&bitrate) || rate == 3 {
        return None;
    }
    let layer = 4 - layer;
    let table = if version == 3 { &V1 } else { &V2 };
    let bits = table[layer - 1][bitrate] * 1000;
    let hertz = [44100, 48000, 32000][rate]
        >> match version {
            3 => 0,
            2 => 1,
            _ => 2,
        };
    let padding = usize::from(rates >> 1 & 1);
    Some(match layer {
        1 => (12 * bits / hertz + padding) * 4,
        3 if version != 3 => 72 * bits / hertz + padding,
        _ => 144 * bits / hertz + padding,
    })
}

/// Bytes in the ADTS frame (AAC) that starts here.
fn aac_length(head: &[u8]) -> Option<usize> {
    let [0xff, flags, rate, a, b, c, _, ..] = *head else {
        return None;
    };
    let length = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c >> 5);
    (flags & 0xf6 == 0xf0 && rate >> 2 & 15 < 13 && length > 7).then_some(length)
}

/// MPEG transport streams: packets of 188 bytes, or of 192 with a time before each, that start with 0x47.
fn transport(head: &[u8]) -> Option<&'static str> {
    [(0, 188), (4, 192)]
        .into_iter()
        .any(|(start, packet)| (0..3).all(|index| head.get(start + index * packet) == Some(&0x47)))
        .then_some("video/mp2t")
}
