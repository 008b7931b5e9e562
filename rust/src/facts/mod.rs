//! What a file says of itself: when and with what it was taken, its size, how long it lasts, where.
//!
//! Read while a file is hashed, in the process that indexes: so all of this is safe code with checked bounds, reads only
//! a little of a file ([`source`]), and a panic would cost the facts of one file. docs/facts.md describes the result.

mod boxes;
mod date;
mod documents;
mod exif;
mod iptc;
mod json;
mod matroska;
mod pictures;
mod riff;
mod sound;
mod source;
#[cfg(test)]
mod tests;
mod xmp;

use std::panic::{AssertUnwindSafe, catch_unwind};

use date::Stamp;
pub use source::{ReadAt, Source};

/// Raised when the same files give other facts: then they are read again.
pub const VERSION: i64 = 1;

/// The most that is read of a packet of XMP, or of another block of texts.
const MAX_PACKET: usize = 256 << 10;

/// No picture has a longer side, in pixels.
const LONGEST_SIDE: u32 = 1 << 20;

/// How much a date is worth: the first that is there counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// When a shutter opened, as the camera wrote it.
    Original,
    /// The same as a program wrote it.
    Described,
    /// In a list for the press.
    Listed,
    /// When it was scanned, or the film's file was made.
    Digitized,
    /// When a document was made.
    Written,
    /// When satellites said where it is.
    Place,
    /// When it was last changed.
    Changed,
}

/// What a file says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    dates: Vec<(Rank, Stamp, &'static str)>,
    /// Columns and rows as stored.
    stored: Option<(u32, u32)>,
    /// Whether it is a camera's raw file, whose size EXIF may know better than its previews.
    raw: bool,
    /// Whether the size is as shown already, whatever the orientation.
    upright: bool,
    orientation: Option<u8>,
    duration: Option<f64>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    altitude: Option<f64>,
    make: Option<String>,
    model: Option<String>,
    lens: Option<String>,
    exposure: Option<f64>,
    aperture: Option<f64>,
    iso: Option<u32>,
    focal_length: Option<f64>,
    codecs: Vec<String>,
    pages: Option<u32>,
    /// Offset and length of a film in the file.
    motion: Option<(u64, u64)>,
    /// How many bytes from the end a film is, as the file claims.
    film_length: Option<u64>,
    live_id: Option<String>,
}

impl Facts {
    fn date(&mut self, rank: Rank, stamp: Stamp, from: &'static str) {
        if self.dates.len() < 32 {
            self.dates.push((rank, stamp, from));
        }
    }

    /// The best date, and where it stands. Of several that are worth the same the first counts. Another date that says the
    /// same, and more exactly, adds its time or its zone.
    fn taken(&self) -> Option<(Stamp, &'static str)> {
        let (_, stamp, from) = *self.dates.iter().min_by_key(|(rank, ..)| *rank)?;
        let text = stamp.text();
        let same = |other: &&Stamp| match stamp.has_time() {
            true => other.has_time() && other.wall_ms() / 1000 == stamp.wall_ms() / 1000,
            false => text.len() == "2024-05-31".len() && other.text().starts_with(&text),
        };
        let exact = self.dates.iter().map(|(_, other, _)| other).filter(same);
        // Of those that are as exact, the first.
        let best = exact.rev().max_by_key(|other| other.text().len());
        Some((best.copied().unwrap_or(stamp), from))
    }

    /// The capture date in ms since 1970, by the clock on the wall.
    pub fn taken_at(&self) -> Option<i64> {
        self.taken().map(|(stamp, _)| stamp.wall_ms())
    }

    /// A place, if it is one on the globe; 0, 0 is what devices write that know none.
    fn place(&mut self, latitude: Option<f64>, longitude: Option<f64>, altitude: Option<f64>) {
        let (Some(latitude), Some(longitude)) = (latitude, longitude) else {
            return;
        };
        let on_globe = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
        if on_globe && (latitude, longitude) != (0.0, 0.0) && self.latitude.is_none() {
            self.latitude = Some(latitude);
            self.longitude = Some(longitude);
            self.altitude = altitude.filter(|metres| metres.abs() < 100_000.0);
        }
    }

    /// Width and height as shown.
    fn shown(&self) -> Option<(u32, u32)> {
        let is_size = |side: u32| (1..=LONGEST_SIDE).contains(&side);
        let (width, height) = self
            .stored
            .filter(|(width, height)| is_size(*width) && is_size(*height))?;
        let turned = !self.upright && self.orientation.is_some_and(|tag| tag >= 5);
        Some(if turned {
            (height, width)
        } else {
            (width, height)
        })
    }

    /// The JSON object that the catalog stores; none if nothing is known.
    pub fn json(&self) -> Option<String> {
        json::object(self)
    }
}

/// What a file of this type and name says. Never panics.
pub fn read(mime: &str, name: &[u8], mut source: Source<'_>) -> Facts {
    let source = &mut source;
    let mime = if is_xmp(mime, name) { XMP } else { mime };
    catch_unwind(AssertUnwindSafe(|| of_type(mime, source))).unwrap_or_default()
}

/// A file beside a photograph that says more of it.
const XMP: &str = "application/rdf+xml";

/// It is text, and only its name tells it from other text.
fn is_xmp(mime: &str, name: &[u8]) -> bool {
    let ending = name.len().checked_sub(4).and_then(|at| name.get(at..));
    mime.starts_with("text/") && ending.is_some_and(|ending| ending.eq_ignore_ascii_case(b".xmp"))
}

fn of_type(mime: &str, source: &mut Source<'_>) -> Facts {
    let mut facts = Facts::default();
    let found = &mut facts;
    match mime {
        "image/jpeg" => pictures::jpeg(source, found),
        "image/png" => pictures::png(source, found),
        "image/gif" => pictures::gif(source, found),
        "image/webp" => riff::webp(source, found),
        "image/bmp" => pictures::bmp(source, found),
        "image/qoi" => pictures::qoi(source, found),
        "image/vnd.adobe.photoshop" => pictures::psd(source, found),
        "image/x-fuji-raf" => pictures::raf(source, found),
        "image/jxl" => boxes::jxl(source, found),
        "image/jp2" => boxes::jp2(source, found),
        "image/heic"
        | "image/heif"
        | "image/avif"
        | "image/heic-sequence"
        | "image/heif-sequence" => {
            boxes::heif(source, found);
        }
        "image/x-canon-cr3" => boxes::film(source, found),
        "image/tiff" => pictures::tiff(source, found),
        "image/x-adobe-dng"
        | "image/x-canon-cr2"
        | "image/x-nikon-nef"
        | "image/x-olympus-orf"
        | "image/x-panasonic-rw2"
        | "image/x-pentax-pef"
        | "image/x-samsung-srw"
        | "image/x-sony-arw" => {
            found.raw = true;
            pictures::tiff(source, found);
        }
        "video/mp4" | "video/quicktime" | "video/3gpp" | "video/3gpp2" | "video/x-m4v"
        | "audio/mp4" | "audio/x-m4a" => {
            boxes::film(source, found);
        }
        "video/webm" | "video/x-matroska" | "audio/webm" | "audio/x-matroska" => {
            matroska::read(source, found)
        }
        "video/x-msvideo" | "video/avi" => riff::film(source, found),
        "audio/wav" => riff::sound(source, found),
        "audio/aiff" => sound::aiff(source, found),
        "audio/flac" => sound::flac(source, found),
        "audio/ogg" | "video/ogg" => sound::ogg(source, found),
        "audio/mpeg" => sound::mpeg(source, found),
        "application/pdf" => documents::pdf(source, found),
        "application/rdf+xml" | "application/xml" | "text/xml" => {
            documents::xmp_file(source, found)
        }
        _ if mime.starts_with("application/vnd.openxmlformats")
            || mime.starts_with("application/vnd.oasis") =>
        {
            documents::package(source, found);
        }
        _ => {}
    }
    facts
}

/// Printable text of at most 200 letters, without what pads it.
fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.split(|byte| *byte == 0).next()?;
    let text: String = String::from_utf8_lossy(bytes)
        .chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Keep a first value.
fn keep<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

/// The bytes that hexadecimal digits stand for; what is between the digits does not matter.
fn from_hexadecimal<'a>(text: impl IntoIterator<Item = &'a u8>) -> Vec<u8> {
    let digits: Vec<u8> = text
        .into_iter()
        .filter_map(|byte| (*byte as char).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    let (pairs, _) = digits.as_chunks::<2>();
    pairs.iter().map(|[high, low]| high << 4 | low).collect()
}
