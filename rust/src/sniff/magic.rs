//! Types that fixed bytes at a fixed place give away.

use super::{contains, mime_from_name};

/// (offset, bytes, type). The first that fits decides.
const MAGIC: &[(usize, &[u8], &str)] = &[
    // images
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),
    (0, b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
    (0, b"8BPS\0\x02", "image/vnd.adobe.photoshop"),
    (0, b"qoif", "image/qoi"),
    (0, b"\x76\x2f\x31\x01", "image/x-exr"),
    (0, b"#?RADIANCE\n", "image/vnd.radiance"),
    (0, b"gimp xcf ", "image/x-xcf"),
    (0, b"DDS \x7c\0\0\0", "image/x-dds"),
    (0, b"II\xbc\x01", "image/vnd.ms-photo"),
    (0, b"\x01\xda\0\x01", "image/sgi"),
    (0, b"\x01\xda\0\x02", "image/sgi"),
    (0, b"\x01\xda\x01\x01", "image/sgi"),
    (0, b"\x01\xda\x01\x02", "image/sgi"),
    (0, b"\x59\xa6\x6a\x95", "image/x-sun-raster"),
    // camera raw with a mark of its own
    (0, b"FUJIFILMCCD-RAW", "image/x-fuji-raf"),
    (0, b"IIU\0", "image/x-panasonic-rw2"),
    (0, b"IIRO", "image/x-olympus-orf"),
    (0, b"IIRS", "image/x-olympus-orf"),
    (0, b"MMOR", "image/x-olympus-orf"),
    (6, b"HEAPCCDR", "image/x-canon-crw"),
    (0, b"\0MRM", "image/x-minolta-mrw"),
    (0, b"FOVb", "image/x-sigma-x3f"),
    // documents
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\xc5\xd0\xd3\xc6", "application/postscript"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"AT&TFORM", "image/vnd.djvu"),
    // audio
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR-WB\n", "audio/amr-wb"),
    (0, b"#!AMR\n", "audio/amr"),
    (0, b"MThd\0\0\0\x06", "audio/midi"),
    (0, b".snd\0\0\0", "audio/basic"),
    (0, b"caff\0\x01", "audio/x-caf"),
    (0, b"wvpk", "audio/x-wavpack"),
    (0, b"MAC \x96\x0f", "audio/x-ape"),
    (0, b"DSD \x1c\0\0\0", "audio/x-dsf"),
    // video
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"\0\0\x01\xb3", "video/mpeg"),
    (0, b".RMF\0\0\0", "application/vnd.rn-realmedia"),
    (
        0,
        b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02",
        "application/mxf",
    ),
    // archives and the like
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"\x04\x22\x4d\x18", "application/x-lz4"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar\0", "application/x-tar"),
    (257, b"ustar  \0", "application/x-tar"),
    (0, b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (
        0,
        b"!<arch>\ndebian",
        "application/vnd.debian.binary-package",
    ),
    (0, b"!<arch>\n", "application/x-archive"),
    (0, b"\xed\xab\xee\xdb", "application/x-rpm"),
    // programs and data
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"\xca\xfe\xba\xbe\0\0\0", "application/java-vm"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\0asm\x01\0\0\0", "application/wasm"),
    (0, b"\x93NUMPY", "application/x-npy"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"GGUF", "application/x-gguf"),
    (0, b"bplist00", "application/x-bplist"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"OTTO\0", "font/otf"),
    (0, b"\0\x01\0\0\0", "font/ttf"),
    (0, b"ttcf\0", "font/collection"),
];

/// Pictures whose header has no mark of its own, only numbers of few legal values. Targa has so few that its name has to
/// claim it too.
pub(super) fn sniff_pictures(head: &[u8], name: &[u8]) -> Option<&'static str> {
    match head {
        // Four letters, and a length of less than 128 MiB.
        [b'i', b'c', b'n', b's', 0..=7, ..] => Some("image/icns"),
        [0x0a, 0 | 2..=5, 1, 1 | 2 | 4 | 8, ..] => Some("image/x-pcx"),
        [_, 0 | 1, 1..=3 | 9..=11, ..] if mime_from_name(name) == "image/x-tga" => {
            let depth = head.get(16)?;
            matches!(depth, 8 | 15 | 16 | 24 | 32).then_some("image/x-tga")
        }
        _ => None,
    }
}

/// The type by fixed bytes, some of them checked further.
pub(super) fn sniff(head: &[u8]) -> Option<&'static str> {
    let known = MAGIC
        .iter()
        .find(|(offset, bytes, _)| {
            head.get(*offset..)
                .is_some_and(|rest| rest.starts_with(bytes))
        })
        .map(|&(_, _, mime)| mime);
    match known {
        Some("application/x-bzip2") if !head.get(3).is_some_and(u8::is_ascii_digit) => None,
        Some(mime) => Some(mime),
        None => bmp(head)
            .or_else(|| icon(head))
            .or_else(|| portable_anymap(head))
            .or_else(|| program(head)),
    }
}

/// A PDF may start with up to 1024 bytes of anything (ISO 32000, implementation note 13).
pub(super) fn sniff_late(head: &[u8]) -> Option<&'static str> {
    late_pdf(head).then_some("application/pdf")
}

/// Whether a PDF header comes after junk.
pub(super) fn late_pdf(head: &[u8]) -> bool {
    contains(&head[..head.len().min(1024 + 5)], b"%PDF-")
}

/// "BM" is not much: the header's own size must be one that exists.
fn bmp(head: &[u8]) -> Option<&'static str> {
    let header = head.get(14..18)?;
    let size = u32::from_le_bytes(header.try_into().ok()?);
    let known = matches!(size, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124);
    (head.starts_with(b"BM") && known).then_some("image/bmp")
}

/// An icon or cursor: reserved 0, type 1 or 2, a count, and a first entry whose reserved byte is 0 and whose data lie
/// behind the directory.
fn icon(head: &[u8]) -> Option<&'static str> {
    let entry = head.get(..22)?;
    let count = u32::from(u16::from_le_bytes([entry[4], entry[5]]));
    let offset = u32::from_le_bytes(entry[18..22].try_into().ok()?);
    let kind = entry.starts_with(&[0, 0, 1, 0]) || entry.starts_with(&[0, 0, 2, 0]);
    (kind && (1..=256).contains(&count) && entry[9] == 0 && offset >= 6 + 16 * count)
        .then_some("image/x-icon")
}

/// P1 to P7, a space, then a number or a comment.
fn portable_anymap(head: &[u8]) -> Option<&'static str> {
    let [b'P', b'1'..=b'7', space, next, ..] = head else {
        return None;
    };
    let number = if head[1] == b'7' {
        head[3..].starts_with(b"WIDTH") || *next == b'#'
    } else {
        next.is_ascii_digit() || *next == b'#'
    };
    (space.is_ascii_whitespace() && number).then_some("image/x-portable-anymap")
}

/// A DOS or Windows program: "MZ" and a pointer to "PE" where the head holds it.
fn program(head: &[u8]) -> Option<&'static str> {
    let at = u32::from_le_bytes(head.get(60..64)?.try_into().ok()?) as usize;
    let is_pe = head
        .get(at..)
        .is_none_or(|rest| rest.is_empty() || rest.starts_with(b"PE\0\0"));
    (head.starts_with(b"MZ") && is_pe).then_some("application/vnd.microsoft.portable-executable")
}
