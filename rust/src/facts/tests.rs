//! Facts of whole files: hostile ones above all.

use super::*;

fn facts(mime: &str, data: &[u8]) -> Facts {
    let mut nothing = |offset: u64, buffer: &mut [u8]| {
        let rest = data.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    };
    read(
        mime,
        b"",
        Source::new(&data[..data.len().min(16)], data.len() as u64, &mut nothing),
    )
}

/// A structure of EXIF with a camera, a date in three parts, and a place.
fn exif() -> Vec<u8> {
    let mut out = b"MM\0*\0\0\0\x08".to_vec();
    let entry = |out: &mut Vec<u8>, tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        out.extend(tag.to_be_bytes());
        out.extend(kind.to_be_bytes());
        out.extend(count.to_be_bytes());
        out.extend(value);
    };
    out.extend(4u16.to_be_bytes());
    entry(&mut out, 0x10f, 2, 4, *b"Cam\0");
    entry(&mut out, 0x112, 3, 1, [0, 6, 0, 0]);
    entry(&mut out, 0x8769, 4, 1, 62u32.to_be_bytes());
    entry(&mut out, 0x8825, 4, 1, 200u32.to_be_bytes());
    out.extend([0; 4]);
    assert_eq!(out.len(), 62);
    out.extend(4u16.to_be_bytes());
    entry(&mut out, 0x9003, 2, 20, 150u32.to_be_bytes());
    entry(&mut out, 0x9011, 2, 7, 170u32.to_be_bytes());
    entry(&mut out, 0x9291, 2, 3, *b"12\0\0");
    entry(&mut out, 0x829a, 5, 1, 180u32.to_be_bytes());
    out.extend([0; 4]);
    out.resize(150, 0);
    out.extend(b"2024:05:31 14:03:22\0");
    out.extend(b"+02:00\0\0\0\0");
    out.extend([0, 0, 0, 1, 0, 0, 0, 250]);
    out.resize(200, 0);
    out.extend(2u16.to_be_bytes());
    entry(&mut out, 2, 5, 3, 240u32.to_be_bytes());
    entry(&mut out, 4, 5, 3, 240u32.to_be_bytes());
    out.resize(240, 0);
    for number in [52u32, 1, 30, 1, 0, 1] {
        out.extend(number.to_be_bytes());
    }
    out
}

fn jpeg() -> Vec<u8> {
    let exif = exif();
    let mut out = b"\xff\xd8\xff\xe1".to_vec();
    out.extend((exif.len() as u16 + 8).to_be_bytes());
    out.extend(b"Exif\0\0");
    out.extend(&exif);
    out.extend(b"\xff\xc0\0\x0b\x08\0\x20\0\x40\x01\x01\x11\0\xff\xda\0\x02");
    out
}

#[test]
fn a_photograph_says_when_and_where_it_was_taken() {
    let found = facts("image/jpeg", &jpeg());
    let json = found.json().unwrap();
    let want = "{\"taken\":\"2024-05-31T14:03:22.120+02:00\",\"taken_from\":\"exif\",\"width\":32,\"height\":64,\
        \"orientation\":6,\"latitude\":52.5,\"longitude\":52.5,\"make\":\"Cam\",\"exposure\":0.004}";
    assert_eq!(json, want);
    assert_eq!(found.taken_at(), Some(1_717_164_202_120));
}

#[test]
fn files_that_are_cut_off_or_damaged_never_panic() {
    let samples = samples();
    for (mime, data) in &samples {
        for length in 0..data.len() {
            read_whole(mime, &data[..length]);
        }
        let mut state = 1u64;
        for _ in 0..3000 {
            let mut damaged = data.clone();
            for _ in 0..4 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 33) as usize % damaged.len();
                damaged[at] = match state & 3 {
                    0 => 0xff,
                    1 => 0,
                    2 => 0x7f,
                    _ => (state >> 20) as u8,
                };
            }
            read_whole(mime, &damaged);
        }
    }
}

/// As [`facts`], but a panic fails the test.
fn read_whole(mime: &str, data: &[u8]) -> Facts {
    of_type(
        mime,
        &mut source_of(data, &mut |offset, buffer| copy(data, offset, buffer)),
    )
}

/// A Panasonic raw file names its JPEG; the JPEG's EXIF claims to be such a file, too.
#[test]
fn photographs_inside_photographs_are_not_followed() {
    let raw = b"II\x55\0\x08\0\0\0\x01\0\x2e\0\x07\0\0\x01\0\0\x1a\0\0\0\0\0\0\0".as_slice();
    // Its length leads beyond the end of the file.
    let claim = b"\xff\xd8\xff\xe1\x7f\xffExif\0\0".as_slice();
    let sized = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x20\0\x40\x01\x01\x11\0\xff\xda\0\x02".as_slice();
    let stored = |parts: &[&[u8]]| read_whole("image/x-panasonic-rw2", &parts.concat()).stored;
    assert_eq!(stored(&[raw, sized]), Some((64, 32)));
    assert_eq!(stored(&[raw, claim, raw, sized]), None);
}

fn copy(data: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let rest = data.get(offset as usize..).unwrap_or_default();
    let count = rest.len().min(buffer.len());
    buffer[..count].copy_from_slice(&rest[..count]);
    count
}

fn source_of<'a>(data: &'a [u8], read: ReadAt<'a>) -> Source<'a> {
    Source::new(&data[..data.len().min(16)], data.len() as u64, read)
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let atom = |name: &[u8; 4], inside: &[u8]| {
        let mut out = (inside.len() as u32 + 8).to_be_bytes().to_vec();
        out.extend(name);
        out.extend(inside);
        out
    };
    let mut header = vec![0; 100];
    header[4..8].copy_from_slice(&3_800_008_202u32.to_be_bytes());
    header[12..16].copy_from_slice(&1000u32.to_be_bytes());
    header[16..20].copy_from_slice(&5000u32.to_be_bytes());
    let film = [
        atom(b"ftyp", b"qt  \0\0\0\0"),
        atom(
            b"moov",
            &[
                atom(b"mvhd", &header),
                atom(
                    b"trak",
                    &atom(b"mdia", &atom(b"hdlr", b"\0\0\0\0\0\0\0\0vide")),
                ),
            ]
            .concat(),
        ),
    ]
    .concat();
    let body = "%PDF-1.4\n1 0 obj<</Pages 2 0 R>>endobj\n2 0 obj<</Count 3>>endobj\n\
        3 0 obj<</CreationDate(D:2024)>>endobj\n";
    let rows: String = ["1 0 obj", "2 0 obj", "3 0 obj"]
        .map(|part| format!("{:010} 00000 n \n", body.find(part).unwrap_or_default()))
        .concat();
    let table = format!("xref\n0 4\n0000000000 65535 f \n{rows}");
    let trailer = "trailer<</Root 1 0 R/Info 3 0 R/Size 4>>";
    let pdf = format!("{body}{table}{trailer}\nstartxref\n{}\n%%EOF", body.len()).into_bytes();
    let matroska = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xa0\x15\x49\xa9\x66\x8e\x44\x61\x88\x09\x00\0\0\0\0\0\0\x44\x89\x40\x16\x54\xae\x6b\x87\xae\x85\xe0\x83\xb0\x81\x20".to_vec();
    let webp = [
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x08\0\0\0\x1f\0\0\x3f\0\0EXIF\xff\0\0\0".as_slice(),
        &exif(),
    ]
    .concat();
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x20\0\0\0\x40\x08\x02\0\0\0\0\0\0\0\0\0\x01\x08eXIf".as_slice(), &exif(), &[0; 8]].concat();
    let mp3 = b"ID3\x04\0\0\0\0\0\x10TDRC\0\0\0\x05\0\0\x032024\xff\xfb\x90\x00".to_vec();
    vec![
        ("image/jpeg", jpeg()),
        ("image/tiff", exif()),
        ("image/png", png),
        ("image/webp", webp),
        ("video/quicktime", film.clone()),
        ("image/heic", film),
        ("video/webm", matroska),
        ("application/pdf", pdf),
        ("audio/mpeg", mp3),
    ]
}

#[test]
fn each_sample_says_something() {
    for (mime, data) in samples() {
        if mime != "image/heic" {
            assert_ne!(facts(mime, &data), Facts::default(), "{mime}");
        }
    }
}
