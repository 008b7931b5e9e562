//! Sound and video that is a row of frames with no file header: one mark proves nothing, two at the right distance do.

use super::mime_from_name;

/// How many frames in a row prove a stream that starts somewhere in the head, and how many where the name says so.
const PROOF: (usize, usize) = (10, 4);

/// MPEG audio, AAC, Dolby, DTS, MPEG transport streams and DV that start with the file.
pub(super) fn sniff(head: &[u8], name: &[u8]) -> Option<&'static str> {
    if let Some(size) = id3_length(head) {
        return Some(tagged(head, name, size));
    }
    KINDS
        .iter()
        .find_map(|(mime, length)| frames(head, name, mime, *length))
        .or_else(|| transport(head))
        .or_else(|| transport_within(head))
        .or_else(|| digital_video(head))
        .or_else(|| dts(head))
}

/// The same behind junk, or cut in the middle; asked last, as it looks at all of the head.
pub(super) fn sniff_within(head: &[u8], name: &[u8]) -> Option<&'static str> {
    elementary(head)
        .or_else(|| frames_within(head, name))
        .or_else(|| mxf_within(head))
        .or_else(|| program_within(head, name))
}

/// So many places are looked at, in bytes of which many look like a start.
const MOST_STARTS: usize = 4096;

/// A sort of frame: its type, and a function that gives the length of the frame that starts the bytes.
type Kind = (&'static str, fn(&[u8]) -> Option<usize>);

const KINDS: [Kind; 5] = [
    ("audio/mpeg", mpeg_audio_length),
    ("audio/aac", aac_length),
    ("audio/x-latm", latm_length),
    ("audio/ac3", ac3_length),
    ("audio/eac3", eac3_length),
];

/// Bytes in the ID3v2 tag that starts here.
fn id3_length(head: &[u8]) -> Option<usize> {
    let tag = head.get(..10)?;
    let is_tag = tag.starts_with(b"ID3")
        && (2..=4).contains(&tag[3])
        && tag[6..].iter().all(|&byte| byte < 0x80);
    is_tag.then(|| {
        let size = tag[6..]
            .iter()
            .fold(0, |sum, &byte| sum << 7 | usize::from(byte));
        10 + size + if tag[5] & 0x10 == 0 { 0 } else { 10 }
    })
}

/// What comes behind a tag, where the head holds it and says; else what the name says; else MPEG audio.
fn tagged(head: &[u8], name: &[u8], size: usize) -> &'static str {
    let rest = head.get(size..).unwrap_or_default();
    let rest = &rest[rest.iter().take_while(|&&byte| byte == 0).count()..];
    let by_name = mime_from_name(name);
    let inside = super::magic::sniff(rest, name)
        .or_else(|| super::late::sniff(rest, name))
        .or_else(|| {
            KINDS
                .iter()
                .find_map(|(mime, length)| frames(rest, name, mime, *length))
        });
    match inside {
        Some(mime) if mime.starts_with("audio/") => mime,
        _ if by_name.starts_with("audio/") => by_name,
        _ => "audio/mpeg",
    }
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

/// Frames in a row that start somewhere. Zeros and a name that says sound prove as much as more frames do.
fn frames_within(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let zeros = head.iter().take_while(|&&byte| byte == 0).count();
    let sounds = super::media_class(mime_from_name(name)) == "audio";
    for at in starts(head).take(MOST_STARTS) {
        let proof = if sounds || at == zeros {
            PROOF.1
        } else {
            PROOF.0
        };
        for (mime, length) in KINDS {
            if length(&head[at..]).is_some() && run(&head[at..], length, proof) {
                return Some(mime);
            }
        }
    }
    None
}

/// How many places are looked at together for the start of a frame.
const CHUNK: usize = 32;

/// Whether two bytes are those with which a frame of one of [`KINDS`] begins.
#[inline(always)]
fn is_start(first: u8, second: u8) -> bool {
    (((first == 0xff) | (first == 0x56)) & (second >= 0xe0)) | ((first == 0x0b) & (second == 0x77))
}

/// Where two such bytes are.
fn starts(head: &[u8]) -> impl Iterator<Item = usize> {
    let seconds = head.get(1..).unwrap_or_default();
    let (firsts, _) = head.as_chunks::<CHUNK>();
    let (chunks, rest) = seconds.as_chunks::<CHUNK>();
    let mut any = [0_u8; super::HEAD / CHUNK];
    any_starts(firsts, chunks, &mut any);
    if let Some(last) = any.get_mut(chunks.len()) {
        *last = u8::from(!rest.is_empty());
    }
    let numbers = (0..any.len()).filter(move |&number| any[number] != 0);
    numbers.flat_map(move |number| {
        let start = number * CHUNK;
        (start..seconds.len().min(start + CHUNK)).filter(move |&at| is_start(head[at], seconds[at]))
    })
}

/// For each chunk whether there is a start in it. Most have none.
fn any_starts(firsts: &[[u8; CHUNK]], seconds: &[[u8; CHUNK]], any: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function is compiled for.
        unsafe { any_starts_avx2(firsts, seconds, any) };
        return;
    }
    any_starts_here(firsts, seconds, any);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn any_starts_avx2(firsts: &[[u8; CHUNK]], seconds: &[[u8; CHUNK]], any: &mut [u8]) {
    any_starts_here(firsts, seconds, any);
}

#[inline(always)]
fn any_starts_here(firsts: &[[u8; CHUNK]], seconds: &[[u8; CHUNK]], any: &mut [u8]) {
    for ((first, second), any) in firsts.iter().zip(seconds).zip(any) {
        let pairs = first.iter().zip(second);
        *any = pairs.fold(0, |any, (&a, &b)| any | u8::from(is_start(a, b)));
    }
}

/// Whether so many frames of the same sort follow each other, or half of them to the end of the head.
fn run(head: &[u8], length: fn(&[u8]) -> Option<usize>, proof: usize) -> bool {
    // Version, layer and rate of MPEG audio and AAC; the other sorts have their word of synchronisation there.
    let same = |rest: &[u8]| match head[0] {
        0xff => (rest[1] ^ head[1]) & 0xfe == 0 && (rest[2] ^ head[2]) & 0x0c == 0,
        _ => true,
    };
    let mut rest = head;
    for number in 0..proof {
        match length(rest) {
            Some(length) if same(rest) && length < rest.len() => rest = &rest[length..],
            Some(_) if same(rest) => return number * 2 >= proof,
            Some(_) => return false,
            None => return rest.len() < 7 && number * 2 >= proof,
        }
    }
    true
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

/// Bytes in the LOAS frame (AAC in LATM) that starts here.
fn latm_length(head: &[u8]) -> Option<usize> {
    let [0x56, b, c, ..] = *head else {
        return None;
    };
    let length = usize::from(b & 0x1f) << 8 | usize::from(c);
    (b & 0xe0 == 0xe0 && length > 7).then_some(length + 3)
}

/// Bytes in the AC-3 frame that starts here (ETSI TS 102 366, 4.3 and 4.4).
fn ac3_length(head: &[u8]) -> Option<usize> {
    const KBITS: [usize; 19] = [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
    ];
    let [0x0b, 0x77, _, _, sizes, mode, ..] = *head else {
        return None;
    };
    let kbits = *KBITS.get(usize::from(sizes & 0x3f) / 2)?;
    let words = match sizes >> 6 {
        0 => kbits * 2,
        1 => kbits * 96_000 / 44_100 + usize::from(sizes & 1),
        2 => kbits * 3,
        _ => return None,
    };
    (mode >> 3 <= 10).then_some(words * 2)
}

/// Bytes in the Enhanced AC-3 frame that starts here (the same, annex E).
fn eac3_length(head: &[u8]) -> Option<usize> {
    let [0x0b, 0x77, a, b, c, mode, ..] = *head else {
        return None;
    };
    let length = ((usize::from(a & 7) << 8 | usize::from(b)) + 1) * 2;
    ((11..=16).contains(&(mode >> 3))
        && a >> 6 != 3
        && (c >> 6 != 3 || c >> 4 & 3 != 3)
        && length > 64)
        .then_some(length)
}

/// DTS: its word of synchronisation at the start and where the next frame should be, in 16 or 14 bits and both orders.
fn dts(head: &[u8]) -> Option<&'static str> {
    const SYNC: [&[u8]; 4] = [
        b"\x7f\xfe\x80\x01",
        b"\xfe\x7f\x01\x80",
        b"\x1f\xff\xe8\x00",
        b"\xff\x1f\x00\xe8",
    ];
    let sync = SYNC.into_iter().find(|sync| head.starts_with(sync))?;
    let again = memchr::memmem::find_iter(head, sync).filter(|at| *at >= 92);
    let gaps: Vec<usize> = again.take(3).collect();
    let even = gaps.len() >= 2 && gaps.windows(2).all(|pair| pair[1] - pair[0] == gaps[0]);
    even.then_some("audio/vnd.dts")
}

/// MPEG transport streams: packets of 188 bytes, or of 192 with a time before each, that start with 0x47.
fn transport(head: &[u8]) -> Option<&'static str> {
    [(0, 188), (4, 192), (0, 204)]
        .into_iter()
        .any(|(start, packet)| (0..3).all(|index| head.get(start + index * packet) == Some(&0x47)))
        .then_some("video/mp2t")
}

/// Transport streams that start amid a packet, or behind a little junk: many packets to the end of the head.
fn transport_within(head: &[u8]) -> Option<&'static str> {
    const FIRST: usize = 2048;
    const ENOUGH: usize = 24;
    let first = &head[..head.len().min(FIRST)];
    if !first.iter().any(|&byte| byte == 0 || byte >= 0x80) {
        return None;
    }
    let starts = memchr::memchr_iter(0x47, first);
    let found = starts.into_iter().any(|start| {
        [188, 192, 204].into_iter().any(|packet| {
            let at = (start..head.len().saturating_sub(3))
                .step_by(packet)
                .take(ENOUGH);
            let (mut right, mut all) = (0, 0);
            for at in at {
                all += 1;
                // No error flag, and something in the packet.
                right += usize::from(
                    head[at] == 0x47 && head[at + 1] < 0x80 && head[at + 3] & 0x30 != 0,
                );
            }
            all >= 5 && right == all
        })
    });
    found.then_some("video/mp2t")
}

/// DV: blocks of 80 bytes, of which the first is a header, then two of subcode (IEC 61834-2).
fn digital_video(head: &[u8]) -> Option<&'static str> {
    let is_header = matches!(head, [0x1f, 7, 0, 0x3f | 0xbf, ..]);
    let subcode = head.get(80).is_some_and(|byte| byte >> 5 == 1);
    (is_header && subcode).then_some("video/dv")
}

/// A key of an MXF header partition within the first 64 KiB (SMPTE 377, 6.5: the run-in).
fn mxf_within(head: &[u8]) -> Option<&'static str> {
    const KEY: &[u8] = b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02";
    memchr::memmem::find(head, KEY).map(|_| "application/mxf")
}

/// MPEG video without a container: start codes in the order that each codec demands.
fn elementary(head: &[u8]) -> Option<&'static str> {
    let start = head.iter().take_while(|&&byte| byte == 0).count();
    if !(2..=64).contains(&start) || head.get(start) != Some(&1) {
        return None;
    }
    let codes: Vec<(u8, u8)> = memchr::memmem::find_iter(head, b"\0\0\x01")
        .filter_map(|at| Some((*head.get(at + 3)?, *head.get(at + 4)?)))
        .take(64)
        .collect();
    let (first, _) = *codes.first()?;
    let count = |is: &dyn Fn(u8, u8) -> bool| codes.iter().filter(|(a, b)| is(*a, *b)).count();
    // H.264 (annex B): parameter sets before pictures; the first bit is always 0.
    let of_264 = |kind: u8| count(&|a, _| a & 0x9f == kind);
    if of_264(7) > 0 && of_264(8) > 0 && of_264(1) + of_264(5) > 0 && count(&|a, _| a >= 0x80) == 0
    {
        return Some("video/h264");
    }
    // H.265: layer 0 and a temporal id in the second byte.
    let of_265 = |kind: u8| count(&|a, b| a == kind << 1 && b == 1);
    if of_265(32) > 0 && of_265(33) > 0 && of_265(34) > 0 {
        return Some("video/h265");
    }
    let of_266 = |kind: u8| count(&|a, b| a == 0 && b >> 3 == kind && b & 7 > 0);
    if of_266(15) > 0 && of_266(16) > 0 {
        return Some("video/h266");
    }
    // MPEG-4 part 2: a visual object sequence or an object layer, then a picture.
    if matches!(first, 0..=0x2f | 0xb0)
        && count(&|a, _| a == 0xb6) > 0
        && count(&|a, _| a & 0xf0 == 0x20) > 0
    {
        return Some("video/x-mpeg4-visual");
    }
    // VC-1: a sequence header, an entry point, a frame.
    if first == 0x0f && count(&|a, _| a == 0x0e) > 0 {
        return Some("video/x-vc1");
    }
    // Packets of a program stream without its packs.
    let packets = count(&|a, _| (0xbd..=0xef).contains(&a));
    (matches!(first, 0xc0..=0xef) && packets >= 3 && packets * 2 > codes.len())
        .then_some("video/mpeg")
}

/// MPEG program streams that start amid a pack: two packs, and a stream in one.
fn program_within(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let is_pack = |at: &usize| {
        head.get(at + 4)
            .is_some_and(|byte| byte & 0xc0 == 0x40 || byte & 0xf0 == 0x20)
    };
    let packs = memchr::memmem::find_iter(head, b"\0\0\x01\xba")
        .filter(is_pack)
        .take(3)
        .count();
    let by_name = usize::from(mime_from_name(name) == "video/mpeg");
    let streams = || {
        [b"\0\0\x01\xe0", b"\0\0\x01\xc0", b"\0\0\x01\xbd"]
            .into_iter()
            .any(|code| memchr::memmem::find(head, code).is_some())
    };
    (packs + by_name >= 3 && streams()).then_some("video/mpeg")
}
