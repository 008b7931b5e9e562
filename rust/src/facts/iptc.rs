//! IPTC-IIM, and the image resources of Photoshop that it comes in.

use super::date::Stamp;
use super::source::{be16, be32};
use super::{Facts, Rank, xmp};

/// Read data sets: 2:55 is the date of creation, 2:60 its time; 2:62 and 2:63 those of digitizing.
pub fn read(data: &[u8], facts: &mut Facts) {
    let mut fields: [&[u8]; 4] = [b""; 4];
    let mut at = 0;
    while let Some([0x1c, record, set]) = data
        .get(at..at + 3)
        .and_then(|bytes| bytes.first_chunk::<3>())
    {
        // Lengths of more than 15 bits are of no field that matters.
        let Some(length) = be16(data, at + 3).filter(|length| *length < 0x8000) else {
            break;
        };
        let Some(value) = data.get(at + 5..at + 5 + usize::from(length)) else {
            break;
        };
        match (record, set) {
            (2, 55) => fields[0] = value,
            (2, 60) => fields[1] = value,
            (2, 62) => fields[2] = value,
            (2, 63) => fields[3] = value,
            _ => {}
        }
        at += 5 + usize::from(length);
    }
    for (day, time, rank) in [
        (fields[0], fields[1], Rank::Listed),
        (fields[2], fields[3], Rank::Digitized),
    ] {
        if let Some(stamp) = Stamp::digits(day).or_else(|| Stamp::exif(day)) {
            facts.date(rank, stamp.at_time(time), "iptc");
        }
    }
}

/// Read Photoshop's resources: 0x0404 is IPTC, 0x0424 XMP.
pub fn resources(data: &[u8], facts: &mut Facts) {
    let mut at = 0;
    while data.get(at..at + 4) == Some(b"8BIM") {
        let Some(id) = be16(data, at + 4) else { return };
        let name = usize::from(data.get(at + 6).copied().unwrap_or_default());
        let named = at + 6 + (name + 2) / 2 * 2;
        let Some(length) = be32(data, named).map(|length| length as usize) else {
            return;
        };
        let start = named + 4;
        let value = data
            .get(start..start.saturating_add(length).min(data.len()))
            .unwrap_or_default();
        match id {
            0x0404 => read(value, facts),
            0x0424 => xmp::read(value, facts),
            _ => {}
        }
        at = start.saturating_add(length.saturating_add(length % 2));
    }
}
