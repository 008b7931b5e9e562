//! Marks of pictures, sound and video that are too short, or too much like words, to be looked for before text is ruled out.
//!
//! They are those by which FFmpeg's demuxers and Pillow know their formats.

use super::{stands, streams};

/// (offset, bytes, type)
pub(super) const MARKS: &[(usize, &[u8], &str)] = &[
    // pictures
    (0, b"BLP1", "image/x-blp"),
    (0, b"BLP2", "image/x-blp"),
    (0, b"\xb1\x68\xde\x3a", "image/x-dcx"),
    (0, b"FTEX", "image/x-ftex"),
    (20, b"GIMP", "image/x-gimp-gbr"),
    (0, b"DanM", "image/x-msp"),
    (0, b"LinS", "image/x-msp"),
    (0, b"\x80\xe8\0\0", "image/x-pixar"),
    (2048, b"PCD_", "image/x-photo-cd"),
    // sound
    (0, b"TTA1", "audio/x-tta"),
    (0, b"TTA2", "audio/x-tta"),
    (0, b"tBaK", "audio/x-tak"),
    (0, b"ajkg", "audio/x-shorten"),
    (0, b"MPCK", "audio/x-musepack"),
    (0, b"MP+\x07", "audio/x-musepack"),
    (0, b"MP+\x17", "audio/x-musepack"),
    (0, b"RKA", "audio/x-rka"),
    (0, b"\0BONK", "audio/x-bonk"),
    (0, b"OSQ ", "audio/x-osq"),
    (0, b"qoaf", "audio/x-qoa"),
    (0, b"PVF1\n", "audio/x-pvf"),
    (0, b".SoX", "audio/x-sox"),
    (0, b"XoS.", "audio/x-sox"),
    (0, b"2BIT", "audio/x-avr"),
    (0, b"TWIN", "audio/x-twinvq"),
    (0, b"ea3\x03", "audio/x-oma"),
    (0, b"EA3\x01", "audio/x-oma"),
    (0, b"MMMD", "audio/x-smaf"),
    (0, b"1bit", "audio/x-wsd"),
    (0, b"\x02dss", "audio/x-dss"),
    (0, b"\x03dss", "audio/x-dss"),
    (0, b"\x03ds2", "audio/x-dss"),
    (4, b"\x57\x90\x75\x36", "audio/x-aa"),
    (0, b"\x64\xa3\x01\0", "audio/x-ircam"),
    (0, b"\x64\xa3\x02\0", "audio/x-ircam"),
    (0, b"\x64\xa3\x03\0", "audio/x-ircam"),
    (0, b"\x64\xa3\x04\0", "audio/x-ircam"),
    (0, b"\0\x01\xa3\x64", "audio/x-ircam"),
    (0, b"\0\x02\xa3\x64", "audio/x-ircam"),
    (0, b"\0\x03\xa3\x64", "audio/x-ircam"),
    (0, b"\0\x04\xa3\x64", "audio/x-ircam"),
    (0, b" paf", "audio/x-paf"),
    (0, b"fap ", "audio/x-paf"),
    (0, b"\x1c\xcc\x12\0", "audio/x-lc3"),
    (0, b"\xc0\xde\xc2", "audio/x-codec2"),
    (4, b"\xf8\x72\x6f\xba", "audio/vnd.dolby.mlp"),
    (4, b"\xf8\x72\x6f\xbb", "audio/vnd.dolby.mlp"),
    (0, b"\xac\x40", "audio/ac4"),
    (0, b"\xac\x41", "audio/ac4"),
    (0, b"\x72\xf8\x1f\x4e", "audio/x-spdif"),
    (0, b"\xf8\x72\x4e\x1f", "audio/x-spdif"),
    // sound of games
    (0, b"HCA\0", "audio/x-hca"),
    (0, b"\xc8\xc3\xc1\0", "audio/x-hca"),
    (0, b"FSB", "audio/x-fsb"),
    (0, b"FSTM", "audio/x-bfstm"),
    (0, b"CSTM", "audio/x-bfstm"),
    (0, b"RSTM\xfe\xff", "audio/x-brstm"),
    (0, b"STRM", "audio/x-ast"),
    (0, b"GENH", "audio/x-genh"),
    (0, b"MSF", "audio/x-msf"),
    (0, b"XVAG", "audio/x-xvag"),
    (0, b"VAG", "audio/x-vag"),
    (0, b"Svag", "audio/x-svag"),
    (0, b"MTAF", "audio/x-mtaf"),
    (0, b"FWSE", "audio/x-fwse"),
    (0, b"MUSX", "audio/x-musx"),
    (0, b"1FCB", "audio/x-binka"),
    (0, b"SShd", "audio/x-ads"),
    (0, b"RSD", "audio/x-rsd"),
    (0, b"ALP ", "audio/x-alp"),
    (0, b"vs12", "audio/x-apm"),
    (0, b"wvag", "audio/x-vag"),
    (0, b"CRYO_APC", "audio/x-apc"),
    (0, b"#!iLBC20\n", "audio/ilbc"),
    (0, b"#!iLBC30\n", "audio/ilbc"),
    (0, b"IMA_ADPCM_Sound", "audio/x-iss"),
    (0, b"KVAG", "audio/x-kvag"),
    (0, b"XA\0\0", "audio/x-xa"),
    (0, b"XAI\0", "audio/x-xa"),
    (0, b"XAJ\0", "audio/x-xa"),
    // video
    (0, b"DKIF", "video/x-ivf"),
    (0, b"NSVf", "video/x-nsv"),
    (0, b"NSVs", "video/x-nsv"),
    (0, b"FWS", "application/vnd.adobe.flash.movie"),
    (0, b"CWS", "application/vnd.adobe.flash.movie"),
    (0, b"ZWS", "application/vnd.adobe.flash.movie"),
    (0, b"SMK2", "video/x-smacker"),
    (0, b"SMK4", "video/x-smacker"),
    (0, b"BIK", "video/x-bink"),
    (0, b"KB2", "video/x-bink"),
    (0, b"\x84\x10\xff\xff\xff\xff", "video/x-roq"),
    (0, b"\x84\x10\0\0\0\0", "video/x-roq"),
    (4, b"\x11\xaf", "video/x-flic"),
    (4, b"\x12\xaf", "video/x-flic"),
    (4, b"\x44\xaf", "video/x-flic"),
    (0, b"THP\0", "video/x-thp"),
    (0, b"CRID", "video/x-usm"),
    (0, b"DHAV", "video/x-dhav"),
    (0, b"DAHUA", "video/x-dhav"),
    (0, b"MLVI", "video/x-mlv"),
    (0, b"LUCAM-RECORDER", "video/x-ser"),
    (4, b"RED1", "video/x-r3d"),
    (4, b"RED2", "video/x-r3d"),
    (0, b"CI\x2c\0", "video/x-cine"),
    (0, b"\0\0\0\0\x01\xbc", "video/x-gxf"),
    (0, b"LEITCH\0\0", "video/x-lxf"),
    (0, b"FILM\0", "video/x-film-cpk"),
    (0, b"AV\x01", "video/x-pva"),
    (0, b"AV\x02", "video/x-pva"),
    (0, b"L2\xaa\xab", "video/x-moflex"),
    (0, b"pmpm", "video/x-pmp"),
    (0, b"MODSN3\n\0", "video/x-mods"),
    (0, b"Playdate VID", "video/x-pdv"),
    (0, b"Interplay MVE File\x1a\0", "video/x-mve"),
    (0, b".R1M", "application/vnd.rn-realmedia"),
    (0, b".REC", "application/vnd.rn-realmedia"),
    (0, b"SIFF", "video/x-siff"),
    (0, b"ANIM", "video/x-smush"),
    (0, b"SANM", "video/x-smush"),
    (0, b"DEXA", "video/x-dxa"),
    (0, b"HNM4", "video/x-hnm"),
    (0, b"JV00 Compression by John M Phillips", "video/x-jv"),
    (0, b"\0\nSMJPEG", "video/x-smjpeg"),
    (0, b"BBCD", "video/x-dirac"),
    (0, b"\0\0\x02\x80\x01", "video/x-dnxhd"),
    (0, b"\x12\0\x0a", "video/x-obu"),
    (0, b"LPF \0", "video/x-anm"),
    (0, b"wW\x10\0", "video/x-avs"),
    (0, b"VID\0", "video/x-bethsoft"),
    (0, b"BF&I", "video/x-bfi"),
    (0, b"DFIA", "video/x-dfa"),
    (0, b"\x94\x19\x11\x29", "video/x-gdv"),
    (0, b"Packed Animation File V1.0\n", "video/x-paf"),
    (0, b"ARMovie\n", "video/x-rpl"),
    (0, b"TMAV", "video/x-tmv"),
    (0, b"vividas03", "video/x-vividas"),
    (0, b"MOVI\0", "video/x-sgi-movie"),
    (0, b"SCHl", "video/x-ea"),
    (0, b"SEAD", "video/x-ea"),
    (0, b"1SNh", "video/x-ea"),
    (0, b"MVhd", "video/x-ea"),
    (0, b"MVIh", "video/x-ea"),
    (0, b"pQGT", "video/x-ea"),
    (0, b"TGQs", "video/x-ea"),
    (0, b"AVP6", "video/x-ea"),
    (0, b"MADk", "video/x-ea"),
    (0, b"MPCh", "video/x-ea"),
];

/// The type of bytes that are no text.
pub(super) fn sniff(head: &[u8], name: &[u8]) -> Option<&'static str> {
    MARKS
        .iter()
        .find(|(offset, bytes, _)| stands(head, *offset, bytes))
        .filter(|(_, mark, _)| mark.len() > 3 || is_likely(head, mark))
        .map(|(_, _, mime)| *mime)
        .or_else(|| adx(head))
        .or_else(|| streams::sniff_within(head, name))
}

/// What else is legal in the header of a format whose mark is short.
fn is_likely(head: &[u8], mark: &[u8]) -> bool {
    let byte = |at: usize| head.get(at).copied().unwrap_or_default();
    let word = |at: usize| u16::from_le_bytes([byte(at), byte(at + 1)]);
    match mark {
        b"RKA" | b"FSB" => byte(3).is_ascii_digit(),
        b"FWS" | b"CWS" | b"ZWS" => (1..=60).contains(&byte(3)),
        b"BIK" | b"KB2" => byte(3).is_ascii_lowercase(),
        b"MSF" | b"VAG" | b"RSD" => byte(3) >= 0x30,
        // A frame count, a size and a depth.
        b"\x11\xaf" | b"\x12\xaf" | b"\x44\xaf" => {
            (1..=4096).contains(&word(8)) && (1..=4096).contains(&word(10)) && word(12) <= 32
        }
        // A sync frame is as long as its header says, and another follows.
        b"\xac\x40" | b"\xac\x41" => {
            let short = usize::from(u16::from_be_bytes([byte(2), byte(3)]));
            let next = short + 4 + if byte(1) == 0x41 { 2 } else { 0 };
            short != 0xffff && head.get(next..next + 2) == Some(&[0xac, byte(1)])
        }
        b"\x12\0\x0a" => (1..64).contains(&byte(3)),
        b"\xc0\xde\xc2" => byte(3) == 1 && byte(5) <= 16,
        b"AV\x01" | b"AV\x02" => byte(4) == 0x55,
        _ => true,
    }
}

/// CRI ADX: how long the header is, at whose end stands who made it; and how the sound is coded, in the one way of which
/// there are decoders. FFmpeg divides by zero in files that say anything else.
fn adx(head: &[u8]) -> Option<&'static str> {
    let [0x80, 0, a, b, 3, 18, 4, 1..=2, rate @ .., _, _, _, _] = *head.first_chunk::<16>()? else {
        return None;
    };
    if u32::from_be_bytes(rate) == 0 {
        return None;
    }
    let end = usize::from(u16::from_be_bytes([a, b]));
    let mark = head.get(end.checked_sub(2)?..end + 4)?;
    (mark == b"(c)CRI").then_some("audio/x-adx")
}
