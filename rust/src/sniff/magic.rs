//! The core's one table of magic bytes: types that fixed bytes at a fixed place give away.

use super::{containers, contains, mime_from_name, stands};

/// What follows from a mark.
#[derive(Clone, Copy)]
pub(super) enum Means {
    /// This type.
    Type(&'static str),
    /// A look further into the head, and at the name, decides: a type, or none if the mark is there by chance.
    Look(fn(&[u8], &[u8]) -> Option<&'static str>),
}

use Means::{Look, Type};

/// (offset, bytes, what they mean). The first whose bytes are there and which gives a type decides.
pub(super) const MARKS: &[(usize, &[u8], Means)] = &[
    // images
    (0, b"\xff\xd8", Look(containers::jpeg)),
    (0, b"\x89PNG\r\n\x1a\n", Type("image/png")),
    (0, b"GIF87a", Type("image/gif")),
    (0, b"GIF89a", Type("image/gif")),
    (0, b"\xff\x0a", Type("image/jxl")),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", Type("image/jxl")),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", Type("image/jp2")),
    (0, b"\xff\x4f\xff\x51", Type("image/jp2")),
    (0, b"8BPS\0\x01", Type("image/vnd.adobe.photoshop")),
    (0, b"8BPS\0\x02", Type("image/vnd.adobe.photoshop")),
    (0, b"qoif", Type("image/qoi")),
    (0, b"\x76\x2f\x31\x01", Type("image/x-exr")),
    (0, b"#?RADIANCE\n", Type("image/vnd.radiance")),
    (0, b"gimp xcf ", Type("image/x-xcf")),
    (0, b"DDS \x7c\0\0\0", Type("image/x-dds")),
    (0, b"SIMPLE  = ", Type("image/fits")),
    (0, b"II\xbc\x01", Type("image/vnd.ms-photo")),
    (0, b"\x01\xda\0\x01", Type("image/sgi")),
    (0, b"\x01\xda\0\x02", Type("image/sgi")),
    (0, b"\x01\xda\x01\x01", Type("image/sgi")),
    (0, b"\x01\xda\x01\x02", Type("image/sgi")),
    (0, b"\x59\xa6\x6a\x95", Type("image/x-sun-raster")),
    (0, b"II\x2a\0", Look(containers::tiff)),
    (0, b"MM\0\x2a", Look(containers::tiff)),
    (0, b"II\x2b\0", Type("image/tiff")),
    (0, b"MM\0\x2b", Type("image/tiff")),
    (0, b"icns", Look(icns)),
    // camera raw with a mark of its own
    (0, b"FUJIFILMCCD-RAW", Type("image/x-fuji-raf")),
    (0, b"IIU\0", Type("image/x-panasonic-rw2")),
    (0, b"IIRO", Type("image/x-olympus-orf")),
    (0, b"IIRS", Type("image/x-olympus-orf")),
    (0, b"MMOR", Type("image/x-olympus-orf")),
    (6, b"HEAPCCDR", Type("image/x-canon-crw")),
    (0, b"\0MRM", Type("image/x-minolta-mrw")),
    (0, b"FOVb", Type("image/x-sigma-x3f")),
    // documents
    (0, b"%PDF-", Type("application/pdf")),
    (0, b"%!PS", Type("application/postscript")),
    (0, b"\xc5\xd0\xd3\xc6", Type("application/postscript")),
    (0, b"{\\rtf", Type("application/rtf")),
    (0, b"AT&TFORM", Type("image/vnd.djvu")),
    (
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Look(containers::ole),
    ),
    // Excel before version 5: one stream, which begins with the record of its beginning, of four or six bytes.
    (0, b"\x09\0\x04\0", Type("application/vnd.ms-excel")),
    (0, b"\x09\x02\x06\0", Type("application/vnd.ms-excel")),
    (0, b"\x09\x04\x06\0", Type("application/vnd.ms-excel")),
    // audio, video and pictures in containers
    (0, b"RIFF", Look(containers::riff)),
    (0, b"RIFX", Look(containers::riff)),
    (0, b"RF64", Look(containers::long_wave)),
    (0, b"BW64", Look(containers::long_wave)),
    (
        0,
        b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0",
        Type("audio/x-w64"),
    ),
    (0, b"FORM", Look(containers::aiff)),
    (0, b"FRM8", Look(containers::dsdiff)),
    (0, b"\x1a\x45\xdf\xa3", Look(containers::ebml)),
    (0, b"OggS\0", Look(containers::ogg)),
    (
        0,
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        Look(containers::asf),
    ),
    // boxes of MP4, QuickTime and HEIF: a length, which may look like a mark of MPEG, then a name
    (4, b"ftyp", Look(containers::file_type_box)),
    (4, b"moov", Type("video/quicktime")),
    (4, b"mdat", Type("video/quicktime")),
    (4, b"wide", Type("video/quicktime")),
    (4, b"pnot", Type("video/quicktime")),
    (4, b"free", Look(containers::space_box)),
    (4, b"skip", Look(containers::space_box)),
    (4, b"styp", Look(containers::fragment)),
    (4, b"moof", Look(containers::fragment)),
    (4, b"sidx", Look(containers::fragment)),
    // audio
    (0, b"fLaC", Type("audio/flac")),
    (0, b"#!AMR-WB\n", Type("audio/amr-wb")),
    (0, b"#!AMR\n", Type("audio/amr")),
    (0, b"MThd\0\0\0\x06", Type("audio/midi")),
    (0, b".snd\0\0\0", Type("audio/basic")),
    (0, b"caff\0\x01", Type("audio/x-caf")),
    (0, b"wvpk", Type("audio/x-wavpack")),
    (0, b"MAC \x96\x0f", Type("audio/x-ape")),
    (0, b"DSD \x1c\0\0\0", Type("audio/x-dsf")),
    (0, b".ra\xfd\0", Type("audio/vnd.rn-realaudio")),
    (0, b"DTSHDHDR", Type("audio/vnd.dts.hd")),
    (0, b"Creative Voice File\x1a", Type("audio/x-voc")),
    (0, b"NIST_1A\n", Type("audio/x-nist")),
    (0, b"ALawSoundFile**\0", Type("audio/x-wve")),
    // video
    (0, b"FLV\x01", Type("video/x-flv")),
    (0, b"\0\0\x01\xba", Type("video/mpeg")),
    (0, b"\0\0\x01\xb3", Type("video/mpeg")),
    (0, b".RMF\0\0\0", Type("application/vnd.rn-realmedia")),
    (0, b"YUV4MPEG2 ", Type("video/x-yuv4mpeg")),
    (0, b"nut/multimedia container\0", Type("video/x-nut")),
    (0, b"NuppelVideo\0", Type("video/x-nuv")),
    (0, b"MythTVVideo\0", Type("video/x-nuv")),
    (
        0,
        b"\xb7\xd8\0\x20\x37\x49\xda\x11\xa6\x4e\0\x07\xe9\x5e\xad\x8d",
        Type("video/x-wtv"),
    ),
    (
        0,
        b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02",
        Type("application/mxf"),
    ),
    // archives and the like
    (0, b"PK\x03\x04", Look(containers::zip)),
    (0, b"PK\x05\x06", Type("application/zip")),
    (0, b"\x1f\x8b\x08", Look(containers::gzip)),
    (0, b"BZh", Look(bzip2)),
    (0, b"\xfd7zXZ\0", Type("application/x-xz")),
    (0, b"\x28\xb5\x2f\xfd", Type("application/zstd")),
    (0, b"\x04\x22\x4d\x18", Type("application/x-lz4")),
    (
        0,
        b"7z\xbc\xaf\x27\x1c",
        Type("application/x-7z-compressed"),
    ),
    (0, b"Rar!\x1a\x07", Type("application/vnd.rar")),
    (257, b"ustar\0", Type("application/x-tar")),
    (257, b"ustar  \0", Type("application/x-tar")),
    (
        0,
        b"MSCF\0\0\0\0",
        Type("application/vnd.ms-cab-compressed"),
    ),
    (
        0,
        b"!<arch>\ndebian",
        Type("application/vnd.debian.binary-package"),
    ),
    (0, b"!<arch>\n", Type("application/x-archive")),
    (0, b"\xed\xab\xee\xdb", Type("application/x-rpm")),
    // programs and data
    (0, b"SQLite format 3\0", Type("application/vnd.sqlite3")),
    (0, b"\x7fELF", Type("application/x-elf")),
    (0, b"\xca\xfe\xba\xbe\0\0\0", Type("application/java-vm")),
    (0, b"\xcf\xfa\xed\xfe", Type("application/x-mach-binary")),
    (0, b"\xce\xfa\xed\xfe", Type("application/x-mach-binary")),
    (0, b"\0asm\x01\0\0\0", Type("application/wasm")),
    (0, b"\x93NUMPY", Type("application/x-npy")),
    (0, b"\x89HDF\r\n\x1a\n", Type("application/x-hdf5")),
    (0, b"PAR1", Type("application/vnd.apache.parquet")),
    (0, b"GGUF", Type("application/x-gguf")),
    (0, b"bplist00", Type("application/x-bplist")),
    (0, b"wOFF", Type("font/woff")),
    (0, b"wOF2", Type("font/woff2")),
    (0, b"OTTO\0", Type("font/otf")),
    (0, b"\0\x01\0\0\0", Type("font/ttf")),
    (0, b"ttcf\0", Type("font/collection")),
    // marks of two letters or of small numbers, after all that say more
    (0, b"BM", Look(bmp)),
    (0, b"\x28\0\0\0", Look(dib)),
    (0, b"\0\0\x01\0", Look(icon)),
    (0, b"\0\0\x02\0", Look(icon)),
    (0, b"P1", Look(portable_anymap)),
    (0, b"P2", Look(portable_anymap)),
    (0, b"P3", Look(portable_anymap)),
    (0, b"P4", Look(portable_anymap)),
    (0, b"P5", Look(portable_anymap)),
    (0, b"P6", Look(portable_anymap)),
    (0, b"P7", Look(portable_anymap)),
    (0, b"MZ", Look(program)),
];

/// Pictures whose header has no mark of its own, only numbers of few legal values. Targa has so few that its name has to
/// claim it too.
pub(super) fn sniff_pictures(head: &[u8], name: &[u8]) -> Option<&'static str> {
    match head {
        [0x0a, 0 | 2..=5, 1, 1 | 2 | 4 | 8, ..] => Some("image/x-pcx"),
        [_, 0 | 1, 1..=3 | 9..=11, ..] if mime_from_name(name) == "image/x-tga" => {
            let depth = head.get(16)?;
            matches!(depth, 8 | 15 | 16 | 24 | 32).then_some("image/x-tga")
        }
        _ => None,
    }
}

/// The type by the table.
pub(super) fn sniff(head: &[u8], name: &[u8]) -> Option<&'static str> {
    MARKS
        .iter()
        .filter(|(offset, bytes, _)| stands(head, *offset, bytes))
        .find_map(|(_, _, means)| match means {
            Type(mime) => Some(*mime),
            Look(look) => look(head, name),
        })
}

/// A PDF may start with up to 1024 bytes of anything (ISO 32000, implementation note 13).
pub(super) fn sniff_late(head: &[u8]) -> Option<&'static str> {
    late_pdf(head).then_some("application/pdf")
}

/// Whether a PDF header comes after junk.
pub(super) fn late_pdf(head: &[u8]) -> bool {
    contains(&head[..head.len().min(1024 + 5)], b"%PDF-")
}

/// Four letters, and a length of less than 128 MiB.
fn icns(head: &[u8], _: &[u8]) -> Option<&'static str> {
    head.get(4)
        .is_some_and(|&length| length <= 7)
        .then_some("image/icns")
}

/// The block size, a digit, comes next.
fn bzip2(head: &[u8], _: &[u8]) -> Option<&'static str> {
    head.get(3)
        .is_some_and(u8::is_ascii_digit)
        .then_some("application/x-bzip2")
}

/// "BM" also begins ordinary text: the header's own size must be one that exists.
fn bmp(head: &[u8], _: &[u8]) -> Option<&'static str> {
    let size = head.get(14..18)?.try_into().ok()?;
    matches!(
        u32::from_le_bytes(size),
        12 | 16 | 40 | 52 | 56 | 64 | 108 | 124
    )
    .then_some("image/bmp")
}

/// A bitmap as it is in memory and on the clipboard, without the header of a file: all of its numbers must be likely.
fn dib(head: &[u8], _: &[u8]) -> Option<&'static str> {
    let long = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let sides = [long(4)?, (long(8)? as i32).unsigned_abs()];
    let likely = sides.into_iter().all(|side| (1..=65_535).contains(&side))
        && matches!(
            long(12)?,
            0x0001_0001 | 0x0004_0001 | 0x0008_0001 | 0x0010_0001 | 0x0018_0001 | 0x0020_0001
        )
        && long(16)? <= 3
        && long(32)? <= 256;
    likely.then_some("image/bmp")
}

/// An icon or cursor: a count, and a first entry whose reserved byte is 0 (255 where .NET wrote it) and whose data lie
/// behind the directory.
fn icon(head: &[u8], _: &[u8]) -> Option<&'static str> {
    let entry = head.get(..22)?;
    let count = u32::from(u16::from_le_bytes([entry[4], entry[5]]));
    let offset = u32::from_le_bytes(entry[18..22].try_into().ok()?);
    ((1..=256).contains(&count) && matches!(entry[9], 0 | 255) && offset >= 6 + 16 * count)
        .then_some("image/x-icon")
}

/// After P1 to P6 space and then a number or a comment, after P7 a line of PAM's header.
fn portable_anymap(head: &[u8], _: &[u8]) -> Option<&'static str> {
    const LINES: [&[u8]; 6] = [b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL", b"TUPLTYPE", b"#"];
    let rest = head[2..].trim_ascii_start();
    let is_next = match head[1] {
        b'7' => LINES.iter().any(|line| rest.starts_with(line)),
        _ => matches!(rest, [b'0'..=b'9' | b'#', ..]),
    };
    (is_next && head[2].is_ascii_whitespace()).then_some("image/x-portable-anymap")
}

/// A DOS or Windows program: a pointer to "PE" where the head holds it.
fn program(head: &[u8], _: &[u8]) -> Option<&'static str> {
    let at = u32::from_le_bytes(head.get(60..64)?.try_into().ok()?) as usize;
    let is_pe = head
        .get(at..)
        .is_none_or(|rest| rest.is_empty() || rest.starts_with(b"PE\0\0"));
    is_pe.then_some("application/vnd.microsoft.portable-executable")
}
