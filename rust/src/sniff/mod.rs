//! What type a file is, from its first bytes. The name only breaks ties.
//!
//! The types that [`sniff`] gives, each under one name (IANA's where there is one, else the one in common use):
//!
//! | class | types |
//! |---|---|
//! | image | image/ + jpeg png gif bmp tiff webp avif heic heic-sequence heif jxl jp2 svg+xml vnd.adobe.photoshop x-icon qoi x-portable-anymap vnd.ms-photo x-exr vnd.radiance x-xcf x-dds icns sgi x-pcx x-sun-raster x-tga |
//! | image (camera raw) | image/ + x-adobe-dng x-canon-cr2 x-canon-cr3 x-canon-crw x-nikon-nef x-sony-arw x-fuji-raf x-panasonic-rw2 x-olympus-orf x-pentax-pef x-samsung-srw x-minolta-mrw x-sigma-x3f |
//! | pdf | application/pdf |
//! X//! | audio | audio/ + mpeg mp4 aac x-latm wav x-w64 flac ogg webm x-matroska aiff amr amr-wb ac3 eac3 vnd.dts x-tta x-ms-wma midi basic x-caf x-wavpack x-ape x-dsf ... (the same) |
//! | text | text/ + plain markdown html css csv tab-separated-values xml vtt calendar vcard javascript x-python x-c x-c++ x-java x-rust x-go x-shellscript ...; message/rfc822; application/ + json x-ndjson geo+json x-ipynb+json toml yaml sql x-subrip x-tex mbox rtf epub+zip msword vnd.ms-excel vnd.ms-powerpoint vnd.ms-outlook x-ooxml-protected, and the office documents of OOXML and OpenDocument |
//! | other | application/ + zip, x-ole-storage and the documents in it, postscript gzip x-bzip2 x-xz zstd x-7z-compressed vnd.rar x-tar vnd.sqlite3 x-elf wasm ...; font/*; application/x-empty, application/octet-stream |

mod coding;
mod containers;
mod jpeg;
mod late;
mod magic;
mod names;
mod packages;
mod streams;
mod text;

pub use jpeg::segments as jpeg_segments;
pub use names::{media_class, mime_from_name};
pub use packages::Rest;

/// How many of a file's first bytes [`sniff`] looks at, at most.
pub const HEAD: usize = 64 << 10;

/// How many of them the table of magic bytes looks at.
const START: usize = 4096;

/// The type of bytes that are none we know.
pub const UNKNOWN: &str = "application/octet-stream";

/// Whether bytes stand at a place in the head.
fn stands(head: &[u8], offset: usize, bytes: &[u8]) -> bool {
    // A look at one byte rules out nearly all marks.
    head.get(offset) == bytes.first()
        && head
            .get(offset..)
            .is_some_and(|rest| rest.starts_with(bytes))
}

/// The mime type of a file that starts with `head` (give [`HEAD`] bytes, or all) and has this `name` (a path will do).
///
/// `application/x-empty` for no bytes, [`UNKNOWN`] if they are none we know: a name alone proves nothing.
#[must_use]
pub fn sniff(head: &[u8], name: &[u8]) -> &'static str {
    if head.is_empty() {
        return "application/x-empty";
    }
    let head = &head[..head.len().min(HEAD)];
    let start = &head[..head.len().min(START)];
    magic::sniff(start, name)
        .or_else(|| magic::sniff_pictures(start, name))
        .or_else(|| streams::sniff(head, name))
        .or_else(|| text::sniff(head, name))
        .or_else(|| magic::sniff_late(start))
        .or_else(|| late::sniff(head, name))
        .unwrap_or(UNKNOWN)
}

/// The same for a file whose other bytes can be read too, for types whose directory is not at the start.
#[must_use]
pub fn sniff_file(head: &[u8], name: &[u8], mut rest: Rest<'_>) -> &'static str {
    let found = if head.starts_with(b"PK\x03\x04") {
        packages::zip(&mut rest, name)
    } else if head.starts_with(b"\xd0\xcf\x11\xe0") {
        packages::ole(&mut rest, head, name)
    } else {
        None
    };
    found.unwrap_or_else(|| sniff(head, name))
}

/// What a file is taken for whose bytes are [`UNKNOWN`]: the picture, sound or film that its name claims, if it claims
/// one. Whether it is one, the engine that reads that type decides. Documents all have marks, so no name makes one.
#[must_use]
pub fn claimed(name: &[u8]) -> Option<&'static str> {
    match mime_from_name(name) {
        // Recordings of transport streams have the same ending as TypeScript.
        "text/x-typescript" if names::extension(name) == b"ts" => Some("video/mp2t"),
        // It has a mark, and FFmpeg divides by zero in files that lack it.
        "audio/x-adx" => None,
        mime => match media_class(mime) {
            "image" | "audio" | "video" if !mime.starts_with("application/") => Some(mime),
            _ => None,
        },
    }
}

/// Whether `part` is somewhere in `head`.
fn contains(head: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(head, part).is_some()
}

#[cfg(test)]
mod magic_tests;
#[cfg(test)]
mod tests;
