//! XMP packets: the few properties that matter, in the attribute and the element form, by their usual prefixes.
//!
//! A packet is not parsed as XML: what is cut off, or wrongly nested, still says when it was taken.

use memchr::memmem;

use super::date::Stamp;
use super::{Facts, Rank, keep};

/// Longest value that is read.
const MAX_VALUE: usize = 512;

/// Read what a packet says into `facts`.
pub fn read(packet: &[u8], facts: &mut Facts) {
    for (name, rank) in [
        (&b"exif:DateTimeOriginal"[..], Rank::Described),
        (b"photoshop:DateCreated", Rank::Described),
        (b"exif:DateTimeDigitized", Rank::Digitized),
        (b"xmp:CreateDate", Rank::Digitized),
        (b"xap:CreateDate", Rank::Digitized),
    ] {
        if let Some(stamp) = property(packet, name).and_then(Stamp::iso) {
            facts.date(rank, stamp, "xmp");
        }
    }
    let text = |name: &[u8]| property(packet, name).and_then(super::text);
    let number = |name: &[u8]| property(packet, name).and_then(fraction);
    keep(&mut facts.make, text(b"tiff:Make"));
    keep(&mut facts.model, text(b"tiff:Model"));
    keep(
        &mut facts.lens,
        text(b"exifEX:LensModel").or_else(|| text(b"aux:Lens")),
    );
    keep(&mut facts.exposure, number(b"exif:ExposureTime"));
    keep(&mut facts.aperture, number(b"exif:FNumber"));
    keep(&mut facts.focal_length, number(b"exif:FocalLength"));
    let place = |name: &[u8]| property(packet, name).and_then(degrees);
    let below = property(packet, b"exif:GPSAltitudeRef") == Some(b"1");
    let altitude = number(b"exif:GPSAltitude").map(|metres| if below { -metres } else { metres });
    facts.place(
        place(b"exif:GPSLatitude"),
        place(b"exif:GPSLongitude"),
        altitude,
    );
    if facts.orientation.is_none() {
        let tag = number(b"tiff:Orientation").map(|number| number as u8);
        facts.orientation = tag.filter(|tag| (1..=8).contains(tag));
    }
    film(packet, facts);
}

/// The bytes at the end of a photograph that are a film: Google's two ways to say so.
fn film(packet: &[u8], facts: &mut Facts) {
    if facts.film_length.is_some() {
        return;
    }
    let number = |bytes: &[u8], name: &[u8]| {
        let value = property(bytes, name)?;
        std::str::from_utf8(value).ok()?.trim().parse::<u64>().ok()
    };
    for name in [&b"GCamera:MicroVideoOffset"[..], b"Camera:MicroVideoOffset"] {
        if let Some(length) = number(packet, name).filter(|length| *length > 0) {
            facts.film_length = Some(length);
            return;
        }
    }
    // The container's directory: the film is the item that says so, and what follows it counts, too.
    let mut found = false;
    let mut total = 0;
    for at in memmem::find_iter(packet, b"Item:Semantic").take(32) {
        let start = packet[..at]
            .iter()
            .rposition(|byte| *byte == b'<')
            .unwrap_or_default();
        let end =
            memmem::find(&packet[at..], b"/>").or_else(|| memmem::find(&packet[at..], b"</rdf:li"));
        let item = &packet[start..at + end.unwrap_or(packet.len() - at)];
        let semantic = property(item, b"Item:Semantic");
        if semantic == Some(b"MotionPhoto") {
            found = true;
        }
        if found {
            let one = number(item, b"Item:Length").unwrap_or_default();
            total += one + number(item, b"Item:Padding").unwrap_or_default();
        }
    }
    if found && total > 0 {
        facts.film_length = Some(total);
    }
}

/// The value of a property: `name="value"` or `<name>value</name>`, also as the first of a list.
fn property<'a>(packet: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    for at in memmem::find_iter(packet, name).take(8) {
        let rest = &packet[at + name.len()..];
        let closing = at > 0 && packet[at - 1] == b'/';
        if closing {
            continue;
        }
        match rest.trim_ascii_start() {
            [b'=', rest @ ..] => {
                let rest = rest.trim_ascii_start();
                let quote = *rest.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
                let rest = &rest[1..];
                let end = memchr::memchr(quote, &rest[..rest.len().min(MAX_VALUE)])?;
                return Some(rest[..end].trim_ascii());
            }
            [b'>', rest @ ..] => {
                if let Some(value) = element(rest) {
                    return Some(value);
                }
            }
            _ => {}
        }
    }
    None
}

/// The text of an element, or of the first item of the list in it.
fn element(rest: &[u8]) -> Option<&[u8]> {
    let rest = &rest[..rest.len().min(MAX_VALUE)];
    let end = memchr::memchr(b'<', rest)?;
    let text = rest[..end].trim_ascii();
    if !text.is_empty() {
        return Some(text);
    }
    let item = memmem::find(rest, b"<rdf:li")?;
    let rest = &rest[item..];
    let start = memchr::memchr(b'>', rest)? + 1;
    let end = memchr::memchr(b'<', &rest[start..])?;
    Some(rest[start..start + end].trim_ascii())
}

/// `1/250` or `2.8`.
fn fraction(value: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(value).ok()?;
    let number = match text.split_once('/') {
        Some((above, below)) => {
            above.trim().parse::<f64>().ok()? / below.trim().parse::<f64>().ok()?
        }
        None => text.trim().parse().ok()?,
    };
    (0.0..1e9).contains(&number).then_some(number)
}

/// `52,30.5N` or `52,30,12N`: degrees, minutes, seconds and a side.
fn degrees(value: &[u8]) -> Option<f64> {
    let (side, digits) = value.split_last()?;
    let sign = match side {
        b'N' | b'E' => 1.0,
        b'S' | b'W' => -1.0,
        _ => return None,
    };
    let mut total = 0.0;
    let mut unit = 1.0;
    for part in std::str::from_utf8(digits).ok()?.split(',').take(3) {
        total += part.trim().parse::<f64>().ok()? / unit;
        unit *= 60.0;
    }
    Some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_and_lists_are_read() {
        let packet = b"<rdf:Description exif:ExposureTime=\"1/250\" photoshop:DateCreated='2024-05-31T14:03:22+02:00'>
            <exif:GPSLatitude>52,30.5N</exif:GPSLatitude><exif:GPSLongitude>13,24,36W</exif:GPSLongitude>
            <tiff:Model><rdf:Seq><rdf:li xml:lang=\"x\">EOS</rdf:li></rdf:Seq></tiff:Model>";
        let mut facts = Facts::default();
        read(packet, &mut facts);
        assert_eq!(facts.exposure, Some(0.004));
        assert_eq!(facts.model.as_deref(), Some("EOS"));
        let (latitude, longitude) = (facts.latitude.unwrap(), facts.longitude.unwrap());
        assert!((latitude - 52.508_333).abs() < 1e-5 && (longitude + 13.41).abs() < 1e-5);
        assert_eq!(facts.taken().unwrap().0.text(), "2024-05-31T14:03:22+02:00");
    }

    #[test]
    fn the_film_in_a_photograph_is_as_long_as_its_item_and_all_behind_it() {
        let packet = br#"<Container:Item Item:Mime="image/jpeg" Item:Semantic="Primary" Item:Length="0" Item:Padding="0"/>
            <Container:Item Item:Mime="video/mp4" Item:Semantic="MotionPhoto" Item:Length="1000" Item:Padding="0"/>"#;
        let mut facts = Facts::default();
        read(packet, &mut facts);
        assert_eq!(facts.film_length, Some(1000));
        let mut facts = Facts::default();
        read(
            br#"GCamera:MicroVideo="1" GCamera:MicroVideoOffset="77""#,
            &mut facts,
        );
        assert_eq!(facts.film_length, Some(77));
    }
}
