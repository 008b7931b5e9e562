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
        ("application/msword", "other"),
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
