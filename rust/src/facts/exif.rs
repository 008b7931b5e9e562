//! EXIF and TIFF directories (EXIF 2.32, TIFF 6.0, DNG 1.7), read in place: of a raw file too, of which only the
//! directories are touched.

use super::date::Stamp;
use super::source::Source;
use super::{Facts, MAX_PACKET, Rank, iptc, keep, xmp};
use crate::image::Endian;

/// Directories followed in one structure, and entries read of one.
const MAX_DIRECTORIES: usize = 24;
const MAX_ENTRIES: usize = 1000;
/// Longest value that is read, XMP and IPTC apart.
const MAX_VALUE: usize = 4096;

/// Which numbers the tags of a directory have.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// The first directory, those behind it, and those of further pictures.
    Picture,
    /// What EXIF says.
    Exif,
    /// Where.
    Gps,
}

/// A TIFF structure inside a file.
pub struct Tiff {
    /// Where it begins in the file; its offsets count from here.
    base: u64,
    endian: Endian,
    big: bool,
    first: u64,
    panasonic: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// Where the value is in the file.
    at: u64,
}

/// What a structure says that is put together only at its end.
#[derive(Default)]
struct Found {
    original: Option<Stamp>,
    digitized: Option<Stamp>,
    changed: Option<Stamp>,
    fractions: [Vec<u8>; 3],
    offsets: [Vec<u8>; 3],
    gps_day: Vec<u8>,
    gps_time: Option<[f64; 3]>,
    latitude: (Option<f64>, bool),
    longitude: (Option<f64>, bool),
    altitude: (Option<f64>, bool),
    /// The largest picture's size.
    size: Option<(u32, u32)>,
    cropped: Option<(u32, u32)>,
    exif_size: (Option<u32>, Option<u32>),
    dng: bool,
    jpeg: Option<u64>,
    directories: usize,
}

impl Tiff {
    /// The structure that begins at `base`.
    pub fn open(source: &mut Source<'_>, base: u64) -> Option<Self> {
        let head = source.exactly(base, 8)?;
        let endian = match &head[..2] {
            b"II" => Endian::Little,
            b"MM" => Endian::Big,
            _ => return None,
        };
        let magic = endian.number(&head[2..4]);
        let big = magic == 43;
        let first = if big {
            endian.number(&source.exactly(base + 8, 8)?)
        } else {
            endian.number(&head[4..8])
        };
        // Panasonic, Olympus (two) and Leica have magic numbers of their own.
        matches!(magic, 42 | 43 | 0x55 | 0x4f52 | 0x5352).then_some(Self {
            base,
            endian,
            big,
            first,
            panasonic: magic == 0x55,
        })
    }

    /// Read what it says into `facts`. `sized`: whether the size of its pictures is that of the file.
    pub fn read(&self, source: &mut Source<'_>, kind: Kind, sized: bool, facts: &mut Facts) {
        let mut found = Found::default();
        let mut next = self.first;
        let mut seen = Vec::new();
        while next != 0 && !seen.contains(&next) && seen.len() < 8 {
            seen.push(next);
            // What follows in the chain of a block of EXIF is a thumbnail.
            next = self.directory(source, next, kind, facts, &mut found);
            if !sized {
                break;
            }
        }
        // Only that of a whole file: a chain of JPEGs, each in another's EXIF, would go as deep as there are reads.
        if let Some(jpeg) = found.jpeg.take()
            && sized
            && found.original.is_none()
        {
            super::pictures::jpeg_at(source, jpeg, facts);
        }
        found.finish(sized, facts);
    }

    fn directory(
        &self,
        source: &mut Source<'_>,
        at: u64,
        kind: Kind,
        facts: &mut Facts,
        found: &mut Found,
    ) -> u64 {
        found.directories += 1;
        if found.directories > MAX_DIRECTORIES {
            return 0;
        }
        let Some((entries, next)) = self.entries(source, at) else {
            return 0;
        };
        let mut inner = Vec::new();
        let mut picture = Picture::default();
        for entry in entries {
            match kind {
                Kind::Picture => {
                    if let Some(further) =
                        self.of_picture(source, entry, facts, found, &mut picture)
                    {
                        inner.extend(further);
                    }
                }
                Kind::Exif => self.of_exif(source, entry, facts, found),
                Kind::Gps => self.of_gps(source, entry, found),
            }
        }
        if kind == Kind::Picture {
            picture.count_in(found, facts.raw);
        }
        for (kind, at) in inner {
            self.directory(source, at, kind, facts, found);
        }
        next
    }

    fn entries(&self, source: &mut Source<'_>, at: u64) -> Option<(Vec<Entry>, u64)> {
        let at = self.base.checked_add(at)?;
        let (counted, width, number) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.endian.number(&source.exactly(at, counted)?);
        let count = usize::try_from(count).ok()?.min(MAX_ENTRIES);
        let bytes = source.bytes(at + counted as u64, count * width + number);
        let mut entries = Vec::with_capacity(count.min(bytes.len() / width));
        for (index, row) in bytes.chunks_exact(width).take(count).enumerate() {
            let kind = self.endian.number(&row[2..4]) as u16;
            let count = self.endian.number(&row[4..4 + number]);
            let inline = at + (counted + index * width + 4 + number) as u64;
            let length = count.checked_mul(width_of(kind))?;
            let at = if length <= number as u64 {
                inline
            } else {
                self.base
                    .checked_add(self.endian.number(&row[4 + number..]))?
            };
            entries.push(Entry {
                tag: self.endian.number(&row[..2]) as u16,
                kind,
                count,
                at,
            });
        }
        let next = bytes.get(count * width..count * width + number);
        Some((entries, next.map_or(0, |bytes| self.endian.number(bytes))))
    }

    fn value(&self, source: &mut Source<'_>, entry: Entry, most: usize) -> Vec<u8> {
        let length = entry.count.saturating_mul(width_of(entry.kind));
        source.bytes(entry.at, length.min(most as u64) as usize)
    }

    fn numbers(&self, source: &mut Source<'_>, entry: Entry) -> Vec<f64> {
        let bytes = self.value(source, entry, MAX_VALUE);
        let width = width_of(entry.kind) as usize;
        bytes
            .chunks_exact(width)
            .map(|one| self.number(entry.kind, one))
            .collect()
    }

    fn number(&self, kind: u16, one: &[u8]) -> f64 {
        let whole = |bytes: &[u8]| self.endian.number(bytes);
        match kind {
            5 => whole(&one[..4]) as f64 / whole(&one[4..]) as f64,
            10 => f64::from(whole(&one[..4]) as i32) / f64::from(whole(&one[4..]) as i32),
            6 => f64::from(whole(one) as i8),
            8 => f64::from(whole(one) as i16),
            9 => f64::from(whole(one) as i32),
            11 => f64::from(f32::from_bits(whole(one) as u32)),
            12 => f64::from_bits(whole(one)),
            _ => whole(one) as f64,
        }
    }

    fn first_number(&self, source: &mut Source<'_>, entry: Entry) -> Option<f64> {
        let found = self.numbers(
            source,
            Entry {
                count: entry.count.min(1),
                ..entry
            },
        );
        found.first().copied().filter(|number| number.is_finite())
    }

    fn whole(&self, source: &mut Source<'_>, entry: Entry) -> Option<u32> {
        let number = self.first_number(source, entry)?;
        (0.0..=4_294_967_295.0)
            .contains(&number)
            .then_some(number as u32)
    }

    fn text(&self, source: &mut Source<'_>, entry: Entry) -> Option<String> {
        super::text(&self.value(source, entry, 512))
    }

    /// Directories that it leads to.
    fn of_picture(
        &self,
        source: &mut Source<'_>,
        entry: Entry,
        facts: &mut Facts,
        found: &mut Found,
        picture: &mut Picture,
    ) -> Option<Vec<(Kind, u64)>> {
        match entry.tag {
            // Panasonic: the sensor's edges.
            4..=7 if self.panasonic => {
                picture.borders[usize::from(entry.tag - 4)] = self.whole(source, entry);
            }
            0x17 if self.panasonic => keep(&mut facts.iso, self.whole(source, entry)),
            0x2e if self.panasonic => found.jpeg = Some(entry.at),
            0xfe => picture.reduced = self.whole(source, entry)? & 1 == 1,
            0x100 => picture.width = self.whole(source, entry),
            0x101 => picture.height = self.whole(source, entry),
            0xc620 => {
                if let [width, height, ..] = self.numbers(source, entry)[..]
                    && (1.0..1e6).contains(&width)
                    && (1.0..1e6).contains(&height)
                {
                    picture.cropped = Some((width as u32, height as u32));
                }
            }
            0xc612 => found.dng = true,
            0x10f => keep(&mut facts.make, self.text(source, entry)),
            0x110 => keep(&mut facts.model, self.text(source, entry)),
            0xc614 if facts.model.is_none() => facts.model = self.text(source, entry),
            0x112 if facts.orientation.is_none() => {
                let value = self.whole(source, entry)?;
                facts.orientation = u8::try_from(value).ok().filter(|tag| (1..=8).contains(tag));
            }
            0x132 => {
                let value = self.value(source, entry, 64);
                keep(&mut found.changed, Stamp::exif(value.trim_ascii()));
            }
            0x2bc => {
                let packet = self.value(source, entry, MAX_PACKET);
                xmp::read(&packet, facts);
            }
            0x83bb => iptc::read(&self.value(source, entry, MAX_PACKET), facts),
            0x8649 => iptc::resources(&self.value(source, entry, MAX_PACKET), facts),
            // Some cameras keep the tags of EXIF in the first directory.
            0x829a | 0x829d | 0x8827 | 0x9003 | 0x9004 | 0x920a => {
                self.of_exif(source, entry, facts, found);
            }
            0x14a => {
                let places = self.numbers(source, entry);
                return Some(
                    places
                        .into_iter()
                        .take(8)
                        .map(|at| (Kind::Picture, at as u64))
                        .collect(),
                );
            }
            0x8769 => return Some(vec![(Kind::Exif, self.first_number(source, entry)? as u64)]),
            0x8825 => return Some(vec![(Kind::Gps, self.first_number(source, entry)? as u64)]),
            _ => {}
        }
        None
    }

    fn of_exif(&self, source: &mut Source<'_>, entry: Entry, facts: &mut Facts, found: &mut Found) {
        let positive = |number: Option<f64>| number.filter(|number| *number > 0.0 && *number < 1e9);
        match entry.tag {
            0x829a => keep(
                &mut facts.exposure,
                positive(self.first_number(source, entry)),
            ),
            0x829d => keep(
                &mut facts.aperture,
                positive(self.first_number(source, entry)),
            ),
            0x8827 => keep(
                &mut facts.iso,
                self.whole(source, entry).filter(|iso| *iso > 0),
            ),
            0x920a => keep(
                &mut facts.focal_length,
                positive(self.first_number(source, entry)),
            ),
            0xa434 => keep(&mut facts.lens, self.text(source, entry)),
            0xa002 => found.exif_size.0 = self.whole(source, entry),
            0xa003 => found.exif_size.1 = self.whole(source, entry),
            0x9003 | 0x9004 => {
                let value = self.value(source, entry, 64);
                let stamp = Stamp::exif(value.trim_ascii());
                let place = if entry.tag == 0x9003 {
                    &mut found.original
                } else {
                    &mut found.digitized
                };
                keep(place, stamp);
            }
            0x9010..=0x9012 => {
                found.offsets[usize::from(entry.tag - 0x9010)] = self.value(source, entry, 16);
            }
            0x9290..=0x9292 => {
                found.fractions[usize::from(entry.tag - 0x9290)] = self.value(source, entry, 16);
            }
            0x927c => self.maker_note(source, entry, facts),
            _ => {}
        }
    }

    /// Apple's, for what joins a photograph and its film.
    fn maker_note(&self, source: &mut Source<'_>, entry: Entry, facts: &mut Facts) {
        const APPLE: &[u8] = b"Apple iOS\0\0\x01MM";
        if source.bytes(entry.at, APPLE.len()) != APPLE {
            return;
        }
        let note = Self {
            base: entry.at,
            endian: Endian::Big,
            big: false,
            first: APPLE.len() as u64,
            panasonic: false,
        };
        let Some((entries, _)) = note.entries(source, note.first) else {
            return;
        };
        for entry in entries
            .into_iter()
            .filter(|entry| entry.tag == 0x11 && entry.kind == 2)
        {
            keep(&mut facts.live_id, note.text(source, entry));
        }
    }

    fn of_gps(&self, source: &mut Source<'_>, entry: Entry, found: &mut Found) {
        let degrees = |numbers: Vec<f64>| {
            let part = |at: usize| {
                numbers
                    .get(at)
                    .copied()
                    .filter(|part| part.is_finite())
                    .unwrap_or(0.0)
            };
            let whole = numbers.first().copied().filter(|part| part.is_finite())?;
            Some(whole + part(1) / 60.0 + part(2) / 3600.0)
        };
        let is = |bytes: Vec<u8>, letter: u8| {
            bytes
                .first()
                .is_some_and(|byte| byte.eq_ignore_ascii_case(&letter))
        };
        match entry.tag {
            1 => found.latitude.1 = is(self.value(source, entry, 4), b'S'),
            2 => found.latitude.0 = degrees(self.numbers(source, entry)),
            3 => found.longitude.1 = is(self.value(source, entry, 4), b'W'),
            4 => found.longitude.0 = degrees(self.numbers(source, entry)),
            5 => found.altitude.1 = self.whole(source, entry) == Some(1),
            6 => found.altitude.0 = self.first_number(source, entry),
            7 => {
                if let [hour, minute, second, ..] = self.numbers(source, entry)[..] {
                    found.gps_time = Some([hour, minute, second]);
                }
            }
            0x1d => found.gps_day = self.value(source, entry, 16),
            _ => {}
        }
    }
}

/// One directory's picture.
#[derive(Default)]
struct Picture {
    width: Option<u32>,
    height: Option<u32>,
    /// A smaller copy of another.
    reduced: bool,
    cropped: Option<(u32, u32)>,
    /// Top, left, bottom, right.
    borders: [Option<u32>; 4],
}

impl Picture {
    fn count_in(self, found: &mut Found, is_raw: bool) {
        if let [Some(top), Some(left), Some(bottom), Some(right)] = self.borders
            && right > left
            && bottom > top
        {
            found.size = Some((right - left, bottom - top));
        }
        if self.reduced {
            return;
        }
        let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        // Of a raw file the largest picture is shown, of any other the first page.
        let better = |size| is_raw && area(size) > found.size.map_or(0, area);
        if let (Some(width), Some(height)) = (self.width, self.height)
            && (found.size.is_none() || better((width, height)))
            && width.max(height) <= super::LONGEST_SIDE
        {
            found.size = Some((width, height));
            found.cropped = self.cropped;
        }
    }
}

impl Found {
    fn finish(self, sized: bool, facts: &mut Facts) {
        let day = self
            .gps_day
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        let gps = Stamp::exif(day.trim_ascii())
            .zip(self.gps_time)
            .map(|(stamp, time)| {
                let [hour, minute, second] = time.map(|part| part.clamp(0.0, 99.0) as u32);
                stamp.at_time(format!("{hour:02}:{minute:02}:{second:02}Z").as_bytes())
            });
        let gps = gps.filter(Stamp::has_time);
        let order = [
            (self.original, 1, Rank::Original),
            (self.digitized, 2, Rank::Digitized),
            (self.changed, 0, Rank::Changed),
        ];
        for (stamp, index, rank) in order {
            let Some(stamp) = stamp else { continue };
            let mut stamp = stamp
                .with_fraction(&self.fractions[index])
                .with_offset(&self.offsets[index]);
            let mut rank = rank;
            if let Some(utc) = &gps {
                let zoned = stamp.with_utc(utc);
                // A change at the moment when satellites were seen is none.
                if rank == Rank::Changed && zoned != stamp {
                    rank = Rank::Digitized;
                }
                stamp = zoned;
            }
            facts.date(rank, stamp, "exif");
        }
        if let Some(stamp) = gps {
            facts.date(Rank::Place, stamp, "gps");
        }
        let signed = |(value, negative): (Option<f64>, bool)| {
            value.map(|value| if negative { -value } else { value })
        };
        facts.place(
            signed(self.latitude),
            signed(self.longitude),
            signed(self.altitude),
        );
        if sized && facts.stored.is_none() {
            let area = |size: &(u32, u32)| u64::from(size.0) * u64::from(size.1);
            let (width, height) = self.exif_size;
            let named = width.zip(height);
            let largest = match (self.size, named) {
                (Some(size), Some(named)) if facts.raw && area(&named) > area(&size) => Some(named),
                (size, named) => size.or(named),
            };
            facts.stored = self.cropped.or(largest);
        }
    }
}

fn width_of(kind: u16) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 1,
    }
}
