//! Each mark of the table, written down a second time: a slip in the table is seen here.

use super::magic::MARKS;
use super::sniff;

/// A bitmap from after its mark to the size of its second header.
const BMP: &[u8] = &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0];

/// A bitmap without the header of a file, from after the length of its header.
const DIB: &[u8] = &{
    let mut bytes = [0; 36];
    (bytes[0], bytes[4], bytes[8], bytes[10]) = (16, 16, 1, 24);
    bytes
};

/// An icon's directory of one entry, from after its mark.
const ICON: &[u8] = &[1, 0, 16, 16, 0, 0, 1, 0, 32, 0, 0, 0, 0, 0, 22, 0, 0, 0];

/// A program from after its mark to the pointer to its second header, which is where this ends.
const PROGRAM: &[u8] = &{
    let mut bytes = [0; 62];
    bytes[58] = 64;
    bytes
};

/// (what comes before the mark, the mark, the least that has to follow, the type).
type Case = (&'static [u8], &'static [u8], &'static [u8], &'static str);

const CASES: &[Case] = &[
    (b"", b"\xff\xd8", b"\xff", "image/jpeg"),
    (b"", b"\x89PNG\r\n\x1a\n", b"", "image/png"),
    (b"", b"GIF87a", b"", "image/gif"),
    (b"", b"GIF89a", b"", "image/gif"),
    (b"", b"\xff\x0a", b"", "image/jxl"),
    (b"", b"\0\0\0\x0cJXL \r\n\x87\n", b"", "image/jxl"),
    (b"", b"\0\0\0\x0cjP  \r\n\x87\n", b"", "image/jp2"),
    (b"", b"\xff\x4f\xff\x51", b"", "image/jp2"),
    (b"", b"8BPS\0\x01", b"", "image/vnd.adobe.photoshop"),
    (b"", b"8BPS\0\x02", b"", "image/vnd.adobe.photoshop"),
    (b"", b"qoif", b"", "image/qoi"),
    (b"", b"\x76\x2f\x31\x01", b"", "image/x-exr"),
    (b"", b"#?RADIANCE\n", b"", "image/vnd.radiance"),
    (b"", b"gimp xcf ", b"", "image/x-xcf"),
    (b"", b"DDS \x7c\0\0\0", b"", "image/x-dds"),
    (b"", b"SIMPLE  = ", b"", "image/fits"),
    (b"", b"II\xbc\x01", b"", "image/vnd.ms-photo"),
    (b"", b"\x01\xda\0\x01", b"", "image/sgi"),
    (b"", b"\x01\xda\0\x02", b"", "image/sgi"),
    (b"", b"\x01\xda\x01\x01", b"", "image/sgi"),
    (b"", b"\x01\xda\x01\x02", b"", "image/sgi"),
    (b"", b"\x59\xa6\x6a\x95", b"", "image/x-sun-raster"),
    (b"", b"II\x2a\0", b"\x08\0\0\0", "image/tiff"),
    (b"", b"MM\0\x2a", b"\0\0\0\x08", "image/tiff"),
    (b"", b"II\x2b\0", b"", "image/tiff"),
    (b"", b"MM\0\x2b", b"", "image/tiff"),
    (b"", b"icns", b"\0\0\x08\0", "image/icns"),
    (b"", b"FUJIFILMCCD-RAW", b"", "image/x-fuji-raf"),
    (b"", b"IIU\0", b"", "image/x-panasonic-rw2"),
    (b"", b"IIRO", b"", "image/x-olympus-orf"),
    (b"", b"IIRS", b"", "image/x-olympus-orf"),
    (b"", b"MMOR", b"", "image/x-olympus-orf"),
    (&[1; 6], b"HEAPCCDR", b"", "image/x-canon-crw"),
    (b"", b"\0MRM", b"", "image/x-minolta-mrw"),
    (b"", b"FOVb", b"", "image/x-sigma-x3f"),
    (b"", b"%PDF-", b"", "application/pdf"),
    (b"", b"%!PS", b"", "application/postscript"),
    (b"", b"\xc5\xd0\xd3\xc6", b"", "application/postscript"),
    (b"", b"{\\rtf", b"", "application/rtf"),
    (b"", b"AT&TFORM", b"", "image/vnd.djvu"),
    (
        b"",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"",
        "application/x-ole-storage",
    ),
    (b"", b"\x09\0\x04\0", b"", "application/vnd.ms-excel"),
    (b"", b"\x09\x02\x06\0", b"", "application/vnd.ms-excel"),
    (b"", b"\x09\x04\x06\0", b"", "application/vnd.ms-excel"),
    (b"", b"RIFF", b"\0\0\0\0WEBP", "image/webp"),
    (b"", b"RIFX", b"\0\0\0\0WAVE", "audio/wav"),
    (b"", b"RF64", b"\xff\xff\xff\xffWAVE", "audio/wav"),
    (b"", b"BW64", b"\xff\xff\xff\xffWAVE", "audio/wav"),
    (
        b"",
        b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0",
        b"",
        "audio/x-w64",
    ),
    (b"", b"FORM", b"\0\0\0\0AIFF", "audio/aiff"),
    (b"", b"FRM8", b"\0\0\0\0\0\0\0\0DSD ", "audio/x-dff"),
    (
        b"",
        b"\x1a\x45\xdf\xa3",
        b"\x9f\x42\x82\x84webm",
        "video/webm",
    ),
    (b"", b"OggS\0", b"\x02", "audio/ogg"),
    (
        b"",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        b"",
        "video/x-ms-asf",
    ),
    (b"\0\0\x01\xb3", b"ftyp", b"avif", "image/avif"),
    (b"\0\0\0\x08", b"moov", b"", "video/quicktime"),
    (b"\0\0\0\x08", b"mdat", b"", "video/quicktime"),
    (b"\0\0\0\x08", b"wide", b"", "video/quicktime"),
    (b"\0\0\0\x08", b"pnot", b"", "video/quicktime"),
    (b"\0\0\0\x08", b"free", b"", "video/quicktime"),
    (b"\0\0\0\x08", b"skip", b"", "video/quicktime"),
    (b"\0\0\0\x08", b"styp", b"", "video/mp4"),
    (b"\0\0\0\x08", b"moof", b"", "video/mp4"),
    (b"\0\0\0\x08", b"sidx", b"", "video/mp4"),
    (b"", b"fLaC", b"", "audio/flac"),
    (b"", b"#!AMR-WB\n", b"", "audio/amr-wb"),
    (b"", b"#!AMR\n", b"", "audio/amr"),
    (b"", b"MThd\0\0\0\x06", b"", "audio/midi"),
    (b"", b".snd\0\0\0", b"", "audio/basic"),
    (b"", b"caff\0\x01", b"", "audio/x-caf"),
    (b"", b"wvpk", b"", "audio/x-wavpack"),
    (b"", b"MAC \x96\x0f", b"", "audio/x-ape"),
    (b"", b"DSD \x1c\0\0\0", b"", "audio/x-dsf"),
    (b"", b".ra\xfd\0", b"", "audio/vnd.rn-realaudio"),
    (b"", b"DTSHDHDR", b"", "audio/vnd.dts.hd"),
    (b"", b"Creative Voice File\x1a", b"", "audio/x-voc"),
    (b"", b"NIST_1A\n", b"", "audio/x-nist"),
    (b"", b"ALawSoundFile**\0", b"", "audio/x-wve"),
    (b"", b"FLV\x01", b"", "video/x-flv"),
    (b"", b"\0\0\x01\xba", b"", "video/mpeg"),
    (b"", b"\0\0\x01\xb3", b"", "video/mpeg"),
    (b"", b".RMF\0\0\0", b"", "application/vnd.rn-realmedia"),
    (b"", b"YUV4MPEG2 ", b"", "video/x-yuv4mpeg"),
    (b"", b"nut/multimedia container\0", b"", "video/x-nut"),
    (b"", b"NuppelVideo\0", b"", "video/x-nuv"),
    (b"", b"MythTVVideo\0", b"", "video/x-nuv"),
    (
        b"",
        b"\xb7\xd8\0\x20\x37\x49\xda\x11\xa6\x4e\0\x07\xe9\x5e\xad\x8d",
        b"",
        "video/x-wtv",
    ),
    (
        b"",
        b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02",
        b"",
        "application/mxf",
    ),
    (b"", b"PK\x03\x04", b"", "application/zip"),
    (b"", b"PK\x05\x06", b"", "application/zip"),
    (b"", b"\x1f\x8b\x08", b"", "application/gzip"),
    (b"", b"BZh", b"9", "application/x-bzip2"),
    (b"", b"\xfd7zXZ\0", b"", "application/x-xz"),
    (b"", b"\x28\xb5\x2f\xfd", b"", "application/zstd"),
    (b"", b"\x04\x22\x4d\x18", b"", "application/x-lz4"),
    (
        b"",
        b"7z\xbc\xaf\x27\x1c",
        b"",
        "application/x-7z-compressed",
    ),
    (b"", b"Rar!\x1a\x07", b"", "application/vnd.rar"),
    (&[1; 257], b"ustar\0", b"", "application/x-tar"),
    (&[1; 257], b"ustar  \0", b"", "application/x-tar"),
    (
        b"",
        b"MSCF\0\0\0\0",
        b"",
        "application/vnd.ms-cab-compressed",
    ),
    (
        b"",
        b"!<arch>\ndebian",
        b"",
        "application/vnd.debian.binary-package",
    ),
    (b"", b"!<arch>\n", b"", "application/x-archive"),
    (b"", b"\xed\xab\xee\xdb", b"", "application/x-rpm"),
    (b"", b"SQLite format 3\0", b"", "application/vnd.sqlite3"),
    (b"", b"\x7fELF", b"", "application/x-elf"),
    (b"", b"\xca\xfe\xba\xbe\0\0\0", b"", "application/java-vm"),
    (b"", b"\xcf\xfa\xed\xfe", b"", "application/x-mach-binary"),
    (b"", b"\xce\xfa\xed\xfe", b"", "application/x-mach-binary"),
    (b"", b"\0asm\x01\0\0\0", b"", "application/wasm"),
    (b"", b"\x93NUMPY", b"", "application/x-npy"),
    (b"", b"\x89HDF\r\n\x1a\n", b"", "application/x-hdf5"),
    (b"", b"PAR1", b"", "application/vnd.apache.parquet"),
    (b"", b"GGUF", b"", "application/x-gguf"),
    (b"", b"bplist00", b"", "application/x-bplist"),
    (b"", b"wOFF", b"", "font/woff"),
    (b"", b"wOF2", b"", "font/woff2"),
    (b"", b"OTTO\0", b"", "font/otf"),
    (b"", b"\0\x01\0\0\0", b"", "font/ttf"),
    (b"", b"ttcf\0", b"", "font/collection"),
    (b"", b"BM", BMP, "image/bmp"),
    (b"", b"\x28\0\0\0", DIB, "image/bmp"),
    (b"", b"\0\0\x01\0", ICON, "image/x-icon"),
    (b"", b"\0\0\x02\0", ICON, "image/x-icon"),
    (b"", b"P1", b"\n3 ", "image/x-portable-anymap"),
    (b"", b"P2", b"\n3 ", "image/x-portable-anymap"),
    (b"", b"P3", b"\n3 ", "image/x-portable-anymap"),
    (b"", b"P4", b"\n3 ", "image/x-portable-anymap"),
    (b"", b"P5", b"\n3 ", "image/x-portable-anymap"),
    (b"", b"P6", b"\n3 ", "image/x-portable-anymap"),
    (b"", b"P7", b"\nWIDTH 3", "image/x-portable-anymap"),
    (
        b"",
        b"MZ",
        PROGRAM,
        "application/vnd.microsoft.portable-executable",
    ),
];

/// The name that a type needs beside its bytes.
fn name_for(mark: &[u8]) -> &'static [u8] {
    match mark {
        b"free" | b"skip" => b"clip.mov",
        _ => b"",
    }
}

#[test]
fn every_mark_gives_its_type() {
    for (before, mark, after, mime) in CASES {
        let head = [*before, mark, after].concat();
        let found = sniff(&head, name_for(mark));
        assert_eq!(found, *mime, "{}", mark.escape_ascii());
    }
}

#[test]
fn every_byte_of_a_mark_counts() {
    for (before, mark, after, mime) in CASES {
        for index in 0..mark.len() {
            let mut head = [*before, mark, after].concat();
            head[before.len() + index] ^= 0x80;
            let found = sniff(&head, name_for(mark));
            assert_ne!(found, *mime, "{} at {index}", mark.escape_ascii());
        }
    }
}

#[test]
fn the_table_has_no_other_marks() {
    let held: Vec<_> = CASES.iter().map(|case| (case.0.len(), case.1)).collect();
    let table: Vec<_> = MARKS.iter().map(|mark| (mark.0, mark.1)).collect();
    assert_eq!(table, held);
}
