use super::*;

/// The header of an uncompressed picture of 16 x 16 pixels of 24 bits.
const TARGA: &[u8] = b"\0\0\x02\0\0\0\0\0\0\0\0\0\x10\0\x10\0\x18\0";

fn expect(cases: &[(&[u8], &str, &str)]) {
    for (head, name, want) in cases {
        assert_eq!(
            sniff(head, name.as_bytes()),
            *want,
            "{} {name}",
            head.escape_ascii()
        );
    }
}

fn with(start: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(size, 0);
    bytes
}

#[test]
fn magic_bytes_beat_the_name() {
    expect(&[
        (b"", "a.jpg", "application/x-empty"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a.txt", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.jpg", "image/png"),
        (b"GIF89a\x01\0", "", "image/gif"),
        (b"icns\0\0\x08\0", "", "image/icns"),
        (b"icns are icons\n", "", "text/plain"),
        (b"\x0a\x05\x01\x08\0\0", "", "image/x-pcx"),
        (b"\x01\xda\x01\x01\0\x03", "", "image/sgi"),
        (b"\x59\xa6\x6a\x95\0\0", "", "image/x-sun-raster"),
        (TARGA, "a.tga", "image/x-tga"),
        (TARGA, "a.bin", UNKNOWN),
        (b"RIFF\0\0\0\0WEBPVP8 ", "", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "", "audio/wav"),
        (b"RIFF\0\0\0\0AVI LIST", "", "video/x-msvideo"),
        (b"FORM\0\0\0\0AIFFCOMM", "", "audio/aiff"),
        (b"FORM\0\0\0\0AIFCFVER", "", "audio/aiff"),
        (b"fLaC\0\0\0\x22", "", "audio/flac"),
        (b"8BPS\0\x01\0\0", "", "image/vnd.adobe.photoshop"),
        (b"P6 640 480 255\n\x01", "", "image/x-portable-anymap"),
        (b"P7\nWIDTH 3\n", "", "image/x-portable-anymap"),
        (b"\x1f\x8b\x08\0", "a.tgz", "application/gzip"),
        (b"\x1f\x8b\x08\0", "a.svgz", "image/svg+xml"),
        (b"SQLite format 3\0", "a.db", "application/vnd.sqlite3"),
        (b"\x7fELF\x02\x01", "", "application/x-elf"),
        (b"%PDF-1.7\n", "a.txt", "application/pdf"),
        (b"\x01\x02junk\x00%PDF-1.4\n\x00", "", "application/pdf"),
        (
            b"\0\x01\x02\x03\xff\xff\xfe\x01",
            "a.jpg",
            "application/octet-stream",
        ),
    ]);
    expect(&[(
        &with(b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", 54),
        "",
        "image/bmp",
    )]);
    // As .NET writes icons: the reserved byte is 255.
    let icon = b"\0\0\x01\0\x01\0\x10\x10\0\xff\x01\0\x20\0\0\x04\0\0\x16\0\0\0";
    expect(&[
        (icon, "", "image/x-icon"),
        (b"P6  640\n480 255\n", "", "image/x-portable-anymap"),
        (b"P7\nHEIGHT 3\n", "", "image/x-portable-anymap"),
        (b"P1 is urgent", "", "text/plain"),
        (b"P7\nis next", "", "text/plain"),
    ]);
    let mut tar = with(b"folder/", 512);
    tar[257..263].copy_from_slice(b"ustar\0");
    expect(&[(&tar, "", "application/x-tar")]);
}

#[test]
fn iso_media_by_brand() {
    let head = |brand: &[u8; 4], compatible: &[u8]| {
        let mut head = (16 + compatible.len() as u32).to_be_bytes().to_vec();
        head.extend_from_slice(b"ftyp");
        head.extend_from_slice(brand);
        head.extend_from_slice(&[0; 4]);
        head.extend_from_slice(compatible);
        with(&head, 64)
    };
    expect(&[
        (&head(b"avif", b"mif1"), "", "image/avif"),
        (&head(b"heic", b"mif1"), "", "image/heic"),
        (&head(b"mif1", b"mif1heic"), "", "image/heic"),
        (&head(b"mif1", b"mif1avif"), "", "image/avif"),
        (&head(b"mif1", b"mif1"), "", "image/heif"),
        (&head(b"crx ", b"isom"), "", "image/x-canon-cr3"),
        (&head(b"qt  ", b"qt  "), "", "video/quicktime"),
        (&head(b"M4A ", b"isom"), "a.mp4", "audio/mp4"),
        (&head(b"M4V ", b"isom"), "", "video/x-m4v"),
        (&head(b"3gp5", b"isom"), "", "video/3gpp"),
        (&head(b"isom", b"mp41"), "", "video/mp4"),
        (&head(b"isom", b"mp41"), "a.m4a", "audio/mp4"),
        (
            &with(b"\0\0\0\x08wide\0\0\0\0mdat", 64),
            "",
            "video/quicktime",
        ),
    ]);
}

#[test]
fn streams_need_more_than_one_mark() {
    let mut mp3 = vec![0; 900];
    for at in [0, 417, 834] {
        mp3[at..at + 4].copy_from_slice(b"\xff\xfb\x90\x00");
    }
    let mut aac = vec![0; 200];
    for at in [0, 100] {
        aac[at..at + 7].copy_from_slice(&[0xff, 0xf1, 0x50, 0x80, 100 >> 3, (100 & 7) << 5, 0xfc]);
    }
    let mut ts = vec![0xff; 600];
    for at in [0, 188, 376] {
        ts[at] = 0x47;
    }
    expect(&[
        (&mp3, "", "audio/mpeg"),
        (&mp3[..300], "", UNKNOWN),
        (&mp3[..300], "a.mp3", "audio/mpeg"),
        (b"ID3\x04\0\0\0\0\0\x0a", "", "audio/mpeg"),
        (&aac, "", "audio/aac"),
        (&ts, "a.ts", "video/mp2t"),
        (&with(b"\xff\xfb\x90\x00", 900), "a.mp3", UNKNOWN),
        (
            b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead",
            "",
            "audio/ogg",
        ),
        (
            b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x2a\x80theora",
            "",
            "video/ogg",
        ),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm", "", "video/webm"),
        (
            b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska",
            "a.mkv",
            "video/x-matroska",
        ),
        (
            b"\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska",
            "a.mka",
            "audio/x-matroska",
        ),
    ]);
}

fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in entries {
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&[0; 22]);
        bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(content.as_bytes());
    }
    bytes
}

#[test]
fn zip_files_by_what_they_hold() {
    let types = ("[Content_Types].xml", "x");
    let office = "application/vnd.openxmlformats-officedocument.";
    expect(&[
        (&zip(&[("a.txt", "x")]), "a.docx", "application/zip"),
        (
            &zip(&[types, ("word/document.xml", "")]),
            "",
            &format!("{office}wordprocessingml.document"),
        ),
        (
            &zip(&[types, ("xl/workbook.xml", "")]),
            "",
            &format!("{office}spreadsheetml.sheet"),
        ),
        (
            &zip(&[types, ("ppt/presentation.xml", "")]),
            "",
            &format!("{office}presentationml.presentation"),
        ),
        (
            &zip(&[types]),
            "a.xlsx",
            &format!("{office}spreadsheetml.sheet"),
        ),
        (
            &zip(&[types, ("xl/workbook.bin", "")]),
            "a.xlsb",
            &format!("{office}spreadsheetml.sheet"),
        ),
        (
            &zip(&[("mimetype", "application/epub+zip")]),
            "a.zip",
            "application/epub+zip",
        ),
        (
            &zip(&[("mimetype", "application/vnd.oasis.opendocument.text")]),
            "",
            "application/vnd.oasis.opendocument.text",
        ),
    ]);
}

#[test]
fn office_documents_that_are_no_zip_file() {
    let ole = with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 512);
    expect(&[
        (&ole, "a.doc", "application/msword"),
        (&ole, "a.xls", "application/vnd.ms-excel"),
        (&ole, "a.docx", "application/x-ooxml-protected"),
        (&ole, "a.xlsm", "application/x-ooxml-protected"),
        (&ole, "a.bin", "application/x-ole-storage"),
        (b"{\\rtf1\\ansi x}", "a.doc", "application/rtf"),
    ]);
}

#[test]
fn mailboxes_begin_with_a_dated_line_and_a_header() {
    let line = "From anna@example.org Wed Nov 25 07:00:00 2026";
    expect(&[
        (
            format!("{line}\nSubject: a\n").as_bytes(),
            "Inbox",
            "application/mbox",
        ),
        (
            format!("{line}\r\nX-Mozilla-Status: 1\r\n").as_bytes(),
            "",
            "application/mbox",
        ),
        (
            format!("{line}\nand so on: yes\n").as_bytes(),
            "",
            "text/plain",
        ),
        (
            b"From here to the year 2026\nThat is far: very\n",
            "",
            "text/plain",
        ),
        (b"From here\nSubject: a\n", "", "text/plain"),
    ]);
}

#[test]
fn tiff_and_the_raw_formats_built_on_it() {
    let mut dng = with(b"II\x2a\0\x08\0\0\0\x01\0\x12\xc6", 64);
    dng[8] = 1;
    expect(&[
        (&with(b"II\x2a\0\x08\0\0\0", 64), "a.tif", "image/tiff"),
        (
            &with(b"MM\0\x2a\0\0\0\x08", 64),
            "a.nef",
            "image/x-nikon-nef",
        ),
        (
            &with(b"II\x2a\0\x10\0\0\0CR\x02", 64),
            "",
            "image/x-canon-cr2",
        ),
        (&dng, "", "image/x-adobe-dng"),
        (b"II\x2a\0\xff\xff\xff\xff", "", "image/tiff"),
        (b"II\x2a\0", "", "image/tiff"),
    ]);
}

#[test]
fn text_by_content_then_by_name() {
    expect(&[
        (b"hello", "", "text/plain"),
        (b"hello", "a.jpg", "text/plain"),
        (b"# hello", "a/b.MD", "text/markdown"),
        (b"a,b\n1,2\n", "a.csv", "text/csv"),
        (b"import os", "a.py", "text/x-python"),
        (b"#!/usr/bin/env python3\n", "", "text/x-python"),
        (b"#!/bin/sh\n", "run", "text/x-shellscript"),
        (b"\n <!DOCTYPE html><p>", "a.txt", "text/html"),
        (b"<?xml version='1.0'?><note/>", "", "text/xml"),
        (b"<?xml version='1.0'?><!-- x --><svg>", "", "image/svg+xml"),
        (b"<svg xmlns='x'>", "", "image/svg+xml"),
        (b"{\"a\": 1}", "", "application/json"),
        (b"[1, 2]", "a.json", "application/json"),
        (b"{\"type\": 1}", "a.geojson", "application/geo+json"),
        (b"Return-Path: <a@b>\r\n", "", "message/rfc822"),
        (b"From: a\r\nSubject: b\r\n", "a.eml", "message/rfc822"),
        (b"<xml", "", "text/plain"),
        (b"BZh a word", "", "text/plain"),
        (b"PS is short", "", "text/plain"),
        (b"\xef\xbb\xbfhello", "", "text/plain"),
        (b"\xff\xfeh\0i\0", "", "text/plain"),
        (b"\xfe\xff\0h\0i", "", "text/plain"),
        (b"\xff\xfeh\0\0\0", "", UNKNOWN),
        ("d\u{e9}j\u{e0}".as_bytes(), "", "text/plain"),
        (
            "d\u{e9}j\u{e0}".as_bytes().split_last().unwrap().1,
            "",
            "text/plain",
        ),
        (b"d\xe9j\xe0 vu, na\xefve", "", "text/plain"),
        (b"\xe9\xe8\xf0\xfa", "", UNKNOWN),
        (b"a\0b", "a.txt", UNKNOWN),
        (b"a\x01b", "a.txt", UNKNOWN),
    ]);
}

#[test]
fn no_head_makes_it_fail() {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let starts: [&[u8]; 9] = [
        b"II\x2a\0",
        b"MM\0\x2a",
        b"PK\x03\x04",
        b"\0\0\0\x18ftyp",
        b"\xff\xfb",
        b"RIFF",
        b"MZ",
        b"<?xml",
        b"P7\n",
    ];
    for start in starts {
        for size in 0..120 {
            let mut head = start.to_vec();
            head.extend((0..size).map(|_| noise()));
            assert!(!sniff(&head, b"x.ts").is_empty());
            let part = &head[..head.len().min(start.len() + size / 2)];
            assert!(!sniff(part, b"").is_empty());
        }
    }
}

#[test]
fn names_claim_types() {
    for (name, want) in [
        ("a.JPG", "image/jpeg"),
        ("/x.d/a", UNKNOWN),
        (".png", UNKNOWN),
        ("a.", UNKNOWN),
        ("a.tar.gz", "application/gzip"),
        ("a.nothing", UNKNOWN),
    ] {
        assert_eq!(mime_from_name(name.as_bytes()), want, "{name}");
    }
}

#[test]
fn types_have_a_class() {
    for (mime, want) in [
        ("image/jpeg", "image"),
        ("Application/PDF", "pdf"),
        ("video/mp4", "video"),
        ("audio/wav", "audio"),
        ("text/plain; charset=utf-8", "text"),
        ("application/json", "text"),
        ("message/rfc822", "text"),
        ("application/zip", "other"),
        ("application/mbox", "text"),
        ("application/rtf", "text"),
        ("application/epub+zip", "text"),
        ("application/vnd.ms-excel", "text"),
        ("application/msword", "text"),
        ("application/vnd.ms-powerpoint", "text"),
        ("application/vnd.ms-outlook", "text"),
        ("application/vnd.oasis.opendocument.text-template", "text"),
        ("application/vnd.oasis.opendocument.formula", "other"),
        (
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "text",
        ),
        (UNKNOWN, "other"),
        ("", "other"),
    ] {
        assert_eq!(media_class(mime), want, "{mime}");
    }
}

/// Russian for "the book lies on the table, the keys hang by the door", a few times.
fn russian(encode: impl Fn(char) -> u8) -> Vec<u8> {
    "\u{43a}\u{43d}\u{438}\u{433}\u{430} \u{43b}\u{435}\u{436}\u{438}\u{442} \u{43d}\u{430} \u{441}\u{442}\u{43e}\u{43b}\u{435}\n"
        .repeat(4)
        .chars()
        .map(encode)
        .collect()
}

/// Small letters of the alphabet from a first byte on, as Windows-1251 and ISO-8859-5 have them.
fn from(first: u8) -> impl Fn(char) -> u8 {
    move |letter| match u32::from(letter) {
        code @ 0x430..=0x44f => first + (code - 0x430) as u8,
        code => code as u8,
    }
}

fn wide(text: &str, bytes: usize, little: bool) -> Vec<u8> {
    let units = text.chars().flat_map(|letter| {
        let mut unit = u32::from(letter).to_be_bytes()[4 - bytes..].to_vec();
        if little {
            unit.reverse();
        }
        unit
    });
    units.collect()
}

#[test]
fn text_in_any_encoding_is_text() {
    let latin = "L\u{e9}on a mang\u{e9} des cr\u{ea}pes pr\u{e8}s de l'\u{e9}glise.\r\n".repeat(3);
    let japanese: Vec<u8> =
        b"\x82\xb1\x82\xea\x82\xcd\x93\xfa\x96\x7b\x8c\xea\x82\xc5\x82\xb7\x81\x42".repeat(6);
    let chinese: Vec<u8> = b"\xd5\xe2\xca\xc7\xd6\xd0\xce\xc4\xce\xc4\xb1\xbe\xa1\xa3".repeat(6);
    let korean: Vec<u8> = b"\xc8\xb8\xc0\xc7\xb4\xc2 \xb3\xbb\xc0\xcf \xbf\xc0\xc8\xc4".repeat(6);
    let big5: Vec<u8> = b"\xb3\x6f\xac\x4f\xa4\xa4\xa4\xe5\xa4\xe5\xa5\xbb\xa1\x43".repeat(6);
    let log = b"one line with a \0 in it, and then some more words\n".repeat(4);
    let mut torn = b"a line of a log\n".repeat(40);
    torn.splice(320..320, [0; 500]);
    let plain: [&[u8]; 17] = [
        &russian(from(0xe0)),
        &russian(from(0xd0)),
        &japanese,
        &chinese,
        &korean,
        &big5,
        &log,
        &torn,
        &wide(&latin, 2, true),
        &wide(&latin, 2, false),
        &wide(&latin, 4, true),
        &wide(&latin, 4, false),
        b"\x1b$B2q5D\x1b(B and more\n",
        b"\x1b$)C\x0e\x2f\x30\x0f and more\n",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xff\xfe\0\0a\0\0\0",
    ];
    for text in plain {
        expect(&[(text, "", "text/plain")]);
    }
    expect(&[
        (
            &wide("1\r\n00:00:01,000", 2, true),
            "a.srt",
            "application/x-subrip",
        ),
        (&wide("<html><head>", 2, false), "a.bin", "text/html"),
        (
            &wide("\u{feff}<?xml version='1.0'?><a/>", 2, true),
            "",
            "text/xml",
        ),
        (b"\x4c\x6f\xa7\x94\x93\x40\xa5\x85", "", "text/xml"),
        (b"<p>\xcf\xf0\xe8\xe2\xe5\xf2</p>", "a.html", "text/html"),
    ]);
}

#[test]
fn data_is_no_text() {
    let mut state = 7_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for size in [64, 300, 5000] {
        let random: Vec<u8> = (0..size).map(|_| noise()).collect();
        // Without control characters; samples around the middle; bright pixels; 16-bit numbers, and small ones.
        let high: Vec<u8> = random.iter().map(|byte| byte | 0x80).collect();
        let printable: Vec<u8> = random.iter().map(|byte| byte % 224 + 32).collect();
        let samples: Vec<u8> = random.iter().map(|byte| 120 + byte % 16).collect();
        let ramp: Vec<u8> = (0..size).map(|at| 0x90 + (at / 8 % 0x60) as u8).collect();
        let numbers: Vec<u8> = random
            .chunks(1)
            .flat_map(|byte| [byte[0], byte[0] % 4])
            .collect();
        for data in [random, high, printable, samples, ramp, numbers] {
            assert_eq!(sniff(&data, b""), UNKNOWN, "{}", data[..64].escape_ascii());
        }
    }
    let text_then_data = [
        b"#!/bin/sh\nexec tail\n".repeat(300),
        vec![0xe9; 9000],
        vec![1; 9000],
    ]
    .concat();
    expect(&[(&text_then_data, "setup.sh", UNKNOWN)]);
    let message = [
        b"Received: from a\r\nSubject: b\r\n\r\n".repeat(300),
        vec![1; 9000],
    ]
    .concat();
    expect(&[(&message, "a.eml", "message/rfc822")]);
}

#[test]
fn streams_behind_junk_and_cut_in_the_middle() {
    let frame = |size: usize, start: &[u8]| with(start, size);
    let repeat =
        |junk: usize, frame: &[u8], times: usize| [vec![0; junk], frame.repeat(times)].concat();
    let ac3 = frame(768, b"\x0b\x77\0\0\x14\x40");
    let eac3 = frame(768, b"\x0b\x77\x01\x7f\x34\x80");
    let loas = frame(203, b"\x56\xe0\xc8");
    let mp3 = frame(417, b"\xff\xfb\x90\0");
    let dts = frame(1000, b"\x7f\xfe\x80\x01\xfc");
    let mut packet = frame(188, b"\x47\x41\0\x10");
    packet[60..].fill(0xff);
    let mut block = frame(80, b"\x1f\x07\0\xbf");
    block.extend_from_slice(b"\x3f\x07\0");
    let h264 = b"\0\0\0\x01\x67\x64\0\x1f\0\0\0\x01\x68\xeb\0\0\x01\x65\x88\x84";
    let tag = |size: u8, rest: &[u8]| {
        [
            b"ID3\x03\0\0\0\0\0".as_slice(),
            &[size],
            &vec![1; size.into()],
            rest,
        ]
        .concat()
    };
    expect(&[
        (&repeat(0, &ac3, 3), "", "audio/ac3"),
        (&repeat(0, &eac3, 3), "", "audio/eac3"),
        (&repeat(0, &loas, 3), "", "audio/x-latm"),
        (&repeat(0, &dts, 4), "", "audio/vnd.dts"),
        (&repeat(700, &mp3, 6), "", "audio/mpeg"),
        (&repeat(3, &ac3, 6), "a.ac3", "audio/ac3"),
        (&repeat(0, &packet, 8)[100..], "", "video/mp2t"),
        (
            &repeat(0, &[[9; 4].as_slice(), &packet].concat(), 8)[100..],
            "",
            "video/mp2t",
        ),
        (&with(&block, 400), "", "video/dv"),
        (&with(h264, 400), "", "video/h264"),
        (&tag(20, b"TTA1\x01\0"), "", "audio/x-tta"),
        (&tag(20, b"fLaC\0\0\0\x22"), "", "audio/flac"),
        (&tag(20, &repeat(300, &mp3, 6)), "", "audio/mpeg"),
    ]);
    let run_in = [
        vec![5; 3000],
        b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02\x04".to_vec(),
    ]
    .concat();
    expect(&[(&run_in, "", "application/mxf")]);
    // Marks of the same bytes without anything at the right distance prove nothing.
    expect(&[
        (&with(b"\x0b\x77\0\0\x14\x40", 4000), "", UNKNOWN),
        (&with(b"\x56\xe0\xc8", 4000), "", UNKNOWN),
    ]);
}

#[test]
fn late_marks_are_found_and_words_are_none() {
    for (offset, mark, mime) in super::late::MARKS {
        if mark.len() > 3 {
            let head = [vec![2; *offset], mark.to_vec(), vec![0; 9], vec![3; 40]].concat();
            assert_eq!(sniff(&head, b""), *mime, "{}", mark.escape_ascii());
        }
    }
    for (_, mark, _) in super::late::MARKS {
        if mark.is_ascii() && !mark.iter().any(u8::is_ascii_control) {
            let text = [mark, b" is a word like others in a text.\n".as_slice()].concat();
            assert_eq!(sniff(&text, b""), "text/plain", "{}", mark.escape_ascii());
        }
    }
}

#[test]
fn names_are_believed_only_for_pictures_and_sound() {
    for (name, want) in [
        ("a.g722", Some("audio/g722")),
        ("a.ts", Some("video/mp2t")),
        ("a.tsx", None),
        ("a.tga", Some("image/x-tga")),
        ("a.docx", None),
        ("a.pdf", None),
        ("a.txt", None),
        ("a", None),
    ] {
        assert_eq!(claimed(name.as_bytes()), want, "{name}");
    }
}

/// What a file is whose bytes can all be read.
fn whole(data: &[u8], name: &str) -> &'static str {
    let read = &mut |offset: u64, buffer: &mut [u8]| {
        let from = &data[(offset as usize).min(data.len())..];
        let length = from.len().min(buffer.len());
        buffer[..length].copy_from_slice(&from[..length]);
        length
    };
    let size = data.len() as u64;
    sniff_file(
        &data[..data.len().min(HEAD)],
        name.as_bytes(),
        Rest { size, read },
    )
}

/// A zip file of stored parts with a directory at the end.
fn package(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let sizes = [(content.len() as u32).to_le_bytes(); 2].concat();
        let name_length = (name.len() as u16).to_le_bytes();
        directory.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        directory.extend_from_slice(&sizes);
        directory.extend_from_slice(&name_length);
        directory.extend_from_slice(&[0; 12]);
        directory.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend_from_slice(&sizes);
        bytes.extend_from_slice(&name_length);
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(content);
    }
    let (start, size) = (bytes.len() as u32, directory.len() as u32);
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\0\0\0\0");
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}

#[test]
fn a_zip_file_is_what_its_directory_says() {
    let big = vec![b'x'; 200_000];
    let office = "application/vnd.openxmlformats-officedocument.";
    let types: (&str, &[u8]) = ("[Content_Types].xml", b"x");
    let docx = package(&[types, ("word/document.xml", b"x")]);
    for (parts, name, want) in [
        (
            vec![("a.png", big.as_slice()), ("META-INF/container.xml", b"x")],
            "a.zip",
            "application/epub+zip",
        ),
        (
            vec![("a.png", &big), ("mimetype", b"application/epub+zip")],
            "",
            "application/epub+zip",
        ),
        (
            vec![("media/a.png", &big), types, ("word\\document.xml", b"x")],
            "",
            &format!("{office}wordprocessingml.document"),
        ),
        (
            vec![("a.png", &big), types, ("xl/workbook.xml", b"x")],
            "a.bin",
            &format!("{office}spreadsheetml.sheet"),
        ),
        (
            vec![("content.xml", &big), ("META-INF/manifest.xml", b"x")],
            "a.ods",
            "application/vnd.oasis.opendocument.spreadsheet",
        ),
        (vec![("letter.docx", &docx)], "a.zip", "application/zip"),
        (vec![("a.png", &big)], "a.docx", "application/zip"),
    ] {
        assert_eq!(whole(&package(&parts), name), want, "{name}");
    }
    assert_eq!(
        whole(&docx[..docx.len() - 30], ""),
        format!("{office}wordprocessingml.document")
    );
}

#[test]
fn an_old_office_document_is_what_its_directory_says() {
    let ole = |streams: &[&str]| {
        let mut bytes = with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 1024);
        (bytes[30], bytes[48]) = (9, 1);
        for name in ["Root Entry"].iter().chain(streams) {
            let mut entry = with(&wide(name, 2, true), 128);
            entry[64] = (2 * name.len() + 2) as u8;
            bytes.extend_from_slice(&entry);
        }
        bytes
    };
    for (streams, name, want) in [
        (vec!["WordDocument"], "a.bin", "application/msword"),
        (vec!["Workbook"], "a.doc", "application/vnd.ms-excel"),
        (vec!["Book"], "", "application/vnd.ms-excel"),
        (
            vec!["PowerPoint Document", "Workbook"],
            "",
            "application/vnd.ms-powerpoint",
        ),
        (
            vec!["__properties_version1.0"],
            "",
            "application/vnd.ms-outlook",
        ),
        (
            vec!["EncryptedPackage"],
            "a",
            "application/x-ooxml-protected",
        ),
        (vec!["Other"], "a.msi", "application/x-msi"),
        (vec![], "a", "application/x-ole-storage"),
    ] {
        assert_eq!(whole(&ole(&streams), name), want, "{streams:?}");
    }
    // A directory that is not in the file.
    let mut lost = ole(&["WordDocument"]);
    lost[48..52].fill(0xff);
    assert_eq!(whole(&lost, "a.doc"), "application/msword");
}
