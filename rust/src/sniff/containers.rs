//! Types that are told apart by what is inside a container.

use super::jpeg::is_jpeg;
use super::names::extension;
use super::{contains, mime_from_name};

/// A picture, or where the name says so a film of them, one behind the other.
pub(super) fn jpeg(head: &[u8], name: &[u8]) -> Option<&'static str> {
    is_jpeg(head).then(|| match mime_from_name(name) {
        film @ "video/x-mjpeg" => film,
        _ => "image/jpeg",
    })
}

/// Packed by gzip: a drawing if the name says so, for what is inside is not looked at.
pub(super) fn gzip(_: &[u8], name: &[u8]) -> Option<&'static str> {
    Some(match mime_from_name(name) {
        "image/svg+xml" => "image/svg+xml",
        _ => "application/gzip",
    })
}

pub(super) fn riff(head: &[u8], _: &[u8]) -> Option<&'static str> {
    match head.get(8..12)? {
        b"WEBP" => Some("image/webp"),
        b"WAVE" => Some("audio/wav"),
        b"AVI " | b"AVIX" | b"AMV " | b"ON2 " | b"4XMV" => Some("video/x-msvideo"),
        b"QLCM" => Some("audio/qcelp"),
        b"XWMA" => Some("audio/x-xwma"),
        b"RMID" => Some("audio/midi"),
        b"CDXA" => Some("video/mpeg"),
        _ => None,
    }
}

pub(super) fn aiff(head: &[u8], _: &[u8]) -> Option<&'static str> {
    match head.get(8..12)? {
        b"AIFF" | b"AIFC" => Some("audio/aiff"),
        b"8SVX" | b"16SV" | b"MAUD" => Some("audio/x-8svx"),
        b"ILBM" | b"PBM " | b"ACBM" | b"DEEP" | b"RGB8" | b"RGBN" => Some("image/x-ilbm"),
        b"ANIM" => Some("video/x-anim"),
        b"MOVE" => Some("video/x-wc3"),
        b"WVQA" => Some("video/x-vqa"),
        b"RLV2" | b"RLV3" => Some("video/x-rl2"),
        _ => None,
    }
}

/// RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088): WAVE of more than 4 GB.
pub(super) fn long_wave(head: &[u8], _: &[u8]) -> Option<&'static str> {
    (head.get(8..12)? == b"WAVE").then_some("audio/wav")
}

/// DSDIFF.
pub(super) fn dsdiff(head: &[u8], _: &[u8]) -> Option<&'static str> {
    (head.get(12..16)? == b"DSD ").then_some("audio/x-dff")
}

/// Free space at the start: the box behind it says what the file is, else the name.
pub(super) fn space_box(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let length = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let next = head
        .get(length..)
        .filter(|_| length >= 8)
        .unwrap_or_default();
    match next.get(4..8) {
        Some(b"ftyp") => file_type_box(next, name),
        Some(b"moov" | b"mdat" | b"wide") => Some("video/quicktime"),
        Some(b"free" | b"skip") => space_box(next, name),
        _ => (mime_from_name(name) == "video/quicktime").then_some("video/quicktime"),
    }
}

/// A fragment of MP4, as streaming servers keep them.
pub(super) fn fragment(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let length = u32::from_be_bytes(head.get(..4)?.try_into().ok()?);
    (length >= 8).then_some(match mime_from_name(name) {
        "audio/mp4" => "audio/mp4",
        _ => "video/mp4",
    })
}

/// The brands of MP4, QuickTime, HEIF and their like.
pub(super) fn file_type_box(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let length = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let brands = head.get(8..length.clamp(8, head.len()))?;
    let (major, rest) = brands.split_at_checked(4)?;
    let compatible = |brand: &[u8; 4]| {
        rest.get(4..)
            .is_some_and(|list| list.chunks_exact(4).any(|other| other == brand))
    };
    let mime = match major {
        b"avif" | b"avis" => "image/avif",
        b"heic" | b"heix" | b"heim" | b"heis" => "image/heic",
        b"hevc" | b"hevx" | b"hevm" | b"hevs" => "image/heic-sequence",
        b"mif1" | b"msf1" | b"miaf" | b"mif2" => {
            if compatible(b"avif") || compatible(b"avis") {
                "image/avif"
            } else if compatible(b"heic") || compatible(b"heix") {
                "image/heic"
            } else {
                "image/heif"
            }
        }
        b"crx " => "image/x-canon-cr3",
        b"qt  " => "video/quicktime",
        b"M4A " | b"M4B " | b"M4P " => "audio/mp4",
        b"M4V " | b"M4VH" | b"M4VP" => "video/x-m4v",
        b"jp2 " | b"jpx " | b"jpm " => "image/jp2",
        [b'3', b'g', b'2', _] => "video/3gpp2",
        [b'3', b'g', ..] => "video/3gpp",
        // Other brands are MP4, with a picture or without one: the header comes too late to say.
        _ if mime_from_name(name) == "audio/mp4" => "audio/mp4",
        _ => "video/mp4",
    };
    Some(mime)
}

/// Matroska and WebM.
pub(super) fn ebml(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let start = &head[..head.len().min(256)];
    let by_name = mime_from_name(name);
    if contains(start, b"webm") {
        Some(if by_name == "audio/webm" {
            by_name
        } else {
            "video/webm"
        })
    } else if contains(start, b"matroska") {
        Some(if by_name == "audio/x-matroska" {
            by_name
        } else {
            "video/x-matroska"
        })
    } else {
        None
    }
}

/// The first page says what the first stream is; a video comes first.
pub(super) fn ogg(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let start = &head[..head.len().min(512)];
    let is_video = contains(start, b"\x80theora") || mime_from_name(name) == "video/ogg";
    Some(if is_video { "video/ogg" } else { "audio/ogg" })
}

/// Windows Media: the header lists its streams by type.
pub(super) fn asf(head: &[u8], name: &[u8]) -> Option<&'static str> {
    const VIDEO: &[u8] = b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b";
    const AUDIO: &[u8] = b"\x40\x9e\x69\xf8\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b";
    Some(match mime_from_name(name) {
        _ if contains(head, VIDEO) => "video/x-ms-wmv",
        by_name @ ("audio/x-ms-wma" | "video/x-ms-wmv") => by_name,
        _ if contains(head, AUDIO) => "audio/x-ms-wma",
        _ => "video/x-ms-asf",
    })
}

/// Office documents before 2007 and others: their kind is written too far inside, so the name decides.
pub(super) fn ole(_: &[u8], name: &[u8]) -> Option<&'static str> {
    Some(match mime_from_name(name) {
        by_name @ ("application/msword"
        | "application/vnd.ms-excel"
        | "application/vnd.ms-powerpoint"
        | "application/vnd.ms-outlook"
        | "application/x-msi") => by_name,
        // Encrypted ones are put into a container of the old sort (MS-OFFCRYPTO, 1.3.3).
        DOCX | XLSX | PPTX => PROTECTED,
        _ => "application/x-ole-storage",
    })
}

/// TIFF, or one of the camera formats that are built on it.
pub(super) fn tiff(head: &[u8], name: &[u8]) -> Option<&'static str> {
    if head.get(8..10) == Some(b"CR") {
        return Some("image/x-canon-cr2");
    }
    if first_directory_has(head, 0xc612) == Some(true) {
        return Some("image/x-adobe-dng");
    }
    Some(match mime_from_name(name) {
        by_name @ ("image/x-adobe-dng"
        | "image/x-nikon-nef"
        | "image/x-sony-arw"
        | "image/x-pentax-pef"
        | "image/x-samsung-srw") => by_name,
        _ => "image/tiff",
    })
}

/// Whether the first directory of a TIFF has this tag; None where the head does not hold it.
fn first_directory_has(head: &[u8], tag: u16) -> Option<bool> {
    let little = head[0] == b'I';
    let short = |at: usize| {
        let bytes = head.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let offset = head.get(4..8)?.try_into().ok()?;
    let offset = if little {
        u32::from_le_bytes(offset)
    } else {
        u32::from_be_bytes(offset)
    } as usize;
    for index in 0..usize::from(short(offset)?) {
        if short(offset + 2 + 12 * index)? == tag {
            return Some(true);
        }
    }
    Some(false)
}

/// What a zip file holds, by the names of the first entries.
pub(super) fn zip(head: &[u8], name: &[u8]) -> Option<&'static str> {
    let mut office = false;
    for (path, content) in zip_entries(head) {
        match path {
            b"mimetype" => {
                if let Some(mime) = declared(content) {
                    return Some(mime);
                }
            }
            b"META-INF/MANIFEST.MF" => return Some("application/java-archive"),
            b"AndroidManifest.xml" => return Some("application/vnd.android.package-archive"),
            b"[Content_Types].xml" | b"_rels/.rels" => office = true,
            _ if path.starts_with(b"word/") => return Some(DOCX),
            _ if path.starts_with(b"xl/") => return Some(XLSX),
            _ if path.starts_with(b"ppt/") => return Some(PPTX),
            _ => {}
        }
    }
    Some(match mime_from_name(name) {
        by_name @ (DOCX | XLSX | PPTX) if office => by_name,
        _ if matches!(extension(name).as_slice(), b"apk") => {
            "application/vnd.android.package-archive"
        }
        _ => "application/zip",
    })
}

pub(super) const DOCX: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
pub(super) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub(super) const PROTECTED: &str = "application/x-ooxml-protected";
pub(super) const PPTX: &str =
    "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// (name, what follows) of the entries whose local headers are in the head, one behind the other: the parts of a zip
/// file that is an entry of this one are none of them, where its size is known.
fn zip_entries(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += memchr::memmem::find(head.get(at..)?, b"PK\x03\x04")?;
        let header = head.get(at..at + 30)?;
        let short = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let size = u32::from_le_bytes([header[18], header[19], header[20], header[21]]) as usize;
        let start = at + 30 + short(26);
        let name = head.get(at + 30..start)?;
        let content = start + short(28);
        at = if short(6) & 8 == 0 {
            content.saturating_add(size)
        } else {
            content
        };
        Some((name, head.get(content..).unwrap_or_default()))
    })
}

/// OpenDocument and EPUB state their type in their first entry, which is not compressed.
pub(super) fn declared(content: &[u8]) -> Option<&'static str> {
    // Longer ones first: some begin with others.
    [
        "application/epub+zip",
        "application/vnd.oasis.opendocument.text-template",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet-template",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation-template",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.graphics",
        "application/vnd.oasis.opendocument.chart",
        "application/vnd.oasis.opendocument.formula",
        "image/openraster",
    ]
    .into_iter()
    .find(|mime| content.starts_with(mime.as_bytes()))
}
