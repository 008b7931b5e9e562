//! Files with a directory of what they hold: zip files, whose directory is at the end, and old office documents.

use super::containers::{DOCX, PPTX, PROTECTED, XLSX, declared};
use super::names::{extension, mime_from_name};

/// The bytes of a file behind its head.
pub struct Rest<'a> {
    /// Bytes in the file.
    pub size: u64,
    /// Reads into the buffer from an offset; gives how many bytes it read, fewer only at the end or on an error.
    pub read: &'a mut dyn FnMut(u64, &mut [u8]) -> usize,
}

impl Rest<'_> {
    fn bytes(&mut self, offset: u64, length: usize) -> Vec<u8> {
        let length = self.size.saturating_sub(offset).min(length as u64) as usize;
        let mut bytes = vec![0; length];
        let read = (self.read)(offset, &mut bytes);
        bytes.truncate(read);
        bytes
    }
}

/// How much of a zip file's directory is looked at.
const DIRECTORY: usize = 1 << 20;
/// The record at the end of a zip file, and the longest comment behind it.
const END: usize = 22;
const COMMENT: usize = 0xffff;

/// What a zip file is, by the names in its directory: so it does not matter which part comes first, or how it is
/// packed. None where there is no directory, or none that says.
pub(super) fn zip(rest: &mut Rest<'_>, name: &[u8]) -> Option<&'static str> {
    let directory = directory(rest)?;
    let mut found = Parts::default();
    let mut at = 0;
    while let Some(entry) = directory.get(at..at + 46) {
        if !entry.starts_with(b"PK\x01\x02") {
            break;
        }
        let length = |at: usize| usize::from(u16::from_le_bytes([entry[at], entry[at + 1]]));
        let (path, more) = (length(28), length(30) + length(32));
        let Some(path_bytes) = directory.get(at + 46..at + 46 + path) else {
            break;
        };
        let field = |at: usize| {
            u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
        };
        found.add(path_bytes, || (field(42), length(10), field(20)));
        at += 46 + path + more;
    }
    found.mime(rest, name)
}

fn directory(rest: &mut Rest<'_>) -> Option<Vec<u8>> {
    for length in [1024, END + COMMENT + 64] {
        let start = rest.size.saturating_sub(length as u64);
        let tail = rest.bytes(start, length);
        let Some(at) = memchr::memmem::rfind(&tail, b"PK\x05\x06") else {
            continue;
        };
        let end = tail.get(at..at + END)?;
        let field =
            |at: usize| u32::from_le_bytes([end[at], end[at + 1], end[at + 2], end[at + 3]]);
        let (mut size, mut offset) = (u64::from(field(12)), u64::from(field(16)));
        if offset == u64::from(u32::MAX) {
            // Zip64: a record with longer numbers, and before the other record where it is.
            let locator = tail.get(at.checked_sub(20)?..at)?;
            let place = u64::from_le_bytes(locator.get(8..16)?.try_into().ok()?);
            let record = rest.bytes(place, 56);
            size = u64::from_le_bytes(record.get(40..48)?.try_into().ok()?);
            offset = u64::from_le_bytes(record.get(48..56)?.try_into().ok()?);
        }
        // Something may come before the first part, of which the offsets do not know.
        let real = (start + at as u64)
            .checked_sub(size)
            .filter(|_| offset != u64::from(u32::MAX));
        let length = size.min(DIRECTORY as u64) as usize;
        for place in [Some(offset), real].into_iter().flatten() {
            let bytes = rest.bytes(place, length);
            if bytes.starts_with(b"PK\x01\x02") {
                return Some(bytes);
            }
        }
        return None;
    }
    None
}

/// The parts that tell what a zip file is.
#[derive(Default)]
struct Parts {
    /// Where the part "mimetype" is, how it is packed, and its packed size.
    mimetype: Option<(u32, usize, u32)>,
    types: bool,
    word: bool,
    excel: bool,
    slides: bool,
    container: bool,
    opendocument: bool,
    content: bool,
    android: bool,
    java: bool,
}

impl Parts {
    /// Some programs write backslashes, or other letter case.
    fn add(&mut self, path: &[u8], place: impl FnOnce() -> (u32, usize, u32)) {
        let path: Vec<u8> = path
            .iter()
            .map(|&byte| {
                if byte == b'\\' {
                    b'/'
                } else {
                    byte.to_ascii_lowercase()
                }
            })
            .collect();
        let path = path.strip_prefix(b"/").unwrap_or(&path);
        match path {
            b"mimetype" => self.mimetype = Some(place()),
            b"[content_types].xml" | b"_rels/.rels" => self.types = true,
            b"meta-inf/container.xml" => self.container = true,
            b"meta-inf/manifest.xml" => self.opendocument = true,
            b"content.xml" => self.content = true,
            b"androidmanifest.xml" => self.android = true,
            b"meta-inf/manifest.mf" => self.java = true,
            _ if path.starts_with(b"word/") => self.word = true,
            _ if path.starts_with(b"xl/") => self.excel = true,
            _ if path.starts_with(b"ppt/") => self.slides = true,
            _ => {}
        }
    }

    fn mime(&self, rest: &mut Rest<'_>, name: &[u8]) -> Option<&'static str> {
        let by_name = mime_from_name(name);
        let said = self.mimetype.and_then(|place| mimetype(rest, place));
        if said.is_some() {
            return said;
        }
        // A document embedded in another of its family is a part like others: the name decides between them.
        let office = [(self.word, DOCX), (self.excel, XLSX), (self.slides, PPTX)];
        let mut parts = office.into_iter().filter(|(there, _)| *there && self.types);
        match (parts.next(), parts.next()) {
            (Some((_, only)), None) => return Some(only),
            (Some((_, first)), Some(_)) => {
                return Some(
                    if office
                        .iter()
                        .any(|(there, mime)| *there && *mime == by_name)
                    {
                        by_name
                    } else {
                        first
                    },
                );
            }
            (None, _) => {}
        }
        if self.container {
            return Some("application/epub+zip");
        }
        if self.content && (self.opendocument || self.mimetype.is_some()) {
            return Some(if by_name.starts_with("application/vnd.oasis.") {
                by_name
            } else {
                "application/vnd.oasis.opendocument.text"
            });
        }
        if self.android || extension(name) == b"apk" {
            return Some("application/vnd.android.package-archive");
        }
        if self.java {
            return Some("application/java-archive");
        }
        let claimed = self.types && matches!(by_name, DOCX | XLSX | PPTX);
        Some(if claimed { by_name } else { "application/zip" })
    }
}

/// The type that the part "mimetype" names, stored or packed.
fn mimetype(
    rest: &mut Rest<'_>,
    (offset, method, size): (u32, usize, u32),
) -> Option<&'static str> {
    let local = rest.bytes(u64::from(offset), 30);
    let local = local.starts_with(b"PK\x03\x04").then_some(local)?;
    let length = |at: usize| u64::from(u16::from_le_bytes([local[at], local[at + 1]]));
    let start = u64::from(offset) + 30 + length(26) + length(28);
    let data = rest.bytes(start, (size as usize).min(512));
    match method {
        0 => declared(&data),
        8 => declared(&inflated(&data)),
        _ => None,
    }
}

/// The start of a short part.
fn inflated(data: &[u8]) -> Vec<u8> {
    use std::io::Read;

    let mut out = Vec::new();
    // What could be unpacked before an error is enough.
    let _ = flate2::read::DeflateDecoder::new(data)
        .take(256)
        .read_to_end(&mut out);
    out
}

/// What an old office document holds, by the names in the first sectors of its directory (MS-CFB, 2.6); None where
/// these do not say.
pub(super) fn ole(rest: &mut Rest<'_>, head: &[u8], name: &[u8]) -> Option<&'static str> {
    let header = head.get(..512)?;
    let shift = u16::from_le_bytes([header[30], header[31]]);
    let sector = 1_u64
        .checked_shl(u32::from(shift))
        .filter(|size| (512..=4096).contains(size))?;
    let first = u32::from_le_bytes(header[48..52].try_into().ok()?);
    let directory = rest.bytes((u64::from(first) + 1) * sector, 4096);
    let mut named = [None; 5];
    for entry in directory.chunks_exact(128) {
        let length = usize::from(u16::from_le_bytes([entry[64], entry[65]]));
        let name: Vec<u8> = entry[..length.clamp(2, 64) - 2]
            .iter()
            .copied()
            .step_by(2)
            .collect();
        let place = match name.as_slice() {
            b"EncryptedPackage" => (0, PROTECTED),
            b"__properties_version1.0" => (1, "application/vnd.ms-outlook"),
            b"WordDocument" => (2, "application/msword"),
            b"PowerPoint Document" => (3, "application/vnd.ms-powerpoint"),
            b"Workbook" | b"Book" => (4, "application/vnd.ms-excel"),
            _ => continue,
        };
        named[place.0] = Some(place.1);
    }
    // A document embedded in another is in the same directory: then the name decides.
    let by_name = mime_from_name(name);
    let mut found = named.into_iter().flatten();
    found
        .clone()
        .find(|mime| *mime == by_name)
        .or_else(|| found.next())
}
